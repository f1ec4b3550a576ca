"""The table of metrics, one row for each. Code that shows, stores or compares metrics takes keys, titles and order from here.

The accumulator of a task computes each metric in the method named as its key: `VideoMetrics` for videos; `SegmentMetrics` and
`SegmentRankingMetrics` for rated segments. `yt8m.scoring.evaluation` adds the metrics of either task.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Task = Literal["video", "segment"]
"""The task: the classes of each video, or the ranking of rated segments for each class."""
Measured = Literal["frame", Task]
"""What a metric measures: a task; or, without labels, the predicted values of frames."""

Shown = Literal["always", "results", "data"]
"""Where a metric is shown: everywhere; not in the lines of training; or only in JSON and files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A row of the registry."""

    key: str
    """Name in `metrics.jsonl`, `best/metrics.json` and JSON, and in the result of `yt8m.evaluate`."""
    title: str
    """Name inside a sentence; see `heading` for the beginning of one."""
    task: Measured | None
    """What it measures; None = any."""
    larger_is_better: bool = True
    shown: Shown = "always"
    meaning: str
    """The meaning, as a clause without a full stop."""

    @property
    def heading(self) -> str:
        """The title, with a capital letter."""
        return self.title[0].upper() + self.title[1:]

    def text(self, value: float) -> str:
        """A value with four decimals; with five digits if it is 10 or more."""
        return f"{value:.4f}" if value < 10 else f"{value:.5g}"

    def best(self, values: Iterable[float]) -> float:
        """The best of one or more values."""
        return max(values) if self.larger_is_better else min(values)


METRICS = (
    Metric(key="gap", title="GAP", task="video", meaning="global average precision at 20"),
    Metric(key="map", title="MAP", task="video", meaning="mean over the classes of the average precision at 20"),
    Metric(key="hit_at_1", title="Hit@1", task="video", meaning="share of videos whose surest class is a label"),
    Metric(key="perr", title="PERR", task="video", shown="results", meaning="precision at equal recall rate"),
    Metric(
        key="segment_map",
        title="segment MAP",
        task="segment",
        meaning="mean over the classes of the average precision",
    ),
    Metric(
        key="segment_map_submitted",
        title="segment MAP of submitted classes",
        task="segment",
        shown="data",
        meaning="mean over the submitted classes of the average precision",
    ),
    Metric(
        key="explained_variance",
        title="explained variance",
        task="frame",
        meaning="1 - forecast_error / mean_error",
    ),
    Metric(
        key="forecast_error",
        title="error of predicted frames",
        task="frame",
        larger_is_better=False,
        meaning="mean square of the error of the whitened values",
    ),
    Metric(
        key="last_frame_error",
        title="error if the last frame stays",
        task="frame",
        larger_is_better=False,
        shown="results",
        meaning="the same of the last frame that the model sees",
    ),
    Metric(
        key="mean_error",
        title="error of the mean",
        task="frame",
        larger_is_better=False,
        shown="results",
        meaning="the same of the mean of all frames",
    ),
    Metric(
        key="loss",
        title="loss",
        task=None,
        larger_is_better=False,
        meaning="cross-entropy, summed over the classes",
    ),
)
"""The first row of a task is its primary metric. Runs are compared by it, and its largest value decides the best weights."""


@dataclass(frozen=True, slots=True)
class Count:
    """The number of things that a task's metrics are computed from."""

    key: str
    unit: str
    """One of them, as a noun."""


COUNTS: dict[Measured, Count] = {
    "video": Count("num_videos", "video"),
    "segment": Count("num_segments", "rated segment"),
    "frame": Count("num_frames", "predicted frame"),
}


def find(key: str) -> Metric:
    """The row with a key. Raises KeyError if no row has it."""
    for metric in METRICS:
        if metric.key == key:
            return metric
    raise KeyError(key)


def of_task(task: Task | None) -> tuple[Metric, ...]:
    """The rows of one task; for None, the rows of either."""
    return tuple(metric for metric in METRICS if metric.task == task)


def primary(task: Task) -> Metric:
    """The primary metric of a task."""
    return of_task(task)[0]


def task_of(values: Mapping[str, object]) -> Task | None:
    """The task of some metrics, by their keys; None without a primary metric, as before the first validation."""
    return next((task for task in COUNTS if primary(task).key in values), None)


def score_of(values: Mapping[str, float]) -> float | None:
    """The value of the primary metric, for which more is better; None if it is missing."""
    task = task_of(values)
    return values[primary(task).key] if task else None


def in_words(values: Mapping[str, float], shown: Iterable[Shown]) -> str:
    """The metrics of one task in a line: `GAP 0.8312, MAP 0.4410`. Metrics that an older run did not store are left out.

    Args:
        values: values by key, with the primary metric.
        shown: the rows to show, by their `shown`.
    """
    task, shown = task_of(values), tuple(shown)
    rows = [metric for metric in of_task(task) if metric.shown in shown and metric.key in values]
    return ", ".join(f"{metric.title} {metric.text(values[metric.key])}" for metric in rows)
