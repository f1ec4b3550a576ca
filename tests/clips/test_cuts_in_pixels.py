"""Cuts in pixels, in videos whose cuts are known to the frame."""

import builtins
from fractions import Fraction

import av
import numpy as np
import pytest

from yt8m.clips.pixels import find_shots_in_pixels
from yt8m.errors import InputError

RATE = 25
COLOURS = [(20, 30, 20), (230, 230, 200), (20, 40, 90)]


def write_blocks(path, lengths, offset=0):
    """A video of even colours in turns, for so many frames each; the first one at the frame `offset`."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 160, 90, "yuv420p"
        number = offset
        for block, length in enumerate(lengths):
            for _ in range(length):
                pixels = np.full((90, 160, 3), COLOURS[block % 3], np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                container.mux(stream.encode(frame))
                number += 1
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts"])
@pytest.mark.parametrize("offset", [0, 85])
def test_cuts_are_counted_from_the_first_frame(ending, offset, tmp_path):
    path = write_blocks(tmp_path / f"x.{ending}", [50, 30, 40], offset)
    assert find_shots_in_pixels(path) == pytest.approx([0, 2, 3.2], abs=0.001)


def test_one_shot_and_one_frame(tmp_path):
    assert find_shots_in_pixels(write_blocks(tmp_path / "x.mp4", [40])) == [0]
    assert find_shots_in_pixels(write_blocks(tmp_path / "y.mp4", [1])) == [0]


def test_no_video_is_told(tmp_path):
    (tmp_path / "x.mp4").write_bytes(b"none")
    with pytest.raises(InputError, match=r"x\.mp4: is no video"):
        find_shots_in_pixels(tmp_path / "x.mp4")


def test_without_the_library_it_says_what_to_install(tmp_path, monkeypatch):
    importing = builtins.__import__

    def fail(name, *rest):
        if name == "scenedetect":
            raise ImportError("no module")
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", fail)
    with pytest.raises(InputError, match=r"pip install 'yt8m\[scenes\]'"):
        find_shots_in_pixels(tmp_path / "x.mp4")
