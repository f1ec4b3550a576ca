"""`curves.png`: how a run went, at a glance."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yt8m.files import NewFile


def plot(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws the loss of training and validation, and the validation score, over the steps.

    Args:
        rows: the lines of `metrics.jsonl`.
        path: a PNG file.
    """
    from matplotlib.figure import Figure  # not pyplot, which would look for a display

    training = [row for row in rows if row["kind"] == "train"]
    validation = [row for row in rows if row["kind"] == "validation"]
    figure = Figure(figsize=(10, 4), layout="constrained")
    losses, scores = figure.subplots(1, 2)
    losses.plot([row["step"] for row in training], [row["loss"] for row in training], label="training")
    if validation:
        steps = [row["step"] for row in validation]
        losses.plot(steps, [row["loss"] for row in validation], "o-", label="validation")
        names = {"gap": "GAP", "map": "MAP", "hit_at_1": "Hit@1", "perr": "PERR", "segment_map": "segment MAP"}
        for key, name in names.items():
            if key in validation[0]:
                scores.plot(steps, [row[key] for row in validation], "o-", label=name)
        scores.legend()
    else:
        scores.text(0.5, 0.5, "no validation", ha="center", va="center", transform=scores.transAxes)
    losses.set(title="Loss", xlabel="step", ylabel="cross-entropy a video", ylim=(0, None))
    losses.legend()
    scores.set(title="Validation", xlabel="step", ylim=(0, 1))
    for axes in (losses, scores):
        axes.grid(alpha=0.3)
    with NewFile(path) as file:
        figure.savefig(file, format="png", dpi=120)
