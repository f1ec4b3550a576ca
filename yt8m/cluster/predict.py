"""Predicts records with a run on the workers of a cluster. Needs Beam."""

import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np

from yt8m.cluster.models import Model, ScoredRecords, ScoreRecords, ScoreStreams
from yt8m.cluster.storage import joined, open_shared, write_whole
from yt8m.data.engine.contexts import read_context
from yt8m.data.engine.memory import Scratch
from yt8m.data.identity import digest_of, id_in
from yt8m.data.ids import check_submittable
from yt8m.metrics.logits import probability
from yt8m.metrics.registry import Task
from yt8m.predicting.counts import Counts, counts_of
from yt8m.predicting.elsewhere import RunWork
from yt8m.predicting.parts import Part
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.predicting.scored import no_rows, rows_of
from yt8m.predicting.selection import Selection
from yt8m.predicting.stored import PredictionStore, concatenated, encoded


class Predicted(NamedTuple):
    """What a run predicts for a video, or a segment."""

    id: str
    start: int | None
    """The first second of the segment; None for a whole video."""
    classes: list[int]
    """Class ids: the most probable ones first, or all that are ranked in their order."""
    probabilities: list[float]
    """From 0 to 1, a float32 each."""


class PredictRun(beam.PTransform):
    """Predicts records with a run's best model.

    It takes what `ReadRecords` gives of the same files, in any order, and gives a `Predicted` for each video, or each segment.

    Args:
        run: the run directory, as every worker can open it; or the runs of several folds.
        files: the files of the records, in the order in which they are numbered.
        top_k: number of classes for a video, the most probable ones; 0 = all.
        task: `video` or `segment`; None = `segment` for records with rated segments.

    Raises:
        InputError, RecordError: there is no such run or file, or they do not fit together.
    """

    def __init__(
        self, run: str | os.PathLike | Sequence[str], files: Sequence[str], *, top_k: int = 20, task: Task | None = None
    ):
        super().__init__()
        selection = Selection(top_k=top_k, precision="float32")
        self._work = RunPredictions(run, list(files), task=task, selection=selection).work()

    def expand(self, records):
        """PCollection of (int, int, bytes) -> PCollection of Predicted."""
        work = self._work
        return (
            records
            | "Score" >> ScoreRecords(models_of(work, work.runs), work.config, "all")
            | "Rows" >> beam.FlatMap(lambda scored: _predicted(scored, work))
        )


def _predicted(scored: ScoredRecords, work: RunWork) -> Iterator[Predicted]:
    class_ids = None if work.description.classes is None else list(work.description.classes)
    for batch in scored.batches:
        part = rows_of(batch, work.description)
        starts = [None] * len(part) if part.starts is None else part.starts.tolist()
        classes = [class_ids] * len(part) if part.classes is None else part.classes.tolist()
        rows = zip(part.ids.tolist(), starts, classes, probability(part.logits).tolist(), strict=True)
        for video, start, own, probabilities in rows:
            yield Predicted(video.decode("utf-8", "backslashreplace"), start, own, probabilities)


def models_of(work: RunWork, runs: Sequence[str]) -> list[Model]:
    """The models of some work, whose runs are staged in these places."""
    return [Model(*each) for each in zip(runs, work.sources, work.calibrations, strict=True)]


class _Rows(NamedTuple):
    """The rows of some records of one part."""

    keys: np.ndarray
    """int64 [N, 2]: for each row the file and the number of its record."""
    part: Part
    ids: list[tuple[int, int, bytes]]
    """The file, the number and the id of each record, also of one without rows; empty if nobody needs them."""
    counts: Counts


class MakeParts(beam.PTransform):
    """Predicts records and writes the parts of stored predictions (`yt8m.predicting.stored`), each complete or absent.

    A part has the bytes that it has if one process makes it: its rows are put into the order of their records.

    Args:
        work: what to predict.
        runs: where the runs are staged.
        missing: the numbers of the parts to write.
        into: the stored predictions, which have begun.
        directory: where to write instead of there, for whoever started the job to take them: a place that workers share.
    """

    def __init__(
        self,
        work: RunWork,
        runs: Sequence[str],
        missing: Sequence[int],
        into: PredictionStore,
        directory: str | None = None,
    ):
        super().__init__()
        self._work, self._runs, self._missing, self._into, self._directory = work, runs, missing, into, directory

    def expand(self, begin):
        """Pipeline -> PCollection of Counts, one for each part."""
        ends = list(itertools.accumulate(len(files) for files in self._work.groups))
        groups = [range(ends[part] - len(self._work.groups[part]), ends[part]) for part in self._missing]
        rows = (
            begin
            | "Score" >> ScoreStreams(models_of(self._work, self._runs), self._work.config, "all", groups)
            | "Rows" >> beam.ParDo(_MakeRows(self._work, self._missing))
        )
        # A part whose files have no record is written, too.
        empty = begin | "Parts" >> beam.Create([(number, None) for number in self._missing])
        return (
            (rows, empty)
            | beam.Flatten()
            | "By part" >> beam.GroupByKey()
            | "Write" >> beam.ParDo(_WritePart(self._work, self._into, self._directory))
        )


class _MakeRows(beam.DoFn):
    """Makes rows of scored records, by the number of their part."""

    def __init__(self, work: RunWork, parts: Sequence[int]):
        super().__init__()
        self._work, self._parts = work, parts

    def process(self, scored: ScoredRecords) -> Iterator[tuple[int, _Rows]]:
        work = self._work
        part = concatenated([rows_of(batch, work.description) for batch in scored.batches])
        if work.is_submitted:
            check_submittable(part.ids.tolist(), scored.records[0].path)
        ids, keys = self._ids(scored, part), np.array(scored.keys, np.int64)
        place = {video: number for number, video in reversed(list(enumerate(ids)))}
        rows = keys[[place[video] for video in part.ids.tolist()]].reshape(-1, 2)
        names = [(*key, video) for key, video in zip(scored.keys, ids, strict=True)] if work.needs_ids else []
        yield self._parts[scored.group], _Rows(rows, part, names, sum(map(counts_of, scored.batches), Counts()))

    @staticmethod
    def _ids(scored: ScoredRecords, part: Part) -> list[bytes]:
        """The ids of the records. Segments have several rows of a record, or none."""
        if part.starts is None:
            return part.ids.tolist()
        scratch = Scratch()
        return [id_in(read_context(record, scratch)) or b"" for record in scored.records]


class _WritePart(beam.DoFn):
    """Writes a part of all its rows."""

    def __init__(self, work: RunWork, into: PredictionStore, directory: str | None):
        super().__init__()
        self._work, self._into, self._directory = work, into, directory

    def process(self, element: tuple[int, Iterable[Any]]) -> Iterator[Counts]:
        number, found = element[0], [_Rows(*each) for each in element[1] if each is not None]
        part = no_rows(self._work.description)
        if found:
            keys = np.concatenate([each.keys for each in found])
            part = concatenated([each.part for each in found])
            starts = np.zeros(len(part), np.int32) if part.starts is None else part.starts
            part = part.take(np.lexsort((starts, keys[:, 1], keys[:, 0])).tolist())
            part = dataclasses.replace(part, ids=np.array(part.ids.tolist(), np.bytes_))  # no wider than its longest
        names = sorted({tuple(name) for each in found for name in each.ids})  # a video may have segments in two units
        digest = digest_of(video for _, _, video in names) if self._work.needs_ids else ""
        put_part(self._into, number, encoded(part, self._work.description, digest), self._directory)
        yield sum((each.counts for each in found), Counts())


def put_part(into: PredictionStore, number: int, content: bytes, directory: str | None) -> None:
    """Writes the bytes of a part: to its place, or to a directory that `take_part` takes it from."""
    if directory is None:
        into.put(number, content)
    else:
        write_whole(_part_in(directory, number), content)


def take_part(into: PredictionStore, number: int, directory: str) -> None:
    """Writes a part that a worker put into a directory to its place. Raises InputError if it cannot be read or written."""
    with open_shared(_part_in(directory, number)) as file:
        into.put(number, file.read())


def _part_in(directory: str, number: int) -> str:
    return joined(directory, f"{number:05d}.npz")
