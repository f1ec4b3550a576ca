"""The options of a stream of batches (`read_records`), in three groups."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from yt8m.data.schema import DEFAULT_MAX_FRAMES, ReadingProcesses, Sampling, Share
from yt8m.errors import InputError
from yt8m.values import NonNegativeInt, PositiveInt, Range, Seed, fit_fields


@dataclass(frozen=True, kw_only=True)
class Frames:
    """Which frames and segments of each video to give."""

    num_frames: NonNegativeInt | None = None
    """Frames to sample of every video; None or 0 = all, padded to `max_frames`."""
    sampling: Sampling = "random"
    """The way to sample them."""
    max_frames: PositiveInt = DEFAULT_MAX_FRAMES
    """Frames to keep of a longer video."""
    segments: Literal["rated", "all"] = "rated"
    """Segments to give of each video, at segment level."""

    def __post_init__(self):
        fit_fields(self)


@dataclass(frozen=True, kw_only=True)
class Order:
    """The order of the records, and whether they repeat."""

    shuffle: bool = False
    """Shuffle files and records; otherwise records come in the order of the files."""
    shuffle_buffer: PositiveInt = 1024
    """Size of the shuffle buffer in records, or in rated segments; files are shuffled before."""
    seed: Seed | None = None
    """Seed of shuffling and sampling; None = 0, or random if not `deterministic`."""
    repeat: bool = False
    """Repeat for ever, each pass in another order."""
    drop_remainder: bool = False
    """Leave out a smaller last batch."""
    parallel_files: PositiveInt = 8
    """Most files to read at the same time."""
    deterministic: bool = True
    """The same seed gives the same order."""

    def __post_init__(self):
        fit_fields(self)


@dataclass(frozen=True, kw_only=True)
class Portion:
    """Which records this process gets, and from where.

    Raises:
        InputError: the shard does not exist.
    """

    shard: tuple[NonNegativeInt, PositiveInt] = (0, 1)
    """(index, count): every count-th file or record, from the index-th on."""
    shard_by: Literal["auto", "file", "record"] = "auto"
    """Share out files or records. `auto` takes files, or records if there are fewer files than shards.

    Shares of records together give the batches that one reader of all records gives."""
    skip_records: NonNegativeInt = 0
    """Videos, or segments, to skip in the shard's shuffled, repeated stream, before they are parsed."""
    service: str = ""
    """Address of a data service that reads and parses the records; empty = this process does."""
    job_name: str = ""
    """Processes with the same name share out the records of each epoch of the service."""
    processes: Annotated[ReadingProcesses, Range(least=0)] = "auto"
    """Processes that make batches of local frame-level records. `auto`: one for each core, once whoever takes the batches has
    waited for them at least 1 s and half of the time; 0: threads of this process alone."""

    def __post_init__(self):
        fit_fields(self)
        share = self.share
        if share.index >= share.count:
            raise InputError(
                f"shard is {self.shard}; the index of the first of {share.count} is 0, of the last {share.count - 1}"
            )

    @property
    def share(self) -> Share:
        """The shard as a `Share`."""
        return Share(*self.shard)


ALL_FRAMES = Frames()
AS_STORED = Order()
EVERYTHING = Portion()


class Groups(NamedTuple):
    """The options as `yt8m.data.pipeline.make_dataset` takes them."""

    frames: Frames = ALL_FRAMES
    order: Order = AS_STORED
    portion: Portion = EVERYTHING


def grouped(options: Mapping[str, Any]) -> Groups:
    """Sorts options by name into their groups.

    Raises:
        InputError: an option has a bad value.
        TypeError: an option does not exist.
    """
    rest = dict(options)
    groups = []
    for kind in (Frames, Order, Portion):
        own = {field.name for field in dataclasses.fields(kind)} & rest.keys()
        groups.append(kind(**{name: rest.pop(name) for name in own}))
    if rest:
        raise TypeError(f"no option of a stream: {', '.join(rest)}")
    return Groups(*groups)
