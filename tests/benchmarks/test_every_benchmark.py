"""Every benchmark runs in its small form, and none of them is forgotten."""

import ast
import contextlib
import io
import json
import runpy
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DIRECTORY = REPOSITORY / "benchmarks"
DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"

PEER_SETTINGS = {"clusters": 8, "hidden": 4, "mixtures": 2, "batch": 4, "frames": 5, "classes": 20, "seconds": 0.1}

RUN_HERE = {
    "benchmarks": ["reading (64 videos", "heavy place", "evaluate of read", "`moe`"],
    "benchmarks.ceiling": ["gap"],
    "benchmarks.convert": ["`--to video`", "`--to parquet`"],
    "benchmarks.download": ["files of", "yt8m download"],
    "benchmarks.parameters": [str(1152 * 3862 + 3862)],
    "benchmarks.peers": ["average", "max", "ours / theirs"],
    "benchmarks.peers.ours": ['"rate"', '"parameters"'],
    "benchmarks.ranking": ["segment task", "video task"],
    "benchmarks.scaling": ["training, batches of 64 videos", "a checkpoint of", "our loop over"],
    "benchmarks.segments": ["fine-tuned", "... and ranked with the prior of the second", "valid"],
    "benchmarks.step": ['"seconds"', '"memory"'],
    "benchmarks.tricks": ["`yt8m average --last 3`", "distillation on the fly"],
    "benchmarks.zoo": ["`moe`", "`dbof`", "someone who knows the generator"],
}
"""The programs that tests run in this process, and what each prints."""
RUN_BY_OTHERS = {"benchmarks.model": "benchmarks", "benchmarks.run_rates": "benchmarks.zoo"}
"""Programs that another one runs, in a process of their own there."""
RUN_ELSEWHERE = {
    # Needs JAX, which the environment of `make test-newest` has.
    "benchmarks.gpu": ("tests/jax_backend/test_gpu_benchmark.py", '"-m", "benchmarks.gpu"'),
}
"""Programs that need another environment; the file that runs them in it, and how it says so."""
RUN_BY_HAND = {
    "benchmarks.peers.model_garden": "TF Model Garden brings two gigabytes of packages in an environment of its own, for this "
    "alone. `make bench-peers BENCHMARK_SIZE=small` runs it; the script alone was last run with tf-models-official 2.16.0. Here "
    "our step, which takes the same settings and prints the same, stands in for it.",
}
"""Programs that no test runs, and why."""


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    return name.removesuffix(".__init__").removesuffix(".__main__")


FILES = sorted(DIRECTORY.rglob("*.py"))
PROGRAMS = {module_of(path) for path in FILES if '__name__ == "__main__"' in path.read_text()}


def imported(path: Path) -> set[str]:
    """Modules of benchmarks that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "benchmarks":
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_no_program_is_forgotten():
    assert {*RUN_HERE, *RUN_BY_OTHERS, *RUN_ELSEWHERE, *RUN_BY_HAND} == PROGRAMS


def test_every_other_module_is_part_of_a_program():
    parts = {module_of(path) for path in FILES if path.name != "__init__.py"} - PROGRAMS
    assert parts <= set().union(*(imported(path) for path in FILES))


def test_what_runs_elsewhere_runs_there():
    for path, words in RUN_ELSEWHERE.values():
        assert words in (REPOSITORY / path).read_text()


def run_in_process(*command: str, environment=None) -> str:
    """What `python -m MODULE ARGUMENTS` prints, without the start of another process."""
    _, module, *arguments = command
    if module == "yt8m":
        arguments = [*arguments, "--verbose"]  # which leaves file descriptor 2 alone
    before, out = sys.argv, io.StringIO()
    sys.argv = [module, *arguments]
    try:
        with contextlib.redirect_stdout(out), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* found in sys.modules after import of package", RuntimeWarning)
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        if ended.code:
            raise RuntimeError(f"{module} {' '.join(arguments)} ended with {ended.code}") from ended
    finally:
        sys.argv = before
    return out.getvalue()


@pytest.fixture
def started(monkeypatch, tmp_path, _signal_handlers):
    """Keeps all that benchmarks write in a temporary directory, and their processes in this one; the modules run so far."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)
    from benchmarks import processes, sizes
    from yt8m.training import curves

    started = []

    def run(*command, environment=None):
        started.append(command[1])
        return run_in_process(*command, environment=environment)

    assert sizes.IS_SMALL
    monkeypatch.setattr(sizes, "runs_of", lambda name: tmp_path / "runs" / name)
    monkeypatch.setattr(sizes, "submission_of", lambda name: tmp_path / f"{name}.csv")
    monkeypatch.setattr(processes, "run", run)
    monkeypatch.setattr(curves, "plot", lambda rows, path, best_step: path.touch())
    return started


def arguments_of(program: str, sample: Path) -> list[str]:
    if program in ("benchmarks.scaling", "benchmarks.segments", "benchmarks.tricks", "benchmarks.zoo"):
        return ["--data", str(sample)]
    return {
        "benchmarks.parameters": ["frame_logistic"],
        "benchmarks.peers.ours": [json.dumps(PEER_SETTINGS | {"pooling": "max"})],
        "benchmarks.step": ["moe"],
    }.get(program, [])


@pytest.fixture(scope="module")
def full_sample(tmp_path_factory) -> Path:
    """Of as many classes as the benchmarks count on."""
    from yt8m.data.tools.synthetic import synthesise

    directory = tmp_path_factory.mktemp("sample") / "data"
    synthesise(directory, num_videos=80, num_shards=2)
    return directory


@pytest.mark.slow
@pytest.mark.parametrize("program", RUN_HERE)
def test_a_benchmark_runs_and_leaves_the_document_alone(program, started, full_sample, monkeypatch):
    if program == "benchmarks.peers":
        let_ours_stand_for_theirs(monkeypatch)
    before = DOCUMENT.read_bytes()
    printed = run_in_process("-m", program, *arguments_of(program, full_sample))
    for words in RUN_HERE[program]:
        assert words in printed
    assert DOCUMENT.read_bytes() == before
    assert {name for name, other in RUN_BY_OTHERS.items() if other == program} <= set(started)


def let_ours_stand_for_theirs(monkeypatch):
    """TF Model Garden's step is in an environment that is not here (`RUN_BY_HAND`)."""

    def stand_in(command, **options):
        assert command[1] == "benchmarks/peers/model_garden.py"
        out = run_in_process("-m", "benchmarks.peers.ours", *command[2:])
        return subprocess.CompletedProcess(command, 0, out)

    monkeypatch.setattr(subprocess, "run", stand_in)


def test_a_size_that_is_neither_is_refused():
    ended = subprocess.run(
        [sys.executable, "-c", "import benchmarks.sizes"],
        cwd=REPOSITORY,
        env={"BENCHMARK_SIZE": "tiny"},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stderr) == (1, "BENCHMARK_SIZE is 'tiny'; it must be 'full' or 'small'\n")
