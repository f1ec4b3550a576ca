"""What happens to predictions when bundles fail or workers are killed: the result is whole, or there is none."""

import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from job_services import end_with_its_workers_killed, workers_of
from trained_runs import FRAMES, RATED

from yt8m.errors import InputError
from yt8m.predicting import prediction, run_predictions
from yt8m.predicting.prediction import predict
from yt8m.scoring.evaluation import evaluate
from yt8m.scoring.scorer import BATCH_SIZE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(once_trained) -> str:
    return once_trained()


@pytest.fixture
def small(monkeypatch):
    """Batches of a few rows, and a part of stored predictions for each file."""
    for level, size in (("frame", 4), ("segment", 8)):
        monkeypatch.setitem(BATCH_SIZE, level, size)
    monkeypatch.setattr(run_predictions, "PART_BYTES", 1)


@pytest.mark.parametrize("where", ["scoring", "writing"])
def test_bundles_that_fail_twice_and_then_succeed(run, sample, tmp_path, small, retried_bundles, monkeypatch, where):
    from yt8m.cluster import models
    from yt8m.cluster import predict as on_cluster
    from yt8m.cluster.on_beam import OnBeam
    from yt8m.cluster.options import BeamOptions

    (tmp_path / "tries").mkdir()
    failing = {"scoring": models._ScoreUnits, "writing": on_cluster._WritePart}[where]
    process = failing.process

    def fails_twice(self, element):
        found = list(process(self, element))
        if len(list((tmp_path / "tries").iterdir())) < 2:
            (tmp_path / f"tries/{time.monotonic_ns()}").touch()
            raise RuntimeError("the worker is gone")
        return found

    data, elsewhere = [str(sample / RATED)], OnBeam(BeamOptions(options="--direct_running_mode in_memory"))
    predict(run, data, tmp_path / "local.csv", stored=tmp_path / "local")
    here = evaluate(run, data)
    monkeypatch.setattr(failing, "process", fails_twice)
    predict(run, data, tmp_path / "beam.csv", stored=tmp_path / "beam", elsewhere=elsewhere)
    assert len(list((tmp_path / "tries").iterdir())) == 2
    assert (tmp_path / "beam.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    names = ["predictions.json", "parts/00000.npz", "parts/00001.npz"]
    for name in names:
        assert (tmp_path / "beam" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()
    assert len([path for path in (tmp_path / "beam").rglob("*") if path.is_file()]) == len(names)
    there = evaluate(run, data, elsewhere=elsewhere)
    assert {**there, "videos_per_second": 0} == {**here, "videos_per_second": 0}


@pytest.mark.parametrize("where", ["the model", "a part", "the submission"])
def test_a_full_disk_is_one_line(run, sample, tmp_path, small, beam, monkeypatch, where):
    """No file may be larger than some bytes while this is written, as on a disk with so much room."""
    from yt8m.cluster import on_beam
    from yt8m.cluster import predict as on_cluster
    from yt8m.cluster.options import BeamOptions

    def with_little_room(write):
        def limited(*arguments, **options):
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
            try:
                found = write(*arguments, **options)
                return list(found) if where == "a part" else found
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)

        return limited

    owner, name = {
        "the model": (on_beam, "stage"),
        "a part": (on_cluster._WritePart, "process"),
        "the submission": (prediction, "write_submission"),
    }[where]
    monkeypatch.setattr(owner, name, with_little_room(getattr(owner, name)))
    elsewhere = on_beam.OnBeam(BeamOptions(options="--direct_running_mode in_memory"))
    with pytest.raises(InputError, match=r"cannot be written \(File too large\); choose another place, or make room"):
        predict(run, [str(sample / FRAMES)], tmp_path / "out.csv", elsewhere=elsewhere)
    assert [each.name for each in tmp_path.iterdir() if each.name != ".out.csv.predictions"] == []
    assert list(tmp_path.rglob(".beam-*")) == []
    monkeypatch.undo()
    predict(run, [str(sample / FRAMES)], tmp_path / "out.csv", elsewhere=elsewhere)
    predict(run, [str(sample / FRAMES)], tmp_path / "local.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()


def has_tensorflow(worker: int) -> bool:
    try:
        return "tensorflow" in Path(f"/proc/{worker}/maps").read_text()
    except OSError:
        return False


def test_a_worker_is_killed_and_the_job_started_again(run, job_service, sample, tmp_path):
    flags, pool = job_service
    data = str(sample / FRAMES)
    predict(run, [data], tmp_path / "local.csv", stored=tmp_path / "local")
    words = [sys.executable, "-m", "yt8m", "predict", "--run", run, "--data", data]
    words += ["--out", str(tmp_path / "out.csv"), "--store", str(tmp_path / "out"), *flags]
    # Then they are about to load the model.
    end_with_its_workers_killed(words, pool, lambda: any(map(has_tensorflow, workers_of(pool))))
    assert not (tmp_path / "out.csv").exists()
    assert not list(tmp_path.glob("out/.beam-*"))
    again = subprocess.run(words, capture_output=True, text=True, check=False, timeout=400)
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    for path in Path(tmp_path / "local").rglob("*"):
        if path.is_file():
            assert (tmp_path / "out" / path.relative_to(tmp_path / "local")).read_bytes() == path.read_bytes()
    assert not [path for path in (tmp_path / "out").rglob(".*")]


def test_workers_of_a_service_need_a_place_that_all_share(run, job_service, sample):
    flags, _ = job_service
    words = [sys.executable, "-m", "yt8m", "evaluate", "--run", run, "--data", str(sample / FRAMES), *flags]
    result = subprocess.run(words, capture_output=True, text=True, check=False, timeout=240)
    assert result.returncode == 2
    line = result.stderr.splitlines()[-1]
    assert line.startswith("yt8m: --beam.options has no --temp_location, and PortableRunner's workers need a directory")
