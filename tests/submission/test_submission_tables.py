"""Submissions as DataFrames."""

import pandas
import pytest
from odd_texts import ODD_TEXTS

from yt8m.data.ids import id_problem
from yt8m.errors import InputError
from yt8m.submission import LineError, SegmentRanking, VideoSubmissionWriter
from yt8m.submission.tables import read_submission

IDS = [text for text in ODD_TEXTS if not id_problem(text)]


def written(tmp_path, content):
    (tmp_path / "in.csv").write_text(content, encoding="utf-8")
    return tmp_path / "in.csv"


def rows_of(table):
    return table.to_dict("records")


VIDEOS = "VideoId,LabelConfidencePairs\nnull,3 0.75 7 0.5 0 1e-3\n1e10,\n0001,12 1\n"


def test_a_row_a_prediction(tmp_path):
    table = read_submission(written(tmp_path, VIDEOS))
    assert rows_of(table) == [
        {"id": "null", "class_id": 3, "score": 0.75, "rank": 1},
        {"id": "null", "class_id": 7, "score": 0.5, "rank": 2},
        {"id": "null", "class_id": 0, "score": 0.001, "rank": 3},
        {"id": "0001", "class_id": 12, "score": 1.0, "rank": 1},
    ]
    assert table.index.tolist() == [0, 1, 2, 3]
    assert [str(table[name].dtype) for name in ("class_id", "score", "rank")] == ["int64", "float64", "int64"]


SEGMENTS = "Class,Segments\n3,1e10:0 null:10 Vä_-:5\n12,\n7,null:295\n"


def test_a_row_a_segment(tmp_path):
    table = read_submission(written(tmp_path, SEGMENTS))
    assert rows_of(table) == [
        {"class_id": 3, "id": "1e10", "start": 0, "rank": 1},
        {"class_id": 3, "id": "null", "start": 10, "rank": 2},
        {"class_id": 3, "id": "Vä_-", "start": 5, "rank": 3},
        {"class_id": 7, "id": "null", "start": 295, "rank": 1},
    ]
    assert [str(table[name].dtype) for name in ("class_id", "start", "rank")] == ["int64"] * 3


@pytest.mark.parametrize("content", [VIDEOS, SEGMENTS])
def test_the_best_of_each_alone(tmp_path, content):
    path = written(tmp_path, content)
    whole = read_submission(path)
    for most in (1, 2, 3):
        best = read_submission(path, max_rank=most)
        pandas.testing.assert_frame_equal(best, whole[whole["rank"] <= most].reset_index(drop=True))
    with pytest.raises(ValueError, match="max_rank is 0"):
        read_submission(path, max_rank=0)


def test_ids_that_look_like_something_else_are_text(tmp_path):
    assert len(IDS) > 30
    with VideoSubmissionWriter(tmp_path / "videos.csv") as writer:
        writer.write(IDS, [[5, 6]] * len(IDS), [[0.5, 0.25]] * len(IDS))
    ranking = SegmentRanking([2, 1])
    scores = [[1 - place / 100] * 2 for place in range(len(IDS))]
    ranking.update(IDS, [5] * len(IDS), scores)
    ranking.write(tmp_path / "segments.csv")
    videos, segments = (read_submission(tmp_path / f"{task}.csv") for task in ("videos", "segments"))
    assert videos["id"].tolist() == [text for text in IDS for _ in range(2)]
    assert segments["id"].tolist() == [*IDS, *IDS]
    assert all(type(text) is str for table in (videos, segments) for text in table["id"])
    assert segments["class_id"].tolist() == [2] * len(IDS) + [1] * len(IDS)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("VideoId,LabelConfidencePairs", {"id": None, "class_id": "int64", "score": "float64", "rank": "int64"}),
        ("Class,Segments", {"class_id": "int64", "id": None, "start": "int64", "rank": "int64"}),
    ],
)
def test_a_submission_of_nothing_has_columns(tmp_path, header, columns):
    table = read_submission(written(tmp_path, f"{header}\n"))
    assert (len(table), list(table)) == (0, list(columns))
    assert {name: str(table[name].dtype) for name in columns if columns[name]} == {
        name: kind for name, kind in columns.items() if kind
    }
    assert table["id"].dtype == pandas.Series(["a"], dtype=str).dtype


def test_rules_hold_and_errors_name_the_line(tmp_path):
    with pytest.raises(LineError, match=r"in\.csv, line 3: video 'a' was on line 2 already"):
        read_submission(written(tmp_path, "VideoId,LabelConfidencePairs\na,1 1\na,1 1\n"))
    with pytest.raises(LineError, match=r"in\.csv, line 2: video 'a': class 10 does not exist"):
        read_submission(written(tmp_path, "VideoId,LabelConfidencePairs\na,10 1\n"), num_classes=10)
    with pytest.raises(LineError, match=r"in\.csv, line 2: class 10 is not one of the 10 classes"):
        read_submission(written(tmp_path, "Class,Segments\n10,a:0\n"), num_classes=10)
    with pytest.raises(LineError, match=r"in\.csv, line 1: the header is 'id,part'"):
        read_submission(written(tmp_path, "id,part\n"))
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        read_submission(tmp_path / "none.csv")
