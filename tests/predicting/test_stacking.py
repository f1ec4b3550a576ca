"""A logistic regression on members' logits against Newton's method written out, and what comes of its sum."""

import hashlib

import numpy as np
import pytest
from made_up import MadeUp, segments, sigmoid, together, videos
from test_weighting import rated, segment_map

from yt8m.commands import reports
from yt8m.errors import InputError
from yt8m.metrics import SegmentRatings, VideoMetrics
from yt8m.predicting import Description, Part
from yt8m.predicting.combining import Ensemble
from yt8m.predicting.stacking import LearnedMean, Stack, Stacked, learn_stack
from yt8m.predicting.weighting import Weights, learn_weights


def regression(values, hits):
    """Weights and intercept that minimise sum of cross-entropies + |weights|^2 / 2, by Newton's method in float64."""
    columns = np.column_stack([np.asarray(values, np.float64), np.ones(len(values))])
    penalty = np.diag([1.0] * (columns.shape[1] - 1) + [0.0])
    found = np.zeros(columns.shape[1])
    for _ in range(50):
        said = sigmoid(columns @ found)
        gradient = columns.T @ (said - hits) + penalty @ found
        hessian = columns.T @ (columns * (said * (1 - said))[:, None]) + penalty
        found -= np.linalg.solve(hessian, gradient)
    return found[:-1], found[-1]


def rated_values(members, ratings):
    """What each member says of the rated pairs, whether they hit, and their segments, in the order of the rows."""
    tables, by_segment = [together(member) for member in members], ratings.by_segment()
    rows = [name for part in members[0].rows() for name in part.names()]
    values, hits = [], []
    for row, name in enumerate(rows):
        video, _, start = name.rpartition(":")
        ((class_id, positive),) = by_segment[video, int(start)]
        values.append([table[row, class_id] for table in tables])
        hits.append(positive)
    return np.array(values), np.array(hits), rows


def test_the_weights_are_those_of_newtons_method():
    members, ratings = rated()
    learned = learn_stack(members, "geometric", ratings=ratings)
    values, hits, _ = rated_values(members, ratings)
    weights, intercept = regression(values, hits)
    np.testing.assert_allclose(learned.weights, weights, rtol=1e-4)
    assert learned.intercept == pytest.approx(intercept, abs=1e-4)
    assert (learned.mean, learned.metric) == ("logistic", "segment_map")


def test_the_score_is_that_of_videos_it_was_not_learned_from():
    members, ratings = rated()
    learned = learn_stack(members, "geometric", ratings=ratings)
    values, hits, names = rated_values(members, ratings)
    videos_of = [name.rpartition(":")[0] for name in names]
    parts = np.array([int(hashlib.md5(video.encode()).hexdigest(), 16) % 5 for video in videos_of])
    scores = np.zeros(len(hits))
    for part in range(5):
        weights, intercept = regression(values[parts != part], hits[parts != part])
        scores[parts == part] = values[parts == part] @ weights + intercept
    description = members[0].description
    ids = np.array([video.encode() for video in videos_of])
    starts = np.array([int(name.rpartition(":")[2]) for name in names], np.int32)
    logits = np.repeat(scores[:, None], description.num_classes, axis=1).astype(np.float32)
    cross_validated = MadeUp(description, Part(ids, logits, starts))
    assert learned.score == pytest.approx(segment_map(cross_validated, ratings), abs=1e-3)


def test_it_is_told_beside_the_learned_weights():
    members, ratings = rated()
    learned, weights = (learn(members, "arithmetic", ratings=ratings) for learn in (learn_stack, learn_weights))
    assert (learned.learned.mean, learned.learned.score) == ("arithmetic", weights.score)
    assert learned.learned.weights == weights.weights
    assert (learned.equal, learned.alone, learned.members) == (weights.equal, weights.alone, weights.members)


def test_its_probabilities_fit_the_labels_where_those_of_a_mean_do_not():
    """The members say twice the logit that is true, plus two."""
    random, num_classes = np.random.default_rng(2), 30
    true = random.normal(-2, 1.5, (300, num_classes))
    labels_of = random.random(true.shape) < sigmoid(true)
    ids = np.array([f"v{video}" for video in range(300)], np.bytes_)
    labels = {video.decode(): np.flatnonzero(row).tolist() for video, row in zip(ids, labels_of, strict=True)}
    description = Description(task="video", num_classes=num_classes, classes=tuple(range(num_classes)))
    members = [
        MadeUp(description, Part(ids, (2 * true + 2 + 0.3 * random.normal(size=true.shape)).astype(np.float16)))
        for _ in range(2)
    ]
    learned = learn_stack(members, "geometric", labels=labels)
    assert learned.metric == "gap"
    assert sum(learned.weights) == pytest.approx(0.5, abs=0.05)
    stacked = together(Stacked(members, learned.weights, learned.intercept))
    assert sigmoid(stacked).mean() == pytest.approx(labels_of.mean(), abs=1e-3)
    assert sigmoid(together(Ensemble(members))).mean() > labels_of.mean() + 0.02
    metrics = VideoMetrics(num_classes)
    metrics.update(stacked, labels_of)
    assert learned.score == pytest.approx(metrics.result()["gap"], abs=5e-3)


@pytest.mark.parametrize("made_up", [segments, videos])
def test_the_sum_is_weighted_and_shifted(made_up):
    members = [made_up(seed) for seed in range(3)]
    stacked = Stacked(members, [0.5, -0.25, 1.5], -2.0)
    expected = 0.5 * together(members[0]) - 0.25 * together(members[1]) + 1.5 * together(members[2]) - 2.0
    np.testing.assert_allclose(together(stacked), expected, rtol=1e-5, atol=1e-5)
    assert stacked.description == members[0].description


def test_logits_that_no_probability_needs_are_cut():
    description = Description(task="video", num_classes=2, classes=(0, 1))
    member = MadeUp(description, Part(np.array([b"a"]), np.array([[-500.0, 31.0]], np.float16)))
    stacked = Stacked([member, member], [0.5, 0.5], 0.0)
    np.testing.assert_array_equal(together(stacked), [[-30.0, 30.0]])


def test_who_says_nothing_counts_as_the_mean_of_the_others():
    description = Description(task="video", num_classes=2, classes=(0, 1))
    ids = np.array([b"a", b"b", b"c"])
    said = [
        np.array([[True], [False], [False]]),
        np.array([[True], [True], [False]]),
        np.array([[True], [True], [False]]),
    ]
    logits = [
        np.array([[1, 2], [9, 9], [9, 9]]),
        np.array([[3, 5], [2, 4], [9, 9]]),
        np.array([[0, 1], [6, 0], [9, 9]]),
    ]
    members = [
        MadeUp(description, Part(ids, each.astype(np.float16), said=own))
        for each, own in zip(logits, said, strict=True)
    ]
    found = together(Stacked(members, [2.0, 1.0, -1.0], 0.5))
    np.testing.assert_allclose(found[0], [2 + 3 - 0 + 0.5, 4 + 5 - 1 + 0.5])
    # The first one's logits are taken as (2 + 6) / 2 and (4 + 0) / 2.
    np.testing.assert_allclose(found[1], [8 + 2 - 6 + 0.5, 4 + 4 - 0 + 0.5])
    assert (found[2] < -100).all()


def test_pairs_that_no_member_speaks_of_come_last_and_the_others_fill_in():
    members, ratings = rated(noises=(0.8, 1.6))
    silent = np.array([part.ids == b"v000" for part in members[0].rows()], dtype=object)
    half = [
        Part(part.ids, part.logits, part.starts, said=~own[:, None].astype(bool))
        for part, own in zip(members[1].parts(), silent, strict=True)
    ]
    listed = MadeUp(members[1].description, *half, name="list")
    learned = learn_stack([members[0], listed], "geometric", ratings=ratings)
    values, hits, names = rated_values(members, ratings)
    of_first = np.array([name.startswith("v000") for name in names])
    values[of_first, 1] = values[of_first, 0]
    weights, _ = regression(values, hits)
    np.testing.assert_allclose(learned.weights, weights, rtol=1e-4)


def test_labels_that_are_all_alike_teach_nothing():
    members, _ = rated()
    ratings = SegmentRatings()
    for start in (0, 5, 10):
        ratings.add(("v007", start), 2, True)
    with pytest.raises(
        InputError, match=r"^noise 0.8: all of 3 pairs .* are labels, and a regression needs both kinds"
    ):
        learn_stack(members, "geometric", ratings=ratings)


def test_a_single_rated_video_is_judged_with_equal_weights():
    members, _ = rated()
    ratings = SegmentRatings()
    for start in (0, 5, 10):
        ratings.add(("v007", start), 2, start == 5)
    learned = learn_stack(members, "geometric", ratings=ratings)
    rows = [together(member)[[7 * 5 + place for place in range(3)], 2] for member in members]
    mean, hit = np.mean(rows, axis=0), 1
    assert learned.score == pytest.approx(1 / (1 + (mean > mean[hit]).sum()))


def test_as_many_weights_as_members():
    with pytest.raises(InputError, match=r"^--weights: 3 given, 2 needed; name the members that they were learned for"):
        Stacked([segments(0), segments(1)], [1, 2, 3], 0.0)


def test_what_is_shown():
    compared = LearnedMean("geometric", [0.9, 0.1], 0.61)
    learned = Stack(["a", "b"], "logistic", [0.75, -0.25], -1.5, "gap", 0.625, 0.5, [0.6, 0.4], compared)
    assert reports.weighed(learned).splitlines() == [
        "a                    weight 0.750, alone GAP 0.6000",
        "b                    weight -0.250, alone GAP 0.4000",
        "equal weights        GAP 0.5000",
        "learned weights      GAP 0.6100, on videos that they were not learned from",
        "logistic regression  GAP 0.6250, on videos that it was not learned from",
        "intercept            -1.500",
    ]


def test_what_scores_more_than_what_was_learned_is_named():
    learned = Weights(["a", "b"], "geometric", [0.75, 0.25], "gap", 0.55, 0.5, [0.5625, 0.4])
    assert reports.weighed(learned).splitlines()[-1].split(maxsplit=1) == [
        "better",
        "a, by 0.0125; take that, or learn from more videos",
    ]
    compared = LearnedMean("geometric", [0.9, 0.1], 0.625)
    learned = Stack(["a", "b"], "logistic", [0.75, -0.25], -1.5, "gap", 0.6, 0.5, [0.6, 0.4], compared)
    assert reports.weighed(learned).splitlines()[-1].split(maxsplit=1) == [
        "better",
        "learned weights, by 0.0250; take that, or learn from more videos",
    ]


def test_segment_map_is_shown_by_its_title():
    learned = Weights(["a", "b"], "geometric", [0.75, 0.25], "segment_map", 0.625, 0.5, [0.6, 0.4])
    assert reports.weighed(learned).splitlines() == [
        "a                weight 0.750, alone segment MAP 0.6000",
        "b                weight 0.250, alone segment MAP 0.4000",
        "equal weights    segment MAP 0.5000",
        "learned weights  segment MAP 0.6250, on videos that they were not learned from",
    ]
