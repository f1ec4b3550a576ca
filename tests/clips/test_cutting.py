"""Parts of videos whose frames carry numbers: what a player shows of the files, against the numbers that it must show."""

import av
import numpy as np
import pytest
from coded_videos import read_coded, write_coded

from yt8m.clips.cutting import Cutter, ending_for
from yt8m.errors import InputError


def cut_video(path, spans, outs):
    cutter = Cutter(path)
    return [cutter.write(*span, out) for span, out in zip(spans, outs, strict=True)]


RATE = 25
SPANS = [(0.0, 3.0), (3.0, 4.16), (4.16, 8.0)]

CONTAINERS = {
    "mp4": {"bf": 2},
    "mp4 without B frames": {"bf": 0, "tune": "zerolatency"},
    "mov": {"bf": 3},
    "mkv": {"bf": 2, "sound": "libopus"},
    "webm": {"codec": "libvpx", "sound": "libopus"},
    "ts": {"bf": 2},
    "avi": {"codec": "mpeg4", "sound": "libmp3lame"},
    "mp4 of open groups": {"bf": 3, "x264-params": "open-gop=1:b-adapt=0"},
    "mp4 without sound": {"sound": ""},
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_parts_show_what_was_asked_from_the_key_frame_before_it(kind, tmp_path):
    ending = kind.split()[0]
    video = write_coded(tmp_path / f"video.{ending}", gop=50, **CONTAINERS[kind])
    late = 1 if ending == "avi" else 0  # frames: FFmpeg writes the first one for two
    outs = [tmp_path / f"{number}.{ending}" for number in range(3)]
    files = cut_video(video, SPANS, outs)
    assert [file.path for file in files] == outs
    for (start, end), file in zip(SPANS, files, strict=True):
        shown, clicks = read_coded(file.path)
        first = int(start) // 2 * 2 * RATE  # a key frame every two seconds
        assert shown[0][0] == pytest.approx(0, abs=0.002)
        assert file.start == pytest.approx((first + late * (first > 0)) / RATE, abs=0.002)
        numbers = [number for _, number in shown]
        assert numbers == list(range(first, first + len(numbers)))
        assert end * RATE - 1 <= numbers[-1] + late <= end * RATE + 4
        assert file.end == pytest.approx((numbers[-1] + late + 1) / RATE, abs=0.01)
        for time, number in shown[1:]:
            assert time == pytest.approx((number - first + late * (first == 0)) / RATE, abs=0.002)
        if "without sound" not in kind:
            # At its very beginning and end, a packet more or less decides.
            inside = [second - file.start for second in range(8) if file.start + 0.25 < second < file.end - 0.25]
            heard = [time for time in clicks if 0.25 < time < file.end - file.start - 0.25]
            assert heard == pytest.approx(inside, abs=0.005 if not late else 0.025)  # AVI has no gap before sound


def test_pictures_are_not_encoded_again(tmp_path):
    video = write_coded(tmp_path / "video.mp4", gop=25)
    (file,) = cut_video(video, [(2.0, 4.0)], [tmp_path / "part.mp4"])

    def pixels(path):
        with av.open(str(path)) as container:
            return [frame.to_ndarray(format="yuv420p") for frame in container.decode(video=0)]

    whole, part = pixels(video), pixels(file.path)
    assert len(part) in range(50, 55)
    np.testing.assert_array_equal(part, whole[50 : 50 + len(part)])


def test_a_part_before_the_first_key_frame_and_one_beyond_the_end(tmp_path):
    video = write_coded(tmp_path / "video.mp4", seconds=2, gop=100)
    (file,) = cut_video(video, [(1.0, 99.0)], [tmp_path / "part.mp4"])
    assert (file.start, file.end) == (0, 2)
    with pytest.raises(InputError, match=r"video\.mp4: has no picture from 5 to 6 s"):
        cut_video(video, [(5.0, 6.0)], [tmp_path / "none.mp4"])
    assert sorted(each.name for each in tmp_path.iterdir()) == ["part.mp4", "video.mp4"]


def test_a_container_that_cannot_hold_the_streams_is_told(tmp_path):
    video = write_coded(tmp_path / "video.mp4", seconds=1)
    with pytest.raises(InputError, match=r"video\.mp4: cannot be written as \.webm as it is encoded"):
        cut_video(video, [(0.0, 1.0)], [tmp_path / "part.webm"])
    assert [each.name for each in tmp_path.iterdir()] == ["video.mp4"]


def test_all_tracks_of_sound_are_kept(tmp_path):
    first, second = write_coded(tmp_path / "a.mkv", seconds=2), tmp_path / "b.mkv"
    with av.open(str(first)) as source, av.open(str(second), "w") as target:
        streams = [source.streams.video[0], source.streams.audio[0], source.streams.audio[0]]
        copies = [target.add_stream_from_template(stream) for stream in streams]
        for packet in source.demux():
            if packet.size and packet.stream.type == "audio":
                other = av.Packet(bytes(packet))
                other.pts, other.dts, other.time_base, other.stream = (
                    *(packet.pts, packet.dts, packet.time_base),
                    copies[2],
                )
                target.mux(other)
            if packet.size:
                packet.stream = copies[0 if packet.stream.type == "video" else 1]
                target.mux(packet)
    (file,) = cut_video(second, [(0.0, 2.0)], [tmp_path / "part.mkv"])
    with av.open(str(file.path)) as container:
        assert len(container.streams.audio) == 2


def test_endings():
    assert [ending_for(name) for name in ("a.MP4", "b.webm", "c.flv", "d")] == [".mp4", ".webm", ".mkv", ".mkv"]


def test_a_file_that_is_no_video_is_told(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"no video")
    with pytest.raises(InputError, match=r"x\.mp4: is no video"):
        cut_video(tmp_path / "x.mp4", [(0.0, 1.0)], [tmp_path / "y.mp4"])
