"""Assigns videos to parts of a data set: iterative stratification, with rare classes in every part.

Sechidis, Tsoumakas and Vlahavas, On the Stratification of Multi-Label Data (2011): take the class with the fewest videos
left first, and give each of its videos to the part that lacks most of it. The package `iterative-stratification` (the
extra `tune`) does this. It expects a matrix bool [N, C], and takes two minutes for 10 000 videos of 3862 classes. Here it
gets lists of classes behind the interface of that matrix.

With a class of two videos and parts of .9 and .1, the smaller part would lack the class. So missing classes are moved to
the parts that lack them afterwards. Then the sizes are corrected as far as no part loses a class.

N = videos, C = classes, P = parts.
"""

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from yt8m.errors import not_installed

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_MOST_CANDIDATES = 256
"""Videos of a class to consider when one of them has to move."""
_MOVES_A_LACK = 50
"""Moves to try for each class that a part lacks, before the search gives up."""


class VideoClasses:
    """The classes of some videos, each at most once in a video.

    Args:
        matrix: sparse indicator matrix [N, C], with ascending classes in each row.
    """

    def __init__(self, matrix: "csr_matrix"):
        self._matrix = matrix

    @classmethod
    def of(cls, lists: Sequence[Collection[int]]) -> "VideoClasses":
        """Makes one from the class ids of each video. The classes are the ids that occur, in ascending order."""
        from sklearn.preprocessing import MultiLabelBinarizer

        matrix = MultiLabelBinarizer(sparse_output=True).fit_transform(lists)
        matrix.sort_indices()
        return cls(matrix)

    @property
    def num_videos(self) -> int:
        """N."""
        return self._matrix.shape[0]

    @property
    def num_classes(self) -> int:
        """C."""
        return self._matrix.shape[1]

    @property
    def flat(self) -> np.ndarray:
        """The classes of all videos, video by video, from 0 to C - 1: int [L]."""
        return self._matrix.indices

    @property
    def offsets(self) -> np.ndarray:
        """Where each video's classes begin in `flat`: int [N + 1]."""
        return self._matrix.indptr

    @property
    def videos(self) -> np.ndarray:
        """The video of each entry of `flat`: int [L]."""
        return np.repeat(np.arange(self.num_videos), np.diff(self.offsets))

    def by_class(self) -> tuple[np.ndarray, np.ndarray]:
        """The videos of all classes, class by class, int [L], and where each class begins, int [C + 1]."""
        columns = self._matrix.tocsc()
        return columns.indices, columns.indptr

    def of_video(self, video: int) -> np.ndarray:
        return self.flat[self.offsets[video] : self.offsets[video + 1]]

    def reordered(self, order: np.ndarray) -> "VideoClasses":
        """The same videos in another order. The first is the one at place `order[0]`."""
        return VideoClasses(self._matrix[order])

    def counts(self, parts: np.ndarray, num_parts: int) -> np.ndarray:
        """Number of videos of each class in each part, int [C, P]."""
        cells = self.flat.astype(np.int64) * num_parts + parts[self.videos]
        return np.bincount(cells, minlength=self.num_classes * num_parts).reshape(self.num_classes, num_parts)


class _LabelMatrix:
    """Stands for the matrix bool [N, C], with all operations that `IterativeStratification` uses."""

    def __init__(self, classes: VideoClasses):
        self._classes, self._videos = classes, classes.videos
        self._by_class, self._starts = classes.by_class()
        self.shape = (classes.num_videos, classes.num_classes)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):  # [:, class]: its column
            column = np.zeros(self.shape[0], bool)
            label = int(np.squeeze(key[1]))
            column[self._by_class[self._starts[label] : self._starts[label + 1]]] = True
            return column
        if isinstance(key, np.ndarray):  # [rows]: only their sum is used
            return _Sums(np.bincount(self._classes.flat[key[self._videos]], minlength=self.shape[1]))
        return self._classes.of_video(key)  # [row]: used only to index columns where it is true

    def sum(self, axis: int) -> np.ndarray:
        return np.diff(self._starts)


class _Sums:
    def __init__(self, sums: np.ndarray):
        self._sums = sums

    def sum(self, axis: int) -> np.ndarray:
        return self._sums


def load_stratifier() -> Callable:
    """Loads the package's function. Raises InputError if it is missing, so callers can check before reading records."""
    try:
        from iterstrat.ml_stratifiers import IterativeStratification
    except ImportError as error:
        raise not_installed("splitting", "iterative-stratification", "tune", error) from None
    return IterativeStratification


def stratify(classes: VideoClasses, shares: Sequence[float], seed: int) -> np.ndarray:
    """Assigns each video to a part.

    Args:
        classes: classes of the videos. Videos without classes are assigned by number only.
        shares: share of each part, above 0; the sum is 1.
        seed: breaks ties.

    Returns:
        The part of each video, int [N]. Each part has its share of each class, as nearly as whole videos and their other
        classes allow. A class with at least as many videos as there are parts is in every part, unless that contradicts other
        such classes. A search of some thousand tries finds an arrangement, or gives up.

    Raises:
        InputError: the package is not installed.
    """
    iterative = load_stratifier()
    given = np.asarray(shares, np.float64)
    # The order of the videos may go with their classes, and a part gets every n-th video, so shuffle them.
    order = np.random.default_rng(seed).permutation(classes.num_videos)
    parts = np.empty(classes.num_videos, np.int64)
    parts[order] = iterative(_LabelMatrix(classes.reordered(order)), given, np.random.RandomState(seed))
    spread = _Spread(classes, parts, given, np.random.default_rng(seed))
    spread.cover()
    spread.level()
    return spread.parts


class _Spread:
    """Improves an assignment of videos to parts."""

    def __init__(self, classes: VideoClasses, parts: np.ndarray, shares: np.ndarray, random: np.random.Generator):
        self._classes, self._random, self._num_parts = classes, random, len(shares)
        self.parts = parts.copy()
        self._counts = classes.counts(parts, self._num_parts)
        totals = self._counts.sum(axis=1)
        self._coverable = totals >= self._num_parts
        self._wanted = np.outer(totals, shares)
        self._sizes = np.bincount(parts, minlength=self._num_parts)
        self._num_lacks = 0
        """Pairs of a class that could be in every part and a part that lacks it; kept up to date by moves."""
        self._wanted_sizes = shares * len(parts)
        members, starts = classes.by_class()
        self._members = np.split(members, starts[1:-1])

    def cover(self) -> None:
        """Brings classes to the parts that lack them.

        A move may take another class from a part, which then waits for its turn. Videos that moved often are moved last
        (min-conflicts search). The best assignment seen stays.
        """
        found = np.argwhere((self._counts == 0) & self._coverable[:, None])
        lacks = deque(map(tuple, self._random.permutation(found)))
        self._num_lacks = fewest = len(lacks)
        best = self.parts.copy()
        times_moved: dict[int, int] = {}
        for _ in range(_MOVES_A_LACK * len(lacks)):
            if not lacks:
                break
            label, part = lacks.popleft()
            if self._counts[label, part]:
                continue
            video = self._cheapest(label, part, times_moved)
            source = self.parts[video]
            times_moved[video] = times_moved.get(video, 0) + 1
            self._move(video, part)
            own = self._classes.of_video(video)
            lacks.extend((each, source) for each in own[self._coverable[own] & (self._counts[own, source] == 0)])
            if self._num_lacks < fewest:
                best, fewest = self.parts.copy(), self._num_lacks
        self._restore(best)

    def _cheapest(self, label: int, part: int, times_moved: dict[int, int]) -> int:
        """Finds the video of a class that is cheapest to move to a part (`_cost`). Each earlier move adds 1."""
        members = self._members[label]
        if len(members) > _MOST_CANDIDATES:
            members = self._random.choice(members, _MOST_CANDIDATES, replace=False)
        costs = [self._cost(video, part) + times_moved.get(video, 0) for video in members]
        excess = (self._sizes - self._wanted_sizes)[self.parts[members]]
        return int(members[np.lexsort((self._random.random(len(members)), -excess, costs))[0]])

    def _cost(self, video: int, part: int) -> int:
        """The number of classes that a move takes from the video's part, minus the number that it brings."""
        own = self._classes.of_video(video)
        own = own[self._coverable[own]]
        return int((self._counts[own, self.parts[video]] == 1).sum() - (self._counts[own, part] == 0).sum())

    def _move(self, video: int, part: int) -> None:
        own, source = self._classes.of_video(video), self.parts[video]
        self._num_lacks += self._cost(video, part)
        self._counts[own, source] -= 1
        self._counts[own, part] += 1
        self._sizes[source] -= 1
        self._sizes[part] += 1
        self.parts[video] = part

    def _restore(self, parts: np.ndarray) -> None:
        self.parts = parts
        self._counts = self._classes.counts(parts, self._num_parts)
        self._sizes = np.bincount(parts, minlength=self._num_parts)

    def level(self) -> None:
        """Moves videos out of parts that are too large, if those parts can spare their classes."""
        for source in np.argsort(self._wanted_sizes - self._sizes):
            videos = np.flatnonzero(self.parts == source)
            if self._sizes[source] <= np.ceil(self._wanted_sizes[source]):
                continue
            excess = self._counts[:, source] - self._wanted[:, source]
            sums = np.bincount(self._classes.videos, excess[self._classes.flat], minlength=self._classes.num_videos)
            for video in videos[np.argsort(-sums[videos], kind="stable")]:
                if self._sizes[source] <= np.ceil(self._wanted_sizes[source]):
                    break
                part = int(np.argmin(self._sizes - self._wanted_sizes))
                if self._may_leave(video, part):
                    self._move(video, part)

    def _may_leave(self, video: int, part: int) -> bool:
        """Whether a move makes no part lose a class, and brings the classes nearer to their shares on the whole."""
        own, source = self._classes.of_video(video), self.parts[video]
        if (self._coverable[own] & (self._counts[own, source] == 1)).any():
            return False
        excess = self._counts[own] - self._wanted[own]
        return bool((excess[:, source] - excess[:, part]).sum() >= len(own))
