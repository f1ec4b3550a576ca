"""Calibrations against pool-adjacent-violators and Newton's method written out."""

import warnings

import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.scoring.calibration import IDENTITY, LogitMaps
from yt8m.scoring.calibration_fitting import CENTRES, LogitCounts, fit, total_loss


def sigmoid(logits):
    return 1 / (1 + np.exp(-np.asarray(logits, np.float64)))


def drawn(num_rows=400, num_classes=6, slope=0.6, shift=-0.5, seed=0):
    """Logits in the middles of bins, and hits that are as probable as a line of them says, with a shift a class."""
    random = np.random.default_rng(seed)
    logits = random.choice(CENTRES[::8], (num_rows, num_classes), p=normal(CENTRES[::8]))
    hits = random.random(logits.shape) < sigmoid(slope * logits + shift + 0.3 * np.arange(num_classes))
    return logits, hits, random.integers(0, 2, num_rows)


def normal(values):
    weights = np.exp(-((values + 2) ** 2) / 8)
    return weights / weights.sum()


def counted(logits, hits, halves, by_class=False):
    """In three batches."""
    num_classes = logits.shape[1]
    counts = LogitCounts(num_classes, by_class)
    for rows in np.array_split(np.arange(len(logits)), 3):
        classes = np.tile(np.arange(num_classes), len(rows))
        counts.add(np.repeat(halves[rows], num_classes), classes, logits[rows].ravel(), hits[rows].ravel())
    return counts


def pooled_violators(logits, hits):
    """Isotonic regression of hits on logits: the logits, ascending, and the share of hits of each one's block."""
    values = np.unique(logits)
    blocks = [[[value], hits[logits == value].sum(), (logits == value).sum()] for value in values]
    place = 0
    while place + 1 < len(blocks):
        one, other = blocks[place : place + 2]
        if one[1] / one[2] >= other[1] / other[2]:
            blocks[place : place + 2] = [[one[0] + other[0], one[1] + other[1], one[2] + other[2]]]
            place = max(place - 1, 0)
        else:
            place += 1
    return values, np.concatenate([[right / total] * len(members) for members, right, total in blocks])


def platt(logits, hits):
    """Slope and shift with the targets of Platt (1999), by Newton's method."""
    target = np.where(hits, (hits.sum() + 1) / (hits.sum() + 2), 1 / ((~hits).sum() + 2))
    columns, found = np.stack([logits, np.ones(len(logits))], axis=1), np.zeros(2)
    for _ in range(50):
        said = sigmoid(columns @ found)
        found -= np.linalg.solve(columns.T @ (columns * (said * (1 - said))[:, None]), columns.T @ (said - target))
    return found


def test_platts_slope_and_shift():
    logits, hits, halves = drawn()
    slope, shift = platt(logits.ravel(), hits.ravel())
    maps = fit(counted(logits, hits, halves), "platt")
    assert (maps.pooled.slope, maps.pooled.offsets[0]) == pytest.approx((slope, shift), abs=2e-6)
    np.testing.assert_allclose(maps.pooled(np.array([-40.0, 0, 3])), slope * np.array([-40.0, 0, 3]) + shift, rtol=1e-5)


def test_isotonic_regression_with_a_hundredth_of_the_logit():
    logits, hits, halves = drawn()
    values, shares = pooled_violators(logits.ravel(), hits.ravel())
    shares = np.clip(shares, 1 / ((~hits).sum() + 2), (hits.sum() + 1) / (hits.sum() + 2))
    expected = 0.99 * np.log(shares / (1 - shares)) + 0.01 * values
    found = fit(counted(logits, hits, halves), "isotonic").pooled
    np.testing.assert_allclose(found(values), expected, atol=1e-5)
    assert len(np.unique(shares)) < len(values) / 2, "without it, most would be tied"
    assert (np.diff(found(values)) > 0).all()


def test_beyond_the_ends_it_goes_on_ascending():
    found = fit(counted(*drawn()), "isotonic").pooled
    outside = found(np.array([-500.0, -100.0, 100.0, 500.0]))
    assert (np.diff(outside) > 0).all()
    assert found(np.array([-100.0])) == pytest.approx(found.offsets[0] - 1)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_class_of_its_own_is_fitted_as_if_there_were_no_other(method):
    logits, hits, halves = drawn()
    maps = fit(counted(logits, hits, halves, by_class=True), method, own_classes=[1, 4])
    alone = fit(counted(logits[:, [4]], hits[:, [4]], halves), method)
    assert set(maps.own) == {1, 4}
    assert maps.own[4] == alone.pooled
    assert maps.pooled == fit(counted(logits, hits, halves), method).pooled


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_half_alone(method):
    logits, hits, halves = drawn()
    first = fit(counted(logits, hits, halves), method, halves=[0])
    assert first == fit(counted(logits[halves == 0], hits[halves == 0], halves[halves == 0]), method)


def test_how_many_positives_a_class_has():
    logits, hits, halves = drawn()
    counts = counted(logits, hits, halves, by_class=True)
    least = sorted(hits.sum(axis=0))[3]
    assert counts.classes_with(int(least)).tolist() == np.flatnonzero(hits.sum(axis=0) >= least).tolist()


def test_two_workers_count_as_one():
    logits, hits, halves = drawn()
    first, second = (counted(logits[some], hits[some], halves[some], True) for some in (slice(150), slice(150, None)))
    first.merge(second)
    every = counted(logits, hits, halves, True)
    np.testing.assert_array_equal(first.pooled, every.pooled)
    np.testing.assert_array_equal(first.of_class, every.of_class)


def test_logits_count_in_the_bin_that_they_are_in():
    counts = LogitCounts(1, by_class=False)
    logits = np.array([-1e4, -32, -0.001, 0, 1 / 32, 31.999, 1e4], np.float32)
    counts.add(np.array([0, 0, 1, 1, 0, 0, 0]), np.zeros(7, int), logits, np.array([0, 0, 0, 1, 1, 0, 1], bool))
    found = np.argwhere(counts.pooled).tolist()
    assert found == [[0, 0, 0], [0, 0, 2047], [0, 1, 1025], [0, 1, 2047], [1, 0, 1023], [1, 1, 1024]]
    assert counts.pooled.sum() == 7
    assert (CENTRES[1023], CENTRES[1024]) == (-1 / 64, 1 / 64)


@pytest.mark.parametrize("own", [[], [0, 5]])
def test_the_loss_is_the_sum_of_all_cross_entropies(own):
    logits, hits, halves = drawn()
    counts = counted(logits, hits, halves, by_class=True)
    maps = fit(counts, "platt", own)
    calibrated = np.asarray(maps(logits, np.arange(6)), np.float64)[halves == 1]
    expected = np.logaddexp(0, np.where(hits[halves == 1], -calibrated, calibrated)).sum()
    assert total_loss(counts, 1, maps) == pytest.approx(expected, rel=1e-6)
    assert total_loss(counts, 1, LogitMaps(IDENTITY)) > total_loss(counts, 1, maps)


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_what_cannot_be_fitted(method):
    logits, hits, halves = drawn()
    all_hits, no_hits = np.ones_like(hits), np.zeros_like(hits)
    for found, task, why in (
        (no_hits, "video", "none has a label"),
        (no_hits, "segment", "no rating is positive"),
        (all_hits, "video", "every class is a label of each"),
        (all_hits, "segment", "no rating is negative"),
    ):
        with pytest.raises(InputError, match=rf"^no calibration fits the videos: {why}; give more records$"):
            fit(counted(logits, found, halves), method, task=task)
    hits[:, 2] = False
    maps = fit(counted(logits, hits, halves, by_class=True), method, own_classes=[2, 3])
    assert set(maps.own) == {3}, "a class without a positive shares the function of all"


def test_labels_that_have_lower_logits_than_the_others():
    logits, hits, halves = drawn(slope=-0.6)
    counts = counted(logits, hits, halves)
    for task, why in (
        ("video", "labels do not have higher logits than the other classes"),
        ("segment", "positive ratings do not have higher logits than negative ones"),
    ):
        advice = "try --method isotonic, give more records, or train the run longer"
        with pytest.raises(InputError, match=rf"^no calibration fits the videos: {why}; {advice}$"):
            fit(counts, "platt", task=task)
    assert fit(counts, "isotonic"), "the advice helps"


@pytest.mark.parametrize("method", ["isotonic", "platt"])
def test_a_half_that_cannot_be_fitted_is_named_as_one(method):
    logits, hits, halves = drawn()
    hits[halves == 1] = False
    start = "^no calibration fits one half of the videos, which must calibrate the other half: "
    counts = counted(logits, hits, halves)
    assert fit(counts, method)
    assert fit(counts, method, halves=[0])
    with pytest.raises(InputError, match=rf"{start}none has a label; give more records, or another --seed$"):
        fit(counts, method, halves=[1])
    alone = counted(logits, hits, np.zeros_like(halves))
    for task, why in (("video", "there are none"), ("segment", "they have no ratings")):
        with pytest.raises(InputError, match=rf"{start}{why}; give more records, or another --seed$"):
            fit(alone, method, halves=[1], task=task)


def counts_of(pairs) -> LogitCounts:
    """Counts of pairs of a logit, whether it is a hit, and how often."""
    counts = LogitCounts(1, by_class=False)
    for logit, hit, number in pairs:
        one = np.zeros(number, int)
        counts.add(one, one, np.full(number, logit), np.full(number, hit))
    return counts


@pytest.mark.parametrize(
    "pairs",
    [
        [(0, True, 1), (0, False, 1)],
        [(-4, True, 1), (-4, False, 5)],
        [(-31, True, 1), (31, False, 1), (31, True, 1)],
        [(-5, True, 1), (5, False, 3)],
    ],
)
def test_few_records_are_refused_without_warnings(pairs):
    """The first two give a singular matrix, of which scikit-learn warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            InputError, match=r"labels do not have higher logits than the other classes; try --method isotonic, "
        ):
            fit(counts_of(pairs), "platt")


def test_few_separable_records_get_platts_targets_without_warnings():
    """Hits at 5 and misses at -5: the line goes through the targets 2/3 and 1/5."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit(counts_of([(5, True, 1), (-5, False, 3)]), "platt").pooled
    upper, lower = np.log(2), np.log(1 / 4)
    expected = [(upper - lower) / (2 * 5), (upper + lower) / 2 - (upper - lower) / (2 * 5) / 64]
    assert [found.slope, *found.offsets] == pytest.approx(expected, abs=2e-6)
