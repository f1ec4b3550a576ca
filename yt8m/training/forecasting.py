"""Learning without labels: the loss of predicted frames, and how good the predictions are.

B videos, T frames, D values of a frame. All errors are means over the predicted frames of the mean square over the D whitened
values, so the mean of all frames has an error of about 1.
"""

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from yt8m.config import PretrainConfig, RunConfig
from yt8m.data import failures, pipeline
from yt8m.data.options import Order, Portion
from yt8m.data.source import Source
from yt8m.distribution.devices import Devices
from yt8m.distribution.exhaustion import memory_errors
from yt8m.errors import InputError
from yt8m.metrics.forecasts import forecast_metrics
from yt8m.models.pretraining import PREDICTED, REAL, VISIBLE, WHITENED
from yt8m.traced_gradients import owned_gradients
from yt8m.training.objective import ModelObjective
from yt8m.training.stream import one_pass, training_frames

BATCH_SIZE = 64
"""Videos in a step of a validation."""
_NOTHING = "there is nothing to predict; the files hold no video of several frames"


class Prediction(NamedTuple):
    """Predicted values beside the true ones, [B, T, D] or [B, D], and what stands for them without a model."""

    predicted: tf.Tensor
    target: tf.Tensor
    naive: tf.Tensor
    """The last frame that the model sees; for a mean of hidden frames, the mean of the visible ones."""
    counts: tf.Tensor
    """Which of them count, bool [B, T] or [B]."""


def predictions_of(outputs: dict[str, Any]) -> list[Prediction]:
    """What a model of `yt8m.models.pretraining` predicted: one for each number of frames ahead, or one for the hidden frames."""
    whitened, real, predicted = (outputs[key] for key in (WHITENED, REAL, PREDICTED))
    if VISIBLE not in outputs:
        return [
            Prediction(values[:, :-ahead], whitened[:, ahead:], whitened[:, :-ahead], real[:, ahead:])
            for ahead, values in enumerate(predicted, 1)
        ]
    visible, hidden = outputs[VISIBLE], real & ~outputs[VISIBLE]
    if len(predicted[0].shape) == 3:
        return [Prediction(predicted[0], whitened, _last_visible(whitened, visible), hidden)]
    target, num_hidden = _mean_of(whitened, hidden)
    naive, num_visible = _mean_of(whitened, visible)
    return [Prediction(predicted[0], target, naive, (num_hidden > 0) & (num_visible > 0))]


def _mean_of(frames: tf.Tensor, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The mean of some frames, [B, D], and their number, [B]."""
    weights = tf.cast(chosen, tf.float32)
    count = tf.reduce_sum(weights, axis=1)
    return tf.einsum("bt,btd->bd", weights, frames) / tf.maximum(count, 1.0)[:, None], count


def _last_visible(frames: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
    """The last visible frame before or at each frame; 0, which is the mean of all, if there is none."""
    times = tf.range(tf.shape(frames)[1])
    earlier = (times[None, :] <= times[:, None])[None] & visible[:, None, :]
    last = tf.reduce_max(tf.where(earlier, times[None, None, :], -1), axis=-1)
    found = tf.gather(frames, tf.maximum(last, 0), batch_dims=1)
    return tf.where((last >= 0)[:, :, None], found, 0.0)


def regression_losses(each: Prediction) -> tf.Tensor:
    """The mean square of the error, of each frame or video."""
    return tf.reduce_mean(tf.math.squared_difference(each.predicted, each.target), axis=-1)


def contrastive_losses(each: Prediction, temperature: float) -> tf.Tensor:
    """The cross-entropy of finding the right frame by the cosine (arXiv 1807.03748), of each frame or video.

    The right frame is among those of the other videos at the same time, and those at other times of the same video. A pooled
    vector finds the mean of its video among those of the other videos.
    """
    one, other = (tf.math.l2_normalize(values, axis=-1, epsilon=1e-12) for values in (each.predicted, each.target))
    nothing = -1e9
    if len(one.shape) == 2:
        scores = tf.where(each.counts[None, :], tf.matmul(one, other, transpose_b=True) / temperature, nothing)
        return tf.reduce_logsumexp(scores, axis=-1) - tf.linalg.diag_part(scores)
    right = tf.reduce_sum(one * other, axis=-1) / temperature
    across = tf.einsum("btd,ctd->btc", one, other) / temperature
    across = tf.where(tf.transpose(each.counts)[None], across, nothing)
    within = tf.einsum("btd,bsd->bts", one, other) / temperature
    same = tf.eye(tf.shape(one)[1], dtype=tf.bool)[None]  # the right frame is among the first
    within = tf.where(each.counts[:, None, :] & ~same, within, nothing)
    return tf.reduce_logsumexp(tf.concat([across, within], axis=-1), axis=-1) - right


class ForecastObjective(ModelObjective):
    """The loss of predicted frames: the mean over those of a video, and over the numbers of frames ahead.

    Args:
        model: a model of `yt8m.models.pretraining`.
        config: the kind of loss, of a run that is pretrained.
    """

    def __init__(self, model: keras.Model, config: RunConfig):
        super().__init__(model, config)
        assert config.pretrain is not None, "the run is pretrained"
        self._config = config.pretrain

    def losses(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns the loss of each video, float32 [B]; 0 for one without frames to predict."""
        outputs = self._forward({key: batch[key] for key in self.model.input})
        return forecast_losses(predictions_of(outputs), self._config)


def forecast_losses(predictions: list[Prediction], config: PretrainConfig) -> tf.Tensor:
    """Returns the loss of each video, float32 [B]."""
    total = 0.0
    for each in predictions:
        if config.loss == "contrastive":
            found = contrastive_losses(each, config.temperature)
        else:
            found = regression_losses(each)
        weights = tf.cast(each.counts, tf.float32)
        if len(found.shape) == 2:
            found = tf.reduce_sum(found * weights, axis=1) / tf.maximum(tf.reduce_sum(weights, axis=1), 1.0)
        else:
            found *= weights
        total += found
    return total / len(predictions)


def fit_whitening(model: keras.Model, config: RunConfig, devices: Devices, source: Source) -> int:
    """Gives the model the mean and the covariance of the frames in training batches. Returns their number.

    Of several workers, each reads its share. The batches are the first ones of training, and at most one pass over the records.
    A model whose whitening is that of `--training.initial-run`, which its other weights belong to, keeps it; the number is 0.

    Raises:
        InputError, RecordError: the files hold no frames, or no two frames of a video; or a record cannot be used.
    """
    assert config.pretrain is not None, "the run is pretrained"
    layer = model.get_layer("whitening")
    if np.any(np.asarray(layer.mean)):
        return 0
    frames_of = keras.Model(model.input, [layer.input, model.output[REAL]])

    @tf.function(reduce_retracing=True, autograph=False)
    def moments(batch):
        with owned_gradients(frames_of):
            frames, real = frames_of(batch)
        rows = tf.boolean_mask(frames, real)
        longest = tf.reduce_max(tf.reduce_sum(tf.cast(real, tf.int32), axis=1))
        return tf.shape(rows)[0], tf.reduce_sum(rows, axis=0), tf.matmul(rows, rows, transpose_a=True), longest

    def total() -> tuple[float, np.ndarray, np.ndarray, int]:
        size = config.training.batch_size // devices.num_workers
        count, sums, products, longest = 0.0, 0.0, 0.0, 0
        some = one_pass(config, source, size, devices.shard)
        with failures.record_errors(source), memory_errors("computing the covariance of frames"):
            for batch in some.take(config.pretrain.whitening_batches):
                found = moments({key: batch[key] for key in model.input})
                count += float(found[0])
                sums, products = (
                    sums + found[1].numpy().astype(np.float64),
                    products + found[2].numpy().astype(np.float64),
                )
                longest = max(longest, int(found[3]))
        return count, sums, products, longest

    shares = devices.together(total)
    count, sums, products = (sum(share[place] for share in shares) for place in range(3))
    if not count:
        raise InputError(f"{source.files[0]} ...: the training files hold no frames")
    longest, num_ahead = max(share[3] for share in shares), len(model.output[PREDICTED])
    if longest < 2:
        raise InputError(f"{source.files[0]} ...: {_NOTHING}")
    if longest <= num_ahead and VISIBLE not in model.output:
        raise InputError(
            f"--pretrain.num-ahead {num_ahead} looks beyond the {longest} frames that a step has of a video; give at most "
            f"{longest - 1}, or more frames with --data.num-frames"
        )
    mean = sums / count
    layer.fit(mean, products / count - np.outer(mean, mean))
    return int(count)


@dataclass(frozen=True)
class Forecasts:
    """How good a model's predictions of frames are."""

    result: dict[str, float | int]
    """See `yt8m.metrics.registry`, and `num_videos`."""


def measure_forecasts(
    model: keras.Model, config: RunConfig, devices: Devices, source: Source, stop_requested: Callable[[], bool]
) -> Forecasts:
    """Measures predictions of frames, in one pass over records: of the frames that training samples, in chunks as long.

    With the contrastive loss, predictions have no scale of their own; they get the one that has the least error.

    Raises:
        Stopped: a worker was asked to stop.
        InputError, RecordError: there is nothing to measure, or a record cannot be used.
    """
    pretrain = config.pretrain
    assert pretrain is not None, "the run is pretrained"

    @tf.function(reduce_retracing=True, autograph=False)
    def step(batch):
        with owned_gradients(model):
            predictions = predictions_of(model(batch, training=False))
        losses = forecast_losses(predictions, pretrain)
        return tf.reduce_sum(losses), tf.stack([_sums(each) for each in predictions])

    def share() -> tuple[int, float, np.ndarray | float]:
        count, loss, sums = 0, 0.0, 0.0
        frames, portion = training_frames(config), Portion(shard=devices.shard, processes=config.data.processes)
        batches: Iterator = iter(pipeline.make_dataset(source, BATCH_SIZE, frames, Order(seed=0), portion))
        with failures.record_errors(source), memory_errors(f"predicting frames of {BATCH_SIZE} videos at a time"):
            for batch in devices.stoppable(batches, stop_requested):
                found, parts = step({key: batch[key] for key in model.input})
                count, loss = count + int(batch["num_frames"].shape[0]), loss + float(found)
                sums = sums + parts.numpy().astype(np.float64)
        return count, loss, sums

    of_workers = devices.together(share)
    count, loss, sums = (sum(each[place] for each in of_workers) for place in range(3))
    if not count or not np.any(sums):
        raise InputError(f"{source.files[0]} ...: {_NOTHING}")
    size = model.output[WHITENED].shape[-1]
    found = forecast_metrics(sums, size, is_free_of_scale=pretrain.loss == "contrastive")
    return Forecasts({"num_videos": count} | found | {"loss": loss / count})


def _sums(each: Prediction) -> tf.Tensor:
    """Number of predictions, and sums of squares: of targets, of naive errors, of errors, of predictions, and their product with
    targets. float32 [6].
    """
    weights = tf.cast(each.counts, tf.float32)
    total: Callable = functools.partial(_weighted, weights)
    return tf.stack(
        [
            tf.reduce_sum(weights),
            total(tf.square(each.target)),
            total(tf.math.squared_difference(each.naive, each.target)),
            total(tf.math.squared_difference(each.predicted, each.target)),
            total(tf.square(each.predicted)),
            total(each.predicted * each.target),
        ]
    )


def _weighted(weights: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(weights * tf.reduce_sum(values, axis=-1))
