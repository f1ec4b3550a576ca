"""Predictions as submissions, and their metrics, against the files."""

import numpy as np
import pytest
from made_up import MadeUp, segments, sigmoid, videos

from yt8m.errors import InputError
from yt8m.metrics import SegmentRatings
from yt8m.predicting import Description, Part
from yt8m.predicting.measuring import measure_segments, measure_videos
from yt8m.predicting.prior import Places, Prior
from yt8m.predicting.submitting import write_submission
from yt8m.progress import Messages
from yt8m.submission import (
    read_segment_submission,
    read_video_submission,
    score_segment_submission,
    score_video_submission,
)


@pytest.mark.parametrize("top_k", [None, 4])
def test_videos_with_their_best_classes(tmp_path, top_k):
    predictions = videos(3, top_k=top_k)
    assert write_submission(predictions, tmp_path / "a.csv", top_k=3).num_videos == 3
    rows = list(read_video_submission(tmp_path / "a.csv", 6))
    dense = videos(3)
    expected = [(part.ids[row].decode(), part.logits[row]) for part in dense.parts() for row in range(len(part))]
    for row, (video_id, logits) in zip(rows, expected, strict=True):
        best = np.argsort(-logits)[:3]
        assert (row.video_id, row.classes) == (video_id, best.tolist())
        np.testing.assert_allclose(row.scores, sigmoid(logits[best]), rtol=1e-6)


def test_segments_class_by_class(tmp_path):
    predictions = segments(3, classes=(1, 4, 2))
    done = write_submission(predictions, tmp_path / "a.csv", max_segments=5)
    assert (done.num_videos, done.num_segments) == (3, 8)
    names = [name for part in predictions.parts() for name in part.names()]
    logits = np.concatenate([part.logits for part in predictions.parts()])
    for column, row in enumerate(read_segment_submission(tmp_path / "a.csv", range(6))):
        assert row.class_id == (1, 4, 2)[column]
        found = [f"{video.decode()}:{start}" for video, start in zip(row.ids, row.starts, strict=True)]
        assert found == [names[place] for place in np.argsort(-logits[:, column], kind="stable")[:5]]


def test_segments_with_a_prior_and_without_their_ends(tmp_path):
    predictions, classes = segments(3), np.array([1, 4, 2])
    prior, places = Prior(videos(4), classes, 0.3, top_k=2), Places(first=1, last=1)
    done = write_submission(predictions, tmp_path / "a.csv", prior=prior, places=places)
    assert (done.num_videos, done.num_segments) == (3, 3)  # of 3, 1 and 4 segments
    rows = list(read_segment_submission(tmp_path / "a.csv", range(6)))
    assert {f"{video.decode()}:{start}" for video, start in zip(rows[0].ids, rows[0].starts, strict=True)} == {
        "abcd:5",
        "efgh:5",
        "efgh:10",
    }
    keys = np.concatenate(
        [prior.keys(part, part.dense(predictions.description, classes)) for part in predictions.parts()]
    )
    names = [name for part in predictions.parts() for name in part.names()]
    order = [names[row] for row in np.argsort(-keys[:, 1], kind="stable")]
    found = [f"{video.decode()}:{start}" for video, start in zip(rows[1].ids, rows[1].starts, strict=True)]
    assert found == [name for name in order if name in found]


def test_no_segment_is_left(tmp_path):
    with pytest.raises(InputError, match="made up: no video has a segment to rank"):
        write_submission(segments(), tmp_path / "a.csv", places=Places(first=9))
    assert not list(tmp_path.iterdir())


def test_the_metrics_of_videos_are_those_of_their_file(tmp_path):
    predictions = videos(3, ids=tuple(f"v{index}" for index in range(40)), num_classes=30)
    random = np.random.default_rng(0)
    labels = {f"v{index}": np.flatnonzero(random.random(30) < 0.1).tolist() for index in range(40)}
    write_submission(predictions, tmp_path / "a.csv")
    assert measure_videos(predictions, labels).result() == pytest.approx(
        score_video_submission(tmp_path / "a.csv", labels.items(), 30), abs=1e-12
    )


def test_the_metrics_of_segments_are_those_of_their_file(tmp_path):
    ids = tuple(f"v{index}" for index in range(40))
    predictions = segments(3, videos=ids, counts=[5] * 40, classes=(0, 2, 3))
    random, ratings = np.random.default_rng(0), SegmentRatings()
    for video in ids[:30]:
        for place in range(4):
            ratings.add((video, 5 * place), int(random.choice([0, 2, 3])), bool(random.random() < 0.5))
    write_submission(predictions, tmp_path / "a.csv")
    found = measure_segments(predictions, ratings).result()
    # The file has an order alone; logits in float16 tie now and then, which the metric knows.
    assert found == pytest.approx(score_segment_submission(tmp_path / "a.csv", ratings, 6), abs=0.01)


def test_a_class_that_is_not_ranked_counts_0_as_in_a_file(tmp_path):
    description = Description(task="segment", num_classes=3, classes=(0, 1))
    part = Part(np.array([b"a", b"a"]), np.array([[-9, 1], [3, 4]], np.float16), np.array([0, 5], np.int32))
    ratings = SegmentRatings()
    ratings.add(("a", 0), 0, True)
    ratings.add(("a", 5), 0, False)
    ratings.add(("a", 0), 2, True)
    told = Messages()
    found = measure_segments(MadeUp(description, part), ratings, told)
    assert found.per_class().class_ids.tolist() == [0, 2]
    np.testing.assert_allclose(found.per_class().average_precision, [0.5, 0.0])
    assert found.result() == {"segment_map": 0.25, "segment_map_submitted": 0.5, "num_segments": 2}
    line = "ranks 1 of the 2 classes with a positive rating; a class without a row (2) counts 0, so segment_map is at most 0.5000"
    write_submission(MadeUp(description, part), tmp_path / "a.csv")
    assert score_segment_submission(tmp_path / "a.csv", ratings, 3, progress=told) == found.result()
    assert told.lines == [f"made up: {line}", f"{tmp_path}/a.csv: {line}"]


def test_labels_of_what_was_not_predicted():
    ratings = SegmentRatings()
    ratings.add(("abcd", 0), 1, True)
    ratings.add(("abcd", 55), 1, True)
    with pytest.raises(InputError, match="has no segment 'abcd:55', which is rated, and so 1 in all"):
        measure_segments(segments(), ratings)
    with pytest.raises(InputError, match="has no video 'x', which is labelled, and so 1 in all"):
        measure_videos(videos(), {"abcd": [1], "ab": [], "efgh": [0], "x": [1]})
    with pytest.raises(InputError, match="video 'ab' is not in the labelled data"):
        measure_videos(videos(), {"abcd": [1], "efgh": [0]})


def test_predictions_of_the_other_task():
    with pytest.raises(InputError, match="is of whole videos"):
        measure_segments(videos(), SegmentRatings())
    with pytest.raises(InputError, match="is of segments"):
        measure_videos(segments(), {})
