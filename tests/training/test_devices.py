"""Two devices compute what one does."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_runs import configure, losses, rows, saved_state

from yt8m import runs
from yt8m.config import DistributeConfig, to_dict
from yt8m.files import read_json
from yt8m.predicting.ensembling import ensemble, weigh
from yt8m.predicting.prediction import predict
from yt8m.scoring.evaluation import evaluate
from yt8m.training.loop import train

SETTINGS = {
    "num_steps": 50,
    "ema_decay": 0.9,
    "optimizer": "adamw",
    "epsilon": 1e-3,  # or a gradient that is rounding alone would move its weight at full rate
    "weight_decay": 0.1,
    "clip_norm": 1.0,
    "validate_every_steps": 50,
    "synchronised_batch_normalisation": True,
}
MODEL, SIZES = "dbof", {"num_clusters": 8, "hidden_size": 8, "l2": 0.01}
"""A penalty that a run of two must not count twice; statistics of frames, and of videos, over both devices."""


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
def test_two_devices_train_average_statistics_evaluate_and_predict_as_one(sample, tmp_path):
    one, two = (configure(tmp_path / name, sample, MODEL, SIZES, validate=True, **SETTINGS) for name in ("one", "two"))
    train(one)
    two = dataclasses.replace(two, distribute=DistributeConfig(virtual_devices=2))
    (tmp_path / "two.json").write_text(json.dumps(to_dict(two)))
    # Five batches, of which one is left over; each device's come from elsewhere.
    vectors = np.random.default_rng(0).normal(np.arange(5)[:, None, None], 1.0, (5, 7, 3)).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    script, records = Path(__file__).with_name("two_devices.py"), str(sample / "2/frame/validate")
    command = [sys.executable, "-W", "ignore", script, tmp_path / "two.json", tmp_path / "one", records, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    statistics, seen = np.load(tmp_path / "statistics.npz"), vectors[:4].reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(statistics["means"], 2 * [seen.mean(0)], rtol=1e-5)
    np.testing.assert_allclose(statistics["variances"], 2 * [seen.var(0)], rtol=1e-5)
    metrics = evaluate(str(tmp_path / "one"), [records])
    for key, value in json.loads((tmp_path / "metrics.json").read_text()).items():
        if key != "videos_per_second":
            assert value == pytest.approx(metrics[key], rel=1e-6), key
    predict(str(tmp_path / "one"), [records], tmp_path / "one.csv")
    assert (tmp_path / "predictions.csv").read_bytes() == (tmp_path / "one.csv").read_bytes()
    one, two = tmp_path / "one", tmp_path / "two"
    for run in (one, two):
        shutil.rmtree(run / "predictions")  # those that the two devices made
    weigh([one, two], [records], tmp_path / "weights_of_one.json")
    assert read_json(tmp_path / "weights.json") == read_json(tmp_path / "weights_of_one.json")
    ensemble([one, two], tmp_path / "ensemble_of_one.csv", data=[records])
    assert (tmp_path / "ensemble.csv").read_bytes() == (tmp_path / "ensemble_of_one.csv").read_bytes()
    assert len(read_json(runs.RunDirectory(two).environment)["devices"]) == 2
    np.testing.assert_allclose(losses(two), losses(one), rtol=1e-5)
    # Scores of a model that knows little lie close together: the last bit may turn the order of two around.
    for key, tolerance in (("gap", 5e-3), ("loss", 1e-5)):
        validations = [[row[key] for row in rows(run, "validation")] for run in (two, one)]
        np.testing.assert_allclose(*validations, rtol=tolerance)
    first, second = saved_state(one), saved_state(two)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_allclose(second[name], first[name], rtol=1e-4, atol=1e-5, err_msg=name)
