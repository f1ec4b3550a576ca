"""Says what recipes will do."""

from collections.abc import Sequence
from typing import Any

from yt8m.commands.reports.tables import columns
from yt8m.errors import bytes_in_words, duration_in_words

_HEAD = ("recipe", "level", "parameters", "steps", "batch", "memory", "time", "")


def recipes_listed(found: Sequence[Any]) -> str:
    """A line for each `yt8m.training.expectations.Expectation`."""
    rows = [
        (
            each.recipe,
            each.level,
            "-" if each.num_parameters is None else f"{each.num_parameters / 1e6:,.1f} M",
            "-" if each.num_steps is None else f"{each.num_steps:,}",
            str(each.batch_size),
            "-" if each.num_bytes is None else bytes_in_words(each.num_bytes),
            "-" if each.seconds is None else duration_in_words(each.seconds),
            each.description,
        )
        for each in found
    ]
    return "\n".join(columns([_HEAD, *rows], right={2, 3, 4, 5, 6}))


def recipes_explained(found: Sequence[Any], data: str | None) -> str:
    """What the figures are for, in a line or two."""
    estimates = "memory and time are estimates for the CPU; yt8m check RECIPE measures them"
    if data is None:
        videos = next(each.num_videos for each in found)
        return f"steps of epochs are for the {videos:,} training videos of 2018, and time is without validation; {estimates}"
    counts = {each.level: each.num_videos for each in found}
    known = ", ".join(f"{count:,} to train on at {level} level" for level, count in counts.items() if count)
    lines = [f"{data}: {known}; {estimates}"]
    problems = dict.fromkeys(f"{each.level} level: {each.problem}" for each in found if each.problem)
    return "\n".join([*lines, *problems])
