"""Draws `curves.png`, which shows how a run went."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yt8m.metrics.registry import METRICS
from yt8m.views.plotting import (
    WIDTH,
    head,
    new_figure,
    save_figure,
)


def plot(rows: Sequence[Mapping[str, Any]], path: Path, best_step: int | None = None) -> None:
    """Draws the loss of training and validation over the steps and, below it, the validation scores.

    Args:
        rows: the lines of `metrics.jsonl`.
        path: the PNG file to write.
        best_step: the step to mark: the validation whose weights were kept; None = mark none.
    """
    training = [row for row in rows if row["kind"] == "train"]
    validation = [row for row in rows if row["kind"] == "validation"]
    scores = [
        metric
        for metric in METRICS
        if metric.task and metric.shown != "data" and any(metric.key in row for row in validation)
    ]
    figure = new_figure(WIDTH, 5.6 if scores else 3.2)
    every = figure.subplots(2 if scores else 1, 1, sharex=True, squeeze=False)[:, 0]
    losses = every[0]
    _line(losses, training, "loss", "training")
    _line(losses, validation, "loss", "validation")
    losses.set(ylabel="loss", ylim=(0, None))
    if scores:
        for metric in scores:
            _line(every[1], validation, metric.key, metric.title)
        every[1].set(ylabel="score", ylim=(0, 1.02))
    is_marked = any(row["step"] == best_step for row in validation)
    for axes in every:
        if is_marked:
            text = f"the best, step {best_step:,}" if axes is losses else None
            axes.axvline(best_step, color="black", linestyle=":", linewidth=1.2, zorder=1, label=text)
        axes.grid(alpha=0.3)
    last = max((row["step"] for row in rows), default=0)
    every[-1].set(xlabel="step", xlim=(0, 1.03 * last or None))
    head(losses, "Loss")
    if scores:
        head(every[1], "Validation")
    save_figure(figure, path)


def _line(axes: Any, rows: Sequence[Mapping[str, Any]], key: str, name: str) -> None:
    """Draws a value over the steps, with a mark for each if there are few. Draws nothing if no row has the value."""
    points = [(row["step"], row[key]) for row in rows if key in row]
    if points:
        axes.plot(*zip(*points, strict=True), marker="o" if len(points) <= 30 else "", markersize=3.5, label=name)
