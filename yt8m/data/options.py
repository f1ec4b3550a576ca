"""What a stream of batches is to be like: the options of `read_records`, in three groups."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from yt8m.data.schema import DEFAULT_MAX_FRAMES, Sampling, Share
from yt8m.errors import InputError
from yt8m.values import NonNegativeInt, PositiveInt, Seed, fit_fields


@dataclass(frozen=True, kw_only=True)
class Frames:
    """What is shown of each video."""

    num_frames: NonNegativeInt | None = None
    """Frames sampled of every video; None or 0 = all, padded to `max_frames`."""
    sampling: Sampling = "random"
    """How they are chosen."""
    max_frames: PositiveInt = DEFAULT_MAX_FRAMES
    """Frames kept of a longer video."""
    segments: Literal["rated", "all"] = "rated"
    """Which segments of a video, at segment level."""

    def __post_init__(self):
        fit_fields(self)


@dataclass(frozen=True, kw_only=True)
class Order:
    """In which order the records come, and how often."""

    shuffle: bool = False
    """Shuffle files and records; otherwise they come in the order of the files."""
    shuffle_buffer: PositiveInt = 1024
    """Records that are shuffled among, after the shuffle of the files."""
    seed: Seed | None = None
    """Of the shuffling and sampling; None = 0, or random if not `deterministic`."""
    repeat: bool = False
    """For ever, each pass in an order of its own."""
    drop_remainder: bool = False
    """Leave out a last batch that is smaller."""
    parallel_files: PositiveInt = 8
    """Most files that are read at the same time."""
    deterministic: bool = True
    """Same seed, same order."""

    def __post_init__(self):
        fit_fields(self)


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Which of the records this process gets, and from whom.

    Raises:
        InputError: there is no such shard.
    """

    shard: tuple[NonNegativeInt, PositiveInt] = (0, 1)
    """(index, count): every count-th file, or record."""
    shard_by: Literal["auto", "file", "record"] = "auto"
    """By file, or by record, which together give the batches that one reader of batches of all of them would; auto: by file,
    or by record where there are fewer files."""
    skip_records: NonNegativeInt = 0
    """Videos, or segments, left out of the shard's shuffled, repeated stream before they are parsed."""
    service: str = ""
    """The address of a data service that reads and parses the records; none = this process."""
    job_name: str = ""
    """Processes that give the same one share the records of each epoch of the service out among them."""

    def __post_init__(self):
        fit_fields(self)
        share = self.share
        if share.index >= share.count:
            raise InputError(
                f"shard is {self.shard}; the index of the first of {share.count} is 0, of the last {share.count - 1}"
            )

    @property
    def share(self) -> Share:
        """The shard, with names."""
        return Share(*self.shard)


ALL_FRAMES = Frames()
AS_STORED = Order()
EVERYTHING = Portion()


class Groups(NamedTuple):
    """The options of a stream, as `yt8m.data.pipeline.make_dataset` takes them after the source and the batch size."""

    frames: Frames = ALL_FRAMES
    order: Order = AS_STORED
    portion: Portion = EVERYTHING


def grouped(options: Mapping[str, Any]) -> Groups:
    """Options by name, in their groups.

    Raises:
        InputError: one cannot have its value.
        TypeError: there is no option of that name.
    """
    rest = dict(options)
    groups = []
    for kind in (Frames, Order, Portion):
        own = {field.name for field in dataclasses.fields(kind)} & rest.keys()
        groups.append(kind(**{name: rest.pop(name) for name in own}))
    if rest:
        raise TypeError(f"no option of a stream: {', '.join(rest)}")
    return Groups(*groups)
