"""Which class is given in the place of which other one, against a slow version and by hand."""

from collections import Counter

import numpy as np
import pytest

from yt8m.metrics import Confusions, confusions


def slow(scores, present, known):
    """The definition, a row at a time."""
    counts = Counter()
    for row_scores, row, row_known in zip(scores, present, known, strict=True):
        ranked = sorted(np.flatnonzero(row_known), key=lambda each: (-row_scores[each], each))
        given = ranked[: row.sum()]
        missed = [each for each in np.flatnonzero(row) if each not in given]
        counts.update((int(a), int(b)) for a in missed for b in given if not row[b])
    return [(*pair, count) for pair, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def case(seed, num_classes=6):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random((80, num_classes)), 1).astype(np.float32)
    present = rng.random((80, num_classes)) < 0.3
    return scores, present, present | (rng.random((80, num_classes)) < 0.4)


@pytest.mark.parametrize("rated", [False, True])
@pytest.mark.parametrize("pending", [10, 1 << 20])
def test_agrees_with_the_slow_version_in_batches_and_merged(rated, pending, monkeypatch):
    monkeypatch.setattr(confusions, "_PENDING", pending)
    scores, present, known = case(0)
    expected = slow(scores, present, known if rated else np.ones_like(known))
    assert len(expected) > 20
    accumulators = [Confusions(6), Confusions(6)]
    for index, rows in enumerate(np.array_split(np.arange(80), 7)):
        accumulators[index % 2].update(scores[rows], present[rows], known[rows] if rated else None)
    accumulators[0].merge(accumulators[1])
    assert accumulators[0].most_frequent(1000) == expected
    assert accumulators[0].most_frequent(3) == expected[:3]


def test_by_hand():
    found = Confusions(4)
    # Labels 0 and 1; given are 2 and 0: 1 is missed, and 2 is in its place. 3 is below the second place.
    found.update(np.array([[0.8, 0.1, 0.9, 0.7]]), np.array([[True, True, False, False]]))
    assert found.most_frequent(10) == [(1, 2, 1)]
    # Two labels missed, two other classes given: four pairs.
    found.update(np.array([[0.1, 0.2, 0.9, 0.7]]), np.array([[True, True, False, False]]))
    assert found.most_frequent(10) == [(1, 2, 2), (0, 2, 1), (0, 3, 1), (1, 3, 1)]


def test_rows_that_are_right_or_have_no_label_confuse_nothing():
    found = Confusions(3)
    found.update(np.array([[0.9, 0.1, 0.2], [0.1, 0.2, 0.3]]), np.array([[True, False, False], [False, False, False]]))
    found.update(np.zeros((2, 3)), np.zeros((2, 3), bool))
    assert found.most_frequent(5) == []
