"""Video-level records as arrays in memory, and kernel ridge regression on them: what `benchmarks.ideas` learns from.

N = videos, D = values of a video, C = classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.linalg import cho_factor, cho_solve

import yt8m
from yt8m.data.schema import DEFAULT_NUM_CLASSES, LABEL_PADDING
from yt8m.training.explained_variance import Moments
from yt8m.training.leaving_one_out import left_out

SIZES = (1024, 128)
SOUND = 0.5
"""How long sound is beside rgb in kernel ridge regression, as in `kernel_ridge`."""
BANDWIDTH, RIDGE = 1.0, 0.02


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


def _kernel(some: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> np.ndarray:
    shares = np.array([1.0, SOUND**2]) / (1 + SOUND**2)
    cosines = [one @ other.T for one, other in zip(some, others, strict=True)]
    together = np.exp((sum(share * each for share, each in zip(shares, cosines, strict=True)) - 1) / BANDWIDTH)
    apart = sum(share * np.exp((each - 1) / BANDWIDTH) for share, each in zip(shares, cosines, strict=True))
    return np.float32(0.5 * (together + apart))


def kernel_ridge(known: Videos, others: Videos | None) -> np.ndarray:
    """What kernel ridge regression says of other videos, or of the known ones by leaving each out: float32 [N, C] in [0, 1]."""
    vectors = [unit(each) for each in np.split(known.values * known.scale, [SIZES[0]], axis=1)]
    targets = known.targets(slice(None))
    prior = targets.mean(axis=0)
    kernel = _kernel(vectors, vectors)
    kernel[np.diag_indices_from(kernel)] += np.float32(RIDGE)
    factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
    coefficients = cho_solve(factor, targets - prior, check_finite=False)
    if others is None:
        found = left_out(factor, coefficients, targets - prior, prior)
    else:
        scaled_others = [unit(each) for each in np.split(others.values * known.scale, [SIZES[0]], axis=1)]
        found = _kernel(scaled_others, vectors) @ coefficients + prior
    return np.clip(found, 0, 1).astype(np.float32)
