"""Whole training runs, as small as they can be."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from small_runs import GATED, Watcher, assert_same_state, configure, losses, rows, saved_state

from yt8m import runs
from yt8m.config import to_dict
from yt8m.errors import InputError
from yt8m.inference import load_run
from yt8m.training.loop import resolve, train

FULL = {"num_steps": 8, "validate_every_steps": 4, "checkpoint_every_steps": 3, "ema_decay": 0.9, "weight_decay": 0.01}


@pytest.fixture(scope="module")
def gated_run(sample, tmp_path_factory):
    """A finished run of a model with dropout and moving statistics: its result, what it said, its directory."""
    run, watcher = tmp_path_factory.mktemp("runs") / "gated", Watcher()
    result = train(configure(run, sample, "moe", GATED, **FULL), watcher)
    return result, watcher, run


def test_a_run_directory_holds_what_later_commands_need(gated_run, sample):
    result, watcher, run = gated_run
    directory = runs.RunDirectory(run)
    assert (result.run, result.step, result.interrupted) == (str(run), 8, False)
    assert result.seconds > 0
    assert watcher.first_step == 0
    config = runs.load_config(run)
    assert config.data.features == ("rgb", "audio")
    assert config.data.validate == (str(sample / "2" / "video" / "validate"),)
    assert {"versions", "devices", "git_commit"} <= json.loads(directory.environment.read_text()).keys()
    assert directory.curves.read_bytes().startswith(b"\x89PNG")
    assert list(directory.tensorboard.glob("events*"))
    assert not list(run.rglob(".partial-*"))
    assert len(load_run(run).weights) == len(load_run(run).get_weights())


def test_metrics_have_a_line_a_step_and_a_validation(gated_run):
    _, watcher, run = gated_run
    training, validation = rows(run, "train"), rows(run, "validation")
    assert [row["step"] for row in training] == list(range(1, 9))
    assert [row["step"] for row in validation] == [4, 8]
    assert all(row.keys() >= {"loss", "learning_rate", "gradient_norm", "videos_per_second"} for row in training)
    assert all(row.keys() >= {"gap", "map", "hit_at_1", "perr", "loss", "num_videos"} for row in validation)
    assert [step for step, _, _ in watcher.validations] == [4, 8]


def test_the_best_validation_s_weights_are_kept(gated_run):
    result, watcher, run = gated_run
    best = max(rows(run, "validation"), key=lambda row: row["gap"])
    assert result.best_metrics == json.loads(runs.RunDirectory(run).best_metrics.read_text())
    assert (result.best_metrics["step"], result.best_metrics["gap"]) == (best["step"], best["gap"])
    assert watcher.validations[0][2], "the first validation is the best so far"


def test_the_same_seed_gives_the_same_numbers(gated_run, sample, tmp_path):
    train(configure(tmp_path / "twin", sample, "moe", GATED, **FULL))
    assert losses(tmp_path / "twin") == losses(gated_run[2])
    assert_same_state(tmp_path / "twin", gated_run[2])


def test_another_seed_gives_others(gated_run, sample, tmp_path):
    train(configure(tmp_path / "other", sample, "moe", GATED, seed=1, num_steps=1))
    assert losses(tmp_path / "other")[0] != losses(gated_run[2])[0]


@pytest.mark.parametrize("stop_after", [2, 4])
def test_a_resumed_run_ends_as_an_uninterrupted_one(gated_run, sample, tmp_path, stop_after):
    config = configure(tmp_path / "run", sample, "moe", GATED, **FULL)
    first, second = Watcher(stop_after), Watcher()
    stopped = train(config, first, first.stop_requested)
    assert (stopped.step, stopped.interrupted) == (stop_after, True)
    assert train(config, second).step == 8
    assert second.first_step == stop_after
    assert losses(tmp_path / "run") == losses(gated_run[2])
    quality = [[row["gap"] for row in rows(run, "validation")] for run in (tmp_path / "run", gated_run[2])]
    assert quality[0] == quality[1]
    assert_same_state(tmp_path / "run", gated_run[2])


def test_a_resumed_run_samples_the_same_frames(sample, tmp_path):
    whole, halves = (
        configure(tmp_path / name, sample, "frame_logistic", data={"num_frames": 3}, num_steps=4)
        for name in ("whole", "halves")
    )
    train(dataclasses.replace(whole, data=dataclasses.replace(whole.data, validate=())))
    watcher = Watcher(stop_after=2)
    train(halves, watcher, watcher.stop_requested)
    train(halves)
    assert losses(tmp_path / "halves") == losses(tmp_path / "whole")
    assert_same_state(tmp_path / "halves", tmp_path / "whole")


def test_a_killed_run_goes_on_from_its_checkpoint(gated_run, sample, tmp_path):
    """Lines of steps that the checkpoint has not seen are written again, not twice."""
    config = configure(tmp_path / "run", sample, "moe", GATED, **FULL)

    class Killed(Watcher):
        def steps(self, step, loss, videos_per_second):
            if step == 6:  # checkpoints are saved at 3 and 6, this one not yet
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, Killed())
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')
    again = Watcher()
    train(config, again)
    assert again.first_step == 3
    assert [row["step"] for row in rows(tmp_path / "run", "train")] == list(range(1, 9))
    assert losses(tmp_path / "run") == losses(gated_run[2])
    assert_same_state(tmp_path / "run", gated_run[2])


def test_the_loss_falls_and_a_line_is_the_mean_since_the_one_before(sample, tmp_path):
    settings = {"num_steps": 24, "learning_rate": 0.02}
    train(configure(tmp_path / "fine", sample, **settings))
    train(configure(tmp_path / "coarse", sample, **settings | {"log_every_steps": 8}))
    fine, coarse = losses(tmp_path / "fine"), losses(tmp_path / "coarse")
    np.testing.assert_allclose(coarse, np.reshape(fine, (3, 8)).mean(axis=1), rtol=1e-6)
    assert coarse[-1] < 0.8 * coarse[0]


def test_a_finished_run_is_left_alone_unless_it_is_to_be_longer(sample, tmp_path):
    config = configure(tmp_path / "run", sample, num_steps=2)
    train(config)
    before, watcher = saved_state(tmp_path / "run"), Watcher()
    assert train(config, watcher).step == 2
    assert "--training.num-steps" in watcher.messages[0]
    after = saved_state(tmp_path / "run")
    assert all(np.array_equal(before[name], after[name]) for name in before)
    longer = dataclasses.replace(config, training=dataclasses.replace(config.training, num_steps=3))
    assert train(longer).step == 3
    assert len(losses(tmp_path / "run")) == 3


def test_a_directory_of_another_configuration_is_refused_by_field(sample, tmp_path):
    train(configure(tmp_path / "run", sample, num_steps=1))
    before = (tmp_path / "run" / "config.json").read_bytes()
    other = configure(tmp_path / "run", sample, num_steps=1, batch_size=4, learning_rate=0.5)
    with pytest.raises(InputError, match=r"training\.batch_size 8 there, 4 here") as caught:
        train(other)
    assert "training.learning_rate" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (tmp_path / "run" / "config.json").read_bytes() == before


def test_a_loss_that_is_not_finite_stops_with_step_and_rate(sample, tmp_path):
    with pytest.raises(InputError, match=r"loss of step 2 is .* at learning rate 1e\+30") as caught:
        train(configure(tmp_path / "run", sample, learning_rate=1e30))
    assert "--training.learning-rate" in str(caught.value)
    assert not list((tmp_path / "run" / "checkpoints").glob("ckpt*")), "a broken state must not be saved"


def test_training_stops_early_and_stays_stopped(sample, tmp_path):
    config = configure(
        tmp_path / "run", sample, num_steps=9, learning_rate=1e-30, validate_every_steps=1, early_stopping=2
    )
    watcher = Watcher()
    result = train(config, watcher)
    # So small a rate changes nothing: the first validation is the best, and the next two are no better.
    assert (result.step, result.interrupted, result.best_metrics["step"]) == (3, False, 1)
    assert [is_best for _, _, is_best in watcher.validations] == [True, False, False]
    assert "stopping early" in watcher.messages[-1]
    again = Watcher()
    assert train(config, again).step == 3
    assert "--training.early-stopping" in again.messages[0]


def test_without_validation_the_last_weights_are_kept(sample, tmp_path):
    data = {"root": "", "train": (str(sample / "2" / "video" / "train"),)}
    result = train(configure(tmp_path / "run", sample, data=data, num_steps=2))
    assert result.best_metrics == {"step": 2}
    assert rows(tmp_path / "run", "validation") == []
    state = saved_state(tmp_path / "run")
    for index, weight in enumerate(load_run(tmp_path / "run").get_weights()):
        np.testing.assert_array_equal(weight, state[f"weights/{index:04d}/.ATTRIBUTES/VARIABLE_VALUE"])


def test_rated_segments_are_trained_on_and_validated(sample, tmp_path):
    segments = str(sample / "3" / "frame" / "validate")
    data = {"root": "", "train": (segments,), "validate": (segments,)}
    config = configure(tmp_path / "run", sample, "frame_logistic", data=data, num_steps=20, learning_rate=0.02)
    result = train(dataclasses.replace(config, training=dataclasses.replace(config.training, log_every_steps=10)))
    assert result.best_metrics.keys() >= {"segment_map", "segment_map_submitted", "num_segments", "loss"}
    assert result.best_metrics["num_segments"] > 13  # several a video
    first, last = losses(tmp_path / "run")
    assert first < 12 * np.log(2) / 3, "unrated classes must not count: one or two of the twelve are rated"
    assert last < first


def test_a_compiled_step_gives_the_same_losses(sample, tmp_path):
    for name, xla in (("plain", False), ("compiled", True)):
        train(configure(tmp_path / name, sample, "moe", {"probability_gating": True}, num_steps=4, xla=xla))
    np.testing.assert_allclose(losses(tmp_path / "compiled"), losses(tmp_path / "plain"), rtol=1e-4)


def test_low_precision_trains_and_keeps_exact_weights(sample, tmp_path):
    for name, precision in (("exact", "float32"), ("low", "mixed_bfloat16")):
        hyperparameters = {"probability_gating": True}
        train(configure(tmp_path / name, sample, "moe", hyperparameters, num_steps=6, precision=precision))
    np.testing.assert_allclose(losses(tmp_path / "low"), losses(tmp_path / "exact"), rtol=0.02)
    assert losses(tmp_path / "low") != losses(tmp_path / "exact")
    assert keras.config.dtype_policy().name == "float32"
    kinds = {value.dtype.name for name, value in saved_state(tmp_path / "low").items() if name.startswith("weights/")}
    assert kinds <= {"float32", "uint32"}
    assert load_run(tmp_path / "low").compute_dtype == load_run(tmp_path / "exact").compute_dtype


def test_what_is_missing_is_named(sample, tmp_path):
    with pytest.raises(InputError, match="--run"):
        resolve(configure("", sample))
    with pytest.raises(InputError, match=r"--data\.train"):
        resolve(configure(tmp_path / "run", "", data={"root": ""}))
    with pytest.raises(InputError, match="frame-level record, video-level was expected"):
        resolve(configure(tmp_path / "run", sample, data={"train": (str(sample / "2" / "frame" / "train"),)}))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        train(configure(tmp_path / "file" / "run", sample))
    assert not Path(tmp_path / "run").exists()


def test_paths_override_the_root(sample, tmp_path):
    paths = (str(sample / "2" / "video" / "validate" / "validate0000.tfrecord"),)
    config, train_source, validate_source = resolve(configure(tmp_path / "run", sample, data={"validate": paths}))
    assert config.data.validate == validate_source.files == paths
    assert config.data.train == (str(sample / "2" / "video" / "train"),)
    assert len(train_source.files) == 2
    assert to_dict(config)["data"]["features"] == ["rgb", "audio"]
