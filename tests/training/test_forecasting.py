"""Learning without labels: losses and metrics by hand, and whole runs."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from small_runs import Watcher, assert_same_state, configure, rows

from yt8m import runs
from yt8m.cli import main
from yt8m.config import PretrainConfig
from yt8m.errors import InputError
from yt8m.metrics.forecasts import forecast_metrics
from yt8m.models.pretraining import PREDICTED, REAL, VISIBLE, WHITENED
from yt8m.progress import Messages
from yt8m.runs.model import build, load_run
from yt8m.runs.weights import load_weights
from yt8m.training.averaging import average
from yt8m.training.forecasting import Prediction, contrastive_losses, predictions_of, regression_losses
from yt8m.training.loop import train
from yt8m.training.preparation import resolve

SMALL = {"num_units": 8, "num_layers": 1}
FRAMES = np.arange(8, dtype=np.float32).reshape(1, 4, 2)
"""Of a video with three frames and one of padding."""
REAL_FRAMES = np.array([[True, True, True, False]])


def outputs(predicted, **more):
    values = {WHITENED: FRAMES, REAL: REAL_FRAMES, **more}
    return {key: tf.constant(value) for key, value in values.items()} | {PREDICTED: [tf.constant(predicted)]}


def test_the_next_frame_is_predicted_and_the_last_one_stays():
    (found,) = predictions_of(outputs(FRAMES + 10))
    np.testing.assert_array_equal(found.predicted, [[[10, 11], [12, 13], [14, 15]]])
    np.testing.assert_array_equal(found.target, [[[2, 3], [4, 5], [6, 7]]])
    np.testing.assert_array_equal(found.naive, [[[0, 1], [2, 3], [4, 5]]])
    np.testing.assert_array_equal(found.counts, [[True, True, False]])


def test_hidden_frames_are_predicted_from_the_last_visible_one():
    (found,) = predictions_of(outputs(FRAMES, **{VISIBLE: np.array([[False, True, False, False]])}))
    np.testing.assert_array_equal(found.naive, [[[0, 0], [2, 3], [2, 3], [2, 3]]])
    np.testing.assert_array_equal(found.counts, [[True, False, True, False]])


def test_a_pooled_vector_predicts_the_mean_of_the_hidden_frames():
    (found,) = predictions_of(outputs(FRAMES[:, 0], **{VISIBLE: np.array([[False, True, False, False]])}))
    np.testing.assert_array_equal(found.target, [[2, 3]])  # of [0, 1] and [4, 5]
    np.testing.assert_array_equal(found.naive, [[2, 3]])
    np.testing.assert_array_equal(found.counts, [True])


def slow_contrastive(predicted, target, counts, temperature):
    def unit(vector):
        return vector / np.linalg.norm(vector)

    losses = np.zeros(counts.shape)
    for video, time in np.ndindex(counts.shape):
        others = [(other, time) for other in range(len(counts))] + [(video, other) for other in range(counts.shape[1])]
        chosen = {place for place in others if counts[place]} | {(video, time)}
        scores = {place: unit(predicted[video, time]) @ unit(target[place]) / temperature for place in chosen}
        losses[video, time] = np.log(sum(np.exp(each) for each in scores.values())) - scores[video, time]
    return losses


def test_losses_against_loops():
    random = np.random.default_rng(0)
    predicted, target = random.normal(size=(2, 3, 4, 5)).astype(np.float32)
    counts = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]], bool)
    each = Prediction(*map(tf.constant, (predicted, target, target)), tf.constant(counts))
    expected = slow_contrastive(predicted, target, counts, 0.5)
    np.testing.assert_allclose(contrastive_losses(each, 0.5).numpy()[counts], expected[counts], rtol=1e-5)
    np.testing.assert_allclose(regression_losses(each), ((predicted - target) ** 2).mean(axis=-1), rtol=1e-5)
    pooled = Prediction(
        *(tf.constant(values[:, 0]) for values in (predicted, target, target)), tf.constant(counts[:, 0])
    )
    expected = slow_contrastive(predicted[:, :1], target[:, :1], counts[:, :1], 0.5)
    np.testing.assert_allclose(contrastive_losses(pooled, 0.5), expected[:, 0], rtol=1e-5)


def test_metrics_by_hand():
    """Two predictions of frames of two values each, of one frame ahead, and four of two frames ahead."""
    sums = np.array([[2, 4.0, 6.0, 2.0, 4.0, 3.0], [4, 8.0, 16.0, 6.0, 2.0, 2.0]])
    found = forecast_metrics(sums, 2, is_free_of_scale=False)
    assert found == {
        "num_frames": 6,
        "explained_variance": pytest.approx(1 - 0.625),
        "forecast_error": pytest.approx((0.5 + 0.75) / 2),
        "last_frame_error": pytest.approx((1.5 + 2.0) / 2),
        "mean_error": pytest.approx(1.0),
    }
    free = forecast_metrics(sums, 2, is_free_of_scale=True)
    assert free["forecast_error"] == pytest.approx(((4 - 9 / 4) / 4 + (8 - 4 / 2) / 8) / 2)


def pretraining(path, sample, model="lstm", hyperparameters=None, task=None, **training):
    data = {"num_frames": 12, "sampling": "consecutive"}
    config = configure(path, sample, model, hyperparameters or SMALL, data, validate=True, **training)
    unlabelled = (str(Path(sample) / "2/frame/test"),)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, train=unlabelled))
    return dataclasses.replace(config, pretrain=PretrainConfig(**task or {}))


@pytest.fixture(scope="module")
def pretrained(sample, tmp_path_factory):
    """A run that learned from the test split, which has no labels."""
    config = pretraining(tmp_path_factory.mktemp("pretrained") / "run", sample, num_steps=4)
    return config, train(config)


def test_a_run_has_the_metrics_of_its_forecasts(pretrained):
    config, result = pretrained
    (row,) = rows(config.run, "validation")
    metrics = {key: value for key, value in row.items() if key not in ("kind", "step")}
    assert result.best_metrics == {"step": 4, **metrics}
    assert row["loss"] == pytest.approx(row["forecast_error"], rel=1e-4)
    assert row["explained_variance"] == pytest.approx(1 - row["forecast_error"] / row["mean_error"])
    assert row["num_frames"] == row["num_videos"] * (11 + 10 + 9)
    assert runs.load_config(config.run).pretrain == PretrainConfig()


@pytest.mark.slow
def test_training_starts_from_it_with_a_new_head(pretrained, sample, tmp_path):
    config = configure(
        tmp_path / "run", sample, "lstm", SMALL, initial_run=pretrained[0].run, num_steps=1, learning_rate=1e-12
    )
    watcher = Watcher()
    train(config, watcher)
    told = [line.removeprefix(f"--training.initial-run {pretrained[0].run}: ") for line in watcher.messages]
    assert told[0] == f"taken are {(128 + 8 + 1) * 32:,} weights of lstm_1"
    assert told[1].endswith("weights of forecast_1, forecast_2, forecast_3, whitening")
    assert told[2].endswith("weights of head")
    learned = build(runs.load_config(pretrained[0].run))
    load_weights(learned, runs.RunDirectory(Path(pretrained[0].run)).best_weights)
    for one, other in zip(
        learned.get_layer("lstm_1").get_weights(), load_run(config.run).get_layer("lstm_1").get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-9)


def test_it_knows_no_classes(pretrained, tmp_path):
    told = "was pretrained without labels, so it knows no classes; train from it"
    with pytest.raises(InputError, match=told):
        load_run(pretrained[0].run)
    with pytest.raises(InputError, match=told):
        average([pretrained[0].run, pretrained[0].run], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_it_is_told_nothing_of_classes(sample, tmp_path):
    config = pretraining(tmp_path / "run", sample)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, num_classes=0))
    resolve(config, told := Messages())
    assert told.lines == []


def test_further_pretraining_keeps_the_whitening_that_its_weights_belong_to(pretrained, sample, tmp_path):
    config = pretraining(tmp_path / "run", sample, num_steps=1, initial_run=pretrained[0].run)
    other = (str(Path(sample) / "2/frame/train"),)
    train(dataclasses.replace(config, data=dataclasses.replace(config.data, train=other)))
    found = []
    for run in (config.run, pretrained[0].run):
        found.append(build(runs.load_config(run)))
        load_weights(found[-1], runs.RunDirectory(Path(run)).best_weights)
    for one, before in zip(*(model.get_layer("whitening").get_weights() for model in found), strict=True):
        assert np.any(before)
        np.testing.assert_array_equal(one, before)


def test_contrastive_batches_are_not_cut_in_pieces(sample, tmp_path):
    """The others of a piece are fewer, so the loss would be another one; alone, a video would have a loss of 0."""
    contrastive = {"loss": "contrastive"}
    with pytest.raises(
        InputError, match=r"compares the videos of a batch, which --training\.gradient-accumulation would"
    ):
        pretraining(tmp_path / "run", sample, task=contrastive, gradient_accumulation=2)
    with pytest.raises(
        InputError, match=r"compares a video with the others on its device; give --training\.batch-size 2 "
    ):
        train(pretraining(tmp_path / "run", sample, task=contrastive, batch_size=1))
    pretraining(tmp_path / "run", sample, gradient_accumulation=2)


@pytest.mark.parametrize(
    ("num_frames", "task", "message"),
    [
        (1, {}, "there is nothing to predict; the files hold no video of several frames$"),
        (1, {"task": "masked"}, "there is nothing to predict; the files hold no video of several frames$"),
        (
            5,
            {"num_ahead": 5},
            "--pretrain.num-ahead 5 looks beyond the 5 frames that a step has of a video; give at most 4,",
        ),
    ],
)
def test_nothing_to_predict_is_told_before_the_first_step(sample, tmp_path, num_frames, task, message):
    config = pretraining(tmp_path / "run", sample, task=task)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, num_frames=num_frames))
    with pytest.raises(InputError, match=message):
        train(config, watcher := Watcher())
    assert watcher.step == 0
    assert not (tmp_path / "run").exists()


def test_flags_of_labels_are_not_for_pretraining(sample, capsys):
    arguments = ["pretrain", "gru", "--data.train", f"{sample}/2/frame/test", "--run", "new", "--verbose"]
    for further in (["--loss", "focal"], ["--distill.teacher", "run"]):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, *further])
        assert ended.value.code == 2
        assert capsys.readouterr().err == (
            "yt8m: flags of loss and distill are of labels, and pretraining has none; leave them out\n"
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "hyperparameters", "task"),
    [
        ("lstm", SMALL, {}),
        ("netvlad", {"num_clusters": 4, "hidden_size": 6}, {"loss": "contrastive"}),
    ],
)
def test_a_stopped_run_goes_on_bit_for_bit(sample, tmp_path, model, hyperparameters, task):
    """With the whitening, and the frames that are hidden at random."""
    options = {"num_steps": 4, "ema_decay": 0.5} if model == "netvlad" else {"num_steps": 4}
    whole, parts = (pretraining(tmp_path / name, sample, model, hyperparameters, task, **options) for name in "ab")
    train(whole)
    train(dataclasses.replace(parts, training=dataclasses.replace(parts.training, num_steps=2)))
    train(parts)
    assert_same_state(whole.run, parts.run)


@pytest.mark.slow
def test_forecasts_get_better_than_both_naive_ones(sample, tmp_path):
    """Frames of the sample data scatter around their video's centre, which a state can average."""
    config = pretraining(tmp_path / "run", sample, "lstm", {"num_units": 64, "num_layers": 1}, num_steps=150)
    config = dataclasses.replace(
        config, data=dataclasses.replace(config.data, train=(str(Path(sample) / "2/frame/train"),))
    )
    found = train(config).best_metrics
    assert found["forecast_error"] < min(found["last_frame_error"], found["mean_error"])
