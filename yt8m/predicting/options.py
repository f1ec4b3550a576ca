"""How predictions become a submission: the flags that `yt8m predict` and `yt8m ensemble` have in common."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from yt8m.values import NonNegativeInt, PositiveInt, Range, fit_fields


@dataclass(frozen=True, kw_only=True)
class SubmissionOptions:
    """How predictions become a submission."""

    top_k: Annotated[int, Range(least=1, most=20)] = 20
    """Predictions a video, at most 20; for the video task."""
    max_segments: PositiveInt = 100_000
    """Segments a class, at most; for the segment task, as all that follow."""
    prior: Annotated[str, tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: none)")] = ""
    """A run, or stored predictions, of whole videos, that segments are ranked with."""
    prior_weight: Annotated[float, Range(least=0, most=1)] = 0.05
    """Its weight w in video ** w * segment ** (1 - w)."""
    prior_top_k: NonNegativeInt = 0
    """How many classes count as likely in a video, those that the prior is surest of (20 is usual); 0 = all.
    The list of a class begins with the segments of videos that it is likely in; those of all other videos follow."""
    skip_first_segments: NonNegativeInt = 0
    """Segments at the beginning of each video that are not ranked; in the challenge the first 6 were never rated."""
    skip_last_segments: NonNegativeInt = 0
    """Segments at the end of each video that are not ranked; in the challenge the last 2 were never rated."""

    def __post_init__(self):
        fit_fields(self, name_of=lambda name: f"--{name.replace('_', '-')}")
