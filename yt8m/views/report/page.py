"""The page: what `page.html`, a Jinja template, is given. Everything on it that is not a drawing is escaped there."""

import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yt8m import config as configuration
from yt8m.data.tables.vocabulary import class_name
from yt8m.errors import not_installed
from yt8m.metrics import registry
from yt8m.runs import flatten
from yt8m.views.report import drawing
from yt8m.views.report.classes import class_tables
from yt8m.views.report.measuring import NUM_EXAMPLES, Example, RunResult

_NOTHING = "–"


@dataclass(frozen=True)
class Row:
    """A row of a table: a name, and a value for each run."""

    name: str
    values: Sequence[str]
    best: Sequence[bool] = ()
    """Which values are the best ones; none where that would mean nothing."""
    note: str = ""

    @property
    def differs(self) -> bool:
        """Whether the runs have different values."""
        return len(set(self.values)) > 1


@dataclass(frozen=True)
class Figure:
    """What a row of the table of metrics shows of each run."""

    name: str
    value: Callable[[RunResult], float | None]
    text: Callable[[float], str]
    best: Callable[[Sequence[float]], float] | None = None
    """The best of some values; None where none is better."""
    note: str = ""


def _of_metrics(key: str) -> Callable[[RunResult], float | None]:
    return lambda result: result.metrics.get(key)


def _score(value: float) -> str:
    return f"{value:.4f}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def training_rate(result: RunResult) -> float | None:
    """Videos (or segments) a second in training, the median of the lines of `metrics.jsonl`; None where none has it."""
    rates = [row["videos_per_second"] for row in result.rows if row["kind"] == "train" and "videos_per_second" in row]
    return statistics.median(rates) if rates else None


METRICS = tuple(metric for metric in registry.METRICS if metric.shown != "data")

FIGURES = (
    *(Figure(each.heading, _of_metrics(each.key), each.text, each.best, each.meaning) for each in METRICS),
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


def figure_rows(results: Sequence[RunResult], figures: Sequence[Figure], comparable: bool) -> list[Row]:
    """The figures that at least one run has.

    Args:
        results: the runs.
        figures: which.
        comparable: whether the best value of a row is marked, if there are several runs.
    """
    rows = []
    for figure in figures:
        values = [figure.value(result) for result in results]
        known = [value for value in values if value is not None]
        if not known:
            continue
        best = figure.best(known) if figure.best and comparable and len(results) > 1 else None
        texts = [_NOTHING if value is None else figure.text(value) for value in values]
        rows.append(Row(figure.name, texts, [best is not None and value == best for value in values], figure.note))
    return rows


def short_names(names: Sequence[str]) -> list[str]:
    """The last part of each path, or as much of the paths as tells them apart."""
    paths = [Path(os.path.abspath(name)).parts for name in names]
    for length in range(1, max(map(len, paths)) + 1):
        short = ["/".join(parts[-length:]) for parts in paths]
        if len(set(short)) == len(short):
            break
    return short


def run_rows(results: Sequence[RunResult]) -> list[Row]:
    """What was run, in short."""

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
    return _shortened(value) if isinstance(value, list) else str(value)


@dataclass(frozen=True)
class ConfusionLine:
    """A pair of classes that a run confuses, in how many videos, and what share that is of those with the missed class."""

    missed: str
    given: str
    count: int
    share: float


def confusion_lines(result: RunResult, names: Mapping[int, str]) -> list[ConfusionLine]:
    """The pairs that a run confuses most often."""
    positives = dict(zip(result.per_class.class_ids.tolist(), result.per_class.num_positives.tolist(), strict=True))
    return [
        ConfusionLine(class_name(missed, names), class_name(given, names), count, count / positives[missed])
        for missed, given, count in result.confusions
    ]


@dataclass(frozen=True)
class Label:
    """A class of an example."""

    name: str
    is_present: bool


@dataclass(frozen=True)
class Prediction:
    """What a run says of an example."""

    name: str
    probability: float
    verdict: str
    """`hit`, `miss`, or `unrated` of a class that a segment was not rated for."""


@dataclass(frozen=True)
class Card:
    """An example, and of every run its predictions, which are empty where it has not seen it."""

    name: str
    labels: Sequence[Label]
    predictions: Sequence[Sequence[Prediction]]


def cards(results: Sequence[RunResult], names: Mapping[int, str]) -> list[Card]:
    """The examples of all runs; where runs were scored on different records, a card has those that saw it."""
    digests = sorted(set().union(*(result.examples for result in results)))[:NUM_EXAMPLES]
    made = []
    for digest in digests:
        of_runs = [result.examples.get(digest) for result in results]
        one = next(example for example in of_runs if example)
        labels = [Label(class_name(each, names), True) for each in one.present]
        labels += [Label(class_name(each, names), False) for each in one.absent or ()]
        made.append(Card(one.name, labels, [_predictions(each, names) if each else [] for each in of_runs]))
    return made


def _predictions(example: Example, names: Mapping[int, str]) -> list[Prediction]:
    def verdict(class_id: int) -> str:
        if class_id in example.present:
            return "hit"
        return "miss" if example.absent is None or class_id in example.absent else "unrated"

    return [
        Prediction(class_name(class_id, names), probability, verdict(class_id))
        for class_id, probability in example.predictions
    ]


def _steps(result: RunResult, kind: str, key: str) -> drawing.Steps:
    return [(row["step"], row[key]) for row in result.rows if row["kind"] == kind and key in row]


def _curves(results: Sequence[RunResult]) -> list[dict[str, str]]:
    """Drawings with their captions."""
    best = [result.best_step for result in results]
    shown = [
        (
            f"{metric.heading} in validation",
            "validation",
            metric.key,
            metric.heading,
            "A ring marks the weights that were kept.",
        )
        for metric in map(registry.primary, registry.COUNTS)
    ]
    shown += [
        ("Loss in training", "train", "loss", "training loss", "The mean since the line before; what is minimised."),
        (
            "Loss in validation",
            "validation",
            "loss",
            "validation loss",
            "Plain cross-entropy, summed over the classes.",
        ),
    ]
    drawings = []
    for title, kind, key, ylabel, caption in shown:
        of_runs = [_steps(result, kind, key) for result in results]
        if any(of_runs):
            marks = best if kind == "validation" else ()
            drawings.append({"title": title, "svg": drawing.curves(of_runs, ylabel, marks), "caption": caption})
    return drawings


def _quality(results: Sequence[RunResult]) -> list[dict[str, str]]:
    is_segments = results[0].is_segments
    what = "rated pairs of a segment and a class" if is_segments else "entries of all videos' 20 best classes"
    area = "" if is_segments else " The area under a curve is GAP."
    return [
        {
            "title": "Precision and recall",
            "svg": drawing.precision_recall([result.curve for result in results]),
            "caption": f"All {what}, pooled, as the threshold falls.{area}",
        },
        {
            "title": "Calibration",
            "svg": drawing.calibration([result.reliability for result in results]),
            "caption": "Of the same, the share of hits among those of like probability. On the dotted line "
            "probabilities are what they say; below it they are too high.",
        },
        {
            "title": "Rare and frequent classes",
            "svg": drawing.precision_against_frequency(
                [result.per_class for result in results],
                "segments rated positive" if is_segments else "videos with the label",
            ),
            "caption": "A dot is a class in a run; a line is the mean of classes that are about equally frequent.",
        },
    ]


def _throughput_curves(results: Sequence[RunResult], what: str) -> str:
    of_runs = [_steps(result, "train", "videos_per_second") for result in results]
    return drawing.curves(of_runs, f"{what} a second in training") if any(of_runs) else ""


def _tiles(results: Sequence[RunResult], comparable: bool) -> list[dict[str, Any]]:
    """The most important figures, each of the best run; none if runs cannot be compared."""
    if not comparable:
        return []
    tiles = []
    for metric in (metric for metric in METRICS if metric.task):
        values = [result.metrics[metric.key] for result in results if metric.key in result.metrics]
        if values:
            best = metric.best(values)
            tiles.append({"name": metric.heading, "value": metric.text(best), "run": values.index(best)})
    return tiles


def require_jinja() -> Any:
    """The package `jinja2`. Raises InputError that says how to install it where it is missing."""
    try:
        import jinja2
    except ImportError as error:
        raise not_installed("the page", "Jinja", "report", error) from None
    return jinja2


def render(results: Sequence[RunResult], class_names: Mapping[int, str], remarks: Sequence[str] = ()) -> str:
    """The page on some runs: HTML that asks for no other file.

    Args:
        results: at least one run; all of one vocabulary, and all of videos or all of segments.
        class_names: by class; others are called `class 17`.
        remarks: shown at the top.

    Raises:
        InputError: Jinja is not installed.
    """
    jinja2 = require_jinja()
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    options = {"trim_blocks": True, "lstrip_blocks": True, "undefined": jinja2.StrictUndefined}
    template = jinja2.Environment(loader=loader, autoescape=True, **options).get_template("page.html")
    comparable = len({result.records for result in results}) == 1
    what = "segments" if results[0].is_segments else "videos"
    return template.render(
        names=short_names([result.name for result in results]),
        what=what,
        num_records=[result.records.count for result in results],
        remarks=remarks,
        tiles=_tiles(results, comparable),
        metrics=figure_rows(results, FIGURES, comparable),
        runs=run_rows(results),
        configuration=configuration_rows(results),
        curves=_curves(results),
        quality=_quality(results),
        classes=class_tables(results, class_names),
        comparable=comparable,
        confusions=[confusion_lines(result, class_names) for result in results],
        cards=cards(results, class_names),
        throughput=figure_rows(results, THROUGHPUT, comparable=True),
        throughput_svg=_throughput_curves(results, what),
        num_colours=drawing.NUM_COLOURS,
    )
