"""Weights of an ensemble against a search over a grid, and what they are judged on."""

import hashlib
import itertools

import numpy as np
import pytest
from made_up import MadeUp

from yt8m.errors import InputError
from yt8m.metrics import SegmentMetrics, SegmentRatings, VideoMetrics
from yt8m.predicting import Description, Part
from yt8m.predicting.combining import Ensemble
from yt8m.predicting.weighting import learn_weights

NUM_CLASSES = 4


def rated(num_videos=60, noises=(0.8, 1.6, 8.0), seed=0):
    """Members that see whether a class is there through more and more noise, and the ratings of one class a video."""
    random = np.random.default_rng(seed)
    ids, starts = [f"v{video:03d}" for video in range(num_videos)], np.arange(0, 25, 5)
    ratings, truth = SegmentRatings(), random.random((num_videos * 5, NUM_CLASSES)) < 0.5
    for video, video_id in enumerate(ids):
        for place, start in enumerate(starts.tolist()):
            ratings.add((video_id, start), video % NUM_CLASSES, bool(truth[video * 5 + place, video % NUM_CLASSES]))
    description = Description(task="segment", num_classes=NUM_CLASSES, classes=tuple(range(NUM_CLASSES)))
    rows = np.repeat(np.array(ids, np.bytes_), 5), np.tile(starts, num_videos).astype(np.int32)
    members = []
    for noise in noises:
        logits = ((2.0 * truth - 1) + noise * random.normal(size=truth.shape)).astype(np.float16)
        parts = [Part(rows[0][some], logits[some], rows[1][some]) for some in np.array_split(np.arange(len(truth)), 3)]
        members.append(MadeUp(description, *parts, name=f"noise {noise}"))
    return members, ratings


def segment_map(predictions, ratings, videos=None):
    """As the metric has it, of all videos or some."""
    metrics = SegmentMetrics(NUM_CLASSES)
    by_segment = ratings.by_segment()
    for part in predictions.parts():
        for row in range(len(part)):
            video, start = part.ids[row].decode(), int(part.starts[row])
            if videos is None or video in videos:
                ((class_id, positive),) = by_segment[video, start]
                metrics.update(part.logits[row : row + 1], [video], [start], [[class_id]], [[float(positive)]])
    return metrics.result()["segment_map"]


@pytest.mark.thorough
@pytest.mark.parametrize("mean", ["arithmetic", "geometric", "rank"])
def test_the_weights_are_about_as_good_as_the_best_of_a_grid(mean):
    members, ratings = rated()
    learned = learn_weights(members, mean, ratings=ratings)
    assert sum(learned.weights) == pytest.approx(1)
    found = segment_map(Ensemble(members, mean, learned.weights), ratings)
    grid = [weights for weights in itertools.product(range(5), repeat=3) if sum(weights) == 4]
    best = max(segment_map(Ensemble(members, mean, weights), ratings) for weights in grid)
    assert found > best - 0.01
    assert learned.weights[0] > learned.weights[1] > learned.weights[2]
    assert learned.weights[2] < 0.1, "mere noise is worth next to nothing"


def test_what_is_reported_beside_them():
    members, ratings = rated()
    learned = learn_weights(members, "geometric", ratings=ratings)
    assert (learned.metric, learned.members) == ("segment_map", ["noise 0.8", "noise 1.6", "noise 8.0"])
    assert learned.alone == pytest.approx([segment_map(member, ratings) for member in members], abs=5e-3)
    assert learned.equal == pytest.approx(segment_map(Ensemble(members, "geometric"), ratings), abs=1e-3)


def test_the_score_is_that_of_videos_the_weights_were_not_learned_from(monkeypatch):
    """Every part of the videos is left out once, and the weights of the others are used on it."""
    from yt8m.predicting import weighting

    searched = []
    original = weighting._search

    def search(pairs):
        searched.append(pairs.rows)
        return original(pairs)

    monkeypatch.setattr(weighting, "_search", search)
    members, ratings = rated()
    learned = learn_weights(members, "arithmetic", ratings=ratings)
    *halves, everything = searched
    np.testing.assert_array_equal(everything, np.arange(300))
    names = [f"v{video:03d}" for video in range(60) for _ in range(5)]
    parts = np.array([int(hashlib.md5(name.encode()).hexdigest(), 16) % 5 for name in names])
    for part, chosen in enumerate(halves):
        np.testing.assert_array_equal(chosen, np.flatnonzero(parts != part))
    assert learned.score != learned.equal
    assert abs(learned.score - segment_map(Ensemble(members, "arithmetic", learned.weights), ratings)) < 0.1


@pytest.mark.parametrize("num_classes", [20, 21, 100])
def test_of_equal_scores_the_first_ones_count(num_classes):
    """As a stable sort has it, where many are equal, and where none is."""
    from yt8m.predicting.pairs import _best

    random = np.random.default_rng(2)
    scores = np.concatenate(
        [random.integers(0, highest, (40, num_classes)) for highest in (1, 3, 12, 10**6)], dtype=np.float32
    )
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :20]
    for kept, row in zip(_best(scores, 20), expected, strict=True):
        np.testing.assert_array_equal(np.flatnonzero(kept), np.sort(row))


def test_noise_learns_nothing_that_helps_elsewhere():
    """Weights are judged as others would find them: for members that know nothing, as chance is."""
    members, ratings = rated(noises=(1e3, 1e3, 1e3), seed=5)
    learned = learn_weights(members, "geometric", ratings=ratings)
    chosen = segment_map(Ensemble(members, "geometric", learned.weights), ratings)
    assert chosen > learned.score


@pytest.mark.parametrize("mean", ["arithmetic", "geometric", "rank"])
@pytest.mark.parametrize("top_k", [None, 30])
def test_weights_of_the_video_task(mean, top_k):
    random, num_classes = np.random.default_rng(1), 40
    truth = random.random((80, num_classes)) < 0.08
    ids = np.array([f"v{video}" for video in range(80)], np.bytes_)
    labels = {video.decode(): np.flatnonzero(row).tolist() for video, row in zip(ids, truth, strict=True)}
    members = []
    for noise in (1.0, 3.0):
        logits = (4.0 * truth - 3 + noise * random.normal(size=truth.shape)).astype(np.float16)
        if top_k:
            order = np.argsort(-logits, axis=1)[:, :top_k]
            description = Description(task="video", num_classes=num_classes, classes=None, top_k=top_k)
            members.append(MadeUp(description, Part(ids, np.take_along_axis(logits, order, axis=1), None, order)))
        else:
            description = Description(task="video", num_classes=num_classes, classes=tuple(range(num_classes)))
            members.append(MadeUp(description, Part(ids, logits)))
    learned = learn_weights(members, mean, labels=labels)
    assert learned.metric == "gap"
    assert learned.weights[0] > 0.6

    def gap(weights):
        metrics = VideoMetrics(num_classes)
        mean_of = Ensemble(members, mean, weights)
        for part in mean_of.parts():
            metrics.update(part.dense(mean_of.description, np.arange(num_classes)), truth)
        return metrics.result()["gap"]

    tolerance = 1e-3 if top_k is None else 0.02  # classes that were not kept tie
    assert learned.alone == pytest.approx([gap([1, 0]), gap([0, 1])], abs=tolerance)
    assert learned.equal == pytest.approx(gap([1, 1]), abs=tolerance)
    assert gap(learned.weights) >= max(gap([share, 4 - share]) for share in range(5)) - 0.01


def test_no_label_at_all():
    members, _ = rated()
    with pytest.raises(InputError, match="none of its segments is rated"):
        learn_weights(members, "geometric", ratings=SegmentRatings())
    negative = SegmentRatings()
    negative.add(("v000", 0), 0, False)
    with pytest.raises(InputError, match="none of its rows has a label"):
        learn_weights(members, "geometric", ratings=negative)


def test_a_single_rated_video_is_judged_with_equal_weights():
    members, _ = rated()
    ratings = SegmentRatings()
    for start in (0, 5, 10):
        ratings.add(("v007", start), 2, start == 5)
    learned = learn_weights(members, "geometric", ratings=ratings)
    assert learned.score == pytest.approx(learned.equal)


def test_one_member_needs_no_weights():
    members, ratings = rated()
    with pytest.raises(InputError, match="one member needs no weights"):
        learn_weights(members[:1], "geometric", ratings=ratings)
