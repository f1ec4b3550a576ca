import numpy as np
import pytest
import slow_metrics

from yt8m.metrics import entries
from yt8m.metrics.entries import RankedEntries, descending_code, score_of_code


def test_codes_order_scores_from_high_to_low():
    extremes = [3.4e38, 1.0, 1e-38, 1e-45, 0.0, -1e-45, -1e-38, -1.0, -3.4e38]
    scores = np.concatenate([extremes, np.random.default_rng(0).normal(size=500)]).astype(np.float32)
    codes = descending_code(scores)
    assert codes.dtype == np.uint32
    np.testing.assert_array_equal(np.argsort(codes, kind="stable"), np.argsort(-scores, kind="stable"))
    np.testing.assert_array_equal(score_of_code(codes), scores)
    negative_zero, zero = descending_code(np.array([-0.0, 0.0], np.float32))
    assert negative_zero == zero


@pytest.mark.parametrize("chunk", [1, 3, 16, 1 << 20])
def test_sums_match_the_slow_definition_wherever_chunks_end(chunk, monkeypatch):
    monkeypatch.setattr(entries, "_CHUNK", chunk)
    rng = np.random.default_rng(chunk)
    classes = rng.integers(0, 5, 90)
    scores = (rng.integers(-4, 5, 90) / 4).astype(np.float32)
    scores[:40] = 0.25  # a tied block over many chunks
    hits = rng.random(90) < 0.3
    store = RankedEntries()
    for first in range(0, 90, 7):
        store.append(classes[first : first + 7], scores[first : first + 7], hits[first : first + 7])
    pairs = list(zip(scores.tolist(), hits.tolist(), strict=True))
    per_class = [
        slow_metrics.tied_average_precision([pairs[i] for i in np.flatnonzero(classes == c)], 1) for c in range(6)
    ]
    for _ in range(2):
        np.testing.assert_allclose(store.class_precision_sums(6), per_class, atol=1e-12)
        assert store.pooled_precision_sum() == pytest.approx(slow_metrics.tied_average_precision(pairs, 1), abs=1e-12)
        assert len(store) == 90


def test_high_classes_stay_apart():
    store = RankedEntries()
    store.append(np.array([70_000, 4]), np.array([-1.0, 2.0], np.float32), np.array([True, False]))
    sums = store.class_precision_sums(70_001)
    assert sums[70_000] == 1.0
    assert sums.sum() == 1.0
    assert store.pooled_precision_sum() == 0.5


def test_no_entries_sum_to_nothing():
    assert RankedEntries().pooled_precision_sum() == 0.0
    assert RankedEntries().class_precision_sums(3).tolist() == [0.0, 0.0, 0.0]
