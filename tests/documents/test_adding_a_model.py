"""docs/adding-a-model.md, followed to the letter in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fenced import REPOSITORY, blocks_of, words_of

PAGE = blocks_of(REPOSITORY / "docs" / "adding-a-model.md")
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
