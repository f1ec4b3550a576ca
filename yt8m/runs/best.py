"""Where a run's best weights lie. Asking needs no Keras."""

import os
from pathlib import Path

from yt8m import runs
from yt8m.errors import InputError


def best_weights(run: str | os.PathLike) -> Path:
    """The file of a run's best weights. Raises InputError if there is none yet."""
    directory = runs.RunDirectory(Path(run))
    weights = directory.best_weights
    if not weights.exists():
        name = weights.relative_to(run)
        if any(row["kind"] == "validation" for row in runs.read_metrics(directory)):
            there = any(directory.checkpoints.glob("*.index"))
            how = "the same `yt8m train` command restores it" if there else "train it anew"
            raise InputError(f"{run}: {name} is gone; {how}")
        raise InputError(f"{run}: has no {name} yet; let training reach its first validation, or its end")
    return weights
