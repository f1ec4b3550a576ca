import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.metrics import top_k_predictions
from yt8m.submission import LineError, VideoSubmissionWriter, read_video_submission


def test_the_format_is_the_leaderboards(tmp_path):
    path = tmp_path / "out.csv"
    with VideoSubmissionWriter(path) as writer:
        writer.write(["ab12"], np.array([[7, 0]]), np.array([[0.75, 0.5]], np.float32))
        writer.write([b"cd34"], np.array([[3861, 2]]), np.array([[1.0, 1e-7]], np.float32))
    assert path.read_text() == "VideoId,LabelConfidencePairs\nab12,7 0.75 0 0.5\ncd34,3861 1 2 1.00000001e-07\n"


def test_every_float32_comes_back_as_it_was(tmp_path):
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 80_000, dtype=np.uint32).view(np.float32)
    scores = bits[np.isfinite(bits)]
    scores = -np.sort(-scores[: len(scores) // 20 * 20].reshape(-1, 20), axis=1)
    ids = [f"v{row}" for row in range(len(scores))]
    classes = np.tile(np.arange(20), (len(scores), 1))
    path = tmp_path / "out.csv"
    with VideoSubmissionWriter(path) as writer:
        writer.write(ids, classes, scores)
    rows = list(read_video_submission(path))
    np.testing.assert_array_equal(np.array([row.scores for row in rows], np.float32), scores)
    assert [row.video_id for row in rows] == ids
    assert rows[0].classes == list(range(20))
    assert [row.line for row in rows[:2]] == [2, 3]


def test_predictions_of_a_model_make_a_round_trip(tmp_path):
    scores = np.round(np.random.default_rng(1).normal(size=(50, 100)) * 3).astype(np.float32) / 3
    classes, values = top_k_predictions(scores, 20)
    path = tmp_path / "out.csv"
    with VideoSubmissionWriter(path) as writer:
        for part in np.array_split(np.arange(50), 4):
            writer.write([f"v{row}" for row in part], classes[part], values[part])
    rows = list(read_video_submission(path, num_classes=100))
    assert [row.classes for row in rows] == classes.tolist()


def test_unusual_ids_and_empty_lists(tmp_path):
    path = tmp_path / "out.csv"
    ids = ["My\\ä.mp4", "-_9"]
    with VideoSubmissionWriter(path) as writer:
        writer.write(ids, np.empty((2, 0), int), np.empty((2, 0)))
    assert [(row.video_id, row.classes, row.scores) for row in read_video_submission(path)] == [
        (ids[0], [], []),
        (ids[1], [], []),
    ]


@pytest.mark.parametrize(
    ("ids", "classes", "scores", "error", "message"),
    [
        (["new", "old"], [[1], [1]], [[0.5], [0.5]], InputError, "video 'old' occurs twice in the data"),
        (["a,b"], [[1]], [[0.5]], InputError, "has a comma"),
        ([""], [[1]], [[0.5]], InputError, "is empty"),
        (["a\nb"], [[1]], [[0.5]], InputError, r"video 'a\\nb'"),
        (["a"], [[1, 5]], [[0.5, np.nan]], InputError, r"video 'a' \(row 0\): the score of class 5 is nan"),
        (["a"], [[1, 5]], [[0.5, 0.6]], ValueError, "must descend"),
        (["a"], [[1, 5]], [[0.5]], ValueError, "must be"),
        (["a"], [list(range(21))], [[0.5] * 21], ValueError, "20 or fewer"),
        (["a", "b"], [[1]], [[0.5]], ValueError, "2 ids for 1 rows"),
    ],
)
def test_bad_predictions_are_refused(tmp_path, ids, classes, scores, error, message):
    with VideoSubmissionWriter(tmp_path / "good.csv") as writer:
        writer.write(["old"], np.array([[3]]), np.array([[0.1]]))
        with pytest.raises(error, match=message):
            writer.write(ids, np.array(classes), np.array(scores))
    assert (tmp_path / "good.csv").read_text().splitlines()[1:] == ["old,3 0.100000001"]


def write_twice(path):
    with VideoSubmissionWriter(path) as writer:
        writer.write(["old"], np.array([[3]]), np.array([[0.1]]))
        writer.write(["old"], np.array([[3]]), np.array([[0.1]]))


def test_an_error_leaves_no_file(tmp_path):
    with pytest.raises(InputError, match="occurs twice"):
        write_twice(tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_place_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="cannot be written"), VideoSubmissionWriter(tmp_path / "file" / "out.csv"):
        raise AssertionError("the block must not run")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_reading_stops_at_the_first_broken_line(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("VideoId,LabelConfidencePairs\na,1 0.5\nb,1 0.5 2\nc,1\n")
    rows = read_video_submission(path)
    assert next(rows).video_id == "a"
    with pytest.raises(LineError, match=r"in\.csv, line 3: video 'b': 3 values are not a whole number of"):
        next(rows)
