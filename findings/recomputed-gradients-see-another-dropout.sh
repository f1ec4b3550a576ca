#!/usr/bin/env bash
# tf.recompute_grad and keras.RematScope compute a block again with new random numbers, so its gradient is that of another function.
#
# Guessed: a block that is computed again for its gradient (arXiv 1604.06174) has the dropout that it had before, as in PyTorch's
#   checkpoint, which keeps the state of the random numbers.
# Happened: values that were dropped get gradients, and values that were kept get none. Half of a mask of .5 agrees by chance. That
#   is so with Keras's Dropout, tf.nn.dropout and tf.random.Generator, in eager code and in a compiled function, and without a warning.
#   A seed for tf.nn.dropout helps in a compiled function alone. keras.RematScope does the same in eager code. In a compiled
#   function it raises an error for every layer that is called with `training`.
# Versions: keras 3.15.1 with tensorflow 2.21.0 and 2.16.2, Python 3.11.
# Why it matters: memory is saved where models are large, and these have dropout. Training still learns something, as the mean over many
#   masks points about where it should, so nobody notices.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1
cd "$place"
cat > masks.py <<'END'
import keras
import tensorflow as tf

values = tf.Variable(tf.ones([1, 2000]))
generator = tf.random.Generator.from_seed(1)


class Block(keras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dropout = keras.layers.Dropout(0.5, seed=1)

    def call(self, inputs):
        return self.dropout(inputs, training=True)


def plain(inputs):
    return tf.nn.dropout(inputs, 0.5)


def seeded(inputs):
    return tf.nn.dropout(inputs, 0.5, seed=1)


def generated(inputs):
    return inputs * tf.cast(generator.uniform(inputs.shape) < 0.5, tf.float32)


def agreement(block):
    """The share of values for which the gradient knows whether they were dropped."""
    with tf.GradientTape() as tape:
        result = block(values)
    gradient = tape.gradient(result, values)
    return tf.reduce_mean(tf.cast((result != 0) == (gradient != 0), tf.float32))


def shown(name, block):
    eager = float(agreement(block))
    try:
        compiled = float(tf.function(lambda: agreement(block))())
    except ValueError:
        compiled = None
    print(f"{name}: {eager:.2f} of the mask in eager code, {compiled and round(compiled, 2)} in a function", flush=True)
    return eager, compiled


def by_chance(share):
    return 0.4 < share < 0.6


with keras.RematScope(mode="full"):
    in_scope = Block()
assert shown("kept", Block()) == shown("kept, tf.nn.dropout", plain) == (1.0, 1.0)
for name, block in {"Keras's Dropout": Block(), "tf.nn.dropout": plain, "tf.random.Generator": generated}.items():
    assert all(by_chance(share) for share in shown(f"recomputed, {name}", tf.recompute_grad(block)))
eager, compiled = shown("recomputed, tf.nn.dropout with a seed", tf.recompute_grad(seeded))
assert by_chance(eager) and compiled == 1.0
eager, compiled = shown("keras.RematScope", in_scope)
assert by_chance(eager) and compiled is None
END
TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1 venv/bin/python masks.py 2> log || { cat log; exit 1; }
