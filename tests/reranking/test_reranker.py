"""What a network sees of a video's candidates, and what it makes of them: by hand, and class by class."""

import dataclasses
import json
import math

import numpy as np
import pytest
from made_up_rerankers import made_up

from yt8m.errors import InputError
from yt8m.reranking import Reranker
from yt8m.reranking.features import candidate_features, num_features
from yt8m.reranking.reranker import log_frequency

RANDOM = np.random.default_rng(3)


def described(reranker: Reranker, values: np.ndarray) -> dict[int, list[float]]:
    """What the network sees of each candidate of one video, values float [C, M], in Python alone."""
    scores = [
        float(sum(w * v for w, v in zip(reranker.weights, row, strict=True)) + reranker.intercept) for row in values
    ]
    best = sorted(range(len(scores)), key=lambda each: -scores[each])[: reranker.num_candidates]
    tops = [scores[best[min(rank, len(best) - 1)]] for rank in (0, 1, 2, 3, 5, 9)]
    expected = math.log(sum(1 / (1 + math.exp(-scores[each])) for each in best))
    found = {}
    for rank, each in enumerate(best):
        before = scores[best[rank - 1]] - scores[each] if rank else 0.0
        after = scores[each] - scores[best[rank + 1]] if rank + 1 < len(best) else 0.0
        frequency = float(reranker.log_frequency[each])
        found[each] = [scores[each], math.log(rank + 1), before, after, expected, *tops, frequency]
        if values.shape[1] > 1:
            own = [float(value) for value in values[each]]
            middle = sum(own) / len(own)
            found[each].append(math.sqrt(sum((value - middle) ** 2 for value in own) / len(own)))
            found[each] += own
            found[each] += [max(values[other][m] for other in best) - own[m] for m in range(len(own))]
    return found


def by_hand(reranker: Reranker, values: np.ndarray) -> list[float]:
    """The logits of one video, class by class and network by network."""
    scores = values @ reranker.weights + reranker.intercept
    found = {}
    for each, features in described(reranker, values).items():
        logits = []
        for network in range(len(reranker.kernels[0])):
            hidden = [
                min(max((value - center) / scale, -6.0), 6.0)
                for value, center, scale in zip(features, reranker.center, reranker.scale, strict=True)
            ]
            for layer, (kernels, biases) in enumerate(zip(reranker.kernels, reranker.biases, strict=True)):
                hidden = [max(value, 0.0) for value in hidden] if layer else hidden
                hidden = np.array(hidden) @ kernels[network] + biases[network]
            logits.append(float(hidden[0]))
        found[each] = sum(logits) / len(logits)
    last = min(scores[each] for each in found)
    return [found.get(each, min(found.values()) + scores[each] - last) for each in range(len(scores))]


@pytest.mark.parametrize("num_members", [1, 3])
@pytest.mark.parametrize("num_candidates", [5, 1, 40])
def test_the_logits_are_those_by_hand(num_members, num_candidates):
    reranker = made_up(num_members, num_candidates=num_candidates)
    values = RANDOM.normal(0, 2, (4, 12, num_members)).astype(np.float32)
    expected = [by_hand(reranker, video) for video in values]
    np.testing.assert_allclose(reranker.logits(values), expected, rtol=1e-4, atol=1e-4)


def test_features_of_three_candidates():
    """log(1 + e^0 ...): scores of 0 have probabilities of .5, so three of them expect 1.5 labels."""
    found = candidate_features(np.zeros((1, 3), "f"), np.zeros((1, 3, 1), "f"), np.full((1, 3), -2.0, "f"))
    assert found.shape == (1, 3, num_features(1)) == (1, 3, 12)
    shared = [0, 0, math.log(1.5), *[0] * 6, -2.0]
    expected = [[0.0, math.log(rank), *shared] for rank in (1, 2, 3)]
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_all_other_classes_come_after_the_candidates_in_their_order():
    reranker = made_up(2)
    values = RANDOM.normal(0, 2, (50, 12, 2)).astype(np.float32)
    scores, logits = values @ reranker.weights, reranker.logits(values)
    for score, found in zip(scores, logits, strict=True):
        order = np.argsort(-score)
        best, rest = order[:5], order[5:]
        assert found[best].min() >= found[rest].max()
        assert (np.diff(found[rest]) < 0).all()


def test_classes_may_be_given_in_part_and_in_any_order():
    reranker = made_up(2)
    values = RANDOM.normal(0, 2, (6, 12, 2)).astype(np.float32)
    order = np.array([RANDOM.permutation(12) for _ in range(6)])
    shuffled = np.take_along_axis(values, order[:, :, None], axis=1)
    found, whole = reranker.logits(shuffled, order), reranker.logits(values)
    np.testing.assert_allclose(found, np.take_along_axis(whole, order, axis=1), atol=1e-5)
    best = np.argsort(-(values @ reranker.weights), axis=1)[:, :7]
    some = reranker.logits(np.take_along_axis(values, best[:, :, None], axis=1), best)
    np.testing.assert_allclose(some, np.take_along_axis(whole, best, axis=1), atol=1e-5)


def test_members_may_be_given_in_another_order():
    reranker = made_up(3)
    values = RANDOM.normal(0, 2, (6, 12, 3)).astype(np.float32)
    moved = reranker.of_members([2, 0, 1])
    np.testing.assert_allclose(moved.logits(values[:, :, [2, 0, 1]]), reranker.logits(values), atol=1e-4)


def test_how_frequent_classes_are():
    np.testing.assert_allclose(log_frequency(np.array([3, 0]), 4), np.log([3.25 / 4, 0.25 / 4]), rtol=1e-6)
    assert np.isfinite(log_frequency(np.array([0]), 0)).all()


def test_it_is_read_as_it_was_written():
    reranker = made_up(2)
    read = Reranker.from_json(json.loads(json.dumps(reranker.as_json())))
    values = RANDOM.normal(0, 2, (3, 12, 2)).astype(np.float32)
    np.testing.assert_array_equal(read.logits(values), reranker.logits(values))
    assert (read.num_candidates, read.intercept) == (reranker.num_candidates, reranker.intercept)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": "none"},
        {"weights": [[1.0, 2.0]]},
        {"log_frequency": {"a": [0.0]}},
        {"kernels": 3},
        {"biases": [0.0]},
        {"center": [float("nan")] * 17},
        {"center": [1e39] * 17},
        {"scale": [10**400]},
    ],
    ids=lambda change: ",".join(change),
)
def test_json_that_is_no_network(change):
    with pytest.raises(InputError, match=r"^holds no network$"):
        Reranker.from_json(made_up(2).as_json() | change)
    with pytest.raises(InputError, match=r"^holds no network$"):
        Reranker.from_json(None)


@pytest.mark.parametrize(
    "change",
    [
        {"weights": np.zeros(3, "f")},
        {"weights": np.zeros(0, "f")},
        {"center": np.zeros(4, "f")},
        {"scale": np.zeros(17, "f")},
        {"scale": np.full(17, 1e-40, "f")},
        {"biases": (np.zeros((2, 4), "f"), np.zeros((3, 3), "f"), np.zeros((2, 1), "f"))},
        {"kernels": (np.zeros((2, 17, 4), "f"), np.zeros((2, 3, 3), "f"), np.zeros((2, 3, 1), "f"))},
        {"kernels": (), "biases": ()},
    ],
    ids=lambda change: ",".join(change),
)
def test_parts_that_do_not_fit_together(change):
    changed = dataclasses.replace(made_up(2), **change)
    with pytest.raises(InputError, match=r"^holds a network whose parts do not fit together$"):
        Reranker.from_json(changed.as_json())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intercept": 1e39}, "intercept is 1e"),
        ({"intercept": True}, "intercept is True; it must be a finite number"),
        ({"intercept": None}, "intercept is None"),
        ({"num_candidates": 0}, "num_candidates is 0; it must be at least 1"),
        ({"num_candidates": 2.7}, "num_candidates is 2.7"),
        ({"num_candidates": "40"}, "num_candidates is '40'"),
    ],
    ids=str,
)
def test_numbers_of_a_wrong_kind(change, message):
    with pytest.raises(InputError, match=f"^{message}"):
        Reranker.from_json(made_up(2).as_json() | change)


def test_videos_of_which_nothing_is_expected():
    """Probabilities of 1e-90 have the sum 0 in float32; its logarithm is that of the sum all the same."""
    found = candidate_features(np.full((1, 3), -200.0, "f"), np.zeros((1, 3, 1), "f"), np.zeros((1, 3), "f"))
    np.testing.assert_allclose(found[0, :, 4], math.log(3) - 200, rtol=1e-6)
