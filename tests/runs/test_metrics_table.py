"""The metrics of a run as a DataFrame."""

import json
from pathlib import Path

import numpy as np
import pytest

from yt8m.config import DataConfig, RunConfig
from yt8m.errors import InputError
from yt8m.models import make_architecture
from yt8m.runs import append_metrics, open_run
from yt8m.runs.metrics import load_metrics

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "runs" / "video"


@pytest.fixture
def run(tmp_path):
    return open_run(RunConfig(run=str(tmp_path / "run"), model=make_architecture("moe"), data=DataConfig(train=("a",))))


def test_columns_come_in_the_order_of_the_file_and_lack_what_a_line_lacks(run):
    lines = [
        {"kind": "train", "step": 2, "loss": 0.1 + 0.2, "learning_rate": 1e-30},
        {"kind": "validation", "step": 2, "gap": 2 / 3, "loss": 5.5, "num_videos": 13},
        {"kind": "train", "step": 4, "loss": float("nan"), "learning_rate": float("inf")},
        {"kind": "train", "step": 3, "loss": None},
    ]
    for line in lines:
        append_metrics(run, line)
    table = load_metrics(run.path)
    assert list(table) == ["kind", "step", "loss", "learning_rate", "gap", "num_videos"]
    assert table["kind"].tolist() == ["train", "validation", "train", "train"]
    assert table["step"].tolist() == [2, 2, 4, 3]
    missing = np.nan
    np.testing.assert_array_equal(table["loss"], [0.1 + 0.2, 5.5, missing, missing])
    np.testing.assert_array_equal(table["learning_rate"], [1e-30, missing, np.inf, missing])
    np.testing.assert_array_equal(table["gap"], [missing, 2 / 3, missing, missing])
    assert [str(table[name].dtype) for name in ("step", "loss", "num_videos")] == ["int64", "float64", "float64"]


def test_every_number_of_an_older_run_is_the_one_in_its_file():
    lines = [json.loads(line) for line in (GOLDEN / "metrics.jsonl").read_text().splitlines()]
    table = load_metrics(GOLDEN)
    assert [{name: value for name, value in row.items() if value == value} for row in table.to_dict("records")] == lines


def test_a_run_that_wrote_none_has_no_rows(run):
    assert (len(load_metrics(run.path)), list(load_metrics(str(run.path)))) == (0, ["kind", "step"])


def test_a_line_that_is_cut_short_is_left_out_and_another_is_named(run):
    append_metrics(run, {"kind": "train", "step": 1, "loss": 2.0})
    run.metrics.write_text(f'{run.metrics.read_text()}{{"kind": "tr')
    assert len(load_metrics(run.path)) == 1
    run.metrics.write_text(f"{run.metrics.read_text()}\n")
    with pytest.raises(InputError, match=r"metrics\.jsonl, line 2: is damaged; delete that line"):
        load_metrics(run.path)


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no run directory \(it has no config\.json\)"):
        load_metrics(tmp_path / "none")
