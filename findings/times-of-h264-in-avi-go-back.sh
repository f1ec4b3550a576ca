#!/usr/bin/env bash
# Frames of an AVI with H.264 come in the right order, with times that go back and forth.
#
# Guessed: decoded frames have times in the order of display, 0, 1, 2 ... in a file that FFmpeg itself wrote without a warning.
# Happened: the pictures are in order, but where the encoder used B frames their times (frame.pts) are 1, 4, 3, 5, 2, 8, 7, 9, 6.
#   An AVI has no times; its packets are counted as they lie in the file, and each frame keeps the number of its packet, plus one.
#   OpenCV's clock is in order, two frames late, and says 0 for the last two. Without B frames PyAV's times are one frame late and OpenCV's clock is right.
#   The same frames in Matroska are right with both.
# Versions: av 18.1.0 with FFmpeg 8.1.2, opencv-python-headless 5.0.0.93, NumPy 2.4.6, Python 3.11.
# Why it matters: who takes the frame nearest to a second by frame.time gets one that is up to three frames off, a frame may be met
#   after a later one, and a cut that is found at one lies before its neighbours. For AVI, count the decoded frames instead.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$place"
venv/bin/python - <<'END'
import av
import cv2
import numpy as np

print("av", av.__version__, "FFmpeg", av.ffmpeg_version_info, "opencv", cv2.__version__)
NUM, RATE, STEP = 30, 25, 7
NUMBERS = list(range(NUM))


def write(path, options):
    """Each frame is as bright as its number says."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = options
        for number in NUMBERS:
            picture = np.full((48, 64, 3), 20 + STEP * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def number_of(picture):
    return round((float(picture.mean()) - 20) / STEP)


def by_pyav(path):
    """Times of the pictures, in frames."""
    with av.open(path) as container:
        base = container.streams.video[0].time_base * RATE
        frames = list(container.decode(video=0))
        assert [number_of(frame.to_ndarray(format="rgb24")) for frame in frames] == NUMBERS, "pictures are out of order"
        return [int(frame.pts * base) for frame in frames]


def by_opencv(path):
    capture, times = cv2.VideoCapture(path), []
    for number in NUMBERS:
        read, picture = capture.read()
        assert read and number_of(picture) == number, "pictures are out of order"
        times.append(round(capture.get(cv2.CAP_PROP_POS_MSEC) * RATE / 1000))
    return times


av.logging.set_level(av.logging.WARNING)
for name, options in (("B frames", {}), ("no B frames", {"bf": "0"})):
    for ending in ("avi", "mkv"):
        with av.logging.Capture() as logged:
            write(f"video.{ending}", options)
        assert not [text for _, module, text in logged if module in ("avi", "matroska")], "the writer warns now"
        times, clock = by_pyav(f"video.{ending}"), by_opencv(f"video.{ending}")
        print(f"{name}, {ending}: PyAV {times}, OpenCV {clock}")
        if ending == "mkv":
            assert times == clock == NUMBERS
        elif options:
            assert times == [number + 1 for number in NUMBERS] and clock == NUMBERS
        else:
            assert times[:9] == [1, 4, 3, 5, 2, 8, 7, 9, 6], "PyAV's times are others now"
            assert clock == [*NUMBERS[2:], 0, 0], "OpenCV's clock is another now"
END
