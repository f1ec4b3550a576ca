"""Groups clips that are alike, of all videos together.

The mean frames of the clips are centred and scaled to length 1, so that their distance is that of the angle between them. Ward's
method joins them one after the other (scikit-learn's `AgglomerativeClustering`). Of the numbers of clusters tried, the one with
the greatest mean silhouette is taken.

N = clips, D = values of a frame.
"""

from dataclasses import dataclass

import numpy as np

from yt8m.errors import InputError, quantity

MOST_JOINED = 4000
"""Clips that are joined: memory and time grow with their square, to half a gigabyte and half a minute. Of more clips, so many are
drawn by chance and joined, and each of the others goes to the cluster with the nearest mean."""
_NUMBERS_TRIED = 24
"""Numbers of clusters tried between two and all, in equal ratios, and then so many again around the best one."""
_SMALLEST_LENGTH = 1e-6
"""Of a centred mean, as a share of the greatest length of an uncentred one. Below it, a clip is like the mean of all."""


@dataclass(frozen=True)
class Groups:
    """Clusters of clips."""

    cluster: np.ndarray
    """The cluster of each clip, int64 [N]. Clusters are numbered from 0 on by the seconds of their clips, longest first."""
    silhouette: float | None
    """Mean silhouette of the clips that were joined, -1 to 1; None if there are not at least two clusters and three clips."""
    num_joined: int
    """Clips that were joined, `MOST_JOINED` at most."""

    @property
    def number(self) -> int:
        """Clusters."""
        return int(self.cluster.max(initial=-1)) + 1


def group_clips(means: np.ndarray, seconds: np.ndarray, number: int | None = None, seed: int = 0) -> Groups:
    """Groups clips.

    Args:
        means: mean frames of the clips, real values, float32 [N, D].
        seconds: their lengths, [N].
        number: clusters; None chooses.
        seed: of the choice of clips to join, if there are more than `MOST_JOINED`.

    Raises:
        InputError: there are fewer clips than `number`, or it is more than `MOST_JOINED`.
    """
    most = min(len(means), MOST_JOINED)
    if number is not None and number > most:
        beyond = f"{MOST_JOINED} at most" if most == MOST_JOINED else f"there are only {quantity(most, 'clip')}"
        raise InputError(f"--clusters is {number}, and {beyond}; give a smaller number, or none")
    places = _unit(means, seconds)
    joined = np.arange(len(means))
    if len(means) > MOST_JOINED:
        joined = np.sort(np.random.default_rng(seed).choice(len(means), MOST_JOINED, replace=False))
    cluster, silhouette = _join(places[joined], number)
    if len(joined) < len(means):
        cluster = _nearest(places, places[joined], cluster)
    return Groups(_by_seconds(cluster, seconds), silhouette, len(joined))


def _unit(means: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """The means less the mean of all frames, each of length 1, or 0 if nothing is left."""
    if not len(means):
        return means
    longest = np.sqrt(np.square(means, dtype=np.float64).sum(axis=1).max())
    centred = means - np.average(means, axis=0, weights=seconds).astype(np.float32)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    centred[length[:, 0] <= _SMALLEST_LENGTH * longest] = 0
    return np.divide(centred, length, out=centred, where=length > 0)


def _join(places: np.ndarray, number: int | None) -> tuple[np.ndarray, float | None]:
    """Joins clips: the cluster of each, and the silhouette."""
    count = len(places)
    if count < 2 or not places.any():
        # Nothing tells equal clips apart, so they are divided only where a number is asked for.
        return np.minimum(np.arange(count), (number or 1) - 1), None
    merges = _merges(places)
    if count == 2:
        return np.arange(2) if number != 1 else np.zeros(2, int), None
    distances = _distances(places)
    found = number or _best_number(merges, distances)
    cluster = _cut(merges, count, found)
    return cluster, _silhouette(distances, cluster)


def _merges(places: np.ndarray) -> np.ndarray:
    """All joins by Ward's method, nearest first: int [N - 1, 2], clips below N, and results of earlier joins from N on."""
    from sklearn.cluster import AgglomerativeClustering

    return AgglomerativeClustering(n_clusters=1, linkage="ward", compute_full_tree=True).fit(places).children_


def _cut(merges: np.ndarray, count: int, number: int) -> np.ndarray:
    """The cluster of each clip after all joins but the last ones, so that `number` clusters are left."""
    cluster = np.arange(2 * count - 1)
    done = count - number
    for step in range(done - 1, -1, -1):  # from the last join back to the first, each result hands its own down
        cluster[merges[step]] = cluster[count + step]
    return np.unique(cluster[:count], return_inverse=True)[1]


def _best_number(merges: np.ndarray, distances: np.ndarray) -> int:
    count = len(distances)
    scores: dict[int, float] = {}

    def best(least: int, most: int) -> int:
        for number in np.unique(np.geomspace(least, most, _NUMBERS_TRIED).round().astype(int)).tolist():
            if number not in scores:
                scores[number] = _silhouette(distances, _cut(merges, count, number)) or 0.0
        return max(scores, key=lambda number: (scores[number], -number))

    first = best(2, count - 1)
    tried = sorted(scores)
    place = tried.index(first)
    return best(tried[max(place - 1, 0)], tried[min(place + 1, len(tried) - 1)])


def _distances(places: np.ndarray) -> np.ndarray:
    """Euclidean distances, float32 [N, N]."""
    squares = np.square(places).sum(axis=1)
    distances = squares[:, None] + squares - 2 * (places @ places.T)
    np.sqrt(np.maximum(distances, 0, out=distances), out=distances)
    np.fill_diagonal(distances, 0)
    return distances


def _silhouette(distances: np.ndarray, cluster: np.ndarray) -> float | None:
    from sklearn.metrics import silhouette_score

    if not 2 <= cluster.max() + 1 < len(cluster):
        return None
    return float(silhouette_score(distances, cluster, metric="precomputed"))


def _nearest(places: np.ndarray, joined: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """The cluster with the nearest mean, for all clips."""
    centres = np.zeros((cluster.max() + 1, places.shape[1]), np.float32)
    np.add.at(centres, cluster, joined)
    centres /= np.bincount(cluster)[:, None]
    offsets = np.square(centres).sum(axis=1) / 2
    parts = np.array_split(places, -(-len(places) // MOST_JOINED))
    return np.concatenate([np.argmax(part @ centres.T - offsets, axis=1) for part in parts])


def _by_seconds(cluster: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Numbers clusters anew, by their seconds."""
    totals = np.bincount(cluster, weights=seconds) if len(cluster) else np.zeros(0)
    ranks = np.empty(len(totals), np.int64)
    ranks[np.argsort(-totals, kind="stable")] = np.arange(len(totals))
    return ranks[cluster]
