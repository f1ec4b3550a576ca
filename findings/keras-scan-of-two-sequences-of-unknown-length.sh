#!/usr/bin/env bash
# keras.ops.scan takes one sequence whose length is not known yet, but of two it fails, and names neither of them.
#
# Guessed: what scan does with one sequence, it does with a pair of equally long ones, as jax.lax.scan.
# Happened: on TensorFlow, inside a function that is traced for any length, one sequence is summed; of a pair, scan builds the whole loop
#   and then raises AttributeError: 'NoneType' object has no attribute 'assert_is_compatible_with'. It wants to compare the lengths
#   by a method of dimensions that TensorFlow 1 had.
# Versions: keras 3.15.1 on TensorFlow 2.21.0 (and on 2.16.2), Python 3.11.
# Why it matters: a recurrent layer scans its inputs together with their mask. tf.function with reduce_retracing makes a length
#   unknown at the second one that it meets, so a function that has worked for batches of one length fails for the next. Without
#   reduce_retracing every length is traced by itself. A single tensor that holds both sequences would do, too.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 keras==3.15.1
cd "$place"
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - 2> log <<'END' || { cat log; exit 1; }
import keras
import tensorflow as tf

print("keras", keras.__version__, "on tensorflow", tf.__version__)


def total(*sequences):
    """The sum of products of what lies at the same place."""
    add = lambda sums, each: (sums + tf.reduce_prod(tf.stack(tf.nest.flatten(each)), axis=0), sums)
    return keras.ops.scan(add, tf.zeros([3]), sequences[0] if len(sequences) == 1 else sequences)[0]


def outcome(function, *given):
    try:
        return function(*given).numpy().tolist()
    except AttributeError as error:
        return f"AttributeError: {error}".splitlines()[0]


values, weights = tf.ones([4, 3]), 2 * tf.ones([4, 3])
unknown = tf.TensorSpec([None, 3])
one = tf.function(total, input_signature=[unknown], autograph=False)
two = tf.function(total, input_signature=[unknown, unknown], autograph=False)
found = {"one sequence": outcome(one, values), "two, of known length": outcome(tf.function(total), values, weights)}
found["two, of unknown length"] = outcome(two, values, weights)
for name, each in found.items():
    print(name, each, sep=": ")
assert found["one sequence"] == [4, 4, 4]
assert found["two, of known length"] == [8, 8, 8]
assert found["two, of unknown length"].startswith("AttributeError: 'NoneType'"), found

lengths = tf.function(total, reduce_retracing=True, autograph=False)
for length in (4, 5, 6):
    print("length", length, "with reduce_retracing:", outcome(lengths, tf.ones([length, 3]), tf.ones([length, 3])))
assert outcome(lengths, tf.ones([7, 3]), tf.ones([7, 3])).startswith("AttributeError")
END
