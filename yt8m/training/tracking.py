"""Sends a run's metrics to MLflow or Weights & Biases, by their own clients (`--log`).

Their own environment variables say where the run goes: `MLFLOW_TRACKING_URI`, `MLFLOW_EXPERIMENT_NAME`, `WANDB_PROJECT`,
`WANDB_MODE` and others. The run's id there is kept in `tracking.json`, so that a resumed run goes on as the same one.
"""

import contextlib
import importlib.util
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

from yt8m import __version__
from yt8m.config import RunConfig
from yt8m.errors import InputError
from yt8m.files import read_json, write_json
from yt8m.progress import Progress
from yt8m.runs import RunDirectory
from yt8m.training.summaries import hyperparameters

DEFAULT_PROJECT = "yt8m"
"""The experiment or project if the environment names none."""
_LONGEST_PARAMETER = 500
_PARAMETERS_AT_ONCE = 100


class Tracker(ABC):
    """A service that a run is logged to."""

    name: str
    """The name that users type."""

    @abstractmethod
    def open(self, run: RunDirectory, config: RunConfig, known: str | None) -> str:
        """Begins or resumes the run there.

        Args:
            run: the run directory.
            config: the complete configuration.
            known: the id of the run there; None = it is new.

        Returns:
            The id.
        """

    @abstractmethod
    def log(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Sends a line of metrics."""

    @abstractmethod
    def close(self, status: str) -> None:
        """Ends the run there: `done`, `stopped` or `failed`."""


class MLflow(Tracker):
    """MLflow, by `mlflow.MlflowClient`."""

    name = "mlflow"

    def open(self, run: RunDirectory, config: RunConfig, known: str | None) -> str:
        # By default the client repeats a failed request for minutes, in which training would stand still.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        self._mlflow = importlib.import_module("mlflow")
        self._client = self._mlflow.MlflowClient()
        if known is not None:
            self._id = known
            self._client.update_run(known, status="RUNNING")
            return known
        experiment = os.environ.get("MLFLOW_EXPERIMENT_NAME", DEFAULT_PROJECT)
        found = self._client.get_experiment_by_name(experiment)
        place = found.experiment_id if found else self._client.create_experiment(experiment)
        tags = {"mlflow.source.name": "yt8m", "yt8m.version": __version__, "yt8m.run": str(run.path.resolve())}
        self._id = self._client.create_run(place, run_name=run.path.resolve().name, tags=tags).info.run_id
        entities = self._mlflow.entities
        values = hyperparameters(config)
        parameters = [entities.Param(key, str(value)[:_LONGEST_PARAMETER]) for key, value in values.items()]
        for first in range(0, len(parameters), _PARAMETERS_AT_ONCE):
            self._client.log_batch(self._id, params=parameters[first : first + _PARAMETERS_AT_ONCE])
        return self._id

    def log(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        now = int(1000 * time.time())
        metric = self._mlflow.entities.Metric
        rows = [metric(f"{kind}/{name}", float(value), now, step) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=rows)

    def close(self, status: str) -> None:
        self._client.set_terminated(
            self._id, {"done": "FINISHED", "stopped": "KILLED", "out of time": "KILLED"}.get(status, "FAILED")
        )


class WeightsAndBiases(Tracker):
    """Weights & Biases, by `wandb.init`."""

    name = "wandb"

    def open(self, run: RunDirectory, config: RunConfig, known: str | None) -> str:
        wandb = importlib.import_module("wandb")
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", DEFAULT_PROJECT),
            name=run.path.resolve().name,
            id=known,
            resume="allow",
            config=hyperparameters(config),
            dir=str(run.path),
            settings=wandb.Settings(silent=True, console="off"),
        )
        for kind in ("train", "validation"):  # a resumed run repeats steps, which W&B's own step would not take
            self._run.define_metric(f"{kind}/*", step_metric="step")
        return self._run.id

    def log(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        self._run.log({"step": step} | {f"{kind}/{name}": float(value) for name, value in values.items()})

    def close(self, status: str) -> None:
        self._run.finish(exit_code=0 if status in ("done", "out of time") else 1)


TRACKERS: dict[str, type[Tracker]] = {each.name: each for each in (MLflow, WeightsAndBiases)}


def require_trackers(names: Sequence[str]) -> None:
    """Raises InputError unless the packages of the services are installed."""
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise InputError(f"--log {name}: the package {name} is not installed: pip install 'yt8m[{name}]'")


class Tracking:
    """The services that a run is logged to. One that fails during training is left out from then on.

    Args:
        progress: gets a line on a service that fails.

    Attributes:
        status: how the run ends; the training sets it.
    """

    def __init__(self, progress: Progress):
        self._progress = progress
        self._open: list[Tracker] = []
        self.status = "failed"

    def log(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Sends a line of metrics to all services."""
        for tracker in list(self._open):
            self._try(tracker, lambda tracker=tracker: tracker.log(kind, step, values))

    def _try(self, tracker: Tracker, send) -> None:
        try:
            send()
        except Exception as error:  # whatever a client raises, the training is worth more
            self._open.remove(tracker)
            self._progress.message(
                f"--log {tracker.name}: failed, and gets nothing more in this start ({_first_line(error)}); metrics.jsonl has all"
            )

    @contextlib.contextmanager
    def opened(self, names: Sequence[str], run: RunDirectory, config: RunConfig) -> Iterator["Tracking"]:
        """Logs to services during the block.

        Raises:
            InputError: a service cannot be reached, or refuses the run.
        """
        ids = _read_ids(run)
        try:
            for name in names:
                self._begin(TRACKERS[name](), run, config, ids)
            yield self
        finally:
            for tracker in list(self._open):
                self._try(tracker, lambda tracker=tracker: tracker.close(self.status))

    def _begin(self, tracker: Tracker, run: RunDirectory, config: RunConfig, ids: dict[str, str]) -> None:
        try:
            found = tracker.open(run, config, ids.get(tracker.name))
        except Exception as error:  # clients raise errors of many types
            raise InputError(
                f"--log {tracker.name}: cannot begin there ({_first_line(error)}); check its settings, or leave the flag out"
            ) from error
        self._open.append(tracker)
        if ids.get(tracker.name) != found:
            ids[tracker.name] = found
            write_json(run.tracking, ids)


def _read_ids(run: RunDirectory) -> dict[str, str]:
    if not run.tracking.is_file():
        return {}
    found = read_json(run.tracking)
    return found if isinstance(found, dict) else {}


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
