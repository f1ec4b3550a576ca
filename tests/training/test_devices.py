"""Two devices compute what one does."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from small_runs import configure, losses, rows, saved_state

from yt8m import runs
from yt8m.config import to_dict
from yt8m.training.loop import train

SETTINGS = {
    "num_steps": 4,
    "ema_decay": 0.9,
    "optimizer": "adamw",
    "weight_decay": 0.1,
    "clip_norm": 1.0,
    "validate_every_steps": 4,
}
MODELS = {"logistic": {"l2": 0.01}}
"""Without batch normalisation, whose statistics are each device's own. A penalty that a run of two must not count twice."""


def test_two_devices_give_the_losses_of_one(sample, tmp_path):
    files = []
    for model, hyperparameters in MODELS.items():
        one, two = (
            configure(tmp_path / name / model, sample, model, hyperparameters, validate=True, **SETTINGS)
            for name in "12"
        )
        train(one)
        files.append(tmp_path / f"{model}.json")
        files[-1].write_text(json.dumps(to_dict(two)))
    script = Path(__file__).with_name("two_devices.py")
    subprocess.run([sys.executable, "-W", "ignore", script, *files], check=True, capture_output=True, timeout=300)
    for model in MODELS:
        one, two = tmp_path / "1" / model, tmp_path / "2" / model
        assert len(runs.read_json(runs.RunDirectory(two).environment)["devices"]) == 2
        np.testing.assert_allclose(losses(two), losses(one), rtol=1e-5)
        for key in ("gap", "loss"):
            validations = [[row[key] for row in rows(run, "validation")] for run in (two, one)]
            np.testing.assert_allclose(*validations, rtol=1e-5)
        first, second = saved_state(one), saved_state(two)
        assert first.keys() == second.keys()
        for name in first:
            np.testing.assert_allclose(second[name], first[name], rtol=1e-4, atol=1e-5, err_msg=name)
