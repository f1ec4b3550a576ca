"""Collects the page's content for a run, in one pass over its validation records."""

import contextlib
import functools
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.config import RunConfig
from yt8m.data.schema import LABEL_PADDING, is_present
from yt8m.data.source import Source
from yt8m.data.sources import expand_paths
from yt8m.errors import InputError
from yt8m.files import read_json
from yt8m.metrics import (
    Confusion,
    Confusions,
    PerClass,
    PrecisionRecall,
    Reliability,
    precision_recall,
    reliability,
    top_k_predictions,
)
from yt8m.metrics.bootstrap import Outcomes
from yt8m.metrics.inputs import id_text
from yt8m.metrics.logits import probability
from yt8m.metrics.registry import task_of
from yt8m.metrics.selection import best_classes
from yt8m.progress import SILENT, Progress
from yt8m.runs import RunDirectory, best_metrics, read_metrics
from yt8m.scoring.evaluation import measure_source, multi_hot
from yt8m.scoring.scorer import Scored, Scorer

NUM_EXAMPLES = 12
NUM_PREDICTIONS = 5
"""Predictions to show per example."""
NUM_CONFUSIONS = 12
_TOP_K = 20
"""Entries in the list of a video, as in GAP."""


@dataclass(frozen=True)
class Example:
    """A video or rated segment, with a run's predictions."""

    name: str
    """The id of the video; for a segment with its first second, `abcd:15`."""
    present: tuple[int, ...]
    """Its labels, or the classes rated positive, ascending."""
    absent: tuple[int, ...] | None
    """The classes rated negative; None for a video, where every other class is negative."""
    predictions: tuple[tuple[int, float], ...]
    """The best classes and their probabilities, best first."""


@dataclass(frozen=True)
class Records:
    """Identifies the set of videos or segments that a run was scored on."""

    count: int = 0
    digest: int = 0
    """Digest of their names."""


@dataclass(frozen=True)
class RunResult:
    """A run and its results on validation records. C = classes of the vocabulary."""

    name: str
    """The run directory, as the user named it."""
    config: RunConfig
    paths: Sequence[str]
    """The validation records, as the user named them."""
    environment: Mapping[str, Any]
    """The environment from `yt8m.runs.environment`; empty if the run has none."""
    rows: Sequence[Mapping[str, Any]]
    """The lines of `metrics.jsonl`."""
    best_step: int | None
    """The step of the scored weights; None if no validation chose them, or they are a mean."""
    num_averaged: int
    """Number of averaged sets of weights; 0 without averaging."""
    num_parameters: int
    metrics: Mapping[str, float]
    """The metrics, as from `yt8m.scoring.evaluation.evaluate`."""
    curve: PrecisionRecall
    reliability: Reliability
    per_class: PerClass
    confusions: Sequence[Confusion]
    """The most frequent confusions, most frequent first."""
    examples: Mapping[bytes, Example]
    """Examples by a digest of their names."""
    records: Records
    outcomes: Outcomes
    """The entries of all lists, to resample."""
    num_training_records: int | None = None
    """Records, or rated segments, of an epoch of training; None if they were not counted."""

    @property
    def is_segments(self) -> bool:
        """Whether rated segments were scored."""
        return task_of(self.metrics) == "segment"

    @property
    def epochs_a_step(self) -> float | None:
        """The share of the training records in a step; None if they were not counted."""
        return self.config.training.batch_size / self.num_training_records if self.num_training_records else None


def _example_digest(name: str) -> bytes:
    return hashlib.md5(name.encode(), usedforsecurity=False).digest()


@dataclass
class RecordObserver:
    """Identifies the records, keeps some as examples, and counts confusions.

    The examples have the lowest md5 digests of their names. So they are practically random, and the same for every run on the
    same records.

    Args:
        num_classes: C.
    """

    num_classes: int
    records: Records = Records()
    examples: dict[bytes, Example] = field(default_factory=dict)
    outcomes: Outcomes = field(default_factory=Outcomes)
    confusions: Confusions = field(init=False)

    def __post_init__(self):
        self.confusions = Confusions(self.num_classes)

    def update(self, batch: Scored) -> None:
        """Adds a batch."""
        if batch.label_scores is None:
            present, known = multi_hot(batch.labels, self.num_classes), None
        else:
            present = multi_hot(np.where(is_present(batch.label_scores), batch.labels, LABEL_PADDING), self.num_classes)
            known = multi_hot(batch.labels, self.num_classes)
        self.confusions.update(batch.logits, present, known)
        self._add_outcomes(batch, present, known)
        names = _names(batch)
        digests = [_example_digest(name) for name in names]
        total = sum(int.from_bytes(digest[:8], "little") for digest in digests)
        self.records = Records(self.records.count + len(names), (self.records.digest + total) % (1 << 64))
        candidates = {digest: row for row, digest in enumerate(digests)}
        for digest in sorted(candidates)[:NUM_EXAMPLES]:
            if len(self.examples) < NUM_EXAMPLES or digest < max(self.examples):
                row = candidates[digest]
                self._keep({digest: _example(names[row], batch.logits[row], present[row], known, row)})

    def _add_outcomes(self, batch: Scored, present: np.ndarray, known: np.ndarray | None) -> None:
        """Adds what counts for GAP and MAP: the best classes of videos, or the rated ones of segments."""
        videos = np.array(
            [int.from_bytes(_example_digest(id_text(each))[:8], "little") for each in batch.ids], np.uint64
        )
        if known is None:
            columns, values = best_classes(batch.scores, min(_TOP_K, self.num_classes))
            rows = np.repeat(np.arange(len(videos)), columns.shape[1])
            columns, values = columns.ravel(), values.ravel()
        else:
            rows, columns = np.nonzero(known)
            values = batch.logits[rows, columns]
        self.outcomes.add(videos[rows], columns, values, present[rows, columns])
        rows, columns = np.nonzero(present)
        self.outcomes.add_labels(videos[rows], columns)
        self.outcomes.add_videos(videos)

    def merge(self, other: "RecordObserver") -> None:
        """Adds the results of another worker."""
        self.confusions.merge(other.confusions)
        self.outcomes.merge(other.outcomes)
        digest = (self.records.digest + other.records.digest) % (1 << 64)
        self.records = Records(self.records.count + other.records.count, digest)
        self._keep(other.examples)

    def _keep(self, new: Mapping[bytes, Example]) -> None:
        self.examples = dict(sorted((self.examples | dict(new)).items())[:NUM_EXAMPLES])


def _names(batch: Scored) -> list[str]:
    videos = map(id_text, batch.ids)
    if batch.segment_starts is None:
        return list(videos)
    return [f"{video}:{start}" for video, start in zip(videos, batch.segment_starts.tolist(), strict=True)]


def _example(name: str, logits: np.ndarray, present: np.ndarray, known: np.ndarray | None, row: int) -> Example:
    classes, values = top_k_predictions(logits[None], NUM_PREDICTIONS)
    shown = zip(classes[0].tolist(), probability(values[0]).tolist(), strict=True)
    absent = None if known is None else tuple(np.flatnonzero(known[row] & ~present).tolist())
    return Example(name, tuple(np.flatnonzero(present).tolist()), absent, tuple(shown))


def measure_run(
    name: str,
    config: RunConfig,
    paths: Sequence[str],
    source: Source,
    scorer: Scorer,
    num_parameters: int,
    progress: Progress = SILENT,
) -> RunResult:
    """Scores a run on its validation records in one pass.

    Args:
        name: the run directory.
        config: the configuration of the run.
        paths: the records, as the user named them.
        source: the opened records: labelled videos or rated segments.
        scorer: the run's best model.
        num_parameters: parameters of that model.
        progress: counts the videos or segments.

    Raises:
        InputError, RecordError: there is nothing to score, or a record is unusable.
    """
    run = RunDirectory(Path(name))
    observe = functools.partial(RecordObserver, config.data.num_classes)
    measured = measure_source(scorer, source, config, progress, observe=observe)
    observed = measured.observed
    best = best_metrics(name)
    return RunResult(
        name=name,
        config=config,
        paths=paths,
        environment=read_json(run.environment) if run.environment.exists() else {},
        rows=read_metrics(run),
        best_step=best.get("step"),
        num_averaged=len(best.get("averaged", [])),
        num_parameters=num_parameters,
        metrics=measured.result,
        curve=precision_recall(measured.pooled(), measured.metrics.num_positives),
        reliability=reliability(measured.pooled()),
        per_class=measured.metrics.per_class(),
        confusions=observed.confusions.most_frequent(NUM_CONFUSIONS),
        examples=observed.examples,
        records=observed.records,
        outcomes=observed.outcomes,
        num_training_records=_num_training_records(run, config),
    )


def _num_training_records(run: RunDirectory, config: RunConfig) -> int | None:
    """The number of training records: that of the epochs, or what training learned if it read all files."""
    if config.training.num_records:
        return config.training.num_records
    with contextlib.suppress(InputError, KeyError, TypeError):  # records that are gone, an index of an older build
        rows = read_json(run.record_counts)["files"] if run.record_counts.exists() else []
        if rows and len(rows) == len(expand_paths(config.data.train)):
            return sum(number for *_, number in rows)
    return None
