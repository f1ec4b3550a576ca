"""The tables of the page: figures, descriptions and whole configurations of the runs."""

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yt8m import config as configuration
from yt8m.metrics import registry
from yt8m.runs import flatten
from yt8m.views.report import drawing
from yt8m.views.report.measuring import RunResult

_NOTHING = "–"


@dataclass(frozen=True)
class Row:
    """A row of a table: a name, and a value for each run."""

    name: str
    values: Sequence[str]
    best: Sequence[bool] = ()
    """Marks the best values; empty if that has no meaning."""
    note: str = ""
    intervals: Sequence[str] = ()
    """The interval of each value; empty if there is none."""

    @property
    def differs(self) -> bool:
        """Whether the runs have different values."""
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class Figure:
    """A row in the table of metrics."""

    name: str
    value: Callable[[RunResult], float | None]
    text: Callable[[float], str]
    best: Callable[[Sequence[float]], float] | None = None
    """Chooses the best value; None if no value is better than another."""
    note: str = ""
    key: str = ""
    """The key of the metric, if it is one."""


def _of_metrics(key: str) -> Callable[[RunResult], float | None]:
    return lambda result: result.metrics.get(key)


def _score(value: float) -> str:
    return f"{value:.4f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def training_rate(result: RunResult) -> float | None:
    """Videos or segments per second in training, the median over `metrics.jsonl`; None if no line has it."""
    rates = [row["videos_per_second"] for row in result.rows if row["kind"] == "train" and "videos_per_second" in row]
    return statistics.median(rates) if rates else None


METRICS = tuple(metric for metric in registry.METRICS if metric.shown != "data")

FIGURES = (
    *(Figure(each.heading, _of_metrics(each.key), each.text, each.best, each.meaning, each.key) for each in METRICS),
    Figure(
        "Calibration error", lambda result: result.reliability.expected_calibration_error, _score, min, "of 15 bins"
    ),
    Figure("Segments", _of_metrics("num_segments"), _count),
    Figure("Videos", _of_metrics("num_videos"), _count),
    Figure("Parameters", lambda result: result.num_parameters, drawing.short_number),
)

THROUGHPUT = (
    Figure("Training", training_rate, _count, max, "a second, the median of what was logged"),
    Figure("Scoring", _of_metrics("videos_per_second"), _count, max, "videos a second, while this page was made"),
)


def figure_rows(
    results: Sequence[RunResult],
    figures: Sequence[Figure],
    comparable: bool,
    intervals: Mapping[str, Sequence[str]] = MappingProxyType({}),
) -> list[Row]:
    """Rows for the figures that at least one run has.

    Args:
        results: the runs.
        figures: the figures.
        comparable: mark the best value of each row, if there are several runs.
        intervals: the intervals of metrics, by key.
    """
    rows = []
    for figure in figures:
        values = [figure.value(result) for result in results]
        known = [value for value in values if value is not None]
        if not known:
            continue
        best = figure.best(known) if figure.best and comparable and len(results) > 1 else None
        texts = [_NOTHING if value is None else figure.text(value) for value in values]
        is_best = [best is not None and value == best for value in values]
        rows.append(Row(figure.name, texts, is_best, figure.note, intervals.get(figure.key, ())))
    return rows


def short_names(names: Sequence[str]) -> list[str]:
    """The last part of each path, or as many parts as make the names different."""
    paths = [Path(os.path.abspath(name)).parts for name in names]
    for length in range(1, max(map(len, paths)) + 1):
        short = ["/".join(parts[-length:]) for parts in paths]
        if len(set(short)) == len(short):
            break
    return short


def run_rows(results: Sequence[RunResult]) -> list[Row]:
    """A short description of each run."""

    def row(name: str, value: Callable[[RunResult], Any]) -> Row:
        return Row(name, [str(value(result) or _NOTHING) for result in results])

    def steps(result: RunResult) -> str:
        done = max((each["step"] for each in result.rows), default=0)
        return f"{done:,} of {result.config.training.num_steps:,}"

    def weights(result: RunResult) -> str:
        if result.num_averaged:
            return f"mean of {result.num_averaged}"
        return f"step {result.best_step:,}, the best" if result.best_step else "the last step"

    def rate(result: RunResult) -> str:
        training = result.config.training
        return f"{training.optimizer}, {training.learning_rate:g}, {training.schedule}"

    def versions(result: RunResult) -> str:
        return ", ".join(f"{name} {version}" for name, version in result.environment.get("versions", {}).items())

    rows = [
        row("Directory", lambda result: result.name),
        row("Recipe", lambda result: result.config.recipe),
        row("Model", lambda result: result.config.model.name),
        row("Features", lambda result: f"{', '.join(result.config.data.features)} ({result.config.model.level} level)"),
        row("Trained on", lambda result: _shortened(result.config.data.train)),
        row("Scored on", lambda result: _shortened(result.paths)),
        row("Steps", steps),
        row("Weights", weights),
        row("Batch size", lambda result: result.config.training.batch_size),
        row("Optimizer", rate),
        row("Loss", lambda result: result.config.loss.kind),
        row("Precision", lambda result: result.config.training.precision),
        row("Started from", lambda result: result.config.training.initial_run),
        row("Teacher", lambda result: result.config.distill.teacher),
        row("Seed", lambda result: str(result.config.training.seed)),
        row("Versions, newest start", versions),
        row("Commit, newest start", lambda result: (result.environment.get("git_commit") or "")[:12]),
        row("Devices, newest start", lambda result: ", ".join(result.environment.get("devices", []))),
    ]
    return [each for each in rows if set(each.values) != {_NOTHING}]


def _shortened(paths: Sequence[str], most: int = 2) -> str:
    rest = f" and {len(paths) - most} more" if len(paths) > most else ""
    return ", ".join(paths[:most]) + rest


def configuration_rows(results: Sequence[RunResult]) -> list[Row]:
    """The whole configurations, field by field; paths of records, which `run_rows` has, are shortened."""
    flat = [flatten(configuration.to_dict(result.config)) for result in results]
    keys = dict.fromkeys(key for each in flat for key in each if key != "run")
    return [Row(key, [_value_text(each[key]) if key in each else _NOTHING for each in flat]) for key in keys]


def _value_text(value: Any) -> str:
    if isinstance(value, list):
        return _shortened(
            [each["name"] if isinstance(each, dict) else str(each) for each in value]
        )  # members have names
    return str(value)
