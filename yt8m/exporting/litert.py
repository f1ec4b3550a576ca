"""A model for LiteRT (TensorFlow Lite), for one video at a time. It uses only LiteRT's own operations."""

import re
import warnings
from typing import Any

import numpy as np
import tensorflow as tf

from yt8m.errors import InputError
from yt8m.exporting.agreement import OUTPUT, require_same_scores, tolerance
from yt8m.exporting.limits import require_size
from yt8m.exporting.signatures import ExportedModel


def convert(exported: ExportedModel, half: bool) -> bytes:
    """Converts a model to the content of a `.tflite` file, and tests it on random videos.

    Args:
        exported: the model, with float32 weights.
        half: store the weights as float16. Their values must be exact in float16.

    Raises:
        InputError: the model is too large or cannot be converted, or the result gives other scores.
    """
    require_size(exported, "a model for LiteRT")
    function = exported.frames_function(for_one=True)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], exported)
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    try:
        content = converter.convert()
    except Exception as error:  # the converter raises many kinds of errors
        raise InputError(
            f"the model cannot be converted to LiteRT ({_reason(error)}); export it with --format saved-model"
        ) from error
    _try(content, function, tolerance(exported.rounding, half))
    return content


def _reason(error: Exception) -> str:
    """The operations that LiteRT lacks, or the first words of the converter's message."""
    missing = re.search(r"TF Select ops: (.*)", str(error))
    if missing:
        return f"LiteRT has no {missing[1]}"
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]


def load(content: bytes) -> Any:
    """An interpreter for a `.tflite` file: LiteRT's own if installed, otherwise the deprecated one in TensorFlow.

    Raises:
        InputError: neither is installed.
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


def _try(content: bytes, function, allowed: float) -> None:
    """Raises InputError unless LiteRT and TensorFlow agree. The converter can fail silently."""
    runner = load(content).get_signature_runner()
    random = np.random.default_rng(0)
    for share in (1.0, 0.3):
        inputs = {}
        for each in function.structured_input_signature[0]:  # frames, then the number of real ones
            if each.dtype == tf.float32:
                inputs[each.name] = random.uniform(-2, 2, each.shape).astype(np.float32)
                count = max(1, int(share * each.shape[1]))
            else:
                inputs[each.name] = np.array([count], np.int32)
        require_same_scores("LiteRT", function, inputs, runner(**inputs)[OUTPUT], allowed)
