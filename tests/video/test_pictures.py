"""Thumbnails show the moments asked for, by seeking as by decoding all; JPEG bytes are pictures."""

import io

import numpy as np
import pytest
from hand_made_videos import HEIGHT, WIDTH, number_of, numbered, write
from PIL import Image

from yt8m.errors import InputError
from yt8m.video.pictures import jpeg_bytes, thumbnails

TIMES = [number / 10 for number in range(200)]
OPTIONS = {"g": "40", "preset": "ultrafast"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Twenty seconds, with a key frame every four."""
    directory = tmp_path_factory.mktemp("files")
    late = [3.4 + time for time in TIMES]
    return {
        "mp4": write(directory / "a.mp4", TIMES, options=OPTIONS | {"bf": "3", "preset": "veryfast"}),
        "mkv": write(directory / "a.mkv", late, options=OPTIONS),
        "ts": write(directory / "a.ts", late, options=OPTIONS),
        "webm": write(directory / "a.webm", TIMES, codec="libvpx", options={"g": "40", "deadline": "realtime"}),
        "h264": write(directory / "a.h264", [number / 25 for number in range(60)], options=OPTIONS | {"bf": "0"}),
        "open": write(directory / "open.mkv", TIMES, options={"x264-params": "open-gop=1:keyint=40"}),
    }


@pytest.mark.parametrize("name", ["mp4", "mkv", "ts", "webm", "open"])
def test_each_moment_has_the_picture_nearest_to_it(files, name):
    # 3.96 lies between two pictures; 4 begins a key frame; 7.34 and 7.36 lie before and after the middle of two.
    moments = [19.9, 0.0, 3.96, 4.0, 7.34, 7.36, 12.04, 16.0, 0.26]
    found = thumbnails(files[name], moments, HEIGHT)
    assert {second: number_of(pixels) for second, pixels in found.items()} == {
        19.9: 199,
        0.0: 0,
        3.96: 40,
        4.0: 40,
        7.34: 73,
        7.36: 74,
        12.04: 120,
        16.0: 160,
        0.26: 3,
    }


@pytest.mark.parametrize("name", ["mp4", "ts", "webm"])
def test_moments_outside_have_the_first_and_the_last_picture(files, name):
    found = thumbnails(files[name], [-5.0, 1e6], HEIGHT)
    assert [number_of(found[second]) for second in (-5.0, 1e6)] == [0, 199]


def test_a_file_without_times_is_decoded_from_its_start(files):
    found = thumbnails(files["h264"], [2.2, 1.0, 7.0], HEIGHT)
    assert [number_of(found[second]) for second in (1.0, 2.2, 7.0)] == [25, 55, 59]


def test_thumbnails_are_small_and_keep_the_shape(tmp_path, files):
    found = thumbnails(files["mp4"], [1.0], 24)[1.0]
    assert found.shape == (24, 40, 3)
    assert found.dtype == np.uint8
    turned = write(tmp_path / "a.mp4", [0, 0.1], rotation=90)
    assert thumbnails(turned, [0.0], 40)[0.0].shape == (40, 24, 3)
    assert thumbnails(files["mp4"], [], 24) == {}
    assert thumbnails(files["mp4"], [1.0], 10_000)[1.0].shape == (HEIGHT, WIDTH, 3)  # not enlarged
    with pytest.raises(InputError, match="a picture of 0 rows cannot be made"):
        thumbnails(files["mp4"], [1.0], 0)


def test_wide_pixels_become_square(tmp_path):
    """Each pixel of 4:3 makes 160 pixels as wide as 213."""
    path = write(tmp_path / "a.mp4", [0, 0.1], options={"x264-params": "sar=4/3"})
    assert thumbnails(path, [0.0], 48)[0.0].shape == (48, 107, 3)


def test_jpeg_bytes_are_a_picture():
    pixels = numbered(21)
    small, large = jpeg_bytes(pixels, 20), jpeg_bytes(pixels, 95)
    assert len(small) < len(large)
    picture = Image.open(io.BytesIO(large))
    assert (picture.format, picture.size) == ("JPEG", (WIDTH, HEIGHT))
    np.testing.assert_allclose(np.asarray(picture).astype(int), pixels, atol=20)
