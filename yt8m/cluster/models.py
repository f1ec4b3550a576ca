"""Runs a trained model over records on the workers of a cluster. Needs Beam.

A model is loaded once a process, whatever the number of threads and bundles, from a directory that is copied once a machine if it
is behind an address such as `gs://`.
"""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import apache_beam as beam
from apache_beam.utils.shared import Shared

from yt8m.cluster.storage import joined, open_shared, versions_of, write_whole
from yt8m.cluster.units import BATCHES_A_UNIT, Unit, count, read, units_of
from yt8m.config import RunConfig
from yt8m.data.access.file_access import is_remote
from yt8m.data.engine.contexts import of_fold
from yt8m.data.engine.pieces import held
from yt8m.data.engine.records import Record
from yt8m.data.schema import Level
from yt8m.data.source import Source
from yt8m.distribution.devices import alone
from yt8m.errors import InputError
from yt8m.runs import RunDirectory
from yt8m.runs.best import best_weights
from yt8m.runs.model import load_run
from yt8m.scoring.calibration import Calibration
from yt8m.scoring.scorer import BATCH_SIZE, Scored, Scorer

RECORDS_AT_ONCE: dict[Level, int] = {"video": 1024, "frame": 64, "segment": 64}
"""Records that are scored together, by level: a step of the model, or for segments some of them; fewer at the end of a bundle."""


def stage(run: str | os.PathLike, scratch: str, name: str) -> str:
    """Copies what a model needs of its run to a place that all workers share.

    Args:
        run: a local run directory.
        scratch: the shared place.
        name: a name there.

    Returns:
        The directory there, which `load_run` can read; see `local_copy`.

    Raises:
        InputError: the run has no weights, or the place cannot be written to.
    """
    place, source = joined(scratch, name), RunDirectory(Path(run))
    for path in (source.config, best_weights(run)):
        write_whole(joined(place, path.relative_to(run).as_posix()), path.read_bytes())
    return place


def local_copy(place: str) -> str:
    """A run as a local directory: itself; or, of one behind an address, a copy of what a model needs, made once a machine.

    Raises:
        InputError: there is no run behind the address, it has no weights, or it cannot be read.
    """
    if not is_remote(place):
        return place
    there = RunDirectory(Path("."))
    names = [there.config.as_posix(), there.best_weights.as_posix()]
    versions = versions_of([joined(place, name) for name in names])
    missing = [name for name in names if joined(place, name) not in [path for path, _, _ in versions]]
    if missing:
        raise InputError(f"{place}: has no {missing[0]}; name a run directory that yt8m train made")
    digest = sha256(repr((place, versions)).encode()).hexdigest()[:16]
    copy = Path(tempfile.gettempdir(), f"yt8m-run-{os.getuid()}-{digest}")
    for name in names:
        if not (copy / name).exists():
            with open_shared(joined(place, name)) as file:
                write_whole(str(copy / name), file.read())
    return str(copy)


class Model(NamedTuple):
    """A staged model, and the records that it scores. `pickle` can send it."""

    run: str
    source: Source
    calibration: Calibration | None = None


class ScoredRecords(NamedTuple):
    """Some records with what a model says of them."""

    group: int
    """The number of the group of files; 0 if there is none."""
    keys: list[tuple[int, int]]
    """The file and the number of each record."""
    records: list[Record]
    batches: list[Scored]


class ScoreStreams(beam.PTransform):
    """Scores streams of batches: the very batches that one process makes (`yt8m.cluster.units`), so with the same bits.

    Args:
        models: the models, with sources of the same files; each scores some of the records.
        config: of the run.
        segments: `rated` or `all`, at segment level.
        groups: the numbers of the files of each stream.
    """

    def __init__(self, models: Sequence[Model], config: RunConfig, segments: str, groups: Sequence[Sequence[int]]):
        super().__init__()
        self._models, self._config, self._segments, self._groups = list(models), config, segments, groups

    def expand(self, begin):
        """Pipeline -> PCollection of ScoredRecords."""
        models, segments, groups = self._models, self._segments, self._groups
        sources = [model.source for model in models]
        files, level = sources[0].files, sources[0].level
        counted = (
            begin
            | "Files" >> beam.Create([number for group in groups for number in group])
            | "Spread files" >> beam.Reshuffle()
            | "Count" >> beam.Map(lambda number: count(number, files[number], sources, segments))
        )
        return (
            begin
            | "Once" >> beam.Create([None])
            | "Divide"
            >> beam.FlatMap(
                lambda _, found: units_of(found, groups, BATCH_SIZE[level], BATCHES_A_UNIT[level]),
                beam.pvalue.AsIter(counted),
            )
            | "Spread" >> beam.Reshuffle()
            | "Score" >> beam.ParDo(_ScoreUnits(models, self._config, segments))
        )


class ScoreRecords(beam.PTransform):
    """Scores records in the batches in which they come, so that a result may differ in its last bits from one process's.

    Args:
        models, config, segments: see `ScoreStreams`.
    """

    def __init__(self, models: Sequence[Model], config: RunConfig, segments: str):
        super().__init__()
        self._models, self._config, self._segments = list(models), config, segments

    def expand(self, records):
        """PCollection of (int, int, bytes) -> PCollection of ScoredRecords."""
        number = RECORDS_AT_ONCE[self._models[0].source.level]
        return (
            records
            | "Batch" >> beam.BatchElements(min_batch_size=number, max_batch_size=number)
            | "Score" >> beam.ParDo(_ScoreRecords(self._models, self._config, self._segments))
        )


class _Score(beam.DoFn):
    """Has the models, which are loaded once a process."""

    def __init__(self, models: list[Model], config: RunConfig, segments: str):
        super().__init__()
        self._models, self._config, self._segments = models, config, segments
        self._shared = Shared()
        self._loaded: _Loaded

    def setup(self):
        self._loaded = self._shared.acquire(lambda: _load(self._models))

    def _held(self, records: Iterable[tuple[int, int, bytes]]) -> tuple[list[tuple[int, int]], list[Record]]:
        """The keys of records, and the records."""
        files, every = self._models[0].source.files, list(records)
        return [each[:2] for each in every], held([(files[number], index, data) for number, index, data in every])


class _ScoreUnits(_Score):
    def process(self, unit: Unit) -> Iterator[ScoredRecords]:
        source = self._models[unit.source].source
        keys, records = self._held(read(unit, source.files))
        scores_of = self._loaded.scorers[unit.source].scores_of
        place = unit.skip, unit.number, unit.first_batch
        batches = list(scores_of(records, source, self._config, self._segments, *place))
        yield ScoredRecords(unit.group, keys, records, batches)


class _ScoreRecords(_Score):
    def process(self, batch: Sequence[tuple[int, int, bytes]]) -> Iterator[ScoredRecords]:
        keys, every = self._held(batch)
        place = {id(record): key for record, key in zip(every, keys, strict=True)}
        for scorer, (_, source, _) in zip(self._loaded.scorers, self._models, strict=True):
            own = list(of_fold(every, source)) if source.fold else every
            if own:
                batches = list(scorer.scores_of(own, source, self._config, self._segments))
                yield ScoredRecords(0, [place[id(record)] for record in own], own, batches)


class _Loaded:
    """`Shared` needs an object that can be referred to weakly."""

    def __init__(self, scorers: list[Scorer]):
        self.scorers = scorers


def _load(models: Iterable[Model]) -> _Loaded:
    return _Loaded([Scorer(load_run(local_copy(each.run)), alone(), each.calibration) for each in models])
