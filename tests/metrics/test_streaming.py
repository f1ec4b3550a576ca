import subprocess
import sys

import numpy as np
import pytest

from yt8m import metrics
from yt8m.errors import InputError
from yt8m.metrics import VideoMetrics

NUM_CLASSES = 50


def random_case(seed, num_videos=300, levels=None):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(num_videos, NUM_CLASSES))
    labels = rng.random(scores.shape) < 0.15 / (1 + np.exp(-2 * scores))
    labels[::9] = False
    if levels:
        scores = np.round(scores * levels) / levels
    return scores.astype(np.float32), labels


def label_ids(labels):
    """Multi-hot labels as rows of ids in descending order, padded with -1."""
    ids = np.where(labels, np.arange(labels.shape[1]), -1)
    return -np.sort(-ids, axis=1)[:, : labels.sum(axis=1).max() + 1]


def measure(batches, top_k=20):
    accumulator = VideoMetrics(NUM_CLASSES, top_k)
    for scores, labels in batches:
        accumulator.update(scores, labels)
    return accumulator.result()


@pytest.mark.parametrize("levels", [None, 2])
@pytest.mark.parametrize("top_k", [1, 5, 20, 50, 60])
def test_agrees_with_the_functions_on_whole_arrays(levels, top_k):
    scores, labels = random_case(0, levels=levels)
    labels[5] = True
    result = measure([(scores, labels)], top_k)
    assert result == {
        "gap": pytest.approx(metrics.global_average_precision(scores, labels, top_k), abs=1e-13),
        "map": pytest.approx(metrics.mean_average_precision(scores, labels, top_k), abs=1e-13),
        "hit_at_1": pytest.approx(metrics.hit_at_one(scores, labels), abs=1e-13),
        "perr": pytest.approx(metrics.precision_at_equal_recall_rate(scores, labels), abs=1e-13),
        "num_videos": 300,
    }
    assert [type(value) for value in result.values()] == [float, float, float, float, int]


@pytest.mark.parametrize("levels", [None, 2])
def test_batches_order_and_merging_do_not_change_a_bit(levels):
    scores, labels = random_case(1, levels=levels)
    whole = measure([(scores, labels)])
    assert measure([(scores[i : i + 1], labels[i : i + 1]) for i in range(300)]) == whole
    order = np.random.default_rng(0).permutation(300)
    assert measure([(scores[part], labels[part]) for part in np.array_split(order, 7)]) == whole
    parts = []
    for part in np.array_split(order, [10, 10, 200]):
        parts.append(VideoMetrics(NUM_CLASSES))
        parts[-1].update(scores[part], labels[part])
    total = VideoMetrics(NUM_CLASSES)
    for part in reversed(parts):
        total.merge(part)
    assert total.result() == whole
    assert parts[0].result()["num_videos"] == 10


def test_more_may_be_added_after_a_result():
    scores, labels = random_case(2)
    accumulator = VideoMetrics(NUM_CLASSES)
    accumulator.update(scores[:100], labels[:100])
    first = accumulator.result()
    assert accumulator.result() == first == measure([(scores[:100], labels[:100])])
    accumulator.update(scores[100:], labels[100:])
    assert accumulator.result() == measure([(scores, labels)])


def test_merging_with_itself_counts_every_video_twice():
    scores, labels = random_case(3)
    accumulator = VideoMetrics(NUM_CLASSES)
    accumulator.update(scores, labels)
    accumulator.merge(accumulator)
    assert accumulator.result() == measure([(scores, labels), (scores, labels)])


def test_lists_in_any_order_give_what_whole_rows_give():
    scores, labels = random_case(4)
    classes, values = metrics.top_k_predictions(scores, 20)
    rng = np.random.default_rng(0)
    shuffle = np.argsort(rng.random(classes.shape), axis=1)
    accumulator = VideoMetrics(NUM_CLASSES)
    accumulator.update_lists(
        np.take_along_axis(classes, shuffle, axis=1), np.take_along_axis(values, shuffle, axis=1), label_ids(labels)
    )
    assert accumulator.result() == measure([(scores, labels)])


def test_lists_and_whole_rows_mix():
    scores, labels = random_case(5)
    accumulator = VideoMetrics(NUM_CLASSES)
    accumulator.update(scores[:120], labels[:120])
    classes, values = metrics.top_k_predictions(scores[120:], 20)
    accumulator.update_lists(classes, values, label_ids(labels[120:]))
    assert accumulator.result() == measure([(scores, labels)])


def test_short_lists_and_repeated_labels():
    accumulator = VideoMetrics(num_classes=10, top_k=3)
    accumulator.update_lists(
        classes=np.array([[4, -1, -1], [-1, -1, -1], [7, 2, 3]]),
        scores=np.array([[0.5, np.nan, 9.0], [0.0, 0.0, 0.0], [0.1, 0.2, 0.2]]),
        labels=np.array([[4, 4, 1], [5, -1, -1], [2, 7, 2]]),
    )
    # Pooled: 4 hits, then 2 (hit) and 3 are tied, then 7 hits. P = 2 + 1 + 2.
    gap = (1 + (1 / 2 * 2 / 2 + 1 / 2 * 2 / 3) + 3 / 4) / 5
    # Classes 4, 2 and 7 are perfect; 1 and 5 are never predicted.
    assert accumulator.result() == {
        "gap": pytest.approx(gap, abs=1e-15),
        "map": pytest.approx(3 / 5, abs=1e-15),
        "hit_at_1": pytest.approx((1 + 0 + 1 / 2) / 3, abs=1e-15),
        "perr": pytest.approx((1 / 2 + 0 + 1 / 2) / 3, abs=1e-15),
        "num_videos": 3,
    }


def test_videos_without_predictions_still_count():
    accumulator = VideoMetrics(NUM_CLASSES)
    accumulator.update_lists(np.empty((2, 0), int), np.empty((2, 0)), np.array([[3], [-1]]))
    assert accumulator.result() == {"gap": 0.0, "map": 0.0, "hit_at_1": 0.0, "perr": 0.0, "num_videos": 2}


def test_scores_are_compared_as_float32():
    accumulator = VideoMetrics(2)
    accumulator.update(np.array([[0.5, 0.5 + 1e-12]]), np.array([[True, False]]))
    assert accumulator.result()["hit_at_1"] == 0.5


def test_a_refused_batch_leaves_nothing_behind():
    scores, labels = random_case(6, num_videos=1500)
    accumulator = VideoMetrics(NUM_CLASSES)
    accumulator.update(scores, labels)
    before = accumulator.result()
    broken = scores.copy()
    broken[1400, 3] = np.inf
    with pytest.raises(InputError, match=r"video 'x1400' \(row 1400\): the score of class 3 is inf"):
        accumulator.update(broken, labels, ids=[f"x{row}" for row in range(1500)])
    with pytest.raises(InputError, match="row 0: the score of class 0 is inf"):
        accumulator.update(np.full((1, NUM_CLASSES), 1e300), labels[:1])
    classes, values = metrics.top_k_predictions(scores, 20)
    known = label_ids(labels)
    for array, value, message in (
        (values, np.nan, "video 'x1400' .*: a score is nan"),
        (classes, NUM_CLASSES, "video 'x1400' .*: class 50 is predicted; classes go from 0 to 49"),
        (classes, -2, "video 'x1400' .*: class -2 is predicted"),
        (classes, classes[1400, 0], "video 'x1400' .*: class .* is predicted twice"),
        (known, NUM_CLASSES, "video 'x1400' .*: label 50 is out of range"),
    ):
        kept = array[1400, 3]
        array[1400, 3] = value
        with pytest.raises(InputError, match=message):
            accumulator.update_lists(classes, values, known, ids=[f"x{row}" for row in range(1500)])
        array[1400, 3] = kept
    assert accumulator.result() == before


def test_wrong_shapes_are_refused():
    scores, labels = random_case(7)
    accumulator = VideoMetrics(NUM_CLASSES, top_k=3)
    with pytest.raises(ValueError, match="49 classes given to metrics of 50"):
        accumulator.update(scores[:, 1:], labels[:, 1:])
    with pytest.raises(ValueError, match="lists of 4 predictions"):
        accumulator.update_lists(np.zeros((1, 4), int), np.zeros((1, 4)), np.zeros((1, 1), int))
    with pytest.raises(ValueError, match="do not fit"):
        accumulator.update_lists(np.zeros((1, 3), int), np.zeros((1, 2)), np.zeros((1, 1), int))
    with pytest.raises(ValueError, match="cannot take in metrics of 50 classes and top 20"):
        accumulator.merge(VideoMetrics(NUM_CLASSES))
    with pytest.raises(ValueError, match="num_classes is 0"):
        VideoMetrics(0)
    with pytest.raises(ValueError, match="top_k is 0"):
        VideoMetrics(5, top_k=0)


def test_a_result_needs_videos_and_labels():
    accumulator = VideoMetrics(NUM_CLASSES)
    with pytest.raises(InputError, match="no videos"):
        accumulator.result()
    scores, labels = random_case(8)
    accumulator.update(scores, labels & False)
    with pytest.raises(InputError, match="none of 300 videos has a label"):
        accumulator.result()


MILLION_VIDEOS = """
import resource
from pathlib import Path

import numpy as np

from yt8m.metrics import VideoMetrics

rng = np.random.default_rng(0)
accumulator = VideoMetrics(3862)
classes = (rng.integers(0, 3842, (20_000, 1)) + np.arange(20)).astype(np.int32)
for _ in range(50):
    scores = rng.random((20_000, 20), dtype=np.float32)
    accumulator.update_lists(classes, scores, classes[:, [0, 7, 11]])
assert accumulator.result()["num_videos"] == 1_000_000
# What a process had before it became this one counts in ru_maxrss but not in VmHWM.
status = Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
peaks = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
print(peaks[0] if peaks else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_million_videos_stay_below_500_megabytes():
    done = subprocess.run([sys.executable, "-c", MILLION_VIDEOS], capture_output=True, text=True, check=True)
    assert int(done.stdout) / 1000 < 500
