"""Whole training runs, as small as they can be."""

import dataclasses
import json
import re
import shutil
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_runs import GATED, Watcher, assert_same_state, configure, losses, rows, saved_state

from yt8m import runs
from yt8m.config import DistillConfig
from yt8m.data.features import texts_of
from yt8m.errors import InputError
from yt8m.metrics import VideoMetrics
from yt8m.progress import Progress
from yt8m.runs.model import load_run
from yt8m.scoring.evaluation import Measured, measure_source
from yt8m.scoring.scorer import BATCH_SIZE
from yt8m.training import course, loop, stepping, trainer
from yt8m.training.loop import train
from yt8m.training.preparation import resolve

FULL = {
    "num_steps": 8,
    "validate_every_steps": 4,
    "checkpoint_every_steps": 3,
    "ema_decay": 0.9,
    "optimizer": "adamw",
    "weight_decay": 0.01,
}
DROPOUT = {"dropout": 0.3, "initial_scale": 1.0}


@pytest.fixture(scope="module")
def gated_run(sample, tmp_path_factory):
    """A finished run of a model with dropout and moving statistics: its result, what it said, its directory."""
    run, watcher = tmp_path_factory.mktemp("runs") / "gated", Watcher()
    data = {"root": str(sample), "train": (), "features": ()}
    result = train(configure(run, sample, "moe", GATED, data, **FULL), watcher)
    return result, watcher, run


@pytest.fixture(scope="module")
def dropout_run(sample, tmp_path_factory):
    """The directory of a finished run of a model with dropout and nothing else."""
    run = tmp_path_factory.mktemp("runs") / "dropout"
    train(configure(run, sample, "logistic", DROPOUT))
    return run


def changed(config, **training):
    return dataclasses.replace(config, training=dataclasses.replace(config.training, **training))


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
    known = {"config.json", "environment.json", "records.json", "metrics.jsonl", "tensorboard", "checkpoints", "best"}
    known |= {"record_counts.json", "curves.png", "log.txt", "starts.jsonl"}
    assert {path.name for path in run.iterdir()} == known
    assert {path.name for path in (run / "best").iterdir()} == {"model.weights.h5", "metrics.json"}


def test_metrics_have_a_line_a_step_and_a_validation(gated_run):
    _, watcher, run = gated_run
    training, validation = rows(run, "train"), rows(run, "validation")
    assert [row["step"] for row in training] == list(range(1, 9))
    assert [row["step"] for row in validation] == [4, 8]
    assert all(row.keys() >= {"loss", "learning_rate", "gradient_norm"} for row in training)
    assert all(row.keys() >= {"gap", "map", "hit_at_1", "perr", "loss", "num_videos"} for row in validation)
    assert [step for step, _, _ in watcher.validations] == [4, 8]


def test_the_first_steps_have_no_rate_as_they_compile(gated_run, monkeypatch):
    _, watcher, run = gated_run
    assert sorted(watcher.rates) == [2, 3, 4, 5, 6, 7, 8]
    assert min(watcher.rates.values()) > 0
    assert ["videos_per_second" in row for row in rows(run, "train")] == [False] + 7 * [True]
    clock = iter([100.0, 101.0, 103.0, 200.0, 202.0])
    monkeypatch.setattr(stepping.time, "perf_counter", lambda: next(clock))
    speed = stepping.Speed(batch_size=8)
    rates = []
    for count in (1, 2, 4):
        speed.update(count)
        rates.append(speed.videos_per_second)
    assert rates == [None, 16.0, 0.7 * 16 + 0.3 * 16]
    speed.restart()  # after a validation of 97 seconds
    speed.update(4)
    assert speed.videos_per_second == 16.0


def test_the_best_validation_s_weights_are_kept(gated_run):
    result, watcher, run = gated_run
    best = max(rows(run, "validation"), key=lambda row: row["gap"])
    assert result.best_metrics == json.loads(runs.RunDirectory(run).best_metrics.read_text())
    assert (result.best_metrics["step"], result.best_metrics["gap"]) == (best["step"], best["gap"])
    assert watcher.validations[0][2], "the first validation is the best so far"


@pytest.mark.thorough
def test_a_worse_validation_does_not_replace_the_best(sample, tmp_path, monkeypatch):
    config = configure(tmp_path / "run", sample, validate=True, num_steps=3, validate_every_steps=1)
    gaps = [0.3, 0.5, 0.4]
    found = (Measured({"gap": gap}, VideoMetrics(12), None) for gap in gaps)
    monkeypatch.setattr(trainer, "measure_source", lambda *arguments, **_: next(found))
    weights = []

    class Collector(Watcher):
        def validated(self, step, metrics, is_best):
            super().validated(step, metrics, is_best)
            weights.append(load_run(tmp_path / "run").get_weights())

    watcher = Collector()
    assert train(config, watcher).best_metrics == {"step": 2, "gap": 0.5}
    assert watcher.validations == [(1, 0.3, True), (2, 0.5, True), (3, 0.4, False)]
    np.testing.assert_array_equal(weights[2][0], weights[1][0])
    assert np.any(weights[1][0] != weights[0][0])


@pytest.mark.thorough
def test_the_same_seed_gives_the_same_numbers_and_another_others(dropout_run, sample, tmp_path):
    train(configure(tmp_path / "twin", sample, "logistic", DROPOUT))
    assert losses(tmp_path / "twin") == losses(dropout_run)
    assert_same_state(tmp_path / "twin", dropout_run)
    train(configure(tmp_path / "other", sample, "logistic", DROPOUT, seed=1, num_steps=1))
    assert losses(tmp_path / "other")[0] != losses(dropout_run)[0]


def test_a_resumed_run_ends_as_an_uninterrupted_one(gated_run, sample, tmp_path, monkeypatch):
    """Stopped in a validation, which is repeated then, and between two steps."""
    data = {"root": str(sample), "train": (), "features": ()}
    config = configure(tmp_path / "run", sample, "moe", GATED, data, **FULL)
    batches = []

    class Watching(Progress):
        def advance(self, count, total=None):
            batches.append(count)

    def evaluate_slowly(scorer, source, config, stop_requested):
        return measure_source(scorer, source, config, Watching(), stop_requested)

    with monkeypatch.context() as patches:
        patches.setattr(trainer, "measure_source", evaluate_slowly)
        patches.setitem(BATCH_SIZE, "video", 5)
        stopped = train(config, stop_requested=lambda: len(batches) == 2)
    assert (stopped.step, stopped.interrupted, stopped.best_metrics) == (4, True, None)
    assert batches == [5, 5], "13 videos were to come"
    assert rows(tmp_path / "run", "validation") == []
    second, third = Watcher(stop_after=6), Watcher()
    stopped = train(config, second, second.stop_requested)
    assert (second.first_step, stopped.step, stopped.interrupted) == (4, 6, True)
    assert [step for step, _, _ in second.validations] == [4]
    assert train(config, third).step == 8
    assert third.first_step == 6
    assert losses(tmp_path / "run") == losses(gated_run[2])
    quality = [[row["gap"] for row in rows(run, "validation")] for run in (tmp_path / "run", gated_run[2])]
    assert quality[0] == quality[1]
    assert_same_state(tmp_path / "run", gated_run[2])


@pytest.mark.thorough
def test_a_stop_before_the_last_validation_leaves_it_to_the_next_start(sample, tmp_path):
    config = configure(tmp_path / "run", sample, validate=True, num_steps=1)
    for _ in range(2):
        stopped = train(config, stop_requested=lambda: True)
        assert (stopped.step, stopped.interrupted, stopped.best_metrics) == (1, True, None)
    result = train(config)
    assert (result.step, result.interrupted, result.best_metrics["step"]) == (1, False, 1)
    assert [row["step"] for row in rows(tmp_path / "run", "validation")] == [1]
    watcher = Watcher()
    train(config, watcher)
    assert watcher.validations == [], "it was done"


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["frames", "segments"])
def test_a_resumed_run_sees_the_same(sample, tmp_path, kind):
    """The same frames sampled of the same videos, or the same segments of them."""
    data = {"num_frames": 3} if kind == "frames" else {"train": (str(sample / "3" / "frame" / "validate"),)}
    whole, halves = (configure(tmp_path / name, sample, "frame_logistic", data=data, num_steps=3) for name in "wh")
    train(whole)
    watcher = Watcher(stop_after=2)
    train(halves, watcher, watcher.stop_requested)
    train(halves)
    assert losses(tmp_path / "h") == losses(tmp_path / "w")
    assert_same_state(tmp_path / "h", tmp_path / "w")


@pytest.mark.thorough
def test_a_killed_run_goes_on_from_its_checkpoint(dropout_run, sample, tmp_path):
    """Steps that the checkpoint has not seen are done again; their lines are replaced, a half one is dropped."""
    config = configure(tmp_path / "run", sample, "logistic", DROPOUT, checkpoint_every_steps=3)

    class Killed(Watcher):
        def steps_done(self, step, loss, videos_per_second):
            if step == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(config, Killed())
    assert [row["step"] for row in rows(tmp_path / "run", "train")] == [1, 2, 3, 4, 5]
    with (tmp_path / "run" / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')
    again = Watcher()
    train(config, again)
    assert again.first_step == 3
    assert [row["step"] for row in rows(tmp_path / "run", "train")] == [1, 2, 3, 4, 5, 6]
    assert losses(tmp_path / "run") == losses(dropout_run)
    assert_same_state(tmp_path / "run", dropout_run)


@pytest.mark.thorough
def test_the_loss_falls_and_a_line_is_the_mean_since_the_one_before(dropout_run, sample, tmp_path):
    train(configure(tmp_path / "coarse", sample, "logistic", DROPOUT, log_every_steps=3))
    means = losses(tmp_path / "coarse")
    np.testing.assert_allclose(means, np.reshape(losses(dropout_run), (2, 3)).mean(axis=1), rtol=1e-6)
    assert means[1] < 0.95 * means[0]


@pytest.mark.thorough
def test_a_finished_run_is_left_alone_unless_it_is_to_be_longer(sample, tmp_path):
    config = configure(tmp_path / "run", sample, num_steps=2)
    assert train(config).best_metrics is None, "there are no validation records"
    before, watcher = saved_state(tmp_path / "run"), Watcher()
    assert train(config, watcher).step == 2
    assert "--training.num-steps" in watcher.messages[0]
    after = saved_state(tmp_path / "run")
    assert all(np.array_equal(before[name], after[name]) for name in before)
    assert train(changed(config, num_steps=3)).step == 3
    assert len(losses(tmp_path / "run")) == 3


@pytest.mark.thorough
def test_a_finished_run_whose_rate_fell_to_0_says_how_to_begin_with_its_weights(sample, tmp_path):
    config = configure(tmp_path / "run", sample, num_steps=2, schedule="cosine")
    train(config)
    watcher = Watcher()
    train(config, watcher)
    advice = f"to begin with its weights, give --training.initial-run {tmp_path / 'run'} and another --run"
    assert watcher.messages == [f"{tmp_path / 'run'}: nothing is left to train; {advice}"]
    with pytest.raises(InputError, match=re.escape(advice)):
        train(changed(config, num_steps=3))
    further = configure(tmp_path / "further", sample, num_steps=3, schedule="cosine", initial_run=str(tmp_path / "run"))
    assert train(further).step == 3


def test_a_directory_of_another_configuration_is_refused_by_field(dropout_run, sample):
    before = (dropout_run / "config.json").read_bytes()
    other = configure(dropout_run, sample, "logistic", DROPOUT, batch_size=4, learning_rate=0.5)
    with pytest.raises(InputError, match=r"training\.batch_size 8 there, 4 here") as caught:
        train(other)
    assert "training.learning_rate" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (dropout_run / "config.json").read_bytes() == before


def test_a_distillation_that_fails_leaves_no_run(sample, tmp_path):
    teacher = tmp_path / "teacher.csv"
    teacher.write_text("VideoId,LabelConfidencePairs\nabcd,3 0.5\n")
    config = configure(tmp_path / "runs" / "student", sample)
    with pytest.raises(InputError, match=r"teacher\.csv: has no predictions for video"):
        train(dataclasses.replace(config, distill=DistillConfig(teacher=str(teacher))))
    assert list(tmp_path.iterdir()) == [teacher]


def test_a_warm_up_to_the_end_is_said_in_one_line(sample, tmp_path):
    watcher = Watcher()
    train(configure(tmp_path / "run", sample, num_steps=2, warmup_steps=2), watcher)
    assert watcher.messages == [
        "the warm-up takes 2 steps and training ends after 2, so the learning rate only rises, to 0.03 at most; "
        "lower --training.warmup-steps or raise --training.num-steps"
    ]


def test_a_loss_that_is_not_finite_stops_with_step_and_rate(sample, tmp_path):
    with pytest.raises(InputError, match=r"loss of step 2 is .* at learning rate 1e\+30") as caught:
        train(configure(tmp_path / "run", sample, learning_rate=1e30))
    assert "--training.learning-rate" in str(caught.value)
    assert not list((tmp_path / "run").rglob("ckpt*")), "a broken state must not be saved"


@pytest.mark.usefixtures("_optimised_graphs")
def test_too_little_memory_is_said_in_one_line_with_what_takes_less(sample, tmp_path, monkeypatch):
    def needs_much(self, batch):
        return tf.reduce_sum(tf.ones([10**9, 10**8 + tf.shape(batch["labels"])[0]])), tf.constant(0.0)

    monkeypatch.setattr(trainer.Trainer, "_replica_step", needs_much)
    with pytest.raises(InputError) as caught:
        train(configure(tmp_path, sample, "frame_logistic", data={"num_frames": 4}))
    assert str(caught.value) == (
        "training: memory did not suffice for [1000000000, 100000008]; lower --training.batch-size (now 8), "
        "--data.num-frames, or compute it in pieces with --training.gradient-accumulation 2; `yt8m check` shows the estimate"
    )


@pytest.mark.thorough
def test_training_stops_early_and_stays_stopped(sample, tmp_path):
    settings = {"num_steps": 9, "learning_rate": 1e-30, "validate_every_steps": 1, "early_stopping": 2}
    config = configure(tmp_path / "run", sample, validate=True, **settings)
    watcher = Watcher()
    result = train(config, watcher)
    # So small a rate changes nothing: the first validation is the best, and the next two are no better.
    assert (result.step, result.interrupted, result.best_metrics["step"]) == (3, False, 1)
    assert [is_best for _, _, is_best in watcher.validations] == [True, False, False]
    assert "stopping early" in watcher.messages[-1]
    again = Watcher()
    assert train(config, again).step == 3
    assert "--training.early-stopping" in again.messages[0]


def test_without_validation_the_last_weights_are_kept(dropout_run):
    assert [path.name for path in (dropout_run / "best").iterdir()] == ["model.weights.h5"]
    assert rows(dropout_run, "validation") == []
    saved = {value.tobytes() for name, value in saved_state(dropout_run).items() if name.startswith("weights/")}
    assert {weight.numpy().tobytes() for weight in load_run(dropout_run).trainable_weights} <= saved


@pytest.mark.thorough
def test_rated_segments_are_trained_on_and_validated(sample, tmp_path):
    files = [str(sample / "3/frame/validate" / f"validate000{index}.tfrecord") for index in range(2)]
    data = {"train": files[:1], "validate": files[1:]}
    settings = {"num_steps": 20, "learning_rate": 0.02, "log_every_steps": 10}
    result = train(configure(tmp_path / "run", sample, "frame_logistic", data=data, **settings))
    assert result.best_metrics.keys() >= {"segment_map", "segment_map_submitted", "num_segments", "loss"}
    assert result.best_metrics["num_segments"] > 13, "there are several a video"
    first, last = losses(tmp_path / "run")
    assert last < first < 12 * np.log(2) / 3, "only one or two of the twelve classes are rated, only they may count"


@pytest.mark.slow
def test_compiled_and_low_precision_steps_give_nearly_the_same_losses(sample, tmp_path):
    for name, changes in (("plain", {}), ("compiled", {"xla": True}), ("low", {"precision": "mixed_bfloat16"})):
        hyperparameters = {"probability_gating": True}
        train(configure(tmp_path / name, sample, "moe", hyperparameters, num_steps=3, **changes))
    plain, compiled, low = (losses(tmp_path / name) for name in ("plain", "compiled", "low"))
    np.testing.assert_allclose(compiled, plain, rtol=1e-4)
    np.testing.assert_allclose(low, plain, rtol=0.02)
    assert low != plain
    assert keras.config.dtype_policy().name == "float32", "the precision of a run must not outlast it"
    weights = [value for name, value in saved_state(tmp_path / "low").items() if name.startswith("weights/")]
    assert {weight.dtype.name for weight in weights} == {"float32"}
    assert load_run(tmp_path / "low").get_layer("scale").compute_dtype == "bfloat16"


def test_what_is_missing_is_named(sample, tmp_path):
    with pytest.raises(InputError, match="--run"):
        resolve(configure("", sample))
    with pytest.raises(InputError, match=r"--data\.train"):
        resolve(configure(tmp_path / "run", sample, data={"train": ()}))
    videos = (str(sample / "2" / "video" / "train"),)
    with pytest.raises(InputError, match="video-level record, frame-level was expected"):
        resolve(configure(tmp_path / "run", sample, "frame_logistic", data={"train": videos}))
    assert not (tmp_path / "run").exists()


def test_a_run_directory_that_cannot_be_made_is_named(sample, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="file/run"):
        train(configure(tmp_path / "file" / "run", sample))


def test_what_ends_a_run_late_is_found_before_the_first_step(sample, tmp_path, monkeypatch):
    files = shutil.copytree(sample / "2/video/validate", tmp_path / "validate")
    (last := files / "validate0001.tfrecord").write_bytes(last.read_bytes()[:-20])
    config = configure(tmp_path / "run", sample, data={"validate": (str(files),)})
    monkeypatch.setattr(course, "take_steps", lambda *_: pytest.fail("there are steps"))
    with pytest.raises(InputError, match=r"validate0001\.tfrecord, record \d+: is cut off .*; fetch it again"):
        train(config)
    monkeypatch.setattr(loop, "resolve", lambda *_: pytest.fail("the records are looked at"))
    with pytest.raises(
        InputError, match=f"^{files}: is a directory with other files; give an empty or new one as --run"
    ):
        train(dataclasses.replace(config, run=str(files)))
    assert not (tmp_path / "run").exists()


@pytest.mark.thorough
def test_room_for_what_a_run_keeps_is_looked_for_before_the_first_step(sample, tmp_path, monkeypatch):
    settings = {"num_steps": 6, "checkpoint_every_steps": 1, "keep_checkpoints": 3}
    config = configure(tmp_path / "run", sample, "moe", validate=True, **settings)
    free = [0]
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=free[0]))
    message = (
        f"{tmp_path}/run: 3 checkpoints of .* kB and the best weights, .* need (.*) kB, and 0.0 kB are free there; "
    )
    with pytest.raises(InputError, match=message) as caught:
        train(config)
    assert not (tmp_path / "run").exists()
    needed = 1e3 * float(re.match(message, str(caught.value))[1])
    free[0] = 1.01 * needed
    train(config)
    written = sum(path.stat().st_size for path in (tmp_path / "run").rglob("*ckpt*") if path.is_file())
    written += (tmp_path / "run/best/model.weights.h5").stat().st_size
    assert needed == pytest.approx(written + written / 4, rel=0.25), "a fourth checkpoint and other weights for a while"
    free[0] = needed - written  # which is there, and gives way to what comes
    train(dataclasses.replace(config, training=dataclasses.replace(config.training, num_steps=7)))


def test_paths_override_the_root(sample, tmp_path):
    paths = (str(sample / "2" / "video" / "validate" / "validate0000.tfrecord"),)
    data = {"root": str(sample), "train": (), "validate": paths, "features": ()}
    config, train_source, validate_source = resolve(configure(tmp_path / "run", sample, data=data))
    assert config.data.validate == validate_source.files == paths
    assert config.data.train == (str(sample / "2" / "video" / "train"),)
    assert config.data.test == (str(sample / "2" / "video" / "test"),)
    assert len(train_source.files) == 2
    assert config.data.features == texts_of(train_source.features) == ("rgb", "audio")


@pytest.mark.thorough
def test_a_line_of_a_resumed_run_is_the_mean_of_all_its_steps(sample, tmp_path):
    whole, halves = (configure(tmp_path / name, sample, log_every_steps=3, num_steps=3) for name in "wh")
    train(whole)
    watcher = Watcher(stop_after=2)
    train(halves, watcher, watcher.stop_requested)
    train(halves)
    np.testing.assert_allclose(losses(tmp_path / "h"), losses(tmp_path / "w"), rtol=1e-6)


def test_weights_that_are_not_finite_are_not_kept(sample, tmp_path):
    with pytest.raises(InputError):
        train(configure(tmp_path / "run", sample, num_steps=1, learning_rate=1e37))
