import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.metrics import SegmentMetrics, SegmentRatings, segment_map


def ratings_of(*triples):
    """Triples of (segment as "id:start", class, positive)."""
    ratings = SegmentRatings()
    for segment, class_id, positive in triples:
        ratings.add(as_segment(segment), class_id, positive)
    return ratings


def as_segment(text):
    video_id, start = text.rsplit(":", 1)
    return video_id, int(start)


def ranking(class_id, text):
    return class_id, [as_segment(token) for token in text.split()]


RATED = (
    ("a:0", 1, True),
    ("a:5", 1, False),
    ("b:0", 1, True),
    ("b:5", 1, True),
    ("a:0", 2, True),
    ("c:0", 3, False),
    ("d:10", 4, True),
)


def test_hand_worked_segment_map():
    found = segment_map(
        [
            # Rated for class 1: a:5 (miss), b:0 (hit at 2), a:0 (hit at 3); b:5 is never submitted. AP (1/2 + 2/3)/3.
            ranking(1, "z:0 a:5 c:0 b:0 y:5 a:0"),
            # The one positive of class 2 comes first among the rated.
            ranking(2, "b:0 b:5 a:0"),
            # No positive: left out of both means.
            ranking(3, "c:0"),
            # Never rated.
            ranking(9, "a:0"),
        ],
        ratings_of(*RATED),
    )
    first = (1 / 2 + 2 / 3) / 3
    assert found == {
        "segment_map": pytest.approx((first + 1 + 0) / 3, abs=1e-15),  # class 4 is not submitted and counts 0
        "segment_map_submitted": pytest.approx((first + 1) / 2, abs=1e-15),
        "num_segments": 6,
    }


def test_the_cut_comes_before_unrated_segments_are_dropped():
    rankings = [ranking(1, "z:0 a:5 c:0 b:0 y:5 a:0")]
    ratings = ratings_of(*RATED[:4])
    assert segment_map(rankings, ratings, top_k=5)["segment_map"] == pytest.approx(1 / 2 / 3, abs=1e-15)
    assert segment_map(rankings, ratings, top_k=3)["segment_map"] == 0.0


def test_no_submitted_class_with_a_positive_gives_zero():
    assert segment_map([ranking(3, "c:0")], ratings_of(*RATED))["segment_map_submitted"] == 0.0


def test_contradicting_ratings_are_refused_and_repeated_ones_count_once():
    ratings = ratings_of(*RATED, ("a:0", 1, True))
    assert [counts.tolist() for counts in ratings.counts()] == [[1, 2, 3, 4], [3, 1, 0, 1], [1, 0, 1, 0]]
    with pytest.raises(InputError, match="video 'a', segment at 5 s: rated both present and absent for class 1"):
        ratings.add(("a", 5), 1, True)


def test_repetitions_in_a_submission_are_refused():
    ratings = ratings_of(*RATED)
    with pytest.raises(InputError, match="class 1 is ranked twice"):
        segment_map([ranking(1, "a:0"), ranking(1, "a:5")], ratings)
    with pytest.raises(InputError, match="class 1 ranks video 'a', segment at 0 s, twice"):
        segment_map([ranking(1, "a:0 z:0 a:0")], ratings)


def test_no_positive_rating_is_refused():
    with pytest.raises(InputError, match="none of 1 rated segment is positive"):
        segment_map([ranking(1, "a:0")], ratings_of(("a:0", 1, False)))
    with pytest.raises(InputError, match="none of 0 rated segments is positive"):
        SegmentMetrics(5).result()


@pytest.mark.parametrize("batch_size", [1, 7, 60])
def test_streaming_scores_agree_with_submitted_rankings(batch_size):
    rng = np.random.default_rng(0)
    num_segments, num_classes = 60, 8
    scores = rng.permutation(num_segments * num_classes).reshape(num_segments, num_classes).astype(np.float32)
    ids = [f"v{row // 6}".encode() for row in range(num_segments)]
    starts = np.arange(num_segments) % 6 * 5
    labels = np.stack([rng.permutation(num_classes)[:3] for _ in range(num_segments)])
    labels[::4, 2] = -1
    label_scores = np.where(labels < 0, -1.0, rng.random(labels.shape) < 0.4)
    streaming, ratings = SegmentMetrics(num_classes), SegmentRatings()
    ratings.add_batch(ids, starts, labels, label_scores)
    for first in range(0, num_segments, batch_size):
        part = slice(first, first + batch_size)
        streaming.update(scores[part], ids[part], starts[part], labels[part], label_scores[part])
    segments = [(ids[row].decode(), int(starts[row])) for row in range(num_segments)]
    rankings = [(c, [segments[row] for row in np.argsort(-scores[:, c])]) for c in range(num_classes)]
    expected = segment_map(rankings, ratings)
    assert streaming.result() == pytest.approx(expected, abs=1e-14)
    assert expected["segment_map"] == expected["segment_map_submitted"]


def test_tied_segments_count_as_if_in_random_order():
    streaming = SegmentMetrics(2)
    streaming.update(np.full((2, 2), 0.5), ["a", "a"], np.array([0, 5]), np.array([[1], [1]]), np.array([[1.0], [0.0]]))
    assert streaming.result()["segment_map"] == pytest.approx(1 / 2 * (1 + 1 / 2), abs=1e-15)


def test_segment_metrics_refuse_bad_input():
    streaming = SegmentMetrics(2)
    one = {"ids": ["a"], "starts": np.array([10]), "labels": np.array([[1]]), "label_scores": np.array([[1.0]])}
    with pytest.raises(InputError, match=r"segment 'a:10' \(row 0\): the score of class 1 is nan"):
        streaming.update(np.array([[0.0, np.nan]]), **one)
    with pytest.raises(InputError, match="rated for class 2; classes go from 0 to 1"):
        streaming.update(np.zeros((1, 2)), **{**one, "labels": np.array([[2]])})
    with pytest.raises(ValueError, match="must be"):
        streaming.update(np.zeros((1, 3)), **one)
    with pytest.raises(ValueError, match="do not fit"):
        streaming.update(np.zeros((1, 2)), **{**one, "label_scores": np.zeros((1, 2))})
    streaming.update(np.zeros((1, 2)), **one)
    with pytest.raises(InputError, match="rated both present and absent"):
        streaming.update(np.zeros((1, 2)), **{**one, "label_scores": np.array([[0.0]])})


def test_merged_metrics_are_those_of_all_segments():
    random = np.random.default_rng(4)
    whole, parts = SegmentMetrics(3), [SegmentMetrics(3) for _ in range(3)]
    for number in range(30):
        batch = (
            random.normal(size=(1, 3)).round(1),
            [f"v{number:03d}"],
            np.array([5 * number]),
            random.integers(0, 3, (1, 1)),
            random.integers(0, 2, (1, 1)).astype(float),
        )
        whole.update(*batch)
        parts[number % 2].update(*batch)  # the third has none
    merged = parts[2]
    for part in parts[:2]:
        merged.merge(part)
    assert merged.result() == whole.result()
    np.testing.assert_array_equal(merged.per_class().average_precision, whole.per_class().average_precision)


def test_metrics_that_contradict_each_other_are_not_merged():
    first, second = SegmentMetrics(2), SegmentMetrics(2)
    for metrics, score in ((first, 1.0), (second, 0.0)):
        metrics.update([[0.1, 0.2]], ["abcd"], [5], [[1]], [[score]])
    with pytest.raises(InputError, match="rated both present and absent for class 1"):
        first.merge(second)
    with pytest.raises(ValueError, match="metrics of 2 classes cannot take in metrics of 3"):
        first.merge(SegmentMetrics(3))
