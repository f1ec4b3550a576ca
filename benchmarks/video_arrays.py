"""Video-level records as arrays in memory: what `benchmarks.ideas` and `benchmarks.kernels` learn from.

N = videos, D = values of a video, C = classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

import yt8m
from yt8m.data.schema import DEFAULT_NUM_CLASSES, LABEL_PADDING
from yt8m.training.explained_variance import Moments

SIZES = (1024, 128)


@dataclass(frozen=True, eq=False)
class Videos:
    """Videos in memory. Each is equal to itself alone, so that results for it can be cached."""

    values: np.ndarray
    """float32 [N, D], rgb and audio."""
    labels: sparse.csr_matrix | None
    """0 and 1, [N, C]; None if there are targets."""
    soft: np.ndarray | None = None
    """Targets in place of labels, float32 [N, C]."""
    scale: np.ndarray | None = None
    """The share of explained variance of each value over its deviation, float32 [D]."""

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows) -> "Videos":
        return replace(
            self,
            values=self.values[rows],
            labels=None if self.labels is None else self.labels[rows],
            soft=None if self.soft is None else self.soft[rows],
        )

    def targets(self, rows) -> np.ndarray:
        """What to learn for some videos, float32 [N, C]."""
        if self.soft is not None:
            return self.soft[rows]
        return self.labels[rows].toarray()

    def taught(self, said: np.ndarray, share: float) -> "Videos":
        """The videos with targets that are, with this share, what another model says of them, float [N, C]."""
        targets = (1 - share) * self.targets(slice(None)) + share * said
        return replace(self, labels=None, soft=np.float32(targets))

    @property
    def num_classes(self) -> int:
        return (self.soft if self.labels is None else self.labels).shape[1]


def read(files: Sequence[str]) -> Videos:
    """All videos of some files, in their order."""
    values, labels = [], []
    for batch in yt8m.read_batches(list(files), batch_size=512):
        values.append(np.concatenate([batch["mean_rgb"], batch["mean_audio"]], axis=1))
        rows, places = np.nonzero(batch["labels"] != LABEL_PADDING)
        columns = batch["labels"][rows, places]
        shape = (len(batch["labels"]), DEFAULT_NUM_CLASSES)
        labels.append(sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, columns)), shape))
    stacked = sparse.vstack(labels, format="csr")
    stacked.data[:] = 1.0
    return Videos(np.concatenate(values), stacked)


def labels_of(videos: Videos) -> np.ndarray:
    """bool [N, C]."""
    return videos.labels.toarray() > 0


def scaled(videos: Videos) -> Videos:
    """The videos, with what their labels say of each value."""
    moments = Moments(videos.num_classes, list(SIZES))
    moments.add(videos.labels, np.split(videos.values, [SIZES[0]], axis=1))
    return replace(videos, scale=np.concatenate(moments.scales()))


def unit(values: np.ndarray) -> np.ndarray:
    """Vectors of length 1."""
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-9)
