"""What the check of records takes, training takes, and the other way round: tried with damaged records."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from yt8m.data.checking import check_record, look_at
from yt8m.data.failures import record_errors
from yt8m.data.foreign import NEITHER
from yt8m.data.options import ALL_FRAMES
from yt8m.data.pipeline import make_dataset
from yt8m.data.reading import Source, make_parser
from yt8m.data.records import Ratings, frame_level_record, framed, video_level_record
from yt8m.errors import RecordError

BOTH = ("rgb", "audio")
EXPECTED = {"features": BOTH, "num_classes": 60, "max_labels": 8, "rated_classes": tuple(range(0, 60, 2))}
LEVELS = ("video", "frame", "segment")
NO_PROTO = "is no tf.train.Example or SequenceExample"


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


def accepting(level: str) -> Callable[[bytes], bool]:
    """Whether the training parser of a level takes a record."""
    parse = make_parser(Source((), level, **EXPECTED), ALL_FRAMES, seed=0)
    traced = tf.function(
        {
            "video": lambda records: parse(records),
            "frame": lambda records: parse(tf.constant(0, tf.int64), records),
            "segment": lambda records: parse(records[0]),
        }[level],
        input_signature=[tf.TensorSpec([None], tf.string)],
    )

    def accepts(record: bytes) -> bool:
        try:
            traced(tf.constant([record]))
        except (tf.errors.InvalidArgumentError, UnicodeDecodeError):
            return False
        return True

    return accepts


def read_all(path, level: str, *records: bytes) -> int:
    """Reads a file of some records as training does; how many came."""
    path.write_bytes(b"".join(framed(record) for record in records))
    source = Source((str(path),), level, **EXPECTED)
    with record_errors(source):
        return sum(len(batch["id"]) for batch in make_dataset(source, 16))


def disagreements(count: int, seed: int) -> tuple[dict[str, list[bytes]], list[tuple[str, bytes, str | None]]]:
    """Damaged records that the check takes, by level, and those of which it says something else than training does."""
    generator, sound = np.random.default_rng(seed), sound_records()
    taken: dict[str, list[bytes]] = {}
    found = []
    for level in LEVELS:
        accepts = accepting(level)
        records = [damaged(sound[level][number % len(sound[level])], generator) for number in range(count)]
        reasons = [look.problem for look in look_at(records, level, **EXPECTED)]
        taken[level] = [record for record, reason in zip(records, reasons, strict=True) if reason is None]
        found += [
            (level, record, reason)
            for record, reason in zip(records, reasons, strict=True)
            if (reason is None) != accepts(record)
        ]
    return taken, found


@pytest.mark.slow
def test_training_takes_what_the_check_takes_and_nothing_else(tmp_path):
    taken, found = disagreements(count=120, seed=1)
    assert all(len(records) >= 10 for records in taken.values()), "the check tells damaged records apart"
    # TensorFlow believes some lengths that cannot be, and reads the names of keys that are no UTF-8; and it takes a record whose
    # frames have another name for a video without frames.
    assert [each for each in found if each[2] != NO_PROTO and not each[2].startswith(NEITHER)] == []
    assert len(found) < 20
    for level, records in taken.items():
        read_all(tmp_path / f"{level}.tfrecord", level, *records)


def field(number: int, content: bytes) -> bytes:
    """A field of a proto that holds bytes, fewer than 128."""
    return bytes([number << 3 | 2, len(content)]) + content


UNREADABLE = {
    "a field that nobody knows": field(1, field(9, b"x")),
    "a map's entry without its value": field(1, field(1, field(1, b"x"))),
    "a field that nobody knows in a feature": field(1, field(1, field(1, b"labels") + field(2, field(9, b"x")))),
}
"""Each goes behind a good record: protobuf merges what comes twice."""


@pytest.mark.parametrize("name", UNREADABLE)
@pytest.mark.parametrize("level", LEVELS)
def test_what_protobuf_reads_and_training_cannot_is_named(tmp_path, level, name):
    good = sound_records()[level][0]
    bad = good + UNREADABLE[name]
    reason = check_record(bad, level, **EXPECTED)
    assert reason.startswith("is damaged: TensorFlow's parser cannot read ")
    with pytest.raises(RecordError) as raised:
        read_all(tmp_path / "a.tfrecord", level, good, bad, good)
    assert (raised.value.record, raised.value.reason) == (1, reason)
