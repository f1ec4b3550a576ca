"""Frame-level records one by one: what is passed over, and what is not."""

import numpy as np
import pytest
from slow_reading import make_frames

from yt8m.data.checking import check_record
from yt8m.data.engine.records import Record
from yt8m.data.engine.videos import Video, video_of
from yt8m.data.protos import SequenceExample
from yt8m.data.records import frame_level_record
from yt8m.data.source import Source
from yt8m.errors import RecordError

FRAMES = make_frames(np.random.default_rng(4), rgb=6, audio=6)
SOUND = frame_level_record("abcd", [3, 17], FRAMES)
NO_PROTO = "is no tf.train.Example or SequenceExample"
AUDIO = SOUND.index(b"\x0a\x05audio")
"""The place of the tag, the length and the text of a key. The tag and three bytes of length of its value follow."""
FIRST_FRAME = AUDIO + 7 + 3


def read(record: bytes, *features: str) -> Video:
    source = Source((), "frame", features)
    return video_of(np.frombuffer(record, np.uint8), source, Record("a.tfrecord", 7, None, 0, len(record)))


def changed(place: int, value: int) -> bytes:
    return SOUND[:place] + bytes([value]) + SOUND[place + 1 :]


def with_another_stream(add) -> bytes:
    """The record with a stream that nobody asks for, whose frames `add` makes."""
    example = SequenceExample.FromString(SOUND)
    frames = example.feature_lists.feature_list["müll"]
    for _ in range(3):
        add(frames.feature.add())
    return example.SerializeToString(deterministic=True)


@pytest.mark.parametrize(
    ("features", "record"),
    [
        (("rgb", "audio"), changed(AUDIO + 2, 0xFF)),
        (("rgb",), changed(AUDIO + 2, 0xFF)),
        (("rgb",), changed(FIRST_FRAME, 0x0F)),
        (("rgb",), changed(FIRST_FRAME + 2, 0x07)),
        (("rgb",), changed(FIRST_FRAME + 137, 0x0F)),
    ],
    ids=["key that becomes no text", "unread key", "tag of a frame", "tag in a feature", "tag of a later frame"],
)
def test_damage_outside_what_is_asked_for_is_found_as_protobuf_finds_it(features, record):
    assert check_record(record, "frame", features) == NO_PROTO
    with pytest.raises(RecordError) as raised:
        read(record, *features)
    assert (raised.value.path, raised.value.record, raised.value.reason) == ("a.tfrecord", 7, NO_PROTO)


@pytest.mark.parametrize(
    "add",
    [
        lambda frame: frame.bytes_list.value.append(b"abc"),
        lambda frame: frame.bytes_list.value.extend([b"abc", b""]),
        lambda frame: frame.float_list.value.extend([0.5, 2.0]),
        lambda frame: frame.int64_list.value.append(300),
        lambda frame: None,
    ],
    ids=["bytes", "several bytes", "floats", "integers", "nothing"],
)
def test_a_stream_that_nobody_asks_for_is_passed_over(add):
    for features in (("rgb", "audio"), ("audio",), ("rgb",)):
        video = read(with_another_stream(add), *features)
        assert (video.id, list(video.labels), video.num_frames) == (b"abcd", [3, 17], 6)
        assert sorted(video.streams) == sorted(features)
        for name in features:
            np.testing.assert_array_equal(video.streams[name], FRAMES[name])
