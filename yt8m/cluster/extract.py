"""`yt8m extract --engine beam`. Needs Beam."""

import dataclasses
import functools
import threading
from collections.abc import Iterator, Sequence

import apache_beam as beam

from yt8m.cluster.options import BeamOptions
from yt8m.cluster.running import Deliver, FromList, run
from yt8m.data.extraction import NetworkChoice
from yt8m.errors import InputError
from yt8m.extracting.making import Making, Order, Outcome
from yt8m.extracting.meter import Meter
from yt8m.extracting.networks.network import Network
from yt8m.extracting.networks.registry import load_network
from yt8m.extracting.pool import Task
from yt8m.progress import Progress

_VIDEOS_AT_ONCE = 4
"""A worker reads so many at a time, whose frames pass the network in common batches."""


class ExtractVideos(beam.PTransform):
    """Extracts videos. Their records are kept in files, which `yt8m extract` puts together.

    Args:
        making: makes and keeps the records.
        choice: the network. Its files are where every worker can read them.
    """

    def __init__(self, making: Making, choice: NetworkChoice):
        super().__init__()
        self._making, self._choice = making, choice

    def expand(self, orders):
        """PCollection of (key, list of `yt8m.extracting.making.Order`) -> PCollection of (key, list of `Outcome`)."""
        return orders | "Spread" >> beam.Reshuffle() | "Extract" >> beam.ParDo(_Extract(self._making, self._choice))


class _Extract(beam.DoFn):
    def __init__(self, making: Making, choice: NetworkChoice):
        super().__init__()
        self._making, self._choice = making, choice

    def process(self, element: tuple[str, list[Order]]) -> Iterator[tuple[str, list[Outcome]]]:
        key, orders = element
        with _TURN:  # one group of videos uses all cores of a process already
            yield key, list(self._making.outcomes(orders, _network(self._choice), _Nobody()))


_TURN = threading.RLock()


@functools.lru_cache(maxsize=1)
def _network(choice: NetworkChoice) -> Network:
    """The network, loaded once a process; under `_TURN`."""
    return load_network(**dataclasses.asdict(choice))


class _Nobody:
    """Watches, and tells nobody."""

    def opened(self, task: Task, seconds: float | None) -> None:
        """See `yt8m.extracting.pool.Watcher`."""

    def passed(self, num_frames: int) -> None:
        """See `yt8m.extracting.pool.Watcher`."""


class BeamExtraction:
    """An engine of `yt8m.extracting.extraction.extract`: Apache Beam.

    Args:
        how: where Beam runs.
        choice: the network.
        progress: gets a line that says where.
    """

    def __init__(self, how: BeamOptions, choice: NetworkChoice, progress: Progress):
        self._how, self._choice, self._progress = how, choice, progress

    def __call__(self, orders: Sequence[Order], making: Making, meter: Meter) -> Iterator[Outcome]:
        """Extracts the videos. Raises InputError as `yt8m.cluster.running.run` does."""
        groups = [
            (f"{start:09d}", list(orders[start : start + _VIDEOS_AT_ONCE]))
            for start in range(0, len(orders), _VIDEOS_AT_ONCE)
        ]

        def build(pipeline: beam.Pipeline, scratch: str) -> None:
            pipeline | FromList(scratch, groups) | ExtractVideos(making, self._choice) | Deliver(scratch)

        if not orders:
            return
        found = run(self._how, build, "extracting", self._progress, str(making.directory))
        if len(found) != len(groups):
            raise InputError(f"{making.directory}: not all workers wrote there; they must share this directory")
        for outcomes in found.values():
            yield from outcomes
