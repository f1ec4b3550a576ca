"""Measures a run on labelled records."""

import dataclasses
import functools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import numpy as np

from yt8m import runs
from yt8m.config import DistributeConfig, RunConfig
from yt8m.data import failures, remarks
from yt8m.data.repeats import Once
from yt8m.data.schema import LABEL_PADDING, Level
from yt8m.data.source import Source
from yt8m.data.survey import survey
from yt8m.distribution.devices import Devices, alone
from yt8m.distribution.strategies import open_devices
from yt8m.errors import InputError
from yt8m.metrics import SegmentMetrics, VideoMetrics
from yt8m.metrics.logits import probability
from yt8m.metrics.registry import COUNTS, primary
from yt8m.progress import SILENT, Progress
from yt8m.runs.model import load_run
from yt8m.runs.records import choose_paths, open_validation
from yt8m.scoring.calibration import Calibration, Calibrations, remark_fitted
from yt8m.scoring.classes import frame_of, open_class_report
from yt8m.scoring.scorer import Scored, Scorer

if TYPE_CHECKING:
    import pandas

Result = dict[str, float | int]
"""Metrics and counts by name, as `evaluate` returns them."""


_UNIT = 1 << 32
"""Losses are summed as integer multiples of 1/_UNIT, so that their order does not matter. A float32 above 2 ** -9 is one."""


def multi_hot(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Turns label rows int [N, L], padded with -1, into bool [N, C]."""
    hot = np.zeros((len(labels), num_classes), bool)
    rows, columns = np.nonzero(labels != LABEL_PADDING)
    hot[rows, labels[rows, columns]] = True
    return hot


class Observer(Protocol):
    """Looks at every batch beside the metrics. `pickle` must be able to send it from one worker to another."""

    def update(self, batch: Scored) -> None:
        """Adds a batch."""

    def merge(self, other: Any) -> None:
        """Adds the findings of another worker's observer."""


class _Blind:
    """An `Observer` that sees nothing."""

    def update(self, batch):
        pass

    def merge(self, other):
        pass


@dataclass(frozen=True)
class Measured:
    """The outcome of a pass over labelled records."""

    result: Result
    """The result of `evaluate`."""
    metrics: SegmentMetrics | VideoMetrics
    """The metrics behind the result. Segment metrics were given logits, video metrics probabilities."""
    observed: Any
    """The observer asked for."""
    num_cut: int = 0
    """Number of videos with more frames than were used."""

    def pooled(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields the metrics' entries for `yt8m.metrics.pooled`, with probabilities in float32."""
        if isinstance(self.metrics, VideoMetrics):
            return self.metrics.pooled()
        return ((probability(logits), hits) for logits, hits in self.metrics.pooled())


def measure_source(
    scorer: Scorer,
    source: Source,
    config: RunConfig,
    progress: Progress = SILENT,
    stop_requested: Callable[[], bool] = lambda: False,
    observe: Callable[[], Observer] = _Blind,
) -> Measured:
    """Passes a model over a source and measures it.

    Args:
        scorer: the model.
        source: labelled videos, or rated segments.
        config: the run's configuration.
        progress: counts the videos, or segments, after each batch.
        stop_requested: called about once a second.
        observe: makes the observer of the batches, on every worker.

    Raises:
        Stopped: a worker was asked to stop.
        InputError, RecordError: there is nothing to measure, a record cannot be used, or a video or rated segment comes twice.
    """
    start = time.perf_counter()
    share = functools.partial(_score_share, scorer, source, config, progress, stop_requested, observe)
    first, *others = scorer.devices.together(share)
    for other in others:
        with failures.record_errors(source):
            first.merge(other)
    return _measured(first, source, start)


def _measured(found: "Findings", source: Source, start: float) -> Measured:
    """The outcome of a pass that began at a time of `time.perf_counter`. Raises InputError if there is nothing to measure."""
    result = found.result(source)
    result["videos_per_second"] = result["num_videos"] / (time.perf_counter() - start)
    return Measured(result, found.metrics, found.observed, found.num_cut)


class Findings:
    """What is found in some batches. Merged in any order, the findings of all batches give the same result, bit for bit.

    Args:
        level: the level of the records.
        num_classes: classes of the model.
        observer: looks at every batch.
    """

    def __init__(self, level: Level, num_classes: int, observer: Observer | None = None):
        self.metrics = SegmentMetrics(num_classes) if level == "segment" else VideoMetrics(num_classes)
        self.observed: Any = observer or _Blind()
        self.num_cut = 0
        self._level, self._num_classes = level, num_classes
        self._once = Once()
        self._total_loss = self._count = 0  # the loss in multiples of 1/_UNIT

    def add(self, batch: Scored) -> None:
        """Adds a batch. Raises RepeatError if a video or rated segment comes twice, InputError if a score is not finite."""
        self._once.add(batch.ids, batch.segment_starts)
        if self._level == "segment":
            self.metrics.update(batch.logits, batch.ids, batch.segment_starts, batch.labels, batch.label_scores)
        else:
            self.metrics.update(batch.scores, multi_hot(batch.labels, self._num_classes), batch.ids)
        self.observed.update(batch)
        self._total_loss += sum(np.rint(batch.losses.astype(np.float64) * _UNIT).astype(np.int64).tolist())
        self._count += len(batch.ids)
        self.num_cut += batch.num_cut

    def merge(self, other: "Findings") -> None:
        """Adds the findings in other batches. Raises RepeatError if both have the same video or rated segment."""
        self._once.merge(other._once)
        self.metrics.merge(other.metrics)
        self.observed.merge(other.observed)
        self._total_loss += other._total_loss
        self._count += other._count
        self.num_cut += other.num_cut

    def result(self, source: Source) -> Result:
        """The result of `evaluate`, without its speed. Raises InputError if there is nothing to measure in the source."""
        if not self._count:
            what = "no rated segment" if self._level == "segment" else "no usable record"
            where = " in this part of the fold" if source.fold else ""
            raise InputError(f"{source.files[0]}: there is nothing to evaluate; the files hold {what}{where}")
        try:
            result = {"num_videos": self._once.num_videos} | self.metrics.result()
        except InputError as error:
            raise InputError(f"{source.files[0]}: {error}") from error
        return result | {"loss": self._total_loss / self._count / _UNIT}


class Elsewhere(Protocol):
    """Scores records in other processes than this one, such as a cluster's (`yt8m.cluster`)."""

    def measure(
        self,
        run: str | os.PathLike,
        source: Source,
        config: RunConfig,
        calibration: Calibration | None,
        progress: Progress,
    ) -> Findings:
        """Measures a run's best model; see `measure_source`."""


def _score_share(
    scorer: Scorer, source: Source, config: RunConfig, progress: Progress, stop_requested, observe
) -> Findings:
    share = Findings(source.level, config.data.num_classes, observe())
    for batch in scorer.devices.stoppable(scorer.scores(source, config), stop_requested):
        with failures.record_errors(source):
            share.add(batch)
        progress.advance(len(batch.ids))
    return share


@overload
def evaluate(run: str | os.PathLike, *arguments: Any, per_class: Literal[False] = False, **options: Any) -> Result: ...


@overload
def evaluate(
    run: str | os.PathLike, *arguments: Any, per_class: Literal[True], **options: Any
) -> "tuple[Result, pandas.DataFrame]": ...


def evaluate(
    run: str | os.PathLike,
    data: Sequence[str] = (),
    progress: Progress = SILENT,
    *,
    classes: str | os.PathLike | None = None,
    vocabulary: str | os.PathLike | None = None,
    per_class: bool = False,
    calibration: str | os.PathLike | None = None,
    labels: str | os.PathLike | None = None,
    distribute: DistributeConfig | None = None,
    elsewhere: Elsewhere | None = None,
) -> "Result | tuple[Result, pandas.DataFrame]":
    """Measures a run's best model on labelled records.

    Args:
        run: the run directory.
        data: files, directories or globs; empty = the run's validation split.
        progress: counts the videos, or segments, after each batch. Gets a line on broken records that are left out, if the run
            skips them; the lines of `yt8m.data.remarks`; and a line if the result is much lower than the run's own validation.
        classes: a directory for `classes.csv` and `classes.png`, the average precision of every class; made if missing. None
            = write neither.
        vocabulary: a `vocabulary.csv` with names of classes; None = the one at the data set's root. Without any, classes are
            called `Class 17` and the like.
        per_class: whether to return the rows of `classes.csv` too.
        calibration: a file of `yt8m.scoring.calibrating.calibrate` for the run; None = the model's own probabilities.
        labels: a CSV file with the labels of the videos (docs/data-format.md); None = that of the training, or else the labels in
            the records; empty = those in the records in any case.
        distribute: devices to use; None = all available. All workers return the metrics; only worker 0 writes files.
        elsewhere: does the work, such as a cluster (`yt8m.cluster.on_beam.OnBeam`); None = these devices.

    Returns:
        `gap`, `map`, `hit_at_1` and `perr`; or, for records with rated segments and a model of frames, `segment_map`,
        `segment_map_submitted` and `num_segments`. In both cases also `loss` (cross-entropy summed over classes, mean over
        videos or segments), `num_videos` and `videos_per_second`. Definitions: docs/metrics.md.

        With `per_class`, also a DataFrame with a row for each class, best class first: `class_id`, `name`,
        `average_precision` (0 to 1, NaN without positives), `num_positives` and `num_negatives` (missing for videos). The
        mean of the precisions is `map`, or `segment_map`.

    Raises:
        InputError, RecordError: the run or the files do not exist, there are no labels, a record cannot be used, a directory
            cannot be written, or a vocabulary cannot be used.
    """
    devices = alone() if elsewhere else open_devices(distribute)
    with devices.lost_workers(), progress.working("evaluating", "video"):
        config = runs.load_config(run)
        if labels is not None:
            config = dataclasses.replace(config, data=dataclasses.replace(config.data, labels=os.fspath(labels)))
        paths = choose_paths(run, config, data, "validate")
        report = None
        if devices.is_chief or per_class:
            report = open_class_report(classes if devices.is_chief else None, vocabulary, paths, per_class)
        measured = _measure_run(run, config, data, elsewhere or devices, progress, calibration)
        rows = report.write(measured.metrics.per_class()) if report else []
        return (measured.result, frame_of(rows)) if per_class else measured.result


def _measure_run(
    run: str | os.PathLike,
    config: RunConfig,
    data: Sequence[str],
    where: Devices | Elsewhere,
    progress: Progress,
    calibration: str | os.PathLike | None,
) -> Measured:
    """Passes a run's best model over the data, and remarks on the result."""
    source = open_validation(run, config, data, progress)
    calibrated = _calibration_of(run, calibration, source, progress)
    if isinstance(where, Devices):
        with where.strategy.scope():
            model = load_run(run)
        measured = measure_source(Scorer(model, where, calibrated), source, config, progress)
    else:
        start = time.perf_counter()
        measured = _measured(where.measure(run, source, config, calibrated, progress), source, start)
    if cut := remarks.cut_remark(survey(source.files, source.labels), measured.num_cut, config.data.max_frames):
        progress.message(cut)
    if data:
        _compare_with_validation(run, measured.result, config.data.num_classes, progress)
    return measured


def _calibration_of(
    run: str | os.PathLike, file: str | os.PathLike | None, source: Source, progress: Progress
) -> Calibration | None:
    """Reads the calibration, and tells if it was fitted on the same data. Raises InputError if it does not fit here."""
    if file is None:
        return None
    asked = Calibrations([file])
    found = asked.of(run)
    asked.refuse_unused(os.fspath(run))
    assert found, "an unused one is refused"
    found.refuse_task("segment" if source.level == "segment" else "video", os.fspath(run))
    remark_fitted(file, found, source.files, progress)
    return found


def _compare_with_validation(run: str | os.PathLike, result: Result, num_classes: int, progress: Progress) -> None:
    """Tells if a result is below half of the run's own validation. Labels of another vocabulary can cause that."""
    own = runs.best_metrics(run)
    for metric in map(primary, COUNTS):
        if metric.key in result and metric.key in own and result[metric.key] < own[metric.key] / 2:
            here, there = metric.text(result[metric.key]), metric.text(own[metric.key])
            progress.message(
                f"{run}: {metric.title} {here} here, {there} in the run's own validation; are these labels of the same "
                f"vocabulary, of {num_classes} classes?"
            )
