"""`yt8m ensemble` and `yt8m compare` on submissions: what they print."""

import json

import pytest

A = "VideoId,LabelConfidencePairs\nabcd,1 0.8 2 0.4\nefgh,3 0.5 1 0.25\n"
B = "VideoId,LabelConfidencePairs\nabcd,2 0.5 1 0.2\nefgh,3 0.75 1 0.125\nijkl,0 0.5\n"


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(A)
    (tmp_path / "b.csv").write_text(B)
    return tmp_path


def test_the_kind_of_mean_and_the_weights_are_named(files, yt8m):
    words = ("ensemble", "a.csv", "b.csv", "--mean", "arithmetic", "--weights", "3", "1", "--out", "c.csv")
    assert yt8m(*words).out.splitlines() == [
        "c.csv: 3 videos, arithmetic mean of 2, video task",
        "a.csv  weight 0.750",
        "b.csv  weight 0.250",
    ]
    assert yt8m(*words, "--json").json == {
        "path": "c.csv",
        "task": "video",
        "num_videos": 3,
        "num_segments": None,
        "segment_classes": None,
        "mean": "arithmetic",
        "members": ["a.csv", "b.csv"],
        "weights": [0.75, 0.25],
        "weights_file": None,
    }
    rows = (files / "c.csv").read_text().splitlines()
    best, score = rows[1].split(",")[1].split(" ")[:2]
    assert (best, float(score)) == ("1", pytest.approx(0.75 * 0.8 + 0.25 * 0.2))
    (files / "w.csv").write_text("class_id,a.csv,b.csv\n1,0,1\n")
    words = ("ensemble", "a.csv", "b.csv", "--weights", "w.csv", "--out", "c.csv")
    assert yt8m(*words).out.startswith("c.csv: 3 videos, geometric mean of 2, weights by class of w.csv, video task\n")


def test_a_comparison_names_classes_and_videos(files, yt8m):
    (files / "vocabulary.csv").write_text("Index,Name\n0,Car\n1,Guitar\n2,Game\n3,Dog\n")
    lines = yt8m("compare", "a.csv", "b.csv", "--vocabulary", "vocabulary.csv").out.splitlines()
    assert lines[:4] == [
        "a.csv, b.csv: video task",
        "videos in both  2; 0 and 1 in one alone",
        "overlap         1.0000  of a video's 20 best",
        "same best       0.5000  of videos",
    ]
    assert lines[-1] == f"{'efgh':<18}       1.0000   1.0000  Dog, Dog"
    assert lines[-2] == f"{'abcd':<18}      -1.0000   1.0000  Guitar, Game"
    found = yt8m("compare", "a.csv", "b.csv", "--json").json
    (pair,) = found["pairs"]
    assert (found["task"], pair["first"], pair["num_videos"], pair["only_second"]) == ("video", "a.csv", 2, 1)
    assert [row["id"] for row in pair["videos"]] == ["abcd", "efgh"]
    assert "NaN" not in json.dumps(found)


def test_three_are_compared_in_a_line_for_each_pair(files, yt8m):
    (files / "c.csv").write_text(B)
    lines = yt8m("compare", "a.csv", "b.csv", "c.csv").out.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["a.csv, b.csv", "a.csv, c.csv", "b.csv, c.csv"]
    assert lines[3].split()[2:4] == ["1.0000", "1.0000"]


def test_a_mistake_leaves_nothing(files, yt8m):
    outcome = yt8m("compare", "a.csv", "--out", "tables")
    assert outcome.status == 2
    assert outcome.err == "yt8m: a.csv: one submission has nothing to be compared with; name two\n"
    assert not (files / "tables").exists()
