"""A picture of one video: classes by name, their scores over time, ratings, and the features."""

import os
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from yt8m.data.schema import SEGMENT_FRAMES
from yt8m.errors import InputError, quantity
from yt8m.runs import check_output
from yt8m.views.plotting import colours_of, head, new_figure, save_figure
from yt8m.views.video import VideoView

_LONGEST_NAME = 34
_WIDTH = 8.2
"""Width in inches, for two drawings side by side."""
_MARGIN = 0.9
"""Inches beside a drawing, for its axis."""
_HIGHEST_STRIP = 1.2
_PRESENT, _ABSENT = "tab:green", "tab:red"


def plain(name: str, longest: int = _LONGEST_NAME) -> str:
    """A name for matplotlib: short, and without formulas."""
    short = textwrap.shorten(name, longest, placeholder=" …") if " " in name else name
    if len(short) > longest or short == "…":
        short = f"{name[: longest - 1]}…"
    return short.replace("$", r"\$")


def check_picture(path: str | os.PathLike, own: Sequence[str], inputs: Sequence[str]) -> None:
    """Raises InputError unless a picture can be written there, and its name ends in `.png`.

    Args:
        path: the file to write.
        own, inputs: as in `yt8m.runs.check_output`.
    """
    check_output(path, own, inputs=inputs)
    if not os.fspath(path).lower().endswith(".png"):
        raise InputError(f"{os.fspath(path)}: pictures are written as PNG; name a file that ends in .png")


def draw_video(view: VideoView, path: str | os.PathLike) -> None:
    """Draws a video.

    Args:
        view: from `view_video`.
        path: a PNG file. It appears when it is complete.
    """
    classes = view.classes()
    has_scores = view.scores is not None and view.scores.video is not None
    over_time = bool(view.ratings) or (view.scores is not None and len(view.scores.starts) > 0)
    title = _title(view)
    if not has_scores and not over_time:
        names = ", ".join(plain(view.name(each)) for each in classes)
        title = f"{title}\n{textwrap.fill(f'labels: {names}' if names else 'no labels', 90)}"
        strip = _strip_height(view, _WIDTH - _MARGIN)
        figure = new_figure(_WIDTH, 2.8 + strip + 0.2 * title.count("\n"))
        grid = figure.add_gridspec(2, 1, height_ratios=(strip, 2.0)) if strip else figure.add_gridspec(1, 1)
        features = figure.add_subplot(grid[-1, 0])
        pictures = grid[0, 0]
    else:
        beside = has_scores and over_time
        strip = _strip_height(view, 0.55 * _WIDTH if beside else _WIDTH - _MARGIN - 2.0)
        heights = (0.26 * len(classes) + 0.9, *([strip] if strip else []), 1.7)
        figure = new_figure(_WIDTH, sum(heights) + 0.8)
        # The colours have their own column, so that all drawings share an axis of time.
        grid = figure.add_gridspec(len(heights), 3, height_ratios=heights, width_ratios=(1, 1.9, 0.06))
        features = figure.add_subplot(grid[-1, 1] if beside else grid[-1, :2])
        pictures = grid[1, 1] if beside else grid[1, :2]
        bars = times = figure.add_subplot(grid[0, 0] if beside else grid[0, :2])
        if beside:
            times = figure.add_subplot(grid[0, 1], sharex=features)
            times.tick_params(labelleft=False)
        elif over_time:
            times.sharex(features)
        if has_scores:
            _draw_bars(bars, view, classes)
        if over_time:
            _draw_times(times, lambda: figure.add_subplot(grid[0, 2]), view, classes)
        _name_rows(bars, view, classes)
    _draw_features(features, view)
    if strip:
        _draw_thumbnails(figure.add_subplot(pictures, sharex=features), view)
    figure.suptitle(title, fontsize="large")
    save_figure(figure, path)


def _title(view: VideoView) -> str:
    count = f"{quantity(view.num_frames, 'frame')}" if view.level != "video" else "video level"
    return f"{plain(view.video_id, 60)}: {count}; {plain(os.path.basename(view.path), 50)}, record {view.record}"


def _name_rows(axes: Any, view: VideoView, classes: list[int]) -> None:
    labels = set(view.labels or ())
    axes.set_yticks(range(len(classes)), [plain(view.name(each)) for each in classes])
    axes.set_ylim(len(classes) - 0.5, -0.5)
    for text, class_id in zip(axes.get_yticklabels(), classes, strict=True):
        if class_id in labels:
            text.set_fontweight("bold")
    axes.set_xlabel(f"{axes.get_xlabel()}\n{'bold: labels of the video' if labels else 'no labels'}")


def _draw_bars(axes: Any, view: VideoView, classes: list[int]) -> None:
    labels, scores = set(view.labels or ()), view.scores.video
    values = [float(scores[each]) if each < len(scores) else 0.0 for each in classes]
    colours = ["tab:blue" if each in labels else "tab:gray" for each in classes]
    axes.barh(range(len(classes)), values, color=colours)
    axes.set(xlim=(0, 1), xlabel="probability")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    head(axes, "Whole video")


def _draw_times(axes: Any, colours: Callable[[], Any], view: VideoView, classes: list[int]) -> None:
    from matplotlib.patches import Rectangle

    scores = view.scores
    end = view.num_frames
    title = []
    if scores is not None and len(scores.starts):
        # A window's colour reaches from its middle to the middle of the next.
        middles = (scores.starts + np.minimum(scores.starts + scores.window, end)) / 2
        bounds = np.concatenate([[0], (middles[1:] + middles[:-1]) / 2, [end]])
        known = [each if each < scores.windows.shape[1] else -1 for each in classes]
        values = np.array([scores.windows[:, each] if each >= 0 else np.zeros(len(middles)) for each in known])
        image = axes.pcolormesh(bounds, np.arange(len(classes) + 1) - 0.5, values, vmin=0, vmax=1, cmap="Blues")
        axes.figure.colorbar(image, cax=colours(), label="probability")
        title.append(f"Windows of {scores.window} s")
    for rating in view.ratings:
        row = classes.index(rating.class_id)
        box = {
            "fill": False,
            "linewidth": 2,
            "linestyle": "-" if rating.present else ":",
            "edgecolor": _PRESENT if rating.present else _ABSENT,
        }
        axes.add_patch(Rectangle((rating.start, row - 0.42), SEGMENT_FRAMES, 0.84, **box))
    if view.ratings:
        title.append("boxes: rated present, dotted: absent")
    axes.set(xlim=(0, max(end, 1)), xlabel="seconds", ylim=(len(classes) - 0.5, -0.5))
    title = "; ".join(title)
    head(axes, title[0].upper() + title[1:])


def _strip_height(view: VideoView, width: float) -> float:
    """The height of the thumbnails in inches, beside each other in so many; 0 if there are none."""
    if not view.thumbnails:
        return 0.0
    height, columns, _ = view.thumbnails[0].shape
    return min(width / len(view.thumbnails) * height / columns, _HIGHEST_STRIP)


def _draw_thumbnails(axes: Any, view: VideoView) -> None:
    limits = axes.get_xlim()
    part = view.num_frames / len(view.thumbnails)
    for place, pixels in enumerate(view.thumbnails):
        axes.imshow(pixels, extent=(place * part, (place + 1) * part, 0, 1), aspect="auto", interpolation="antialiased")
    axes.set(xlim=limits, ylim=(0, 1))
    axes.set_yticks([])
    axes.tick_params(labelbottom=False, length=0)


def _draw_features(axes: Any, view: VideoView) -> None:
    colours = colours_of(view.means or view.changes)
    if view.means:
        start = 0
        for name, values in view.means.items():
            axes.plot(
                range(start, start + len(values)), values, linewidth=0.6, color=colours[name], label=f"mean_{name}"
            )
            start += len(values)
        axes.set(xlabel="dimension", ylabel="value", xlim=(0, start))
        title = "Mean features"
    else:
        for name, values in view.changes.items():
            axes.plot(np.arange(1, len(values) + 1), values, linewidth=1, color=colours[name], label=name)
        title = "Change per second"
        axes.set(xlabel="seconds", ylabel="root mean square", xlim=(0, max(view.num_frames, 1)))
        greatest = max((values.max() for values in view.changes.values() if len(values)), default=0)
        axes.set_ylim(0, 1.12 * greatest or None)
    axes.grid(alpha=0.3)
    head(axes, title)
