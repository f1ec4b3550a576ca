"""Runs that an older build left half-way are evaluated, gone on with, predicted with and exported by this one.

`tests/golden/make_figures.py` made them, and figures of the same runs trained to the end. Processors round differently, so the
figures here are near the older ones; on one machine two builds are compared byte for byte by that script.
"""

import json
import shutil
from pathlib import Path

import pytest
from make_figures import STEPS, STOPPED_AT, SYNTH, lists_of, rows_of, without_times

GOLDEN = Path(__file__).parents[1] / "golden"
FIGURES = json.loads((GOLDEN / "figures.json").read_text())
GONE_ON = json.loads((GOLDEN / "gone_on.json").read_text())
"""What these runs log after they were gone on with, by the first build with a reader of its own. Its order of records differs
from that of TensorFlow's shuffle."""

pytestmark = [pytest.mark.parametrize("name", FIGURES), pytest.mark.usefixtures("_optimised_graphs")]


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """The records that the runs learned from."""
    from yt8m.data.tools.synthetic import synthesise

    directory = tmp_path_factory.mktemp("old") / "data"
    options = dict(zip(SYNTH[2::2], map(int, SYNTH[3::2]), strict=True))
    synthesise(directory, **{key.removeprefix("--").replace("-", "_"): value for key, value in options.items()})
    return directory


@pytest.fixture
def old_run(name, records, tmp_path, monkeypatch):
    """A copy of a run, in a directory that holds its records as it names them."""
    (tmp_path / "data").symlink_to(records)
    monkeypatch.chdir(tmp_path)
    for each in FIGURES:
        shutil.copytree(GOLDEN / "runs" / each, tmp_path / "runs" / each)
    return f"runs/{name}"


def near(values: dict) -> dict:
    return {key: pytest.approx(value, rel=2e-3, abs=2e-4) for key, value in values.items()}


@pytest.mark.thorough
def test_evaluation(yt8m, old_run, name):
    outcome = yt8m("evaluate", "--run", old_run, "--json")
    assert outcome.status == 0, outcome.err
    assert without_times(outcome.json) == near(FIGURES[name]["half_way"])


@pytest.mark.slow
def test_going_on(yt8m, old_run, name):
    """With the flags of its own configuration, as a user would type them."""
    config = json.loads(Path(old_run, "config.json").read_text())
    flags = ["--run", old_run, "--training.num-steps", STEPS]
    for group in ("data", "training", "model"):
        for key, value in config[group].items():
            if key in ("name", "num_steps") or value in ("", [], None):
                continue
            flag = f"--{group}.{key.replace('_', '-')}"
            if isinstance(value, bool):
                flags.append(flag if value else f"--{group}.no-{key.replace('_', '-')}")
            elif not (key == "validate" and config["data"]["fold"]):
                flags += [flag, *(value if isinstance(value, list) else [value])]
    outcome = yt8m("train", config["recipe"], *flags)
    assert outcome.status == 0, outcome.err
    found, older = rows_of(Path(old_run)), FIGURES[name]["rows"]
    expected = [row for row in older if row["step"] <= STOPPED_AT] + GONE_ON[name]
    assert [row["step"] for row in found] == [row["step"] for row in older]
    for row, known in zip(found, expected, strict=True):
        assert {key: row[key] for key in known if key not in ("kind", "best")} == near(
            {key: value for key, value in known.items() if key not in ("kind", "best")}
        )
    # The older build had other batches from here on, and came to the same end.
    assert found[-1]["kind"] == "validation"
    ends = {key: value for key, value in older[-1].items() if key in ("gap", "hit_at_1", "map", "loss")}
    assert {key: found[-1][key] for key in ends} == {key: pytest.approx(value, rel=0.05) for key, value in ends.items()}


def test_prediction(yt8m, old_run, name, tmp_path):
    task = "segment" if name == "segment" else "video"
    outcome = yt8m("predict", "--run", old_run, "--task", task, "--out", tmp_path / "x.csv")
    assert outcome.status == 0, outcome.err
    found, expected = lists_of(tmp_path / "x.csv"), FIGURES[name]["half_way_lists"]
    assert found.keys() == expected.keys()
    for key, text in expected.items():
        if name == "segment":  # an order, in which neighbours may change places
            assert sorted(found[key].split()) == sorted(text.split())
            continue
        here, there = ({int(each): float(score) for each, score in pairs(value)} for value in (found[key], text))
        assert here == {class_id: pytest.approx(score, abs=1e-3) for class_id, score in there.items()}


def pairs(text):
    words = text.split()
    return zip(words[::2], words[1::2], strict=True)


@pytest.mark.slow
def test_exporting_and_a_report(yt8m, old_run, name, tmp_path):
    config = json.loads(Path(old_run, "config.json").read_text())
    for arguments in (
        ("export", "--run", old_run, "--format", "archive", "--out", tmp_path / "x.tgz"),
        ("unpack", tmp_path / "x.tgz", "--out", tmp_path / "unpacked"),
        ("report", old_run),
    ):
        outcome = yt8m(*arguments)
        assert outcome.status == 0, outcome.err
    if not config["data"]["fold"]:
        outcome = yt8m("evaluate", "--run", tmp_path / "unpacked", "--data", *config["data"]["validate"], "--json")
        assert without_times(outcome.json) == near(FIGURES[name]["half_way"])
