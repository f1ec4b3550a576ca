"""`yt8m inspect --plots`: pictures of what many records hold."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.data.tables.vocabulary import class_name, find_vocabulary, read_class_names
from yt8m.data.tools.inspection import inspect
from yt8m.errors import InputError, RecordError, quantity
from yt8m.files import check_destination, make_directory, remove_empty
from yt8m.views.picture import plain
from yt8m.views.plotting import (
    colours_of,
    head,
    logarithmic_counts,
    new_figure,
    save_figure,
    whole_numbers,
)
from yt8m.views.statistics import DECOY_SPREAD, SPREAD_STEP, Statistics

_LEAST_DECOYS = 0.01
"""Least share of ids that look like those of decoys. One in 62 * 62 random ids of four characters does, too."""

PICTURES = ("frames", "labels", "classes", "cooccurrence", "features", "decoys")
_MOST_NAMED, _MOST_TOGETHER = 20, 30


class Plots:
    """Pictures of records. They are drawn after all records were added.

    Args:
        directory: the directory of the pictures.
        files: the files of the records.
        vocabulary: a vocabulary file; None = the one at the root of the data set, if any.

    Raises:
        InputError: the directory cannot be made or written to, or the vocabulary cannot be used.
    """

    def __init__(self, directory: str, files: list[str], vocabulary: str | None = None):
        found = vocabulary or find_vocabulary(files[0])
        self._names = read_class_names(found) if found else {}
        self._files = files
        self._directory = Path(directory)
        remove_empty(make_directory(directory))
        for name in PICTURES:
            check_destination(self._path(name))
        self.statistics = Statistics()

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.png"

    def draw(self) -> tuple[list[str], dict[str, str]]:
        """Draws the pictures. Returns the files, and the reason for each missing picture by name.

        Raises:
            InputError: a file cannot be written, or no record was usable.
        """
        statistics = self.statistics
        if not statistics.num_videos:
            raise InputError(f"there is nothing to draw: {self._why_nothing()}")
        labelled = None if statistics.classes else "no labels"
        reasons = {
            "frames": None if statistics.frames else "video level",
            "labels": None if statistics.labels else "no labels",
            "classes": labelled,
            "cooccurrence": labelled or _why_not_together(statistics),
            "features": None if statistics.features else "no features",
            "decoys": _why_no_decoys(statistics),
        }
        drawn = []
        for name in PICTURES:
            if reasons[name] is None:
                save_figure(_DRAW[name](statistics, self._names), self._path(name))
                drawn.append(str(self._path(name)))
        return drawn, {name: reason for name, reason in reasons.items() if reason}

    def _why_nothing(self) -> str:
        """Says why no record was added. It reads them once more, because only usable ones were added."""
        problems = inspect(self._files)["corrupt_files"]
        count = sum(problem["record"] is not None for problem in problems)
        known = {0: "there are no records", 1: "the only record cannot be used"}
        return f"{known.get(count, f'none of {count} records can be used')}; {RecordError(**problems[0])}"


def _why_not_together(statistics: Statistics) -> str | None:
    if len(statistics.classes) == 1:
        return "one class alone"
    together = statistics.together(statistics.most_frequent(_MOST_TOGETHER))
    return None if together.sum() > np.trace(together) else "no video has two of the most frequent classes"


def _why_no_decoys(statistics: Statistics) -> str | None:
    if not statistics.spreads:
        return "no rgb"
    begin = statistics.spreads["begins"].sum() if "begins" in statistics.spreads else 0
    if begin < _LEAST_DECOYS * statistics.num_videos or not begin:
        return f"{'hardly an' if begin else 'no'} id begins with the two characters of its shard"
    return None


def _draw_counts(counts: Counter, title: str, xlabel: str, most_bars: int) -> Any:
    """Draws the number of videos by an integer: a bar for each value, or for several if there are too many."""
    axes = (figure := new_figure()).subplots()
    low, high = min(counts), max(counts)
    width = -(-(high - low + 1) // most_bars)
    edges = np.arange(low, high + width + 1, width) - 0.5
    values, weights = zip(*counts.items(), strict=True)
    axes.hist(values, bins=edges, weights=weights, color="tab:blue", edgecolor="white", linewidth=0.4)
    total = sum(weights)
    mean = sum(value * weight for value, weight in counts.items()) / total
    axes.axvline(mean, color="tab:red", linestyle="--", label=f"mean {mean:.1f}; {low} to {high}")
    axes.set(xlabel=xlabel, ylabel="videos")
    if high - low < 30:
        axes.set_xlim(low - 1, high + 1)
    for axis in (axes.xaxis, axes.yaxis):
        whole_numbers(axis)
    _grid(axes)
    head(axes, f"{title} ({quantity(total, 'video', ',')})")
    return figure


def _grid(axes: Any, **options: Any) -> None:
    axes.grid(alpha=0.3, **options)
    axes.set_axisbelow(True)


def _draw_frames(statistics: Statistics, names: Mapping[int, str]) -> Any:
    return _draw_counts(statistics.frames, "Frames of a video", "frames (seconds)", 60)


def _draw_labels(statistics: Statistics, names: Mapping[int, str]) -> Any:
    return _draw_counts(statistics.labels, "Labels of a video", "labels", 40)


def _draw_classes(statistics: Statistics, names: Mapping[int, str]) -> Any:
    most = statistics.most_frequent(_MOST_NAMED)
    heights = (3.2, 1 + 0.2 * len(most))
    figure = new_figure(height=sum(heights))
    ranks, named = figure.subplots(2, 1, height_ratios=heights)
    counts = sorted(statistics.classes.values(), reverse=True)
    ranks.plot(np.arange(1, len(counts) + 1), counts, marker=".", markersize=4, linewidth=1)
    ranks.set(xlabel="rank", ylabel="videos", xscale="log", yscale="log")
    ranks.set_xlim(logarithmic_counts(ranks.xaxis, 1, len(counts)))
    ranks.set_ylim(logarithmic_counts(ranks.yaxis, counts[-1], counts[0]))
    _grid(ranks)
    head(ranks, f"How frequent {len(counts):,} classes are" if len(counts) > 1 else "How frequent the class is")
    named.barh(range(len(most)), [statistics.classes[each] for each in most], color="tab:blue")
    named.set_yticks(range(len(most)), [plain(class_name(each, names), 28) for each in most])
    named.set(xlabel="videos", ylim=(len(most) - 0.5, -0.5))
    whole_numbers(named.xaxis)
    _grid(named, axis="x")
    head(named, f"The {len(most)} most frequent" if len(most) > 1 else "It by name")
    return figure


def _draw_together(statistics: Statistics, names: Mapping[int, str]) -> Any:
    most = statistics.most_frequent(_MOST_TOGETHER)
    share = conditional_shares(statistics.together(most))
    side = max(0.19 * len(most), 1.6)
    axes = (figure := new_figure(side + 2.4, side + 1.8)).subplots()
    # White means 0. The diagonal has no meaning, and a colour outside the scale.
    image = axes.imshow(np.ma.masked_invalid(share), cmap="Blues", vmin=0, vmax=1)
    axes.set_facecolor("lightgray")
    shown = [plain(class_name(each, names), 24) for each in most]
    axes.set_xticks(range(len(most)), shown, rotation=90, fontsize=8)
    axes.set_yticks(range(len(most)), shown, fontsize=8)
    axes.set_xticks(np.arange(len(most) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(most) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="lightgray", linewidth=0.4)
    axes.tick_params(which="minor", length=0)
    figure.suptitle(f"Classes together: the {len(most)} most frequent", fontsize="large")
    figure.colorbar(image, ax=axes, shrink=0.8, label="share of the row's videos that have the column's class too")
    return figure


def conditional_shares(together: np.ndarray) -> np.ndarray:
    """Turns numbers of videos with both classes, int [K, K], into shares of the row's videos, float [K, K], diagonal NaN."""
    shares = together / np.diag(together)[:, None]
    np.fill_diagonal(shares, np.nan)
    return shares


def _draw_features(statistics: Statistics, names: Mapping[int, str]) -> Any:
    features = statistics.features
    colours = colours_of(key.removeprefix("mean_") for key in features)
    figure = new_figure(height=0.4 + 2.9 * len(features))
    for axes, (key, values) in zip(
        figure.subplots(len(features), 1, squeeze=False)[:, 0], features.items(), strict=True
    ):
        quantiles = values.quantiles()
        least, most, limits = quantiles.min(), quantiles.max(), values.values[[0, -1]]
        is_cut = least < limits[0] or most > limits[1]
        title = f"{key} from {least:g} to {most:g}, cut at {limits[0]:g} and {limits[1]:g}" if is_cut else key
        quantiles = quantiles.clip(*limits)
        places, colour = np.arange(len(quantiles)), colours[key.removeprefix("mean_")]
        for low, high, strength in ((0, 6, 0.18), (1, 5, 0.4), (2, 4, 0.7)):
            label = ("all", "5 to 95 %", "25 to 75 %")[low]
            # Opaque, because bands overlap and should have the colours of the legend.
            shade = _mixed_with_white(colour, strength)
            axes.fill_between(
                places, quantiles[:, low], quantiles[:, high], step="mid", color=shade, linewidth=0, label=label
            )
        axes.plot(places, quantiles[:, 3], color="black", linewidth=0.8, label="median")
        axes.set(xlabel="dimension", ylabel="value", xlim=(-0.5, len(quantiles) - 0.5))
        axes.grid(alpha=0.3)
        head(axes, title, 2 if is_cut else 4)
    figure.suptitle("Feature ranges")
    return figure


def _mixed_with_white(colour: str, strength: float) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return tuple(1 - strength * (1 - part) for part in to_rgb(colour))


_PLACES = {
    "ends": ("id ends in its shard's two characters", "tab:blue"),
    "begins": ("id begins with them, as decoys do", "tab:red"),
    "neither": ("neither", "tab:gray"),
    "unknown": ("the file's name tells no shard", "tab:purple"),
}


def _draw_decoys(statistics: Statistics, names: Mapping[int, str]) -> Any:
    axes = (figure := new_figure(height=4.4)).subplots()
    greatest = max(int(np.flatnonzero(counts).max()) for counts in statistics.spreads.values()) + 1
    shown = max(greatest, round(2 * DECOY_SPREAD / SPREAD_STEP))
    places, bottom = (np.arange(shown) + 0.5) * SPREAD_STEP, np.zeros(shown)
    for place, (label, colour) in _PLACES.items():
        if place in statistics.spreads:
            counts = statistics.spreads[place]
            text = f"{label}: {counts.sum():,}, {statistics.num_flat[place]:,} of them flat"
            axes.bar(places, counts[:shown], SPREAD_STEP, bottom=bottom, color=colour, label=text)
            bottom += counts[:shown]
    axes.axvline(DECOY_SPREAD, color="black", linestyle="--", label=f"{DECOY_SPREAD}: flat below")
    all_steps = max(len(counts) for counts in statistics.spreads.values())
    and_more = f" (the last bar: all from {(shown - 1) * SPREAD_STEP:g} on)" if shown == all_steps else ""
    axes.set(
        title=f"Decoys ({quantity(statistics.num_videos, 'video', ',')})",
        xlabel=f"standard deviation over the dimensions of mean rgb{and_more}",
        ylabel="videos",
        xlim=(0, (shown + 1) * SPREAD_STEP),  # the spine would lie on half of the last bar
    )
    whole_numbers(axes.yaxis)
    _grid(axes)
    figure.legend(loc="outside lower center", fontsize=9, frameon=False)  # its lines are long
    return figure


_DRAW: dict[str, Callable[[Statistics, Mapping[int, str]], Any]] = {
    "frames": _draw_frames,
    "labels": _draw_labels,
    "classes": _draw_classes,
    "cooccurrence": _draw_together,
    "features": _draw_features,
    "decoys": _draw_decoys,
}
