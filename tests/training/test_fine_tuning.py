"""Training on rated segments from a run that was trained on whole videos."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_runs import Watcher, assert_same_state, configure, losses, rows

from yt8m import runs
from yt8m.commands.places import require_training
from yt8m.config import DataConfig, LossConfig
from yt8m.errors import InputError
from yt8m.files import read_json, write_json
from yt8m.models import MIXTURE_NAME, make_architecture, streams_of
from yt8m.runs.model import load_run
from yt8m.scoring.evaluation import evaluate
from yt8m.training.averaging import average
from yt8m.training.loop import train

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("_plain_graphs")]

SMALL = {"num_clusters": 16, "hidden_size": 12}


def run_of(directory, sample, model, hyperparameters):
    config = configure(directory / model, sample, model, hyperparameters, num_steps=10)
    train(config)
    return config


@pytest.fixture(scope="module")
def videos(sample, tmp_path_factory):
    """A run of frames, on whole videos."""
    return run_of(tmp_path_factory.mktemp("videos"), sample, "dbof", SMALL)


def fine_tuning(run, sample, of, data=None, **training):
    rated = str(Path(sample) / "3/frame/validate")
    training = {"num_steps": 2, "initial_run": of.run, "learning_rate": 1e-3} | training
    config = configure(run, sample, of.model.name, data={"train": (rated,)} | (data or {}), **training)
    return dataclasses.replace(config, model=of.model)


def weights_of(model):
    return [np.asarray(variable) for variable in model.variables]


@pytest.fixture(scope="module")
def one_step(videos, sample, tmp_path_factory):
    """A run on segments, of a step so small that it changes nothing."""
    config = fine_tuning(tmp_path_factory.mktemp("step") / "run", sample, videos, num_steps=1, learning_rate=1e-12)
    train(config)
    return config


CONTEXT = {"segment_context": "video", "context_num_frames": 6}


@pytest.fixture(scope="module")
def with_video(videos, sample, tmp_path_factory):
    """A run on segments with the whole video as context, whose weights are other than the initial ones."""
    config = fine_tuning(tmp_path_factory.mktemp("context") / "run", sample, videos, CONTEXT, num_steps=2)
    train(config)
    return config


def test_the_first_step_is_taken_from_the_initial_weights(videos, one_step):
    config = one_step
    trained, initial = load_run(config.run), load_run(videos.run)
    for one, other in zip(trained.trainable_variables, initial.trainable_variables, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-9)
    assert runs.load_config(config.run).training.initial_run == videos.run


def test_a_resumed_run_does_not_start_anew(videos, sample, tmp_path):
    whole, parts = (fine_tuning(tmp_path / name, sample, videos, num_steps=4) for name in ("whole", "parts"))
    train(whole)
    train(dataclasses.replace(parts, training=dataclasses.replace(parts.training, num_steps=2)))
    train(parts)
    assert losses(parts.run) == losses(whole.run)
    for one, other in zip(weights_of(load_run(parts.run)), weights_of(load_run(whole.run)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_moving_averages_start_at_the_initial_weights(videos, sample, tmp_path):
    """After one step with decay 0.9: 0.9 of the initial weights and 0.1 of the new ones, had the average no warm-up."""
    config = fine_tuning(tmp_path / "run", sample, videos, num_steps=1, ema_decay=0.9999, learning_rate=0.5)
    train(config)
    kernel = next(variable for variable in load_run(config.run).trainable_variables if "hidden" in variable.path)
    initial = next(variable for variable in load_run(videos.run).trainable_variables if "hidden" in variable.path)
    assert np.abs(np.asarray(kernel) - np.asarray(initial)).max() < 0.51


@pytest.mark.parametrize("context", [2, "video"])
def test_with_context(videos, sample, tmp_path, context):
    data = {"segment_context": context, "context_num_frames": 6, "fold": "0/2"}
    config = fine_tuning(tmp_path / "run", sample, videos, data, num_steps=1, learning_rate=1e-12)
    train(config)
    model, initial = load_run(config.run), load_run(videos.run)
    assert len(streams_of(model)) == (2 if context == "video" else 1)
    for stream in streams_of(model):
        for one, other in zip(stream.trainable_variables, initial.trainable_variables, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-9)
    if context == "video":
        np.testing.assert_allclose(model.get_layer(MIXTURE_NAME).get_weights()[0], 0.5)
    (validation,) = rows(config.run, "validation")
    found = evaluate(config.run)
    assert found["segment_map"] == pytest.approx(validation["segment_map"], abs=1e-9)
    assert found["num_segments"] < evaluate(config.run, str(Path(sample) / "3/frame/validate"))["num_segments"]


def test_runs_with_and_without_a_second_stream_have_no_average(videos, with_video, tmp_path):
    with pytest.raises(InputError, match="its model has a second stream there, unlike here, in"):
        average([videos.run, with_video.run], tmp_path / "out")


def test_a_run_with_context_can_be_gone_on_from(with_video, sample, tmp_path):
    first = with_video
    second = fine_tuning(tmp_path / "second", sample, first, CONTEXT, num_steps=1, learning_rate=1e-12)
    train(second)
    for one, other in zip(
        load_run(second.run).trainable_variables, load_run(first.run).trainable_variables, strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-9)
    with pytest.raises(InputError, match=r"was trained with the whole video as context; add --data\.segment-context"):
        train(fine_tuning(tmp_path / "third", sample, first))


def test_a_model_of_video_level_learns_from_segments_too(sample, tmp_path):
    videos = run_of(tmp_path, sample, "logistic", {})
    config = fine_tuning(tmp_path / "run", sample, videos, {"fold": "0/2"}, num_steps=3)
    train(config)
    assert rows(config.run, "validation")[-1]["num_segments"] > 0


def test_negatives_are_mined_in_training(videos, one_step, sample, tmp_path):
    mined = dataclasses.replace(
        fine_tuning(tmp_path / "mined", sample, videos, num_steps=1), loss=LossConfig(mined_negatives=3)
    )
    train(mined)
    assert losses(mined.run)[0] > losses(one_step.run)[0]


def test_layers_that_fit_are_taken_and_others_are_new(videos, sample, tmp_path):
    """Another number of units and of classes: what comes before starts from the run."""
    config = fine_tuning(tmp_path / "run", sample, videos, {"num_classes": 13}, num_steps=1, learning_rate=1e-12)
    config = dataclasses.replace(config, model=make_architecture("dbof", **SMALL | {"hidden_size": 13}))
    watcher = Watcher()
    train(config, watcher)
    trained, initial = load_run(config.run), load_run(videos.run)
    for name in ("projection", "projection_bn"):
        for one, other in zip(
            trained.get_layer(name).trainable_variables, initial.get_layer(name).trainable_variables, strict=True
        ):
            np.testing.assert_allclose(one, other, atol=1e-9)
    taken = 128 * 16 + 2 * 128 + 2 * 16
    name = f"--training.initial-run {videos.run}: "
    told = [line.removeprefix(name) for line in watcher.messages if line.startswith(name)]
    assert told[0] == f"taken are {taken:,} weights of projection, projection_bn"
    assert told[1].startswith("left there are ")
    assert told[1].endswith(" weights of hidden, hidden_bn, head")
    assert told[2].endswith(" weights of hidden, hidden_bn, head")
    assert told[3] == "differences: data.num_classes is 12 there, 13 here; model.hidden_size is 12 there, 13 here"


REFUSED = {
    "no such run": ({"initial_run": "nowhere"}, {}, "nowhere: no run directory"),
    "no layer that fits": ({}, {"num_clusters": 17, "hidden_size": 13, "num_mixtures": 3}, "no layer of it fits"),
    "another model": ({}, {"name": "netvlad"}, "model is dbof there, netvlad here"),
}


@pytest.mark.parametrize(("training", "model", "message"), REFUSED.values(), ids=REFUSED)
def test_initial_runs_that_do_not_fit(videos, sample, tmp_path, training, model, message):
    config = fine_tuning(tmp_path / "run", sample, videos, **training)
    hyperparameters = SMALL | model
    changed = make_architecture(hyperparameters.pop("name", "dbof"), **hyperparameters)
    with pytest.raises(InputError, match=message) as caught:
        train(dataclasses.replace(config, model=changed))
    assert "--training.initial-run" in str(caught.value) or "nowhere" in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.thorough
def test_a_run_goes_on_without_the_one_that_it_began_with(videos, sample, tmp_path):
    """Its own checkpoint has all that it needs."""
    shutil.copytree(videos.run, tmp_path / "initial")
    moved = dataclasses.replace(videos, run=str(tmp_path / "initial"))
    whole, parts = (fine_tuning(tmp_path / name, sample, moved, num_steps=3) for name in ("whole", "parts"))
    train(whole)
    train(dataclasses.replace(parts, training=dataclasses.replace(parts.training, num_steps=1)))
    shutil.rmtree(tmp_path / "initial")
    require_training(parts)
    train(parts)
    assert_same_state(whole.run, parts.run)
    with pytest.raises(InputError, match=r"^--training\.initial-run .*initial: no run directory .*; name another$"):
        require_training(dataclasses.replace(parts, run=str(tmp_path / "new")))


def test_what_does_not_change_the_weights_may_differ(videos, sample, tmp_path):
    config = fine_tuning(tmp_path / "run", sample, videos, num_steps=1)
    assert train(dataclasses.replace(config, model=make_architecture("dbof", **SMALL, l2=0.5))).step == 1


def test_a_fold_and_validation_records_contradict_each_other(videos, sample, tmp_path):
    rated = str(Path(sample) / "3/frame/validate")
    config = fine_tuning(tmp_path / "run", sample, videos, {"fold": "0/2", "validate": (rated,)})
    with pytest.raises(InputError, match=r"leave out --data\.validate"):
        train(config)


def test_no_rated_segment_at_all(videos, sample, tmp_path):
    from yt8m.data.records import Ratings, frame_level_record, framed

    nothing = Ratings(start_times=[], end_times=[], labels=[], scores=[])
    frames = {"audio": np.zeros((10, 128), np.uint8)}
    path = tmp_path / "a.tfrecord"
    path.write_bytes(framed(frame_level_record("abcd", [1], frames, nothing)))
    with pytest.raises(InputError, match=r"a.tfrecord ...: the training files hold no rated segment$"):
        train(fine_tuning(tmp_path / "run", sample, videos, {"train": (str(path),)}))


def test_configurations_of_before_these_flags_can_be_gone_on_with(videos, sample):
    """Fields that are newer than a run have their defaults there."""
    path = runs.RunDirectory(Path(videos.run)).config
    values = read_json(path)
    before = {key: value for key, value in values["data"].items() if key not in ("fold", "segment_context")}
    write_json(path, values | {"data": before})
    assert train(videos).step == 10
    assert runs.load_config(videos.run).data == DataConfig(**{**values["data"], **lists(values["data"])})


def lists(data):
    return {key: tuple(value) for key, value in data.items() if isinstance(value, list)}
