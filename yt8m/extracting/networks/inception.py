"""The published Inception network of 2015, a frozen TensorFlow graph. H, W = a frame's own size; D = 2048.

The graph itself resizes a frame to 299 x 299 by TensorFlow's old bilinear rule (pixel i of the small frame lies at i * H / 299 of
the large one, no antialiasing, aspect ratio not kept), and scales it by (x - 128) / 128.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from yt8m.errors import InputError

FRAME, POOLED = "DecodeJpeg:0", "pool_3/_reshape:0"
"""Where a frame goes in, uint8 [H, W, 3], and where its values come out, float32 [1, D]."""

_OPS = frozenset(
    [
        *("Add", "AddV2", "AvgPool", "BatchNormWithGlobalNormalization", "BiasAdd", "Cast", "CheckNumerics", "Concat"),
        *("ConcatV2", "Const", "Conv2D", "DecodeJpeg", "ExpandDims", "Identity", "MatMul", "MaxPool", "Mul", "NoOp"),
        *("Placeholder", "Relu", "Reshape", "ResizeBilinear", "Softmax", "Squeeze", "Sub"),
    ]
)
"""Ops that compute one tensor from others and do nothing else. A graph with any other op is refused."""


def load_inception(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Loads the graph. Nothing of it runs but the ops between its frame and its pooled layer, each of which is a known one.

    Args:
        path: `classify_image_graph_def.pb`.

    Returns:
        A function from a frame, uint8 [H, W, 3], to its values, float32 [D].

    Raises:
        InputError: the file cannot be read, is no graph, or has an op or a function that the published graph has not.
    """
    import tensorflow as tf

    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(content)
    except Exception as error:  # of protobuf, whose class depends on its version
        raise InputError(f"{path}: is no TensorFlow graph, or damaged; fetch it again") from error
    _refuse_others(graph, path)

    # A session of its own keeps the graph's version; functions have today's, in which some of its ops no longer exist.
    with tf.Graph().as_default() as place:
        try:
            frame = tf.compat.v1.placeholder(tf.uint8, [None, None, 3])
            (pooled,) = tf.graph_util.import_graph_def(graph, {FRAME: frame}, [POOLED], name="")
            run = tf.compat.v1.Session(graph=place).make_callable(pooled, [frame])
        except (ValueError, TypeError, KeyError, tf.errors.OpError) as error:
            reason = " ".join(str(error).split())[:200]
            raise InputError(f"{path}: has no part from {FRAME} to {POOLED} that can be run ({reason})") from error

    def values(pixels: np.ndarray) -> np.ndarray:
        try:
            return run(pixels).reshape(-1)
        except tf.errors.OpError as error:
            raise InputError(f"{path}: its graph fails on a frame ({' '.join(error.message.split())[:200]})") from error

    return values


def _refuse_others(graph, path: Path) -> None:
    if graph.library.function or graph.library.gradient:
        raise InputError(f"{path}: has functions, which the published graph has not; it is not run")
    for node in graph.node:
        if node.op not in _OPS:
            raise InputError(f"{path}: {node.name} is a {node.op}, which the published graph has not; it is not run")
    if not graph.node:
        raise InputError(f"{path}: is empty; fetch it again")
