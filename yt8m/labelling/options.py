"""Which labels to give."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from yt8m.values import PositiveInt, Range, fit_fields

WINDOW = 5
"""Default seconds of a window: those of a segment."""


@dataclass(frozen=True, kw_only=True)
class LabelOptions:
    """Which labels to give."""

    window: PositiveInt = WINDOW
    """Seconds to score at a time. A model of segments with context scores segments instead."""
    stride: Annotated[
        PositiveInt | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: those of a window)")
    ] = None
    """Seconds from the start of one window to the next."""
    top_k: PositiveInt = 5
    """Most labels of a video, and of a window."""
    threshold: Annotated[float, Range(least=0, most=1)] = 0.2
    """Least probability of a label."""

    def __post_init__(self):
        fit_fields(self, name_of=lambda name: f"--{name.replace('_', '-')}")

    @property
    def step(self) -> int:
        """Seconds from the start of one window to the next."""
        return self.stride or self.window
