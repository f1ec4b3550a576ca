"""Uploading, with Kaggle's own client, to a stand-in on this machine."""

import base64
import configparser
import inspect
import io
import json
import sys
import zipfile
from pathlib import Path

import pytest
from kaggle_stand_in import TOKEN, Refusal
from watchers import Counts

from yt8m.errors import InputError
from yt8m.progress import Messages
from yt8m.submission import leaderboard
from yt8m.submission.leaderboard import Leaderboard, UnansweredError
from yt8m.submission.upload import PollDelays, check_for, upload

SEGMENT = "Class,Segments\n3,ab12:0 cd34:295 ab12:5\n3861,ab12:5\n"
VIDEO = "VideoId,LabelConfidencePairs\nab12,7 1 0 0.5\n"
POLL_AT_ONCE = PollDelays(0, 0)
RETRY_AT_ONCE = (0, 0)


@pytest.fixture
def file(tmp_path):
    """A valid submission, in a directory of its own."""
    (tmp_path / "submissions").mkdir()
    path = tmp_path / "submissions" / "mine.csv"
    path.write_text(SEGMENT)
    return path


def sent(file, **options):
    there = Leaderboard("youtube8m-2019", RETRY_AT_ONCE)
    return upload(file, there, **{"wait": 5, "poll_delays": POLL_AT_ONCE, **options})


def refused(file, **options) -> str:
    """What is said of an upload that fails, which leaves nothing but the file behind."""
    with pytest.raises(InputError) as raised:
        sent(file, **options)
    assert [*file.parent.iterdir()] == [file]
    said = str(raised.value)
    assert "\n" not in said
    for secret in (TOKEN, "signed-secret", "upload-token"):
        assert secret not in said
    return said


def test_a_file_is_uploaded_as_an_archive_and_its_score_waited_for(kaggle, file):
    kaggle.submissions.append({"ref": 7, "fileName": "mine.csv.zip", "description": "mine.csv", "status": "complete"})
    watcher = Counts()
    uploaded = sent(file, progress=watcher)
    with zipfile.ZipFile(io.BytesIO(kaggle.uploaded)) as archive:
        assert archive.namelist() == ["mine.csv"]
        assert archive.read("mine.csv").decode() == SEGMENT
    new = uploaded.submission
    assert (uploaded.reference, uploaded.num_bytes) == (8, len(kaggle.uploaded))
    assert (new.reference, new.file_name, new.message) == (8, "mine.csv.zip", "mine.csv")
    assert (new.status, new.public_score, new.private_score) == ("complete", "0.79120", "0.78905")
    assert uploaded.address == "https://www.kaggle.com/competitions/youtube8m-2019/submissions"
    assert kaggle.requests["list"] == 4  # the earlier ones; twice pending; complete
    assert (watcher.works, watcher.counts) == ([("compressing", "B")], [(len(SEGMENT), len(SEGMENT))])
    assert watcher.lines == ["submitted; waiting up to 5 s for the score (it stays submitted if you stop this)"]
    assert [*file.parent.iterdir()] == [file]
    assert kaggle.authorizations == {"Basic " + base64.b64encode(f"someone:{TOKEN}".encode()).decode()}


def test_an_archive_is_smaller_than_its_file_and_packed_in_chunks(kaggle, file):
    content = "Class,Segments\n" + "".join(f"{number},{'ab12:5 ' * 2000}\n" for number in range(200))
    file.write_text(content)
    watcher = Counts()
    sent(file, wait=0, progress=watcher)
    assert len(kaggle.uploaded) < len(content) / 50
    assert watcher.counts == [(1 << 20, len(content)), (2 << 20, len(content)), (len(content), len(content))]


def test_a_message_of_ones_own_and_no_waiting(kaggle, file):
    uploaded = sent(file, message="two models", wait=0)
    assert kaggle.submissions[0]["description"] == "two models"
    assert (uploaded.reference, uploaded.submission) == (101, None)
    assert kaggle.requests == {"list": 1, "start": 1, "put": 1, "submit": 1}


def test_a_score_that_is_not_there_in_time(kaggle, file):
    kaggle.pending_lists = 1_000_000
    uploaded = sent(file, wait=1e-3)
    assert (uploaded.reference, uploaded.submission.status) == (101, "pending")


def test_a_submission_is_found_by_its_name_where_kaggle_does_not_number_it(kaggle, file):
    kaggle.tells_reference = False
    kaggle.submissions = [
        {"ref": 9, "fileName": "mine.csv.zip", "description": "mine.csv", "status": "complete", "publicScore": "0.1"}
    ]
    uploaded = sent(file)
    assert (uploaded.reference, uploaded.submission.public_score) == (10, "0.79120")


def test_a_file_that_cannot_be_scored(kaggle, file):
    kaggle.outcome = {"status": "error", "errorDescription": "Evaluation Exception: unknown class"}
    said = refused(file)
    assert "mine.csv: was submitted, and could not be scored (Evaluation Exception: unknown class)" in said


REFUSED = {
    "token": ("list", 401, "Unauthorized", "the token is not valid (any more): make a new one at"),
    "rules": (
        "list",
        403,
        "You must accept this competition's rules before you'll be able to continue.",
        "accept the rules at https://www.kaggle.com/competitions/youtube8m-2019/rules with the token's account",
    ),
    "rules, only when submitting": (
        "submit",
        403,
        "You cannot submit until you accept the competition rules",
        "accept the rules at https://www.kaggle.com/competitions/youtube8m-2019/rules",
    ),
    "name": ("list", 404, "NotFound", "check the competition's name"),
    "deadline": (
        "submit",
        400,
        "Submission not allowed: the deadline of the competition has passed.",
        "the deadline has passed; yt8m score measures on labelled records instead",
    ),
    "quota": (
        "submit",
        400,
        "Submission not allowed:  Your team has used its submission allowance (5 of 5). "
        "This resets at midnight UTC (3.2 hours from now).",
        "the day's quota is used; upload it after midnight UTC",
    ),
    "quota, at the start": ("start", 400, "You have 0 submissions remaining today", "the day's quota is used"),
    "something else": ("start", 400, "File too large\n(limit of 1 byte?)", "what the competition takes is at"),
}


@pytest.mark.parametrize(("method", "status", "message", "advice"), REFUSED.values(), ids=REFUSED)
def test_what_kaggle_refuses_is_said_with_what_to_do(method, status, message, advice, kaggle, file):
    kaggle.refusals[method] = Refusal(status, message)
    said = refused(file)
    assert f"Kaggle refuses ({status}: {' '.join(message.split()).rstrip('.')})" in said
    assert advice in said
    assert kaggle.requests[method] == 1
    assert kaggle.requests["put"] == (1 if method == "submit" else 0)
    assert kaggle.submissions == []


@pytest.mark.parametrize(
    ("status", "said"),
    [(500, "Kaggle failed (500: broken); try again later"), (0, "Kaggle did not answer (Connection")],
)
def test_what_failed_on_the_way_is_asked_again(status, said, kaggle, file):
    kaggle.refusals["list"] = Refusal(status, "broken", times=2)
    assert sent(file).submission.status == "complete"
    kaggle.refusals["list"] = Refusal(status, "broken")
    kaggle.requests.clear()
    assert said in refused(file)
    assert kaggle.requests == {"list": 3}


@pytest.mark.parametrize("status", [0, 403, 500])
def test_an_upload_that_is_cut_off(status, kaggle, file):
    kaggle.refusals["put"] = Refusal(status, "no")
    assert refused(file) == "the upload was cut off; nothing was submitted, so try again"
    assert kaggle.requests["submit"] == 0


@pytest.mark.parametrize("status", [0, 500])
def test_a_submission_whose_answer_was_lost_is_not_lost(status, kaggle, file):
    kaggle.refusals["submit"] = Refusal(status, "broken", after=True)
    assert sent(file).submission.public_score == "0.79120"
    assert kaggle.requests["submit"] == 1


def test_a_submission_that_may_have_arrived(kaggle, file, monkeypatch):
    kaggle.refusals["submit"] = Refusal(0)
    assert "Kaggle did not answer" in refused(file)  # it did not: that can be seen in the list
    asked = Leaderboard.submissions

    def gone_later(self):
        if kaggle.requests["submit"] > 1:
            raise UnansweredError("gone")
        return asked(self)

    monkeypatch.setattr(Leaderboard, "submissions", gone_later)
    address = "https://www.kaggle.com/competitions/youtube8m-2019/submissions"
    assert f"first look at {address} whether it was submitted" in refused(file)


def test_a_score_that_cannot_be_asked_for_is_no_failure(kaggle, file, monkeypatch):
    class Breaker(Messages):
        def message(self, text):
            super().message(text)
            kaggle.refusals["list"] = Refusal(500, "broken")

    watcher = Breaker()
    uploaded = sent(file, progress=watcher)
    assert (uploaded.reference, uploaded.submission) == (101, None)
    assert watcher.lines[1:] == ["the score could not be asked for: Kaggle failed (500: broken); try again later"]


@pytest.mark.parametrize("competition", ["", "a b", "https://www.kaggle.com/c/youtube8m", "../x"])
def test_what_is_no_name_of_a_competition(competition, kaggle):
    with pytest.raises(InputError, match="is not the name of a competition; give the last part of its address"):
        Leaderboard(competition, RETRY_AT_ONCE)
    assert not kaggle.requests


@pytest.fixture
def new_client(kaggle, monkeypatch):
    """Whoever imports the client now imports it anew; it looks for tokens when it is imported."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "kaggle"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    return kaggle


NO_TOKEN = "no valid Kaggle token found; make one at https://www.kaggle.com/settings, and put it in KAGGLE_API_TOKEN"


def test_without_a_token_nothing_is_asked(new_client, file, capfd):
    assert NO_TOKEN in refused(file)
    assert not new_client.requests
    assert capfd.readouterr() == ("", "")  # the client prints a page of help


@pytest.mark.parametrize("content", ["{", "{}", '{"username": "someone"}'])
def test_a_token_file_that_holds_none(content, new_client, file, tmp_path):
    (tmp_path / "configuration").mkdir()
    (tmp_path / "configuration" / "kaggle.json").write_text(content)
    assert NO_TOKEN in refused(file)


def test_a_token_file(new_client, file, tmp_path, capfd):
    (tmp_path / "configuration").mkdir()
    path = tmp_path / "configuration" / "kaggle.json"
    path.write_text(json.dumps({"username": "someone", "key": TOKEN}))
    path.chmod(0o644)  # of which the client warns
    assert sent(file).submission.status == "complete"
    assert TOKEN not in "".join(capfd.readouterr())


@pytest.mark.parametrize("is_valid", [True, False])
def test_a_token_of_the_newer_kind(is_valid, new_client, file, monkeypatch):
    from kagglesdk import kaggle_env

    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN if is_valid else "another")
    if is_valid and hasattr(kaggle_env, "get_access_token_from_env"):  # not in the client for Python 3.10
        assert sent(file).submission.status == "complete"
        assert new_client.authorizations == {f"Bearer {TOKEN}"}
    else:
        assert NO_TOKEN in refused(file)


def test_an_access_token_comes_before_the_older_kind(new_client, file, monkeypatch, tmp_path):
    """Of another account, it decides who submits."""
    from kagglesdk import kaggle_env

    monkeypatch.setenv("KAGGLE_USERNAME", "another")
    monkeypatch.setenv("KAGGLE_KEY", "another")
    path = tmp_path / "home" / ".kaggle" / "access_token"
    path.parent.mkdir(parents=True)
    path.write_text(TOKEN)
    assert "~/.kaggle/access_token, which come first" in leaderboard._WHERE_TOKENS_ARE
    if hasattr(kaggle_env, "get_access_token_from_env"):  # not in the client for Python 3.10
        assert sent(file).submission.status == "complete"
        assert new_client.authorizations == {f"Bearer {TOKEN}"}


def test_the_extra_asks_for_what_the_client_imports_and_does_not_ask_for():
    setup = configparser.ConfigParser()
    setup.read(Path(__file__).parents[2] / "setup.cfg")
    asked = {line.split(">")[0] for line in setup["options.extras_require"]["kaggle"].split()}
    assert asked == {"kaggle", "six"}
    from kaggle.models import upload_file

    assert "import six" in inspect.getsource(upload_file)


def test_no_token_is_shown_however_much_the_client_is_to_print(new_client, file, monkeypatch, capfd, caplog):
    monkeypatch.setenv("KAGGLE_USERNAME", "someone")
    monkeypatch.setenv("KAGGLE_KEY", TOKEN)
    monkeypatch.setenv("VERBOSE", "1")
    assert sent(file).submission.status == "complete"
    shown = "".join(capfd.readouterr()) + caplog.text
    assert TOKEN not in shown
    assert base64.b64encode(f"someone:{TOKEN}".encode()).decode() not in shown


def test_without_the_client(kaggle, file, monkeypatch):
    monkeypatch.setitem(sys.modules, "kaggle.api.kaggle_api_extended", None)
    message = refused(file)
    assert message.startswith("uploading needs Kaggle's client, which cannot be loaded (")
    assert message.endswith("): pip install 'yt8m[kaggle]'")


def test_where_no_archive_can_be_made(kaggle, file, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "open", full)
    assert "cannot be compressed beside it (No space left on device)" in refused(file)
    monkeypatch.setattr("tempfile.mkdtemp", full)
    assert "cannot be compressed beside it (No space left on device)" in refused(file)
    assert kaggle.requests == {"list": 2}


def test_the_archive_is_gone_when_the_upload_is_stopped(kaggle, file, monkeypatch):
    def stop(*arguments, **options):
        assert len([*file.parent.iterdir()]) == 2
        raise KeyboardInterrupt

    monkeypatch.setattr(Leaderboard, "submit", stop)
    with pytest.raises(KeyboardInterrupt):
        sent(file)
    assert [*file.parent.iterdir()] == [file]


@pytest.mark.parametrize(
    ("competition", "content", "num_rows"),
    [
        ("youtube8m-2019", SEGMENT, 2),
        ("youtube8m-2018", VIDEO, 1),
        ("youtube8m", "VideoId,LabelConfidencePairs\na,4715 0.5\nb,\n", 2),
        ("another", SEGMENT, 2),
        ("another", VIDEO, 1),
    ],
)
def test_what_a_competition_takes(competition, content, num_rows, file):
    file.write_text(content)
    assert check_for(file, competition).num_rows == num_rows


@pytest.mark.parametrize(
    ("competition", "content", "said"),
    [
        ("youtube8m-2019", VIDEO, "is a submission for the video task; youtube8m-2019 takes the segment task"),
        ("youtube8m", SEGMENT, "is a submission for the segment task; youtube8m takes the video task"),
        ("youtube8m-2018", "VideoId,LabelConfidencePairs\na,3862 0.5\n", "is not valid, and was not uploaded: line 2"),
        ("another", "VideoId,LabelConfidencePairs\na,3862 0.5\n", "line 2"),
        ("youtube8m-2019", "Class,Segments\n" + "1,a:0\n" * 6, "line 3: .*; line 4: .*; line 5: .*; ... and 2 more"),
        ("youtube8m-2019", "hello\n", "line 1: the header is 'hello'"),
    ],
)
def test_what_a_competition_does_not_take(competition, content, said, file):
    file.write_text(content)
    with pytest.raises(InputError, match=said):
        check_for(file, competition)


def test_flags_go_before_what_is_known_of_a_competition(file, tmp_path):
    file.write_text(VIDEO)
    with pytest.raises(InputError, match="line 2"):
        check_for(file, "youtube8m-2018", num_classes=5)
    file.write_text(SEGMENT)
    with pytest.raises(InputError, match="line 2"):
        check_for(file, "youtube8m-2019", max_segments=2)
    with pytest.raises(InputError, match="is not a plain file; give a CSV file"):
        check_for(tmp_path, "youtube8m-2019")
