"""A video's best classes, and how many of them are labels. For all rows at once, and exact for equal scores."""

from collections.abc import Sequence

import numpy as np

from yt8m.metrics.inputs import as_float, check_finite, check_ids, check_top_k, row_blocks

_LARGEST_GROUP = 16
"""Classes per maximum in the first pass of `_best_of_block`."""


def top_k_predictions(
    scores: np.ndarray, top_k: int, ids: Sequence[str | bytes] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The best classes of every video, best first. Equal scores are in the order of their classes.

    A row's result depends on that row alone.

    Args:
        scores: float [N, C].
        top_k: predictions per video; all C if there are fewer.
        ids: the videos' ids, for error messages, [N].

    Returns:
        Classes int32 [N, k] and their scores [N, k], with k = min(top_k, C).

    Raises:
        InputError: a score is NaN or infinite.
        ValueError: scores are not [N, C], there are not N ids, or top_k < 1.
    """
    scores = as_float(scores)
    check_top_k(top_k)
    if scores.ndim != 2:
        raise ValueError(f"scores {scores.shape} must be [videos, classes]")
    check_ids(ids, len(scores))
    check_finite(scores, ids)
    return best_classes(scores, min(top_k, scores.shape[1]))


def best_classes(scores: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """`top_k_predictions` for finite scores and width <= C."""
    classes = np.empty((len(scores), width), np.int32)
    values = np.empty((len(scores), width), scores.dtype)
    for rows in row_blocks(len(scores)):
        classes[rows], values[rows] = _best_of_block(scores[rows], width)
    return classes, values


def _best_of_block(scores: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """`best_classes` of a few rows.

    The k-th largest of k or more group maxima cannot exceed the k-th largest score, so lower scores do not matter. One pass of
    elementwise maxima finds this bound. About k candidates per row are left to sort.
    """
    num_classes = scores.shape[1]
    group = min(_LARGEST_GROUP, num_classes // (4 * width) if width else 0)
    if group < 2:
        return _best_by_sorting(scores, width)
    num_groups = num_classes // group
    maxima = scores[:, : num_groups * group].reshape(len(scores), group, num_groups).max(axis=1)
    bound = np.partition(maxima, num_groups - width, axis=1)[:, num_groups - width]
    places = np.flatnonzero(scores >= bound[:, None])
    rows, classes = np.divmod(places, num_classes)
    counts = np.bincount(rows, minlength=len(scores))
    # Without ties, a row has at most width * group candidates. With mostly equal scores, nearly all classes are candidates.
    crowded = counts > 2 * width * group
    if not crowded.any():
        return _best_of_candidates(scores, rows, classes, counts, width)
    best = np.empty((len(scores), width), np.int32)
    values = np.empty((len(scores), width), scores.dtype)
    best[crowded], values[crowded] = _best_by_sorting(scores[crowded], width)
    if not crowded.all():
        best[~crowded], values[~crowded] = _best_of_block(scores[~crowded], width)
    return best, values


def _best_by_sorting(scores: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    classes = np.argsort(-scores, axis=1, kind="stable")[:, :width].astype(np.int32)
    return classes, np.take_along_axis(scores, classes, axis=1)


def _best_of_candidates(scores, rows, classes, counts, width):
    """The best `width` of each row's candidates. Candidates are sorted by row, then by class."""
    starts = np.cumsum(counts) - counts
    columns = np.arange(len(rows)) - np.repeat(starts, counts)
    negated = np.full((len(scores), counts.max(initial=width)), np.inf, scores.dtype)
    candidates = np.zeros(negated.shape, np.int32)
    negated[rows, columns] = -scores[rows, classes]
    candidates[rows, columns] = classes
    order = np.argsort(negated, axis=1, kind="stable")[:, :width]
    best = np.take_along_axis(candidates, order, axis=1)
    return best, np.take_along_axis(scores, best, axis=1)


def expected_hits(scores: np.ndarray, hits: np.ndarray, depth: np.ndarray) -> np.ndarray:
    """Expected hits among each row's `depth` best entries. Equal scores are in random order.

    Args:
        scores: float [N, M]; -inf marks a missing entry, whose hit must be False.
        hits: bool [N, M].
        depth: int [N], from 0 to M.

    Returns:
        float64 [N].
    """
    place = scores.shape[1] - np.maximum(depth, 1)
    boundary = np.take_along_axis(np.sort(scores, axis=1), place[:, None], axis=1)
    above, tied = scores > boundary, scores == boundary
    places_left = depth - above.sum(axis=1)
    share_of_hits = (tied & hits).sum(axis=1) / tied.sum(axis=1)
    return (above & hits).sum(axis=1) + places_left * share_of_hits


def expected_label_hits(
    scores: np.ndarray, labels: np.ndarray, depth: np.ndarray, values: np.ndarray, hits: np.ndarray
) -> np.ndarray:
    """`expected_hits` of whole rows [N, C], from their top-k lists where these suffice.

    Args:
        scores: float [N, C].
        labels: bool [N, C].
        depth: int [N], from 0 to C.
        values: the scores of the rows' best classes, best first, [N, k].
        hits: whether each of these classes is a label, [N, k].

    Returns:
        float64 [N].
    """
    num_listed = values.shape[1]
    listed_depth = np.minimum(depth, num_listed)
    expected = expected_hits(values, hits, listed_depth)
    boundary = np.take_along_axis(values, np.maximum(listed_depth, 1)[:, None] - 1, axis=1)[:, 0]
    # If the boundary equals the list's last score, classes outside the list may tie with it.
    unsure = np.flatnonzero((depth > num_listed) | (boundary == values[:, -1]))
    if num_listed < scores.shape[1] and unsure.size:
        expected[unsure] = expected_hits(scores[unsure], labels[unsure], depth[unsure])
    return expected
