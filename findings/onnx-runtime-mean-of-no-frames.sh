#!/usr/bin/env bash
# The mean of no frames is 0 in ONNX Runtime, and NaN in TensorFlow, LiteRT, NumPy and ONNX's own reference. The log-sum-exp of none
# is minus infinity, but NaN in a file that tf2onnx has written.
#
# Guessed: the runtimes agree on what a reduction of nothing is. They do for sum (0), product (1), maximum and minimum (infinities).
# Happened: for the mean and the standard deviation ONNX Runtime says 0. ONNX's reference evaluator runs the same file and says NaN. For
#   logsumexp, tf2onnx subtracts the maximum of nothing from nothing and adds it again: minus infinity minus itself is NaN.
# Versions: tensorflow 2.16.2, tf2onnx 1.17.0, onnx 1.18.0, onnxruntime 1.32.0, ai-edge-litert 2.3.0, Python 3.11.
# Why it matters: YouTube-8M has videos without frames, and a clip may be shorter than the distance of two frames. A model that pools by a plain
#   mean shows such a video as NaN while it is trained, and as one more video of zeros after export. Sums over a mask, divided by
#   the number of frames or by 1, are the same everywhere.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow==2.16.2 tf2onnx==1.17.0 onnx==1.18.0 onnxruntime==1.32.0 ai-edge-litert==2.3.0
cd "$place"
TF_CPP_MIN_LOG_LEVEL=3 venv/bin/python -W ignore - 2> log <<'END_OF_PYTHON' || { cat log; exit 1; }
import math
from importlib.metadata import version

import numpy as np
import onnxruntime
import tensorflow as tf
import tf2onnx
from ai_edge_litert.interpreter import Interpreter
from onnx.reference import ReferenceEvaluator

print(*(f"{name} {version(name)}" for name in ("tensorflow", "tf2onnx", "onnx", "onnxruntime", "ai-edge-litert")), sep=", ")
REDUCTIONS = {
    "sum": tf.reduce_sum,
    "product": tf.reduce_prod,
    "maximum": tf.reduce_max,
    "mean": tf.reduce_mean,
    "standard deviation": tf.math.reduce_std,
    "log-sum-exp": tf.reduce_logsumexp,
}
NO_FRAMES = np.zeros([1, 0, 3], np.float32)


def outcomes(reduce):
    """What each runtime says of the first of three values of a video without frames."""
    signature = [tf.TensorSpec([None, None, 3], tf.float32)]
    function = tf.function(lambda frames: reduce(frames, axis=1), input_signature=signature, autograph=False)
    model, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=18)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    given = {session.get_inputs()[0].name: NO_FRAMES}
    lite = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()]).convert()
    interpreter = Interpreter(model_content=lite)
    place = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(place, NO_FRAMES.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(place, NO_FRAMES)
    interpreter.invoke()
    found = {
        "TensorFlow": function(NO_FRAMES).numpy(),
        "LiteRT": interpreter.get_tensor(interpreter.get_output_details()[0]["index"]),
        "ONNX's reference": ReferenceEvaluator(model).run(None, given)[0],
        "ONNX Runtime": session.run(None, given)[0],
    }
    return {name: float(values[0, 0]) for name, values in found.items()}


found = {name: outcomes(reduce) for name, reduce in REDUCTIONS.items()}
for name, each in found.items():
    print(f"{name}: {each}")
for name, expected in {"sum": 0.0, "product": 1.0, "maximum": -math.inf}.items():
    assert set(found[name].values()) == {expected}, found[name]
for name in ("mean", "standard deviation"):
    assert found[name].pop("ONNX Runtime") == 0.0
    assert all(map(math.isnan, found[name].values())), found[name]
assert all(math.isnan(found["log-sum-exp"][name]) for name in ("ONNX's reference", "ONNX Runtime"))
assert found["log-sum-exp"]["TensorFlow"] == found["log-sum-exp"]["LiteRT"] == -math.inf
END_OF_PYTHON
