"""The models' heavy places: as the starter code has them, and as we do; milliseconds of a forward and a backward pass."""

import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from benchmarks.sizes import sized
from yt8m.config import TrainingConfig
from yt8m.layers.heads import MixtureOfExpertsHead
from yt8m.layers.vlad import NetRVLAD
from yt8m.training import optimizers

ROUNDS = sized(7, 1)


def _gradients(function: Callable[..., tf.Tensor], variables: list, *inputs: tf.Tensor) -> Callable[[], object]:
    """A graph that computes the sum of a function's output, and its gradients by the variables."""

    @tf.function
    def run():
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.square(function(*inputs)))
        return [tf.reduce_sum(gradient) for gradient in tape.gradient(total, variables)]

    return run


def _head() -> tuple[Callable, Callable]:
    """A mixture of 2 experts of 3862 classes: two products and a softmax over the last axis; one product and planes."""
    classes, mixtures, vectors = sized(3862, 40), 2, tf.random.stateless_normal([128, 1024], [0, 1])
    gates = tf.keras.layers.Dense(classes * (mixtures + 1), use_bias=False)
    experts = tf.keras.layers.Dense(classes * mixtures)

    def naive(inputs):
        gate = tf.nn.softmax(tf.reshape(gates(inputs), [-1, mixtures + 1]))
        expert = tf.sigmoid(tf.reshape(experts(inputs), [-1, mixtures]))
        return tf.reshape(tf.reduce_sum(gate[:, :mixtures] * expert, axis=1), [-1, classes])

    naive(vectors)
    head = MixtureOfExpertsHead(classes, mixtures)
    ours = lambda inputs: tf.sigmoid(head(inputs))  # noqa: E731
    ours(vectors)
    return (
        _gradients(naive, [weight.value for weight in (*gates.weights, *experts.weights)], vectors),
        _gradients(ours, [weight.value for weight in head.weights], vectors),
    )


def _residuals() -> tuple[Callable, Callable]:
    """Sums of 64 clusters' residuals over 100 frames: every residual made; one product and a difference."""
    batch, length, clusters, size = 8, 100, 64, 1024
    frames = tf.random.stateless_normal([batch, length, size], [0, 2])
    shares = tf.Variable(tf.nn.softmax(tf.random.stateless_normal([batch, length, clusters], [0, 3])))
    centres = tf.Variable(tf.random.stateless_normal([clusters, size], [0, 4]))

    def naive(frames):
        residuals = frames[:, :, None, :] - centres[None, None]
        return tf.reduce_sum(shares[:, :, :, None] * residuals, axis=1)

    layer = NetRVLAD(clusters)

    def ours(frames):
        return layer.add_up(shares, frames) - tf.reduce_sum(shares, axis=1)[:, :, None] * centres

    return _gradients(naive, [shares, centres], frames), _gradients(ours, [shares, centres], frames)


def _adam() -> tuple[Callable, Callable]:
    """An update of 30 million weights: a pass for each operation; one fused pass."""
    size, config = [7680, sized(3862, 40)], TrainingConfig(clip_norm=0.0)
    gradient = tf.random.stateless_normal(size, [0, 5])
    variables = [tf.Variable(tf.zeros(size)) for _ in range(2)]
    first, second = tf.Variable(tf.zeros(size)), tf.Variable(tf.zeros(size))
    fused = optimizers.Adam([variables[1]], config)

    @tf.function
    def naive():
        first.assign(0.9 * first + 0.1 * gradient)
        second.assign(0.999 * second + 0.001 * tf.square(gradient))
        variables[0].assign_sub(1e-3 * first / (tf.sqrt(second) + 1e-8))
        return tf.constant(0.0)

    @tf.function
    def ours():
        return fused.apply([gradient], tf.constant(0, tf.int64))

    return naive, ours


def measure() -> dict[str, tuple[float, float]]:
    """Milliseconds, medians of rounds in which the two take turns: (as the starter code, as here)."""
    keras.utils.set_random_seed(0)
    found = {}
    for make in (_head, _residuals, _adam):
        pair, times = make(), ([], [])
        for turn in range(ROUNDS + 1):
            for run, spent in zip(pair, times, strict=True):
                start = time.perf_counter()
                tf.nest.map_structure(lambda value: value.numpy(), run())
                if turn:  # the first traces
                    spent.append(1000 * (time.perf_counter() - start))
        found[make.__doc__.strip()] = tuple(float(np.median(spent)) for spent in times)
    return found
