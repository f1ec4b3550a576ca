"""Spearman's correlation: that of ranks, in which equal values share the mean of their ranks."""

import numpy as np


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Returns Spearman's correlation of two columns, float [N]; NaN for fewer than two values, or if all of one are equal."""
    from scipy.stats import rankdata  # takes half a second

    return correlation_of_sums(*(np.asarray(each) for each in sums_of(rankdata(first), rankdata(second))))


def rank_correlations_of_rows(first: np.ndarray, second: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Returns Spearman's correlation of each row, float64 [N]; NaN as in `rank_correlation`.

    Args:
        first, second: float [N, K].
        chosen: bool [N, K]: the values that count.
    """
    return correlation_of_sums(*sums_of(_ranks(first, chosen), _ranks(second, chosen), chosen))


def _ranks(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Returns the rank of each value among the chosen ones of its row, float64 [N, K]; 0 for the others."""
    others = chosen[:, None, :]
    below = ((values[:, None, :] < values[:, :, None]) & others).sum(axis=-1)
    equal = ((values[:, None, :] == values[:, :, None]) & others).sum(axis=-1)
    return np.where(chosen, below + (equal + 1) / 2, 0.0)


def sums_of(first: np.ndarray, second: np.ndarray, chosen: np.ndarray | None = None) -> tuple[np.ndarray, ...]:
    """Returns the sums that `correlation_of_sums` takes, over the last axis. Values that are not chosen must be 0."""
    count = np.asarray(first.shape[-1] if chosen is None else chosen.sum(axis=-1))
    pairs = ((first,), (second,), (first, first), (second, second), (first, second))
    return count, *(np.prod(each, axis=0).sum(axis=-1) for each in pairs)


def correlation_of_sums(count, first, second, first_squares, second_squares, products) -> np.ndarray:
    """Returns Pearson's correlations from sums over pairs of values; NaN for fewer than two, or if all of one are equal.

    Args:
        count, first, second, first_squares, second_squares, products: the number of pairs, and the sums of the values, of their
            squares and of their products, in one shape.
    """
    count = np.asarray(count, np.float64)
    covariance = count * products - first * second
    variances = (count * first_squares - first**2, count * second_squares - second**2)
    # Equal values leave what rounding did to their sums.
    known = (
        (count > 1) & (variances[0] > 1e-13 * count * first_squares) & (variances[1] > 1e-13 * count * second_squares)
    )
    norm = np.sqrt(np.where(known, variances[0] * variances[1], 1.0))
    return np.where(known, covariance / norm, np.nan)
