#!/usr/bin/env bash
# Converted to LiteRT, softplus(600) is 88.4, and softplus(-20) is 0; nothing says so.
#
# Guessed: an operation that converts without a warning gives TensorFlow's values, to rounding.
# Happened: the file computes softplus as log(1 + exp(x)). Its exp ends at that of 88.376, so softplus and log_sigmoid never go beyond
#   88.376, where TensorFlow's go on; and 1 + exp(-20) is 1 in float32, so that softplus(x) is 0 from about -17 on, and its logarithm
#   is infinite. log1p(1e-9) is 0, too.
# Versions: ai-edge-litert 2.3.0 on a file of TensorFlow 2.21.0, Python 3.11.
# Why it matters: losses and heads that divide by a temperature, such as softplus(x / 0.002), go far beyond 88. A model that we had
#   exported gave probabilities that were 0.3 off. What is converted must be tried on values of its own range. max(x, 0) +
#   log1p(exp(-|x|)) keeps large x; for small x a series does.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.21.0 ai-edge-litert==2.3.0
cd "$place"
TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python - 2> log <<'END' || { cat log; exit 1; }
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

print("tensorflow", tf.__version__)
values = np.float32([-20, -1, 1, 20, 80, 100, 600])


def both(work, given):
    function = tf.function(lambda x: {"y": work(x)}, input_signature=[tf.TensorSpec(given.shape)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
    found = Interpreter(model_content=converter.convert()).get_signature_runner()(x=given)["y"]
    return function(tf.constant(given))["y"].numpy(), found


expected, found = both(tf.math.softplus, values)
print("softplus of  ", *values, sep="\t")
print("TensorFlow   ", *(f"{each:.4g}" for each in expected), sep="\t")
print("LiteRT       ", *(f"{each:.4g}" for each in found), sep="\t")
assert np.allclose(expected, np.logaddexp(0, values.astype(float)), rtol=1e-6), expected
assert np.allclose(found[1:5], expected[1:5], rtol=1e-5), found
assert found[0] == 0 < expected[0], (found[0], expected[0])
assert np.allclose(found[5:], 88.376, atol=0.01), found
expected, found = both(tf.math.log_sigmoid, -values)
print("log_sigmoid of -600:", expected[-1], found[-1])
assert expected[-1] == -600 and abs(found[-1] + 88.376) < 0.01
expected, found = both(tf.math.log1p, np.float32([1e-9]))
print("log1p of 1e-9:", expected[0], found[0])
assert expected[0] > 0 == found[0]
END
