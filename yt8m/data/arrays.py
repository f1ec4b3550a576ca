"""Reads records into batches of NumPy arrays, for any framework. TensorFlow is not imported, unless to list or read files behind
`gs://`, `s3://` and the like."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from yt8m.data.engine.order import Shares
from yt8m.data.engine.stream import in_pass, prepared, read_stream
from yt8m.data.features import Feature
from yt8m.data.opening import open_source
from yt8m.data.options import Frames, Order, Portion, grouped
from yt8m.data.schema import DEFAULT_MAX_LABELS, DEFAULT_NUM_CLASSES, Level
from yt8m.data.source import Source
from yt8m.errors import InputError
from yt8m.values import NonNegativeInt, PositiveInt, Seed, checked


@dataclass
class Batches:
    """A stream of batches, as dicts of NumPy arrays. It can be iterated over again; a shuffled one then has another order."""

    source: Source
    """The files, and what their records hold."""
    batch_size: int
    frames: Frames
    order: Order
    portion: Portion
    _shares: Shares
    _passes: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        order = in_pass(self.order, self._passes)
        self._passes += 1
        return read_stream(self.source, self.batch_size, self.frames, order, self.portion, self._shares)


@checked(options_of=(Frames, Order, Portion))
def read_batches(
    paths: str | Sequence[str],
    batch_size: PositiveInt = 64,
    num_frames: NonNegativeInt | None = None,
    shuffle: bool = False,
    seed: Seed | None = None,
    *,
    level: Level | None = None,
    features: tuple[str | Feature, ...] = (),
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
    max_labels: PositiveInt = DEFAULT_MAX_LABELS,
    labels: str = "",
    **options,
) -> Batches:
    """Reads records into the batches that `yt8m.read_records` gives, as dicts of NumPy arrays, without TensorFlow.

    `id` is an array of bytes objects. All other values are as in `yt8m.data.schema`. A batch keeps its memory as long as
    anything refers to it.

    Args:
        paths, batch_size, num_frames, shuffle, seed, level, features, num_classes, max_labels, labels: see
            `yt8m.read_records`.
        options: see `yt8m.read_records`; a data service (`service`, `job_name`) needs TensorFlow and is refused. With
            `shard=(index, count)`, each of several processes reads its part of the records.

    Raises:
        InputError, RecordError: see `yt8m.read_records`. While iterating, a damaged record raises a `RecordError`, which names
            the file and the record.
    """
    frames, order, portion = grouped({"num_frames": num_frames, "shuffle": shuffle, "seed": seed, **options})
    if portion.service or portion.job_name:
        raise InputError("read_batches reads in this process; only yt8m.read_records takes a service or a job_name")
    source = open_source(
        paths, level=level, features=features, num_classes=num_classes, max_labels=max_labels, labels=labels
    )
    order, shares = prepared(source, order, portion)
    return Batches(source, batch_size, frames, order, portion, shares)
