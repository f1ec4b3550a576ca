"""What the engine makes of any record, however it is written: what protobuf reads, or an error that names the record.

`odd_records` makes the records. TensorFlow's own parser, in `yt8m.data.graph.reading`, stays in exported models and data
services, so the two must agree.
"""

from collections import Counter, defaultdict
from random import Random

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from odd_records import MAX_LABELS, NUM_CLASSES, OddRecords, chunk
from slow_reading import SIZES, assert_equal, frame_level, segment_level, video_level

from yt8m.data.engine.frame_level import frame_batch
from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.records import Record
from yt8m.data.engine.segments import all_segments, find_rated, rated_batch
from yt8m.data.engine.video_level import video_batches
from yt8m.data.features import may_be_name
from yt8m.data.graph.reading import make_parser
from yt8m.data.options import Frames
from yt8m.data.records import framed
from yt8m.data.source import Source
from yt8m.errors import RecordError

MAX_FRAMES = 10
LEVELS = ("frame", "video", "rated", "all")
"""Levels; at segment level, which segments."""
SOURCES = {
    level: Source(
        (),
        level if level in ("frame", "video") else "segment",
        tuple(SIZES),
        num_classes=NUM_CLASSES,
        max_labels=MAX_LABELS,
    )
    for level in LEVELS
}
ALL_FRAMES = Frames(max_frames=MAX_FRAMES)
SETTINGS = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[*HealthCheck],
)
"""The same records each time. Records are too large to look for smaller ones with the same failure."""
SOME, FEW = (settings(SETTINGS, max_examples=count) for count in (150, 75))
"""Of what takes long to make or to read."""

OURS = {"id", "video_id", "labels", *(f"segment_{each}" for each in ("start_times", "end_times", "labels", "scores"))}
SEEDED, CHOSEN = st.randoms(use_true_random=True), st.randoms(use_true_random=False)
"""Choices by a seed; and choices that hypothesis makes one by one, which takes 20 times as long."""
SHARES, FLAWS = st.sampled_from([0.0, 0.05, 0.4]), st.sampled_from([0.0, 0.02])


class InMemory:
    """A record as its file holds it."""

    def __init__(self, serialized: bytes):
        self._content = np.frombuffer(framed(serialized), np.uint8)
        self.record = Record("a.tfrecord", 3, self, 12, len(serialized))

    def read(self, begin, size, scratch):
        memory = scratch.first(size)
        memory[:] = self._content[begin : begin + size]
        return memory


def elements(batch):
    """The rows of a batch."""
    return [{key: values[row] for key, values in batch.items()} for row in range(len(batch["id"]))]


POOL, SCRATCH = Pool(), Scratch()


def read_by_the_engine(serialized: bytes, level: str):
    record, source = InMemory(serialized).record, SOURCES[level]
    if level == "frame":
        return elements(frame_batch([record], source, ALL_FRAMES, 0, 0, POOL, SCRATCH))
    if level == "video":
        return elements(next(video_batches([record], 1, source, POOL, SCRATCH)))
    if level == "all":
        return elements(all_segments(record, source, POOL, SCRATCH))
    segments = list(find_rated([record], source, SCRATCH))
    return elements(rated_batch(segments, source, POOL, SCRATCH)) if segments else []


def by_the_engine(serialized: bytes, level: str):
    """The elements that the engine reads from a record; None if it refuses the record."""
    try:
        return read_by_the_engine(serialized, level)
    except RecordError as error:
        problem = error
    assert (problem.path, problem.record) == ("a.tfrecord", 3)
    assert problem.reason
    assert "\n" not in problem.reason
    return None


def texts(feature) -> list[bytes] | None:
    """The texts of a feature that holds texts or nothing."""
    return list(feature.bytes_list.value) if feature.WhichOneof("kind") in ("bytes_list", None) else None


def identity(context) -> bytes:
    """The one text of the first key that is used; empty if there is no such text."""
    for key in ("id", "video_id"):
        feature = context[key] if key in context else tf.train.Feature()
        kind = feature.WhichOneof("kind")
        values = list(getattr(feature, kind).value) if kind else []
        if len(values) > 1 or (values and kind != "bytes_list"):
            return b""
        if values and values[0]:
            return values[0]
    return b""


def are_classes(values) -> bool:
    return all(0 <= value < NUM_CLASSES for value in values)


def is_a_feature(frames) -> bool:
    """Whether frames are all one text of the same size, or all as many floats."""
    kinds = {frame.WhichOneof("kind") for frame in frames}
    if kinds == {"bytes_list"}:
        sizes = {tuple(map(len, frame.bytes_list.value)) for frame in frames}
        return len(sizes) == 1 and all(len(size) == 1 and size[0] > 0 for size in sizes)
    counts = {len(frame.float_list.value) for frame in frames}
    return kinds == {"float_list"} and len(counts) == 1 and 0 not in counts


def is_a_mean(key: str, feature) -> bool:
    """Whether a value is the mean of a feature that is not asked for. Its record then lacks all that are."""
    is_named = key.startswith("mean_") and may_be_name(key[len("mean_") :])
    return is_named and 0 < len(feature.float_list.value) <= 65536


def is_of_another_kind(example) -> bool:
    """Whether a record has no frames, but something else. TensorFlow's parser takes it for a video without frames."""
    lists = example.feature_lists.feature_list
    if any(name in SIZES or (may_be_name(name) and is_a_feature(lists[name].feature)) for name in lists):
        return False
    return bool({*lists, *example.context.feature} - OURS)


def has_frames(example, level) -> bool:
    """Whether the streams of a record are as this data set writes them."""
    lists, context = example.feature_lists.feature_list, example.context.feature
    if is_of_another_kind(example):
        return False
    counts = []
    for name, size in SIZES.items():
        frames = [texts(frame) for frame in lists[name].feature] if name in lists else []
        if any(frame is None or [len(text) for text in frame] != [size] for frame in frames):
            return False
        counts += [len(frames)] if frames else []
    if counts and max(counts) - min(counts) > 1:
        return False
    return level == "frame" or has_ratings(context, min(counts, default=0))


def has_ratings(context, length: int) -> bool:
    """Whether the ratings of segments can all be used, if there are any."""
    columns = {}
    for key, kind in (("start_times", "int64"), ("end_times", "int64"), ("labels", "int64"), ("scores", "float")):
        feature = context[f"segment_{key}"] if f"segment_{key}" in context else tf.train.Feature()
        if feature.WhichOneof("kind") not in (f"{kind}_list", None):
            return False
        columns[key] = list(getattr(feature, f"{kind}_list").value)
    starts, ends, labels, scores = columns.values()
    if not len(starts) == len(labels) == len(scores) or len(ends) not in (0, len(starts)):
        return False
    kinds = defaultdict(set)
    for start, label, score in zip(starts, labels, scores, strict=True):
        kinds[start, label].add(score >= 0.5)
    return (
        all(start % 5 == 0 and 0 <= start < length for start in starts)
        and (not ends or ends == [start + 5 for start in starts])
        and are_classes(labels)
        and all(0 <= score <= 1 for score in scores)
        and all(len(kind) == 1 for kind in kinds.values())
        and max(Counter(starts).values(), default=0) <= MAX_LABELS
    )


def has_means(example) -> bool:
    """Whether the means of a record are as this data set writes them."""
    context, lists = example.context.feature, example.feature_lists.feature_list
    if any(name in SIZES or (may_be_name(name) and is_a_feature(lists[name].feature)) for name in lists):
        return False
    if not any(f"mean_{name}" in context or is_a_mean(key, context[key]) for name in SIZES for key in context):
        return False
    for name, size in SIZES.items():
        if f"mean_{name}" in context:
            feature = context[f"mean_{name}"]
            if feature.WhichOneof("kind") != "float_list" or len(feature.float_list.value) != size:
                return False
            if not np.isfinite(feature.float_list.value).all():
                return False
    return True


def by_protobuf(serialized: bytes, level: str):
    """The elements of a record as protobuf reads it, one value after the other; None if it cannot be used."""
    try:
        example = tf.train.SequenceExample.FromString(serialized)
    except Exception:  # its class depends on protobuf's backend
        return None
    context = example.context.feature
    name = identity(context)
    labels = context["labels"] if "labels" in context else tf.train.Feature()
    if not name or labels.WhichOneof("kind") not in ("int64_list", None):
        return None
    if not are_classes(labels.int64_list.value) or len(labels.int64_list.value) > MAX_LABELS:
        return None
    if not (has_means(example) if level == "video" else has_frames(example, level)):
        return None
    context["id"].CopyFrom(tf.train.Feature(bytes_list={"value": [name]}))
    if level == "video":
        return [video_level(example, MAX_LABELS)]
    if level == "frame":
        return [frame_level(example, MAX_FRAMES, MAX_LABELS)]
    return segment_level(example, MAX_LABELS, level == "rated")


@pytest.fixture(scope="module")
def by_tensorflow():
    """The elements of a record as TensorFlow's parser reads it, inside a graph; None if it refuses the record."""
    parsers = {}
    for level, source in SOURCES.items():
        parse = make_parser(
            source, Frames(max_frames=MAX_FRAMES, segments="all" if level == "all" else "rated"), seed=0
        )
        one = tf.TensorSpec([], tf.string)
        if level == "frame":
            function = lambda serialized, parse=parse: parse(tf.constant(0, tf.int64), serialized[None])  # noqa: E731
        elif level == "video":
            function = lambda serialized, parse=parse: parse(serialized[None])  # noqa: E731
        else:
            function = parse
        parsers[level] = tf.function(function, input_signature=[one])

    def parse_one(serialized, level):
        try:
            batch = parsers[level](tf.constant(serialized))
        except (tf.errors.InvalidArgumentError, UnicodeDecodeError):
            return None
        return elements({key: value.numpy() for key, value in batch.items()})

    return parse_one


def written(random: Random, level: str, oddness: float, flaws: float, repeats: bool = True) -> bytes:
    records = OddRecords(random, oddness, flaws, repeats)
    return records.video_level() if level == "video" else records.frame_level(rated=level != "frame")


def same(serialized: bytes, found, expected) -> None:
    shown = serialized.hex()
    assert (found is None) == (expected is None), f"one reads the record, and the other refuses it: {shown}"
    if found is not None:
        assert_equal(found, expected)


def check_against_tensorflow(by_tensorflow, level: str, random: Random, oddness: float) -> None:
    serialized = written(random, level, oddness, flaws=0.0, repeats=False)
    found = by_tensorflow(serialized, level)
    is_other = level != "video" and is_of_another_kind(tf.train.SequenceExample.FromString(serialized))
    if found is not None and not is_other:
        same(serialized, by_the_engine(serialized, level), found)


@pytest.mark.parametrize("level", LEVELS)
class TestGenerated:
    @pytest.mark.thorough
    @SETTINGS
    @given(random=SEEDED, oddness=SHARES, flaws=FLAWS)
    def test_the_engine_reads_what_protobuf_reads(self, level, random, oddness, flaws):
        serialized = written(random, level, oddness, flaws)
        same(serialized, by_the_engine(serialized, level), by_protobuf(serialized, level))

    @pytest.mark.slow
    @SOME
    @given(random=CHOSEN, oddness=SHARES, flaws=FLAWS)
    def test_records_that_are_hard_to_find_by_chance(self, level, random, oddness, flaws):
        serialized = written(random, level, oddness, flaws)
        same(serialized, by_the_engine(serialized, level), by_protobuf(serialized, level))

    @pytest.mark.thorough
    @FEW
    @given(random=SEEDED, oddness=SHARES)
    def test_the_engine_reads_what_tensorflow_reads(self, by_tensorflow, level, random, oddness):
        check_against_tensorflow(by_tensorflow, level, random, oddness)

    @pytest.mark.slow
    @SETTINGS
    @given(random=SEEDED, oddness=SHARES)
    def test_the_engine_reads_more_of_what_tensorflow_reads(self, by_tensorflow, level, random, oddness):
        check_against_tensorflow(by_tensorflow, level, random, oddness)


def fields(message: bytes):
    """The fields of a message that all have a length before them: number and content. Raises ValueError if they have not."""

    def number(start):
        value = shift = 0
        while True:
            if start >= len(message) or shift > 63:
                raise ValueError
            byte, start = message[start], start + 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value, start

    found, start = [], 0
    while start < len(message):
        tag, start = number(start)
        size, start = number(start)
        if tag & 7 != 2 or start + size > len(message):
            raise ValueError
        found.append((tag >> 3, message[start : start + size]))
        start += size
    return found


def without_other_streams(serialized: bytes) -> bytes:
    """The record without the streams that are not read, which the engine passes over whatever they hold."""
    parts = []
    try:
        for number, content in fields(serialized):
            if number == 2:
                entries = [
                    entry for _, entry in fields(content) if dict(fields(entry)).get(1) in map(str.encode, SIZES)
                ]
                content = b"".join(chunk(1, entry) for entry in entries)
            parts.append(chunk(number, content))
    except ValueError:
        return serialized
    return b"".join(parts)


def mutated(random: Random, serialized: bytes) -> bytes:
    """The record with some bytes changed, taken out, put in or repeated; mostly those that say where its parts lie."""
    content = bytearray(serialized)
    for _ in range(random.choice([1, 1, 1, 2, 3])):
        place = random.randint(0, len(content))
        structure = np.flatnonzero(np.frombuffer(bytes(content), np.uint8) < 128)  # bytes of frames are larger
        if len(structure) and random.random() < 0.8:
            place = max(int(random.choice(structure)) + random.randint(-1, 2), 0)
        size = random.choice([1, 1, 2, 3, 8, random.randint(1, 1100)])
        kind = random.randrange(5)
        if kind == 0 and place < len(content):
            content[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            content[place : place + 1] = random.randbytes(1)
        elif kind == 2:
            del content[place : place + size]
        elif kind == 3:
            content[place:place] = random.choice([random.randbytes(size), bytes(size), content[place : place + size]])
        else:
            other = random.randint(0, len(content))
            content[other:other] = content[place : place + size]
    return bytes(content)


def check_mutated(level: str, count: int) -> None:
    random = Random(LEVELS.index(level))
    records = [written(random, level, oddness=random.choice([0, 0, 0.2]), flaws=0) for _ in range(40)]
    outcomes = Counter()
    for _ in range(count):
        serialized = mutated(random, random.choice(records))
        found, expected = by_the_engine(serialized, level), by_protobuf(serialized, level)
        if found is not None and expected is None:
            expected = by_protobuf(without_other_streams(serialized), level)
        same(serialized, found, expected)
        outcomes[found is None] += 1
    assert min(outcomes[True], outcomes[False]) > count // 50


@pytest.mark.parametrize("level", LEVELS)
class TestMutated:
    """Bytes are changed, and the checksum is right. The record is read as protobuf reads it, or refused; nothing else happens."""

    def test_some(self, level):
        check_mutated(level, 125)

    @pytest.mark.slow
    def test_many(self, level):
        # Means take four times as long as frames, and have fewer kinds of parts.
        check_mutated(level, 4_000 if level == "video" else 10_000)
