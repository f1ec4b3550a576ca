"""Runs that were never trained, with all that a report shows of one."""

import hashlib

import numpy as np
from small_runs import configure

from yt8m.metrics import Confusion, SegmentMetrics, VideoMetrics, precision_recall, reliability
from yt8m.metrics.bootstrap import Outcomes
from yt8m.metrics.selection import best_classes
from yt8m.views.report.measuring import Example, Records, RunResult

NUM_CLASSES = 40
LONG_NAME = "An unusually long name of a class, as Wikipedia has them, <b>with a tag</b> & an ampersand"
CLASS_NAMES = {index: f"Class {index}" for index in range(NUM_CLASSES)} | {3: LONG_NAME, 5: "Pneumonoultra" * 5}


def examples(seed, is_segments, count=12):
    found = {}
    for index in range(count):
        name = f"v{index:03}" + (f":{5 * index}" if is_segments else "")
        probabilities = np.random.default_rng((seed, index)).random(5)
        predictions = tuple(
            (int(c), float(p)) for c, p in zip((3, 5, 7, index, 30), -np.sort(-probabilities), strict=True)
        )
        present = (3, index + 8) if index else ()
        digest = hashlib.md5(name.encode(), usedforsecurity=False).digest()
        found[digest] = Example(name, present, (5,) if is_segments else None, predictions)
    return found


def rows(seed, is_segments, steps):
    rng = np.random.default_rng(seed)
    found = []
    for step in range(10, steps + 1, 10):
        loss = 10 / (1 + step / 50) + rng.random() / 10
        found.append({"kind": "train", "step": step, "loss": loss, "videos_per_second": 100 * 30**seed + rng.random()})
        if step % 50 == 0:
            score = {"segment_map" if is_segments else "gap": step / (step + 100)}
            found.append({"kind": "validation", "step": step, "loss": 1.3 * loss, **score})
    return found


def outcomes(scores, labels, rated):
    found, videos = Outcomes(), np.arange(len(scores), dtype=np.uint64)
    classes = best_classes(scores, 20)[0] if rated is None else rated
    if rated is not None:
        is_rated = np.zeros(labels.shape, bool)
        np.put_along_axis(is_rated, rated, True, axis=1)
        labels = labels & is_rated
    values = [np.take_along_axis(each, classes, axis=1).ravel() for each in (scores, labels)]
    found.add(np.repeat(videos, classes.shape[1]), classes.ravel(), *values)
    rows, own = np.nonzero(labels)
    found.add_labels(videos[rows], own)
    found.add_videos(videos)
    return found


def made_up_run(name="runs/one", seed=0, is_segments=False, steps=200, count=150, **changes) -> RunResult:
    """A run that says more or less at random what random videos, or segments, have as labels."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1.5, 1.5 + seed / 2, (count, NUM_CLASSES)).astype(np.float32)
    labels = rng.random(logits.shape) < np.arange(1, NUM_CLASSES + 1) / NUM_CLASSES / (1 + np.exp(-logits))
    probabilities = 1 / (1 + np.exp(-logits))
    if is_segments:
        metrics = SegmentMetrics(NUM_CLASSES)
        rated = np.sort(rng.permuted(np.tile(np.arange(NUM_CLASSES), (count, 1)), axis=1)[:, :3])
        ids, starts = [f"v{index:03}" for index in range(count)], 5 * np.arange(count)
        metrics.update(probabilities, ids, starts, rated, np.take_along_axis(labels, rated, axis=1))
    else:
        metrics = VideoMetrics(NUM_CLASSES)
        metrics.update(probabilities, labels)
    values = {
        "name": name,
        "config": configure(name, "data", "logistic", data={"num_classes": NUM_CLASSES}, validate=True),
        "paths": ("data/2/video/validate",),
        "environment": {"versions": {"yt8m": "0.1.0"}, "git_commit": "0123456789abcdef", "devices": ["/device:CPU:0"]},
        "rows": rows(seed, is_segments, steps),
        "best_step": steps - steps % 50 or None,
        "num_averaged": 0,
        "num_parameters": 1_234_567,
        "metrics": {"num_videos": count, **metrics.result(), "loss": 3.0 + seed, "videos_per_second": 1234.5},
        "curve": precision_recall(metrics.pooled(), metrics.num_positives),
        "reliability": reliability(metrics.pooled()),
        "per_class": metrics.per_class(),
        "confusions": [Confusion(39, 3, 9), Confusion(38, 5, 4)],
        "examples": examples(seed, is_segments),
        "records": Records(count, 17),
        "outcomes": outcomes(probabilities, labels, rated if is_segments else None),
        "num_training_records": 640,
    }
    return RunResult(**values | changes)
