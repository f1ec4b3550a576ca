"""What the labels explain of the values, beside scikit-learn's ridge regression."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge

from yt8m.training.explained_variance import Moments

N, C = 200, 6


@pytest.fixture
def labels():
    found = np.random.default_rng(1).random((N, C)) < [0.5, 0.3, 0.2, 0.1, 0.0, 0.0]
    found[:2, 4] = True  # too few videos to count
    return found.astype(np.float64)


def scales_of(labels, *features, batch=64):
    moments = Moments(C, [each.shape[1] for each in features])
    for first in range(0, N, batch):
        some = slice(first, first + batch)
        moments.add(sparse.csr_matrix(labels[some]), [each[some] for each in features])
    return moments.scales()


def test_shares_are_those_of_a_ridge_regression(labels):
    random = np.random.default_rng(2)
    rgb = labels @ random.normal(size=(C, 5)) + random.normal(3.0, [0.1, 0.5, 1, 2, 4], (N, 5))
    audio = random.normal(size=(N, 2))
    for values, found in zip((rgb, audio), scales_of(labels, rgb, audio), strict=True):
        left = values - Ridge(alpha=20.0).fit(labels[:, :4], values).predict(labels[:, :4])
        shares = 1 - left.var(axis=0) / values.var(axis=0)
        np.testing.assert_allclose(found, shares / values.std(axis=0), rtol=1e-5)


def test_a_value_that_never_changes_does_not_count(labels):
    values = np.stack([labels[:, 0], np.full(N, 7.3), np.zeros(N)], axis=1)
    (found,) = scales_of(labels, values)
    assert found[0] > 1.5
    np.testing.assert_array_equal(found[1:], 0.0)


def test_without_a_class_of_three_videos_values_count_alike():
    values = np.random.default_rng(3).normal(0, [1.0, 10.0], (N, 2))
    few = np.zeros((N, C))
    few[:2] = 1.0
    (found,) = scales_of(few, values)
    np.testing.assert_allclose(found, 1 / values.std(axis=0), rtol=1e-6)


def test_of_few_videos_values_count_alike(labels):
    """At one less than the fewest, by hand: variances 1/4 and 25/4 have the mean 13/4, and of a constant nothing is known."""
    moments = Moments(C, [2, 1])
    values = np.tile([[0.0, 1.0], [1.0, 6.0]], (N // 2, 1))[: N - 2]
    moments.add(sparse.csr_matrix(labels[: N - 2]), [values, np.full((N - 2, 1), 3.0)])
    alike, constant = moments.scales()
    np.testing.assert_allclose(alike, [np.sqrt(4 / 13)] * 2, rtol=1e-6)
    np.testing.assert_array_equal(constant, [1.0])


def test_sums_of_several_workers_are_those_of_one(labels):
    random = np.random.default_rng(4)
    features = [random.normal(labels @ random.normal(size=(C, size)), 1.0) for size in (5, 2)]
    parts = []
    for some in (slice(0, 50), slice(50, N)):
        moments = Moments(C, [5, 2])
        moments.add(sparse.csr_matrix(labels[some]), [each[some] for each in features])
        parts.append(moments)
    parts[0].merge(parts[1])
    assert parts[0].count == N
    for merged, alone in zip(parts[0].scales(), scales_of(labels, *features), strict=True):
        np.testing.assert_allclose(merged, alone, rtol=1e-6)
