#!/usr/bin/env bash
# PySceneDetect's last scene can end before it begins: by OpenCV, the end is counted in frames and the rest is read from the clock.
#
# Guessed: scenes of a video whose frames are not evenly spaced lie on its clock, from 0 to its end, with either backend.
# Happened: 50 frames at 5 a second and 100 at 25, 14 seconds with a cut at 11, in Matroska or AVI: with the backend PyAV the last
#   scene is 11 to 14, with OpenCV, the default, 11 to 6. After the last frame OpenCV says 0 for CAP_PROP_POS_MSEC; the backend takes
#   this for "unknown" and divides the number of frames by the rate (150 / 25). Where 40 of 200 frames were dropped, the last scene
#   loses 1.6 of its 3.2 seconds. In MP4 the rate that OpenCV gives is the mean one, and the end is right.
# Versions: scenedetect-headless 0.7.2, opencv-python-headless 5.0.0.93, av 18.1.0, NumPy 2.4.6, Python 3.11. OpenCV 4.11 does the same.
# Why it matters: videos of phones, of screens and of broken recordings have frames that are not evenly spaced. Their last clip is
#   too short, or refused by what cuts it. Take the backend PyAV, or replace the last end by the video's.
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check scenedetect-headless==0.7.2 opencv-python-headless==5.0.0.93 av==18.1.0 numpy==2.4.6
cd "$place"
venv/bin/python - <<'END'
import av
import cv2
import numpy as np
import scenedetect

print("scenedetect", scenedetect.__version__, "opencv", cv2.__version__, "av", av.__version__)
RATE = 25
TIMES = {  # of frames, in parts of RATE; there is a cut in the middle of each list
    "slow, then fast": [*range(0, 250, 5), *range(250, 350)],
    "dropped frames": [each for each in range(200) if not 20 <= each < 60],
    "even": list(range(200)),
}


def write(path, times):
    with av.open(path, "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, time in enumerate(times):
            picture = np.full((48, 64, 3), 30 if number < len(times) // 2 else 220, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = time
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def scenes(path, backend):
    manager = scenedetect.SceneManager()
    manager.add_detector(scenedetect.ContentDetector())
    manager.detect_scenes(scenedetect.open_video(path, backend=backend))
    return [(round(start.seconds, 3), round(end.seconds, 3)) for start, end in manager.get_scene_list()]


for name, times in TIMES.items():
    end, counted = (times[-1] + 1) / RATE, len(times) / RATE
    for ending in ("mkv", "avi", "mp4"):
        path = f"video.{ending}"
        write(path, times)
        with av.open(path) as container:
            clock = [round(frame.time * RATE) for frame in container.decode(video=0)]
        assert clock == times, "the file has other times"
        cut = clock[len(times) // 2] / RATE
        by_pyav, by_opencv = scenes(path, "pyav"), scenes(path, "opencv")
        print(f"{name}, {ending}: PyAV {by_pyav}, OpenCV {by_opencv}")
        assert by_pyav == [(0, cut), (cut, end)]
        assert by_opencv == [(0, cut), (cut, end if ending == "mp4" else counted)], "OpenCV's last scene ends elsewhere now"
capture = cv2.VideoCapture("video.mkv")
while capture.read()[0]:
    last = capture.get(cv2.CAP_PROP_POS_MSEC)
print("OpenCV's clock at the last frame:", last, "after it:", capture.get(cv2.CAP_PROP_POS_MSEC))
assert round(last) == 7960 and capture.get(cv2.CAP_PROP_POS_MSEC) == 0
END
