"""How to make clips."""

from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from yt8m.values import PositiveInt, Seed, fit_fields

Timelines = Literal["both", "edl", "otio", "none"]


@dataclass(frozen=True, kw_only=True)
class ClipOptions:
    """How to make clips."""

    shots: Literal["features", "pixels"] = "features"
    """features: begin a clip where the features change, at a whole second.
    pixels: begin a clip at a cut, found in the frames of the video file by PySceneDetect."""
    clusters: Annotated[
        PositiveInt | None, tyro.conf.arg(metavar="INT", help_behavior_hint="(default: chosen by silhouette)")
    ] = None
    """Number of groups of clips that are alike."""
    cut: Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")] = False
    """Also write each clip as a video file, without encoding it again: it begins at the key frame before the clip."""
    timelines: Timelines = "both"
    """A timeline of each video for editors: an edit decision list (CMX 3600), an OpenTimelineIO file, both, or none."""
    seed: Seed = 0
    """Of the choice of the clips to compare, if there are more than 4000."""

    def __post_init__(self):
        fit_fields(self, name_of=lambda name: f"--{name.replace('_', '-')}")

    def wants(self, kind: Literal["edl", "otio"]) -> bool:
        """Whether timelines of a kind are wanted."""
        return self.timelines in ("both", kind)
