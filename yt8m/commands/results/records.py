"""The objects of `--json` about records, video files and pages of them."""

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from yt8m.data.schema import Level
from yt8m.download.extractor import State


class SyntheticRecords(TypedDict):
    """A sample data set."""

    directory: str
    num_videos: Mapping[str, int]
    """By split."""
    num_classes: int
    num_segment_classes: int
    """Classes with rated segments."""
    num_files: int
    num_bytes: int


class MadeVideo(TypedDict):
    """A video file that was made."""

    path: str
    seconds: float
    labels: Sequence[str]


class MadeVideos(TypedDict):
    """Video files that were made."""

    directory: str
    num_videos: int
    videos: Sequence[MadeVideo]


class DownloadableFile(TypedDict):
    """A file to fetch."""

    path: str
    url: str
    bytes: int | None
    """Null if the server does not tell."""


class DownloadPlan(TypedDict):
    """What `--dry-run` would fetch."""

    directory: str
    files: Sequence[DownloadableFile]
    num_present: int
    """Files that are there."""
    num_partial_bytes: int
    """Bytes of files that are there in part."""
    num_bytes: int
    """Bytes to fetch, of the files whose size is known."""


class DownloadedFiles(TypedDict):
    """What was fetched."""

    directory: str
    fetched: Sequence[str]
    num_present: int
    """Files that were there."""
    num_bytes: int
    """Bytes fetched."""


class ExtractorFileToFetch(TypedDict):
    """A file of the published networks to fetch."""

    url: str
    bytes: int | None


class ExtractorPlan(TypedDict):
    """What `--dry-run` would fetch of the published networks."""

    directory: str
    files: Sequence[ExtractorFileToFetch]


class ExtractorFile(TypedDict):
    """A file of the published networks."""

    name: str
    num_bytes: int
    sha256: str
    state: State


class ExtractorFiles(TypedDict):
    """The published networks."""

    directory: str
    files: Sequence[ExtractorFile]


class Counts(TypedDict):
    """Counts of frames or labels."""

    min: int
    mean: float
    max: int


class RecordPlace(TypedDict):
    """A record of a file."""

    path: str
    record: int
    """From 0."""


class RepeatedRecord(RecordPlace):
    """A record that repeats a video or a rated segment."""

    id: str
    start: int | None
    """The second of the segment."""
    first: RecordPlace


class CorruptRecord(TypedDict):
    """A record, or a file, that cannot be used."""

    path: str
    record: int | None
    """From 0; null for a whole file."""
    reason: str


class RecordKey(TypedDict):
    """A key of the records, as it is stored. Ranges are [least, most]."""

    key: str
    place: Literal["context", "frames"]
    kind: Literal["bytes", "float", "int64"] | None
    """Null without values."""
    num_records: int
    num_frames: Sequence[int] | None
    num_values: Sequence[int] | None
    """Values, of the first frame."""
    num_bytes: Sequence[int] | None
    """Bytes of each value of kind bytes."""


class InspectedRecords(TypedDict):
    """What records hold. Counts are of usable records, repeated ones included."""

    level: Level | None
    num_files: int
    num_records: int
    num_frames: Counts | None
    num_labels: Counts | None
    num_classes_seen: int
    max_label: int | None
    features: Mapping[str, int]
    """Size by name."""
    num_rated_segments: int
    repeated: Sequence[RepeatedRecord]
    corrupt_files: Sequence[CorruptRecord]
    lacking_features: Mapping[str, int]
    """By name, how many records lack a feature that others have."""
    num_unlabelled: int
    """Records without the key `labels`."""
    num_long_videos: int
    """Videos with more than 300 frames."""
    num_unfit_ids: int
    """Ids that a submission cannot hold."""
    keys: Sequence[RecordKey]
    has_other_keys: bool
    """Whether any key is not one of YouTube-8M, or of a feature found under its own name."""
    layouts: Mapping[str, int]
    """Usable records by the layout of another program."""
    flags: str
    """What to type, so that `yt8m train` reads these records."""


class InspectedDirectories(TypedDict):
    """What the directories of a data set hold."""

    directories: Mapping[str, InspectedRecords]
