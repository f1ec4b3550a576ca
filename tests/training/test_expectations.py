"""What recipes will do, beside what was measured and what training finds."""

import dataclasses
import re
import shutil

import pytest

from yt8m.errors import InputError
from yt8m.models.sizes import num_parameters
from yt8m.recipes import RECIPES, list_recipes, make_config
from yt8m.training import expectations
from yt8m.training.expectations import DataAtHand, expect, expect_all, find_data
from yt8m.training.preparation import resolve

MEASURED = {
    name: float(found[1])
    for name in list_recipes()
    if (found := re.search(r"A\s+step\s+takes\s+([\d.]+)\s+s\s+on\s+2\s+cores", RECIPES[name].__doc__))
}


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch):
    monkeypatch.setattr(expectations, "count_cores", lambda: 2)


@pytest.mark.parametrize("name", MEASURED)
def test_a_step_takes_as_long_as_was_measured(name):
    assert expect(make_config(name)).step_seconds == pytest.approx(MEASURED[name], rel=0.35)


def test_more_cores_are_faster(monkeypatch):
    before = expect(make_config("moe")).step_seconds
    monkeypatch.setattr(expectations, "count_cores", lambda: 8)
    assert expect(make_config("moe")).step_seconds == before / 4


def test_epochs_are_counted_and_validations_take_time():
    data = expectations.WHOLE
    logistic = expect(make_config("logistic"), data)
    assert logistic.num_steps == -(-7 * 3_888_919 // 256)
    assert logistic.num_epochs == pytest.approx(7, rel=1e-4)
    assert logistic.num_parameters == 1152 * 3862 + 3862 + 1152  # the last ones scale the values
    assert logistic.seconds == pytest.approx(10 + logistic.num_steps * logistic.step_seconds)
    validated = expect(make_config("logistic"), DataAtHand(data.num_videos, 10**6, 3862, data.features))
    # After each of seven epochs on 20 000 videos, and at the end on all.
    expected = (7 * 20_000 + 10**6) * num_parameters(make_config("logistic").model, 3862) / 103e9
    assert validated.seconds - logistic.seconds == pytest.approx(expected, rel=0.05)


def test_validations_after_minutes_are_as_many_as_fit_into_the_steps():
    few = DataAtHand(3_888_919, 20_000, 3862, expectations.WHOLE.features)
    logistic = make_config("logistic")
    training = logistic.training.in_place_of(validate_every_steps=0)
    at_the_end = expect(dataclasses.replace(logistic, training=training), few)
    once = at_the_end.seconds - expect(logistic, expectations.WHOLE).seconds
    training = logistic.training.in_place_of(validate_every_minutes=0.1)
    often = expect(dataclasses.replace(logistic, training=training), few)
    number = -(-(at_the_end.seconds - once) // 6)
    assert number > 20
    assert often.seconds - at_the_end.seconds == pytest.approx((number - 1) * once)


def test_memory_counts_weights_gradients_and_the_optimizer_s_two():
    large, small = (expect(make_config(name)) for name in ("netvlad", "moe"))
    assert large.num_bytes > 4 * 4 * large.num_parameters
    assert small.num_bytes < 2e9


def test_records_at_hand_are_those_of_training(sample, tmp_path):
    data = find_data(make_config("logistic"), str(sample))
    assert (data.num_videos, data.num_validation, data.num_classes) == (64, 13, 12)
    config = make_config("logistic")
    expected = expect(config, data)
    found = dataclasses.replace(
        config, run=str(tmp_path / "run"), data=dataclasses.replace(config.data, root=str(sample))
    )
    assert resolve(found).config.training.num_steps == expected.num_steps


def test_levels_without_records_say_so_and_a_recipe_keeps_its_own_number_of_classes(sample, tmp_path):
    shutil.copytree(sample / "2/video", tmp_path / "2/video")
    shutil.copy(sample / "vocabulary.csv", tmp_path)
    configs = [make_config(name) for name in ("sample", "moe", "logistic")]
    frames, *videos = expect_all(configs, str(tmp_path))
    assert frames.num_steps is frames.seconds is frames.num_parameters is None
    assert "2/frame/train" in frames.problem
    assert [each.num_videos for each in videos] == [64, 64]
    of_frames, moe, _ = expect_all(configs, str(sample))
    assert of_frames.num_parameters == num_parameters(configs[0].model, 60), "60 classes, as it says"
    assert moe.num_parameters == num_parameters(configs[1].model, 12)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        expect_all(configs, str(tmp_path / "empty"))
