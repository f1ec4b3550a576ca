import json
from pathlib import Path

import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.metrics import SegmentMetrics, SegmentRatings, VideoMetrics, top_k_predictions
from yt8m.progress import Messages
from yt8m.submission import (
    SegmentRanking,
    VideoSubmissionWriter,
    measure_segment_submission,
    measure_video_submission,
    score_segment_submission,
    score_video_submission,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "video_metrics.json").read_text())["cases"]


def write_predictions(path, ids, scores, top_k=20):
    with VideoSubmissionWriter(path) as writer:
        writer.write(ids, *top_k_predictions(scores, top_k))


def test_a_hand_worked_case(tmp_path):
    # The file's lists are cut at 2, and every video has at most 2 labels, so all four metrics are those of the case.
    case = GOLDEN[0]
    path = tmp_path / "out.csv"
    write_predictions(path, ["a", "b", "c"], np.array(case["scores"], np.float32), case["top_k"])
    found = score_video_submission(path, zip(["a", b"b", "c"], case["labels"], strict=True), num_classes=4)
    assert found == {
        **{
            name: pytest.approx(case[name][0] / case[name][1], abs=1e-14) for name in ("gap", "map", "hit_at_1", "perr")
        },
        "num_videos": 3,
    }


def test_a_written_submission_scores_exactly_as_its_model(tmp_path):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(3000, 60)).astype(np.float32)
    labels = rng.random(scores.shape) < 0.05
    ids = [f"v{row}" for row in range(3000)]
    model = VideoMetrics(60)
    model.update(scores, labels)
    path = tmp_path / "out.csv"
    write_predictions(path, ids, scores)
    labelled = [(ids[row], np.append(np.flatnonzero(labels[row]), -1)) for row in rng.permutation(3000)]
    assert score_video_submission(path, labelled, num_classes=60) == model.result()
    found, expected = measure_video_submission(path, labelled, num_classes=60).per_class(), model.per_class()
    for column in ("class_ids", "average_precision", "num_positives"):
        np.testing.assert_array_equal(getattr(found, column), getattr(expected, column))


def test_a_labelled_video_that_is_not_submitted_counts_as_one_without_predictions(tmp_path):
    path = tmp_path / "out.csv"
    write_predictions(path, ["a"], np.array([[0.1, 0.9, 0.2]], np.float32))
    told = Messages()
    labelled = [("missing", [0, 1]), ("a", [1]), ("bare", [])]
    assert score_video_submission(path, labelled, num_classes=3, progress=told) == {
        "gap": pytest.approx(1 / 3),
        "map": pytest.approx((0 + 1 / 2) / 2),
        "hit_at_1": pytest.approx(1 / 3),
        "perr": pytest.approx(1 / 2),
        "num_videos": 3,
    }
    assert told.lines == [f"{path}: has no row for 2 of the 3 labelled videos; they count as without predictions"]


def test_videos_that_are_not_labelled_are_refused(tmp_path):
    path = tmp_path / "out.csv"
    write_predictions(path, ["a", "x", "y"], np.zeros((3, 4), np.float32))
    message = r"out\.csv, line 3: video 'x' is not in the labelled data, and so 2 in all"
    with pytest.raises(InputError, match=message):
        score_video_submission(path, [("a", [1])], num_classes=4)


@pytest.mark.parametrize(
    ("labelled", "message"),
    [
        ([("a", [4])], "video 'a' has label 4; classes go from 0 to 3"),
        ([("a", [-2])], "video 'a' has label -2"),
        ([("a", [1]), (b"a", [1])], "video 'a' occurs twice in the labelled data"),
        ([("a", [])], "none of 1 video has a label"),
    ],
)
def test_bad_labels_are_refused(tmp_path, labelled, message):
    path = tmp_path / "out.csv"
    write_predictions(path, ["a"], np.zeros((1, 4), np.float32))
    with pytest.raises(InputError, match=message):
        score_video_submission(path, labelled, num_classes=4)


def test_a_broken_submission_is_not_scored(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("VideoId,LabelConfidencePairs\na,1 0.5 2\n")
    with pytest.raises(InputError, match=r"out\.csv, line 2: video 'a': 3 values"):
        score_video_submission(path, [("a", [1])])
    ratings = SegmentRatings()
    ratings.add(("a", 0), 1, True)
    with pytest.raises(InputError, match="give one for the segment task"):
        score_segment_submission(path, ratings)


def rated_case():
    rng = np.random.default_rng(1)
    ids = [f"v{row // 10}" for row in range(200)]
    starts = np.arange(200) % 10 * 5
    scores = rng.permutation(200 * 5).reshape(200, 5).astype(np.float32)
    labels = rng.integers(0, 4, (200, 1))
    labels[100:] = -1
    label_scores = np.where(labels < 0, -1.0, rng.random((200, 1)) < 0.4)
    return ids, starts, scores, labels, label_scores


def test_a_written_segment_submission_scores_as_its_model(tmp_path):
    ids, starts, scores, labels, label_scores = rated_case()
    model, ratings, ranking = SegmentMetrics(5), SegmentRatings(), SegmentRanking(range(5))
    model.update(scores, ids, starts, labels, label_scores)
    ratings.add_batch(ids, starts, labels, label_scores)
    ranking.update(ids, starts, scores)
    ranking.write(tmp_path / "out.csv")
    found = score_segment_submission(tmp_path / "out.csv", ratings)
    assert found == pytest.approx(model.result(), abs=1e-14)
    assert found["num_segments"] == 100
    by_class, expected = measure_segment_submission(tmp_path / "out.csv", ratings).per_class(), model.per_class()
    assert by_class.class_ids.tolist() == [0, 1, 2, 3]
    np.testing.assert_allclose(by_class.average_precision, expected.average_precision, atol=1e-14)
    np.testing.assert_array_equal(by_class.num_positives, expected.num_positives)
    np.testing.assert_array_equal(by_class.num_negatives, expected.num_negatives)


def test_a_class_that_is_not_submitted_counts_zero_in_one_of_the_means(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("Class,Segments\n1,b:5 a:0\n")
    ratings = SegmentRatings()
    for segment, class_id, positive in ((("a", 0), 1, True), (("b", 5), 1, False), (("c", 0), 2, True)):
        ratings.add(segment, class_id, positive)
    assert score_segment_submission(path, ratings) == {
        "segment_map": pytest.approx(1 / 4),
        "segment_map_submitted": pytest.approx(1 / 2),
        "num_segments": 3,
    }


def test_a_segment_submission_for_other_videos_is_refused(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("Class,Segments\n1,b:5 a:0\n")
    ratings = SegmentRatings()
    ratings.add(("c", 0), 1, True)
    with pytest.raises(InputError, match=r"out\.csv: none of its videos has a rated segment"):
        score_segment_submission(path, ratings)
