"""The objects of `--json` about videos and their parts."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from yt8m.commands.results.records import RecordPlace
from yt8m.data.schema import Level
from yt8m.download.addresses import State

Rating = TypedDict("Rating", {"start": int, "class": int, "score": float})
Rating.__doc__ = "A rated class of a segment, by its first second; the score is 1 for present and 0 for absent."
_Class = TypedDict("_Class", {"class": int, "name": str, "label": bool})


class ShownClass(_Class, total=False):
    """A class of a video that is shown: `label` says whether it is a label; the others are of `--run`."""

    score: float | None
    """The probability for the whole video."""
    windows: Sequence[float]
    """The probability for each window."""


class ShownVideo(TypedDict):
    """A video that is shown."""

    id: str
    path: str
    record: int
    """The place in the file, from 0."""
    level: Level
    num_frames: int
    features: Sequence[str]
    labels: Sequence[int] | None
    ratings: Sequence[Rating]
    also: Sequence[RecordPlace]
    """Other records of the video."""
    window: int | None
    """Seconds of a window that `--run` scored."""
    starts: Sequence[int] | None
    """The first second of each window."""
    classes: Sequence[ShownClass]


class FoundAddress(TypedDict):
    """What is known of an id."""

    id: str
    state: State
    youtube_id: str | None
    address: str | None
    path: str | None
    """The file of a video of your own."""
    problem: str | None


class FoundAddresses(TypedDict):
    """What is known of ids."""

    videos: Sequence[FoundAddress]
    counts: Mapping[str, int]
    """Number of videos by state."""


class ChangedIndex(TypedDict):
    """What `--add` and `--remove` did to an index."""

    index: str
    added: int
    replaced: int
    repeated: Sequence[str]
    """Ids that came again; the first record counts."""
    removed: int
    unknown: Sequence[str]
    """Ids to remove that the index does not have."""
    problems: Sequence[str]
    videos: int
    """Videos of the index now."""
    moments: int


class HitLabel(TypedDict):
    """A label of a hit."""

    name: str
    weight: float


class Hit(TypedDict):
    """A video or moment that was found."""

    id: str
    start: float
    """In seconds."""
    end: float
    score: float
    labels: Sequence[HitLabel]
    path: str | None
    """The video file, if it is known."""
    address: str | None


class _Found(TypedDict):
    of: Literal["videos", "moments"]
    results: Sequence[Hit]
    """The best first."""


class Found(_Found, total=False):
    """What was found."""

    words: Sequence[str]
    """With `--text`: the words."""
    unknown_words: Sequence[str]
    """With `--text`: words that no class has in its name or description."""


class ChangedIndexAndFound(ChangedIndex, Found):
    """A changed index, and what was found in it."""


VideoLabel = TypedDict("VideoLabel", {"class": int, "name": str, "probability": float})
VideoLabel.__doc__ = "A label with its probability."


class LabelledWindow(TypedDict):
    """A window of a video."""

    start: float
    """In seconds."""
    end: float
    labels: Sequence[VideoLabel]


class LabelledVideo(TypedDict):
    """A video with labels."""

    id: str
    path: str | None
    """The video file, if there is one."""
    source: str
    """The record, or the video file."""
    seconds: float | None
    labels: Sequence[VideoLabel]
    """The most probable first."""
    windows: Sequence[LabelledWindow]


class LabelledVideos(TypedDict):
    """Videos with labels."""

    run: str
    window: int
    """Seconds of a window."""
    videos: Sequence[LabelledVideo]
    problems: Sequence[str]
    """What could not be labelled, and why."""


class CutClip(TypedDict):
    """A file that was cut out of a video; all times in seconds."""

    video: str
    path: str
    start: float
    """Where the clip begins."""
    end: float
    first: float
    """Where the file begins: at a key frame."""
    last: float


class DividedVideos(TypedDict):
    """Videos divided into clips; `clips.csv` in the directory has them."""

    directory: str
    num_videos: int
    num_clips: int
    num_scenes: int
    num_clusters: int
    """Groups of clips that are alike."""
    silhouette: float | None
    """How far the groups are apart, from -1 to 1."""
    num_compared: int
    """Clips that were grouped."""
    cut: Sequence[CutClip]
    problems: Sequence[str]


class BrowsePage(TypedDict):
    """A page of videos."""

    path: str
    num_videos: int
    num_clips: int
    num_left_out: int
    """Videos more than the page may have."""
    num_bytes: int
