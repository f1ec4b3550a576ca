"""A model for ONNX Runtime, for any number of videos at a time. It uses only ONNX's own operations."""

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from yt8m.errors import InputError, not_installed
from yt8m.exporting.agreement import OUTPUT, require_same_scores, tolerance
from yt8m.exporting.limits import require_size
from yt8m.exporting.recurrent_loops import plain_loops
from yt8m.exporting.signatures import ExportedModel

OPSET = 17
"""The version of ONNX's operations: of 2022, which runtimes since then read."""
_WEIGHT = "weight_"

_TRIALS = ((3, 1.0), (1, 0.3), (2, 1.4))
"""Videos of a batch that a file is tried with, and frames as a share of those that the model uses."""


def require_packages() -> None:
    """Raises InputError unless the packages of the extra `onnx` can be loaded. Call it before the work."""
    for name in ("onnx", "tf2onnx", "onnxruntime"):
        try:
            __import__(name)
        except ImportError as error:
            raise not_installed("--format onnx", name, "onnx", error) from error


def convert(exported: ExportedModel, half: bool) -> bytes:
    """Converts a model to the content of an `.onnx` file, and tests it in ONNX Runtime on random videos.

    A model of frames takes what `ExportedModel.frames_function` takes, with any number of videos and frames. One of video
    level takes the means of its features, float32 [B, D] each, under their names in records. Both give `predictions`,
    float32 [B, C].

    Args:
        exported: the model, with float32 weights.
        half: store the weights as float16. Their values must be exact in float16.

    Raises:
        InputError: a package of the extra `onnx` is missing, the model is too large or cannot be converted, or the result
            gives other scores.
    """
    require_packages()
    require_size(exported, "a file of ONNX")
    function = exported.means_function() if exported.as_means else exported.frames_function()
    content = _content(exported, function, half)
    _try(content, function, exported.num_frames, tolerance(exported.rounding, half))
    return content


def _content(exported: ExportedModel, function: Any, half: bool) -> bytes:
    model = _converted(exported, function)
    _name_dimensions(model.graph)
    _fill(model.graph, exported.weights, half)
    model.producer_name = "yt8m"
    return model.SerializeToString()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silences tf2onnx's log: what it could not convert is found afterwards, and told in one line."""
    logger = logging.getLogger("tf2onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _converted(exported: ExportedModel, function: Any) -> Any:
    """The ONNX model of a traced function, without what ONNX lacks. Its last inputs are the weights.

    As constants, they would be copied by each step of the conversion: dozens of times.
    """
    inputs = [
        tf.TensorSpec([None] if each.dtype == tf.int32 else each.shape, each.dtype, each.name)
        for each in function.structured_input_signature[0]
    ]
    weights = [tf.TensorSpec(each.shape, each.dtype, f"{_WEIGHT}{n}") for n, each in enumerate(exported.weights)]
    predict = exported.predictions_of_means if exported.as_means else exported.predictions

    @tf.function(autograph=False)
    def called(*arguments):
        with exported.given(arguments[len(inputs) :]), plain_loops(exported.recurrences()):
            return predict(*arguments[: len(inputs)])

    return _translated(called, [*inputs, *weights])


def _translated(function: Callable, specifications: list[tf.TensorSpec]) -> Any:
    """The ONNX model of a function."""
    import tf2onnx

    handlers = {"Log1p": (_log1p, []), "Erfc": (_erfc, [])}
    try:
        with _quiet():
            model, _ = tf2onnx.convert.from_function(function, specifications, opset=OPSET, custom_op_handlers=handlers)
    except Exception as error:  # the converter raises many kinds of errors
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        raise _refused(reason) from error
    if missing := sorted(_missing(model.graph)):
        raise _refused(f"ONNX has no {', '.join(missing)}")
    return model


def _refused(reason: str) -> InputError:
    return InputError(f"the model cannot be converted to ONNX ({reason}); export it with --format saved-model")


def _missing(graph: Any) -> set[str]:
    """The operations of a graph, and of those inside its loops, that ONNX does not have."""
    import onnx

    found = set()
    for node in graph.node:
        if not onnx.defs.has(node.op_type, OPSET, node.domain):
            found.add(node.op_type)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                found |= _missing(attribute.g)
    return found


def _log1p(context: Any, node: Any, name: str, _: Any) -> None:
    """log(1 + x), exact for a small x: log(u) x / (u - 1) with u = 1 + x (Kahan; Higham 2002, section 1.14.1)."""
    make, one = _maker(context, node)
    x = node.input[0]
    above = make("Add", [x, one])
    far = make("Div", [make("Mul", [make("Log", [above]), x]), make("Sub", [above, one])])
    is_tiny = make("Equal", [above, one], dtype=tf.bool)
    _replace(context, node, "Where", [is_tiny, x, far], name)


def _erfc(context: Any, node: Any, name: str, _: Any) -> None:
    """1 - erf(x)."""
    make, one = _maker(context, node)
    _replace(context, node, "Sub", [one, make("Erf", [node.input[0]])], name)


def _maker(context: Any, node: Any):
    """Makes a function that adds a node of the shape of `node` and returns its output, and the name of the constant 1."""
    import onnx
    import tf2onnx

    given = context.get_dtype(node.input[0])

    def make(kind: str, inputs: list[str], dtype: tf.DType | None = None) -> str:
        dtypes = [onnx.TensorProto.BOOL if dtype == tf.bool else given]
        return context.make_node(kind, inputs, dtypes=dtypes, shapes=[context.get_shape(node.output[0])]).output[0]

    one = context.make_const(tf2onnx.utils.make_name("one"), np.ones((), np.float32)).output[0]
    return make, one


def _replace(context: Any, node: Any, kind: str, inputs: list[str], name: str) -> None:
    dtypes, shapes = [context.get_dtype(node.output[0])], [context.get_shape(node.output[0])]
    context.remove_node(node.name)
    context.make_node(kind, inputs, outputs=list(node.output), name=name, dtypes=dtypes, shapes=shapes)


def _name_dimensions(graph: Any) -> None:
    """Names the open dimensions: videos first, then frames, which may differ between a segment and its context."""
    for value in [*graph.input, *graph.output]:
        first, *others = value.type.tensor_type.shape.dim
        first.dim_param = "videos"
        for dimension in others:
            if not dimension.dim_value:
                dimension.dim_param = "context_frames" if value.name.startswith("context_") else "frames"


def _fill(graph: Any, weights: list[tf.Variable], half: bool) -> None:
    """Makes the inputs for weights constants. Float16 is widened again; runtimes do that once, when they load a file."""
    from onnx import TensorProto, helper, numpy_helper

    from yt8m.exporting.half_precision import halved

    used = [each.name for each in graph.input]
    kept = [each for each in graph.input if not each.name.startswith(_WEIGHT)]
    del graph.input[:]
    graph.input.extend(kept)
    for number, weight in enumerate(weights):
        name = f"{_WEIGHT}{number}"
        if name not in used:
            continue
        value = halved(weight.numpy()) if half else weight.numpy()
        if value.dtype == np.float16:
            stored = f"{name}/float16"
            graph.node.insert(0, helper.make_node("Cast", [stored], [name], f"{name}/float32", to=TensorProto.FLOAT))
            name = stored
        graph.initializer.append(numpy_helper.from_array(value, name))


def open_session(content: bytes | str | os.PathLike) -> Any:
    """A session of ONNX Runtime on the CPU, for the content of a file or its path."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    what = content if isinstance(content, bytes) else os.fspath(content)
    return onnxruntime.InferenceSession(what, options, providers=["CPUExecutionProvider"])


def _try(content: bytes, function: Any, num_frames: int, allowed: float) -> None:
    """Raises InputError unless ONNX Runtime and TensorFlow agree, for several numbers of videos and frames."""
    trials = [_random_inputs(function, *trial, num_frames) for trial in _TRIALS]
    try:
        session = open_session(content)
        found = [session.run([OUTPUT], inputs)[0] for inputs in trials]
    except Exception as error:  # the runtime raises many kinds of errors
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)[:200]
        raise InputError(
            f"ONNX Runtime does not run this model ({reason}); export it with --format saved-model"
        ) from error
    for inputs, scores in zip(trials, found, strict=True):
        require_same_scores("ONNX Runtime", function, inputs, scores, allowed)


def _random_inputs(function: Any, num_videos: int, share: float, num_frames: int) -> dict[str, np.ndarray]:
    """Random videos of several lengths."""
    random, inputs = np.random.default_rng(num_videos), {}
    given = max(1, int(share * num_frames))
    for each in function.structured_input_signature[0]:
        if each.dtype == tf.int32:
            inputs[each.name] = random.integers(1, given + 1, num_videos, np.int32)
            continue
        shape = [num_videos, *(each.shape[1:] if len(each.shape) == 2 else (given, each.shape[2]))]
        inputs[each.name] = random.uniform(-2, 2, shape).astype(np.float32)
    return inputs
