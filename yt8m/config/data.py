"""The configuration of the records."""

import functools
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from yt8m.config.fields import Paths, flag, hint
from yt8m.data.features import parse_features, texts_of
from yt8m.data.schema import (
    DEFAULT_MAX_FRAMES,
    DEFAULT_MAX_LABELS,
    Fold,
    ReadingProcesses,
    Sampling,
    SegmentContext,
)
from yt8m.values import NonNegativeInt, PositiveInt, Range, fit_fields, parse_address


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which records to read, and how to make batches of them."""

    root: Annotated[str, tyro.conf.arg(metavar="DIR", help_behavior_hint=hint)] = ""
    """A directory with train, validate and test splits. It stands in for
    each of the next three flags that is not given. Training needs this
    flag or --data.train. If the directory has only validation records,
    some of them train."""
    train: Paths = ()
    """Files, directories or globs to train on; local, gs://, s3:// or http(s)://."""
    validate: Paths = ()
    """Files, directories or globs to validate on."""
    test: Paths = ()
    """Files, directories or globs that `predict` reads without --data."""
    num_classes: NonNegativeInt = 0
    """Number of classes. 0 = as many as vocabulary.csv at the root of the
    data set lists, or 3862, the number since 2018, without that file. The
    data of 2017 have 4716."""
    labels: Annotated[str, tyro.conf.arg(metavar="FILE.csv", help_behavior_hint=hint)] = ""
    """A CSV file with the labels of the videos, with the columns id (or
    path) and labels, which are class ids with spaces between (default:
    the labels in the records)."""
    features: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="NAME|NAME:SIZE[:TYPE] ...", help_behavior_hint=hint)
    ] = ()
    """Features to use: rgb, audio, or your own, such as clip:512 (bytes) or
    clip:512:float32; with spaces or commas between (default: those found
    in a sample of the training records)."""
    num_frames: NonNegativeInt = 0
    """Frames to sample from each video in training; 0 = all."""
    sampling: Sampling = "random"
    """How to sample them. random: with replacement.
    random_without_replacement: without, and in order. uniform: the middle
    frames of equal parts. consecutive: in one piece."""
    prediction_num_frames: NonNegativeInt = 0
    """Frames to sample from each video in validation and prediction; 0 = all, which is slowest, and best for most models."""
    prediction_sampling: Sampling = "uniform"
    """How to sample them; see --data.sampling."""
    max_frames: PositiveInt = DEFAULT_MAX_FRAMES
    """Largest number of frames per video. Longer videos are cut off; shorter ones are padded and masked."""
    max_labels: PositiveInt = DEFAULT_MAX_LABELS
    """Largest number of labels a video may have. A video with more is an error."""
    segment_context: Annotated[SegmentContext, Range(least=0), tyro.conf.arg(metavar="N|video")] = 0
    """What the model sees besides a rated segment's 5 frames. N: so many
    more frames on each side. video: frames of the whole video go to a
    second model, and the logits of both are averaged with learned
    weights."""
    context_num_frames: PositiveInt = 30
    """Frames of the whole video for --data.segment-context video: the middle frames of equal parts."""
    fold: Annotated[str, tyro.conf.arg(metavar="I/K|INDEX.csv:PART", help_behavior_hint=hint)] = ""
    """Hold out a part of the training videos for validation. I/K: part I
    (from 0) of K, by a hash of ids. INDEX.csv:PART: a part from an index
    made by yt8m split."""
    shuffle_buffer: PositiveInt = 1024
    """Records in the shuffle buffer of training. The order of the files is shuffled too."""
    parallel_files: PositiveInt = 8
    """Files to read at the same time."""
    processes: Annotated[ReadingProcesses, Range(least=0), tyro.conf.arg(metavar="auto|N")] = "auto"
    """Processes that make batches of local frame-level records. auto: as
    many as cores, but only if the batches are waited for at least one
    second and half of the time. 0: threads alone."""
    shard: Literal["auto", "file", "record"] = "auto"
    """How several workers share the training records. file: each reads its
    own files. record: each reads all files and parses its own records, so
    the batches do not depend on the number of workers. auto: by file,
    unless there are too few files."""
    deterministic: bool = True
    """Read records in an order that depends on the seed alone. Off is a little faster where file reads stall."""
    service: Annotated[str, tyro.conf.arg(metavar="HOST:PORT", help_behavior_hint=hint)] = ""
    """A tf.data service, started by yt8m data-service, that reads and parses
    the training records (default: this process does). The seed then no
    longer determines the order of the records."""
    on_corrupt: Literal["stop", "skip"] = "stop"
    """What to do about broken records. stop: end with an error that names
    the record. skip: check all files first and leave broken records out."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "data"))
        # As texts, which config.json and comparisons of runs show; equal features have equal texts.
        object.__setattr__(self, "features", texts_of(parse_features(self.features, flag("data", "features"))))
        Fold.parse(self.fold)
        if self.service:
            parse_address(self.service, flag("data", "service"))
