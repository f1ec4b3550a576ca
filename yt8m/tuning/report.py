"""Draws `report.png`: the trials of a study at a glance."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.tuning.space import Dimension
from yt8m.tuning.study import Trial
from yt8m.views.plotting import (
    WIDTH,
    head,
    new_figure,
    save_figure,
    whole_numbers,
)

_BEST, _GREY = "tab:red", "0.65"
_TICKS = 5


def plot(
    trials: Sequence[Trial], dimensions: Sequence[Dimension], importances: Mapping[str, float], metric: str, path: Path
) -> None:
    """Draws the scores of trials, the importance of dimensions, and parallel coordinates.

    Args:
        trials: the trials of the study. At least one is complete.
        dimensions: the dimensions of the space.
        importances: shares by dimension; empty with too few trials.
        metric: the metric of the scores.
        path: a PNG file.
    """
    # Axes need room for names and values, but a wide picture is small on a phone.
    width = max(WIDTH, 1.25 * (len(dimensions) + 1) + 0.6)
    height = 0.9 + 0.3 * len(importances) if importances else 0
    figure = new_figure(width, 7.4 + height)
    parts = iter(figure.subfigures(3 if height else 2, 1, height_ratios=[3.2, *([height] if height else []), 4.2]))
    _plot_scores(next(parts).subplots(), trials, metric)
    if height:
        _plot_importances(next(parts).subplots(), importances)
    _plot_parallel(next(parts), trials, dimensions, metric)
    save_figure(figure, path)


def _scored(trials: Sequence[Trial], state: str) -> list[Trial]:
    return [each for each in trials if each.state == state and each.score is not None]


def _best(trials: Sequence[Trial]) -> Trial:
    return max(_scored(trials, "complete"), key=lambda each: each.score)


def _plot_scores(axes: Any, trials: Sequence[Trial], metric: str) -> None:
    complete, pruned, best = _scored(trials, "complete"), _scored(trials, "pruned"), _best(trials)
    numbers, values = [each.number for each in complete], [each.score for each in complete]
    axes.plot(numbers, np.maximum.accumulate(values), drawstyle="steps-post", color="tab:blue", lw=1, alpha=0.6)
    axes.plot(numbers, values, "o", color="tab:blue", label="complete")
    if pruned:
        axes.plot([each.number for each in pruned], [each.score for each in pruned], "x", color=_GREY, label="pruned")
    axes.plot(best.number, best.score, "o", color=_BEST, label=f"best: trial {best.number}, {best.score:.4f}")
    shown = [each.number for each in complete + pruned]
    axes.set(xlabel="trial", ylabel=f"best validation {metric}", xlim=(min(shown) - 0.6, max(shown) + 0.6))
    whole_numbers(axes.xaxis)
    axes.grid(alpha=0.3)
    head(axes, "Trials")


def _plot_importances(axes: Any, importances: Mapping[str, float]) -> None:
    axes.set(xlabel="share of what sets the best trials apart (PED-ANOVA)", xlim=(0, 1))
    names, shares = list(importances)[::-1], list(importances.values())[::-1]
    axes.barh(names, shares, color="tab:blue")
    for place, share in enumerate(shares):
        inside = share > 0.85
        axes.text(
            share + (-0.01 if inside else 0.01),
            place,
            f"{share:.2f}",
            va="center",
            ha="right" if inside else "left",
            color="white" if inside else "black",
        )
    axes.grid(axis="x", alpha=0.3)
    head(axes, "Importance")


def _plot_parallel(figure: Any, trials: Sequence[Trial], dimensions: Sequence[Dimension], metric: str) -> None:
    complete, pruned, best = _scored(trials, "complete"), _scored(trials, "pruned"), _best(trials)
    axes = figure.subplots()
    values = [each.score for each in complete + pruned]
    score_axis = Dimension("", metric, low=min(values), high=max(values))
    scales = [_Scale(each) for each in [*dimensions, score_axis]]
    colours = _colours([each.score for each in complete])

    def line(trial: Trial, **style) -> None:
        row = [*(trial.values[each.name] for each in dimensions), trial.score]
        axes.plot(range(len(scales)), [scale.place(value) for scale, value in zip(scales, row, strict=True)], **style)

    for each in pruned:
        line(each, color=_GREY, lw=0.8, ls=":")
    for each in sorted(complete, key=lambda each: each.score):
        line(each, color=colours.to_rgba(each.score), lw=1.3, alpha=0.85)
    line(best, color=_BEST, lw=2.2)
    for place, scale in enumerate(scales):
        axes.axvline(place, color="black", lw=0.8)
        for height, text in scale.ticks():
            axes.annotate(
                text,
                (place, height),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.75, "pad": 0.8},
            )
    axes.set_xticks(range(len(scales)), [*(each.name.replace(".", ".\n", 1) for each in dimensions), metric])
    axes.set(yticks=[], ylim=(-0.06, 1.06), xlim=(-0.15, len(scales) - 0.55))
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    beside = ", dotted: pruned" if pruned else ""
    head(axes, f"Every trial is a line (red: the best{beside})")


def _colours(scores: Sequence[float]) -> Any:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    least, most = min(scores), max(scores)
    return ScalarMappable(Normalize(least, most if most > least else least + 1e-4), "viridis")


class _Scale:
    """Maps the values of a dimension to its axis, from 0 to 1."""

    def __init__(self, dimension: Dimension):
        self._dimension = dimension

    def place(self, value: Any) -> float:
        """The height of a value."""
        dimension = self._dimension
        if dimension.choices:
            return (dimension.choices.index(value) + 0.5) / len(dimension.choices)
        low, high, value = (np.log(each) if dimension.log else each for each in (dimension.low, dimension.high, value))
        return 0.5 if low == high else float((value - low) / (high - low))

    def ticks(self) -> list[tuple[float, str]]:
        """Heights and their values."""
        dimension = self._dimension
        if dimension.choices:
            return [(self.place(choice), str(choice)) for choice in dimension.choices]
        if dimension.low == dimension.high:
            return [(0.5, f"{dimension.low:.3g}")]
        if dimension.log:
            values = _logarithmic_ticks(dimension.low, dimension.high)
        else:
            values = np.linspace(dimension.low, dimension.high, _TICKS)
        if dimension.integer:
            values = np.unique(np.rint(values).astype(int))
        return [(self.place(value), _short(value)) for value in values]


def _logarithmic_ticks(low: float, high: float) -> np.ndarray:
    """Both ends, and round numbers between them that are not too close."""
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    digits = (1,) if high >= 50 * low else (1, 2, 5) if high >= 5 * low else range(1, 10)
    every = np.outer(powers, digits).ravel()
    nearest = (high / low) ** (1 / (2 * _TICKS))
    inner = every[(every > low * nearest) & (every < high / nearest)]
    inner = inner[:: -(-len(inner) // _TICKS) or 1]
    return np.array([low, *inner, high])


def _short(value: float) -> str:
    return str(value) if isinstance(value, np.integer) else f"{value:.3g}"
