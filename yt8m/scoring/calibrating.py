"""`yt8m calibrate`: fits a run's probabilities to labels, and measures the gain on videos that were not fitted.

N = videos, or rated segments, in a batch, C = classes, K = classes kept in each row, L = label columns.
"""

import dataclasses
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from yt8m import runs
from yt8m.config import DistributeConfig, RunConfig
from yt8m.data.schema import LABEL_PADDING, is_present
from yt8m.data.source import Source
from yt8m.data.sources import scheme
from yt8m.distribution.strategies import open_devices
from yt8m.errors import InputError
from yt8m.files import digest_of_file, write_json
from yt8m.metrics import SegmentMetrics, VideoMetrics, reliability, top_k_predictions
from yt8m.metrics.logits import probability
from yt8m.metrics.registry import Task, of_task
from yt8m.progress import SILENT, Progress
from yt8m.runs.best import best_weights
from yt8m.runs.learned import find_learned
from yt8m.runs.model import load_run
from yt8m.runs.records import choose_paths, open_validation
from yt8m.scoring.calibration import IDENTITY, Calibration, LogitMaps, Method
from yt8m.scoring.calibration_fitting import LogitCounts, fit, total_loss
from yt8m.scoring.evaluation import Measured, measure_source, multi_hot
from yt8m.scoring.scorer import Scored, Scorer

_LISTED = 20
"""Classes of each video that count in GAP."""
_CANDIDATES = 100
"""Classes of each video that may get among these, if classes have their own calibration."""
_UNRANKED = np.float32(-1e6)
"""Logit of a class that a segment was not rated for: lower than every real one."""
ENOUGH_VIDEOS, ENOUGH_POSITIVES = 50, 20
"""Videos, and labels or positive ratings, of each half. With fewer, the figures are mostly chance."""
ERROR = "expected_calibration_error"


@dataclasses.dataclass(frozen=True)
class Calibrated:
    """A written calibration and its gain."""

    path: str
    run: str
    method: Method
    num_videos: int
    own_classes: int
    """Number of classes with their own calibration."""
    before: dict[str, float]
    """The task's metrics, `loss` and `expected_calibration_error`, by key."""
    after: dict[str, float]
    """The same with calibration: each half of the videos is measured with the fit on the other half."""


@dataclasses.dataclass(frozen=True)
class _Kept:
    """The part of a batch that is kept for measuring again."""

    ids: list[bytes]
    halves: np.ndarray
    """The half of each row, 0 or 1: int [N]."""
    labels: np.ndarray
    """int [N, L], padded with -1."""
    classes: np.ndarray
    """int [N, K]; for rated segments padded with -1."""
    logits: np.ndarray
    """float32 [N, K]; for whole videos descending."""
    starts: np.ndarray | None
    label_scores: np.ndarray | None


class CalibrationObserver:
    """An `Observer` that counts the logits of all batches and keeps what their metrics depend on.

    Args:
        num_classes: C.
        by_class: whether to count each class separately too.
        seed: decides which half a video is in.
    """

    def __init__(self, num_classes: int, by_class: bool, seed: int):
        self.counts = LogitCounts(num_classes, by_class)
        self.kept: list[_Kept] = []
        self._num_classes, self._seed = num_classes, seed
        self._num_kept = min(_CANDIDATES if by_class else _LISTED, num_classes)

    def update(self, batch: Scored) -> None:
        """Adds a batch."""
        halves = np.array([half_of(video, self._seed) for video in batch.ids], np.int64)
        if batch.label_scores is None:
            self._add_videos(batch, halves)
        else:
            self._add_segments(batch, halves)

    def _add_videos(self, batch: Scored, halves: np.ndarray) -> None:
        hits = multi_hot(batch.labels, self._num_classes)
        every = np.tile(np.arange(self._num_classes), len(hits))
        self.counts.add(np.repeat(halves, self._num_classes), every, batch.logits.ravel(), hits.ravel())
        classes, logits = top_k_predictions(batch.logits, self._num_kept)
        width = int((batch.labels != LABEL_PADDING).sum(axis=1).max(initial=0))
        labels = np.sort(batch.labels, axis=1)[:, batch.labels.shape[1] - width :]  # padding comes first now
        self.kept.append(_Kept(batch.ids, halves, labels, classes, logits, None, None))

    def _add_segments(self, batch: Scored, halves: np.ndarray) -> None:
        rated = batch.labels != LABEL_PADDING
        logits = np.take_along_axis(batch.logits, np.where(rated, batch.labels, 0), axis=1)
        hits = is_present(batch.label_scores)
        rows = np.broadcast_to(halves[:, None], rated.shape)
        self.counts.add(rows[rated], batch.labels[rated], logits[rated], hits[rated])
        self.kept.append(
            _Kept(batch.ids, halves, batch.labels, batch.labels, logits, batch.segment_starts, batch.label_scores)
        )

    def merge(self, other: "CalibrationObserver") -> None:
        """Adds what another worker saw."""
        self.counts.merge(other.counts)
        self.kept += other.kept

    def few(self) -> str | None:
        """Describes the halves as a clause, if one is too small for its figures to say much; otherwise None."""
        halves = {video: half for each in self.kept for video, half in zip(each.ids, each.halves.tolist(), strict=True)}
        num_videos = [list(halves.values()).count(half) for half in (0, 1)]
        num_positives = self.counts.pooled[:, 1].sum(axis=1).tolist()
        if min(num_videos) >= ENOUGH_VIDEOS and min(num_positives) >= ENOUGH_POSITIVES:
            return None
        kind = "labels" if self.kept[0].label_scores is None else "positive ratings"
        return (
            f"the halves of the records have {num_videos[0]} and {num_videos[1]} videos, "
            f"{num_positives[0]} and {num_positives[1]} {kind}; "
            f"below {ENOUGH_VIDEOS} videos or {ENOUGH_POSITIVES} {kind} in a half, the figures are mostly chance"
        )

    def measure(self, of_halves: Sequence[LogitMaps]) -> Measured:
        """Computes the metrics of calibrated logits, without the loss.

        Args:
            of_halves: the calibration of each half.
        """
        is_segments = self.kept[0].label_scores is not None
        metrics = SegmentMetrics(self._num_classes) if is_segments else VideoMetrics(self._num_classes, _LISTED)
        for each in self.kept:
            logits = np.empty_like(each.logits)
            for half, maps in enumerate(of_halves):
                rows = each.halves == half
                logits[rows] = maps(each.logits[rows], each.classes[rows])
            if isinstance(metrics, VideoMetrics):
                order = np.argsort(-logits, axis=1, kind="stable")[:, :_LISTED]
                classes, logits = (np.take_along_axis(one, order, axis=1) for one in (each.classes, logits))
                metrics.update_lists(classes, probability(logits), each.labels, each.ids)
            else:
                metrics.update(
                    _dense(each, logits, self._num_classes), each.ids, each.starts, each.labels, each.label_scores
                )
        return Measured(metrics.result(), metrics, None)


def half_of(video: bytes, seed: int) -> int:
    """The half of a video, 0 or 1: as good as random."""
    return hashlib.md5(b"%d:%b" % (seed, video), usedforsecurity=False).digest()[0] & 1


def _dense(kept: _Kept, logits: np.ndarray, num_classes: int) -> np.ndarray:
    """Puts logits into float32 [N, C]. Unrated classes get a logit below all others."""
    every = np.full((len(kept.ids), num_classes), _UNRANKED)
    rows, columns = np.nonzero(kept.classes != LABEL_PADDING)
    every[rows, kept.classes[rows, columns]] = logits[rows, columns]
    return every


def calibrate(
    run: str | os.PathLike,
    data: Sequence[str] = (),
    out: str | os.PathLike | None = None,
    *,
    method: Method = "isotonic",
    per_class: int = 0,
    seed: int = 0,
    progress: Progress = SILENT,
    distribute: DistributeConfig | None = None,
) -> Calibrated:
    """Fits a run's probabilities to labels, and writes the calibration for `evaluate`, `predict` and `ensemble`.

    Args:
        run: the run directory.
        data: files, directories or globs of labelled records that the run did not learn from; empty = its validation split.
        out: the JSON file; None = `calibration.json` in the run directory.
        method: `isotonic` fits any ascending function; `platt` fits a factor and a shift of the logit.
        per_class: classes with at least this many positives get their own function; 0 = all classes share one.
        seed: splits the videos into two halves. Each is measured with functions fitted on the other.
        progress: counts the videos, or segments, and gets messages, as in `yt8m.scoring.evaluation.evaluate`, and
            a line if it could not be checked whether the run learned from the records, or if these are few.
        distribute: devices to use; None = all available. Worker 0 writes the file.

    Raises:
        InputError, RecordError: see `evaluate`; the run learned from the records, nothing can be fitted to them, or the file
            cannot be written.
    """
    devices = open_devices(distribute)
    with devices.lost_workers(), progress.working("calibrating", "video"):
        config = runs.load_config(run)
        directory = runs.RunDirectory(Path(run))
        path = Path(out) if out is not None else directory.calibration
        source = _open(run, config, data, progress)
        if devices.is_chief:
            runs.check_output(path, [run], inputs=source.files, but=[directory.calibration])
        weights = digest_of_file(best_weights(run))
        with devices.strategy.scope():
            scorer = Scorer(load_run(run), devices)
        measured = measure_source(
            scorer,
            source,
            config,
            progress,
            observe=lambda: CalibrationObserver(config.data.num_classes, per_class > 0, seed),
        )
        try:
            maps, before, after = _fitted(measured, method, per_class)
        except InputError as error:
            raise InputError(f"{os.fspath(run)}: {error}") from error
        if few := measured.observed.few():
            progress.message(f"{os.fspath(run)}: {few}; give more records")
        calibration = Calibration(
            run=os.fspath(run),
            weights=weights,
            task="segment" if source.level == "segment" else "video",
            method=method,
            num_classes=config.data.num_classes,
            data=[path if scheme(path) else os.path.abspath(path) for path in source.files],
            maps=maps,
        )
        if devices.is_chief:
            write_json(path, calibration.as_json() | {"seed": seed, "before": before, "after": after})
    return Calibrated(
        os.fspath(path), calibration.run, method, measured.result["num_videos"], len(maps.own), before, after
    )


def _open(run: str | os.PathLike, config: RunConfig, data: Sequence[str], progress: Progress) -> Source:
    """Opens the records. Refuses records that the run learned from: its probabilities would look too good there.

    A line says so if that could not be checked.
    """
    paths = choose_paths(run, config, data, "validate")
    if config.data.fold and not data:  # the fold that was left out
        return open_validation(run, config, data, progress)
    common, unknown = learned = find_learned(run, config, paths)
    if common:
        raise InputError(
            f"{run}: learned from records that it would be calibrated on ({common}); name others with --data"
        )
    source = open_validation(run, config, data, progress)
    if unknown:
        progress.message(learned.remark(run))
    return source


class _Fitted(NamedTuple):
    """A calibration, and the metrics without and with calibration (each half with the fit on the other half)."""

    maps: LogitMaps
    before: dict[str, float]
    after: dict[str, float]


def _fitted(measured: Measured, method: Method, per_class: int) -> _Fitted:
    """Fits a calibration and measures it. Raises InputError if nothing can be fitted."""
    observer: CalibrationObserver = measured.observed
    task: Task = "segment" if isinstance(measured.metrics, SegmentMetrics) else "video"
    own = observer.counts.classes_with(per_class).tolist() if per_class else []
    maps = fit(observer.counts, method, own, task=task)
    of_halves = [fit(observer.counts, method, own, halves=[1 - half], task=task) for half in (0, 1)]
    held_out = observer.measure(of_halves)
    keys = [metric.key for metric in of_task(task) if metric.shown != "data"]
    before = {key: measured.result[key] for key in keys} | {"loss": measured.result["loss"]}
    # Both losses come from counts in bins, so the error of the bins cancels out.
    losses = [
        sum(total_loss(observer.counts, half, maps) for half, maps in enumerate(each))
        for each in (of_halves, [LogitMaps(IDENTITY)] * 2)
    ]
    num_rows = sum(len(each.ids) for each in observer.kept)
    after = {key: held_out.result[key] for key in keys} | {"loss": before["loss"] + (losses[0] - losses[1]) / num_rows}
    for values, each in ((before, measured), (after, held_out)):
        values[ERROR] = reliability(each.pooled()).expected_calibration_error
    return _Fitted(maps, before, after)
