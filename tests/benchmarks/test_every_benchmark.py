"""Every benchmark runs in its quick form, prints figures, and none of them is forgotten."""

import ast
import contextlib
import io
import json
import re
import runpy
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DIRECTORY = REPOSITORY / "benchmarks"
DOCUMENT = REPOSITORY / "docs" / "benchmarks.md"

PEER_SETTINGS = {
    "model": "dbof",
    "clusters": 8,
    "hidden": 4,
    "mixtures": 2,
    "batch": 4,
    "frames": 5,
    "classes": 20,
    "seconds": 0.1,
}

RUN_HERE = {
    "benchmarks": ["heavy place", "evaluate of read", "`moe`"],
    "benchmarks.ceiling": ["gap"],
    "benchmarks.clips": ["`--shots pixels`", "adjusted Rand index", "k-means on frames"],
    "benchmarks.cluster": ["`convert --to video`", "| without |", "one thread", "`predict`"],
    "benchmarks.cluster_plan": ["| 200 | whole files |", "rests taken over"],
    "benchmarks.convert": ["`--to video`", "`--to parquet`"],
    "benchmarks.defaults": ["`moe`", "all values scaled together", "40 made"],
    "benchmarks.download": ["files of", "yt8m download"],
    "benchmarks.earlier": [
        *(
            "300 frames: `read_batches`",
            "video level: fbf80e9",
            "`yt8m evaluate`, whole process",
            "... again, milliseconds a video",
        ),
        *("fbf80e9, a new run", "this build, after 20 steps"),
    ],
    "benchmarks.extraction": ["decoding alone", "`yt8m extract`", "a video of 20 s"],
    "benchmarks.ideas": [
        *("manifold mixup", "labels of half", "calibration", "stacking", "from this ensemble"),
        "three perceptrons, each of a bootstrap sample",
    ],
    "benchmarks.kernels": ["kernels of rgb and of sound, added", "(chosen)", "networks on top"],
    "benchmarks.leaderboard": [
        "GAP on videos that neither",
        "| `kernel_ridge` |",
        "| **ensemble: networks on top of it** |",
    ],
    "benchmarks.lengths": ["`logistic`", "`moe`", "40 made"],
    "benchmarks.parameters": [str(1152 * 3862 + 3862)],
    "benchmarks.peers": ["average", "max", "starter's graph", "ours / theirs"],
    "benchmarks.peers.ours": ['"rate"', '"cpu"', '"parameters"'],
    "benchmarks.peers.roof": ['"operations"', '"cpu_bytes"'],
    "benchmarks.peers.starter": ['"rate"', '"cpu"', '"parameters"'],
    "benchmarks.prediction_sampling": ["`dbof`", "32 random"],
    "benchmarks.pretraining": ["| `tcn` | 50 % |", "error of predicted frames"],
    "benchmarks.small": ["`small_video`", "`kernel_ridge`", "`small_frame`", "GAP, 40 videos"],
    "benchmarks.ranking": ["segment task", "video task"],
    "benchmarks.reading": [
        *(
            "raw: `TFRecordDataset(",
            "`read_batches`, 32 sampled frames",
            "`read_records`, 300 frames",
            "300 frames, threads alone",
        ),
        *("320 videos in 4 files", "`read_batches`, video level", "memory, batches of 8 x 300"),
    ],
    "benchmarks.rematerialisation": ['"kept": {"megabytes"', '"twice": {"megabytes"'],
    "benchmarks.scaling": ["training, batches of 64 videos", "a checkpoint of", "our loop over"],
    "benchmarks.search": ["each compared, stored as float16", "the whole command, `--text`"],
    "benchmarks.segments": ["fine-tuned", "... and ranked with the prior of the second", "valid"],
    "benchmarks.step": ['"seconds"', '"memory"'],
    "benchmarks.tricks": ["`yt8m average --last 3`", "distillation on the fly"],
    "benchmarks.zoo": ["`moe`", "`dbof`", "someone who knows the generator"],
}
"""The programs that tests run in this process, and what each prints."""
RUN_BY_OTHERS = {
    "benchmarks.earlier.work": "benchmarks.earlier",
    "benchmarks.model": "benchmarks",
    "benchmarks.run_rates": "benchmarks.zoo",
}
"""Programs that another one runs, in a process of their own there."""
RUN_ELSEWHERE = {
    # Needs JAX, which the environment of `make test-newest` has.
    "benchmarks.gpu": ("tests/jax_backend/test_gpu_benchmark.py", '"-m", "benchmarks.gpu"'),
}
"""Programs that need another environment; the file that runs them in it, and how it says so."""
RUN_BY_HAND = {
    "benchmarks.peers.model_garden": "TF Model Garden brings two gigabytes of packages in an environment of its own, for this "
    "alone. `make bench-peers FLAGS=--quick` runs it; the script alone was last run with tf-models-official 2.16.0. Here "
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
    """What `python -m MODULE ARGUMENTS`, or `python FILE ARGUMENTS`, prints, without the start of another process."""
    if command[0] == "-m":
        _, module, *arguments = command
        run = partial(runpy.run_module, alter_sys=True)
    else:
        module, *arguments = command
        run = runpy.run_path
    if module == "yt8m":
        arguments = [*arguments, "--verbose"]  # which leaves file descriptor 2 alone
    before, out = sys.argv, io.StringIO()
    sys.argv = [module, *arguments]
    try:
        with contextlib.redirect_stdout(out), warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".* found in sys.modules after import of package", RuntimeWarning)
            run(module, run_name="__main__")
    except SystemExit as ended:
        if ended.code:
            raise RuntimeError(f"{module} {' '.join(arguments)} ended with {ended.code}") from ended
    finally:
        sys.argv = before
    return out.getvalue()


@pytest.fixture
def started(monkeypatch, tmp_path, _signal_handlers, _preloaded, _plain_graphs):
    """Keeps all that benchmarks write in a temporary directory, and their processes in this one; the modules run so far."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick"])
    from benchmarks import processes, sizes

    started = []

    def run(*command, environment=None):
        started.append(command[1])
        return run_in_process(*command, environment=environment)

    assert sizes.IS_QUICK
    monkeypatch.setattr(sizes, "runs_of", lambda name: tmp_path / "runs" / name)
    monkeypatch.setattr(sizes, "submission_of", lambda name: tmp_path / f"{name}.csv")
    monkeypatch.setattr(processes, "run", run)
    return started


ON_SAMPLE = {
    f"benchmarks.{name}" for name in ("prediction_sampling", "pretraining", "scaling", "segments", "tricks", "zoo")
}


def arguments_of(program: str, sample: Path) -> list[str]:
    if program in ON_SAMPLE:
        return ["--data", str(sample)]
    if program == "benchmarks.leaderboard":
        place = sample.parent / "leaderboard"
        return ["--data", str(sample / "2/video"), "--run", str(place), "--out", f"{place}.csv"]
    return {
        "benchmarks.ideas": ["--records", str(sample / "2/video/train/*")],
        "benchmarks.kernels": ["--records", str(sample / "2/video/train/*")],
        "benchmarks.parameters": ["frame_logistic"],
        "benchmarks.peers.ours": [json.dumps(PEER_SETTINGS | {"pooling": "max"})],
        "benchmarks.peers.starter": [json.dumps(PEER_SETTINGS | {"model": "moe"})],
        "benchmarks.rematerialisation": ["transformer"],
        "benchmarks.step": ["moe"],
    }.get(program, [])


@pytest.fixture(scope="module")
def full_sample(tmp_path_factory) -> Path:
    """Of as many classes as the benchmarks count on."""
    from yt8m.data.tools.synthetic import synthesise

    directory = tmp_path_factory.mktemp("sample") / "data"
    synthesise(directory, num_videos=80, num_shards=2)
    return directory


def tables_in(text: str) -> list[list[list[str]]]:
    """The cells of the tables in Markdown, row by row, with the header and without the line below it."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    rows = [[[cell.strip() for cell in line[1:-1].split("|")] for line in block.splitlines()] for block in blocks]
    return [[each for each in table if set(each) != {"---"}] for table in rows]


def figures_in(cells: list[str]) -> list[float]:
    """The numbers that cells begin with."""
    found = (re.match(r"[+-]?[\d,]*\.?\d+|[+-]?(?:nan|inf)", cell) for cell in cells)
    return [float(match[0].replace(",", "")) for match in found if match]


@pytest.mark.slow
@pytest.mark.parametrize("program", RUN_HERE)
def test_a_benchmark_runs_and_leaves_the_document_alone(program, started, full_sample, monkeypatch):
    if program == "benchmarks.peers":
        let_ours_stand_for_theirs(monkeypatch)
    if program == "benchmarks.earlier":
        let_this_build_stand_for_the_earlier(monkeypatch, started)
    before = DOCUMENT.read_bytes()
    printed = run_in_process("-m", program, *arguments_of(program, full_sample), "--quick")
    for words in RUN_HERE[program]:
        assert words in printed
    for header, *rows in tables_in(printed):
        assert rows
        for row in rows:
            assert len(row) == len(header)
            figures = figures_in(row[1:])
            assert figures
            assert np.isfinite(figures).all(), row
    assert DOCUMENT.read_bytes() == before
    assert {name for name, other in RUN_BY_OTHERS.items() if other == program} <= set(started)


def let_ours_stand_for_theirs(monkeypatch):
    """TF Model Garden's step is in an environment that is not here (`RUN_BY_HAND`)."""

    def stand_in(command, **options):
        assert command[1] == "benchmarks/peers/model_garden.py"
        out = run_in_process("-m", "benchmarks.peers.ours", *command[2:])
        return subprocess.CompletedProcess(command, 0, out)

    monkeypatch.setattr(subprocess, "run", stand_in)


def let_this_build_stand_for_the_earlier(monkeypatch, started):
    """The earlier one is in an environment that is not here; `test_builds.py` makes such an environment."""
    from benchmarks import turns
    from benchmarks.earlier import builds

    def run(build, *command):
        if command[0].endswith("/benchmarks/earlier/work.py"):
            started.append("benchmarks.earlier.work")
        if command[1] == "again":
            command = (*command, "--verbose")  # which leaves file descriptor 2 alone
        printed = []
        spent = turns.timed(lambda: printed.append(run_in_process(*command)))()
        return printed[0], spent

    monkeypatch.setattr(builds, "prepare", lambda commit, folder: builds.PRESENT)
    monkeypatch.setattr(builds.Build, "run", run)


def test_only_the_whole_flag_makes_a_benchmark_quick():
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.ceiling", "--qui"], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert ended.returncode == 2
    assert "unrecognized arguments: --qui" in ended.stderr
