"""`yt8m export` and `yt8m unpack` as they are typed."""

import shutil

import pytest
from made_runs import make_run

FRAMES = "2/frame/validate"


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "run"
    make_run(path, "frame_logistic", features=("audio",), validate=(str(sample / FRAMES),))
    return path


def test_an_archive_is_written_with_its_change_and_unpacked(yt8m, run, sample, tmp_path):
    archive, made = tmp_path / "new" / "model.tgz", tmp_path / "made"
    outcome = yt8m("export", "--run", run, "--format", "archive", "--out", archive, "--float16")
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert lines[0].startswith(f"written  {archive}, ")
    assert lines[0].endswith(" uncompressed")
    assert lines[1].startswith("float16  GAP 0.")
    assert lines[1].endswith("on 13 videos")
    assert lines[2:] == [f"card     {archive.parent}/README.md"]
    assert "## Metrics" in (archive.parent / "README.md").read_text()
    outcome = yt8m("unpack", archive, "--out", made)
    assert outcome.status == 0
    assert outcome.out == f"{made}: frame_logistic; yt8m evaluate --run {made} --data PATH\n"
    outcome = yt8m("evaluate", "--run", made)
    assert (outcome.status, outcome.err.count("\n")) == (2, 1), "it does not know where the records lie"
    unpacked = yt8m("unpack", archive, "--out", tmp_path / "again", "--json").json
    assert unpacked["model"] == "frame_logistic"


def test_json_tells_what_was_written(yt8m, run, tmp_path):
    out = tmp_path / "model.keras"
    written = yt8m("export", "--run", run, "--format", "keras", "--out", out, "--json").json
    assert written == {
        "path": str(out),
        "format": "keras",
        "num_bytes": out.stat().st_size,
        "signatures": [],
        "change": None,
        "card": str(tmp_path / "README.md"),
    }


BAD = {
    "no run": (["--run", "nothing"], "nothing: no run directory"),
    "another format": (["--format", "tensorrt"], "tensorrt"),
    "an ending that Keras does not load": (["--format", "keras"], "Keras does not load a file of this name"),
    "a directory where a file belongs": (["--out", "."], "this is a directory"),
    "a directory that exists": (["--format", "saved-model", "--out", "."], ".: exists; name a new directory"),
    "an address": (["--format", "saved-model", "--out", "gs://bucket/model"], "gs://bucket/model: "),
    "classes for another format": (["--top-k", "3"], "--top-k is for --format saved-model; leave it out for archive"),
    "frames for another format": (["--num-frames", "3"], "--num-frames is for --format saved-model, litert and onnx"),
    "a size for another format": (["--format", "litert", "--max-gigabytes", "3"], "--max-gigabytes is for"),
    "a negative size": (["--max-gigabytes", "-1"], "-1"),
    "a license in words": (["--license", "CC BY"], "is no identifier of a license"),
    "no classes": (["--format", "saved-model", "--top-k", "0"], "0"),
    "records without float16": (["--data", "x"], "--data is for measuring the effect of --float16"),
    "records that are not there": (["--data", "nowhere", "--float16"], "nowhere: no such file"),
    "a model that is too large": (["--max-gigabytes", "0.00001"], "--float16"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD.values(), ids=BAD)
def test_mistakes_are_one_line_and_leave_nothing(arguments, words, yt8m, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = yt8m("export", "--run", run, "--format", "archive", "--out", "new/model.tgz", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert words in outcome.err
    assert outcome.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_unpack_refuses_what_is_no_archive_in_one_line(yt8m, run, tmp_path):
    outcome = yt8m("unpack", run / "config.json", "--out", tmp_path / "run")
    assert outcome.status == 2
    assert outcome.err.startswith(f"yt8m: {run}/config.json: is not an archive, or is damaged")
    assert outcome.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_export_of_a_run_without_weights_yet_says_so(yt8m, run, tmp_path):
    shutil.copytree(run, tmp_path / "young", ignore=shutil.ignore_patterns("*.h5"))
    outcome = yt8m("export", "--run", tmp_path / "young", "--format", "archive", "--out", tmp_path / "model.tgz")
    assert outcome.status == 2
    assert "has no best/model.weights.h5 yet" in outcome.err
