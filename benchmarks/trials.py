"""One residual perceptron on arrays in memory, with what `benchmarks.ideas` changes about it.

B = batch, D = values of a video, H = hidden units, C = classes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from benchmarks.sizes import sized
from benchmarks.video_arrays import SIZES, Videos, unit

BATCH_SIZE = sized(256, 8)
WARMUP_STEPS = 20
EMA_DECAY = 0.98


@dataclass(frozen=True)
class Trial:
    """How to train. The defaults are the recipe's."""

    epochs: int = 12
    hidden_size: int = 1024
    num_layers: int = 1
    input_dropout: float = 0.2
    dropout: float = 0.5
    last_dropout: float | None = None
    """The dropout after the last step, which is reached in equal steps; None = it stays."""
    learning_rate: float = 2e-3
    scaling: Literal["each", "l2", "rms", "root", "shares"] = "each"
    mixup: float = 0.0
    """alpha of the Beta distribution; 0 = no mixup."""
    manifold: bool = False
    """Mixes the hidden units of every second batch instead of the values."""
    loss: dict[str, object] = field(default_factory=dict)
    """Fields of `yt8m.config.LossConfig`."""
    balanced: bool = False
    """Draws a video in proportion to the mean of 1 / sqrt(videos of the class) over its labels."""
    cycles: int = 1
    """Cosine cycles; the mean logit of their ends is taken."""
    survival: float = 1.0
    """Probability that a block counts, for each video."""
    noise: float = 0.0
    """Deviation of the noise along each principal component, as a share of the component's."""
    rank: int = 0
    """Rank of the output layer; 0 = full."""


def _scaled(trial: Trial, values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The values that go into the network, float32 [N, D]."""
    parts = np.split(values, [SIZES[0]], axis=1)
    if trial.scaling == "shares":
        parts = np.split(values * scale, [SIZES[0]], axis=1)
    if trial.scaling == "root":
        parts = [np.sign(each) * np.sqrt(np.abs(each)) for each in parts]
    if trial.scaling in ("l2", "rms"):
        return unit(values) * (1.0 if trial.scaling == "l2" else math.sqrt(values.shape[1]))
    return np.concatenate([unit(each) * math.sqrt(each.shape[1]) for each in parts], axis=1)


class Network:
    """The layers, so that they can be applied from the values or from the first hidden units on."""

    def __init__(self, trial: Trial, num_classes: int):
        import keras
        import tensorflow as tf

        from yt8m.layers.heads import LogisticHead
        from yt8m.layers.normalisation import batch_normalisation

        dense, count = keras.layers.Dense, trial.num_layers
        self.rate = tf.Variable(trial.dropout, trainable=False, dtype=tf.float32)
        self._input_dropout = keras.layers.Dropout(trial.input_dropout)
        self._hidden = dense(trial.hidden_size, use_bias=False)
        self._norms = [batch_normalisation(f"norm_{place}") for place in range(count + 1)]
        self._dropouts = [_changing_dropout(self.rate) for _ in range(count + 1)]
        self._steps = [dense(trial.hidden_size, use_bias=False) for _ in range(count)]
        self._depths = [keras.layers.Dropout(1 - trial.survival, noise_shape=(None, 1)) for _ in range(count)]
        self._low = dense(trial.rank, use_bias=False) if trial.rank else None
        self._head = LogisticHead(num_classes, 0.0, -7.0, 1.0)
        size = sum(SIZES)
        values, hidden = keras.Input([size], name="values"), keras.Input([trial.hidden_size], name="hidden")
        self.lower = keras.Model(values, self._first(values))
        self.upper = keras.Model(hidden, self._rest(hidden))
        self.whole = keras.Model({"values": values}, self._rest(self._first(values)))

    def _first(self, values):
        return self._hidden(self._input_dropout(values))

    def _rest(self, hidden):
        *blocks, last = zip(self._norms, self._dropouts, [*self._steps, None], [*self._depths, None], strict=True)
        for norm, dropout, step, depth in blocks:
            hidden = hidden + depth(step(self._active(norm, dropout, hidden)))
        active = self._active(last[0], last[1], hidden)
        return self._head(self._low(active) if self._low else active)

    @staticmethod
    def _active(norm, dropout, hidden):
        import keras

        return dropout(keras.ops.relu(norm(hidden)))


def _changing_dropout(rate):
    """A layer of dropout whose rate is a variable."""
    import keras
    import tensorflow as tf

    class ChangingDropout(keras.layers.Layer):
        def call(self, inputs, training=False):
            if not training:
                return inputs
            kept = tf.cast(tf.random.uniform(tf.shape(inputs)) >= rate, inputs.dtype)
            return inputs * kept / tf.cast(1 - rate, inputs.dtype)

    return ChangingDropout()


def _batches(trial: Trial, videos: Videos, random: np.random.Generator, epochs: int) -> Iterator[np.ndarray]:
    """Rows of the videos of each step."""
    chances = None
    if trial.balanced:
        labels = videos.labels
        rarities = 1 / np.sqrt(np.maximum(np.asarray(labels.sum(axis=0)).ravel(), 1))
        chances = (labels @ rarities) / np.maximum(np.asarray(labels.sum(axis=1)).ravel(), 1)
        chances = chances / chances.sum()
    count = len(videos)
    rows = [
        random.permutation(count) if chances is None else random.choice(count, count, p=chances) for _ in range(epochs)
    ]
    rows = np.concatenate(rows)
    for first in range(0, len(rows) - BATCH_SIZE + 1, BATCH_SIZE):
        yield rows[first : first + BATCH_SIZE]


def _principal_noise(values: np.ndarray, share: float) -> np.ndarray:
    """A matrix that turns standard normal vectors into noise with the covariance of the values, times the share."""
    centred = values - values.mean(axis=0)
    variances, directions = np.linalg.eigh(centred.T @ centred / len(values))
    return np.float32(share * directions * np.sqrt(np.maximum(variances, 0)))


def train(trial: Trial, known: Videos, others: Videos, seed: int) -> np.ndarray:
    """Trains on known videos; the logits of others, float32 [N, C]."""
    import keras

    keras.utils.set_random_seed(seed)
    before = keras.config.dtype_policy()
    # Products in bfloat16, where the processor has instructions for it; elsewhere it computes the same, slower.
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return _Training(trial, known, seed).run(_scaled(trial, others.values, known.scale))
    finally:
        keras.config.set_dtype_policy(before)


class _Training:
    def __init__(self, trial: Trial, known: Videos, seed: int):
        import keras
        import tensorflow as tf

        self._trial, self._known = trial, known
        self._random = np.random.default_rng(seed)
        self._values = _scaled(trial, known.values, known.scale)
        self._noise = _principal_noise(self._values, trial.noise) if trial.noise else None
        self._network = Network(trial, known.num_classes)
        model = self._network.whole
        self._optimizer = keras.optimizers.Adam(0.0, epsilon=1e-7)
        self._optimizer.build(model.trainable_variables)
        self._step = tf.function(self._train_step, autograph=False, reduce_retracing=True)
        self._averages = [np.array(each) for each in model.trainable_variables]

    def run(self, others: np.ndarray) -> np.ndarray:
        import tensorflow as tf

        trial = self._trial
        each_cycle = max(1, len(self._known) * trial.epochs // trial.cycles // BATCH_SIZE)
        logits = []
        for step, rows in enumerate(_batches(trial, self._known, self._random, trial.epochs)):
            done = (step % each_cycle) / each_cycle
            rate = trial.learning_rate * 0.5 * (1 + math.cos(math.pi * done)) * min(1.0, (step + 1) / WARMUP_STEPS)
            self._optimizer.learning_rate.assign(rate)
            if trial.last_dropout is not None:
                share = step * BATCH_SIZE / (len(self._known) * trial.epochs)
                self._network.rate.assign(trial.dropout + share * (trial.last_dropout - trial.dropout))
            values, targets, mixed = self._drawn(rows)
            self._step(*map(tf.constant, (values, targets, *mixed)))
            self._average(step)
            if (step + 1) % each_cycle == 0 and len(logits) < trial.cycles:
                logits.append(self._predicted(others))
        return np.float32(np.mean(logits or [self._predicted(others)], axis=0))

    def _drawn(self, rows: np.ndarray):
        """Values, targets, and how hidden units are mixed: with which video of the batch, and the share of each video itself."""
        trial, random = self._trial, self._random
        values, targets = self._values[rows], self._known.targets(rows)
        if self._noise is not None:
            values = values + np.float32(random.standard_normal(values.shape)) @ self._noise.T
        partners, own = np.arange(len(rows)), np.ones((len(rows), 1), np.float32)
        if trial.mixup:
            others = random.permutation(len(rows))
            shares = np.float32(random.beta(trial.mixup, trial.mixup, (len(rows), 1)))
            targets = shares * targets + (1 - shares) * targets[others]
            if trial.manifold and random.random() < 0.5:
                partners, own = others, shares
            else:
                values = shares * values + (1 - shares) * values[others]
        return values, np.float32(targets), (partners, own)

    def _train_step(self, values, targets, partners, own):
        import tensorflow as tf

        from yt8m.config import LossConfig
        from yt8m.training.losses import CLASS_LOSSES

        config = LossConfig(**self._trial.loss)
        if config.label_smoothing:
            spread = tf.reduce_mean(targets, axis=-1, keepdims=True)
            targets = (1 - config.label_smoothing) * targets + config.label_smoothing * spread
        variables = self._network.whole.trainable_variables
        with tf.GradientTape() as tape:
            hidden = self._network.lower(values, training=True)
            share = tf.cast(own, hidden.dtype)
            hidden = share * hidden + (1 - share) * tf.gather(hidden, partners)
            logits = tf.cast(self._network.upper(hidden, training=True), tf.float32)
            loss = tf.reduce_mean(tf.reduce_sum(CLASS_LOSSES[config.kind](logits, targets, config), axis=-1))
        self._optimizer.apply(tape.gradient(loss, variables), variables)

    def _average(self, step: int) -> None:
        decay = min(EMA_DECAY, (1 + step) / (10 + step))
        for average, variable in zip(self._averages, self._network.whole.trainable_variables, strict=True):
            average *= decay
            average += (1 - decay) * np.asarray(variable)

    def _predicted(self, others: np.ndarray) -> np.ndarray:
        """The logits of the averaged weights, with statistics of their own. Training goes on with the weights that it had."""
        import tensorflow as tf

        from yt8m.training.statistics import StatisticsPass

        model = self._network.whole
        kept = [np.array(each) for each in model.variables]
        for variable, average in zip(model.trainable_variables, self._averages, strict=True):
            variable.assign(average)
        rows = np.random.default_rng(0).permutation(len(self._values))
        firsts = range(0, max(1, len(rows) - BATCH_SIZE + 1), BATCH_SIZE)
        batches = ({"values": tf.constant(self._values[rows[first : first + BATCH_SIZE]])} for first in firsts)
        StatisticsPass(model).pool(batches)
        predict = tf.function(lambda values: tf.cast(model({"values": values}), tf.float32), reduce_retracing=True)
        found = [predict(tf.constant(others[first : first + 512])).numpy() for first in range(0, len(others), 512)]
        for variable, value in zip(model.variables, kept, strict=True):
            variable.assign(value)
        return np.concatenate(found)
