"""A data set for others to read, and processes that read it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from slow_reading import make_frames, write

import yt8m
from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.data.records import frame_level_record, video_level_record
from yt8m.models import make_architecture

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Ended:
    """How a process ended."""

    status: int
    out: str
    err: str


def write_data(root: Path) -> Path:
    """Two frame-level shards, two video-level ones, and a file that holds no records."""
    random = np.random.default_rng(0)
    for shard in range(2):
        names = [f"f{shard}{index}" for index in range(4)]
        frames = [frame_level_record(name, [1, 5], make_frames(random, rgb=5, audio=5)) for name in names]
        write(root / f"2/frame/train/train000{shard}.tfrecord", *frames)
        names = [f"v{shard}{index}" for index in range(6)]
        means = [{"rgb": random.normal(size=1024), "audio": random.normal(size=128)} for _ in names]
        videos = [
            video_level_record(name, [index], mean) for index, (name, mean) in enumerate(zip(names, means, strict=True))
        ]
        write(root / f"2/video/test/test000{shard}.tfrecord", *videos)
    (root / "notes.txt").write_text("these are notes and no records\n" * 3)
    return root


def train_tiny(run: Path, data: str | Path) -> Path:
    """A run of a few steps of logistic regression on one shard of a directory; the other validates."""
    yt8m.train(
        RunConfig(
            run=str(run),
            model=make_architecture("logistic"),
            data=DataConfig(
                train=(f"{data}/test0000.tfrecord",), validate=(f"{data}/test0001.tfrecord",), num_classes=8
            ),
            training=TrainingConfig(num_steps=3, batch_size=4, validate_every_steps=0),
        )
    )
    return run


def start(*arguments, **environment) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), **environment},
    )


def finish(process: subprocess.Popen) -> Ended:
    try:
        out, err = process.communicate(timeout=240)
    finally:
        process.kill()
    return Ended(process.returncode, out, err)


def assert_clean_end(process: Ended, status: int) -> None:
    assert process.status == status, process.err[-2000:]
    assert "pure virtual method" not in process.err
    assert "Traceback" not in process.err
