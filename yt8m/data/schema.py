"""What a record holds and what a batch holds: the one contract between the reader, the models and the metrics.

A batch is a dict of tensors. B = videos (or segments) in the batch, T = frames, L = most labels a video may have.

==================  ==================  ============================================================================
key                 type, shape         meaning
==================  ==================  ============================================================================
``id``              string [B]          the video's id
``labels``          int32 [B, L]        class ids, padded with -1. Absent labels (a test split) are a row of -1. Of a
                                        segment: the classes it was rated for
``rgb``, ``audio``  uint8 [B, T, D]     frame and segment level; frames past ``num_frames`` hold 0 and mean nothing
``num_frames``      int32 [B]           frame and segment level; 0 is a video without frames
``cut_frames``      int32 [B]           frame level: frames of the video beyond `max_frames`, which are left out
``mean_rgb``, ...   float32 [B, D]      video level
``segment_start``   int32 [B]           segment level: the segment's first second, a multiple of 5
``segment_frames``  int32 [B]           segment level: how many of its five frames the video has; 0 in the one row of a video
                                        without frames, which is there where all segments are asked for
``label_scores``    float32 [B, L]      rated segments: 1 for a label that is there, 0 for one rated absent, between them as
                                        `is_present` says, -1 padding. Classes not in ``labels`` are unrated: neither
                                        positive nor negative
``video_labels``    int32 [B, L]        segment level: the labels of the whole video, padded with -1
``context_rgb`` ..  as without          segment level, with the whole video as context: its frames, sampled uniformly, and
                                        their number, ``context_num_frames``
==================  ==================  ============================================================================

Features stay uint8 until they are on the device: a quarter of the bytes to copy, and the first layer of every model
dequantises, normalises and masks them in one fused pass.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from yt8m.errors import InputError

Level = Literal["frame", "video", "segment"]

Sampling = Literal["random", "random_without_replacement", "uniform", "consecutive"]
"""Which frames are shown where not all are: independent draws; distinct frames in their order; the middles of equal parts
of the video; a random run of frames."""

SegmentContext = int | Literal["video"]
"""What a model is shown of a video beside a segment: so many frames on each side, or frames of the whole as a second stream."""

FEATURE_SIZES: dict[str, int] = {
    "rgb": 1024,
    "audio": 128,
}
"""Length of one frame's vector, by feature. Nothing else lists the features."""

Feature = Literal[tuple(FEATURE_SIZES)]

ID_KEYS = ("id", "video_id")
"""Where a record keeps its id: since 2018, and in 2017."""

LABEL_PADDING = -1
DEFAULT_MAX_LABELS = 64
"""Columns of ``labels``. Fixed, so that every batch has one shape; the fullest real video has 31 labels."""

SEGMENT_FRAMES = 5
"""A segment is five seconds, which is five frames; the last one of a video may have fewer."""

PRESENT_FROM = 0.5
"""The least score of a rating that says that its class is there."""

DEFAULT_NUM_CLASSES = 3862
"""Classes of the vocabulary since 2018."""
NUM_RANKED_CLASSES = 1000
"""Classes of these that the segment challenge of 2019 ranks segments for."""
LARGEST_NUM_CLASSES = 4716
"""Classes of the vocabulary of 2017, more than in any other year."""
DEFAULT_MAX_FRAMES = 300

QUANTISATION_SCALE = 4.0 / 255.0
QUANTISATION_OFFSET = 4.0 / 512.0 - 2.0
"""A stored byte q stands for ``q * QUANTISATION_SCALE + QUANTISATION_OFFSET``, from -2 to 2."""

ZERO_BYTE = 127
"""The byte nearest to 0.0 (it stands for -3e-5): fills a feature that a record lacks."""


CONTEXT_PREFIX = "context_"
"""Before the keys of a batch that are of the whole video, where the others are of a segment."""


class Share(NamedTuple):
    """One of several equal shares of something: every `count`-th, from the `index`-th on."""

    index: int
    """From 0 on."""
    count: int


WHOLE = Share(0, 1)


@dataclass(frozen=True)
class Fold:
    """One of several equal parts of the videos, by a hash of their ids: the part that training leaves out."""

    index: int
    """From 0."""
    count: int
    """At least 2."""

    @classmethod
    def parse(cls, text: str) -> "Fold | IndexedFold | None":
        """`0/5` as a fold, `index.csv:validate` as one of an index, the empty text as None.

        Raises:
            InputError: it is no such text.
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
    """One of the parts that an index names, as `yt8m split --as index` writes it: the part that training leaves out."""

    path: str
    """A CSV file with the columns id and part."""
    part: str

    def __str__(self) -> str:
        return f"{self.path}:{self.part}"


def num_segments(num_frames: Any) -> Any:
    """How many segments a video has: one for every five seconds that begin, in training, rating and prediction alike.

    Args:
        num_frames: a number, or an array or tensor of whole numbers.

    Returns:
        The same kind of value; 0 for a video without frames.
    """
    return -(-num_frames // SEGMENT_FRAMES)


def is_present(scores: Any) -> Any:
    """Whether ratings say that their class is there: from `PRESENT_FROM` on, wherever ratings are read.

    Args:
        scores: from 0 to 1, or the padding -1, which is not there: a number, or an array or tensor of any shape.

    Returns:
        bool, or an array or tensor of bool of that shape.
    """
    return scores >= PRESENT_FROM


def video_feature(name: str) -> str:
    """The key of a feature at video level: ``rgb`` becomes ``mean_rgb``."""
    return f"mean_{name}"
