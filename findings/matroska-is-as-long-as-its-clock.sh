#!/usr/bin/env bash
# A Matroska file whose clock starts late is said to be longer than it is, by all that came before its first frame.
#
# Guessed: 100 frames at 25 a second last 4 seconds, whether their times begin at 0 or at 3.4, as a piece cut from a stream has it.
# Happened: in MP4 and MPEG-TS they do, and the start is told apart. In Matroska, FFmpeg's writer puts the time at which the last
#   frame ends as the length, 7.4 seconds, and its reader gives it back as the duration with a start of 3.4. Start and duration
#   together are 10.8, a time at which there is nothing. OpenCV counts 185 frames from it, and PySceneDetect says 7.4 with both backends.
# Versions: av 18.1.0 with FFmpeg 8.1.2, opencv-python-headless 5.0.0.93, scenedetect-headless 0.7.2, NumPy 2.4.6, Python 3.11.
# Why it matters: a whole file looks cut off to who compares what was read with what was declared, and frames that are picked at even
#   shares of the count are missing at the end. In Matroska by FFmpeg, the length is the duration minus the start.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 opencv-python-headless==5.0.0.93 scenedetect-headless==0.7.2 numpy==2.4.6
cd "$place"
venv/bin/python - <<'END'
import av
import cv2
import numpy as np
import scenedetect

print("av", av.__version__, "FFmpeg", av.ffmpeg_version_info, "opencv", cv2.__version__, "scenedetect", scenedetect.__version__)
NUM, RATE = 100, 25


def write(path, late):
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(NUM):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 2 * number, np.uint8), format="rgb24")
            frame.pts = late + number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def look(path):
    """Start, length and end of the last frame in seconds by PyAV; frames counted by OpenCV, and lengths by PySceneDetect."""
    with av.open(path) as container:
        start, length = container.start_time / av.time_base, container.duration / av.time_base
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == NUM and times[0] == start
    lengths = [scenedetect.open_video(path, backend=backend).duration.seconds for backend in ("pyav", "opencv")]
    counted = cv2.VideoCapture(path).get(cv2.CAP_PROP_FRAME_COUNT)
    return [round(each, 3) for each in (start, length, times[-1] + 1 / RATE, counted, *lengths)]


for ending in ("mp4", "ts", "mkv"):
    for late in (0, 85):
        path = f"video{late}.{ending}"
        write(path, late)
        found = look(path)
        print(path, dict(zip(("start", "length", "end", "counted", "by PyAV", "by OpenCV"), found, strict=True)))
        begin, end = late / RATE, (late + NUM) / RATE
        length = end if ending == "mkv" else NUM / RATE
        assert found == [begin, length, end, length * RATE, length, length], "Matroska's length is another now"
END
