"""Intervals by the bootstrap over videos: exact metrics of resamples, seeds, pairs, and how often they cover the truth."""

import numpy as np
import pytest

from yt8m.metrics import average_precision, global_average_precision, mean_average_precision
from yt8m.metrics.bootstrap import Interval, Outcomes, bootstrap, resamples
from yt8m.metrics.selection import best_classes

CLASSES = 30


def outcomes_of(scores, labels, numbers=None, top_k=20):
    """The entries of a matrix of scores, a video a row, as a report collects them."""
    found = Outcomes()
    numbers = np.arange(len(scores), dtype=np.uint64) if numbers is None else numbers
    classes, values = best_classes(scores, top_k)
    hits = np.take_along_axis(labels, classes, axis=1)
    found.add(np.repeat(numbers, top_k), classes.ravel(), values.ravel(), hits.ravel())
    rows, own = np.nonzero(labels)
    found.add_labels(numbers[rows], own)
    found.add_videos(numbers)
    return found


def made(seed, count, noise=1.0, ties=False):
    """Scores that know something of the labels. Some classes are rare; with ties, many scores are equal."""
    rng = np.random.default_rng(seed)
    labels = rng.random((count, CLASSES)) < np.geomspace(0.3, 0.01, CLASSES)
    scores = (2 * labels + rng.normal(0, noise, labels.shape)).astype(np.float32)
    return np.round(scores, 0 if ties else 6).astype(np.float32), labels


@pytest.mark.parametrize("ties", [False, True])
def test_a_resample_has_the_metrics_of_its_videos_written_out(ties):
    scores, labels = made(0, 60, ties=ties)
    rankings = outcomes_of(scores, labels).rankings()
    for weights in [np.ones(60, np.int64), *resamples(60, 5)]:
        assert weights.sum() == 60
        copies = np.repeat(np.arange(60), weights)
        found = rankings.measure(weights)
        assert found["gap"] == pytest.approx(global_average_precision(scores[copies], labels[copies]), rel=1e-12)
        assert found["map"] == pytest.approx(mean_average_precision(scores[copies], labels[copies]), rel=1e-12)


def test_segments_of_a_video_are_drawn_together():
    """Three rated pairs of each segment, two segments a video."""
    rng = np.random.default_rng(1)
    videos = np.repeat(np.arange(40, dtype=np.uint64), 6)
    classes = np.concatenate([rng.permutation(5)[:3] for _ in range(80)])
    scores, hits = rng.normal(size=240).astype(np.float32), rng.random(240) < 0.4
    found = Outcomes()
    found.add(videos, classes, scores, hits)
    found.add_labels(videos[hits], classes[hits])
    found.add_videos(videos)
    for weights in resamples(40, 3, seed=2):
        copies = np.repeat(np.arange(240), weights[videos.astype(int)])
        own = [copies[classes[copies] == class_id] for class_id in range(5)]
        expected = np.mean([average_precision(scores[rows], hits[rows]) for rows in own if hits[rows].any()])
        assert found.rankings().measure(weights)["map"] == pytest.approx(expected, rel=1e-12)


def test_no_order_of_the_videos_and_no_worker_changes_anything():
    scores, labels = made(3, 50)
    numbers = np.random.default_rng(4).integers(1 << 63, size=50).astype(np.uint64)
    one = bootstrap([outcomes_of(scores, labels, numbers).rankings()], 20)
    order = np.random.default_rng(5).permutation(50)
    first, second = order[:20], order[20:]
    merged = outcomes_of(scores[first], labels[first], numbers[first])
    merged.merge(outcomes_of(scores[second], labels[second], numbers[second]))
    other = bootstrap([merged.rankings()], 20)
    for key in ("gap", "map"):
        np.testing.assert_allclose(one.resampled[0][key], other.resampled[0][key], rtol=1e-12)
        assert one.interval(0, key) == pytest.approx(other.interval(0, key))


def test_the_seed_decides():
    rankings = [outcomes_of(*made(6, 50)).rankings()]
    again = [bootstrap(rankings, 10, seed).resampled[0]["gap"].tolist() for seed in (0, 0, 1)]
    assert again[0] == again[1] != again[2]


def test_a_difference_on_the_same_videos_is_surer_than_the_values():
    scores, labels = made(7, 200)
    better = scores + 0.2 * labels.astype(np.float32)
    found = bootstrap([outcomes_of(each, labels).rankings() for each in (better, scores)], 200)
    difference = found.difference(0, 1, "gap")
    assert difference.value == pytest.approx(found.values[0]["gap"] - found.values[1]["gap"])
    assert 0 < difference.low < difference.value < difference.high
    assert difference.excludes_zero
    assert difference.high - difference.low < 0.5 * (found.interval(0, "gap").high - found.interval(0, "gap").low)
    same = found.difference(0, 0, "map")
    assert same == Interval(0, 0, 0)
    assert not same.excludes_zero


def test_a_resample_without_a_label_does_not_count():
    scores, labels = made(8, 4)
    labels[:] = False
    labels[0, 3] = True
    found = bootstrap([outcomes_of(scores, labels).rankings()], 100)
    assert np.isnan(found.resampled[0]["map"]).any()
    interval = found.interval(0, "map")
    assert 0 <= interval.low <= interval.value <= interval.high <= 1


def test_runs_on_other_videos_are_refused():
    with pytest.raises(ValueError, match=r"\[30, 40\] videos"):
        bootstrap([outcomes_of(*made(9, count)).rankings() for count in (30, 40)])


@pytest.fixture(scope="module")
def drawn():
    """A population of videos, and the bootstraps of 100 draws of 150 of them."""
    population, rng = made(10, 4000), np.random.default_rng(11)
    rows = [rng.integers(4000, size=150) for _ in range(100)]
    return population, [bootstrap([outcomes_of(*(each[own] for each in population)).rankings()], 40) for own in rows]


@pytest.mark.thorough
@pytest.mark.parametrize("key", ["gap", "map"])
def test_the_interval_covers_the_value_of_the_population_about_as_often_as_it_says(drawn, key):
    """MAP depends on the number of videos: its truth is the mean over the draws."""
    population, found = drawn
    values = [each.values[0][key] for each in found]
    truth = global_average_precision(*population) if key == "gap" else np.mean(values)
    intervals = [each.interval(0, key) for each in found]
    covered = np.mean([low <= truth <= high for _, low, high in intervals])
    assert 0.87 <= covered <= 0.995  # 95 % of 100, with the spread of so few
    widths = np.mean([high - low for _, low, high in intervals])
    assert widths == pytest.approx(3.92 * np.std(values), rel=0.25)
