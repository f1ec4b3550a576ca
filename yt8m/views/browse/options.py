"""What to show on the page, and how much."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from yt8m.values import NonNegativeInt, PositiveInt, fit_fields

_IN_DIRECTORY = "(default: {} in DIR, if it is there)"


@dataclass(frozen=True, kw_only=True)
class BrowseOptions:
    """What to show on the page."""

    clips: Annotated[str, tyro.conf.arg(metavar="PATH", help_behavior_hint=_IN_DIRECTORY.format("clips.csv"))] = ""
    """A clips.csv of yt8m clips, or its directory."""
    labels: Annotated[
        str, tyro.conf.arg(metavar="FILE.csv", help_behavior_hint=_IN_DIRECTORY.format("labels-over-time.csv"))
    ] = ""
    """A table of yt8m label --csv."""
    vocabulary: Annotated[
        str, tyro.conf.arg(metavar="PATH", help_behavior_hint="(default: the one at the root of the records, if any)")
    ] = ""
    """A vocabulary.csv with the names of the classes, for labels in the records."""
    title: Annotated[str, tyro.conf.arg(metavar="TEXT", help_behavior_hint="(default: the name of DIR)")] = ""
    """The heading of the page."""
    most_videos: PositiveInt = 500
    """Most videos on the page, the first ones. Each takes some 30 kB."""
    frames: NonNegativeInt = 12
    """Most thumbnails of a video; 0 = none."""

    def __post_init__(self):
        fit_fields(self, name_of=lambda name: f"--{name.replace('_', '-')}")
