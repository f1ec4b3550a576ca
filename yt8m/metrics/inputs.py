"""Checks of the metrics' inputs. A wrong number raises an error with its place, instead of lowering a metric."""

from collections.abc import Iterator, Sequence

import numpy as np

from yt8m.errors import InputError

ROWS_AT_ONCE = 1024
"""Rows to handle together: enough for NumPy's speed, few enough for small temporaries."""


def id_text(identifier: str | bytes) -> str:
    """A video's id as text. Records hold ids as bytes, CSV files as UTF-8."""
    return identifier.decode("utf-8", "backslashreplace") if isinstance(identifier, bytes) else str(identifier)


def row_name(row: int, ids: Sequence[str | bytes] | None, kind: str = "video") -> str:
    """A row's name in error messages: with its id, if known."""
    return f"row {row}" if ids is None else f"{kind} {id_text(ids[row])!r} (row {row})"


def row_blocks(num_rows: int) -> Iterator[slice]:
    """Consecutive slices of at most `ROWS_AT_ONCE` rows."""
    return (slice(first, min(first + ROWS_AT_ONCE, num_rows)) for first in range(0, num_rows, ROWS_AT_ONCE))


def check_ids(ids: Sequence[str | bytes] | None, num_rows: int) -> None:
    """Raises ValueError unless `ids` is None or has one id per row."""
    if ids is not None and len(ids) != num_rows:
        raise ValueError(f"{len(ids)} ids for {num_rows} rows")


def as_float(scores: np.ndarray) -> np.ndarray:
    """Scores in a type that holds them exactly and that NumPy compares fast. float32 and float64 do not change."""
    scores = np.asarray(scores)
    if scores.dtype in (np.float32, np.float64):
        return scores
    return scores.astype(np.float32 if scores.dtype.itemsize <= 2 else np.float64)


def as_float32(scores: np.ndarray) -> np.ndarray:
    """Scores rounded to float32. Those beyond its range become infinite, which `check_finite` refuses."""
    with np.errstate(over="ignore"):
        return np.asarray(scores).astype(np.float32, copy=False)


def as_bool(flags: np.ndarray, name: str) -> np.ndarray:
    """Flags as bool, from bool or from numbers that are 0 or 1. Raises ValueError for other numbers."""
    flags = np.asarray(flags)
    if flags.dtype == bool:
        return flags
    converted = flags.astype(bool)
    if not np.array_equal(converted, flags):
        raise ValueError(f"{name} must be bool, or all 0 or 1")
    return converted


def check_finite(
    scores: np.ndarray,
    ids: Sequence[str | bytes] | None = None,
    classes: Sequence[int] | np.ndarray | None = None,
    kind: str = "video",
) -> None:
    """Raises InputError that names the first row with a NaN or an infinite score.

    Args:
        scores: float [N, M].
        ids: names of the rows, [N].
        classes: the classes of the columns, [M] or [N, M]; None = 0 to M - 1.
        kind: what a row is, "video" say.
    """
    for rows in row_blocks(len(scores)):
        finite = np.isfinite(scores[rows])
        if not finite.all():
            row, column = np.argwhere(~finite)[0]
            row += rows.start
            classes = np.arange(scores.shape[1]) if classes is None else np.asarray(classes)
            class_id = np.broadcast_to(classes, scores.shape)[row, column]
            raise InputError(
                f"{row_name(row, ids, kind)}: the score of class {class_id} is {scores[row, column]}; "
                f"scores must be finite, so look for NaN in this {kind}'s features or in the model's weights"
            )


def checked_pair(
    scores: np.ndarray, labels: np.ndarray, ids: Sequence[str | bytes] | None
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels of videos as float and bool arrays, [N, C] each.

    Raises:
        ValueError: the shapes are not equal, or not [N, C] with C >= 1; labels are not flags; or there are not N ids.
        InputError: a score is NaN or infinite.
    """
    scores, labels = as_float(scores), as_bool(labels, "labels")
    if scores.ndim != 2 or scores.shape != labels.shape or scores.shape[1] == 0:
        raise ValueError(f"scores {scores.shape} and labels {labels.shape} must both be [videos, classes]")
    check_ids(ids, len(scores))
    check_finite(scores, ids)
    return scores, labels


def check_top_k(top_k: int) -> None:
    """Raises ValueError unless `top_k` is at least 1."""
    if top_k < 1:
        raise ValueError(f"top_k is {top_k}; it must be at least 1")
