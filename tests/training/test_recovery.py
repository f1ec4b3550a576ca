"""A run that is killed again and again ends as one that never was."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_runs import GATED, assert_same_state, configure, rows

from yt8m import runs
from yt8m.config import to_dict
from yt8m.training.loop import train

KILLS = 10
SETTINGS = {
    "num_steps": 180,
    "checkpoint_every_steps": 3,
    "validate_every_steps": 60,
    "ema_decay": 0.9,
    "keep_checkpoints": 2,
}


def configured(run, sample):
    return configure(run, sample, "moe", GATED, validate=True, **SETTINGS)


def all_files(run: Path) -> set[str]:
    return {
        str(path.relative_to(run)) for path in run.rglob("*") if path.is_file() and path.parent.name != "tensorboard"
    }


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
def test_a_run_killed_ten_times_ends_bit_for_bit_as_one_never_killed(sample, tmp_path):
    """The weights, the optimizer's state, the best weights, the metrics; and nothing half-written is left."""
    train(configured(tmp_path / "whole", sample))
    (tmp_path / "config.json").write_text(json.dumps(to_dict(configured(tmp_path / "killed", sample))))
    script = Path(__file__).with_name("killed_runs.py")
    command = [sys.executable, "-W", "ignore", script, tmp_path / "config.json", str(KILLS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    kills = json.loads(done.stdout.splitlines()[-1])
    assert kills == {"at_any_moment": KILLS // 2, "while_saving": KILLS // 2}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert_same_state(whole, killed)
    first, second = (runs.RunDirectory(run) for run in (whole, killed))
    assert first.best_weights.read_bytes() == second.best_weights.read_bytes()
    for kind, without in (("train", "videos_per_second"), ("validation", "videos_per_second")):
        lines = [
            [{key: row[key] for key in row if key != without} for row in rows(run, kind)] for run in (whole, killed)
        ]
        assert lines[0] == lines[1]
    assert all_files(killed) == all_files(whole)
