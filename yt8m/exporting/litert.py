"""A model for LiteRT (TensorFlow Lite), of one video at a time, with nothing but LiteRT's own operations."""

import re
import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from yt8m.errors import InputError
from yt8m.exporting.signatures import ExportedModel

_TOLERANCE = {False: 1e-5, True: 1e-2}
"""How far a probability may be from the run's, with float32 weights and with float16 ones."""


def convert(exported: ExportedModel, half: bool) -> bytes:
    """The content of a `.tflite` file, tried on random videos.

    Args:
        exported: the model, with float32 weights.
        half: keep the weights as float16, from float32 values that float16 has.

    Raises:
        InputError: the model cannot be converted, or what comes of it gives other scores.
    """
    function = exported.frames_function(for_one=True)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], exported)
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    try:
        content = converter.convert()
    except Exception as error:  # the converter has errors of many kinds
        raise InputError(
            f"the model cannot be converted to LiteRT ({_reason(error)}); export it with --format saved-model"
        ) from error
    _try(content, function, _TOLERANCE[half])
    return content


def _reason(error: Exception) -> str:
    """Which operations LiteRT does not have, or the first words of what the converter says."""
    missing = re.search(r"TF Select ops: (.*)", str(error))
    if missing:
        return f"LiteRT has no {missing[1]}"
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


def load(content: bytes) -> Any:
    """An interpreter of a `.tflite` file: LiteRT's own where it is installed, else the one in TensorFlow, which is to go.

    Raises:
        InputError: there is neither.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        Interpreter = getattr(tf.lite, "Interpreter", None)
    if Interpreter is None:
        raise InputError("this TensorFlow has no LiteRT interpreter to try the model with: pip install 'yt8m[litert]'")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"[\s\S]*tf.lite.Interpreter is deprecated")
        return Interpreter(model_content=content)


def _try(content: bytes, function, tolerance: float) -> None:
    """Raises InputError unless LiteRT computes what TensorFlow does; the converter can go wrong without a word."""
    runner = load(content).get_signature_runner()
    random = np.random.default_rng(0)
    for share in (1.0, 0.3):
        inputs = {}
        for each in function.structured_input_signature[0]:  # frames, then how many of them are real
            if each.dtype == tf.float32:
                inputs[each.name] = random.uniform(-2, 2, each.shape).astype(np.float32)
                count = max(1, int(share * each.shape[1]))
            else:
                inputs[each.name] = np.array([count], np.int32)
        expected = function(**{name: tf.constant(value) for name, value in inputs.items()})["predictions"]
        difference = np.abs(runner(**inputs)["predictions"] - expected).max()
        if not difference <= tolerance:
            raise InputError(
                f"LiteRT's scores of this model are {difference:.2g} off, more than {tolerance:g}; "
                "export it with --format saved-model"
            )
