"""Submissions for the segment task of 2019: one line per class, ``class,id:start id:start ...``, best first."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby

import numpy as np

from yt8m.data.ids import check_submittable
from yt8m.data.schema import SEGMENT_FRAMES
from yt8m.errors import InputError
from yt8m.files import NewFile
from yt8m.machine import count_cores
from yt8m.metrics.entries import descending_code, score_of_code
from yt8m.metrics.inputs import as_float32, check_finite, check_ids, id_text, row_blocks
from yt8m.metrics.segments import DEFAULT_MAX_SEGMENTS, Segment
from yt8m.submission.files import HEADERS

_FRESH_SEGMENTS = 1 << 16
"""Segments to collect before they are merged into the rankings."""

_CLASSES_A_TASK = 16
"""Classes that a thread merges in one task."""

_MOST_THREADS = 8
"""Default limit of threads. Their temporaries then stay below 100 MB."""

LONGEST_START = 6
"""Largest number of digits in a segment's first second."""


def merged(kept: np.ndarray, scores: np.ndarray, indices: np.ndarray, most: int) -> np.ndarray:
    """The best of a ranking and further segments.

    Args:
        kept: keys, uint64 [M], in any order: 32 bits `descending_code` of the score and 32 bits index of the segment. So the
            lowest are the best, and of equal scores the earlier ones.
        scores: finite float32 [N].
        indices: of the segments, uint64 [N].
        most: how many to keep.

    Returns:
        Keys, uint64, at most `most`, in any order.
    """
    if len(kept) == most:
        worst = (kept.max(keepdims=True) >> np.uint64(32)).astype(np.uint32)
        better = np.flatnonzero(scores >= score_of_code(worst))
        scores, indices = scores[better], indices[better]
    keys = descending_code(scores).astype(np.uint64) << np.uint64(32)
    return best_of(kept, keys | indices, most)


def best_of(keys: np.ndarray, others: np.ndarray, most: int) -> np.ndarray:
    """The best of the keys of two rankings, at most `most`, in any order; see `merged`."""
    joined = np.concatenate((keys, others))
    if len(joined) > most:
        joined.partition(most - 1)
    return joined[:most]


def best_first(keys: np.ndarray) -> np.ndarray:
    """The indices of the segments of some keys (`merged`), best first, int64."""
    return (np.sort(keys) & np.uint64(0xFFFFFFFF)).astype(np.int64)


class RankedRows:
    """Segments in the order of their arrival, each once, and the writing of rankings of them."""

    def __init__(self):
        self._videos: dict[str, int] = {}  # index of each video, by id
        self._places: list[int] = []  # the segments of each video, as a set of bits
        self._video_of_segment: list[np.ndarray] = []
        self._starts: list[np.ndarray] = []

    def add(self, ids: Sequence[str | bytes], starts: np.ndarray) -> None:
        """Adds segments; arguments and errors: see `SegmentRanking.update`."""
        self._video_of_segment.append(self._take(ids, starts))
        self._starts.append(starts.astype(np.int32))

    def __getitem__(self, order: np.ndarray) -> list[Segment]:
        """The segments of some indices, as (id, start)."""
        ids = list(self._videos)
        videos, starts = self._segments()
        return [
            (ids[video], start) for video, start in zip(videos[order].tolist(), starts[order].tolist(), strict=True)
        ]

    def write(
        self, path: str | os.PathLike, class_ids: Sequence[int], order: Callable[[int], np.ndarray], num_threads: int
    ) -> None:
        """Writes a line for every class.

        Args:
            path: the file.
            class_ids: the classes.
            order: gives the indices of a class's segments, int64, best first, by the place of the class.
            num_threads: threads that make lines; each calls `order`.

        Raises:
            InputError: the file cannot be written.
        """
        videos, starts = self._segments()
        ids = _as_rows([video.encode() for video in self._videos])
        ends = _as_rows([b":%d " % start for start in range(0, starts.max(initial=0) + 1, SEGMENT_FRAMES)])
        # Tokens have equal width, padded with zero bytes. So a line is a gather and a mask, without an object per segment.
        tokens = np.concatenate((ids.take(videos, axis=0), ends.take(starts // SEGMENT_FRAMES, axis=0)), axis=1)

        def line(position: int) -> bytes:
            characters = tokens.take(order(position), axis=0).ravel()
            return b"%d,%b\n" % (class_ids[position], characters[characters != 0][:-1].tobytes())

        with NewFile(path) as file, ThreadPoolExecutor(num_threads) as pool:
            file.write(f"{HEADERS['segment']}\n".encode())
            positions, num_ahead = range(len(class_ids)), 4 * num_threads
            for first in positions[::num_ahead]:  # not all lines at once, to save memory
                for text in pool.map(line, positions[first : first + num_ahead]):
                    file.write(text)

    def _take(self, ids: Sequence[str | bytes], starts: np.ndarray) -> np.ndarray:
        """Checks segments and marks them as seen. Returns their video indices, int32 [N].

        The segments of a video usually come together, so work on the video is done once for all of them.
        """
        wrong = (starts < 0) | (starts % SEGMENT_FRAMES != 0) | (starts >= 10**LONGEST_START)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(
                f"video {id_text(ids[row])!r}: segment at {starts[row]} s; "
                f"segments start at multiples of {SEGMENT_FRAMES} s"
            )
        videos, first = np.empty(len(starts), np.int32), 0
        for identifier, run in groupby(ids):
            video_id, rows = id_text(identifier), slice(first, first + len(list(run)))
            video = self._videos.get(video_id)
            if video is None:
                video = self._add_video(video_id)
            for start in starts[rows].tolist():
                place = 1 << (start // SEGMENT_FRAMES)
                if self._places[video] & place:
                    raise InputError(
                        f"video {video_id!r}: the segment at {start} s occurs twice in the data; give it once"
                    )
                self._places[video] |= place
            videos[rows], first = video, rows.stop
        return videos

    def _add_video(self, video_id: str) -> int:
        check_submittable([video_id])
        video = self._videos[video_id] = len(self._videos)
        self._places.append(0)
        return video

    def _segments(self) -> tuple[np.ndarray, np.ndarray]:
        """The video index and start of every segment, in the order of arrival."""
        for table in (self._video_of_segment, self._starts):
            table[:] = [np.concatenate([np.empty(0, np.int32), *table])]
        return self._video_of_segment[0], self._starts[0]


class SegmentRanking:
    """Ranks segments for many classes at once. It keeps only the best of each class.

    Every class gets every segment. Memory is 8 bytes for each kept (class, segment) pair and 4 for each new one: about 1.1 GB
    for 1000 classes of 100 000 segments, however many segments are ranked. Classes are sorted in parallel, because NumPy
    releases Python's lock. The result depends neither on the number of threads nor on the sizes of updates.

    Args:
        class_ids: the classes, [C], in the order of the scores of `update` and of the lines of `write`.
        max_segments: segments to keep per class.
        num_threads: threads that merge and write classes; None = one per core, at most 8.

    Raises:
        InputError: a class comes twice, or there is none.
        ValueError: max_segments < 1 or num_threads < 1.
    """

    def __init__(
        self, class_ids: Sequence[int], max_segments: int = DEFAULT_MAX_SEGMENTS, num_threads: int | None = None
    ):
        self.class_ids = [int(class_id) for class_id in class_ids]
        if not self.class_ids or len(set(self.class_ids)) < len(self.class_ids):
            raise InputError("the classes to rank segments for must be given, each once")
        if max_segments < 1:
            raise ValueError(f"max_segments is {max_segments}; it must be at least 1")
        if num_threads is not None and num_threads < 1:
            raise ValueError(f"num_threads is {num_threads}; it must be at least 1")
        self.max_segments = max_segments
        self._num_threads = num_threads or min(count_cores(), _MOST_THREADS)
        # The system provides memory only for the filled pages of both tables.
        # A kept pair is a key of `merged`.
        self._kept = np.empty((len(self.class_ids), max_segments), np.uint64)
        self._fresh = np.empty((len(self.class_ids), _FRESH_SEGMENTS), np.float32)
        self._num_kept = self._num_fresh = self._num_merged = 0
        self._rows = RankedRows()

    @property
    def num_segments(self) -> int:
        """Number of segments so far."""
        return self._num_merged + self._num_fresh

    def update(self, ids: Sequence[str | bytes], starts: np.ndarray, scores: np.ndarray) -> None:
        """Adds segments. After an error, the ranking cannot be used any more.

        Args:
            ids: the videos' ids, [N].
            starts: int [N], the segments' first seconds: multiples of 5.
            scores: float [N, C], in the order of `class_ids`. They are compared as float32.

        Raises:
            InputError: a segment came before, its id is not allowed in a submission, its start is not a multiple of 5, or a
                score is NaN or infinite.
            ValueError: the shapes do not fit together.
        """
        starts, scores = np.asarray(starts), np.asarray(scores)
        if scores.dtype != np.float16:  # float16 is converted in blocks below; float32 holds it exactly
            scores = as_float32(scores)
        if scores.ndim != 2 or scores.shape != (len(starts), len(self.class_ids)):
            raise ValueError(f"scores {scores.shape} must be [{len(starts)}, {len(self.class_ids)}]")
        check_ids(ids, len(starts))
        self._rows.add(ids, starts)
        for rows in row_blocks(len(scores)):
            block = as_float32(scores[rows])
            if not np.isfinite(block).all():
                segments = [f"{id_text(video)}:{start}" for video, start in zip(ids, starts.tolist(), strict=True)]
                check_finite(scores, segments, self.class_ids, kind="segment")
            self._add(block)

    def ranking(self, class_id: int) -> list[Segment]:
        """The best segments of a class, best first, as (id, start). Equal scores are in the order of arrival."""
        self._merge()
        return self._rows[self._order(self.class_ids.index(class_id))]

    def write(self, path: str | os.PathLike) -> None:
        """Writes a line for every class, in the order of `class_ids`.

        Raises:
            InputError: the file cannot be written.
        """
        self._merge()
        self._rows.write(path, self.class_ids, self._order, self._num_threads)

    def _add(self, scores: np.ndarray) -> None:
        while len(scores):
            if self._num_fresh == _FRESH_SEGMENTS:
                self._merge()
            part = scores[: _FRESH_SEGMENTS - self._num_fresh]
            self._fresh[:, self._num_fresh : self._num_fresh + len(part)] = part.T
            self._num_fresh += len(part)
            scores = scores[len(part) :]

    def _merge(self) -> None:
        """Merges the new segments into the rankings."""
        if not self._num_fresh:
            return
        with ThreadPoolExecutor(self._num_threads) as pool:
            list(pool.map(self._merge_classes, range(0, len(self.class_ids), _CLASSES_A_TASK)))
        self._num_kept = min(self._num_kept + self._num_fresh, self.max_segments)
        self._num_merged += self._num_fresh
        self._num_fresh = 0

    def _merge_classes(self, first: int) -> None:
        """Merges `_CLASSES_A_TASK` classes. It does not change anything that classes share."""
        columns = slice(first, first + _CLASSES_A_TASK)
        num_best = min(self._num_kept + self._num_fresh, self.max_segments)
        indices = np.arange(self._num_merged, self._num_merged + self._num_fresh, dtype=np.uint64)
        for kept, fresh in zip(self._kept[columns], self._fresh[columns, : self._num_fresh], strict=True):
            kept[:num_best] = merged(kept[: self._num_kept], fresh, indices, self.max_segments)

    def _order(self, position: int) -> np.ndarray:
        """Segment indices of a class, best first, after the last merge."""
        return best_first(self._kept[position, : self._num_kept])


def _as_rows(texts: list[bytes]) -> np.ndarray:
    """Texts as uint8 [N, W], padded with zeros."""
    table = np.array(texts, np.bytes_)
    return table.view(np.uint8).reshape(len(table), table.itemsize)
