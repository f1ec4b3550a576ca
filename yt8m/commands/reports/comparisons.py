"""Describes how far submissions agree."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from yt8m.commands.reports.tables import table
from yt8m.data.tables.vocabulary import class_name
from yt8m.errors import quantity

_MOST_LISTED = 20
"""Classes and videos in the JSON values of a comparison."""


def compared(found: Sequence[Any], names: Mapping[int, str]) -> str:
    """Describes `yt8m.predicting.comparison.Compared` results: one in full, several in a line each.

    Args:
        found: the comparisons.
        names: names of classes, as far as they are known.
    """
    return _one(found[0], names) if len(found) == 1 else _several(found)


def _several(found: Sequence[Any]) -> str:
    width = max(len(f"{each.first}, {each.second}") for each in found)
    lines = [f"{'':<{width}}  overlap  correlation  by class  by video"]
    for each in sorted(found, key=lambda each: _sortable(each.rank_correlation)):
        values = (each.overlap, each.rank_correlation, each.by_class, each.by_video)
        overlap, pooled, by_class, by_video = map(_number, values)
        pair = f"{each.first}, {each.second}"
        lines.append(f"{pair:<{width}}  {overlap:>7}  {pooled:>11}  {by_class:>8}  {by_video:>8}")
    return "\n".join(lines)


def _one(found: Any, names: Mapping[int, str]) -> str:
    from yt8m.predicting.comparing import differences

    of_videos = found.task == "video"
    rows = [
        ("videos in both", f"{found.num_videos}; {found.only_first} and {found.only_second} in one alone"),
        ("overlap", f"{_number(found.overlap)}  of {'a video' if of_videos else 'a class'}'s 20 best"),
        ("same best", f"{_number(found.same_best)}  of {'videos' if of_videos else 'classes'}"),
        ("correlation", f"{_number(found.rank_correlation)}  over all entries"),
        ("  by class", f"{_number(found.by_class)}  mean of {quantity(len(found.classes['class_id']), 'class')}"),
        ("  by video", f"{_number(found.by_video)}  mean of {quantity(found.num_videos, 'video')}"),
    ]
    most = differences(found)
    head = f"{found.first}, {found.second}: {found.task} task"
    return "\n".join([head, table(rows), *_classes(most.classes, names), *_videos(most.videos, names)])


def _classes(rows: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> list[str]:
    if not rows:
        return []
    shown = [class_name(row["class_id"], names) for row in rows]
    width = max(19, *map(len, shown))
    lines = ["", f"{'classes that differ':<{width}}  correlation  overlap  entries"]
    for name, row in zip(shown, rows, strict=True):
        values = f"{_number(row['rank_correlation']):>11}  {_number(row['overlap']):>7}  {row['num_entries']:>7}"
        lines.append(f"{name:<{width}}  {values}")
    return lines


def _videos(rows: Sequence[Mapping[str, Any]], names: Mapping[int, str]) -> list[str]:
    if not rows:
        return []
    width = max(18, *(len(row["id"]) for row in rows))
    best = "best_first" in rows[0]
    lines = ["", f"{'videos that differ':<{width}}  correlation  overlap{'  best in each' if best else ''}"]
    for row in rows:
        line = f"{row['id']:<{width}}  {_number(row['rank_correlation']):>11}  {_number(row['overlap']):>7}"
        if best:
            line += f"  {class_name(row['best_first'], names)}, {class_name(row['best_second'], names)}"
        lines.append(line)
    return lines


def compared_values(found: Sequence[Any]) -> dict[str, Any]:
    """Returns comparisons as JSON values, each with up to 20 classes and videos that differ most."""
    from yt8m.predicting.comparing import differences

    pairs = []
    for each in found:
        most = differences(each, _MOST_LISTED)
        pairs.append(
            {
                "first": each.first,
                "second": each.second,
                "num_videos": each.num_videos,
                "only_first": each.only_first,
                "only_second": each.only_second,
                "overlap": _known(each.overlap),
                "same_best": _known(each.same_best),
                "rank_correlation": _known(each.rank_correlation),
                "rank_correlation_by_class": _known(each.by_class),
                "rank_correlation_by_video": _known(each.by_video),
                "num_classes": len(each.classes["class_id"]),
                "classes": most.classes,
                "videos": most.videos,
            }
        )
    return {"task": found[0].task, "pairs": pairs}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _sortable(value: float) -> float:
    return math.inf if math.isnan(value) else value


def _number(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.4f}"
