"""Intervals of the runs' GAP and MAP, and of the differences between runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yt8m.metrics.bootstrap import NUM_RESAMPLES, RESAMPLED, Bootstrap, Interval, bootstrap
from yt8m.metrics.registry import Metric, of_task
from yt8m.views.report.measuring import RunResult


@dataclass(frozen=True)
class Difference:
    """A run less another: one interval for each metric with intervals."""

    run: int
    other: int
    intervals: Sequence[Interval]

    @property
    def texts(self) -> list[tuple[str, str, bool]]:
        """The value of each difference, its interval, and whether that excludes 0."""
        return [
            (f"{each.value:+.4f}", f"{each.low:+.4f} to {each.high:+.4f}", each.excludes_zero)
            for each in self.intervals
        ]


@dataclass(frozen=True)
class Intervals:
    """What resampling the videos says."""

    metrics: Sequence[Metric]
    """The metrics with intervals."""
    of_runs: Mapping[str, Sequence[str]]
    """The interval of each run as text, by the key of the metric."""
    differences: Sequence[Difference]
    """The run with the best score less each other, best first; empty unless all were scored on the same records."""
    num_resamples: int


def intervals(results: Sequence[RunResult], comparable: bool) -> Intervals:
    """Resamples the videos of all runs.

    Args:
        results: the runs, all of videos or all of segments.
        comparable: whether they were scored on the same records.
    """
    task = "segment" if results[0].is_segments else "video"
    metrics = [metric for metric in of_task(task) if metric.key in RESAMPLED]
    keys = [RESAMPLED[metric.key] for metric in metrics]
    rankings = [result.outcomes.rankings() for result in results]
    groups = [bootstrap(each, NUM_RESAMPLES) for each in ([rankings] if comparable else [[each] for each in rankings])]
    places = [(groups[0], run) if comparable else (groups[run], 0) for run in range(len(results))]
    of_runs = {
        metric.key: [_text(found.interval(run, key)) for found, run in places]
        for metric, key in zip(metrics, keys, strict=True)
    }
    return Intervals(metrics, of_runs, _differences(groups[0], keys) if comparable else [], NUM_RESAMPLES)


def _text(interval: Interval) -> str:
    return f"{interval.low:.3f} to {interval.high:.3f}"


def _differences(found: Bootstrap, keys: Sequence[str]) -> list[Difference]:
    best, *others = sorted(range(len(found.values)), key=lambda run: -found.values[run][keys[0]])
    return [Difference(best, other, [found.difference(best, other, key) for key in keys]) for other in others]
