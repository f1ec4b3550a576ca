"""Tables of runs, notes and cleaning, on run directories made by hand."""

import fcntl
import json
import os
from pathlib import Path

import pytest

import yt8m
from yt8m.errors import InputError
from yt8m.files import write_json
from yt8m.runs import RunDirectory
from yt8m.runs.cleaning import clean
from yt8m.runs.listing import find_runs, summaries
from yt8m.runs.notes import read_note, write_note
from yt8m.runs.starts import Ending, read_starts, recorded_start


def make_run(path: Path, *, step=20, num_steps=20, best=None, starts=(), recipe="moe", metric="gap") -> Path:
    (path / "best").mkdir(parents=True)
    training = {"num_steps": num_steps, "batch_size": 6}
    write_json(path / "config.json", {"recipe": recipe, "model": {"name": "moe"}, "training": training})
    (path / "metrics.jsonl").write_text(json.dumps({"kind": "train", "step": step, "loss": 1.0}) + "\n")
    (path / "best" / "model.weights.h5").write_bytes(bytes(100))
    if best is not None:
        count = "num_videos" if metric == "gap" else "num_segments"
        write_json(path / "best" / "metrics.json", {"step": 10, metric: best, "loss": 1.0, count: 5})
    (path / "starts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in starts))
    return path


BEGUN = {"event": "begun", "time": 100.0}
DONE = {"event": "ended", "time": 130.0, "status": "done", "step": 20, "reason": None, "seconds": 30.0}


@pytest.fixture
def place(tmp_path) -> Path:
    runs = tmp_path / "runs"
    first = make_run(
        runs / "first", best=0.5, starts=[BEGUN, DONE | {"status": "stopped", "step": 10, "seconds": 12.5}, BEGUN, DONE]
    )
    write_json(first / "record_counts.json", {"files": [["a", 1, 2, 20], ["b", 1, 2, 40]]})
    make_run(runs / "study" / "trials" / "0001", best=0.75, starts=[BEGUN], step=7)
    make_run(runs / "old", step=20, recipe="")
    make_run(runs / "older", step=19, best=0.25, metric="segment_map", starts=[])
    (runs / "other").mkdir()
    (runs / "other" / "config.json").write_text("{}")
    return runs


def test_a_table_of_runs(place):
    table = yt8m.list_runs(place).set_index("run")
    assert list(table.index) == [str(place / each) for each in ("study/trials/0001", "first", "older", "old")]
    first = table.loc[str(place / "first")]
    assert (first["recipe"], first["model"], first["level"]) == ("moe", "moe", "video")
    assert (first["status"], first["step"], first["num_steps"]) == ("done", 20, 20)
    assert (first["metric"], first["best"], first["best_step"]) == ("gap", 0.5, 10)
    assert (first["seconds"], first["started"]) == (42.5, 100.0)
    assert first["epochs"] == 20 * 6 / 60
    assert first["num_bytes"] == sum(each.stat().st_size for each in (place / "first").rglob("*") if each.is_file())
    assert table["status"].tolist() == ["killed", "done", "stopped", "done"]
    assert table["metric"].tolist()[:3] == ["gap", "gap", "segment_map"]
    assert table["epochs"].isna().tolist() == [True, False, True, True]
    assert str(table["num_steps"].dtype) == "Int64"
    assert len(yt8m.list_runs(place / "other")) == 0


def test_runs_that_were_made_at_once_are_done(tmp_path):
    """As `fit`, `weigh` and `average` make them, whatever their configuration says of steps."""
    for name, model, level in (
        ("fitted", {"name": "kernel_ridge"}, "video"),
        ("ensemble", {"name": "ensemble", "members": [{"name": "netvlad"}, {"name": "dbof"}]}, "frame"),
    ):
        run = make_run(tmp_path / name, num_steps=10_000, best=0.5)
        write_json(run / "config.json", {"model": model, "training": {"num_steps": 10_000}})
        (run / "metrics.jsonl").unlink()
        (run / "starts.jsonl").unlink()
        (found,) = summaries(run)
        assert (found.status, found.step, found.num_steps, found.level) == ("done", 0, None, level)


def test_columns_to_sort_by(place):
    assert [each.step for each in summaries(place, "step")] == [20, 20, 19, 7]
    assert [each.step for each in summaries(place, "step", reverse=True)] == [7, 19, 20, 20]
    names = [each.run for each in summaries(place, "run")]
    assert names == sorted(names)
    assert [each.seconds for each in summaries(place, "seconds")] == [42.5, None, None, None]
    assert [each.seconds for each in summaries(place, "seconds", reverse=True)] == [42.5, None, None, None]
    with pytest.raises(InputError, match="unknown column 'gap'"):
        summaries(place, "gap")


def test_where_runs_are_looked_for(place, tmp_path):
    assert find_runs(place / "first") == [place / "first"]
    deep = make_run(tmp_path / "a" / "b" / "c" / "d" / "e")
    assert find_runs(tmp_path / "a" / "b") == [deep]
    assert find_runs(tmp_path / "a" / "b" / "c" / "d") == [deep]
    (place / "link").symlink_to(place)
    assert len(find_runs(place)) == 4
    with pytest.raises(InputError, match="no such directory; name the one that your runs are in"):
        find_runs(tmp_path / "nothing")


def test_a_run_at_work_and_one_that_failed(place):
    descriptor = os.open(place / "first", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert {each.run: each.status for each in summaries(place)}[str(place / "first")] == "running"
        with pytest.raises(InputError, match="another process is at work on this run"):
            clean(place / "first")
    finally:
        os.close(descriptor)
    run = RunDirectory(place / "old")
    with pytest.raises(ValueError, match="loss"), recorded_start(run, lambda: 3, Ending()):
        raise ValueError("loss is nan")
    assert {each.run: each.status for each in summaries(place)}[str(place / "old")] == "failed"
    begun, ended = read_starts(run)
    assert (begun["event"], ended["status"], ended["step"], ended["reason"]) == ("begun", "failed", 3, "loss is nan")
    with pytest.raises(KeyboardInterrupt), recorded_start(run, lambda: 4, Ending()):
        raise KeyboardInterrupt
    assert read_starts(run)[-1]["status"] == "stopped"
    run.starts.write_text(run.starts.read_text()[:-20])  # a kill cut the last line off
    assert read_starts(run)[-1]["event"] == "begun"


def test_a_damaged_run_is_listed_as_far_as_it_goes(place):
    (place / "first" / "config.json").write_text("[")
    (place / "first" / "metrics.jsonl").write_text("x\n")
    (place / "first" / "best" / "metrics.json").write_text("{")
    (found,) = summaries(place / "first")
    assert (found.recipe, found.num_steps, found.best, found.step, found.status) == ("", None, None, 20, "done")


def test_notes(place):
    run = place / "first"
    write_note(run, "  with twice the clusters\nand more ")
    assert read_note(RunDirectory(run)) == "with twice the clusters\nand more"
    assert summaries(run)[0].note.startswith("with twice")
    write_note(run, " ")
    assert not (run / "note.txt").exists()
    for path, text, message in (
        (place / "nothing", "a", "no run directory"),
        (run, "a" * 10_001, "10001 characters; 10000 are the most"),
    ):
        with pytest.raises(InputError, match=message):
            write_note(path, text)


def test_cleaning_leaves_what_is_needed(place):
    run = place / "first"
    for name, size in (
        ("checkpoints/20/weights", 1000),
        ("predictions/ab/parts/0.npz", 300),
        (".x.tmp.1", 7),
        ("wandb/a", 5),
    ):
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_bytes(bytes(size))
    before = summaries(run)[0].num_bytes
    planned = clean(run, dry_run=True)
    assert summaries(run)[0].num_bytes == before
    assert [(Path(each.path).name, each.num_bytes) for each in planned.removed] == [
        ("predictions", 300),
        ("checkpoints", 1000),
        (".x.tmp.1", 7),
    ]
    assert clean(run, keep_checkpoints=True).num_bytes == 307
    done = clean(run)
    assert (done.num_bytes, done.kept_bytes) == (1000, before - 1307)
    assert planned.kept_bytes == done.kept_bytes == summaries(run)[0].num_bytes
    assert clean(run).removed == []


def test_a_run_that_can_go_on_keeps_its_checkpoints(place):
    for name, kept in (("older", True), ("study/trials/0001", True), ("old", False)):
        (place / name / "checkpoints").mkdir()
        (place / name / "checkpoints" / "1").write_bytes(b"1")
        clean(place / name)
        assert (place / name / "checkpoints").exists() == kept
