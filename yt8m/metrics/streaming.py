"""Metrics of a whole data set, one batch at a time, in bounded memory. Definitions and examples: docs/metrics.md."""

from collections.abc import Iterator, Sequence

import numpy as np

from yt8m.errors import InputError, quantity
from yt8m.metrics import registry
from yt8m.metrics.entries import MAX_CLASSES, RankedEntries
from yt8m.metrics.inputs import as_float32, check_ids, check_top_k, checked_pair, row_blocks, row_name
from yt8m.metrics.per_class import PerClass, from_precision_sums
from yt8m.metrics.selection import best_classes, expected_hits, expected_label_hits

_UNIT = 1 << 52
"""Shares are summed as integer multiples of 1/_UNIT, so that their order does not matter."""


class VideoMetrics:
    """GAP, MAP, Hit@1 and PERR of videos, in batches.

    The result is the same, bit for bit, for any order of videos, any batches and any distribution over merged accumulators. A
    prediction takes 8 bytes: 160 MB for a million videos with 20 each. `result` sorts in place. Scores are held and compared
    as float32, the precision of models and submissions; smaller differences are ties.

    Args:
        num_classes: classes C of the vocabulary.
        top_k: predictions per video that count.
    """

    def __init__(self, num_classes: int, top_k: int = 20):
        if not 1 <= num_classes <= MAX_CLASSES:
            raise ValueError(f"num_classes is {num_classes}; it must be from 1 to {MAX_CLASSES}")
        check_top_k(top_k)
        self.num_classes, self.top_k = num_classes, top_k
        self._entries = RankedEntries()
        self._positives = np.zeros(num_classes, np.int64)
        self._num_videos = self._num_labelled = 0
        self._hit_at_1_sum = self._perr_sum = 0  # multiples of 1/_UNIT

    def update(self, scores: np.ndarray, labels: np.ndarray, ids: Sequence[str | bytes] | None = None) -> None:
        """Adds videos with a score for every class.

        Args:
            scores: float [N, C]; logits or probabilities.
            labels: bool [N, C].
            ids: the videos' ids, for error messages, [N].

        Raises:
            InputError: a score is NaN or infinite. Nothing is added then.
            ValueError: the shapes are not both [N, C].
        """
        scores, labels = checked_pair(as_float32(scores), labels, ids)
        if scores.shape[1] != self.num_classes:
            raise ValueError(f"scores of {scores.shape[1]} classes given to metrics of {self.num_classes}")
        for rows in row_blocks(len(scores)):
            self._add_block(scores[rows], labels[rows])

    def update_lists(
        self, classes: np.ndarray, scores: np.ndarray, labels: np.ndarray, ids: Sequence[str | bytes] | None = None
    ) -> None:
        """Adds videos with their best predictions only, such as the rows of a submission.

        Hit@1 and PERR use these lists alone. They equal those of `update` if no video has more labels than its list has
        entries, and no scores tie across the end of a list.

        Args:
            classes: int [N, K], K <= top_k, from 0 to C - 1 in any order, padded with -1.
            scores: float [N, K]; ignored where the class is -1.
            labels: int [N, L], class ids padded with -1, as in a batch of records. Repetitions count once.
            ids: the videos' ids, for error messages, [N].

        Raises:
            InputError: a score is NaN or infinite, a class or label is out of range, or a row has a class twice. Nothing is
                added then.
            ValueError: the shapes do not fit together.
        """
        classes, scores, labels = np.asarray(classes), as_float32(scores), np.asarray(labels)
        if classes.ndim != 2 or classes.shape != scores.shape or labels.ndim != 2 or len(labels) != len(classes):
            raise ValueError(f"classes {classes.shape}, scores {scores.shape} and labels {labels.shape} do not fit")
        if classes.shape[1] > self.top_k:
            raise ValueError(f"lists of {classes.shape[1]} predictions given to metrics of the best {self.top_k}")
        check_ids(ids, len(classes))
        for rows in row_blocks(len(classes)):
            self._check_lists(classes[rows], scores[rows], labels[rows], rows.start, ids)
        for rows in row_blocks(len(classes)):
            self._add_lists(classes[rows], scores[rows], labels[rows])

    def merge(self, other: "VideoMetrics") -> None:
        """Adds all videos of another accumulator, which does not change.

        Raises:
            ValueError: the other has another number of classes or another top_k.
        """
        if (other.num_classes, other.top_k) != (self.num_classes, self.top_k):
            raise ValueError(
                f"metrics of {self.num_classes} classes and top {self.top_k} cannot take in metrics of "
                f"{other.num_classes} classes and top {other.top_k}"
            )
        self._entries.extend(other._entries)
        self._positives += other._positives
        self._num_videos += other._num_videos
        self._num_labelled += other._num_labelled
        self._hit_at_1_sum += other._hit_at_1_sum
        self._perr_sum += other._perr_sum

    def result(self) -> dict[str, float | int]:
        """The metrics of all videos so far. You may add more afterwards.

        Returns:
            The metrics of the video task in `yt8m.metrics.registry`, by key: `gap`, `map`, `hit_at_1` and `perr`, from 0 to 1;
            and `num_videos`.

        Raises:
            InputError: there are no videos, or none has a label.
        """
        if not self._num_videos:
            raise InputError("no videos to score; is the data empty?")
        if not self._num_labelled:
            raise InputError(
                f"none of {quantity(self._num_videos, 'video')} has a label to score against; a test split has none"
            )
        values = {metric.key: getattr(self, metric.key)() for metric in registry.of_task("video")}
        return values | {"num_videos": self._num_videos}

    def gap(self) -> float:
        """Global average precision of the videos so far. At least one must have a label."""
        return self._entries.pooled_precision_sum() / self.num_positives

    def map(self) -> float:
        """Mean average precision of the videos so far. At least one must have a label."""
        return self.per_class().mean()

    def hit_at_1(self) -> float:
        """Share of the videos so far whose best class is a label. There must be at least one video."""
        return self._hit_at_1_sum / (self._num_videos * _UNIT)

    def perr(self) -> float:
        """Precision at equal recall rate of the videos so far. At least one must have a label."""
        return self._perr_sum / (self._num_labelled * _UNIT)

    def per_class(self) -> PerClass:
        """Average precision and positives of every class with a label. You may add more videos afterwards.

        The average precision is that of the class's entries in the lists. `map` is its mean.
        """
        labelled = np.flatnonzero(self._positives)
        sums = self._entries.class_precision_sums(self.num_classes)[labelled]
        return from_precision_sums(labelled, sums, self._positives[labelled])

    def pooled(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The entries of all lists by falling score, in chunks, for `yt8m.metrics.pooled`.

        Returns:
            The scores, float32 [M], and whether each is a hit, bool [M].
        """
        return self._entries.pooled()

    @property
    def num_positives(self) -> int:
        """Labels of all videos, including those outside the lists."""
        return int(self._positives.sum())

    @property
    def num_pairs(self) -> int:
        """Pairs of a video and a class."""
        return self._num_videos * self.num_classes

    def _add_block(self, scores: np.ndarray, labels: np.ndarray) -> None:
        classes, values = best_classes(scores, min(self.top_k, self.num_classes))
        hits = np.take_along_axis(labels, classes, axis=1)
        rows, labelled = np.divmod(np.flatnonzero(labels), self.num_classes)
        num_labels = np.bincount(rows, minlength=len(labels))
        self._entries.append(classes.ravel(), values.ravel(), hits.ravel())
        self._positives += np.bincount(labelled, minlength=self.num_classes)
        ones = np.ones(len(labels), np.int64)
        self._add_shares(
            expected_label_hits(scores, labels, ones, values, hits),
            expected_label_hits(scores, labels, num_labels, values, hits),
            num_labels,
        )

    def _check_lists(self, classes, scores, labels, first_row, ids) -> None:
        def refuse(broken: np.ndarray, message: str, values: np.ndarray) -> None:
            if broken.any():
                row, column = np.argwhere(broken)[0]
                raise InputError(f"{row_name(first_row + int(row), ids)}: {message.format(values[row, column])}")

        known = f"classes go from 0 to {self.num_classes - 1}"
        refuse((classes < -1) | (classes >= self.num_classes), f"class {{}} is predicted; {known}", classes)
        refuse((labels < -1) | (labels >= self.num_classes), f"label {{}} is out of range; {known}", labels)
        refuse(~np.isfinite(scores) & (classes >= 0), "a score is {}; scores must be finite", scores)
        ordered = np.sort(classes, axis=1)
        twice = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
        refuse(twice, "class {} is predicted twice; list it once", ordered[:, 1:])

    def _add_lists(self, classes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> None:
        labels = np.sort(labels, axis=1)
        labels[:, 1:][labels[:, 1:] == labels[:, :-1]] = -1
        listed = classes >= 0
        hits = np.zeros(classes.shape, bool)
        for column in range(labels.shape[1]):
            hits |= classes == labels[:, column, None]
        hits &= listed
        self._entries.append(classes[listed], scores[listed], hits[listed])
        self._positives += np.bincount(labels[labels >= 0], minlength=self.num_classes)
        num_labels = (labels >= 0).sum(axis=1)
        # One more column, always empty, so that lists without predictions have a width too.
        values = np.pad(np.where(listed, scores, -np.inf), ((0, 0), (0, 1)), constant_values=-np.inf)
        hits = np.pad(hits, ((0, 0), (0, 1)))
        self._add_shares(
            expected_hits(values, hits, np.ones(len(classes), np.int64)),
            expected_hits(values, hits, np.minimum(num_labels, values.shape[1])),
            num_labels,
        )

    def _add_shares(self, hits_at_1: np.ndarray, hits_at_equal_recall: np.ndarray, num_labels: np.ndarray) -> None:
        labelled = num_labels > 0
        self._num_videos += len(num_labels)
        self._num_labelled += int(labelled.sum())
        self._hit_at_1_sum += _in_units(hits_at_1)
        self._perr_sum += _in_units(hits_at_equal_recall[labelled] / num_labels[labelled])


def _in_units(shares: np.ndarray) -> int:
    return sum(np.rint(shares * _UNIT).astype(np.int64).tolist())
