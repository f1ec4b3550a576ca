"""Options for submissions: the flags that `yt8m predict` and `yt8m ensemble` share."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from yt8m.values import NonNegativeInt, PositiveInt, Range, fit_fields


@dataclass(frozen=True, kw_only=True)
class SubmissionOptions:
    """How to turn predictions into a submission."""

    top_k: Annotated[int, Range(least=1, most=20)] = 20
    """Video task: predictions per video, at most 20."""
    max_segments: PositiveInt = 100_000
    """Segment task, like all flags below: largest number of segments per class."""
    prior: Annotated[str, tyro.conf.arg(metavar="DIR", help_behavior_hint="(default: none)")] = ""
    """A run, or stored predictions, of whole videos, to combine with the scores of segments."""
    prior_weight: Annotated[float, Range(least=0, most=1)] = 0.05
    """Weight w of the prior in video ** w * segment ** (1 - w)."""
    prior_top_k: NonNegativeInt = 0
    """Number of likely classes per video, the prior's most probable ones; 20 is usual, 0 = all.
    Segments of videos where a class is likely come before all others in the class's list."""
    skip_first_segments: NonNegativeInt = 0
    """Segments to leave out at the beginning of each video. In the challenge, the first 6 were never rated."""
    skip_last_segments: NonNegativeInt = 0
    """Segments to leave out at the end of each video. In the challenge, the last 2 were never rated."""

    def __post_init__(self):
        fit_fields(self, name_of=lambda name: f"--{name.replace('_', '-')}")
