"""PNG pictures: figures that are readable on a phone, legends that hide nothing, and axes of counts."""

import os
import warnings
import zlib
from collections.abc import Iterable
from typing import Any

from yt8m.data.features import KNOWN
from yt8m.files import NewFile

WIDTH = 6.0
"""Width in inches of a picture with two drawings side by side. Text of 10 points then has 8 pixels on a phone."""
_PIXELS_AN_INCH = 160
_COLOURS_OF_FEATURES = (
    "tab:blue",
    "tab:orange",
    "tab:green",
    "tab:red",
    "tab:purple",
    "tab:brown",
    "tab:pink",
    "tab:cyan",
)


def colours_of(features: Iterable[str]) -> dict[str, str]:
    """The colours of the features in one picture.

    A known feature has the same colour in every picture, by its place among the known ones. Another has one by its name, or the
    next that is free, so that up to 8 features differ. Their order does not matter.
    """
    features, known = set(features), list(KNOWN)
    found = {name: _COLOURS_OF_FEATURES[place] for place, name in enumerate(known) if name in features}
    first = len(known) % len(_COLOURS_OF_FEATURES)
    others = [*_COLOURS_OF_FEATURES[first:], *_COLOURS_OF_FEATURES[:first]]
    for name in sorted(features - set(known)):
        start = zlib.crc32(name.encode()) % max(1, len(others) - first)
        wanted = [*others[start:], *others[:start]]
        found[name] = next((each for each in wanted if each not in found.values()), wanted[0])
    return found


def new_figure(width: float = WIDTH, height: float = 3.6) -> Any:
    """An empty figure with automatic layout.

    Args:
        width: inches. A figure much wider than `WIDTH` is unreadable on a phone.
        height: inches.
    """
    from matplotlib.figure import Figure  # not pyplot, which would look for a display

    return Figure(figsize=(width, height), layout="constrained")


def save_figure(figure: Any, path: str | os.PathLike) -> None:
    """Writes a picture as PNG. Raises InputError if it cannot be written."""
    with NewFile(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")  # a name in a script that the font lacks
        figure.savefig(file, format="png", dpi=_PIXELS_AN_INCH)


def head(axes: Any, title: str, columns: int = 4) -> None:
    """Adds a title on the left and, if anything has a label, a legend above the right end, where it hides nothing.

    Args:
        axes: the finished drawing.
        title: a short title, because the legend is beside it.
        columns: columns of the legend.
    """
    axes.set_title(title, loc="left", fontsize=11)
    if axes.get_legend_handles_labels()[0]:
        place = {"loc": "lower right", "bbox_to_anchor": (1, 1), "borderaxespad": 0.2}
        axes.legend(**place, ncols=columns, frameon=False, fontsize=9, handlelength=1.4, columnspacing=1)


def whole_numbers(axis: Any) -> None:
    """Puts ticks at whole numbers only, written as `2,000`."""
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axis.set_major_locator(MaxNLocator(7, steps=[1, 2, 2.5, 5, 10], integer=True, min_n_ticks=1))
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def logarithmic_counts(axis: Any, least: int, most: int) -> tuple[float, float]:
    """Prepares a logarithmic axis for counts: ticks at whole numbers only, written out.

    Args:
        axis: a logarithmic axis.
        least: the lowest count to show, at least 1.
        most: the highest count to show.

    Returns:
        Limits for the axis. At least one tick lies between them.
    """
    from matplotlib.ticker import FixedLocator, NullFormatter, StrMethodFormatter

    start = int(str(least)[0]) * 10 ** (len(str(least)) - 1)  # a place for a tick
    labelled = range(1, 10) if most < 10 * start else (1, 2, 5) if most < 200 * start else (1,)
    powers = [10**power for power in range(len(str(most)))]
    axis.set_major_locator(FixedLocator([digit * power for power in powers for digit in labelled]))
    axis.set_minor_locator(FixedLocator([digit * power for power in powers for digit in range(1, 10)]))
    axis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axis.set_minor_formatter(NullFormatter())
    return 0.92 * start, 1.15 * most
