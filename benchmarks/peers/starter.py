"""The train step of the starter code's mixture of experts, as a graph written out here; prints what `ours.py` does.

Two products without a product's gradient by the input, a softmax over the gates of each class, cross-entropy with an epsilon,
L2 penalties of 1e-8, gradients clipped one by one, and TensorFlow's fused Adam, as the starter's flags have them by default.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from benchmarks.peers.roof import INPUTS
from benchmarks.peers.timing import time_steps
from benchmarks.sizes import parser_of

EPSILON, L2, LARGEST_NORM, LEARNING_RATE = 1e-5, 1e-8, 1.0, 0.01


def _probabilities(inputs, gates, experts, bias, num_mixtures, num_classes):
    """The probability of each class, [B, C]."""
    shares = tf.nn.softmax(tf.reshape(tf.linalg.matmul(inputs, gates), [-1, num_mixtures + 1]))
    found = tf.sigmoid(tf.reshape(tf.linalg.matmul(inputs, experts) + bias, [-1, num_mixtures]))
    return tf.reshape(tf.reduce_sum(shares[:, :num_mixtures] * found, axis=1), [-1, num_classes])


def main(settings: dict) -> dict[str, float]:
    """Times the step; see `model_garden.main`."""
    batch, classes, mixtures = settings["batch"], settings["classes"], settings["mixtures"]
    random = np.random.default_rng(0)
    features = tf.constant(random.normal(size=(batch, INPUTS)), tf.float32)
    labels = tf.constant(random.random((batch, classes)) < 0.001, tf.float32)
    shapes = ([INPUTS, (mixtures + 1) * classes], [INPUTS, mixtures * classes], [mixtures * classes])
    weights = [tf.Variable(tf.random.stateless_normal(shape, [0, 1], stddev=0.02)) for shape in shapes]
    firsts, seconds = ([tf.Variable(tf.zeros(shape)) for shape in shapes] for _ in range(2))
    steps = tf.Variable(0.0)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            inputs = tf.math.l2_normalize(features, axis=1)
            found = _probabilities(inputs, *weights, mixtures, classes)
            losses = labels * tf.math.log(found + EPSILON) + (1 - labels) * tf.math.log(1 - found + EPSILON)
            penalty = L2 * tf.add_n([tf.nn.l2_loss(matrix) for matrix in weights[:2]])
            loss = penalty - tf.reduce_mean(tf.reduce_sum(losses, axis=1))
        gradients = [tf.clip_by_norm(gradient, LARGEST_NORM) for gradient in tape.gradient(loss, weights)]
        steps.assign_add(1.0)
        for weight, first, second, gradient in zip(weights, firsts, seconds, gradients, strict=True):
            tf.raw_ops.ResourceApplyAdam(
                var=weight.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=tf.pow(0.9, steps),
                beta2_power=tf.pow(0.999, steps),
                lr=LEARNING_RATE,
                beta1=0.9,
                beta2=0.999,
                epsilon=1e-8,
                grad=gradient,
            )
        return loss

    parameters = sum(int(np.prod(shape)) for shape in shapes)
    return time_steps(lambda: step().numpy(), batch, settings["seconds"], parameters)


if __name__ == "__main__":
    parser = parser_of("benchmarks.peers.starter", __doc__)
    parser.add_argument("settings", type=json.loads, help="a JSON object")
    print(json.dumps(main(parser.parse_args().settings)))
