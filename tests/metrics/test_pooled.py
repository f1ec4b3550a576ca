"""Precision and recall of all entries together, and the reliability of probabilities, against slow versions and by hand."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve

from yt8m.metrics import SegmentMetrics, VideoMetrics, counts_at, entries, precision_recall, reliability


def chunks(scores, hits, size):
    """Entries by falling score, in chunks."""
    order = np.argsort(-scores, kind="stable")
    for first in range(0, len(order), size):
        part = order[first : first + size]
        yield scores[part], hits[part]


@pytest.fixture(params=[1, 3, 1000])
def chunk(request):
    return request.param


def case(levels, seed=0, count=200):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(count) * levels).astype(np.float32) / levels
    return scores.astype(np.float32), rng.random(count) < scores


@pytest.mark.parametrize("levels", [4, 100_000])
def test_the_curve_is_that_of_scikit_learn(levels, chunk):
    scores, hits = case(levels)
    curve = precision_recall(chunks(scores, hits, chunk), int(hits.sum()), num_points=10**9)
    precision, recall, thresholds = (each[::-1] for each in precision_recall_curve(hits, scores))
    # scikit-learn has a first point without a threshold. Ours has none where the recall stays as it is, but for the last.
    new = np.append(np.diff(recall) > 0, True)[:-1] | (np.arange(len(thresholds)) == 0)
    new[-1] = True
    np.testing.assert_array_equal(curve.thresholds, thresholds[new])
    np.testing.assert_allclose(curve.precision, precision[1:][new], rtol=1e-12)
    np.testing.assert_allclose(curve.recall, recall[1:][new], rtol=1e-12)


def test_a_curve_has_a_point_for_each_part_of_the_recall_and_the_last(chunk):
    scores, hits = np.arange(100, 0, -1, dtype=np.float32), np.ones(100, bool)
    curve = precision_recall(chunks(scores, hits, chunk), 200, num_points=10)
    np.testing.assert_allclose(curve.recall, [0.005, 0.1, 0.2, 0.3, 0.4, 0.5])
    np.testing.assert_array_equal(curve.precision, np.ones(6))


def test_equal_scores_are_one_point(chunk):
    scores, hits = np.array([0.9, 0.5, 0.5, 0.5, 0.1], np.float32), np.array([1, 0, 1, 1, 0], bool)
    curve = precision_recall(chunks(scores, hits, chunk), 4)
    np.testing.assert_allclose(curve.thresholds, np.float32([0.9, 0.5, 0.1]))
    np.testing.assert_allclose(curve.precision, [1, 3 / 4, 3 / 5])
    np.testing.assert_allclose(curve.recall, [1 / 4, 3 / 4, 3 / 4])


def test_the_area_under_the_curve_of_videos_is_gap():
    rng = np.random.default_rng(1)
    scores, labels = rng.random((60, 30), np.float32), rng.random((60, 30)) < 0.1
    metrics = VideoMetrics(30, top_k=8)
    metrics.update(scores, labels)
    curve = precision_recall(metrics.pooled(), metrics.num_positives, num_points=10**9)
    assert (metrics.num_positives, metrics.num_pairs) == (labels.sum(), 1800)
    area = np.sum(np.diff(curve.recall, prepend=0) * curve.precision)
    assert area == pytest.approx(metrics.result()["gap"], abs=1e-12)
    assert curve.recall[-1] < 1, "lists of 8 leave labels out"


def test_what_is_pooled_falls_and_leaves_the_metrics_as_they_were(monkeypatch):
    monkeypatch.setattr(entries, "_CHUNK", 16)
    rng = np.random.default_rng(2)
    scores, labels = rng.normal(size=(9, 7)).astype(np.float32), rng.random((9, 7)) < 0.3
    metrics = VideoMetrics(7, top_k=7)
    metrics.update(scores, labels)
    before = metrics.result()
    found, hits = map(np.concatenate, zip(*metrics.pooled(), strict=True))
    order = np.argsort(-scores.ravel(), kind="stable")
    np.testing.assert_array_equal(found, scores.ravel()[order])
    np.testing.assert_array_equal(hits, labels.ravel()[order])
    next(iter(metrics.pooled()))  # left half-way
    assert metrics.result() == before


def test_what_is_pooled_of_segments_is_what_was_rated():
    metrics = SegmentMetrics(3)
    scores = np.array([[3, 1, -2], [0.5, 7, 9]], np.float32)
    labels, ratings = np.array([[0, 2], [1, -1]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    metrics.update(scores, [b"a", b"b"], np.array([0, 5]), labels, ratings)
    found, hits = next(metrics.pooled())
    assert (found.tolist(), hits.tolist()) == ([7, 3, -2], [False, True, False])
    assert (metrics.num_positives, metrics.num_pairs) == (1, 3)


def test_counts_at_thresholds(chunk):
    scores, hits = case(20)
    thresholds = np.array([-1, 0, 0.05, 0.5, 1, 2])
    taken, right = counts_at(chunks(scores, hits, chunk), thresholds)
    above = scores[None] >= thresholds.astype(np.float32)[:, None]
    np.testing.assert_array_equal(taken, above.sum(axis=1))
    np.testing.assert_array_equal(right, (above & hits).sum(axis=1))


def test_reliability_by_hand(chunk):
    probabilities = np.array([1.0, 0.75, 0.625, 0.5, 0.25, 0.0], np.float32)
    hits = np.array([1, 1, 0, 0, 1, 0], bool)
    found = reliability(chunks(probabilities, hits, chunk), num_bins=4)
    assert found.counts.tolist() == [1, 1, 2, 2]
    np.testing.assert_array_equal(found.mean_probabilities, [0, 0.25, 0.5625, 0.875])
    np.testing.assert_array_equal(found.hit_shares, [0, 1, 0, 1])
    # (1 * 0 + 1 * 0.75 + 2 * 0.5625 + 2 * 0.125) / 6
    assert found.expected_calibration_error == pytest.approx(2.125 / 6)


@pytest.mark.parametrize("num_bins", [4, 15])
def test_reliability_is_the_curve_of_scikit_learn(num_bins, chunk):
    """Which gives bins with entries alone, and where a probability is an edge, takes the bin below."""
    rng = np.random.default_rng(8)
    probabilities = -np.sort(-rng.beta(0.3, 2.0, 500)).astype(np.float32)
    hits = rng.random(500) < probabilities**1.5
    found = reliability(chunks(probabilities, hits, chunk), num_bins)
    shares, means = calibration_curve(hits, probabilities, n_bins=num_bins)
    filled = found.counts > 0
    np.testing.assert_array_equal(found.hit_shares[filled], shares)
    np.testing.assert_allclose(found.mean_probabilities[filled], means, rtol=1e-12)
    np.testing.assert_array_equal(found.counts, np.histogram(probabilities, num_bins, (0, 1))[0])


def test_an_empty_bin_counts_nothing():
    found = reliability([(np.array([0.9], np.float32), np.array([True]))], num_bins=2)
    assert np.isnan(found.mean_probabilities[0])
    assert np.isnan(found.hit_shares[0])
    assert found.expected_calibration_error == pytest.approx(0.1)


def test_what_happens_as_often_as_it_is_said_is_calibrated():
    rng = np.random.default_rng(3)
    probabilities = -np.sort(-rng.random(200_000)).astype(np.float32)
    found = reliability([(probabilities, rng.random(200_000) < probabilities)])
    assert found.expected_calibration_error < 0.01
    assert len(found.counts) == 15
