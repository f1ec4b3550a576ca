"""`yt8m upload` as it is typed, with Kaggle's own client, to a stand-in on this machine."""

import subprocess
import sys

import pytest
from kaggle_stand_in import TOKEN, Refusal


@pytest.fixture
def file(tmp_path):
    (tmp_path / "submissions").mkdir()
    path = tmp_path / "submissions" / "mine.csv"
    path.write_text("Class,Segments\n3,ab12:0 cd34:295\n7,\n")
    return path


def test_the_score_is_shown(kaggle, yt8m, file):
    kaggle.pending_lists = 0
    outcome = yt8m("upload", file, "--competition", "youtube8m-2019")
    assert outcome.status == 0, outcome.err
    assert outcome.out.splitlines() == [
        f"submitted      101, {len(kaggle.uploaded)} bytes",
        "public score   0.79120",
        "private score  0.78905",
        "address        https://www.kaggle.com/competitions/youtube8m-2019/submissions",
    ]
    assert outcome.err.splitlines() == [
        f"{file}: remark: line 3: class 7 has no segments; such a row is allowed and scores nothing",
        f"{file}: remark: 2 classes are ranked, and the challenge ranks 1000; a class without a row counts 0, so segment MAP is "
        "at most 0.0020; --segment-classes FILE says which they are",
        f"{file}: valid; segment task, 2 rows, 2 entries",
        "submitted; waiting up to 600 s for the score (it stays submitted if you stop this)",
    ]


def test_without_waiting_it_is_said_where_to_look(kaggle, yt8m, file):
    flags = ("--competition", "youtube8m-2019", "--wait", "0", "--message", "two models")
    outcome = yt8m("upload", file, *flags)
    assert outcome.status == 0, outcome.err
    assert "score      not there yet; look at the address below" in outcome.out
    assert kaggle.submissions[0]["description"] == "two models"
    assert yt8m("upload", file, *flags, "--json").json == {
        "submission": 102,
        "status": "pending",
        "public_score": None,
        "private_score": None,
        "address": "https://www.kaggle.com/competitions/youtube8m-2019/submissions",
    }


def test_json_has_the_scores_as_kaggle_writes_them(kaggle, yt8m, file):
    kaggle.pending_lists = 0
    kaggle.outcome = {"status": "complete", "publicScore": "0.79120"}  # the competition goes on
    assert yt8m("upload", file, "--competition", "youtube8m-2019", "--json").json == {
        "submission": 101,
        "status": "complete",
        "public_score": "0.79120",
        "private_score": None,
        "address": "https://www.kaggle.com/competitions/youtube8m-2019/submissions",
    }


def test_what_is_refused_is_one_line_and_leaves_nothing(kaggle, yt8m, file):
    kaggle.refusals["submit"] = Refusal(400, "Submission not allowed: your daily quota is used")
    outcome = yt8m("upload", file, "--competition", "youtube8m-2019")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.splitlines()[2:] == [
        f"{file}: valid; segment task, 2 rows, 2 entries",
        "yt8m: Kaggle refuses (400: Submission not allowed: your daily quota is used); the day's quota is used; upload it "
        "after midnight UTC (https://www.kaggle.com/competitions/youtube8m-2019/submissions)",
    ]
    assert TOKEN not in outcome.err
    assert [*file.parent.iterdir()] == [file]


def test_an_invalid_file_is_not_uploaded(kaggle, yt8m, file):
    file.write_text("Class,Segments\n3,ab12:0\n3,ab12:0\n9999,ab12:0\n")
    outcome = yt8m("upload", file, "--competition", "youtube8m-2019")
    assert (outcome.status, outcome.out) == (2, "")
    (line,) = outcome.err.splitlines()
    assert f"yt8m: {file}: is not valid, and was not uploaded: line 3: " in line
    assert "; line 4: " in line
    assert not kaggle.requests


def test_what_is_wrong_with_the_token_is_said_before_a_large_file_is_read(kaggle, yt8m, file, monkeypatch):
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    monkeypatch.setattr("yt8m.submission.upload.validate", lambda *_: pytest.fail("the file is read"))
    outcome = yt8m("upload", file, "--competition", "youtube8m-2019")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("yt8m: no valid Kaggle token found; make one at")


def test_a_competition_without_a_name(kaggle, yt8m, file):
    """What `make upload` asks for where COMPETITION is not set."""
    outcome = yt8m("upload", file, "--competition", "")
    assert (outcome.status, outcome.out) == (2, "")
    assert (
        "'' is not the name of a competition; give the last part of its address, such as youtube8m-2019" in outcome.err
    )


@pytest.mark.thorough
def test_neither_checking_nor_asking_loads_tensorflow(kaggle, file):
    """Without a token, in a process of its own."""
    program = """
import os, sys
del os.environ["KAGGLE_USERNAME"], os.environ["KAGGLE_KEY"]
from yt8m.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert ended.code == 2, ended.code
assert "kaggle" in sys.modules or "requests" in sys.modules
assert not {"tensorflow", "keras", "matplotlib"} & set(sys.modules)
"""
    command = [sys.executable, "-c", program, "upload", str(file), "--competition", "youtube8m-2019"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stderr.splitlines()[-1].startswith("yt8m: no valid Kaggle token found; make one at")
