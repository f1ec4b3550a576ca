"""Keeps the predictions of a run in `predictions/` of its directory, so that they are made only once."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from yt8m.data.identity import has_changed
from yt8m.predicting import StoredPredictions
from yt8m.predicting.elsewhere import Elsewhere
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.predicting.stored import is_stored, made_from
from yt8m.progress import SILENT, Progress
from yt8m.runs import RunDirectory

MOST_KEPT = 8
"""Number of sets of records that a run keeps predictions for. The least recently used ones beyond it are removed."""


def kept_in_run(made: RunPredictions) -> Path:
    """Returns the directory of a run's predictions for some records. The first of several runs keeps them."""
    text = repr((made.made_from, made.description))
    digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return RunDirectory(Path(made.runs[0])).predictions / digest[:12]


def keep(made: RunPredictions, progress: Progress = SILENT, elsewhere: Elsewhere | None = None) -> StoredPredictions:
    """Returns the predictions that the run keeps; makes missing ones and removes useless ones.

    Args:
        made: the predictions to make.
        progress: counts the videos, or segments, after each batch; gets a line on removed predictions.
        elsewhere: makes them; None = this process.

    Raises:
        InputError, RecordError: as `RunPredictions.store`.
    """
    place = kept_in_run(made)
    stored = made.store(place, progress, replace=True, elsewhere=elsewhere)
    with contextlib.suppress(OSError):  # the run may be read-only
        os.utime(place)
    _remove_useless(place, made.made_from["weights"][0], progress)
    return stored


def _remove_useless(used: Path, weights: str, progress: Progress) -> None:
    """Removes predictions of weights or records that are gone, and those beyond `MOST_KEPT`.

    Args:
        used: the predictions in use, which stay.
        weights: the digest of the run's current weights.
        progress: gets a line on removed predictions.
    """
    others = [place for place in used.parent.iterdir() if place != used and is_stored(place)]
    others.sort(key=os.path.getmtime, reverse=True)
    useless = [place for place in others if _is_useless(place, weights)]
    _remove(useless, "of weights or records that have changed since", progress)
    _remove([place for place in others if place not in useless][MOST_KEPT - 1 :], "not used for longest", progress)


def _is_useless(place: Path, weights: str) -> bool:
    origin = made_from(place)
    if not origin:  # their origin is unknown
        return False
    return origin["weights"][0] != weights or any(map(has_changed, origin["files"]))


def _remove(places: Sequence[Path], what: str, progress: Progress) -> None:
    if not places:
        return
    num_bytes = sum(path.stat().st_size for place in places for path in place.rglob("*") if path.is_file())
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
    named = f"{places[0]}" + (f" and {len(places) - 1} more" if places[1:] else "")
    progress.message(f"{named}: predictions {what}, {num_bytes / 1e6:.0f} MB, were removed")
