"""Compares two submissions for the segment task, class by class.

S = segments in either list, V = videos in either list.
"""

import numpy as np

from yt8m.predicting.comparison import TOP, Compared, share
from yt8m.predicting.correlation import correlation_of_sums, rank_correlation
from yt8m.predicting.listed_segments import ListedSegments, SegmentList, rows_of_segments
from yt8m.progress import SILENT


def compare_segments(first: SegmentList, second: SegmentList) -> Compared:
    """Compares two lists that have a video in common. Only one class is in memory at a time."""
    rows = rows_of_segments([first, second])
    aligned = [each.aligned(rows, SILENT) for each in (first, second)]
    ids = np.concatenate([part.ids for part in rows.rows()])
    begins = ids[1:] != ids[:-1]  # segments of a video lie together
    videos = np.concatenate([[0], np.cumsum(begins)])
    sums = _Sums(videos, len(ids))
    classes = [each for each in rows.description.classes or () if all(len(one.ranked(each)) for one in aligned)]
    found = [_Class(class_id, *aligned, sums) for class_id in classes]
    known = [set(each.video_ids) for each in (first, second)]
    names = ids[np.concatenate([[True], begins])]
    common = np.array([name in known[0] and name in known[1] for name in names.tolist()])
    return Compared(
        first=first.name,
        second=second.name,
        task="segment",
        num_videos=int(common.sum()),
        only_first=len(known[0]) - int(common.sum()),
        only_second=len(known[1]) - int(common.sum()),
        overlap=float(np.mean([each.top_overlap for each in found])) if found else float("nan"),
        same_best=float(np.mean([each.same_best for each in found])) if found else float("nan"),
        rank_correlation=float(correlation_of_sums(*sums.totals.sum(axis=1))),
        classes={
            "class_id": np.array(classes, np.int64),
            "num_entries": np.array([each.num_entries for each in found], np.int64),
            "rank_correlation": np.array([each.rank_correlation for each in found], np.float64),
            "overlap": np.array([each.overlap for each in found], np.float64),
        },
        videos=sums.by_video(names, common),
    )


class _Sums:
    """Sums over all entries, by video.

    Args:
        videos: the video of each row, int [S], from 0 on.
        num_rows: S.
    """

    def __init__(self, videos: np.ndarray, num_rows: int):
        self._videos, self._size, self.num_rows = videos, int(videos[-1]) + 1, num_rows
        self.totals = np.zeros((6, self._size))
        """The number of entries, and the sums of `correlation_of_sums` for their places in the lists; [6, V]."""
        self._named = np.zeros((3, self._size))
        """Entries of both lists, of the first, and of the second, [3, V]."""

    def add(self, rows: np.ndarray, places: list[np.ndarray], named: list[np.ndarray]) -> None:
        """Adds the entries of a class: their rows, and for each list their places, and whether it has them."""
        videos = self._videos[rows]
        first, second = places
        for place, values in enumerate((None, first, second, first**2, second**2, first * second)):
            self.totals[place] += np.bincount(videos, values, self._size)
        for place, chosen in enumerate((named[0] & named[1], *named)):
            self._named[place] += np.bincount(videos, chosen, self._size)

    def by_video(self, names: np.ndarray, chosen: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the columns of `Compared.videos` for the chosen videos, bool [V]."""
        return {
            "id": names[chosen],
            "num_entries": self.totals[0, chosen].astype(np.int64),
            "rank_correlation": correlation_of_sums(*self.totals[:, chosen]),
            "overlap": share(*self._named[:, chosen]),
        }


class _Class:
    """The comparison of a class, which is added to the sums by video."""

    def __init__(self, class_id: int, first: ListedSegments, second: ListedSegments, sums: _Sums):
        ranked = [first.ranked(class_id), second.ranked(class_id)]
        rows = np.union1d(*ranked)
        places, named = [], []
        for own in ranked:
            at = np.searchsorted(rows, own)
            place = np.full(len(rows), (len(own) + 1 + sums.num_rows) / 2)
            place[at] = np.arange(1, len(own) + 1)
            places.append(place)
            named.append(np.isin(np.arange(len(rows)), at))
        sums.add(rows, places, named)
        self.num_entries = len(rows)
        self.rank_correlation = float(rank_correlation(-places[0], -places[1]))
        both = int((named[0] & named[1]).sum())
        self.overlap = float(share(both, *map(len, ranked)))
        top = [own[:TOP] for own in ranked]
        self.top_overlap = float(share(len(np.intersect1d(*top)), *map(len, top)))
        self.same_best = bool(ranked[0][0] == ranked[1][0])
