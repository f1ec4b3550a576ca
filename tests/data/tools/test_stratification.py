"""Shares, and rare classes in every part, on labels made at random; beside the package given a matrix, and beside all
arrangements there are."""

import itertools

import numpy as np
import pytest
from iterstrat.ml_stratifiers import IterativeStratification

from yt8m.data.tools.stratification import VideoClasses, _LabelMatrix, stratify


def made_up(num_videos, num_classes, seed, most=4):
    """Lists of classes of Zipf's law, some of them empty."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, num_classes + 1)
    return [
        random.choice(num_classes, random.integers(0, most + 1), replace=False, p=weights / weights.sum()).tolist()
        for _ in range(num_videos)
    ]


def videos_of_classes(lists):
    found = {}
    for video, row in enumerate(lists):
        for label in row:
            found.setdefault(label, set()).add(video)
    return found


def lacking(lists, parts, num_parts):
    """Classes with enough videos that a part lacks, counted the slow way."""
    return sum(
        len(videos) >= num_parts and {parts[video] for video in videos} != set(range(num_parts))
        for videos in videos_of_classes(lists).values()
    )


def test_classes_are_those_that_occur_each_once_a_video():
    classes = VideoClasses.of([[7, 3, 7], [], [3]])
    assert (classes.flat.tolist(), classes.offsets.tolist(), classes.num_classes) == ([0, 1, 0], [0, 2, 2, 3], 2)
    assert classes.counts(np.array([0, 1, 1]), 2).tolist() == [[1, 1], [1, 0]]


@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.5, 0.3, 0.2)])
def test_lists_are_shared_out_as_the_package_shares_out_the_matrix(shares):
    classes = VideoClasses.of(made_up(300, 40, 1))
    matrix = np.zeros((300, classes.num_classes), bool)
    matrix[classes.videos, classes.flat] = True
    shared = [
        IterativeStratification(labels, np.array(shares), np.random.RandomState(3))
        for labels in (matrix, _LabelMatrix(classes))
    ]
    np.testing.assert_array_equal(*shared)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shares", [(0.9, 0.1), (0.5, 0.3, 0.2)])
def test_every_class_with_enough_videos_is_in_every_part(shares, seed):
    lists = made_up(400, 150, seed)
    parts = stratify(VideoClasses.of(lists), shares, seed)
    assert sum(len(videos) >= len(shares) for videos in videos_of_classes(lists).values()) > 60
    assert lacking(lists, parts, len(shares)) == 0


def test_where_all_classes_are_frequent_each_part_has_its_share_of_each():
    lists = [[label for label in range(8) if (video >> label) & 1] for video in range(256)] * 4
    shares = (0.75, 0.25)
    parts = stratify(VideoClasses.of(lists), shares, 0)
    assert np.bincount(parts).tolist() == [768, 256]
    for videos in videos_of_classes(lists).values():
        in_second = sum(parts[video] for video in videos)
        assert abs(in_second - 0.25 * len(videos)) <= 0.01 * len(videos)


def test_what_can_be_arranged_is_found():
    """Classes of two or three videos, so many that few arrangements do; every one is tried beside it."""
    num_feasible = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        members = [random.choice(9, random.integers(2, 4), replace=False) for _ in range(9)]
        lists = [[label for label, videos in enumerate(members) if video in videos] for video in range(9)]
        fewest = min(lacking(lists, parts, 2) for parts in itertools.product(range(2), repeat=9))
        parts = stratify(VideoClasses.of(lists), (0.7, 0.3), seed)
        if fewest == 0:
            num_feasible += 1
            assert lacking(lists, parts, 2) == 0, seed
    assert 10 < num_feasible < 60


def test_classes_that_contradict_each_other_leave_as_few_out_as_can_be():
    """Three videos, and a class of each two of them: of two parts, one always lacks a class."""
    lists = [[0, 2], [0, 1], [1, 2]]
    assert lacking(lists, stratify(VideoClasses.of(lists), (0.5, 0.5), 0), 2) == 1


def test_videos_without_classes_are_shared_out_by_number():
    parts = stratify(VideoClasses.of([[]] * 50), (0.8, 0.2), 0)
    assert np.bincount(parts).tolist() == [40, 10]


def test_the_seed_decides():
    classes = VideoClasses.of(made_up(200, 30, 2))
    first, again, other = (stratify(classes, (0.5, 0.5), seed).tolist() for seed in (4, 4, 5))
    assert first == again != other
