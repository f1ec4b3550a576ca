"""Which records."""

import functools
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from yt8m.config.fields import Paths, flag, hint
from yt8m.data.schema import (
    DEFAULT_MAX_FRAMES,
    DEFAULT_MAX_LABELS,
    Feature,
    Fold,
    Sampling,
    SegmentContext,
)
from yt8m.values import NonNegativeInt, PositiveInt, Range, fit_fields, parse_address


@dataclass(frozen=True, kw_only=True, slots=True)
class DataConfig:
    """Which records, and how they become batches."""

    root: Annotated[str, tyro.conf.arg(metavar="DIR", help_behavior_hint=hint)] = ""
    """A directory with train, validate and test splits; gives those of the three below that are not given.
    This or --data.train is needed. Validation records alone are cut, if neither of the first two is given."""
    train: Paths = ()
    """Files, directories or globs to train on; local, gs://, s3:// or http(s)://."""
    validate: Paths = ()
    """Files, directories or globs to validate on."""
    test: Paths = ()
    """Files, directories or globs that `predict` reads when it is given no --data."""
    num_classes: NonNegativeInt = 0
    """Classes of the vocabulary; 0 = those of vocabulary.csv at the root of the data set, without one 3862, as since 2018. In
    2017 there were 4716."""
    features: Annotated[tuple[Feature, ...], tyro.conf.arg(help_behavior_hint=hint)] = ()
    """Features to use; none named: those that any training record has, of some that are looked at."""
    num_frames: NonNegativeInt = 0
    """Frames sampled from a video in training; 0 = all."""
    sampling: Sampling = "random"
    """How they are chosen: random draws with replacement, or without (in order), uniform (the middles of equal parts), or
    consecutive."""
    prediction_num_frames: NonNegativeInt = 0
    """Frames sampled from a video in validation and prediction; 0 = all, which is best and slowest."""
    prediction_sampling: Sampling = "uniform"
    """How they are chosen; see --data.sampling."""
    max_frames: PositiveInt = DEFAULT_MAX_FRAMES
    """Frames kept of a longer video; shorter ones are padded to this length and masked."""
    max_labels: PositiveInt = DEFAULT_MAX_LABELS
    """Most labels a video may have; one with more is an error."""
    segment_context: Annotated[SegmentContext, Range(least=0), tyro.conf.arg(metavar="N|video")] = 0
    """What is shown of a video beside a rated segment's 5 frames: N more on each side, or video: frames of the whole video, to
    a second model whose logits are weighed with the first one's."""
    context_num_frames: PositiveInt = 30
    """Frames that `video` shows of the whole video, the middles of equal parts."""
    fold: Annotated[str, tyro.conf.arg(metavar="I/K|INDEX.csv:PART", help_behavior_hint=hint)] = ""
    """Part I (from 0) of K of the training videos, by a hash of their ids, is left out of training and validated on; or a part
    that an index of yt8m split names."""
    shuffle_buffer: PositiveInt = 1024
    """Records the training order is shuffled in, after shuffling the files."""
    parallel_files: PositiveInt = 8
    """Files read at the same time."""
    shard: Literal["auto", "file", "record"] = "auto"
    """How training records are shared out to several workers. file: each reads its own files. record: each reads all and
    parses its own, which gives the same batches whatever the number of workers. auto: by file, unless there are too few."""
    deterministic: bool = True
    """Same seed, same order of records. Off is a little faster where file reads stall."""
    service: Annotated[str, tyro.conf.arg(metavar="HOST:PORT", help_behavior_hint=hint)] = ""
    """A tf.data service that reads and parses the training records, started by yt8m data-service; none = this process. The
    order of the records is then no longer determined by the seed."""
    on_corrupt: Literal["stop", "skip"] = "stop"
    """At a broken record: stop with its place, or check all files first and leave the broken records out."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "data"))
        Fold.parse(self.fold)
        if self.service:
            parse_address(self.service, flag("data", "service"))
