"""What the targets of the Makefile run, as `make --dry-run` tells."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

COMMANDS = {
    ("submit",): ["submit sample --data.root data/sample --run runs/sample"],
    ("train", "RECIPE=moe", "DATA=data/own", "FLAGS=--training.num-steps 5"): [
        "train moe --data.root data/own --run runs/moe --training.num-steps 5"
    ],
    ("evaluate", "RUN=runs/other"): ["evaluate --run runs/other"],
    ("predict", "RUN=runs/other"): [
        "predict --run runs/other --out submissions/other.csv",
        "validate submissions/other.csv",
    ],
    ("report",): ["report runs/sample"],
    ("report", "RUNS=runs/a runs/b"): ["report runs/a runs/b"],
    ("upload", "COMPETITION=youtube8m-2019"): ["upload submissions/sample.csv --competition youtube8m-2019"],
    ("upload", "FILE=a.csv", "COMPETITION=youtube8m", "FLAGS=--message second"): [
        "upload a.csv --competition youtube8m --message second"
    ],
}


def lines_of(*words: str) -> list[list[str]]:
    """The words of each command line that a target runs, but those that make the environment and the sample data."""
    ended = subprocess.run(["make", "--dry-run", *words], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [shlex.split(line) for line in ended.stdout.splitlines() if not line.startswith("make")]
    return [line for line in lines if line[0].startswith(".venv/bin/") and line[1] != "synth"]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_targets_run_the_commands_of_their_names(words):
    expected = [[".venv/bin/yt8m", *line.split()] for line in COMMANDS[words]]
    assert lines_of(*words) == expected


def test_tensorboard_is_shown_all_runs_beside_each_other():
    assert lines_of("tensorboard", "RUN=runs/a", "FLAGS=--port 0") == [
        [".venv/bin/tensorboard", "--logdir", "runs/", "--port", "0"]
    ]


def test_every_target_is_listed_and_none_is_a_file():
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    help_text = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^  make ([a-z-]+)", help_text, re.MULTILINE))
    assert targets == phony
    assert listed == targets
