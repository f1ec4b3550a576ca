"""Average precision and its relatives, for scores that fit in memory. Definitions and examples: docs/metrics.md.

Equal scores count as their expected value over random orders, so no result depends on the order of the input. All sums
are float64; scores are compared in the type they come in. `yt8m.metrics.streaming` has the same for whole data sets.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from yt8m.errors import InputError
from yt8m.metrics.inputs import as_bool, as_float, check_top_k, checked_pair, row_blocks
from yt8m.metrics.selection import best_classes, expected_label_hits, top_k_predictions

__all__ = [
    "average_precision",
    "global_average_precision",
    "hit_at_one",
    "mean_average_precision",
    "precision_at_equal_recall_rate",
    "top_k_predictions",
]

_EULER_GAMMA = 0.5772156649015329
_HARMONIC = np.concatenate(([0.0], np.cumsum(1.0 / np.arange(1, 33))))
"""Harmonic numbers H(0) to H(32); from there on the asymptotic series is exact in float64."""

_LABELS_EXPECTED = 32
"""Videos with up to so many labels get their precision at equal recall from a short list."""


def average_precision(scores: np.ndarray, hits: np.ndarray, num_positives: int | None = None) -> float:
    """Average precision of one ranked list: ``sum over i of precision(i) * [i is a hit] / num_positives``.

    Args:
        scores: float [M]; the order of the entries does not matter.
        hits: bool [M].
        num_positives: all positives, including those outside the list; None = the hits in the list.

    Returns:
        From 0 to 1.

    Raises:
        InputError: a score is NaN or infinite, or there is no positive, for which the value is undefined.
        ValueError: the shapes differ, or there are more hits than positives.
    """
    scores, hits = as_float(scores), as_bool(hits, "hits")
    if scores.ndim != 1 or scores.shape != hits.shape:
        raise ValueError(f"scores {scores.shape} and hits {hits.shape} must both be [entries]")
    if not np.isfinite(scores).all():
        entry = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise InputError(f"entry {entry}: the score is {scores[entry]}; scores must be finite")
    num_hits = int(hits.sum())
    num_positives = num_hits if num_positives is None else int(num_positives)
    if num_positives < num_hits:
        raise ValueError(f"{num_hits} hits but num_positives is {num_positives}")
    if num_positives == 0:
        raise InputError("average precision needs at least one positive; leave out lists without any")
    return _precision_sum(scores, hits) / num_positives


def global_average_precision(
    scores: np.ndarray, labels: np.ndarray, top_k: int = 20, ids: Sequence[str | bytes] | None = None
) -> float:
    """GAP@k: the average precision of all videos' lists of k best classes, pooled.

    Args:
        scores: float [N, C].
        labels: bool [N, C].
        top_k: predictions per video.
        ids: the videos' ids, for error messages, [N].

    Returns:
        From 0 to 1.

    Raises:
        InputError: a score is NaN or infinite, or there is no label.
        ValueError: the shapes differ, or top_k < 1.
    """
    scores, labels = checked_pair(scores, labels, ids)
    lists = _lists(scores, labels, top_k)
    return _precision_sum(lists.scores.ravel(), lists.hits.ravel()) / _count_labels(labels).sum()


def mean_average_precision(
    scores: np.ndarray, labels: np.ndarray, top_k: int = 20, ids: Sequence[str | bytes] | None = None
) -> float:
    """MAP: the mean, over classes with a positive, of the average precision of the class's entries in the lists.

    Arguments, range and errors are as for `global_average_precision`.
    """
    scores, labels = checked_pair(scores, labels, ids)
    classes, values, hits = (part.ravel() for part in _lists(scores, labels, top_k))
    positives = _count_labels(labels)
    order = np.argsort(classes, kind="stable")
    values, hits = values[order], hits[order]
    ends = np.cumsum(np.bincount(classes, minlength=len(positives)))
    starts = np.concatenate(([0], ends[:-1]))
    rated = np.flatnonzero(positives)
    sums = [_precision_sum(values[starts[c] : ends[c]], hits[starts[c] : ends[c]]) for c in rated]
    return float(np.mean(np.array(sums) / positives[rated]))


def hit_at_one(scores: np.ndarray, labels: np.ndarray, ids: Sequence[str | bytes] | None = None) -> float:
    """Hit@1: the share of videos whose best class is a label. If n classes tie for best, each counts 1/n.

    A video without labels is a miss.

    Args:
        scores: float [N, C].
        labels: bool [N, C].
        ids: the videos' ids, for error messages, [N].

    Returns:
        From 0 to 1.

    Raises:
        InputError: a score is NaN or infinite, or there are no videos.
        ValueError: the shapes differ.
    """
    scores, labels = checked_pair(scores, labels, ids)
    if not len(scores):
        raise InputError("no videos to score")
    total = 0.0
    for rows in row_blocks(len(scores)):
        best = scores[rows] == scores[rows].max(axis=1, keepdims=True)
        total += float(((best & labels[rows]).sum(axis=1) / best.sum(axis=1)).sum())
    return total / len(scores)


def precision_at_equal_recall_rate(
    scores: np.ndarray, labels: np.ndarray, ids: Sequence[str | bytes] | None = None
) -> float:
    """PERR: the mean, over videos with a label, of the precision of the n best classes, for n labels.

    Classes that tie for the last of the n places share them evenly.

    Args:
        scores: float [N, C].
        labels: bool [N, C].
        ids: the videos' ids, for error messages, [N].

    Returns:
        From 0 to 1.

    Raises:
        InputError: a score is NaN or infinite, or there is no label.
        ValueError: the shapes differ.
    """
    scores, labels = checked_pair(scores, labels, ids)
    labelled = np.flatnonzero(labels.any(axis=1))
    if not labelled.size:
        raise InputError("no labels to score against")
    total = 0.0
    for block in row_blocks(labelled.size):
        block_scores, block_labels = scores[labelled[block]], labels[labelled[block]]
        depth = block_labels.sum(axis=1)
        classes, values = best_classes(block_scores, min(_LABELS_EXPECTED, scores.shape[1]))
        hits = np.take_along_axis(block_labels, classes, axis=1)
        total += float((expected_label_hits(block_scores, block_labels, depth, values, hits) / depth).sum())
    return total / labelled.size


def precision_sum(ranks: np.ndarray, hits: np.ndarray) -> float:
    """The sum of precisions at the hits of a ranking. Equal scores are in random order.

    A block of n entries with h hits that follows r entries with c hits has, over all orders, the expected sum
    ``h/n * sum for j = 1..n of (c + 1 + (j - 1) b) / (r + j)`` with ``b = (h - 1)/(n - 1)``: its j-th entry is a hit
    in a share h/n of the orders, and then b of each of the j - 1 before it is expected to be one too. With
    ``D = H(r + n) - H(r)`` of harmonic numbers that is ``h/n * ((c + 1) D + b (n - (r + 1) D))``.

    Args:
        ranks: int [B + 1], ascending: entries before each of B blocks, then all entries.
        hits: int [B + 1]: hits before each block, then all hits.

    Returns:
        The sum. Divided by the number of positives, it is the average precision.
    """
    blocks = np.flatnonzero(hits[1:] > hits[:-1])
    sums, alone = block_sums(ranks[blocks], ranks[blocks + 1], hits[blocks], hits[blocks + 1])
    return float(np.sum(sums[alone]) + np.sum(sums[~alone]))


def block_sums(
    rank: np.ndarray, rank_after: np.ndarray, hit: np.ndarray, hit_after: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The share of each block of equal scores in a `precision_sum`.

    Args:
        rank, rank_after: int [B]: entries before and up to the end of each block.
        hit, hit_after: int [B]: hits before and up to the end of each block, at least one in each.

    Returns:
        The expected sums of precisions, float64 [B], and whether a block is a single entry, bool [B].
    """
    rank, rank_after, hit = (part.astype(np.float64) for part in (rank, rank_after, hit))
    hits_in_block = hit_after - hit
    size = rank_after - rank
    alone = size == 1.0
    sums = (hit + 1.0) / rank_after
    if not alone.all():
        tied = ~alone
        rank, rank_after, hit, size, hits_in_block = (
            part[tied] for part in (rank, rank_after, hit, size, hits_in_block)
        )
        harmonic = _harmonic_difference(rank, rank_after)
        others = (hits_in_block - 1.0) / (size - 1.0)
        sums[tied] = hits_in_block / size * ((hit + 1.0) * harmonic + others * (size - (rank + 1.0) * harmonic))
    return sums, alone


def _harmonic_difference(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """H(high) - H(low) for harmonic numbers and integers low < high, without cancellation if both are large."""
    table = _HARMONIC[np.minimum(low, 32).astype(np.intp)], _HARMONIC[np.minimum(high, 32).astype(np.intp)]
    far_low, far_high = np.maximum(low, 32.0), np.maximum(high, 32.0)
    both_far = np.log1p((far_high - far_low) / far_low) + _harmonic_tail(far_high) - _harmonic_tail(far_low)
    from_table = np.where(high <= 32, table[1], np.log(far_high) + _EULER_GAMMA + _harmonic_tail(far_high)) - table[0]
    return np.where(low >= 32, both_far, from_table)


def _harmonic_tail(number: np.ndarray) -> np.ndarray:
    """H(n) - ln(n) - gamma by its asymptotic series. From n = 32 on, the first omitted term is below 1e-17."""
    inverse = 1.0 / number
    square = inverse * inverse
    return inverse / 2 - square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240)))


def _precision_sum(scores: np.ndarray, hits: np.ndarray) -> float:
    """`precision_sum` of entries in any order, [M] each."""
    order = np.argsort(-scores)
    scores, hits = scores[order], hits[order]
    block_ends = np.flatnonzero(np.append(scores[1:] != scores[:-1], np.ones(min(len(scores), 1), bool))) + 1
    ranks = np.concatenate(([0], block_ends))
    return precision_sum(ranks, np.concatenate(([0], np.cumsum(hits)))[ranks])


class _Lists(NamedTuple):
    """The best classes of every video, [N, k] each."""

    classes: np.ndarray
    scores: np.ndarray
    hits: np.ndarray


def _lists(scores: np.ndarray, labels: np.ndarray, top_k: int) -> _Lists:
    """Classes, scores and hits of every video's list, [N, k] each."""
    check_top_k(top_k)
    classes, values = best_classes(scores, min(top_k, scores.shape[1]))
    return _Lists(classes, values, np.take_along_axis(labels, classes, axis=1))


def _count_labels(labels: np.ndarray) -> np.ndarray:
    """Positives of each class, int64 [C]. Raises InputError if no class has any."""
    positives = labels.sum(axis=0)
    if not positives.any():
        raise InputError("no labels to score against")
    return positives
