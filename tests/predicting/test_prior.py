"""Segments ranked with their videos in view, worked by hand and against a slow version."""

import numpy as np
import pytest
from made_up import MadeUp, segments, sigmoid, together, videos

from yt8m.errors import InputError
from yt8m.predicting import Description, Part
from yt8m.predicting.prior import Places, Prior

CLASSES = np.array([1, 4, 2])


def keys_of(prior, predictions):
    return np.concatenate(
        [prior.keys(part, part.dense(predictions.description, CLASSES)) for part in predictions.parts()]
    ).astype(np.float64)


def of_videos(seed=7):
    """What the prior says of each segment's video: float64 [N, C]."""
    predictions = videos(seed)
    rows = {part.ids[row]: part.logits[row] for part in predictions.parts() for row in range(len(part))}
    ids = [video for part in segments(1).parts() for video in part.ids.tolist()]
    return np.array([rows[video][CLASSES] for video in ids], np.float64)


@pytest.mark.parametrize("weight", [0.0, 0.05, 0.5, 1.0])
def test_the_geometric_weighting(weight):
    found = keys_of(Prior(videos(7), CLASSES, weight), segments(1))
    product = sigmoid(of_videos()) ** weight * sigmoid(together(segments(1))) ** (1 - weight)
    np.testing.assert_allclose(np.exp(found), product, rtol=1e-5)


def test_candidates_come_first_and_the_others_by_their_videos():
    """Of three classes two are kept of a video: the least sure one's segments come after all others of its class."""
    prior, own = of_videos(), together(segments(1))
    found = keys_of(Prior(videos(7), CLASSES, 0.25, top_k=2), segments(1))
    for column in range(3):
        candidate = prior[:, column] > prior.min(axis=1)
        product = sigmoid(prior[:, column]) ** 0.25 * sigmoid(own[:, column]) ** 0.75
        of_others = 0.999 * np.log(sigmoid(prior[:, column])) + 0.001 * np.log(sigmoid(own[:, column]))
        second_key = np.where(candidate, -product, -of_others)
        expected = np.lexsort((second_key, ~candidate)).tolist()
        assert np.argsort(-found[:, column], kind="stable").tolist() == expected
    assert (prior > prior.min(axis=1, keepdims=True)).sum() == 2 * len(own)


def test_by_hand():
    """Class 0 is among the best of video a alone, so its segments come first, however sure those of b are."""
    of_videos = MadeUp(
        Description(task="video", num_classes=2, classes=(0, 1)),
        Part(np.array([b"a", b"b"]), np.array([[1, 0], [2, 3]], np.float16)),
    )
    of_segments = Part(np.array([b"a", b"a", b"b", b"b"]), np.zeros((4, 2)), np.array([0, 5, 0, 5], np.int32))
    logits = np.array([[-4, 0], [-3, 0], [6, 0], [7, 0]], np.float32)
    keys = Prior(of_videos, np.array([0, 1]), 0.05, top_k=1).keys(of_segments, logits)
    assert np.argsort(-keys[:, 0]).tolist() == [1, 0, 3, 2]


def test_so_many_classes_that_none_is_left_out():
    plain = keys_of(Prior(videos(7), CLASSES, 0.25), segments(1))
    for top_k in (3, 20):
        np.testing.assert_array_equal(keys_of(Prior(videos(7), CLASSES, 0.25, top_k), segments(1)), plain)


def test_logits_at_their_limits_have_finite_keys():
    extremes = np.array([[-6e4, 6e4, 0], [6e4, -6e4, -6e4]], np.float16)
    prior = MadeUp(Description(task="video", num_classes=3, classes=(0, 1, 2)), Part(np.array([b"a", b"b"]), extremes))
    part = Part(np.array([b"a", b"b"]), extremes, np.array([0, 0], np.int32))
    for top_k in (0, 1):
        keys = Prior(prior, np.arange(3), 0.3, top_k).keys(part, extremes[::-1].astype(np.float32))
        assert np.isfinite(keys).all()


def test_a_prior_of_the_surest_classes_alone():
    kept = keys_of(Prior(videos(7, top_k=6), CLASSES, 0.25), segments(1))
    np.testing.assert_array_equal(kept, keys_of(Prior(videos(7), CLASSES, 0.25), segments(1)))


REFUSED = {
    "of segments": (segments(), "--prior made up: is of segments"),
    "twice": (videos(ids=("a", "b", "a")), "--prior made up: has video 'a' twice"),
    "a class is missing": (
        MadeUp(Description(task="video", num_classes=6, classes=(1, 2)), Part(np.array([b"a"]), np.zeros((1, 2)))),
        "--prior made up: says nothing of class 4",
    ),
}


@pytest.mark.parametrize(("predictions", "message"), REFUSED.values(), ids=REFUSED)
def test_priors_that_cannot_be_used(predictions, message):
    with pytest.raises(InputError, match=message):
        Prior(predictions, CLASSES, 0.05)


def test_a_video_that_the_prior_does_not_know():
    prior = Prior(videos(ids=("abcd", "ab")), CLASSES, 0.05)
    with pytest.raises(InputError, match="--prior made up: has no video 'efgh'; predict it for the same records"):
        keys_of(prior, segments())


def test_places_that_are_left_out():
    ids = np.array([b"a"] * 4 + [b"b"] * 2 + [b"c"] * 5)
    starts = np.array([0, 5, 10, 15, 5, 0, *range(0, 25, 5)], np.int32)
    part = Part(ids, np.zeros((11, 1)), starts)
    assert Places().kept(part).all()
    kept = Places(first=1, last=2).kept(part)
    assert [name for name, is_kept in zip(part.names(), kept, strict=True) if is_kept] == ["a:5", "c:5", "c:10"]
