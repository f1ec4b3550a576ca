"""What the pass over the records keeps beside the metrics."""

import hashlib

import numpy as np
import pytest

from yt8m.metrics import SegmentMetrics, VideoMetrics
from yt8m.scoring.evaluation import multi_hot
from yt8m.scoring.scorer import Scored
from yt8m.views.report.measuring import Example, RecordObserver, Records

NUM_CLASSES = 8


def batch_of(rows, seed=0, segments=False):
    """Videos, or segments, number `rows`; what is said of each depends on its number alone."""
    logits = np.stack([np.random.default_rng((seed, row)).normal(size=NUM_CLASSES) for row in rows])
    labels = np.array([[row % NUM_CLASSES, (row + 3) % NUM_CLASSES, -1] for row in rows], np.int32)
    more = {}
    if segments:
        more["segment_starts"] = np.array([5 * row for row in rows], np.int32)
        more["label_scores"] = np.array([[1, 0, 0]] * len(rows), np.float32)
    ids = [f"v{row}".encode() for row in rows]
    return Scored(ids, logits.astype(np.float32), labels, np.zeros(len(rows), np.float32), **more)


def observed(*groups, **options):
    observer = RecordObserver(NUM_CLASSES)
    for rows in groups:
        observer.update(batch_of(rows, **options))
    return observer


def seen(observer):
    return observer.records, observer.examples, observer.confusions.most_frequent(100)


def test_examples_are_those_of_the_smallest_digests():
    found = observed(range(50), range(50, 100)).examples
    digests = {hashlib.md5(f"v{row}".encode()).digest(): f"v{row}" for row in range(100)}
    assert {digest: example.name for digest, example in found.items()} == {
        digest: digests[digest] for digest in sorted(digests)[:12]
    }


def test_neither_order_nor_batches_nor_workers_matter():
    whole = seen(observed(range(60)))
    order = np.random.default_rng(1).permutation(60)
    assert seen(observed(*np.array_split(order, 7))) == whole
    one, other = observed(order[:5], order[5:20]), observed(order[20:])
    one.merge(other)
    assert seen(one) == whole


def test_records_are_the_same_whatever_the_run_and_others_whatever_the_number():
    first = observed(range(30), seed=0).records
    assert observed(range(30), seed=1).records == first
    assert first.count == 30
    assert observed(range(1, 31)).records.digest != first.digest
    assert RecordObserver(NUM_CLASSES).records == Records(0, 0)


def test_an_example_of_a_video():
    (example,) = observed([4]).examples.values()
    logits = np.random.default_rng((0, 4)).normal(size=NUM_CLASSES).astype(np.float32)
    best = np.argsort(-logits)[:5]
    assert (example.name, example.present, example.absent) == ("v4", (4, 7), None)
    assert [class_id for class_id, _ in example.predictions] == best.tolist()
    np.testing.assert_allclose([p for _, p in example.predictions], 1 / (1 + np.exp(-logits[best])), rtol=1e-6)


def test_an_example_of_a_segment_knows_what_was_rated_absent():
    (example,) = observed([4], segments=True).examples.values()
    assert isinstance(example, Example)
    assert (example.name, example.present, example.absent) == ("v4:20", (4,), (7,))


@pytest.mark.parametrize("segments", [False, True])
def test_confusions(segments):
    """Of a segment only the rated classes can be given: here class 7 in the place of 4."""
    found = observed([4], segments=segments).confusions.most_frequent(10)
    if segments:
        assert found == [(4, 7, 1)]
        return
    logits = np.random.default_rng((0, 4)).normal(size=NUM_CLASSES)
    given = set(np.argsort(-logits)[:2].tolist())
    expected = sorted((a, b, 1) for a in {4, 7} - given for b in given - {4, 7})
    assert found == expected
    assert expected


@pytest.mark.parametrize("segments", [False, True])
def test_what_is_resampled_has_the_metrics_of_the_run(segments):
    rows, every = range(40), np.ones(40, np.int64)
    batch = batch_of(rows, segments=segments)
    found = observed(rows[:15], rows[15:], segments=segments).outcomes.rankings().measure(every)
    if segments:
        metrics = SegmentMetrics(NUM_CLASSES)
        metrics.update(batch.logits, batch.ids, batch.segment_starts, batch.labels, batch.label_scores)
        assert found["map"] == pytest.approx(metrics.segment_map(), rel=1e-12)
        return
    metrics = VideoMetrics(NUM_CLASSES)
    metrics.update(batch.scores, multi_hot(batch.labels, NUM_CLASSES))
    assert found == pytest.approx({"gap": metrics.gap(), "map": metrics.map()}, rel=1e-12)
