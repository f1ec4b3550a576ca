"""Directories as people mean them: a run in the first place, a directory of runs, the root of a data set."""

import re
import shutil

import pytest
from fenced import REPOSITORY


def test_the_root_of_a_data_set_is_inspected_directory_by_directory(sample, yt8m):
    found = yt8m("inspect", sample, "--json").json["directories"]
    assert set(found) == {
        *(f"{sample}/2/{level}/{split}" for level in ("frame", "video") for split in ("train", "validate", "test")),
        *(f"{sample}/3/frame/{split}" for split in ("validate", "test")),
    }
    assert {place.partition("sample")[2].split("/", 1)[1]: each["level"] for place, each in found.items()}[
        "3/frame/validate"
    ] == "segment"
    assert sum(each["num_records"] for each in found.values()) == 2 * (64 + 13 + 13) + 13 + 13
    lines = yt8m("inspect", sample / "2" / "video").out.split("\n\n")
    assert [each.splitlines()[0] for each in lines] == [
        f"{sample}/2/video/{split}" for split in ("test", "train", "validate")
    ]
    outcome = yt8m("inspect", sample, "--plots", "pictures")
    assert outcome.status == 2
    assert f"{sample}: pictures are of one directory of records; give one, such as {sample}/2/frame/test" in outcome.err


def test_a_directory_with_one_below_stands_for_that(sample, tmp_path, yt8m):
    shutil.copytree(sample / "2" / "video" / "test", tmp_path / "data" / "video" / "test")
    assert yt8m("inspect", tmp_path / "data", "--json").json["num_records"] == 13


@pytest.mark.thorough
def test_a_run_may_stand_first(tiny_run, yt8m):
    named, first = yt8m("evaluate", "--run", tiny_run, "--json").json, yt8m("evaluate", tiny_run, "--json").json
    assert {**named, "videos_per_second": 0} == {**first, "videos_per_second": 0}
    outcome = yt8m("evaluate", tiny_run, "--run", tiny_run)
    assert outcome.status == 2
    assert outcome.err.startswith(f"yt8m: {tiny_run}: a run, and --run is given too; name runs once")


@pytest.mark.slow
def test_a_report_of_a_directory_of_runs(tiny_run, tmp_path, yt8m):
    for name in ("a", "b"):
        shutil.copytree(tiny_run, tmp_path / "runs" / name)
    (tmp_path / "runs" / "c" / "best").mkdir(parents=True)
    (tmp_path / "runs" / "c" / "config.json").write_text("{}")
    outcome = yt8m("report", tmp_path / "runs")
    assert [line.split(": ")[0] for line in outcome.out.splitlines()] == [
        *(str(tmp_path / "runs" / name) for name in "ab"),
        str(tmp_path / "runs" / "report.html"),
    ]
    assert f"{tmp_path}/runs: 2 runs, 1 without weights are left out" in outcome.err


def test_the_page_on_runs_lists_the_files_of_a_run(tiny_run):
    """Other tests may have used the run, so it may have what other commands make, too."""
    page = (REPOSITORY / "docs" / "runs.md").read_text().partition("## What a run directory holds")[2]
    made_by = dict(re.findall(r"^\| `([\w./]+)` \| ([^|]*) \|", page, re.MULTILINE))
    there = {path.name + "/" * path.is_dir() for path in tiny_run.iterdir()}
    by_training = {name for name, maker in made_by.items() if maker == "training"}
    assert len(by_training) == 11
    assert by_training <= there <= {*made_by}
    assert {path.name for path in (tiny_run / "best").iterdir()} == set(
        re.findall(r"`(m[\w.]+)`", page.splitlines()[6])
    )
