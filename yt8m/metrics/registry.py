"""Which metrics there are: a row for each. What shows, stores or compares metrics reads its keys, titles and order here.

The values of a task are computed by the accumulator of that task, in its method with the name of the key: `VideoMetrics` for
videos; `SegmentMetrics` and `SegmentRankingMetrics` for rated segments. `yt8m.scoring.evaluation` adds what belongs to no task.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Task = Literal["video", "segment"]
"""What is judged: the classes of each video, or the ranking of rated segments for each class."""

Shown = Literal["always", "results", "data"]
"""Where people see a metric: everywhere; not in the lines of a training's progress; only in JSON and in files."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A row of the registry."""

    key: str
    """Its name in `metrics.jsonl`, in `best/metrics.json`, in JSON, and in what `yt8m.evaluate` returns."""
    title: str
    """Its name within a sentence; `heading` begins one."""
    task: Task | None
    """None = of either task."""
    larger_is_better: bool = True
    shown: Shown = "always"
    meaning: str
    """A clause without a full stop."""

    @property
    def heading(self) -> str:
        """The title with a capital."""
        return self.title[0].upper() + self.title[1:]

    def text(self, value: float) -> str:
        """A value with four decimals, or with five digits from 10 on."""
        return f"{value:.4f}" if value < 10 else f"{value:.5g}"

    def best(self, values: Iterable[float]) -> float:
        """The best of some values, of which there must be one."""
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
        key="loss",
        title="loss",
        task=None,
        larger_is_better=False,
        meaning="cross-entropy, summed over the classes",
    ),
)
"""The first row of a task is its primary metric: runs are compared by it, and its largest value keeps the weights."""


@dataclass(frozen=True, slots=True)
class Count:
    """How many things the metrics of a task are of."""

    key: str
    unit: str
    """One of them, in words."""


COUNTS: dict[Task, Count] = {"video": Count("num_videos", "video"), "segment": Count("num_segments", "rated segment")}


def find(key: str) -> Metric:
    """The row with a key. Raises KeyError if there is none."""
    for metric in METRICS:
        if metric.key == key:
            return metric
    raise KeyError(key)


def of_task(task: Task | None) -> tuple[Metric, ...]:
    """The rows of a task, without those of either task; of None those."""
    return tuple(metric for metric in METRICS if metric.task == task)


def primary(task: Task) -> Metric:
    """The metric by which runs are compared."""
    return of_task(task)[0]


def task_of(values: Mapping[str, object]) -> Task | None:
    """The task that metrics by key are of; None if no primary metric is among them, as without a validation."""
    return next((task for task in COUNTS if primary(task).key in values), None)


def score_of(values: Mapping[str, float]) -> float | None:
    """The primary metric among metrics by key, of which more is better; None if there is none."""
    task = task_of(values)
    return values[primary(task).key] if task else None


def in_words(values: Mapping[str, float], shown: Iterable[Shown]) -> str:
    """Metrics of one task in a line, `GAP 0.8312, MAP 0.4410`; those that an older run did not store are left out.

    Args:
        values: by key, with the primary metric.
        shown: which rows, by where they are shown.
    """
    task, shown = task_of(values), tuple(shown)
    rows = [metric for metric in of_task(task) if metric.shown in shown and metric.key in values]
    return ", ".join(f"{metric.title} {metric.text(values[metric.key])}" for metric in rows)
