"""Gives the work of `predict`, `ensemble` and `evaluate` to Apache Beam. Needs Beam."""

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np

from yt8m.cluster.ensemble import CLASSES_AT_ONCE, CombineParts, RankSegments
from yt8m.cluster.evaluate import MergeFindings
from yt8m.cluster.models import Model, ScoreStreams, stage
from yt8m.cluster.options import BeamOptions
from yt8m.cluster.predict import MakeParts, take_part
from yt8m.cluster.running import Deliver, run, temp_location
from yt8m.cluster.storage import value_in
from yt8m.config import RunConfig
from yt8m.data.access.file_access import is_remote
from yt8m.data.source import Source
from yt8m.files import check_destination, locked
from yt8m.machine import count_cores
from yt8m.predicting.counts import Counts
from yt8m.predicting.elsewhere import RunWork
from yt8m.predicting.parts import Predictions
from yt8m.predicting.prior import Places, Prior
from yt8m.predicting.stored import PredictionStore
from yt8m.predicting.submitting import Submitted, nothing_to_rank, ranked_class_ids, write_submission
from yt8m.progress import SILENT, Progress
from yt8m.scoring.calibration import Calibration
from yt8m.scoring.evaluation import Findings
from yt8m.submission.segments import RankedRows, best_first

_FOUND = "found"


class OnBeam:
    """A `yt8m.predicting.elsewhere.Elsewhere` and a `yt8m.scoring.evaluation.Elsewhere`: Apache Beam.

    Args:
        how: where Beam runs.
        progress: gets the lines on ranking.
    """

    def __init__(self, how: BeamOptions, progress: Progress = SILENT):
        self._how, self._progress = how, progress

    def measure(
        self,
        run_directory: str | os.PathLike,
        source: Source,
        config: RunConfig,
        calibration: Calibration | None,
        progress: Progress,
    ) -> Findings:
        """See `yt8m.scoring.evaluation.Elsewhere`."""

        def build(pipeline: beam.Pipeline, scratch: str) -> None:
            model = Model(stage(run_directory, scratch, "run"), source, calibration)
            scored = pipeline | ScoreStreams([model], config, "rated", [range(len(source.files))])
            _deliver(scored, scratch, MergeFindings(source, config.data.num_classes))

        return run(self._how, build, "evaluating", progress, num_threads=count_cores())[_FOUND]

    def predict(self, work: RunWork, missing: Sequence[int], into: PredictionStore, progress: Progress) -> Counts:
        """See `yt8m.predicting.elsewhere.Elsewhere`."""

        def build(pipeline: beam.Pipeline, scratch: str) -> None:
            runs = [stage(each, scratch, f"run-{number}") for number, each in enumerate(work.runs)]
            counts = pipeline | MakeParts(work, runs, missing, into, _beside(scratch))
            _deliver(counts, scratch, _sum)

        counts = self._write_parts(build, "predicting", missing, into, progress)
        progress.advance(counts.num_rows)
        return counts

    def combine(self, predictions: Predictions, into: PredictionStore, progress: Progress) -> None:
        """See `yt8m.predicting.elsewhere.Elsewhere`."""
        missing = into.missing()
        if not self._share_a_disk():
            for number in missing:
                into.write(number, predictions.read(number))
            return

        def build(pipeline: beam.Pipeline, scratch: str) -> None:
            rows = pipeline | beam.Create(missing) | CombineParts(predictions, into, _beside(scratch))
            _deliver(rows, scratch, sum)

        if missing:
            progress.advance(self._write_parts(build, "averaging", missing, into, progress))

    def _write_parts(
        self,
        build: Callable[[beam.Pipeline, str], None],
        work: str,
        missing: Sequence[int],
        into: PredictionStore,
        progress: Progress,
    ) -> Any:
        """Runs a pipeline that writes parts: to their places, or to the scratch directory if workers share no disk with us."""

        def collect(scratch: str) -> Any:
            for number in missing if is_remote(scratch) else ():
                take_part(into, number, scratch)
            return value_in(scratch, _FOUND)

        busy = f"{into.directory}: another job is writing there; wait for it, or name another place"
        with into.begun(), locked(into.directory, busy):
            # One thread reads while the model of another computes.
            return run(self._how, build, work, progress, self._shared(into.directory), collect, count_cores())

    def _shared(self, place: Path) -> str | None:
        """Where the scratch directory lies: beside the output, unless Beam's options name a place."""
        return None if temp_location(self._how) else os.path.abspath(place)

    def _share_a_disk(self) -> bool:
        """Whether workers can read the files of this machine, as far as is known."""
        return not is_remote(temp_location(self._how) or "")

    def rank(
        self, predictions: Predictions, out: str | os.PathLike, max_segments: int, prior: Prior | None, places: Places
    ) -> Submitted:
        """See `yt8m.predicting.elsewhere.Elsewhere`."""
        if not self._share_a_disk():
            return write_submission(predictions, out, max_segments=max_segments, prior=prior, places=places)
        check_destination(out)
        rows, videos, num_kept, first_rows = RankedRows(), set(), 0, [0]
        for part in predictions.rows():
            rows.add(part.ids.tolist(), part.starts)
            videos.update(part.ids.tolist())
            num_kept += int(np.count_nonzero(places.kept(part)))
            first_rows.append(first_rows[-1] + len(part))
        if not num_kept:
            raise nothing_to_rank(predictions)

        def build(pipeline: beam.Pipeline, scratch: str) -> None:
            best = pipeline | beam.Create(range(len(predictions.digests)))
            best = best | RankSegments(predictions, first_rows, max_segments, prior, places)
            best | "Name" >> beam.Map(lambda each: (f"{each[0]:08d}", each[1])) | Deliver(scratch)

        def collect(scratch: str) -> None:
            some = functools.lru_cache(maxsize=1)(lambda first: value_in(scratch, f"{first:08d}"))

            def order(place: int) -> np.ndarray:
                return best_first(some(place - place % CLASSES_AT_ONCE)[place % CLASSES_AT_ONCE])

            rows.write(out, ranked_class_ids(predictions).tolist(), order, 1)

        run(self._how, build, "ranking", self._progress, self._shared(Path(out).absolute().parent), collect)
        return Submitted(len(videos), num_kept)


def _beside(scratch: str) -> str | None:
    """Where workers put parts: the scratch directory if it is remote, or else None, which is their place."""
    return scratch if is_remote(scratch) else None


def _sum(counts: Iterable[Counts]) -> Counts:
    return sum(counts, Counts())


def _deliver(value: Any, scratch: str, combine: Callable | beam.CombineFn) -> None:
    """Combines the elements of a collection to one, and hands that to `run`."""
    value | "Sum" >> beam.CombineGlobally(combine) | "Name" >> beam.Map(lambda each: (_FOUND, each)) | Deliver(scratch)
