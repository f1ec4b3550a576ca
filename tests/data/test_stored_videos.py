"""Videos of record files, one by one and whole."""

import numpy as np
import pytest

from yt8m.data.opening import open_source
from yt8m.data.records import frame_level_record, framed, video_level_record
from yt8m.data.stored_videos import read_stored_videos
from yt8m.errors import RecordError


def frames(length: int, size: int = 3, kind=np.uint8) -> np.ndarray:
    return np.random.default_rng(length).integers(0, 256, (length, size)).astype(kind)


def test_frames_of_any_length_and_type_come_back_as_they_are_stored(tmp_path):
    stored = [
        {"rgb": frames(400, 1024), "own": frames(400, 3, np.float32)},
        {"rgb": frames(2, 1024), "own": frames(1, 3, np.float32)},
    ]
    path = tmp_path / "x.tfrecord"
    path.write_bytes(b"".join(framed(frame_level_record(f"ä{n}", [n, 7], each)) for n, each in enumerate(stored)))
    source = open_source(str(path), features=("rgb", "own:3:float32"))
    videos = list(read_stored_videos(source))
    assert [(each.video_id, each.labels, each.path, each.record) for each in videos] == [
        ("ä0", (0, 7), str(path), 0),
        ("ä1", (1, 7), str(path), 1),
    ]
    assert [each.num_frames for each in videos] == [400, 1]
    for video, streams in zip(videos, stored, strict=True):
        for name, rows in video.streams.items():
            np.testing.assert_array_equal(rows, streams[name][: video.num_frames])
            assert rows.dtype == streams[name].dtype
            rows[:] = 0  # a copy, not a view of the file


def test_means(tmp_path):
    means = [{"rgb": np.full(1024, n, np.float32), "audio": np.arange(128, dtype=np.float32)} for n in range(3)]
    path = tmp_path / "x.tfrecord"
    path.write_bytes(b"".join(framed(video_level_record(f"v{n}", [n], each)) for n, each in enumerate(means)))
    videos = list(read_stored_videos(open_source(str(path))))
    assert [(each.video_id, each.labels, each.num_frames) for each in videos] == [(f"v{n}", (n,), 0) for n in range(3)]
    for video, values in zip(videos, means, strict=True):
        assert video.means.keys() == values.keys()
        assert all((video.means[name] == rows).all() for name, rows in values.items())


@pytest.mark.parametrize("level", ["frame", "video"])
def test_a_broken_record_is_an_error_or_left_out(level, tmp_path):
    if level == "frame":
        records = [
            frame_level_record(f"v{n}", [1], {"rgb": frames(2, 1024), "audio": frames(2, 128)}) for n in range(4)
        ]
    else:
        means = {"rgb": np.zeros(1024, np.float32), "audio": np.zeros(128, np.float32)}
        records = [video_level_record(f"v{n}", [1], means) for n in range(4)]
    first, second, *rest = map(framed, records)
    damaged = bytearray(second)
    damaged[-10] ^= 1
    path, other = tmp_path / "a.tfrecord", tmp_path / "b.tfrecord"
    path.write_bytes(first + bytes(damaged) + b"".join(rest)[:-40])
    other.write_bytes(framed(records[0]))
    source = open_source([str(path), str(other)])
    with pytest.raises(RecordError, match=r"a\.tfrecord, record 1: its data do not match their checksum"):
        list(read_stored_videos(source))
    errors = []
    videos = list(read_stored_videos(source, errors.append))
    assert [each.video_id for each in videos] == ["v0", "v2", "v0"]
    assert [error.record for error in errors] == [1, 3]
