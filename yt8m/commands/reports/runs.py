"""Describes what was trained, predicted, weighed and exported."""

import dataclasses
from typing import Any

from yt8m.commands.reports.scored import scores
from yt8m.commands.reports.tables import size_in_words, table
from yt8m.errors import quantity
from yt8m.metrics.registry import COUNTS, find, primary, task_of


def trained(result: Any) -> str:
    """Describes a `yt8m.training.loop.TrainingResult`: how a run ended."""
    best = result.best_metrics or {}
    if task_of(best):
        best_text = f"best validation at step {best['step']}: {scores(best)}"
    else:
        best_text = "no validation split"
    return f"{result.run}: {steps_done(result)}; {best_text}"


def steps_done(result: Any) -> str:
    """States the steps of a `yt8m.training.loop.TrainingResult`, and how many this start did in what time."""
    done = result.step - result.first_step
    if not done:
        return f"{quantity(result.step, 'step')}, all done before"
    before = f", {done} of them now," if result.first_step else ""
    return f"{quantity(result.step, 'step')}{before} in {result.seconds:.0f} s"


def predicted(prediction: Any) -> str:
    """Describes a `yt8m.predicting.prediction.Prediction`: what was predicted."""
    segments = "" if prediction.num_segments is None else f"{quantity(prediction.num_segments, 'segment')} of "
    return f"{segments}{quantity(prediction.num_videos, 'video')}"


def predicted_values(prediction: Any) -> dict[str, Any]:
    """Returns a `yt8m.predicting.prediction.Prediction`, or what an ensemble made, as JSON values."""
    return dataclasses.asdict(prediction)


def ensembled(made: Any) -> str:
    """Describes a `yt8m.predicting.ensembling.Ensembled`: the kind of mean, and the weights, on a line for each member."""
    kind = {"logistic": "logistic regression", "network": "network"}.get(made.mean, f"{made.mean} mean")
    by_class = f", weights by class of {made.weights_file}" if made.weights is None else ""
    head = f"{made.path}: {predicted(made)}, {kind} of {len(made.members)}{by_class}, {made.task} task"
    weights = made.weights or [None] * len(made.members)
    rows = [
        (name, "weights by class" if weight is None else f"weight {weight:.3f}")
        for name, weight in zip(made.members, weights, strict=True)
    ]
    return f"{head}\n{table(rows)}"


def weighed(learned: Any) -> str:
    """Describes what an ensemble learned: a `Weights`, `Stack` or `NetworkStack` of `yt8m.predicting`."""
    title = find(learned.metric).title
    rows = [
        (name, f"weight {weight:.3f}, alone {title} {alone:.4f}")
        for name, weight, alone in zip(learned.members, learned.weights, learned.alone, strict=True)
    ]
    rows.append(("equal weights", f"{title} {learned.equal:.4f}"))
    others = dict(zip(learned.members, learned.alone, strict=True)) | {"equal weights": learned.equal}
    elsewhere = "on videos that they were not learned from"
    if learned.mean in ("logistic", "network"):
        others["learned weights"] = learned.learned.score
        rows.append(("learned weights", f"{title} {learned.learned.score:.4f}, {elsewhere}"))
        unseen = "on videos that it was not learned from"
        of_regression = learned.logistic if learned.mean == "network" else learned.score
        rows.append(("logistic regression", f"{title} {of_regression:.4f}, {unseen}"))
        if learned.mean == "network":
            others["logistic regression"] = of_regression
            rows.append(("network", f"{title} {learned.score:.4f}, {unseen}"))
        rows.append(("intercept", f"{learned.intercept:.3f}"))
    else:
        rows.append(("learned weights", f"{title} {learned.score:.4f}, {elsewhere}"))
    best = max(others, key=lambda name: others[name])
    if others[best] > learned.score:
        rows.append(("better", f"{best}, by {others[best] - learned.score:.4f}; take that, or learn from more videos"))
    return table(rows)


def exported(result: Any) -> str:
    """Describes a `yt8m.exporting.exporting.Exported`: what was written."""
    rows: list[tuple[str, Any]] = [("written", f"{result.path}, {result.format}, {size_in_words(result.num_bytes)}")]
    if result.format == "archive":
        rows[0] = ("written", f"{result.path}, {size_in_words(result.num_bytes)} uncompressed")
    if result.signatures:
        rows.append(("signatures", ", ".join(result.signatures)))
    if result.change:
        change, metric = result.change, find(result.change.metric)
        after, before = metric.text(change.after), metric.text(change.before)
        difference = f"{change.after - change.before:+.6f} against float32's {before}"
        count = quantity(change.count, COUNTS[metric.task].unit)
        rows.append(("float16", f"{metric.title} {after}, {difference}, on {count}"))
    rows.append(("card", result.card))
    return table(rows)


def cross_validated(done: Any) -> str:
    """Describes a `yt8m.cross_validation.training.CrossValidation`: the folds, and what they make together."""
    lines = [trained(fold) for fold in done.folds]
    if done.out_of_fold:
        mean, deviation = done.mean_and_deviation
        main = primary(task_of(done.out_of_fold))
        lines.append(
            f"{done.run}: {main.title} of the folds {main.text(mean)}, standard deviation {main.text(deviation)}"
        )
        lines.append(f"{done.run}/out_of_fold: all together: {scores(done.out_of_fold)}")
    if done.ensemble:
        lines.append(f"{done.run}/ensemble: mean of the folds on the validation records: {scores(done.ensemble)}")
    return "\n".join(lines)
