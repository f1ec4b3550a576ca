"""Ways to divide real records into those to learn from and those to score, and scores, which are kept."""

import glob
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from benchmarks.video_arrays import Videos, labels_of, read, scaled
from yt8m.files import read_json, write_json
from yt8m.metrics import global_average_precision, mean_average_precision

NUM_SPLITS = 6

Prediction = Callable[[Videos, Videos, int], np.ndarray]
"""Takes the videos to learn from, those to predict, and a seed; returns logits, float32 [N, C]."""


@dataclass
class Split:
    """One way, with a seed: every sixth file from this one on is left out and scored."""

    seed: int
    """0 to 5."""
    files: Sequence[str]
    runs: Path
    """The directory where scores are kept, so that a benchmark that was stopped goes on."""
    _videos: tuple[Videos, Videos] | None = field(default=None, init=False)

    def videos(self) -> tuple[Videos, Videos]:
        """The videos to learn from, and those to score."""
        if self._videos is None:
            left_out = list(self.files[self.seed :: NUM_SPLITS])
            known = scaled(read([path for path in self.files if path not in left_out]))
            self._videos = known, replace(read(left_out), scale=known.scale)
        return self._videos

    def score(self, name: str, predict: Prediction) -> dict[str, float]:
        """GAP and MAP, measured once."""
        stem = "".join(letter if letter.isalnum() else "-" for letter in name)
        path = self.runs / f"{stem}-{self.seed}.json"
        if not path.exists():
            known, others = self.videos()
            logits, present = predict(known, others, self.seed), labels_of(others)
            scores = 1 / (1 + np.exp(-logits))
            found = {
                "gap": global_average_precision(scores, present),
                "map": mean_average_precision(scores, present),
            }
            print(f"{name}, seed {self.seed}: {found}", file=sys.stderr, flush=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, found)
        return read_json(path)

    def forget(self) -> None:
        """Lets the videos go."""
        self._videos = None


def splits_of(records: Sequence[str], number: int, runs: Path) -> list[Split]:
    """The first ways to divide the records, which are files or globs."""
    files = sorted(path for pattern in records for path in glob.glob(pattern))
    return [Split(seed, files, runs) for seed in range(number)]


def scores_and_gains(found: Sequence[Mapping[str, float]], bases: Sequence[Mapping[str, float]]) -> list[str]:
    """Cells of a table: the mean GAP of all splits, its gain over others' (least to greatest), and both of MAP."""
    cells = []
    for key in ("gap", "map"):
        gains = [each[key] - base[key] for each, base in zip(found, bases, strict=True)]
        cells.append(f"{statistics.mean(each[key] for each in found):.4f}")
        cells.append(f"{statistics.mean(gains):+.4f} ({min(gains):+.4f} to {max(gains):+.4f})")
    return cells
