"""Describes the result of a study, for `yt8m tune`."""

from typing import Any

from yt8m.commands.reports.tables import table
from yt8m.metrics.registry import find


def tuned(result: Any) -> str:
    """Describes a `yt8m.tuning.task.Tuned`: the result of a study."""
    counts = ", ".join(f"{result.count(state)} {state}" for state in ("complete", "pruned", "failed", "running"))
    rows = [("trials", f"{len(result.trials)}: {counts}")]
    if result.best is None:
        return table([*rows, ("best", "none yet, as none is complete"), ("kept", f"{result.directory}/")])
    metric = find(result.metric)
    best = f"trial {result.best.number}: validation {metric.title} {metric.text(result.best.score)}"
    values = ", ".join(f"{key} {trial_value(value)}" for key, value in result.best.values.items())
    kept = f"{result.directory}/: trials/{result.best.number:04d}/ (the best run), study.db, report.png"
    return table([*rows, ("best", best), ("with", values), ("kept", kept), ("again", result.command)])


def trial_value(value: Any) -> str:
    """Writes the value of a hyper-parameter, short enough for a table."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def tuned_values(result: Any) -> dict[str, Any]:
    """Returns a `yt8m.tuning.task.Tuned` as JSON values."""
    return {
        "directory": result.directory,
        "metric": result.metric,
        "interrupted": result.interrupted,
        "best": result.best and result.best.number,
        "command": result.command or None,
        "report": result.report or None,
        "trials": [
            {
                "number": trial.number,
                "state": trial.state,
                "score": trial.score,
                "step": trial.step,
                "values": dict(trial.values),
                "reason": trial.reason or None,
            }
            for trial in result.trials
        ],
    }
