"""Files that are no videos, or are damaged: each is refused in one line, or read as far as it goes and told."""

import builtins
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hand_made_videos import HEIGHT, WIDTH, Track, clicks, number_of, numbered, write
from test_reading import AT_25, chosen, onset, read

from yt8m.errors import InputError
from yt8m.video import SAMPLE_RATE, Frame, Sound, open_video
from yt8m.video.pictures import thumbnails

FAST_START = {"movflags": "+faststart"}


def refusal(path) -> str:
    """The reason why a file is refused, by reading and for thumbnails alike."""
    for opening in (open_video, lambda each: thumbnails(each, [0.0], 10)):
        with pytest.raises(InputError) as refused:
            opening(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


def test_files_that_are_not_there_or_are_empty(tmp_path):
    (tmp_path / "empty.mp4").touch()
    assert refusal(tmp_path / "empty.mp4") == "is empty (0 bytes)"
    assert refusal(tmp_path) == "is a directory, not a video"
    assert refusal(tmp_path / "missing.mp4") == "no such file"
    assert refusal(tmp_path / "empty.mp4" / "a.mp4") == "cannot be read: Not a directory"
    assert refusal("/dev/null") == "is a device, not a video"


@pytest.mark.parametrize("content", [b"a text, and nothing that could be watched\n" * 40, b"\0" * 5000, b"ID"])
def test_files_that_are_no_video(tmp_path, content):
    (tmp_path / "a.mp4").write_bytes(content)
    assert refusal(tmp_path / "a.mp4") == "is no video, or is cut off before its index"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP", "BMP"])
def test_a_still_picture_is_no_video(tmp_path, kind):
    from PIL import Image

    Image.fromarray(numbered(5)).save(tmp_path / "a.mp4", kind)
    assert refusal(tmp_path / "a.mp4") == "is a still picture, not a video"


def test_a_moving_gif_is_a_video(tmp_path):
    from PIL import Image

    first, *others = (Image.fromarray(numbered(number)) for number in range(30))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others, duration=100, loop=0)
    assert chosen(read(tmp_path / "a.gif")[1]) == [(0, 0), (1, 10), (2, 20)]


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "a.mp4"), "w") as file:
        stream = file.add_stream("aac", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(clicks(1, 16_000), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    assert refusal(tmp_path / "a.mp4") == "has sound but no pictures; it is not a video"


def test_a_list_of_files_is_not_followed(tmp_path):
    write(tmp_path / "secret.ts", AT_25)
    (tmp_path / "a.mp4").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\nsecret.ts\n#EXT-X-ENDLIST\n")
    assert refusal(tmp_path / "a.mp4") in (
        "is a list of other files, not a video; name those",
        "is no video, or is cut off before its index",
    )


def test_a_file_without_pictures_in_its_stream(tmp_path):
    path = write(tmp_path / "a.mkv", [], Track(clicks(1, 16_000), 16_000, "flac"))
    assert refusal(path) == "has no picture that can be decoded"


def test_a_file_cut_off_before_its_index(tmp_path):
    path = write(tmp_path / "a.mp4", AT_25)
    path.write_bytes(path.read_bytes()[:-600])
    assert refusal(path) == "is no video, or is cut off before its index"


def test_addresses_are_no_paths():
    with pytest.raises(InputError, match=r"^https://example\.org/a\.mp4: the video must be on a local disk"):
        open_video("https://example.org/a.mp4")


@pytest.mark.parametrize("name", ["a:b.mp4", "http:c.mp4", "%03d.mp4", "concat:x|y.mp4", " .mp4"])
def test_any_name_is_a_name(tmp_path, monkeypatch, name):
    write(tmp_path / "plain.mp4", AT_25).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert chosen(read(name)[1]) == [(0, 0), (1, 25), (2, 50)]


def test_without_pyav_it_says_what_to_install(tmp_path, monkeypatch):
    kept = builtins.__import__

    def refuse(name, *arguments, **options):
        if name == "av":
            raise ImportError("No module named 'av'")
        return kept(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(InputError, match=re.escape("reading videos needs PyAV") + r".*pip install 'yt8m\[video\]'"):
        open_video(tmp_path / "a.mp4")


def test_a_cut_tail_is_told_with_the_seconds_lost(tmp_path):
    """Of 250 pictures of 10 s about the first half is there; whole files lose nothing (test_reading.py)."""
    times = [number / 25 for number in range(250)]
    noise = np.random.default_rng(0).integers(0, 255, (250, 96, 160, 3), np.uint8)
    sound = Track(clicks(10, 16_000), 16_000)
    path = write(
        tmp_path / "a.mp4", times, sound, pictures=noise, container=FAST_START, options={"preset": "ultrafast"}
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    video, frames, samples = read(path)
    assert video.info.seconds == pytest.approx(10)
    assert 4 < video.seconds < 6
    assert video.lost_seconds == pytest.approx(10 - video.seconds)
    assert f"the last {video.lost_seconds:.1f} s are missing, as if the file were cut off" in video.problems
    assert [frame.second for frame in frames] == list(range(int(np.ceil(video.seconds))))
    assert samples.size / SAMPLE_RATE == pytest.approx(video.seconds, abs=0.3)


@pytest.mark.parametrize("name", ["a.mkv", "a.avi", "a.flv"])
@pytest.mark.parametrize("sound", [True, False])
def test_cut_tails_of_other_formats(tmp_path, name, sound):
    codec = "mpeg4" if name == "a.avi" else "libx264"
    noise = np.random.default_rng(0).integers(0, 255, (50, 96, 160, 3), np.uint8)
    voice = Track(clicks(2, 44_100), 44_100) if name != "a.avi" else None
    path = write(tmp_path / name, AT_25[:50], voice, pictures=noise, codec=codec)
    assert read(path, sound=sound)[0].problems == ()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    video = read(path, sound=sound)[0]
    assert video.lost_seconds == pytest.approx(2 - video.seconds, abs=0.2)
    assert 0.5 < video.lost_seconds < 1.5


@pytest.mark.parametrize("name", ["a.mp4", "a.mov"])
def test_fragmented_files_are_whole(tmp_path, name):
    """Their beginning says nothing of their length; each fragment does of its own."""
    container = {"movflags": "frag_keyframe+empty_moov"}
    path = write(tmp_path / name, AT_25, Track(clicks(3, 44_100), 44_100), options={"g": "25"}, container=container)
    video, frames, _ = read(path)
    assert chosen(frames) == [(0, 0), (1, 25), (2, 50)]
    assert (video.lost_seconds, video.problems) == (0, ())


def test_sound_longer_than_pictures_is_no_cut_tail(tmp_path):
    path = write(tmp_path / "a.mkv", AT_25, Track(clicks(8, 16_000), 16_000, "flac"))
    for sound in (True, False):
        video = read(path, sound=sound)[0]
        assert (video.seconds, video.lost_seconds, video.problems) == (3, 0, ())


def packets_of(path: Path, kind: str) -> list[tuple[int, int]]:
    """Where the packets of a kind lie in a file, and how long they are."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [(packet.pos, packet.size) for packet in container.demux(stream) if packet.size]


def spoil(path: Path, kind: str, number: int) -> None:
    """Fills one packet with ones."""
    place, size = packets_of(path, kind)[number]
    content = bytearray(path.read_bytes())
    content[place : place + size] = b"\xff" * size
    path.write_bytes(content)


def test_a_broken_packet_of_sound_is_passed_over(tmp_path):
    path = write(tmp_path / "a.mp4", AT_25, Track(clicks(3, 16_000), 16_000))
    spoil(path, "audio", 24)
    with av.open(str(path)) as container, pytest.raises(av.FFmpegError):
        list(container.decode())
    video, frames, samples = read(path)
    assert video.problems == ("1 broken packet of sound passed over",)
    assert video.lost_seconds == 0
    assert chosen(frames) == [(0, 0), (1, 25), (2, 50)]
    assert [onset(samples, second) for second in range(3)] == pytest.approx([0, 0, 0], abs=1e-3)


def test_a_broken_packet_of_pictures_is_passed_over(tmp_path):
    path = write(tmp_path / "a.mp4", AT_25, Track(clicks(3, 16_000), 16_000), options={"bf": "0", "g": "10"})
    spoil(path, "video", 25)
    video, frames, samples = read(path)
    assert video.problems == ("1 broken packet of pictures passed over",)
    assert chosen(frames)[::2] == [(0, 0), (2, 50)]
    assert chosen(frames)[1] in ((1, 24), (1, 26))
    assert [onset(samples, second) for second in range(3)] == pytest.approx([0, 0, 0], abs=1e-3)


def test_broken_first_pictures_do_not_move_the_others(tmp_path):
    path = write(tmp_path / "a.mp4", AT_25, options={"bf": "0", "g": "30", "keyint_min": "30"})
    for number in range(30):
        spoil(path, "video", number)
    video, frames, _ = read(path)
    assert chosen(frames) == [(0, 30), (1, 30), (2, 50)]
    assert video.lost_seconds == pytest.approx(1.2)
    assert "the first 1.2 s have no picture that can be decoded" in video.problems


def test_scattered_damage_ends_nothing(tmp_path):
    """Bytes flipped at random: pictures stay in order, sound stays whole, and something is told."""
    noise = np.random.default_rng(0).integers(0, 255, (75, 96, 160, 3), np.uint8)
    path = write(tmp_path / "a.mkv", AT_25, Track(clicks(3, 16_000), 16_000), pictures=noise)
    content, random = bytearray(path.read_bytes()), np.random.default_rng(1)
    for place in random.integers(5000, len(content), 400):
        content[place] ^= random.integers(1, 256)
    path.write_bytes(content)
    video, frames, samples = read(path)
    assert [frame.second for frame in frames] == list(range(len(frames)))
    assert video.problems
    assert samples.size < 3.1 * SAMPLE_RATE


def test_joined_broadcasts_follow_each_other(tmp_path):
    """Two recordings put together, the second of which begins at another time."""
    first = write(tmp_path / "1.ts", AT_25, Track(clicks(3, 16_000), 16_000))
    second = write(tmp_path / "2.ts", [1000 + time for time in AT_25], Track(clicks(3, 16_000), 16_000, start=1000))
    (tmp_path / "a.ts").write_bytes(first.read_bytes() + second.read_bytes())
    (tmp_path / "b.ts").write_bytes(second.read_bytes() + first.read_bytes())
    for name in ("a.ts", "b.ts"):
        video, frames, samples = read(tmp_path / name)
        assert chosen(frames) == [(0, 0), (1, 25), (2, 50), (3, 0), (4, 25), (5, 50)]
        # Of the click at 3 s, the sound that the first recording has left over is there instead.
        assert [onset(samples, second) for second in (0, 1, 2, 4, 5)] == pytest.approx([0] * 5, abs=1e-3)
        assert video.problems == ("the time stamps jump, which was mended",)
        shown = thumbnails(tmp_path / name, [1.0, 4.0], 96)
        assert [number_of(shown[each]) for each in (1.0, 4.0)] == [25, 25]


class Pipe:
    """A file that cannot be sought, so that its beginning cannot say how long it is."""

    def __init__(self, file):
        self.write = file.write


def test_a_wrong_time_stamp_makes_no_days_of_pictures(tmp_path):
    """The last picture and the last sound say that they are 300 h late."""
    path, late = tmp_path / "a.mkv", 300 * 3600
    with path.open("wb") as content, av.open(Pipe(content), "w", format="matroska") as file:
        stream = file.add_stream("libx264", rate=25, width=160, height=96, pix_fmt="yuv420p", options={"bf": "0"})
        stream.codec_context.time_base = Fraction(1, 25)
        voice = file.add_stream("pcm_s16le", rate=16_000, layout="mono")
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts = number + (25 * late if number == 49 else 0)
            frame.time_base = Fraction(1, 25)
            file.mux(stream.encode(frame))
            frame = av.AudioFrame.from_ndarray(np.full((1, 640), 3000, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.time_base = 16_000, Fraction(1, 16_000)
            frame.pts = 640 * number + (16_000 * late if number == 49 else 0)
            file.mux(voice.encode(frame))
        file.mux(stream.encode(None))
        file.mux(voice.encode(None))
    video = open_video(path)
    assert video.info.seconds is None
    pieces = []
    for each in video.pieces():
        pieces.append(each)
        assert len(pieces) < 100
    assert [each.second for each in pieces if isinstance(each, Frame)] == [0, 1]
    assert sum(each.samples.size for each in pieces if isinstance(each, Sound)) < 2 * SAMPLE_RATE
    assert "2 pieces with a time far beyond the end left out" in video.problems


def test_streams_without_time_stamps(tmp_path):
    """A bare H.264 stream: pictures follow each other at its rate."""
    path = write(tmp_path / "a.h264", AT_25, options={"bf": "0"})
    video, frames, _ = read(path)
    assert chosen(frames) == [(0, 0), (1, 25), (2, 50)]
    assert video.problems == ()
    assert number_of(thumbnails(path, [2.0], 96)[2.0]) == 50


MEASURE = """
import resource, sys
from yt8m.video import Frame, open_video
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
early = 0
for each in open_video(sys.argv[1]).pieces():
    if isinstance(each, Frame) and each.second == 30:
        early = peak()
print(each.second if isinstance(each, Frame) else each.start // 16000, peak() - early)
"""


@pytest.mark.thorough
def test_memory_does_not_grow_with_the_length(tmp_path):
    """Ten minutes made of 20 s: pictures and sound of 200 MB in all, of which few are held."""
    part = write(tmp_path / "part.mkv", [number / 5 for number in range(100)], Track(clicks(20, 16_000), 16_000, "pcm_s16le"),
                 pictures=[numbered(number, 320, 240) for number in range(100)], options={"preset": "ultrafast"})  # fmt: skip
    path = tmp_path / "long.mkv"
    with av.open(str(path), "w") as long:
        for turn in range(30):
            with av.open(str(part)) as source:
                if not turn:
                    streams = {each.index: long.add_stream_from_template(each) for each in source.streams}
                for packet in source.demux():
                    if packet.size:
                        stream = streams[packet.stream_index]
                        shift = round(20 * turn / packet.time_base)
                        packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, stream
                        long.mux(packet)
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    last, growth = done.stdout.split()
    assert int(last) >= 598
    assert float(growth) < 20


def test_a_whole_avi_with_reordered_pictures_is_whole(tmp_path):
    """AVI tells only when pictures are decoded; what FFmpeg makes of it goes back and forth where pictures are reordered."""
    path = tmp_path / "a.avi"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.options = {"bf": "3", "g": "50", "x264-params": "mbtree=0"}
        stream.codec_context.thread_count = 1
        for number in range(200):
            frame = av.VideoFrame.from_ndarray(numbered(number), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    video = open_video(str(path))
    frames = [piece for piece in video.pieces() if isinstance(piece, Frame)]
    assert [frame.second for frame in frames] == list(range(8))
    assert all(abs(number_of(frame.pixels) - 25 * frame.second) <= 2 for frame in frames)
    assert video.problems == ()
