#!/usr/bin/env bash
# An upright video of a phone lies on its side for PyAV and stands for OpenCV; neither stretches pixels that are not square.
#
# Guessed: both are FFmpeg, so both give the frames that a player shows.
# Happened: a phone writes lying frames with a matrix that says how to turn them. OpenCV turns them (32 x 64), PyAV does not (64 x 32)
#   and says -90 in frame.rotation. A sample aspect ratio of 2 is applied by neither: a player shows 128 x 32, both give 64 x 32.
# Versions: av 18.1.0, opencv-python-headless 5.0.0.93, NumPy 2.4.6, Python 3.11.
# Why it matters: features of one video depend on which of the two decoded it. A network that saw upright frames is shown people that
#   lie; turn by frame.rotation, and stretch by sample_aspect_ratio, before resizing to the network's square.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$place"
venv/bin/python - <<'END'
import struct

import av
import cv2
import numpy as np

print("av", av.__version__, "opencv", cv2.__version__)


def write(path, aspect=None):
    """30 frames of 64 x 32 pixels, light in the upper quarter."""
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 32, "yuv420p"
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        picture = np.zeros((32, 64, 3), np.uint8)
        picture[:8] = 255
        for _ in range(30):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def by_pyav(path):
    with av.open(path) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        return frame.to_ndarray(format="rgb24").shape[:2], frame.rotation, stream.sample_aspect_ratio


def by_opencv(path):
    capture = cv2.VideoCapture(path)
    shape = capture.read()[1].shape[:2]
    capture.release()
    return shape


write("flat.mp4")
data = bytearray(open("flat.mp4", "rb").read())
header = data.index(b"tkhd") + 4  # its version and flags, times, track and the like, then nine numbers of the matrix
assert data[header] == 0
matrix = header + 40
assert struct.unpack(">9i", data[matrix : matrix + 36]) == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 32 << 16, 0, 1 << 30)
open("upright.mp4", "wb").write(data)
write("wide.mp4", aspect=2)

print("upright: PyAV", by_pyav("upright.mp4"), "OpenCV", by_opencv("upright.mp4"))
print("wide pixels: PyAV", by_pyav("wide.mp4"), "OpenCV", by_opencv("wide.mp4"))
assert by_pyav("upright.mp4")[:2] == ((32, 64), -90)
assert by_opencv("upright.mp4") == (64, 32)
assert by_pyav("wide.mp4") == ((32, 64), 0, 2)
assert by_opencv("wide.mp4") == (32, 64)
END
