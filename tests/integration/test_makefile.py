"""What the targets of the Makefile run, as `make --dry-run` tells, and that it runs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROOFS = {
    "help": ("tests/integration/test_makefile.py", '["make"]'),
    **{target: ("tests/integration/test_makefile.py", f'"{target}"') for target in ("train", "evaluate", "predict")},
    **{target: ("tests/integration/test_makefile.py", f'"{target}"') for target in ("tensorboard", "format", "clean")},
    **{target: ("README.md", f"\nmake {target}") for target in ("submit", "test")},
    **{target: ("docs/own-videos.md", f"\nmake {target}") for target in ("own", "vlog")},
    "report": ("docs/reports.md", "\nmake report"),
    "upload": ("docs/uploading.md", "\nmake upload"),
    "install": ("tests/integration/test_makefile.py", '"install"'),
    "data": ("README.md", "`yt8m synth data/sample`"),
    **{target: (".ci/run", f"\nmake {target}") for target in ("lint", "docs", "test-newest")},
    "test-slow": ("tests/integration/test_makefile.py", '"test-slow"'),
    "wheel": ("tests/integration/test_wheel.py", '"build", "--no-isolation"'),
}
"""What runs each target's commands: a file, and how it says so. The blocks of pages are run by test_documented_commands.py, and
`.ci/run` is what a change must pass. The other targets run benchmarks."""

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


def dry_run(*words: str, directory: Path = ROOT) -> str:
    """What make says that it would run."""
    command = ["make", "--dry-run", *words]
    return subprocess.run(command, cwd=directory, capture_output=True, text=True, check=True).stdout


def copy_set_up(directory: Path) -> None:
    """Copies the Makefile and what installations depend on to where nothing is installed."""
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt", "setup-environment.sh"):
        shutil.copy(ROOT / name, directory)


def lines_of(*words: str) -> list[list[str]]:
    """The words of each command line that a target runs, but those that make the environment and the sample data."""
    lines = [
        shlex.split(line) for line in dry_run(*words).replace("\\\n", "").splitlines() if not line.startswith("make")
    ]
    return [line for line in lines if line[0].startswith(".venv/bin/") and line[1] != "synth"]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_targets_run_the_commands_of_their_names(words):
    expected = [[".venv/bin/yt8m", *line.split()] for line in COMMANDS[words]]
    assert lines_of(*words) == expected


def extras_installed_by(target: str, elsewhere: Path) -> set[str]:
    """What a target installs where nothing is installed, by the extras of setup.cfg."""
    lines = dry_run(target, directory=elsewhere).splitlines()
    asked = [shlex.split(line)[3] for line in lines if line.startswith("sh setup-environment.sh .venv ")]
    assert len(asked) == 1, lines
    return set(asked[0].split(",")) - {""}


def test_targets_install_what_they_need_and_nothing_else(tmp_path):
    copy_set_up(tmp_path)
    listed = (ROOT / "setup.cfg").read_text().partition("[options.extras_require]")[2].partition("\n[")[0]
    extras = set(re.findall(r"^(\w+) =", listed, re.MULTILINE))
    other = {"jax", "mlflow", "wandb"}  # of the other environment, and of services
    few = {target: set() for target in ("submit", "train", "evaluate", "predict", "data", "tensorboard", "leaderboard")}
    some = {"report": {"report"}, "own": {"scenes", "video"}, "vlog": {"scenes", "video"}, "upload": {"kaggle"}}
    most = {"install": extras - other - {"docs", "test"}}
    every = dict.fromkeys(("lint", "format", "docs", "test", "test-slow", "wheel", "bench"), extras - other)
    expected = few | some | most | every
    assert {target: extras_installed_by(target, tmp_path) for target in expected} == expected
    rows = re.findall(
        r"^\| (`make [^|]*) \| (?:what|the same)", (ROOT / "docs" / "command-line.md").read_text(), re.MULTILINE
    )
    groups = [re.findall(r"`(?:make )?([\w-]+)`", row) for row in rows]
    assert {target for group in groups for target in group} == set(expected)
    assert all(len({frozenset(expected[target]) for target in group}) == 1 for group in groups)


@pytest.mark.parametrize(
    ("first", "then"), [("test", "submit"), ("test", "install"), ("install", "own"), ("own", "train")]
)
def test_what_a_larger_installation_has_is_not_installed_again(tmp_path, first, then):
    copy_set_up(tmp_path)
    (tmp_path / ".venv").mkdir()
    lines = dry_run(first, directory=tmp_path).splitlines()
    touched = next(line for line in lines if line.startswith("touch "))
    subprocess.run(touched, shell=True, cwd=tmp_path, check=True)
    assert "setup-environment.sh" not in dry_run(then, directory=tmp_path)


def test_the_documentation_is_built_so_that_warnings_are_errors():
    """With --quiet, mkdocs does not count warnings, and --strict passes."""
    assert shlex.split(dry_run("docs").splitlines()[-1])[-2:] == ["build", "--strict"]


def test_tensorboard_is_shown_all_runs_beside_each_other():
    assert lines_of("tensorboard", "RUN=runs/a", "FLAGS=--port 0") == [
        [".venv/bin/tensorboard", "--logdir", "runs/", "--port", "0"]
    ]


def test_the_quick_and_the_slow_tests_are_all_of_them():
    """As pytest, which decides by the last of its flags, is told."""
    pytest_flags = {target: lines_of(*target.split())[0][1:] for target in ("test", "test-slow", "test TESTS=all")}
    assert pytest_flags == {
        "test": ["-m", "pytest"],
        "test-slow": ["-m", "pytest", "-m", "slow or thorough"],
        "test TESTS=all": ["-m", "pytest", "-m", ""],
    }
    assert '-m "not slow and not thorough"' in (ROOT / "setup.cfg").read_text()


def test_tests_started_by_make_start_a_make_of_their_own():
    """`make test TESTS=all` hands its variable on, and its level, on which a second `make` tells its directory."""
    code = "import json, os; from conftest import forget_make; forget_make(os.environ); print(json.dumps(dict(os.environ)))"
    rule = f"test:\n\t@PYTHONPATH=tests {sys.executable} -c '{code}'\n"
    command = ["make", "-k", "--file", "-", "TESTS=all", "TESTS_LEFT_OUT=--ignore a --ignore b", "test"]
    ended = subprocess.run(command, cwd=ROOT, input=rule, capture_output=True, text=True, check=True)
    left = json.loads(ended.stdout)
    assert {name for name in left if name.startswith(("MAKE", "MFLAGS", "TESTS"))} == set()
    assert left["PATH"] == os.environ["PATH"]


@pytest.mark.thorough
def test_the_models_on_jax_are_among_the_tests_of_the_newest_tensorflow(tmp_path):
    words = shlex.split(dry_run("test-newest").splitlines()[-1])
    assert words[:3] == [".venv-newest/bin/python", "-m", "pytest"]
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for name in ("jax_backend/test_a.py", "other/test_b.py"):
        (tmp_path / "tests" / name).parent.mkdir(parents=True)
        (tmp_path / "tests" / name).write_text("def test():\n    pass\n")
    command = [sys.executable, *words[1:], "--collect-only", "-q", "-n0"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert found == ["tests/jax_backend/test_a.py:", "1", "tests/other/test_b.py:", "1"]


def test_every_target_is_listed_and_none_is_a_file():
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())
    help_text = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    listed = set(re.findall(r"^  make ([a-z-]+)", help_text, re.MULTILINE))
    assert targets == phony
    assert listed == targets


def test_every_target_is_run_by_something():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path, words in PROOFS.values():
        assert words in (ROOT / path).read_text(), (path, words)
    benchmarks = (ROOT / "tests/benchmarks/test_every_benchmark.py").read_text()
    for target in targets - {*PROOFS}:
        line = lines_of(target)[-1]  # what is before it sets up
        assert line[:2] == [".venv/bin/python", "-m"], target
        assert f'"{line[2]}":' in benchmarks, target
    assert {*PROOFS} <= targets


@pytest.mark.slow
def test_the_targets_of_a_run(yt8m, sample, short_flags, tmp_path, monkeypatch):
    run = tmp_path / "runs" / "mine"
    variables = [f"DATA={sample}", "RECIPE=frame_logistic", f"RUN={run}", f"FLAGS={shlex.join(short_flags)}"]
    lines = {target: lines_of(target, *variables) for target in ("train", "evaluate", "predict")}
    monkeypatch.chdir(tmp_path)
    for line in [line for each in lines.values() for line in each]:
        outcome = yt8m(*line[1:])
        assert outcome.status == 0, outcome.err
    assert (tmp_path / "submissions" / "mine.csv").exists()
    (line,) = lines_of("tensorboard", f"RUN={run}", "FLAGS=--inspect")
    command = [sys.executable, "-m", "tensorboard.main", *line[1:]]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "scalars" in shown


@pytest.fixture
def elsewhere(tmp_path) -> Path:
    """A directory with the Makefile."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def test_clean_removes_what_was_made_and_nothing_else(elsewhere):
    made = (".venv/bin", ".venv-newest", "data/sample/2", "runs/sample", "data/own/videos", "runs/own", "data/vlog")
    for name in (*made, "data/mine", "runs/mine", "submissions"):
        (elsewhere / name).mkdir(parents=True)
    for name in ("sample.csv", "mine.csv"):
        (elsewhere / "submissions" / name).touch()
    subprocess.run(["make", "clean"], cwd=elsewhere, check=True, capture_output=True)
    left = {str(path.relative_to(elsewhere)) for path in elsewhere.rglob("*")}
    assert left == {
        *("Makefile", "pyproject.toml", "data", "data/mine", "runs", "runs/mine"),
        *("submissions", "submissions/mine.csv"),
    }


def test_format_mends_what_lint_finds(elsewhere):
    (elsewhere / "untidy.py").write_text("import os, sys\nprint( sys.argv )\n")
    for target, status in (("lint", 1), ("format", 0), ("lint", 0)):
        ended = [
            subprocess.run([sys.executable, "-m", "ruff", *line[1:]], cwd=elsewhere, capture_output=True).returncode
            for line in lines_of(target)
        ]
        assert max(ended) == status, target
    assert (elsewhere / "untidy.py").read_text() == "import sys\n\nprint(sys.argv)\n"
