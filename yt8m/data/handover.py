"""Hands batches of NumPy arrays over to TensorFlow, as a dataset. Their memory is not copied."""

import contextlib
import itertools
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from yt8m.data.features import rows_of
from yt8m.data.options import Frames
from yt8m.data.schema import CONTEXT_PREFIX, SEGMENT_FRAMES
from yt8m.data.source import Source

_MOST_KEPT = 64
_kept: OrderedDict[str, Exception] = OrderedDict()
_numbers = itertools.count()


class _InStreamError(ValueError):
    """Carries an error through TensorFlow, which keeps only its text."""


def as_dataset(
    stream: Callable[[], Iterator[dict[str, np.ndarray]]], signature: dict[str, tf.TensorSpec]
) -> tf.data.Dataset:
    """Makes a dataset of batches.

    An error in the stream becomes an `InvalidArgumentError`; `carried_error` gives the original.

    Args:
        stream: begins the stream; called at each iteration over the dataset. Arrays that begin at a multiple of 64 bytes
            (`yt8m.data.engine.memory`) are handed over as they are, others are copied.
        signature: types and shapes of a batch.
    """

    def batches():
        with contextlib.closing(stream()) as opened:
            try:
                yield from opened
            except Exception as error:
                raise _keep(error) from None

    return tf.data.Dataset.from_generator(batches, output_signature=signature)


def _keep(error: Exception) -> _InStreamError:
    token = f"stream-error-{next(_numbers)}"
    _kept[token] = error
    while len(_kept) > _MOST_KEPT:
        _kept.popitem(last=False)
    return _InStreamError(f"{error} ({token})")


def carried_error(message: str) -> Exception | None:
    """The error in a stream that became TensorFlow's error with this message; None if it was another error."""
    found = re.search(r"\((stream-error-\d+)\)", message)
    return _kept.get(found[1]) if found else None


def signature_of(source: Source, frames: Frames, batch_size: int | None) -> dict[str, tf.TensorSpec]:
    """Types and shapes of a stream's batches.

    Args:
        source: the records.
        frames: which frames and segments of each video are given.
        batch_size: rows of each batch; None if the last one may have fewer.
    """

    def spec(dtype, *shape: int) -> tf.TensorSpec:
        return tf.TensorSpec((batch_size, *shape), dtype)

    def stream(length: int, prefix: str = "") -> dict[str, tf.TensorSpec]:
        rows = () if source.without_features else rows_of(source.features)
        if source.level == "video" or source.as_means:
            return {f"{prefix}{row.video_name}": spec(tf.float32, row.size) for row in rows}
        values = {f"{prefix}{row.name}": spec(tf.as_dtype(row.dtype), length, row.size) for row in rows}
        return values | {f"{prefix}num_frames": spec(tf.int32)}

    labels = spec(tf.int32, source.max_labels)
    result = {"id": spec(tf.string), "labels": labels}
    if source.level == "segment":
        around = 0 if source.context == "video" else source.context
        result |= stream(SEGMENT_FRAMES + 2 * around)
        result |= {"segment_start": spec(tf.int32), "segment_frames": spec(tf.int32), "video_labels": labels}
        result |= {"label_scores": spec(tf.float32, source.max_labels)}
        return result | (stream(source.context_num_frames, CONTEXT_PREFIX) if source.context == "video" else {})
    result |= stream(frames.num_frames or frames.max_frames)
    return result | ({"cut_frames": spec(tf.int32)} if source.level == "frame" else {})
