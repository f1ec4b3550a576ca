"""The page's drawings. Their SVG takes colours and fonts from the page, so one drawing serves light and dark mode.

Matplotlib draws with placeholder colours. These become CSS variables: `--ink`, `--line` and `--series-1` to `--series-8`, which
`page.html` sets. Everything that a page already has is removed from the SVG.
"""

import io
import math
import re
import xml.sax.saxutils
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from yt8m.metrics import PerClass, PrecisionRecall, Reliability

NUM_COLOURS = 8
"""Number of colours. Further runs have the same colours with dashed lines."""

Steps = Sequence[tuple[float, float]]
"""Pairs (step or epoch, value) of one run, ascending."""

_SIZE = (4.4, 3.3)
"""Width in inches. At 72 points per inch, a drawing is about as wide as a phone, so a point is about a pixel there."""
_ROOM = 1.06
"""Room beyond the highest value on an axis from 0, for a whole ring around it."""
_INK, _LINE = "#010101", "#010102"
_SERIES = [f"#0102{index:02x}" for index in range(NUM_COLOURS)]
_VARIABLES = {_INK: "var(--ink)", _LINE: "var(--line)"} | {
    colour: f"var(--series-{index + 1})" for index, colour in enumerate(_SERIES)
}
_STYLE = {
    "svg.fonttype": "none",
    "font.size": 11,
    "axes.labelsize": 11,
    "xtick.labelsize": 10.5,
    "ytick.labelsize": 10.5,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "axes.edgecolor": _LINE,
    "xtick.color": _LINE,
    "ytick.color": _LINE,
    "grid.color": _LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "grid.linewidth": 0.6,
    "path.simplify_threshold": 0.3,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
}


def curves(
    of_runs: Sequence[Steps],
    ylabel: str,
    best_steps: Sequence[float | None] = (),
    unit: Literal["step", "epoch"] = "step",
) -> str:
    """Values over the steps of training, one line per run. The axis starts at 0, or is logarithmic if runs differ twentyfold.

    Args:
        of_runs: the values of each run. At least one run has values; runs without get no line.
        ylabel: name of the values.
        best_steps: the step of each run to mark with a ring, or None.
        unit: the unit of the horizontal axis.
    """

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        few = max((len(values) for values in of_runs), default=0) <= 30
        for index, values in enumerate(of_runs):
            points = np.array(values, np.float64).reshape(-1, 2)
            axes.plot(*points.T, marker="o" if few else "", markersize=3.5, **_line(index))
            best = best_steps[index] if index < len(best_steps) else None
            marked = points[points[:, 0] == best] if best is not None else points[:0]
            axes.plot(*marked.T, "o", markersize=9, fillstyle="none", markeredgewidth=1.6, color=_colour(index))
        every = np.concatenate([np.array(values, np.float64).reshape(-1, 2) for values in of_runs])
        last_step, highest = every[np.isfinite(every).all(axis=1)].max(axis=0, initial=0)
        axes.set(xlabel=unit, ylabel=ylabel)
        axes.set_xlim(0, _ROOM * last_step or None)
        _shorten_ticks(axes.xaxis)
        medians = [np.median([value for _, value in values]) for values in of_runs if values]
        if min(medians) > 0 and max(medians) > 20 * min(medians):
            axes.set_yscale("log")
            _powers_of_ten(axes.yaxis, *axes.get_ylim())
        else:
            axes.set_ylim(0, _ROOM * highest or None)
            _shorten_ticks(axes.yaxis)

    return _svg(draw, f"{ylabel} over the {unit}s of training")


def precision_recall(of_runs: Sequence[PrecisionRecall]) -> str:
    """Precision against recall, one line per run."""

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for index, curve in enumerate(of_runs):
            axes.plot(curve.recall, curve.precision, drawstyle="steps-pre", **_line(index))
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
        _shorten_ticks(axes.xaxis)
        _shorten_ticks(axes.yaxis)

    return _svg(draw, "Precision against recall")


def calibration(of_runs: Sequence[Reliability]) -> str:
    """Share of hits against probability, one line per run, with the number of entries below."""

    def draw(figure: Any) -> None:
        axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=1, linestyle=(0, (2, 3)))
        for index, each in enumerate(of_runs):
            filled = each.counts > 0
            axes.plot(
                each.mean_probabilities[filled], each.hit_shares[filled], marker="o", markersize=4, **_line(index)
            )
            edges = np.linspace(0, 1, len(each.counts) + 1)
            counts.stairs(np.maximum(each.counts, 0.5), edges, baseline=None, **{**_line(index), "linewidth": 1.4})
        axes.set(ylabel="share of hits", xlim=(0, 1), ylim=(0, 1.02))
        counts.set(xlabel="predicted probability", ylabel="entries", yscale="log")
        counts.set_ylim(bottom=0.7)
        _powers_of_ten(counts.yaxis, *counts.get_ylim())
        _shorten_ticks(axes.yaxis)
        _shorten_ticks(counts.xaxis)
        figure.align_ylabels()

    return _svg(draw, "Reliability: share of hits against the predicted probability, and how many entries there are")


def precision_against_frequency(of_runs: Sequence[PerClass], what: str) -> str:
    """Average precision against positives, one dot per class and run, with means of similarly frequent classes.

    Args:
        of_runs: at least one class has positives.
        what: name of the positives, for the axis.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

    most = max(int(each.num_positives.max()) for each in of_runs)
    least = min(int(each.num_positives[each.has_positives].min()) for each in of_runs)

    def draw(figure: Any) -> None:
        axes = figure.subplots()
        for index, each in enumerate(of_runs):
            counts, precisions = each.num_positives[each.has_positives], each.average_precision[each.has_positives]
            _dots(axes, counts, precisions, index)
            means = mean_by_frequency(counts, precisions)
            axes.plot(*means.T, **_line(index))
        axes.set(xlabel=what, ylabel="average precision", ylim=(-0.02, 1.02))
        _shorten_ticks(axes.yaxis)
        axes.set(xscale="log", xlim=(least / 1.4, most * 1.4))
        span = most / least
        digits = range(1, 10) if span < 5 else (1, 2, 5) if span < 200 else (1,)
        axes.xaxis.set_major_locator(LogLocator(subs=digits))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, place: short_number(value)))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.xaxis.set_minor_locator(NullLocator())

    return _svg(draw, "Average precision of each class against how frequent it is")


def mean_by_frequency(counts: np.ndarray, precisions: np.ndarray, bins_a_decade: int = 3) -> np.ndarray:
    """Means over similarly frequent classes: float64 [non-empty bins, 2], geometric mean of counts and mean precision.

    Args:
        counts: positives, int [M], at least 1.
        precisions: average precisions, float [M].
        bins_a_decade: bins between n and 10 n positives.
    """
    bins = np.floor(np.log10(counts) * bins_a_decade + 1e-9).astype(np.int64)
    rows = [(np.exp(np.log(counts[bins == each]).mean()), precisions[bins == each].mean()) for each in np.unique(bins)]
    return np.array(rows).reshape(-1, 2)


def _colour(index: int) -> str:
    return _SERIES[index % NUM_COLOURS]


def _line(index: int) -> dict[str, Any]:
    return {"color": _colour(index), "linestyle": "-" if index < NUM_COLOURS else (0, (4, 2))}


def _dots(axes: Any, x: np.ndarray, y: np.ndarray, index: int) -> None:
    """Draws dots as one path of lines without length. Separate marks would take ten times as many bytes."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    vertices = np.repeat(np.stack([x, y], axis=1), 2, axis=0).astype(np.float64)
    codes = np.tile(np.array([Path.MOVETO, Path.LINETO], np.uint8), len(x))
    path = Path(vertices, codes)
    path.should_simplify = False
    size = 5 if len(x) <= 300 else 3
    axes.add_patch(PathPatch(path, fill=False, edgecolor=_colour(index), linewidth=size, capstyle="round", alpha=0.45))


def _shorten_ticks(axis: Any) -> None:
    """Sets few ticks, with numbers such as 20k."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, place: short_number(value)))


def _powers_of_ten(axis: Any, least: float, most: float) -> None:
    """Sets at most three ticks, at powers of ten."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    powers = range(math.ceil(math.log10(least)), math.floor(math.log10(most)) + 1)
    axis.set_major_locator(FixedLocator([10.0**power for power in powers[:: 1 + (len(powers) - 1) // 3]]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, place: short_number(value)))


def short_number(value: float) -> str:
    """A number for an axis: `0.25`, `250`, `2.5k`, `25M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def _svg(draw: Callable[[Any], None], title: str) -> str:
    """A drawing as SVG for the body of a page."""
    import matplotlib
    from matplotlib.figure import Figure  # not pyplot, which would look for a display

    with matplotlib.rc_context({**_STYLE, "svg.hashsalt": title}):
        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure)
        for axes in figure.axes:
            axes.tick_params(length=0)
        content = io.StringIO()
        figure.savefig(content, format="svg", transparent=True, metadata={"Date": None})
    return as_part_of_page(content.getvalue(), title)


def as_part_of_page(svg: str, title: str) -> str:
    """Turns Matplotlib's SVG into an element of a page: without declarations, with unique names and the page's colours.

    Args:
        svg: the content of the SVG file.
        title: description for people who cannot see the drawing.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)  # a style would apply to the whole page
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # the other names are hashes, salted with the title
    svg = re.sub(r"<g/>|<defs>\s*</defs>", "", svg)
    svg = re.sub(r"font(-family)?: (?:[0-9.]+px)?[^;\"]*;", _font_size, svg)
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, variable)
    svg = re.sub(r"(-?\d+\.\d\d)\d+", r"\1", svg)
    svg = re.sub(r"\s*\n\s*", " ", svg)
    text = xml.sax.saxutils.escape(title, {'"': "&quot;"})
    box = re.search(r'viewBox="[^"]*"', svg)
    assert box, "Matplotlib's SVG has a viewBox"
    opening = f'<svg {box.group()} xmlns:xlink="http://www.w3.org/1999/xlink" role="img" aria-label="{text}">'
    return f"{opening}{svg[svg.index('>') + 1 :]}"


def _font_size(font: re.Match) -> str:
    """Keeps the size of a font. The page sets the family."""
    size = re.search(r"[0-9.]+px", font.group())
    return f"font-size: {size.group()};" if size else ""
