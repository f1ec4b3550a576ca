"""What a stream of batches is made of: files, and what their records must be like."""

from dataclasses import dataclass
from typing import Any

from yt8m.data.features import Feature, rows_of
from yt8m.data.schema import DEFAULT_MAX_LABELS, DEFAULT_NUM_CLASSES, Fold, IndexedFold, Level, SegmentContext
from yt8m.data.tables.video_labels import read_video_labels

_ANY_LABELS = {"num_classes": None, "max_labels": None}


@dataclass(frozen=True)
class Source:
    """Files with records of one kind, and what every record must be like."""

    files: tuple[str, ...]
    level: Level
    features: tuple[Feature, ...]
    """Known ones may be given by name."""
    num_classes: int | None = DEFAULT_NUM_CLASSES
    """None = any; only for records that are not put into batches."""
    max_labels: int | None = DEFAULT_MAX_LABELS
    """None = any number; only for records that are not put into batches."""
    rated_classes: tuple[int, ...] | None = None
    """Classes that segments may be rated for; None = all."""
    context: SegmentContext = 0
    """What comes with each segment."""
    context_num_frames: int = 1
    """Frames of the whole video, if segments come with these."""
    as_means: bool = False
    """Replace the frames by their means, as video-level records have them."""
    fold: Fold | IndexedFold | None = None
    """A part of the videos to leave out."""
    held_out: bool = False
    """Read only the fold instead."""
    chosen: tuple[frozenset[int], ...] | None = None
    """For each file the positions of the records to read, counted among those that the fold leaves; None = all."""

    labels: str = ""
    """A CSV file with the labels of the videos (`yt8m.data.tables.video_labels`); empty = those in the records. Labels in the
    records then do not matter."""
    without_features: bool = False
    """Give ids and labels alone. The frames are still found and counted, but not copied."""

    def __post_init__(self):
        object.__setattr__(self, "features", rows_of(self.features))

    @property
    def expectations(self) -> dict[str, Any]:
        """What every record must be like, as arguments of `yt8m.data.checking.check_record`."""
        keys = ("level", "features", "num_classes", "max_labels", "rated_classes")
        return {key: getattr(self, key) for key in keys} | (_ANY_LABELS if self.labels else {})

    def labels_of(self, video_id: bytes) -> tuple[int, ...]:
        """The classes that the file of labels gives a video; none if it does not name the video."""
        return read_video_labels(self.labels).of(video_id) or ()
