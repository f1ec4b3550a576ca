"""Mistyped paths and wrong forms of output are told before anything slow: before TensorFlow, Keras or Matplotlib is loaded."""

import json
import os
import subprocess
import sys

import pytest

from yt8m.data.records import frame_level_record, framed
from yt8m.video.making import make_videos

RUN_ALL = """
import json, os, sys
from yt8m.cli import main
told = []
for words in json.load(sys.stdin):
    try:
        main([*words, "--verbose"])
    except SystemExit as ended:
        told.append([ended.code, sorted({"tensorflow", "keras", "matplotlib"} & set(sys.modules))])
    print("\\0", end="", file=sys.stderr, flush=True)
print(json.dumps(told))
"""

REFUSED = {
    "extract videos --out records/x.tfrecord": "records/x.tfrecord: is a file",
    "extract nowhere --out new": "nowhere: no such file or directory",
    "extract videos --out videos/new": "videos/new: lies in videos",
    "extract videos --out new --labels none.csv": "none.csv: cannot be read as labels",
    "extract videos --out new --labels videos/labels.csv --vocabulary none.csv": "none.csv: cannot be read",
    "extract videos --out new --pca none.npz": "none.npz: no such file",
    "extract videos --out new --network keras:EfficientNetV2B0 --weights none.h5": "none.h5: no such file",
    "extract videos --out new --folder nowhere": "nowhere",
    "extract videos --out new --network nothing": "unknown network 'nothing'",
    "extract videos --fit-pca records": "records: this is a directory",
    "extract nowhere --fit-pca pca.npz": "nowhere: no such file or directory",
    "label videos --run nowhere": "nowhere: no run directory",
    "label records --run nowhere": "nowhere: no run directory",
    "label videos --run nowhere --csv records": "records: this is a directory",
    "label videos --run nowhere --chapters videos/labels.csv": "videos/labels.csv: is a file",
    "label videos --run nowhere --vocabulary none.csv": "none.csv: cannot be read",
    "label videos --run nowhere --pca none.npz": "--weights and --pca belong to --network",
    "clips videos --out new --run nowhere": "nowhere: no run directory",
    "clips records --out new --run nowhere": "nowhere: no run directory",
    "clips videos --out records": "records",
    "clips videos --out new --vocabulary none.csv": "none.csv: cannot be read",
    "clips videos --out new --pca none.npz": "none.npz: no such file",
    "clips videos --out new --network keras:EfficientNetV2B0 --weights none.h5": "none.h5: no such file",
    "clips videos --out new --folder nowhere": "nowhere",
    "clips nowhere --out new": "nowhere: no such file",
    "search --index nowhere --text guitar": "nowhere",
    "search --index new --add nowhere": "nowhere",
    "search --index new --add records --vocabulary none.csv": "none.csv: cannot be read",
    "search --index new --add records --predictions nowhere": "nowhere",
    "show a --data records --out a.jpg": "a.jpg: pictures are written as PNG",
    "show a --data records --out records/x.tfrecord": "records/x.tfrecord",
    "show a --data records --out a.png --run nowhere": "nowhere: no run directory",
    "show a --data records --out a.png --video none.mp4": "none.mp4: no such file",
    "show a --data records --out a.png --vocabulary none.csv": "none.csv: cannot be read",
    "browse records --out page.txt": "page.txt: the page is HTML",
    "browse nowhere --out page.html": "nowhere: is no directory",
    "browse records --out page.html --clips nowhere.csv": "nowhere.csv",
    "browse records --out page.html --labels nowhere.csv": "nowhere.csv",
    "id --submission nowhere.csv --out addresses.csv": "nowhere.csv",
    "id XE00 --out records": "records: this is a directory",
    "id --videos nowhere.csv": "nowhere.csv: cannot be read as a table of videos",
    "synth videos --as videos": "videos",
    "synth videos --as films": "videos",
    "download extractor --out records/x.tfrecord": "records/x.tfrecord",
}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each command says, in one process."""
    place = tmp_path_factory.mktemp("early")
    make_videos(place / "videos", 1, seconds=1)
    (place / "records").mkdir()
    frames = {"rgb": b"\0" * 1024, "audio": b"\0" * 128}
    import numpy as np

    streams = {name: np.frombuffer(row, np.uint8)[None] for name, row in frames.items()}
    (place / "records/x.tfrecord").write_bytes(framed(frame_level_record("a", [1], streams)))
    commands = [line.split() for line in REFUSED]
    done = subprocess.run(
        [sys.executable, "-c", RUN_ALL],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        cwd=place,
        env={**os.environ, "YT8M_CACHE": str(place / "cache")},
        check=True,
        timeout=300,
    )
    assert sorted(path.name for path in place.iterdir()) == ["records", "videos"]
    errors = done.stderr.split("\0")[:-1]
    return dict(zip(REFUSED, zip(errors, json.loads(done.stdout), strict=True), strict=True))


@pytest.mark.parametrize("line", REFUSED)
def test_mistakes_are_told_at_once(line, told):
    err, (status, loaded) = told[line]
    assert status == 2
    assert REFUSED[line] in err
    assert err.count("\n") == 1
    assert loaded == []
