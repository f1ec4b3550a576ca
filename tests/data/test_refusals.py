"""What the check of records takes, reading takes, and the other way round: tried with damaged records."""

import re

import numpy as np
import pytest
import tensorflow as tf

from yt8m.data.arrays import read_batches
from yt8m.data.checking import check_record
from yt8m.data.engine.stream import prepared, read_stream
from yt8m.data.failures import record_errors
from yt8m.data.graph.reading import batches, make_parser
from yt8m.data.options import ALL_FRAMES, AS_STORED, EVERYTHING
from yt8m.data.protos import SequenceExample
from yt8m.data.records import Ratings, frame_level_record, framed, video_level_record
from yt8m.data.source import Source
from yt8m.errors import RecordError

BOTH = ("rgb", "audio")
EXPECTED = {"features": BOTH, "num_classes": 60, "max_labels": 8, "rated_classes": tuple(range(0, 60, 2))}
LEVELS = ("video", "frame", "segment")


def sound_records() -> dict[str, list[bytes]]:
    """By level; small, so that damage hits what is not a feature's bytes."""
    generator = np.random.default_rng(5)
    means = {"rgb": generator.normal(size=1024).astype(np.float32), "audio": np.zeros(128, np.float32)}
    frames = {
        "rgb": generator.integers(256, size=(6, 1024), dtype=np.uint8),
        "audio": np.zeros((6, 128), np.uint8),
    }
    ratings = Ratings(start_times=[5, 0], end_times=[10, 5], labels=[4, 4], scores=[1.0, 0.0])
    former = tf.train.Example.FromString(video_level_record("abcd", [3, 17], means))
    former.features.feature["video_id"].CopyFrom(former.features.feature.pop("id"))
    return {
        "video": [
            video_level_record("abcd", [3, 17], means),
            video_level_record("abcd", None, {"rgb": means["rgb"]}),
            former.SerializeToString(),
        ],
        "frame": [
            frame_level_record("abcd", [3, 17], frames),
            frame_level_record("abcd", None, {"rgb": frames["rgb"]}),
        ],
        "segment": [frame_level_record("abcd", [3], frames, ratings), frame_level_record("efgh", [3, 5], frames)],
    }


KEYS = (b"id", b"labels", b"mean_", b"rgb", b"audio", b"segment_", b"start", b"scores", b"abcd")


def damaged(record: bytes, generator: np.random.Generator) -> bytes:
    """A record with one to three bytes changed, put in or taken out, mostly near its keys, or with a piece of it twice."""
    content = bytearray(record)
    for _ in range(generator.integers(1, 4)):
        place = int(generator.integers(len(content)))
        near = [content.find(key) for key in KEYS]
        near = [0, len(content) - 1, *(each for each in near if each >= 0)]
        if generator.random() < 0.8:
            place = int(np.clip(generator.choice(near) + generator.integers(-8, 24), 0, len(content) - 1))
        value = int(
            generator.choice([generator.integers(256), content[place] ^ (1 << generator.integers(8)), 0, 10, 18])
        )
        kind = generator.random()
        if kind < 0.5:
            content[place] = value
        elif kind < 0.7:
            content.insert(place, value)
        elif kind < 0.9:
            del content[place]
        else:
            end = place + int(generator.integers(1, 20))
            content[end:end] = content[place:end]
    return bytes(content)


def read_all(path, level: str, *records: bytes) -> list[dict]:
    """Reads a file of some records, in batches of 16."""
    path.write_bytes(b"".join(framed(record) for record in records))
    source = Source((str(path),), level, **EXPECTED)
    order, shares = prepared(source, AS_STORED, EVERYTHING)
    return list(read_stream(source, 16, ALL_FRAMES, order, EVERYTHING, shares))


def read(path, level: str, record: bytes) -> dict:
    """The batch of one record."""
    (batch,) = read_all(path, level, record)
    return batch


@pytest.mark.parametrize("level", LEVELS)
def test_reading_takes_what_the_check_takes_and_nothing_else(tmp_path, level):
    generator, sound = np.random.default_rng(LEVELS.index(level)), sound_records()[level]
    records = [damaged(sound[number % len(sound)], generator) for number in range(300)]
    reasons = [check_record(record, level, **EXPECTED) for record in records]
    taken = [record for record, reason in zip(records, reasons, strict=True) if reason is None]
    assert 30 < len(taken) < 270, "the check tells damaged records apart"
    read_all(tmp_path / "taken.tfrecord", level, *taken)
    for record, reason in zip(records, reasons, strict=True):
        if reason is not None:
            with pytest.raises(RecordError) as raised:
                read_all(tmp_path / "refused.tfrecord", level, record)
            assert (raised.value.record, raised.value.reason) == (0, reason)


def field(number: int, content: bytes) -> bytes:
    """A field of a proto that holds bytes, fewer than 128."""
    return bytes([number << 3 | 2, len(content)]) + content


ODD_FRAMES = {
    "nothing": lambda frame: frame.Clear(),
    "2 bytes values in a frame": lambda frame: frame.bytes_list.value.append(bytes(128)),
    "floats": lambda frame: frame.float_list.value.extend([0.0] * 128),
    "int64s": lambda frame: frame.int64_list.value.append(1),
}

UNREADABLE = {
    "a field that nobody knows": field(1, field(9, b"x")),
    "a map's entry without its value": field(1, field(1, field(1, b"x"))),
    "a field that nobody knows in a feature": field(1, field(1, field(1, b"labels") + field(2, field(9, b"x")))),
}
"""Each goes behind a good record: protobuf merges what comes twice."""


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("level", LEVELS)
def test_what_protobuf_reads_is_taken_and_a_data_service_that_cannot_read_it_names_it(tmp_path, level, name):
    good = sound_records()[level][0]
    bad = good + UNREADABLE[name]
    assert check_record(bad, level, **EXPECTED) is None
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"".join(map(framed, (good, bad, good))))
    source = Source((str(path),), level, **EXPECTED)
    parse = make_parser(source, ALL_FRAMES, seed=0)
    records = tf.data.TFRecordDataset(source.files)
    as_a_service = (
        records.map(parse) if level == "segment" else batches(records, source, parse, tf.data.Dataset.enumerate, 3)
    )
    with pytest.raises(RecordError) as raised, record_errors(source):
        list(as_a_service)
    assert raised.value.record == 1
    assert re.fullmatch(
        r"cannot be read by TensorFlow's parser, which a data service uses \((its labels|not a tf\.train\.\w+ to it)\); "
        r"read it without --data\.service",
        raised.value.reason,
    )


@pytest.mark.parametrize("level", LEVELS)
def test_what_protobuf_passes_over_changes_no_batch(tmp_path, level):
    good = sound_records()[level][0]
    expected = read(tmp_path / "a.tfrecord", level, good)
    for extra in UNREADABLE.values():
        if b"labels" not in extra:  # a second entry takes the first one's place
            for key, value in read(tmp_path / "b.tfrecord", level, good + extra).items():
                np.testing.assert_array_equal(value, expected[key])


@pytest.mark.parametrize("form", ODD_FRAMES)
def test_frames_that_are_not_one_bytes_value(form):
    example = SequenceExample.FromString(sound_records()["frame"][0])
    ODD_FRAMES[form](example.feature_lists.feature_list["audio"].feature[2])
    expected = f"audio holds {form}; frame-level features are one bytes value a second"
    assert check_record(example.SerializeToString(), "frame", **EXPECTED) == expected


@pytest.mark.parametrize(
    ("name", "video_id", "num_frames"),
    [("bad1_1203", b"p7aa", None), ("bad2_181", b"p7aa", None), ("bad1_2292", b"wMrD", 95), ("bad2_407", b"fYdw", 265)],
)
def test_real_records_whose_labels_became_a_field_that_nobody_knows(real_data, name, video_id, num_frames):
    path = str(real_data / "cases" / "fuzzed" / f"{name}.tfrecord")
    (batch,) = read_batches(path, level="video" if num_frames is None else "frame")
    assert batch["id"].tolist() == [video_id]
    assert (batch["labels"] == -1).all()
    if num_frames is not None:
        assert batch["num_frames"].tolist() == [num_frames]
