"""Average precision class by class, of which the means are means."""

import dataclasses

import numpy as np
import pytest
import slow_metrics

from yt8m.metrics import (
    PerClass,
    SegmentMetrics,
    SegmentRankingMetrics,
    SegmentRatings,
    VideoMetrics,
    enough_positives,
)

NUM_CLASSES = 12


def random_videos(seed, num_videos=80):
    """Scores in steps of 1/4, so that many are tied, and labels; class 5 has no positive."""
    rng = np.random.default_rng(seed)
    scores = (np.round(rng.normal(size=(num_videos, NUM_CLASSES)) * 4) / 4).astype(np.float32)
    labels = rng.random(scores.shape) < 0.3 / (1 + np.exp(-2 * scores))
    labels[:, 5] = False
    return scores, labels


def listed(per_class):
    """The columns as lists, None for NaN."""
    return {
        "class_ids": per_class.class_ids.tolist(),
        "average_precision": [None if np.isnan(value) else value for value in per_class.average_precision],
        "num_positives": per_class.num_positives.tolist(),
        "num_negatives": None if per_class.num_negatives is None else per_class.num_negatives.tolist(),
    }


def test_hand_worked_videos():
    metrics = VideoMetrics(num_classes=6, top_k=2)
    # The lists of two: (1, 4), (4, 2), (1, 2). Class 0 is a label that no list has; nobody has label 4.
    scores = np.array([[0.0, 0.9, 0.1, 0.0, 0.5, 0.0], [0.0, 0.1, 0.4, 0.0, 0.8, 0.0], [0.0, 0.7, 0.6, 0.0, 0.2, 0.0]])
    labels = np.zeros((3, 6), bool)
    labels[[0, 1, 2, 1, 2], [2, 2, 1, 0, 2]] = True
    metrics.update(scores, labels)
    assert listed(metrics.per_class()) == {
        "class_ids": [0, 1, 2],
        # Class 1 is a miss, then a hit. Of the three positives of class 2 two are in a list, both hits.
        "average_precision": [0.0, pytest.approx(1 / 2, abs=1e-15), pytest.approx((1 + 1) / 3, abs=1e-15)],
        "num_positives": [1, 1, 3],
        "num_negatives": None,
    }
    assert metrics.result()["map"] == metrics.per_class().mean() == pytest.approx((0 + 1 / 2 + 2 / 3) / 3, abs=1e-15)


@pytest.mark.parametrize("top_k", [1, 4, 20])
def test_videos_agree_with_the_definition(top_k):
    scores, labels = random_videos(top_k)
    metrics = VideoMetrics(NUM_CLASSES, top_k)
    metrics.update(scores, labels)
    found, expected = metrics.per_class(), slow_metrics.class_average_precisions(scores.tolist(), labels, top_k)
    assert found.class_ids.tolist() == list(expected) == [c for c in range(NUM_CLASSES) if c != 5]
    assert found.num_positives.tolist() == [positives for _, positives in expected.values()]
    np.testing.assert_allclose(found.average_precision, [value for value, _ in expected.values()], atol=1e-13)
    assert metrics.result()["map"] == found.mean()
    assert metrics.per_class().average_precision.tolist() == found.average_precision.tolist(), "asking changes nothing"


def test_batches_and_merging_do_not_change_a_bit_of_any_class():
    scores, labels = random_videos(7)
    whole, parts = VideoMetrics(NUM_CLASSES), [VideoMetrics(NUM_CLASSES) for _ in range(3)]
    whole.update(scores, labels)
    for row in np.random.default_rng(0).permutation(len(scores)):
        parts[row % 3].update(scores[row : row + 1], labels[row : row + 1])
    for part in parts[1:]:
        parts[0].merge(part)
    assert listed(parts[0].per_class()) == listed(whole.per_class())


def test_no_videos_are_no_classes():
    assert listed(VideoMetrics(3).per_class()) == {
        "class_ids": [],
        "average_precision": [],
        "num_positives": [],
        "num_negatives": None,
    }


def test_hand_worked_segments():
    metrics = SegmentMetrics(5)
    # Class 1: hit 0.9, miss 0.5, hit 0.4; class 3 is only ever rated absent; classes 0, 2 and 4 are never rated.
    metrics.update(
        np.array([[0, 0.9, 0, 0, 0], [0, 0.5, 0, 0, 0], [0, 0.4, 0, 0.8, 0]]),
        ["a", "a", "b"],
        np.array([0, 5, 0]),
        np.array([[1, -1], [1, -1], [3, 1]]),
        np.array([[1.0, -1.0], [0.0, -1.0], [0.0, 1.0]]),
    )
    assert listed(metrics.per_class()) == {
        "class_ids": [1, 3],
        "average_precision": [pytest.approx((1 + 2 / 3) / 2, abs=1e-15), None],
        "num_positives": [2, 0],
        "num_negatives": [1, 1],
    }
    assert metrics.result()["segment_map"] == metrics.per_class().mean() == pytest.approx(5 / 6, abs=1e-15)


@pytest.mark.parametrize("tied", [False, True])
def test_segments_agree_with_the_definition(tied):
    rng = np.random.default_rng(3)
    scores = rng.normal(size=(90, NUM_CLASSES)).astype(np.float32)
    scores = np.round(scores * 2) / 2 if tied else scores
    ids, starts = [f"v{row // 6}" for row in range(90)], np.arange(90) % 6 * 5
    labels = np.stack([rng.permutation(8)[:2] for _ in range(90)])
    seen = rng.random(labels.shape) < 0.5
    metrics = SegmentMetrics(NUM_CLASSES)
    metrics.update(scores, ids, starts, labels, seen.astype(float))
    found = metrics.per_class()
    assert found.class_ids.tolist() == list(range(8))
    for place, class_id in enumerate(range(8)):
        entries = [(scores[row, class_id], flag) for row, flag in zip(*rated(labels, seen, class_id), strict=True)]
        positives = sum(flag for _, flag in entries)
        assert (found.num_positives[place], found.num_negatives[place]) == (positives, len(entries) - positives)
        expected = slow_metrics.tied_average_precision(entries, int(positives))
        assert found.average_precision[place] == pytest.approx(expected, abs=1e-13)


def rated(labels, seen, class_id):
    """Rows rated for a class, and whether it was seen there."""
    rows, columns = np.nonzero(labels == class_id)
    return rows, seen[rows, columns]


def test_a_submitted_ranking_by_class():
    ratings = SegmentRatings()
    for video, class_id, positive in (
        ("a", 1, True),
        ("b", 1, False),
        ("a", 2, True),
        ("b", 4, False),
        ("c", 4, False),
    ):
        ratings.add((video, 0), class_id, positive)
    metrics = SegmentRankingMetrics(ratings)
    before = listed(metrics.per_class())
    assert before["average_precision"] == [0.0, 0.0, None]
    assert metrics.result() == {"segment_map": 0.0, "segment_map_submitted": 0.0, "num_segments": 3}
    metrics.add(1, [("b", 0), ("z", 0), ("a", 0)])
    metrics.add(4, [("b", 0)])
    metrics.add(9, [("a", 0)])
    assert listed(metrics.per_class()) == {
        "class_ids": [1, 2, 4],
        "average_precision": [pytest.approx(1 / 2, abs=1e-15), 0.0, None],  # class 2 was not submitted
        "num_positives": [1, 1, 0],
        "num_negatives": [1, 0, 2],
    }
    assert metrics.result() == {
        "segment_map": pytest.approx(1 / 4, abs=1e-15),
        "segment_map_submitted": pytest.approx(1 / 2, abs=1e-15),
        "num_segments": 3,
    }


def test_it_cannot_be_changed():
    per_class = PerClass(np.array([1]), np.array([0.5]), np.array([2]))
    with pytest.raises(dataclasses.FrozenInstanceError):
        per_class.num_positives = np.array([3])


@pytest.mark.parametrize(
    ("counts", "wanted", "enough"),
    [
        ([500, 10, 11, 9, 3, 1], 3, 10),
        ([500, 10, 11, 9, 3, 1], 4, 9),  # else there were three
        ([3, 1, 2, 2], 2, 2),
        ([3, 1], 20, 1),
        ([], 20, 10),
    ],
)
def test_classes_with_enough_positives_are_as_many_as_wanted(counts, wanted, enough):
    assert enough_positives(counts, wanted) == enough
