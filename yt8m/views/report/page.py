"""Renders the page from `page.html`, a Jinja template. The template escapes everything except drawings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from yt8m.metrics import registry
from yt8m.views.report import drawing
from yt8m.views.report.classes import class_tables
from yt8m.views.report.examples import cards, confusion_lines
from yt8m.views.report.intervals import intervals
from yt8m.views.report.measuring import RunResult
from yt8m.views.report.tables import (
    FIGURES,
    METRICS,
    THROUGHPUT,
    configuration_rows,
    figure_rows,
    run_rows,
    short_names,
)
from yt8m.views.templates import template_of


def _steps(result: RunResult, kind: str, key: str) -> drawing.Steps:
    return [(row["step"], row[key]) for row in result.rows if row["kind"] == kind and key in row]


class _Curve(NamedTuple):
    """A drawing over the steps, one line per run."""

    title: str
    kind: str
    """The kind of rows in `metrics.jsonl`."""
    key: str
    ylabel: str
    caption: str


def _curves(results: Sequence[RunResult]) -> list[dict[str, str]]:
    """Drawings over the steps, with captions."""
    best = [result.best_step for result in results]
    ring, mean = "A ring marks the weights that were kept.", "The mean since the line before; what is minimised."
    plain = "Plain cross-entropy, summed over the classes."
    drawings = []
    for curve in (
        *(
            _Curve(f"{metric.heading} in validation", "validation", metric.key, metric.heading, ring)
            for metric in map(registry.primary, registry.COUNTS)
        ),
        _Curve("Loss in training", "train", "loss", "training loss", mean),
        _Curve("Loss in validation", "validation", "loss", "validation loss", plain),
    ):
        of_runs = [_steps(result, curve.kind, curve.key) for result in results]
        if any(of_runs):
            svg = drawing.curves(of_runs, curve.ylabel, best if curve.kind == "validation" else ())
            drawings.append({"title": curve.title, "svg": svg, "caption": curve.caption})
    return drawings + _by_epoch(results)


def _by_epoch(results: Sequence[RunResult]) -> list[dict[str, str]]:
    """The score in validation over passes through the training records, if a run with validations knows their number."""
    metric = registry.primary("segment" if results[0].is_segments else "video")
    of_runs, best = [], []
    for result in results:
        epochs = result.epochs_a_step
        of_runs.append(
            [(epochs * step, value) for step, value in _steps(result, "validation", metric.key)] if epochs else []
        )
        best.append(epochs * result.best_step if epochs and result.best_step else None)
    if not any(of_runs):
        return []
    caption = (
        "An epoch is one pass over the training records of the run. Runs whose records were not counted have no line."
    )
    svg = drawing.curves(of_runs, metric.heading, best, "epoch")
    return [{"title": f"{metric.heading} by epoch", "svg": svg, "caption": caption}]


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
    """The most important figures, each from the best run; empty if runs cannot be compared."""
    if not comparable:
        return []
    tiles = []
    for metric in (metric for metric in METRICS if metric.task):
        values = [result.metrics[metric.key] for result in results if metric.key in result.metrics]
        if values:
            best = metric.best(values)
            tiles.append({"name": metric.heading, "value": metric.text(best), "run": values.index(best)})
    return tiles


def render(
    results: Sequence[RunResult],
    class_names: Mapping[int, str],
    remarks: Sequence[str] = (),
    addresses: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """The page as HTML that needs no other file.

    Args:
        results: at least one run. All have the same vocabulary, and all are of videos or all of segments.
        class_names: names by class. Others are called `class 17`.
        remarks: lines at the top of the page.
        addresses: addresses of examples, see `yt8m.views.report.examples.known_pages`.

    Raises:
        InputError: Jinja is not installed.
    """
    template = template_of(Path(__file__).parent, "page.html")
    comparable = len({result.records for result in results}) == 1
    what = "segments" if results[0].is_segments else "videos"
    resampled = intervals(results, comparable)
    return template.render(
        names=short_names([result.name for result in results]),
        what=what,
        num_records=[result.records.count for result in results],
        remarks=remarks,
        tiles=_tiles(results, comparable),
        metrics=figure_rows(results, FIGURES, comparable, resampled.of_runs),
        resampled=resampled,
        runs=run_rows(results),
        configuration=configuration_rows(results),
        curves=_curves(results),
        quality=_quality(results),
        classes=class_tables(results, class_names),
        comparable=comparable,
        confusions=[confusion_lines(result, class_names) for result in results],
        cards=cards(results, class_names, addresses),
        throughput=figure_rows(results, THROUGHPUT, comparable=True),
        throughput_svg=_throughput_curves(results, what),
        num_colours=drawing.NUM_COLOURS,
    )
