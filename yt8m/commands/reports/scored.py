"""Describes metrics, classes and uploaded submissions."""

from collections.abc import Mapping
from typing import Any

from yt8m.commands.reports.tables import table
from yt8m.errors import quantity
from yt8m.metrics.registry import COUNTS, find, in_words, task_of


def scores(metrics: Mapping[str, Any]) -> str:
    """Writes the metrics of an evaluation in one line."""
    task = task_of(metrics)
    assert task is not None, "there are scores"
    count = COUNTS[task]
    return f"{in_words(metrics, ['always', 'results'])} on {quantity(metrics[count.key], count.unit)}"


def calibrated(result: Any) -> str:
    """Describes a `yt8m.scoring.calibrating.Calibrated`: what the calibration is worth."""
    method = {"isotonic": "isotonic regression", "platt": "Platt's regression"}[result.method]
    own = f"{quantity(result.own_classes, 'class')} on their own, the others" if result.own_classes else "all classes"
    rows = [("", f"{'before':>9}  {'after':>9}")]
    for key, before in result.before.items():
        values = [f"{value:.4f}" if value < 10 else f"{value:.5g}" for value in (before, result.after[key])]
        title = "Calibration error" if key == "expected_calibration_error" else find(key).heading
        rows.append((title, f"{values[0]:>9}  {values[1]:>9}"))
    return "\n".join(
        [
            f"{result.run}: {method} on {quantity(result.num_videos, 'video')}, {own} together",
            table(rows),
            "after: each half of the videos is measured with functions fitted on the other half",
        ]
    )


def best_and_worst(classes: Any, most: int = 5) -> str:
    """Lists the best and the worst classes of a table, best first.

    Among equally good or equally bad classes, the most frequent come first.

    Args:
        classes: a table of `yt8m.scoring.classes.frame_of`. Classes without an average precision, or with too few positives
            for a meaningful one, are left out.
        most: the largest number of classes of either kind. No class is listed twice.
    """
    from yt8m.metrics import enough_positives

    known = list(classes.dropna(subset=["average_precision"]).itertuples(index=False))
    enough = enough_positives((row.num_positives for row in known), 2 * most)
    ranked = [row for row in known if row.num_positives >= enough]
    width = max(13, *(len(row.name) for row in ranked))
    lines = []
    worst = sorted(ranked[most:], key=lambda row: (round(row.average_precision, 12), -row.num_positives, row.class_id))
    for title, shown in (("best", ranked[:most]), ("worst", worst[:most])):
        if shown:
            lines += ["", f"{f'{title} classes':<{width}}      AP  positives"]
            lines += [f"{row.name:<{width}}  {row.average_precision:.4f}  {row.num_positives:>9}" for row in shown]
    if len(ranked) < len(known):
        lines += [
            "",
            f"of {quantity(len(ranked), 'class')} with at least {quantity(enough, 'positive')}; {len(known)} have any",
        ]
    return "\n".join(lines)


def upload(uploaded: Any) -> str:
    """Describes a `yt8m.submission.upload.Uploaded`: what became of the submission."""
    values = upload_values(uploaded)
    number = values["submission"] or "its number is not known"
    rows = [("submitted", f"{number}, {quantity(uploaded.num_bytes, 'byte')}")]
    if values["status"] == "complete":
        rows += [(f"{kind} score", values[f"{kind}_score"] or "not shown") for kind in ("public", "private")]
    else:
        rows += [("score", "not there yet; look at the address below")]
    return table([*rows, ("address", values["address"])])


def upload_values(uploaded: Any) -> dict[str, Any]:
    """Returns a `yt8m.submission.upload.Uploaded` as JSON values; scores are as Kaggle writes them."""
    found = uploaded.submission
    return {
        "submission": uploaded.reference or None,
        "status": found.status if found else "pending",
        "public_score": (found.public_score or None) if found else None,
        "private_score": (found.private_score or None) if found else None,
        "address": uploaded.address,
    }
