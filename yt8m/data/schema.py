"""The contents of records and batches: the contract between the reader, the models and the metrics.

A batch is a dict of tensors. B = videos (or segments) in the batch, T = frames, L = most labels that a video may have.

==================  ==================  ============================================================================
key                 type, shape         meaning
==================  ==================  ============================================================================
``id``              string [B]          the video's id
``labels``          int32 [B, L]        class ids, padded with -1. A video without labels (a test split) has a row of -1.
                                        Segment level: the classes that the segment was rated for
``rgb``, ...        uint8 [B, T, D]     frame and segment level, a key for each feature (`yt8m.data.features`); float16 or
                                        float32 if it is stored so; frames past ``num_frames`` hold 0 and mean nothing
``num_frames``      int32 [B]           frame and segment level; 0 is a video without frames
``cut_frames``      int32 [B]           frame level: how many frames beyond `max_frames` were left out
``mean_rgb``, ...   float32 [B, D]      video level
``segment_start``   int32 [B]           segment level: the segment's first second, a multiple of 5
``segment_frames``  int32 [B]           segment level: how many of its five frames the video has. If all segments are asked
                                        for, a video without frames has one row, with 0
``label_scores``    float32 [B, L]      rated segments: 1 for a label rated present, 0 for one rated absent; `is_present`
                                        decides between them; padded with -1. Classes not in ``labels`` are unrated:
                                        neither positive nor negative
``video_labels``    int32 [B, L]        segment level: the labels of the whole video, padded with -1
``context_rgb`` ..  like ``rgb`` ..     segment level with the whole video as context: its frames, sampled uniformly, and
                                        their number, ``context_num_frames``
==================  ==================  ============================================================================

Stored bytes stay uint8 until they are on the device, which copies a quarter of the bytes. The first layer of every model
dequantises, normalises and masks them in one fused pass.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from yt8m.errors import InputError

Level = Literal["frame", "video", "segment"]

Sampling = Literal["random", "random_without_replacement", "uniform", "consecutive"]
"""Ways to sample frames: independent draws; distinct frames in their order; the middles of equal parts of the video; a
random run of consecutive frames."""

ReadingProcesses = int | Literal["auto"]
"""See `yt8m.data.options.Portion`."""

SegmentContext = int | Literal["video"]
"""What a model sees beside a segment: so many frames on each side, or frames of the whole video as a second stream."""

ID_KEYS = ("id", "video_id")
"""Names of the id in a record: since 2018, and in 2017."""
OTHER_ID_KEYS = ("clip/media_id", "clip/data_path")
"""Names of the id in MediaPipe's records, which have none of the others."""

LABEL_PADDING = -1
DEFAULT_MAX_LABELS = 64
"""Columns of ``labels``. The number is fixed, so every batch has one shape. No real video has more than 31 labels."""

SEGMENT_FRAMES = 5
"""A segment is five seconds, so five frames. The last segment of a video may have fewer."""

PRESENT_FROM = 0.5
"""The lowest score at which a rating says that its class is present."""

DEFAULT_NUM_CLASSES = 3862
"""Classes in the vocabulary since 2018."""
NUM_RANKED_CLASSES = 1000
"""How many of these classes the segment challenge of 2019 ranks segments for."""
LARGEST_NUM_CLASSES = 4716
"""Classes in the vocabulary of 2017, the largest one."""
MOST_CLASSES = 2**31 - 1
"""Most classes of any vocabulary: labels are int32."""
DEFAULT_MAX_FRAMES = 300

CONTEXT_PREFIX = "context_"
"""Prefix of the keys that hold the whole video, in a batch of segments."""


class Share(NamedTuple):
    """One of several equal shares: every `count`-th item, from the `index`-th on."""

    index: int
    """From 0 to `count` - 1."""
    count: int


WHOLE = Share(0, 1)


@dataclass(frozen=True)
class Fold:
    """The part of the videos that training leaves out: one of several equal parts, by a hash of the ids."""

    index: int
    """From 0."""
    count: int
    """At least 2."""

    @classmethod
    def parse(cls, text: str) -> "Fold | IndexedFold | None":
        """Parses `0/5` as a fold, `index.csv:validate` as a part of an index, and the empty text as None.

        Raises:
            InputError: the text is none of these.
        """
        if not text:
            return None
        path, _, part = text.rpartition(":")
        if path and part and "/" not in part:
            return IndexedFold(path, part)
        found = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
        if not found or not int(found[1]) < int(found[2]) or int(found[2]) < 2:
            raise InputError(
                f"--data.fold is {text!r}; write 0/5 for the first of five parts (two at least), 4/5 for the last, or "
                "INDEX.csv:PART for a part that yt8m split made"
            )
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"


@dataclass(frozen=True)
class IndexedFold:
    """The part of the videos that training leaves out: one that an index of `yt8m split --as index` names."""

    path: str
    """A CSV file with the columns id and part."""
    part: str

    def __str__(self) -> str:
        return f"{self.path}:{self.part}"


def num_segments(num_frames: Any) -> Any:
    """The number of segments of a video: one for every five seconds begun. Training, rating and prediction agree on it.

    Args:
        num_frames: a whole number, or an array or tensor of whole numbers.

    Returns:
        The same kind of value; 0 for a video without frames.
    """
    return -(-num_frames // SEGMENT_FRAMES)


def is_present(scores: Any) -> Any:
    """Whether ratings say that their class is present: scores of `PRESENT_FROM` or more. All readers use this.

    Args:
        scores: a number, or an array or tensor of any shape, from 0 to 1. The padding -1 counts as absent.

    Returns:
        bool, or an array or tensor of bool of the same shape.
    """
    return scores >= PRESENT_FROM
