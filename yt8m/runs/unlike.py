"""Describes a path that was given as a run directory but is none."""

import os
import re
from pathlib import Path

_SHOWN = 3
"""Most files that a message names."""


def describe_place(path: str | os.PathLike) -> str | None:
    """Says in a clause what a path holds instead of a run, and what to do with it; None if that is unknown.

    Args:
        path: a local path without `config.json`.
    """
    place = Path(path)
    if place.is_file():
        if is_archive(place):
            return f"is a file; make a run of what yt8m export wrote with yt8m unpack {path} --out DIR"
        return "is a file; name the run directory"
    if not place.is_dir():
        return None
    names = sorted(each.name for each in place.iterdir())
    if found := [name for name in names if is_of_starter(name)]:
        shown = ", ".join(found[:_SHOWN])
        return (
            f"is a train directory of TensorFlow 1, as the YouTube-8M starter code leaves it ({shown}), whose weights cannot be "
            "read here; train the model anew, in a directory of its own (yt8m recipes lists the models)"
        )
    if "saved_model.pb" in names:
        return "is a SavedModel, which is for other programs; name the run that it was exported from"
    of_study = place / "trials" if "study.json" in names else place
    if found := sorted(each.parent.name for each in of_study.glob("*/config.json")):
        what = f"a study of yt8m tune, whose runs are in {of_study}" if of_study != place else "a directory of runs"
        left = f" and {len(found) - _SHOWN} more" if found[_SHOWN:] else ""
        return f"is {what}: {', '.join(found[:_SHOWN])}{left}; name one of them, such as {of_study / found[0]}"
    for parent in (place.parent, *place.resolve().parents[:2]):
        if is_run(parent):
            return f"is a part of the run {parent}; name that"
    return None


def is_run(place: Path) -> bool:
    """Whether a directory has a configuration and weights, as only runs have both."""
    return (place / "config.json").is_file() and any((place / name).is_dir() for name in ("best", "checkpoints"))


def is_archive(path: str | os.PathLike) -> bool:
    """Whether a file has the name of an archive, which `yt8m export` makes and `yt8m unpack` takes."""
    return os.fspath(path).endswith((".tgz", ".tar.gz", ".keras"))


def is_of_starter(name: str) -> bool:
    """Whether only the starter code, or another TensorFlow 1 program, gives a file this name."""
    return name == "model_flags.json" or bool(re.fullmatch(r"model\.ckpt-\d+\.(meta|index|data-.*)", name))
