import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import slow_metrics
from sklearn.metrics import average_precision_score

from yt8m import metrics
from yt8m.errors import InputError
from yt8m.metrics.ranking import precision_sum

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "video_metrics.json").read_text())["cases"]


def multi_hot(labels, num_classes):
    flags = np.zeros((len(labels), num_classes), bool)
    for row, classes in enumerate(labels):
        flags[row, classes] = True
    return flags


def random_case(seed, num_videos=40, num_classes=30, levels=None, dtype=np.float32):
    """Scores, tied if there are few levels, and labels that go along with them; one video in eight has none."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(num_videos, num_classes))
    labels = rng.random(scores.shape) < 0.2 / (1 + np.exp(-2 * scores))
    labels[::8] = False
    if levels:
        scores = np.round(scores * levels) / levels
    return scores.astype(dtype), labels


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hand_worked_cases(case, dtype):
    scores = np.array(case["scores"], dtype)
    labels = multi_hot(case["labels"], scores.shape[1])
    found = {
        "gap": metrics.global_average_precision(scores, labels, top_k=case["top_k"]),
        "map": metrics.mean_average_precision(scores, labels, top_k=case["top_k"]),
        "hit_at_1": metrics.hit_at_one(scores, labels),
        "perr": metrics.precision_at_equal_recall_rate(scores, labels),
    }
    for name, value in found.items():
        numerator, denominator = case[name]
        assert value == pytest.approx(numerator / denominator, abs=1e-14), name


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_the_mean_over_all_orders_of_ties(seed):
    rng = np.random.default_rng(seed)
    scores, hits = rng.integers(0, 3, 7) / 2.0, rng.random(7) < 0.5
    hits[0] = True
    num_positives = int(hits.sum()) + seed % 3
    expected = slow_metrics.average_precision(list(zip(scores.tolist(), hits.tolist(), strict=True)), num_positives)
    assert metrics.average_precision(scores, hits, num_positives) == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("size", [1, 2, 30, 33, 70, 500])
def test_large_tied_blocks_match_the_sum_over_their_entries(size):
    rng = np.random.default_rng(size)
    scores = np.concatenate([np.full(size, 0.5), rng.random(100), np.full(size, 0.25), np.full(3 * size, 0.125)])
    hits = rng.random(scores.size) < 0.4
    hits[-1] = True
    expected = slow_metrics.tied_average_precision(list(zip(scores, hits, strict=True)), int(hits.sum()))
    assert metrics.average_precision(scores, hits) == pytest.approx(expected, abs=1e-14)


def test_a_tied_pair_far_down_the_ranking_keeps_its_precision():
    rank = 20_000_000
    found = precision_sum(np.array([0, rank, rank + 2]), np.array([0, 0, 2]))
    assert found == pytest.approx(1 / (rank + 1) + 2 / (rank + 2), abs=1e-15)


def test_average_precision_agrees_with_scikit_learn_where_nothing_is_tied():
    rng = np.random.default_rng(1)
    scores, hits = rng.permutation(2000) / 2000, rng.random(2000) < 0.1
    assert metrics.average_precision(scores, hits) == pytest.approx(average_precision_score(hits, scores), abs=1e-12)


def test_gap_and_map_of_whole_rows_agree_with_scikit_learn_where_nothing_is_tied():
    scores, labels = random_case(2, dtype=np.float64)
    micro = average_precision_score(labels, scores, average="micro")
    rated = labels.any(axis=0)
    macro = average_precision_score(labels[:, rated], scores[:, rated], average="macro")
    assert metrics.global_average_precision(scores, labels, top_k=30) == pytest.approx(micro, abs=1e-12)
    assert metrics.mean_average_precision(scores, labels, top_k=30) == pytest.approx(macro, abs=1e-12)


@pytest.mark.parametrize("levels", [None, 1, 3])
@pytest.mark.parametrize("top_k", [1, 5, 20, 100])
def test_gap_and_map_match_the_slow_definitions(levels, top_k):
    scores, labels = random_case(3, levels=levels)
    rows, flags = scores.tolist(), labels.tolist()
    gap, mean = slow_metrics.gap(rows, flags, top_k), slow_metrics.mean_average_precision(rows, flags, top_k)
    assert metrics.global_average_precision(scores, labels, top_k) == pytest.approx(gap, abs=1e-13)
    assert metrics.mean_average_precision(scores, labels, top_k) == pytest.approx(mean, abs=1e-13)


@pytest.mark.parametrize("levels", [None, 1, 2])
def test_hit_at_one_and_perr_match_all_orders_of_ties(levels):
    scores, labels = random_case(4, num_videos=12, num_classes=6, levels=levels)
    labels[1] = True
    rows, flags = scores.tolist(), labels.tolist()
    assert metrics.hit_at_one(scores, labels) == pytest.approx(slow_metrics.hit_at_one(rows, flags), abs=1e-14)
    perr = slow_metrics.precision_at_equal_recall_rate(rows, flags)
    assert metrics.precision_at_equal_recall_rate(scores, labels) == pytest.approx(perr, abs=1e-14)


@pytest.mark.parametrize("levels", [None, 2])
def test_perr_of_many_classes_and_labels_matches_sorting_each_row(levels):
    scores, labels = random_case(5, num_videos=30, num_classes=600, levels=levels)
    labels[3, :50] = True
    expected = []
    for row, flags in zip(scores, labels, strict=True):
        count = int(flags.sum())
        if count:
            last = np.sort(row)[-count]
            above, tied = row > last, row == last
            hits = flags[above].sum() + (count - above.sum()) * flags[tied].mean()
            expected.append(hits / count)
    found = metrics.precision_at_equal_recall_rate(scores, labels)
    assert found == pytest.approx(np.mean(expected), abs=1e-13)


@pytest.mark.parametrize("levels", [None, 1])
def test_the_order_of_videos_and_of_tied_classes_does_not_matter(levels):
    scores, labels = random_case(6, levels=levels)
    rng = np.random.default_rng(0)
    videos, classes = rng.permutation(len(scores)), rng.permutation(scores.shape[1])
    moved_scores, moved_labels = scores[videos][:, classes], labels[videos][:, classes]
    for metric in (metrics.hit_at_one, metrics.precision_at_equal_recall_rate):
        assert metric(moved_scores, moved_labels) == pytest.approx(metric(scores, labels), abs=1e-14)
    for metric in (metrics.global_average_precision, metrics.mean_average_precision):
        everything = metric(scores, labels, top_k=30)
        assert metric(moved_scores, moved_labels, top_k=30) == pytest.approx(everything, abs=1e-14)
        assert metric(scores[videos], labels[videos]) == pytest.approx(metric(scores, labels), abs=1e-14)


def test_float64_scores_are_compared_as_float64():
    scores = np.array([0.5, 0.5 + 1e-12])
    assert metrics.average_precision(scores, np.array([False, True])) == 1.0
    assert metrics.hit_at_one(scores[None], np.array([[False, True]])) == 1.0
    assert metrics.global_average_precision(scores[None], np.array([[False, True]]), top_k=1) == 1.0


def test_half_precision_and_whole_numbers_are_accepted():
    scores, labels = random_case(7, levels=2, dtype=np.float64)
    expected = metrics.global_average_precision(scores, labels)
    assert metrics.global_average_precision(scores.astype(np.float16), labels.astype(np.int64)) == expected
    assert metrics.global_average_precision((scores * 2).astype(np.int32), labels.astype(np.float32)) == expected


def test_average_precision_of_an_empty_list_is_zero():
    assert metrics.average_precision(np.empty(0), np.empty(0, bool), num_positives=3) == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    "metric",
    [
        metrics.global_average_precision,
        metrics.mean_average_precision,
        metrics.hit_at_one,
        metrics.precision_at_equal_recall_rate,
    ],
)
def test_a_score_that_is_not_finite_is_refused_with_its_video(metric, value):
    scores, labels = random_case(8, num_videos=1500)
    scores[1100, 17] = value
    ids = [f"v{row}".encode() for row in range(1500)]
    with pytest.raises(InputError, match=r"video 'v1100' \(row 1100\): the score of class 17 is"):
        metric(scores, labels, ids=ids)
    with pytest.raises(InputError, match="row 1100: the score of class 17"):
        metric(scores, labels)


def test_wrong_arguments_are_refused():
    scores, labels = random_case(9)
    with pytest.raises(ValueError, match="must both be"):
        metrics.global_average_precision(scores, labels[:, 1:])
    with pytest.raises(ValueError, match="must both be"):
        metrics.hit_at_one(scores[0], labels[0])
    with pytest.raises(ValueError, match="top_k is 0"):
        metrics.mean_average_precision(scores, labels, top_k=0)
    with pytest.raises(ValueError, match="all 0 or 1"):
        metrics.hit_at_one(scores, labels * 2)
    with pytest.raises(ValueError, match="3 ids for 40 rows"):
        metrics.hit_at_one(scores, labels, ids=["a", "b", "c"])
    with pytest.raises(ValueError, match="2 hits but num_positives is 1"):
        metrics.average_precision([0.1, 0.2], [True, True], num_positives=1)
    with pytest.raises(ValueError, match="must both be"):
        metrics.average_precision([0.1, 0.2], [True])
    with pytest.raises(InputError, match="entry 1: the score is nan"):
        metrics.average_precision([0.1, np.nan], [True, True])


def test_undefined_metrics_are_refused():
    scores, labels = random_case(10)
    for metric in (
        metrics.global_average_precision,
        metrics.mean_average_precision,
        metrics.precision_at_equal_recall_rate,
    ):
        with pytest.raises(InputError, match="no labels"):
            metric(scores, labels & False)
    assert metrics.hit_at_one(scores, labels & False) == 0.0
    with pytest.raises(InputError, match="no videos"):
        metrics.hit_at_one(scores[:0], labels[:0])
    with pytest.raises(InputError, match="at least one positive"):
        metrics.average_precision([0.5], [False])


def test_metrics_and_submissions_load_no_heavy_library():
    program = (
        "import sys, yt8m.metrics, yt8m.submission; "
        "print(sorted({'tensorflow', 'keras', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
