"""Hard files, from the file to the record: each frame carries its number, and the network reads it."""

import os

import numpy as np
import pytest
from grey_videos import Loudness
from hand_made_videos import HEIGHT, Track, number_of, numbered, write
from PIL import Image
from test_extraction import records

from yt8m.data.features import Feature
from yt8m.data.tables.videos import read_videos
from yt8m.extracting.extraction import extract
from yt8m.extracting.networks.network import Network

AT_25 = [frame / 25 for frame in range(75)]


class Numbers(Network):
    """The number that a frame carries, and its height."""

    name = "numbers"
    picture = Feature("numbers", 2, "float32")
    sound = Loudness()
    batch_size = 4

    def prepare(self, pixels):
        return pixels

    def frames(self, prepared):
        return np.array([[number_of(pixels), len(pixels)] for pixels in prepared], np.float32)

    @property
    def identity(self):
        return {"name": self.name}


def tone(seconds, channels=1):
    times = np.arange(round(seconds * 16_000)) / 16_000
    return np.repeat((0.5 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)[None], channels, axis=0)


def extracted(path, out, **options):
    """The numbers of a video's record, its loudness, and its row in the table."""
    extract(str(path), out, Numbers(), **options)
    lists = records(out)[path.stem].feature_lists.feature_list
    rows = [list(row.float_list.value) for row in lists["numbers"].feature]
    loudness = [row.float_list.value[0] for row in lists["loudness"].feature] if "loudness" in lists else None
    return rows, loudness, read_videos(out)[path.stem]


def test_a_turned_video_is_upright(tmp_path):
    pictures = [np.rot90(numbered(number)) for number in range(75)]
    path = write(tmp_path / "a.mp4", AT_25, pictures=pictures, rotation=270)
    rows, _, row = extracted(path, tmp_path / "out")
    assert rows == [[0, HEIGHT], [25, HEIGHT], [50, HEIGHT]]
    assert (row.width, row.height) == (160, 96)


def test_a_variable_frame_rate_and_a_start_that_is_not_zero(tmp_path):
    times = [3.4 + time for time in (0, 0.1, 0.9, 1.3, 1.95, 2.05, 4.0, 4.9)]
    path = write(tmp_path / "a.mkv", times)
    rows, loudness, _ = extracted(path, tmp_path / "out")
    assert [number for number, _ in rows] == [0, 2, 4, 5, 6]
    assert loudness is None


def test_sound_of_six_channels_that_begins_late(tmp_path):
    path = write(tmp_path / "a.mkv", AT_25, Track(tone(1, 6), 16_000, "pcm_s16le", start=1.5))
    rows, loudness, _ = extracted(path, tmp_path / "out")
    assert len(rows) == len(loudness) == 3
    # The last row is of the half second that there is.
    np.testing.assert_allclose(loudness, [0, 0.25, 0.354], atol=0.005)


def test_a_single_frame(tmp_path):
    path = write(tmp_path / "a.mp4", [0.0], Track(tone(3), 16_000))
    rows, loudness, row = extracted(path, tmp_path / "out")
    assert rows == [[0, HEIGHT]]
    assert len(loudness) == row.frames == 1


def test_a_broken_packet_is_told_and_the_record_kept(tmp_path):
    path = write(tmp_path / "a.mp4", AT_25, Track(tone(3), 16_000), options={"bf": "0", "g": "10"})
    import av

    with av.open(str(path)) as container:
        packets = [(each.pos, each.size) for each in container.demux(container.streams.audio[0]) if each.size]
    place, size = packets[24]
    content = bytearray(path.read_bytes())
    content[place : place + size] = b"\xff" * size
    path.write_bytes(content)
    rows, loudness, row = extracted(path, tmp_path / "out")
    assert [number for number, _ in rows] == [0, 25, 50]
    assert len(loudness) == 3
    assert row.problem == "1 broken packet of sound passed over"


@pytest.mark.parametrize("kind", ["png", "empty", "text", "pipe"])
def test_what_is_no_video_fails_and_the_next_one_is_done(tmp_path, kind):
    (tmp_path / "videos").mkdir()
    bad = tmp_path / "videos" / "a.mp4"
    if kind == "png":
        Image.fromarray(numbered(1)).save(bad, "png")
    elif kind == "pipe":
        os.mkfifo(bad)  # nobody writes to it, so whoever opens it waits
    else:
        bad.write_bytes(b"" if kind == "empty" else b"no video")
    write(tmp_path / "videos" / "b.mp4", AT_25)
    summary = extract(str(tmp_path / "videos"), tmp_path / "out", Numbers())
    assert list(records(tmp_path / "out")) == ["b"]
    assert summary.num_failed == 1
    row = read_videos(tmp_path / "out")["a"]
    assert row.has_failed
    assert row.problem
    assert "\n" not in row.problem
