"""Measures a run on the workers of a cluster. Needs Beam."""

import os
from collections.abc import Iterable, Sequence

import apache_beam as beam

from yt8m import runs
from yt8m.cluster.models import Model, ScoredRecords, ScoreRecords
from yt8m.data import failures
from yt8m.data.source import Source
from yt8m.runs.records import open_validation
from yt8m.scoring.evaluation import Findings


class EvaluateRun(beam.PTransform):
    """Measures a run's best model on labelled records.

    It takes what `ReadRecords` gives of the same files, in any order, and gives one dictionary: the metrics of `yt8m.evaluate`
    without `videos_per_second`.

    Args:
        run: the run directory, as every worker can open it.
        files: the files of the records, in the order in which they are numbered.

    Raises:
        InputError, RecordError: there is no such run or file, or the records have no labels.
    """

    def __init__(self, run: str | os.PathLike, files: Sequence[str]):
        super().__init__()
        self._config = runs.load_config(run)
        self._model = Model(os.fspath(run), open_validation(run, self._config, list(files)))

    def expand(self, records):
        """PCollection of (int, int, bytes) -> PCollection of a dict."""
        source = self._model.source
        return (
            records
            | "Score" >> ScoreRecords([self._model], self._config, "rated")
            | "Measure" >> beam.CombineGlobally(MergeFindings(source, self._config.data.num_classes))
            | "Result" >> beam.Map(lambda found: found.result(source))
        )


class MergeFindings(beam.CombineFn):
    """Adds scored records to findings (`yt8m.scoring.evaluation.Findings`), and merges these.

    Args:
        source: the records.
        num_classes: classes of the model.
    """

    def __init__(self, source: Source, num_classes: int):
        super().__init__()
        self._source, self._num_classes = source, num_classes

    def create_accumulator(self) -> Findings:
        return Findings(self._source.level, self._num_classes)

    def add_input(self, accumulator: Findings, scored: ScoredRecords) -> Findings:
        with failures.record_errors(self._source):
            for batch in scored.batches:
                accumulator.add(batch)
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[Findings]) -> Findings:
        total = self.create_accumulator()
        with failures.record_errors(self._source):
            for each in accumulators:
                total.merge(each)
        return total

    def extract_output(self, accumulator: Findings) -> Findings:
        return accumulator
