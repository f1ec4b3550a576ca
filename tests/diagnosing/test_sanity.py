"""What `yt8m check` finds."""

import dataclasses
import math

import pytest
from small_runs import configure

from yt8m.config import DataConfig
from yt8m.diagnosing import sanity
from yt8m.errors import InputError, duration_in_words
from yt8m.models import make_architecture
from yt8m.recipes import make_config
from yt8m.training.loop import train

NAMES = [
    *("records", "memory", "a batch", "labels", "parameters", "memory of the weights", "memory of the optimizer"),
    *(
        "loss at the start",
        "memory of a step",
        "matrix products",
        "compute",
        "the whole training",
        "input",
        "learning by heart",
    ),
]


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(sanity, "RATE_SECONDS", 0.01)


def check(config):
    return {finding.name: finding for finding in sanity.check(config)}


@pytest.mark.thorough
def test_all_is_well_with_a_sound_configuration(sample, tmp_path):
    found = check(configure(tmp_path / "run", sample, "moe", batch_size=16))
    assert list(found) == NAMES
    assert {name for name, finding in found.items() if finding.verdict != "ok"} <= {"input"}
    size = 128 * 12 * 5 + 24
    assert found["parameters"].value == f"{size:,}"
    assert found["memory of the weights"].value == f"{4 * size / 1e6:.1f} MB"
    assert found["memory of the optimizer"].value == f"{8 * size / 1e6:.1f} MB"
    assert "mean_audio float32 [16, 128]" in found["a batch"].value
    assert not (tmp_path / "run").exists(), "it writes nothing"


@pytest.mark.thorough
def test_random_videos_stand_in_for_records(monkeypatch):
    monkeypatch.setattr(sanity, "OVERFIT_SECONDS", 0.0)
    config = make_config("frame_logistic")
    data = DataConfig(num_classes=7, max_frames=4, features=("audio",))
    training = dataclasses.replace(config.training, batch_size=4)
    found = check(dataclasses.replace(config, data=data, training=training))
    assert list(found) == [name for name in NAMES if name != "input"]
    assert found["records"].verdict == "look"
    assert found["learning by heart"].verdict == "look", "there was no time"


def test_what_there_is_to_say_of_the_records_is_worth_a_look(sample, tmp_path):
    config = configure(tmp_path / "run", sample, "frame_logistic", data={"max_frames": 40})
    finding = next(sanity.check(config))
    assert (finding.name, finding.verdict) == ("records", "look")
    assert "have more than 40 frames" in finding.value


@pytest.mark.thorough
def test_what_cannot_learn_is_bad(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(sanity, "OVERFIT_LEARNING_RATE", 1e-30)
    monkeypatch.setattr(sanity, "OVERFIT_SECONDS", 1.0)
    assert check(configure(tmp_path / "run", sample))["learning by heart"].verdict == "bad"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.25, "0.2 seconds"), (12, "12 seconds"), (90, "1.5 minutes"), (43_200, "12 hours"), (1e6, "12 days")],
)
def test_times_in_words(seconds, expected):
    assert duration_in_words(seconds) == expected


@pytest.mark.thorough
def test_an_unexpected_start_is_worth_a_look(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(sanity, "OVERFIT_SECONDS", 0.0)
    monkeypatch.setattr(sanity, "initial_probability", lambda config: 0.01)
    config = configure(tmp_path / "run", sample, hyperparameters={"initial_bias": 0.0})
    assert check(config)["loss at the start"].verdict == "look"


@pytest.mark.thorough
def test_a_warm_up_to_the_end_is_worth_a_look(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(sanity, "OVERFIT_SECONDS", 0.0)
    found = check(configure(tmp_path / "run", sample, num_steps=6, warmup_steps=60))
    assert found["warm-up"].verdict == "look"
    assert found["warm-up"].value.startswith("the warm-up takes 60 steps and training ends after 6")


@pytest.mark.slow
def test_segments_with_their_videos_from_an_initial_run(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(sanity, "OVERFIT_SECONDS", 0.0)
    videos = configure(tmp_path / "videos", sample, "frame_logistic", num_steps=20)
    train(videos)
    data = {"train": (str(sample / "3/frame/validate"),), "segment_context": "video", "context_num_frames": 4}
    config = configure(tmp_path / "run", sample, "frame_logistic", data=data, initial_run=videos.run)
    found = check(config)
    assert "segment level" in found["records"].value
    assert "context_audio uint8 [8, 4, 128]" in found["a batch"].value
    assert f"with the weights of {videos.run}" in found["loss at the start"].value
    alone = dataclasses.replace(config.data, train=(), root="")
    with pytest.raises(InputError, match="is of rated segments"):
        check(dataclasses.replace(config, data=alone))


@pytest.mark.parametrize(
    ("name", "hyperparameters", "probability"),
    [
        ("logistic", {"initial_bias": -7.0}, 1 / (1 + math.exp(7))),
        ("frame_logistic", {}, 1 / 2),
        ("moe", {"num_mixtures": 2, "initial_bias": 0.0}, 1 / 3),
        ("moe", {"num_mixtures": 4, "initial_bias": 0.0, "probability_gating": True}, 1 / 5),
        ("netvlad", {"head": "logistic", "probability_gating": False}, 1 / 2),
        ("netvlad", {"head": "moe", "num_mixtures": 3, "probability_gating": True}, 3 / 16),
    ],
)
def test_probabilities_before_training(name, hyperparameters, probability):
    config = dataclasses.replace(make_config(name), model=make_architecture(name, **hyperparameters))
    assert sanity.initial_probability(config) == pytest.approx(probability)
