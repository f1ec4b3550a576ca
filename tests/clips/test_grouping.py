"""Clusters of clips against groups that are known."""

import numpy as np
import pytest
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score, silhouette_score

from yt8m.clips import grouping
from yt8m.clips.grouping import group_clips
from yt8m.errors import InputError


def alike(sizes, seed=0, noise=0.3, size=32):
    """Clips in groups of these sizes: means, and the group of each, in a mixed order."""
    random = np.random.default_rng(seed)
    truth = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    centres = random.standard_normal((len(sizes), size))
    return (centres[truth] + noise * random.standard_normal((len(truth), size))).astype(np.float32), truth


def test_the_number_of_groups_is_found():
    means, truth = alike([5, 9, 3, 12, 4, 7, 8])
    found = group_clips(means, np.ones(len(means)))
    assert found.number == 7
    assert adjusted_rand_score(truth, found.cluster) == 1
    assert found.num_joined == len(means)


def test_clusters_and_silhouette_are_those_of_scikit_learn():
    means, _ = alike([6, 6, 6, 6], noise=1.5)
    seconds = np.random.default_rng(1).integers(2, 20, len(means))
    centred = means - (means * seconds[:, None]).sum(axis=0) / seconds.sum()
    units = centred / np.sqrt((centred**2).sum(axis=1, keepdims=True))
    for number in (1, 2, 5, 23, 24):
        found = group_clips(means, seconds, number)
        expected = AgglomerativeClustering(n_clusters=number).fit(units).labels_
        assert adjusted_rand_score(expected, found.cluster) == 1
        assert found.number == number
        if 2 <= number < 24:
            assert found.silhouette == pytest.approx(silhouette_score(units, expected), abs=1e-5)
        else:
            assert found.silhouette is None


def test_the_chosen_number_has_the_greatest_silhouette_of_all():
    means, _ = alike([6, 6, 6, 6], noise=0.8)
    seconds = np.ones(len(means))
    scores = {number: group_clips(means, seconds, number).silhouette for number in range(2, len(means))}
    found = group_clips(means, seconds)
    assert found.silhouette == max(scores.values())
    assert scores[found.number] == found.silhouette


def test_clusters_are_numbered_by_their_seconds():
    means, truth = alike([2, 3, 4])
    seconds = np.array([100.0, 1.0, 10.0])[truth]  # 200, 3 and 40 seconds in all
    assert group_clips(means, seconds).cluster.tolist() == np.array([0, 2, 1])[truth].tolist()


@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_the_unit_does_not_matter(scale):
    means, truth = alike([5, 6, 7])
    found = group_clips(means * np.float32(scale) + np.float32(3 * scale), np.ones(18))
    assert adjusted_rand_score(truth, found.cluster) == 1


def test_more_clips_than_can_be_joined_go_to_the_nearest_cluster(monkeypatch):
    monkeypatch.setattr(grouping, "MOST_JOINED", 40)
    means, truth = alike([30, 50, 40, 20])
    found = group_clips(means, np.ones(140), seed=3)
    assert (found.number, found.num_joined) == (4, 40)
    assert adjusted_rand_score(truth, found.cluster) == 1
    assert (group_clips(means, np.ones(140), seed=3).cluster == found.cluster).all()
    with pytest.raises(InputError, match="--clusters is 41, and 40 at most"):
        group_clips(means, np.ones(140), 41)


@pytest.mark.parametrize("count", [1, 2, 3, 20])
def test_equal_clips_are_one_cluster_unless_more_are_asked_for(count):
    means = np.full((count, 4), 0.1, np.float32)
    assert group_clips(means, np.ones(count)).cluster.tolist() == [0] * count
    assert group_clips(means, np.ones(count), count).number == count


def test_one_clip_and_two_and_none():
    assert group_clips(np.ones((1, 4), np.float32), np.ones(1)).cluster.tolist() == [0]
    two = np.eye(2, 4, dtype=np.float32)
    assert group_clips(two, np.array([3, 9])).cluster.tolist() == [1, 0]
    assert group_clips(two, np.array([3, 9]), 1).cluster.tolist() == [0, 0]
    none = group_clips(np.zeros((0, 4), np.float32), np.zeros(0))
    assert (none.number, none.silhouette, none.num_joined) == (0, None, 0)


def test_more_clusters_than_clips_are_refused():
    with pytest.raises(InputError, match="--clusters is 4, and there are only 3 clips"):
        group_clips(np.eye(3, dtype=np.float32), np.ones(3), 4)
