"""Two workers, as real processes on loopback, compute what one process does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jobs
import numpy as np
import preloaded
import pytest
from small_runs import losses, saved_state

from yt8m.data.identity import read_ids
from yt8m.distribution.cluster import as_tf_config
from yt8m.distribution.launching import free_addresses
from yt8m.predicting import StoredPredictions
from yt8m.predicting.prediction import predict
from yt8m.scoring.evaluation import evaluate
from yt8m.training import curves
from yt8m.training.loop import train

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(sample, tmp_path_factory) -> Path:
    """Where one process trained a run, and two workers then did all of `jobs.py`."""
    place = tmp_path_factory.mktemp("workers")
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(curves, "plot", lambda rows, path, best_step: None)
        train(jobs.run_of(place / "one", sample))
    command = [sys.executable, "-W", "ignore", jobs.__file__, place, sample]
    addresses = free_addresses(2)
    workers = [
        preloaded.Popen(command, env=os.environ | {"TF_CONFIG": as_tf_config(addresses, index)}, stderr=subprocess.PIPE)
        for index in range(2)
    ]
    try:
        ends = [worker.communicate(timeout=400)[1].decode() for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(end[-3000:] for end in ends)
    return place


def found(place: Path, key: str) -> list:
    """What each worker found."""
    return [json.loads((place / f"worker-{index}.json").read_text())[key] for index in range(2)]


def test_workers_agree(place):
    first, second = found(place, "agreements")
    assert first == second
    assert first == {
        "largest": [1, 0],
        "gathered": [{"worker": 0, "text": "x"}, {"worker": 1, "text": "x" * 100}],
        "together": [10, 11],
        "on_chief": "by 0",
        "failed": "InputError: no such file",
        "failed_on_chief": "InputError: disk is full",
        "uneven": [3, 1003],
        "nothing": [0, 5],
        "stopped": "Stopped: ",
        "broken": "InputError: record 3 is broken",
    }


@pytest.mark.parametrize("end", ["done", "failed"])
def test_no_worker_ends_before_all_have_what_they_asked_for(end, place):
    """One that did would be a lost worker to the slower ones."""
    times = [endings[end] for endings in found(place, "endings")]
    assert min(free for _, free in times) >= max(asked for asked, _ in times)


def test_workers_share_jobs_of_a_data_service(place):
    first, second = found(place, "job_names")
    assert first == second
    assert first[0] != first[1]  # another start is another job


def test_two_workers_give_the_losses_of_one_process(place):
    ours, theirs = losses(place / "run"), losses(place / "one")
    assert len(ours) == 50
    np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    first, second = saved_state(place / "one"), saved_state(place / "run")
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_allclose(second[name], first[name], rtol=1e-3, atol=1e-4, err_msg=name)


def test_both_workers_know_the_best_validation(place):
    first, second = found(place, "best")
    assert first == second
    assert first["step"] in (25, 50)


def without_rate(metrics: dict) -> dict:
    return {key: value for key, value in metrics.items() if key != "videos_per_second"}


@pytest.mark.parametrize(("key", "files"), [("metrics", None), ("metrics_of_one_file", 1)])
def test_evaluation_does_not_depend_on_the_workers(key, files, place, sample):
    """Of several files each worker scores its own; of one, every second record."""
    paths = sorted(map(str, (Path(sample) / "2/frame/validate").glob("*")))[:files]
    expected = without_rate(evaluate(place / "one", paths))
    for metrics in found(place, key):
        metrics = without_rate(metrics)
        assert metrics.keys() == expected.keys()
        for name in expected:
            assert metrics[name] == pytest.approx(expected[name], rel=1e-6), name


@pytest.mark.parametrize("kind", ["shares", "parts"])
def test_each_video_is_predicted_once_in_the_order_of_the_files(kind, place, sample, tmp_path):
    paths = sorted(map(str, (Path(sample) / "2/frame/validate").glob("*")))
    stored = StoredPredictions(place / kind)
    assert len(stored.digests) == (1 if kind == "shares" else len(paths))
    assert [video for part in stored.parts() for video in part.ids.tolist()] == read_ids(paths)
    predict(place / "one", paths, tmp_path / "one.csv", stored=tmp_path / "one")
    assert (place / f"{kind}.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
