"""Runs and scratch files behind an address, as on a cluster whose workers share no disk with whoever starts the job."""

import json
import shutil
import tempfile

import pytest
from trained_runs import FRAMES, RATED

from yt8m.predicting import run_predictions
from yt8m.predicting.prediction import predict
from yt8m.runs import RunDirectory


@pytest.fixture
def storage(beam, tmp_path, monkeypatch):
    """The directory that `shared://` stands for."""
    import shared_storage

    (tmp_path / "storage").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(shared_storage, "ROOT", tmp_path / "storage")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path / "storage"


@pytest.fixture(scope="module")
def run(once_trained) -> str:
    return once_trained()


@pytest.mark.thorough
@pytest.mark.parametrize("records", [FRAMES, RATED])
def test_a_run_and_scratch_files_behind_an_address(
    run, sample, tmp_path, storage, status_of, capsys, monkeypatch, records
):
    monkeypatch.setattr(run_predictions, "PART_BYTES", 1)
    shutil.copytree(run, storage / "runs/mine")
    data = sample / records
    predict(run, [str(data)], tmp_path / "local.csv", stored=tmp_path / "local")
    flags = ["--run", "shared://runs/mine", "--data", data, "--engine", "beam"]
    flags += ["--beam.options", "--direct_running_mode in_memory --temp_location shared://scratch"]
    assert status_of("predict", *flags, "--out", tmp_path / "beam.csv", "--store", tmp_path / "beam") == 0
    assert (tmp_path / "beam.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    for name in ("parts/00000.npz", "parts/00001.npz", "predictions.json"):
        assert (tmp_path / "beam" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    capsys.readouterr()
    assert status_of("evaluate", *flags, "--json") == 0
    there = json.loads(capsys.readouterr().out)
    assert status_of("evaluate", "--run", run, "--data", data, "--json") == 0
    here = json.loads(capsys.readouterr().out)
    assert {**there, "videos_per_second": 0} == {**here, "videos_per_second": 0}
    assert not [path for path in (storage / "scratch").rglob("*") if path.is_file()]


def test_a_copy_is_made_once_and_again_after_a_change(run, storage, tmp_path):
    from yt8m.cluster.models import local_copy

    assert local_copy(run) == run
    shutil.copytree(run, storage / "mine")
    first = local_copy("shared://mine")
    there = RunDirectory(tmp_path / first)
    assert there.best_weights.read_bytes() == RunDirectory(storage / "mine").best_weights.read_bytes()
    changed = there.best_weights.stat().st_mtime_ns
    assert local_copy("shared://mine") == first
    assert there.best_weights.stat().st_mtime_ns == changed
    config = storage / "mine/config.json"
    config.write_text(config.read_text() + " ")
    assert local_copy("shared://mine") != first


def test_what_is_no_run_is_one_line(run, storage, status_of, sample, capsys):
    flags = ["--data", sample / FRAMES, "--engine", "beam"]
    assert status_of("evaluate", "--run", "shared://nothing", *flags) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == "yt8m: shared://nothing: has no config.json; name a run directory that yt8m train made"
    assert status_of("evaluate", "--run", "unknown://nothing", *flags) == 2
    assert "unknown://nothing/config.json: cannot be read" in capsys.readouterr().err
