#!/usr/bin/env bash
# FFmpeg shortens the length of an AVI that is cut off by the share of bytes that are missing, and says so to nobody.
#
# Guessed: a file that is cut off has the length that it declares, as in MP4 and in Matroska, so that what is missing can be seen.
# Happened: the first quarter of an AVI of 10 seconds is said to last 2.5, whatever is in it: with noise in the first seconds and then
#   black 0.6 can be read, the other way around 6. stream.frames is still the declared number, 250. The reader of AVI does this where
#   the declared size is greater than the file's; a line in the log says so, at level DEBUG alone.
# Versions: av 18.1.0 with FFmpeg 8.1.2, NumPy 2.4.6, Python 3.11.
# Why it matters: who compares the seconds read with the seconds declared, to find broken downloads, takes an AVI for nearly whole of
#   which three quarters are missing. In AVI, stream.frames / stream.average_rate is what was declared.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.6
cd "$place"
venv/bin/python - <<'END'
from pathlib import Path

import av
import numpy as np

print("av", av.__version__, "FFmpeg", av.ffmpeg_version_info)
FRAMES, RATE = 250, 25


def write(path, is_noise):
    random = np.random.default_rng(0)
    with av.open(path, "w", options={"movflags": "faststart"} if path.endswith("mp4") else {}) as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuvj420p"
        for number in range(FRAMES):
            picture = random.integers(0, 256, (180, 320, 3), dtype=np.uint8) * np.uint8(is_noise(number))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def look(path):
    """Seconds declared of the stream and the container, frames declared, seconds read."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        stream_seconds = None if stream.duration is None else float(stream.duration * stream.time_base)
        seconds, frames = container.duration / av.time_base, stream.frames
        num_read = 0
        for packet in container.demux(stream):
            try:
                num_read += len(packet.decode())
            except av.FFmpegError:  # the last, of which a part is missing
                pass
    return stream_seconds, seconds, frames, num_read / RATE


CASES = {"even": lambda number: True, "noise, then black": lambda number: number < 50, "black, then noise": lambda number: number >= 200}
READ = {"even": (1.8, 2.6), "noise, then black": (0, 1), "black, then noise": (5, 10)}
av.logging.set_level(av.logging.PANIC)
for name, is_noise in CASES.items():
    for ending in ("avi", "mkv", "mp4"):
        write(f"whole.{ending}", is_noise)
        assert look(f"whole.{ending}")[1] == look(f"whole.{ending}")[3] == FRAMES / RATE
        whole = Path(f"whole.{ending}").read_bytes()
        Path(f"cut.{ending}").write_bytes(whole[: len(whole) // 4])
        stream_seconds, seconds, frames, read = look(f"cut.{ending}")
        print(f"{name}, {ending}: declared {seconds} s and {frames} frames, read {read} s")
        if ending == "avi":
            assert stream_seconds == seconds and 2.4 < seconds < 2.6 and frames == FRAMES, "it is what the file declares now"
            assert READ[name][0] < read < READ[name][1]
        else:
            assert seconds == FRAMES / RATE
av.logging.set_level(av.logging.DEBUG)
with av.logging.Capture() as logged, av.open("cut.avi"):
    lines = [(level, text.strip()) for level, _, text in logged if "truncated" in text]
print("log:", lines)
assert lines == [(av.logging.DEBUG, "File is truncated adjusting duration")]
END
