"""docs/adding-a-model.md, followed to the letter in a copy of the project."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fenced import REPOSITORY, blocks_of, words_of

from yt8m.config import to_dict
from yt8m.recipes import make_config

PAGE = blocks_of(REPOSITORY / "docs" / "adding-a-model.md")
WALK = blocks_of(REPOSITORY / "docs" / "researching.md")
UNDERSTAND = """
import json, sys
from yt8m.commands import COMMANDS, configuring
from yt8m.commands.arguments import deferred, parse
from yt8m.commands.training import TrainFlags

for name, *rest in json.load(sys.stdin):
    recipes = {"train": TrainFlags, "check": configuring.JsonFlags}
    if name in recipes:
        assert configuring.configure(name, rest, recipes[name]).config.model.level == "frame"
    else:
        assert parse(deferred(COMMANDS[name]), rest, name) is not None
"""
NAME = "mean_two_layers"
BATTERY = ["tests/recipes/test_recipes.py", "tests/models", "tests/integration/test_command_line.py"]


def file_of(block) -> str:
    """Where the page says that a block goes: the last path of a module before it."""
    return re.findall(r"`((?:yt8m|tests)/[\w/]+\.py)`", block.before)[-1]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The project with the page's model in it."""
    directory = tmp_path_factory.mktemp("copy")
    for name in ("yt8m", "tests"):
        shutil.copytree(REPOSITORY / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, directory)
    for block in PAGE:
        if block.language == "python":
            path = directory / file_of(block)
            path.write_text(f"{path.read_text()}\n\n{block.text}")
    return directory


def run(copy: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PYTHONPATH": str(copy)}
    environment.pop("PYTEST_XDIST_WORKER", None)
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
def test_the_command_of_the_page_trains_the_model(copy, tmp_path, sample):
    (command,) = next(block for block in PAGE if block.language == "sh").commands()
    words = words_of(command)
    assert words[:3] == ["yt8m", "train", NAME]
    steps = words.index("--training.num-steps")
    assert int(words[steps + 1]) <= 1000
    words[words.index("data/sample")] = str(sample)
    trained = run(copy, *words, "--training.num-steps", "4", "--training.validate-every-steps", "2")
    assert trained.returncode == 0, trained.stderr
    assert "4 steps in" in trained.stdout
    assert (copy / "runs" / NAME / "best" / "model.weights.h5").exists()
    evaluated = run(copy, "yt8m", "evaluate", "--run", f"runs/{NAME}")
    assert evaluated.returncode == 0, evaluated.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
def test_the_battery_has_nothing_to_say_against_it(copy):
    chosen = f"{NAME} or parameters_are_counted or one_formula"
    done = run(copy, "pytest", "-q", "-n0", "-p", "no:cacheprovider", *BATTERY, "-k", chosen, "-rA")
    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.findall(r"^PASSED (tests/[\w/]+)\.py.*", done.stdout, re.MULTILINE)
    assert {"tests/recipes/test_recipes", "tests/models/test_every_model", "tests/models/test_paper_formulas"} <= set(
        passed
    )
    assert len(passed) > 20


def test_the_blocks_go_into_files_that_are_there():
    assert [file_of(block) for block in PAGE if block.language == "python"] == [
        *("yt8m/models/frame.py", "yt8m/recipes/frame.py"),
        *("yt8m/models/sizes.py", "tests/models/paper_bags.py"),
    ]
    assert all((REPOSITORY / file_of(block)).is_file() for block in PAGE)


def test_the_commands_of_the_walk_are_understood_with_the_model(copy):
    blocks = [block for block in WALK if block.language == "sh"]
    lines = [line.replace("$seed", "2") for block in blocks for line in block.commands() if line.startswith("yt8m ")]
    assert sum(NAME in line for line in lines) == 3
    ended = subprocess.run(
        [sys.executable, "-c", UNDERSTAND],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        input=json.dumps([words_of(line)[1:] for line in lines]),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr


def test_the_table_of_the_walk_is_that_of_its_runs(tmp_path, monkeypatch, capsys):
    """By hand: 0.4, 0.5 and 0.6 have the mean 0.5, and the standard deviation of a sample 0.1."""
    for recipe, gaps in {"mean_two_layers": (0.4, 0.5, 0.6), "frame_logistic": (0.3, 0.3, 0.3)}.items():
        for seed, gap in enumerate(gaps):
            run = tmp_path / "runs" / "both" / f"{recipe}-{seed}"
            (run / "best").mkdir(parents=True)
            (run / "config.json").write_text(json.dumps(to_dict(make_config("frame_logistic")) | {"recipe": recipe}))
            rows = [
                {"kind": "validation", "step": 1, "gap": gap - 0.2, "map": 0.9},
                {"kind": "train", "step": 2, "loss": 1.0},
                {"kind": "validation", "step": 2, "gap": gap, "map": 0.25},
                {"kind": "validation", "step": 3, "gap": gap - 0.1, "map": 0.9},
            ]
            (run / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    monkeypatch.chdir(tmp_path)
    (code,) = [block.text for block in WALK if block.language == "python"]
    exec(compile(code, "table.py", "exec"), {})
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[-2:] == [
        ["frame_logistic", "0.3", "0.0", "3", "0.25", "0.0", "3"],
        ["mean_two_layers", "0.5", "0.1", "3", "0.25", "0.0", "3"],
    ]
