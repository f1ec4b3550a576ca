"""The run directory: all that one command leaves for the next.

==================  ====================================================================================================
``config.json``     the whole configuration, resolved: files found, features seen. `evaluate` and `predict` need no more
``environment.json``  versions, git commit and devices, of the newest start
``records.json``    size and time of change of the local files that the newest start learned from and validated on
``metrics.jsonl``   one JSON object a line: ``{"kind": "train" | "validation", "step": ..., ...}``
``tensorboard/``    the same as event files
``checkpoints/``    what training needs to go on
``best/``           ``model.weights.h5``, the weights of the best validation, and ``metrics.json``, its result; a run without
                    validation records has no best, and its last weights are here, without metrics
``predictions/``    what `yt8m ensemble`, `yt8m weigh` and ``--prior`` had the run predict: a directory for each set of records
                    (`yt8m.predictions.stored`), the eight used last
``curves.png``      loss and GAP over the steps, at the end
``report.html``     what `yt8m report` makes
==================  ====================================================================================================

What may be deleted, and is missed by: ``environment.json``, ``tensorboard/``, ``curves.png``, ``report.html``: nothing but `yt8m
report`, which shows less. ``predictions/``: nothing, they are made again. ``records.json``: training, which then does not see
that records have changed. ``checkpoints/``: training, which then refuses to go on, and `yt8m average --last` and ``--best``.
``metrics.jsonl``: the curves, and `yt8m average --best`. ``best/``: all that uses the run, until the same `yt8m train` keeps the
newest checkpoint's weights in its place. ``config.json``: everything.
"""

import contextlib
import dataclasses
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from yt8m import config as configuration
from yt8m.config import RunConfig
from yt8m.errors import InputError
from yt8m.files import (
    NewFile,
    check_destination,
    check_local,
    locked,
    make_directory,
    read_json,
    remove_empty,
    write_json,
)
from yt8m.unlike_runs import describe_place

CHANGEABLE = {
    "run",
    "training.num_steps",
    "training.validate_every_steps",
    "training.early_stopping",
    "training.checkpoint_every_steps",
    "training.keep_checkpoints",
    "training.statistics_batches",
    "training.log_every_steps",
    "data.test",
    "data.service",
    "data.on_corrupt",
    "data.shard",
    "distribute.strategy",
    "distribute.virtual_devices",
    "distribute.tpu",
}
"""Fields that may differ when a run is gone on with: none of them changes what a step does, and who reads the records, only
in which order they come."""


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A configuration in JSON's form as one level, `{"training.batch_size": 128}`, with the prefix before every key."""
    flat = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def _git_commit() -> str | None:
    directory = Path(__file__).parent
    try:
        command = ["git", "-C", str(directory), "rev-parse", "HEAD"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None  # installed from a wheel, or git is not there


def environment(devices: list[str]) -> dict[str, Any]:
    """Versions, git commit, working directory and devices, as recorded beside a run."""
    packages = ("yt8m", "tensorflow", "keras", "numpy")
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "versions": {package: metadata.version(package) for package in packages},
        "git_commit": _git_commit(),
        "directory": os.getcwd(),
        "devices": devices,
    }


@dataclasses.dataclass(frozen=True)
class RunDirectory:
    """The paths of a run."""

    path: Path

    @property
    def config(self) -> Path:
        return self.path / "config.json"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def records(self) -> Path:
        return self.path / "records.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def tensorboard(self) -> Path:
        return self.path / "tensorboard"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best_weights(self) -> Path:
        return self.path / "best" / "model.weights.h5"

    @property
    def best_metrics(self) -> Path:
        return self.path / "best" / "metrics.json"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions"

    @property
    def curves(self) -> Path:
        return self.path / "curves.png"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    def keeps(self, path: str | os.PathLike) -> bool:
        """Whether a path is that of a file or directory of the run, or lies in one of its directories, also by links."""
        own = (self.config, self.environment, self.records, self.metrics, self.tensorboard, self.checkpoints)
        own += (self.best_weights.parent, self.predictions, self.curves, self.report)
        wanted = Path(os.path.realpath(path))
        return any(Path(os.path.realpath(each)) in (wanted, *wanted.parents) for each in own)

    def refuse(self, path: str | os.PathLike, but: Path | None = None) -> None:
        """Raises InputError if something that is to be written would replace what the run keeps.

        Args:
            path: of what is to be written.
            but: what of the run it may be.
        """
        if self.keeps(path) and not (but and os.path.realpath(path) == os.path.realpath(but)):
            raise InputError(f"{os.fspath(path)}: belongs to the run {self.path}; name another place")

    @property
    def has_weights(self) -> bool:
        """Whether anything was learned that is kept here; a run that failed before that can be configured anew."""
        return self.best_weights.exists() or (self.checkpoints.is_dir() and any(self.checkpoints.iterdir()))


@contextlib.contextmanager
def opened_run(config: RunConfig) -> Iterator[RunDirectory]:
    """`open_run`; after an error in the block, a new directory in which nothing was learned or measured is gone again.

    Raises:
        InputError: as `open_run`; another process is in such a block.
    """
    run = RunDirectory(Path(config.run))
    made = make_directory(run.path)
    busy = f"{run.path}: another process is at work on this run; wait for it, or give another --run"
    try:
        with locked(run.path, busy):
            yield open_run(config)
    except BaseException:
        if run.path in made and not run.has_weights and not run.metrics.exists():
            shutil.rmtree(run.path, ignore_errors=True)
        remove_empty(made)
        raise


def check_place(path: str | os.PathLike) -> None:
    """Raises InputError unless a run can be made in a directory, or one is there; for asking before the work.

    Args:
        path: of the run directory; directories that are missing are not left behind.
    """
    run = RunDirectory(Path(path))
    if not run.config.exists() and run.path.exists() and not (run.path.is_dir() and not any(run.path.iterdir())):
        known = describe_place(path) or "is a directory with other files"
        raise InputError(f"{run.path}: {known}; give an empty or new one as --run")
    check_destination(run.config, shown=run.path)


def open_run(config: RunConfig) -> RunDirectory:
    """Creates the run directory of a configuration, or opens it again if it is of the same one or has no weights yet.

    Raises:
        InputError: the directory holds a run of another configuration (the message names the differences), holds other
            things, or cannot be written.
    """
    run = RunDirectory(Path(config.run))
    wanted = configuration.to_dict(config)
    if run.config.exists():
        found, asked = flatten(_completed(read_json(run.config))), flatten(wanted)
        different = [key for key in sorted(found.keys() | asked.keys()) if found.get(key) != asked.get(key)]
        # A cosine ends at the last step, so that step is part of every rate before it.
        changeable = CHANGEABLE - ({"training.num_steps"} if config.training.schedule == "cosine" else set())
        different = [key for key in different if key not in changeable]
        if "model.name" in different:  # all its hyper-parameters differ, too
            different = ["model.name"]
        if different and run.has_weights:
            examples = ", ".join(f"{key} {found.get(key)!r} there, {asked.get(key)!r} here" for key in different[:3])
            raise InputError(
                f"{run.path}: holds a run of another configuration ({examples}"
                f"{f', and {len(different) - 3} more' if different[3:] else ''}); give another --run, or the same flags"
            )
    else:
        check_place(run.path)
    make_directory(run.path)
    write_json(run.config, wanted)
    make_directory(run.best_weights.parent)
    return run


def _completed(values: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a run with the defaults of fields that are newer than it; as it is, where it is of no use."""
    from yt8m.models import ARCHITECTURES

    try:
        return configuration.to_dict(configuration.from_dict(values, ARCHITECTURES))
    except InputError:
        return values


def load_config(run: str | os.PathLike) -> RunConfig:
    """The configuration of a run directory.

    Raises:
        InputError: there is no run, it is not local, or its configuration is not of this version.
    """
    from yt8m.models import ARCHITECTURES

    check_local(run, "a run directory")
    directory = RunDirectory(Path(run))
    if not directory.config.exists():
        known = describe_place(run) or f"no run directory (it has no config.json); train one with --run {run}"
        raise InputError(f"{run}: {known}")
    values = read_json(directory.config)
    try:
        return configuration.from_dict(values, ARCHITECTURES)
    except InputError as error:
        raise InputError(f"{directory.config}: {error}") from error


def model_difference(config: RunConfig, other: RunConfig) -> str | None:
    """Why weights of one run do not fit another's model, `model.num_clusters is 256 there, 128 here`; None if they do.

    Args:
        config: of the run here.
        other: of the run there.
    """
    here, there = (
        {"data.features": each.data.features, "data.num_classes": each.data.num_classes, "model": each.model.name}
        | flatten(dataclasses.asdict(each.model), "model.")
        for each in (config, other)
    )
    keys = ["model", *here]  # of another model, all hyper-parameters differ
    for key in keys:
        if key.rpartition(".")[2] not in ("dropout", "l2") and here[key] != there.get(key):
            return f"{key} is {_in_words(there.get(key))} there, {_in_words(here[key])} here"
    return None


def _in_words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def best_metrics(run: str | os.PathLike) -> dict[str, Any]:
    """What the validation of a run's best weights gave; empty of a run without validation records, or without one so far.

    Raises:
        InputError: the file is damaged.
    """
    path = RunDirectory(Path(run)).best_metrics
    return read_json(path) if path.exists() else {}


def read_metrics(run: RunDirectory) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`; a last line that a kill cut short is left out.

    Raises:
        InputError: another line is damaged.
    """
    if not run.metrics.exists():
        return []
    *lines, _ = run.metrics.read_text(errors="replace").split("\n")
    return [_metrics_row(line, f"{run.metrics}, line {number}") for number, line in enumerate(lines, 1)]


def _metrics_row(line: str, where: str) -> dict[str, Any]:
    row = None
    with contextlib.suppress(ValueError):
        row = json.loads(line)
    if (
        not isinstance(row, dict)
        or row.get("kind") not in ("train", "validation")
        or not isinstance(row.get("step"), int)
    ):
        raise InputError(f"{where}: is damaged; delete that line")
    return row


def forget_after(run: RunDirectory, step: int, validated: bool = True) -> None:
    """Drops the metrics of steps after `step`, and of its validation unless `validated`: a resumed run does them again."""
    last = {"train": step, "validation": step if validated else step - 1}
    kept = [row for row in read_metrics(run) if row["step"] <= last[row["kind"]]]
    if run.metrics.exists():
        with NewFile(run.metrics) as file:
            file.write("".join(json.dumps(row) + "\n" for row in kept).encode())


def append_metrics(run: RunDirectory, row: Mapping[str, Any]) -> None:
    """Adds a line to `metrics.jsonl`.

    Raises:
        InputError: the disk is full, or the directory cannot be written any more.
    """
    try:
        with run.metrics.open("a") as file:
            file.write(json.dumps(row) + "\n")
    except OSError as error:
        raise InputError(f"{run.metrics}: cannot be written ({error.strerror})") from error
