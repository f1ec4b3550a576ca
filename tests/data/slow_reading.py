"""What the reader should deliver, worked out from the protos in plain Python, and records to read.

Nothing here uses `yt8m.data.graph.parsing` or `yt8m.data.pipeline`; the constants are written out again on purpose.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from yt8m.data.records import framed, video_level_record

SIZES = {"rgb": 1024, "audio": 128}
ZERO_BYTE = 127
SECONDS = 5


def write(path: Path, *records: bytes) -> str:
    """Writes a TFRecord file; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(framed(record) for record in records))
    return str(path)


def small_video(name: str) -> bytes:
    """A video-level record with audio alone, where all that matters is which record it is."""
    return video_level_record(name, [0], {"audio": np.zeros(SIZES["audio"])})


def with_a_broken_record(directory: Path) -> list[str]:
    """Three files of three small videos; the second record of the second file is broken."""
    paths = [write(directory / f"{name}.tfrecord", *map(small_video, "xyz")) for name in "abc"]
    content = bytearray(Path(paths[1]).read_bytes())
    content[len(content) // 2] ^= 1
    Path(paths[1]).write_bytes(content)
    return paths


def make_frames(generator: np.random.Generator, **counts: int) -> dict[str, np.ndarray]:
    """Random frames: `make_frames(generator, rgb=7, audio=6)`."""
    return {name: generator.integers(0, 256, (count, SIZES[name]), np.uint8) for name, count in counts.items()}


def edited(record: bytes, edit: Callable[[tf.train.SequenceExample], None]) -> bytes:
    """The record after a change to its proto."""
    example = tf.train.SequenceExample.FromString(record)
    edit(example)
    return example.SerializeToString(deterministic=True)


def renamed_id(record: bytes) -> bytes:
    """The record with its id under the key of 2017."""

    def rename(example):
        example.context.feature["video_id"].CopyFrom(example.context.feature["id"])
        del example.context.feature["id"]

    return edited(record, rename)


def protos(path: str | Path) -> Iterator[tf.train.SequenceExample]:
    """The records of a file, without a look at the checksums."""
    content, position = Path(path).read_bytes(), 0
    while position < len(content):
        (length,) = struct.unpack_from("<Q", content, position)
        yield tf.train.SequenceExample.FromString(content[position + 12 : position + 12 + length])
        position += 12 + length + 4


def identity(example: tf.train.SequenceExample) -> bytes:
    """The id, under whichever key."""
    context = example.context.feature
    return (context["id"] if "id" in context else context["video_id"]).bytes_list.value[0]


def padded(values: Iterable, length: int, dtype) -> np.ndarray:
    """A row that is filled up with -1."""
    values = list(values)
    return np.array(values + [-1] * (length - len(values)), dtype)


def _streams(example: tf.train.SequenceExample) -> tuple[dict[str, list[np.ndarray]], int]:
    lists = example.feature_lists.feature_list
    streams = {
        name: [np.frombuffer(frame.bytes_list.value[0], np.uint8) for frame in lists[name].feature]
        if name in lists
        else []
        for name in SIZES
    }
    count = min((len(frames) for frames in streams.values() if frames), default=0)
    filling = {name: [np.full(size, ZERO_BYTE, np.uint8)] * count for name, size in SIZES.items()}
    return {name: (frames or filling[name])[:count] for name, frames in streams.items()}, count


def _stacked(frames: list[np.ndarray], length: int, size: int) -> np.ndarray:
    rows = np.zeros((length, size), np.uint8)
    for index, frame in enumerate(frames):
        rows[index] = frame
    return rows


def frame_level(example: tf.train.SequenceExample, max_frames: int, max_labels: int) -> dict[str, Any]:
    """One element at frame level, all frames."""
    streams, stored = _streams(example)
    count = min(stored, max_frames)
    features = {name: _stacked(frames[:count], max_frames, SIZES[name]) for name, frames in streams.items()}
    labels = padded(example.context.feature["labels"].int64_list.value, max_labels, np.int32)
    return {
        "id": identity(example),
        "labels": labels,
        "num_frames": np.int32(count),
        "cut_frames": np.int32(stored - count),
        **features,
    }


def video_level(example: tf.train.SequenceExample, max_labels: int) -> dict[str, Any]:
    """One element at video level."""
    context = example.context.feature
    features = {
        f"mean_{name}": np.array(context[f"mean_{name}"].float_list.value or [0.0] * size, np.float32)
        for name, size in SIZES.items()
    }
    labels = padded(context["labels"].int64_list.value, max_labels, np.int32)
    return {"id": identity(example), "labels": labels, **features}


def segment_level(
    example: tf.train.SequenceExample, max_labels: int, rated_only: bool, around: int = 0
) -> list[dict[str, Any]]:
    """The elements of one video at segment level, by start; with so many frames around each segment."""
    context = example.context.feature
    ratings: dict[int, list[tuple[int, float]]] = {}
    columns = [context["segment_start_times"].int64_list, context["segment_labels"].int64_list]
    for start, label, score in zip(
        *(column.value for column in columns), context["segment_scores"].float_list.value, strict=True
    ):
        ratings.setdefault(start, []).append((label, score))
    streams, count = _streams(example)
    begun = [] if rated_only else list(range(0, count, SECONDS)) or [0]
    elements = []
    for start in sorted({*begun, *ratings}):
        rated = ratings.get(start, [])
        seconds = [second for second in range(start - around, start + SECONDS + around) if 0 <= second < count]
        inside = {name: [frames[second] for second in seconds] for name, frames in streams.items()}
        elements.append(
            {
                "id": identity(example),
                "segment_start": np.int32(start),
                "segment_frames": np.int32(sum(second < count for second in range(start, start + SECONDS))),
                "labels": padded((label for label, _ in rated), max_labels, np.int32),
                "label_scores": padded((score for _, score in rated), max_labels, np.float32),
                "video_labels": padded(context["labels"].int64_list.value, max_labels, np.int32),
                "num_frames": np.int32(len(inside["rgb"])),
                **{name: _stacked(frames, SECONDS + 2 * around, SIZES[name]) for name, frames in inside.items()},
            }
        )
    return elements


def elements_of(dataset: tf.data.Dataset) -> list[dict[str, np.ndarray]]:
    """The elements of all batches, one after the other."""
    elements = []
    for batch in dataset.as_numpy_iterator():
        sizes = {len(value) for value in batch.values()}
        assert len(sizes) == 1, "the values of a batch differ in length"
        elements += [{key: value[index] for key, value in batch.items()} for index in range(sizes.pop())]
    return elements


def ids_of(dataset: tf.data.Dataset) -> list[str]:
    """The ids of all batches, one after the other."""
    return [video_id.decode() for batch in dataset.as_numpy_iterator() for video_id in batch["id"]]


def assert_equal(found: list[dict[str, Any]], expected: list[dict[str, Any]]) -> None:
    """Same elements in the same order, with the same keys and types."""
    assert [element["id"] for element in found] == [element["id"] for element in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key], err_msg=f"{other['id']}: {key}")
            assert np.asarray(one[key]).dtype == np.asarray(other[key]).dtype or key == "id", key
