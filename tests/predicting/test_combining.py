"""Means of predictions against the same in float64, row by row."""

import dataclasses

import numpy as np
import pytest
from made_up import MadeUp, segments, sigmoid, together, videos

from yt8m.errors import InputError
from yt8m.predicting import Part
from yt8m.predicting.combining import Ensemble, RankTable

MEMBERS = [segments(seed, name=f"member {seed}") for seed in range(3)]
WEIGHTS = [2.0, 1.0, 5.0]


def test_arithmetic_mean():
    found = sigmoid(together(Ensemble(MEMBERS, "arithmetic", WEIGHTS)))
    expected = sum(weight * sigmoid(together(each)) for weight, each in zip(WEIGHTS, MEMBERS, strict=True)) / 8
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_geometric_mean():
    found = sigmoid(together(Ensemble(MEMBERS, "geometric", WEIGHTS)))
    product = np.prod(
        [sigmoid(together(each)) ** (weight / 8) for weight, each in zip(WEIGHTS, MEMBERS, strict=True)], 0
    )
    np.testing.assert_allclose(found, product, rtol=1e-5)


def slow_shares(values):
    """The share of a list that each one comes before; one half for itself and its equals."""
    return [(np.sum(values < value) + np.sum(values == value) / 2) / len(values) for value in values]


def test_rank_mean_of_segments_is_class_by_class():
    found = sigmoid(together(Ensemble(MEMBERS, "rank", WEIGHTS)))
    shares = [np.stack([slow_shares(column) for column in together(each).T], axis=-1) for each in MEMBERS]
    expected = sum(weight * share for weight, share in zip(WEIGHTS, shares, strict=True)) / 8
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_rank_mean_of_videos_is_of_all_classes_in_one_list():
    members = [videos(seed) for seed in range(2)]
    found = sigmoid(together(Ensemble(members, "rank")))
    shares = [np.reshape(slow_shares(together(each).ravel()), together(each).shape) for each in members]
    np.testing.assert_allclose(found, sum(shares) / 2, rtol=1e-5)


def test_equal_logits_share_their_ranks():
    predictions = segments(parts=1, videos=("a",), counts=(4,), classes=(3,))
    part = Part(predictions.read(0).ids, np.array([[1], [-0.0], [0.0], [2]], np.float16), predictions.read(0).starts)
    table = RankTable(MadeUp(predictions.description, part), np.array([3]))
    np.testing.assert_allclose(table(part.logits.astype(np.float32))[:, 0], [0.625, 0.25, 0.25, 0.875])


def test_one_member_alone_is_itself():
    for mean in ("arithmetic", "geometric"):
        np.testing.assert_allclose(together(Ensemble(MEMBERS[:1], mean)), together(MEMBERS[0]), rtol=1e-3, atol=1e-5)
    order = np.argsort(together(MEMBERS[0]), axis=0)
    ranked = np.take_along_axis(together(Ensemble(MEMBERS[:1], "rank")), order, axis=0)
    assert (np.diff(ranked, axis=0) >= 0).all()


def test_a_weight_of_nothing_leaves_a_member_out():
    with_it = together(Ensemble(MEMBERS, "geometric", [1, 0, 3]))
    np.testing.assert_array_equal(with_it, together(Ensemble([MEMBERS[0], MEMBERS[2]], "geometric", [1, 3])))


@pytest.mark.parametrize(("first", "second"), [("float16", "float16"), ("float16", "float32"), ("float32", "float16")])
def test_a_mean_is_as_precise_as_its_most_precise_member(first, second):
    members = [segments(0), segments(1)]
    for member, precision in zip(members, (first, second), strict=True):
        member.description = dataclasses.replace(member.description, precision=precision)
    assert Ensemble(members).description.precision == max(first, second)


def test_members_with_their_parts_and_columns_in_another_order():
    first = segments(1, classes=(1, 4, 2))
    part_order = MadeUp(first.description, first.read(1), first.read(0))
    np.testing.assert_allclose(together(Ensemble([first, part_order])), together(first), rtol=1e-3)
    columns = MadeUp(
        type(first.description)(task="segment", num_classes=6, classes=(4, 2, 1)),
        *(Part(part.ids, part.logits[:, [1, 2, 0]], part.starts) for part in first.parts()),
    )
    np.testing.assert_allclose(together(Ensemble([first, columns])), together(first), rtol=1e-3)


def test_videos_keep_their_surest_classes():
    members = [videos(seed, top_k=3) for seed in range(2)]
    mean = Ensemble(members, "arithmetic")
    assert (mean.description.top_k, mean.description.classes) == (3, None)
    for number, part in enumerate(mean.parts()):
        dense = [
            sigmoid(each.read(number).dense(each.description, np.arange(6)).astype(np.float64)) for each in members
        ]
        expected = -np.sort(-sum(dense) / 2, axis=1)[:, :3]
        np.testing.assert_allclose(sigmoid(part.logits), expected, rtol=1e-5)
        assert (np.diff(part.logits, axis=1) <= 0).all()
        rows = np.arange(len(part))[:, None]
        np.testing.assert_allclose((sum(dense) / 2)[rows, part.classes], expected, rtol=1e-5)


REFUSED = {
    "tasks": ([segments(), videos()], "is of the video task, made up of the segment task"),
    "vocabularies": ([videos(), videos(num_classes=7)], "has 7 classes, made up 6"),
    "classes": (
        [segments(), segments(classes=(1, 4, 3))],
        r"has other classes than made up \(class 2 is in one alone\)",
    ),
    "missing videos": (
        [segments(name="first"), segments(videos=("abcd", "ab"), counts=(3, 1), parts=1, name="second")],
        "second: has no segment 'efgh:0', which first has, and so 4 in all",
    ),
    "other videos": (
        [videos(ids=("a", "b"), name="first"), videos(ids=("a", "b", "c"), name="second")],
        "first: has no video 'c', which second has, and so 1 in all",
    ),
    "files cut otherwise": ([videos(parts=1), videos(parts=3)], "in files that are cut otherwise"),
    "nobody": ([], "has no members"),
}


@pytest.mark.parametrize(("members", "message"), REFUSED.values(), ids=REFUSED)
def test_members_that_do_not_fit_together(members, message):
    with pytest.raises(InputError, match=message):
        Ensemble(members)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], "--weights: 2 given, 3 needed; give one a member"),
        ([1, -1, 1], "must be 0 or more"),
        ([0, 0, 0], "one of them above 0"),
        ([1, float("nan"), 1], "must be 0 or more"),
    ],
)
def test_weights_that_cannot_be_used(weights, message):
    with pytest.raises(InputError, match=message):
        Ensemble(MEMBERS, weights=weights)
