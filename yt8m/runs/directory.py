"""Makes, reopens and reads run directories."""

import contextlib
import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yt8m import config as configuration
from yt8m.config import RunConfig
from yt8m.errors import InputError
from yt8m.files import (
    check_destination,
    check_local,
    locked,
    make_directory,
    read_json,
    remove_empty,
    write_json,
)
from yt8m.runs.unlike import describe_place

CHANGEABLE = {
    "run",
    "log",
    "training.num_steps",
    "training.num_epochs",
    "training.few_records",
    "training.num_records",
    "training.max_hours",
    "training.validate_every_steps",
    "training.validate_every_epochs",
    "training.validate_every_minutes",
    "training.validation_videos",
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
"""Fields that may differ when a run goes on. None of them changes a step; some change the order of the records."""


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens a configuration in JSON's form to `{"training.batch_size": 128}`, with the prefix before every key."""
    flat = {}
    for key, value in values.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


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
    def record_counts(self) -> Path:
        return self.path / "record_counts.json"

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
    def calibration(self) -> Path:
        return self.path / "calibration.json"

    @property
    def curves(self) -> Path:
        return self.path / "curves.png"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def starts(self) -> Path:
        return self.path / "starts.jsonl"

    @property
    def note(self) -> Path:
        return self.path / "note.txt"

    @property
    def tracking(self) -> Path:
        return self.path / "tracking.json"

    def keeps(self, path: str | os.PathLike) -> bool:
        """Whether a path is a file or directory of the run, or lies in one of its directories, also through links."""
        own = (self.config, self.environment, self.records, self.record_counts, self.metrics, self.tensorboard)
        own += (
            self.checkpoints,
            self.best_weights.parent,
            self.predictions,
            self.calibration,
            self.curves,
            self.report,
            *(self.log, self.starts, self.note, self.tracking),
        )
        wanted = Path(os.path.realpath(path))
        return any(Path(os.path.realpath(each)) in (wanted, *wanted.parents) for each in own)

    def refuse(self, path: str | os.PathLike) -> None:
        """Raises InputError if writing to a path would replace what the run keeps."""
        if self.keeps(path):
            raise InputError(f"{os.fspath(path)}: belongs to the run {self.path}; name another place")

    @property
    def has_weights(self) -> bool:
        """Whether the run keeps any weights. A run that failed before that can be configured anew."""
        return self.best_weights.exists() or (self.checkpoints.is_dir() and any(self.checkpoints.iterdir()))

    @property
    def is_made_at_once(self) -> bool:
        """Whether it has weights and no course: it was fitted, averaged, unpacked or made of others."""
        course = (self.starts, self.metrics, self.checkpoints)
        return self.has_weights and not any(each.exists() for each in course)

    @property
    def has_checkpoint(self) -> bool:
        """Whether training can go on from here. Then what it began with is not read any more."""
        return any(self.checkpoints.glob("ckpt-*.index"))

    @property
    def how_to_begin_with_it(self) -> str:
        """What to do for more steps than a run has whose learning rate ends at 0."""
        return f"to begin with its weights, give --training.initial-run {self.path} and another --run"


@contextlib.contextmanager
def opened_run(config: RunConfig) -> Iterator[RunDirectory]:
    """Opens a run by `open_run`. After an error in the block, removes a new directory without weights and metrics.

    Raises:
        InputError: see `open_run`; another process is in such a block for this run.
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
    """Raises InputError unless a directory holds a run or can get one. Callers check this before the work.

    Args:
        path: the run directory. The check leaves no new directories behind.
    """
    run = RunDirectory(Path(path))
    if not run.config.exists() and run.path.exists() and not (run.path.is_dir() and not any(run.path.iterdir())):
        known = describe_place(path) or "is a directory with other files"
        raise InputError(f"{run.path}: {known}; give an empty or new one as --run")
    check_destination(run.config, shown=run.path)


def open_run(config: RunConfig) -> RunDirectory:
    """Creates the run directory of a configuration, or reopens it if the configuration is the same or no weights exist.

    Raises:
        InputError: the directory holds a run of another configuration (the message names the differences), or one with
            another number of steps whose learning rate ends at 0; holds other things; or cannot be written.
    """
    run = RunDirectory(Path(config.run))
    wanted = configuration.to_dict(config)
    if run.config.exists():
        found, asked = flatten(_completed(read_json(run.config))), flatten(wanted)
        different = [key for key in sorted(found.keys() | asked.keys()) if found.get(key) != asked.get(key)]
        # A cosine ends at the last step, so every rate depends on that step.
        changeable = CHANGEABLE - ({"training.num_steps"} if config.training.schedule == "cosine" else set())
        different = [key for key in different if key not in changeable]
        if "model.name" in different:  # all its hyper-parameters differ too
            different = ["model.name"]
        if different == ["training.num_steps"] and run.has_weights:
            last = f"{found['training.num_steps']:,}"
            why = f"{run.path}: its learning rate falls to 0 at step {last}, so the number of steps stays"
            if not run.best_weights.exists():
                raise InputError(f"{why}; give the same number, or another --run")
            raise InputError(f"{why}; {run.how_to_begin_with_it}")
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
    """Fills in defaults for fields newer than a run's configuration; returns an invalid one as it is."""
    from yt8m.models import ALL_ARCHITECTURES

    try:
        return configuration.to_dict(configuration.from_dict(values, ALL_ARCHITECTURES))
    except InputError:
        return values


def find_run(run: str | os.PathLike) -> RunDirectory:
    """Returns the paths of an existing run.

    Raises:
        InputError: there is no run, or it is not local.
    """
    check_local(run, "a run directory")
    directory = RunDirectory(Path(run))
    if not directory.config.exists():
        known = describe_place(run) or f"no run directory (it has no config.json); train one with --run {run}"
        raise InputError(f"{run}: {known}")
    return directory


def reads_initial_run(config: RunConfig) -> bool:
    """Whether a training reads the run that it is to begin with: it names one, and has no checkpoint of its own."""
    begun = config.run and RunDirectory(Path(config.run)).has_checkpoint
    return bool(config.training.initial_run and not begun)


def load_config(run: str | os.PathLike) -> RunConfig:
    """Loads the configuration of a run directory.

    Raises:
        InputError: there is no run, it is not local, or its configuration does not fit this version.
    """
    from yt8m.models import ALL_ARCHITECTURES

    directory = find_run(run)
    values = read_json(directory.config)
    try:
        return configuration.from_dict(values, ALL_ARCHITECTURES)
    except InputError as error:
        raise InputError(f"{directory.config}: {error}") from error


def model_difference(config: RunConfig, other: RunConfig) -> str | None:
    """Why one run's weights do not fit another's model (`model.num_clusters is 256 there, 128 here`); None if they fit.

    Args:
        config: configuration of the run here.
        other: configuration of the run there.
    """
    return next(iter(model_differences(config, other)), None)


def model_differences(config: RunConfig, other: RunConfig) -> list[str]:
    """All reasons of `model_difference`. For another kind of model, that is the only one."""
    here, there = (
        {"model": each.model.name, "data.features": each.data.features, "data.num_classes": each.data.num_classes}
        | flatten(dataclasses.asdict(each.model), "model.")
        for each in (config, other)
    )
    different = [key for key in here if key.rpartition(".")[2] not in ("dropout", "l2") and here[key] != there.get(key)]
    if "model" in different:  # all hyper-parameters differ, too
        different = ["model"]
    return [f"{key} is {_in_words(there.get(key))} there, {_in_words(here[key])} here" for key in different]


def _in_words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)
