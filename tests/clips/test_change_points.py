"""Change points against a search of all divisions, and on rows that are hard."""

import itertools

import numpy as np
import pytest

from yt8m.clips import change_points
from yt8m.clips.change_points import find_scenes, find_shots, means_of, penalty_of, scenes_of_shots


def best_division(rows, penalty, least):
    """The first row of each part of the best division, found by trying all."""
    length = len(rows)

    def cost(starts):
        parts = [rows[a:b] for a, b in itertools.pairwise([*starts, length])]
        if any(len(part) < least for part in parts):
            return np.inf
        return sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts) + penalty * (len(parts) - 1)

    places = range(1, length)
    every = ([0, *cuts] for count in range(length) for cuts in itertools.combinations(places, count))
    return min(every, key=cost)


@pytest.mark.parametrize("seed", range(6))
def test_the_division_is_the_best_of_all(seed):
    random = np.random.default_rng(seed)
    means = random.standard_normal((4, 3)) * 2
    rows = (np.repeat(means, random.integers(2, 5, 4), axis=0)).astype(np.float32)
    rows += random.standard_normal(rows.shape).astype(np.float32) * 0.5
    rows = rows[:12]
    penalty = 2 * ((rows - rows.mean(axis=0)) ** 2).sum(axis=1).mean()
    assert penalty_of(rows) == pytest.approx(penalty, rel=1e-5)
    assert find_shots(rows) == best_division(rows.astype(float), penalty, least=2)
    assert find_scenes(rows) == best_division(rows.astype(float), penalty, least=1)


def composed(lengths, seed=0, size=64, noise=0.5):
    """Shots of these lengths, each with a mean of its own; frames float32 [N, D]."""
    random = np.random.default_rng(seed)
    means = random.standard_normal((len(lengths), size))
    frames = np.repeat(means, lengths, axis=0)
    return (frames + noise * random.standard_normal(frames.shape)).astype(np.float32)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("shift", [0.0, 5.0])
def test_shots_are_found_whatever_the_unit(scale, shift):
    lengths = [7, 4, 12, 5, 30, 6]
    assert find_shots((composed(lengths) + np.float32(shift)) * np.float32(scale)) == [0, 7, 11, 23, 28, 58]


def test_noise_alone_is_one_shot():
    assert find_shots(composed([100], noise=1.0)) == [0]


@pytest.mark.parametrize("rows", [np.zeros((9, 4)), np.full((9, 4), 0.1), np.full((9, 4), 3e7), np.ones((1, 4))])
def test_equal_frames_and_one_frame_are_one_shot(rows):
    assert find_shots(rows.astype(np.float32)) == [0]


@pytest.mark.parametrize("length", [1, 2, 3])
def test_few_frames_are_one_shot(length):
    assert find_shots(np.arange(length * 2, dtype=np.float32).reshape(length, 2)) == [0]


def test_no_frames_are_no_shots():
    assert find_shots(np.zeros((0, 5), np.float32)) == []
    assert scenes_of_shots(np.zeros((0, 5), np.float32), []) == []


def test_long_videos_are_divided_in_steps_with_the_same_result(monkeypatch):
    frames = composed([9] * 12)
    whole = find_shots(frames)
    assert whole == list(range(0, 108, 9))
    monkeypatch.setattr(change_points, "MOST_ROWS", 30)
    assert find_shots(frames) == whole
    monkeypatch.setattr(change_points, "MOST_ROWS", 6)  # no shot ends within a step
    assert find_shots(composed([18, 18])) == [0, 6, 12, 18, 24, 30]


def test_scenes_are_rows_of_shots_that_are_alike():
    """Three dialogues, in each of which two shots take turns."""
    random = np.random.default_rng(3)
    places = random.standard_normal((3, 64))
    shots = [places[scene] + own for scene in range(3) for own in np.tile(random.standard_normal((2, 64)), (2, 1))]
    lengths = [8, 6, 7, 9] * 3
    frames = np.repeat(shots, lengths, axis=0) + 0.3 * random.standard_normal((sum(lengths), 64))
    starts = find_shots(frames.astype(np.float32))
    assert starts == np.cumsum([0, *lengths[:-1]]).tolist()
    assert scenes_of_shots(frames.astype(np.float32), starts) == [0] * 4 + [1] * 4 + [2] * 4


def test_means_of_shots():
    frames = np.array([[1, 2], [3, 4], [10, 20]], np.float32)
    np.testing.assert_array_equal(means_of(frames, [0, 2]), [[2, 3], [10, 20]])
