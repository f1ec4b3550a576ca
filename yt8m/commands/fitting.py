"""The command that fits models to all records at once: `fit`."""

from typing import Annotated, Literal

import tyro

from yt8m.commands import reports
from yt8m.commands.flags import PATHS, Json, given_paths, print_json, renamed_flags, shown
from yt8m.commands.streams import show
from yt8m.errors import OK, InputError, quantity
from yt8m.values import NonNegativeInt
from yt8m.values import fit as fit_value

_FLAGS = {"--data.": "--"}
"""Messages name the flags of yt8m train."""


def fit(
    model: Annotated[Literal["neighbours", "kernel_ridge"], tyro.conf.Positional, shown("{neighbours,kernel_ridge}")],
    train: Annotated[tuple[str, ...], shown(PATHS)],
    run: Annotated[str, shown("DIR")],
    validate: Annotated[tuple[str, ...] | None, shown(PATHS, "(default: none)")] = None,
    fold: Annotated[str, shown("I/K|INDEX.csv:PART", "(default: fit to all videos)")] = "",
    num_classes: Annotated[NonNegativeInt, shown("N", "(default: as yt8m train)")] = 0,
    set: Annotated[
        tuple[str, ...], shown("NAME=VALUE [NAME=VALUE ...]", "(default: those that were best on real data)")
    ] = (),
    json: Json = False,
) -> int:
    """Fit a model of video-level records to all of them at once, without training steps.

    Example: yt8m fit neighbours --train data/sample/2/video/train --run runs/neighbours

    The result is a run directory: yt8m evaluate, predict, weigh and others take it as any run. docs/leaderboard.md says what
    each model gains.

    Args:
        model: neighbours: the labels of the most similar training videos, by cosine.
            kernel_ridge: ridge regression of the labels with an RBF kernel, of at most 16 384 videos.
        train: The training records: files, directories or globs.
        run: The new run directory.
        validate: Records to measure it on: files, directories or globs.
        fold: A part of the training videos to leave out and to measure it on, as --data.fold of yt8m train.
        num_classes: Number of classes.
        set: Hyper-parameters, such as num_neighbours=30 or bandwidth=1.5.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.config import DataConfig
    from yt8m.models.assembled import FITTED
    from yt8m.training.fitting import fit as run_fitting

    hyperparameters = _hyperparameters(set, FITTED[model].value_types())
    with renamed_flags(_FLAGS):
        data = DataConfig(train=given_paths(train), validate=given_paths(validate), fold=fold, num_classes=num_classes)
        result = run_fitting(model, run, data, WorkProgress(flags=_FLAGS), **hyperparameters)
    if json:
        print_json({"run": result.run, "num_videos": result.num_videos, "metrics": result.metrics})
    else:
        text = reports.scores(result.metrics) if result.metrics else "no validation records to score it on"
        show(f"{result.run}: {model} of {quantity(result.num_videos, 'video', ',')}; {text}")
    return OK


def _hyperparameters(given: tuple[str, ...], known: dict) -> dict[str, float | int]:
    """Reads NAME=VALUE pairs. Raises InputError for anything else."""
    names = [name for name in known if name not in ("num_videos", "num_labels")]  # which fitting sets
    found: dict[str, float | int] = {}
    for pair in given:
        name, _, value = pair.partition("=")
        if name in found:
            raise InputError(f"--set {pair}: {name} is given twice; leave one out")
        if name not in names:
            raise InputError(f"--set {pair}: give NAME=VALUE, with one of the names {', '.join(names)}")
        try:
            number = float(value)
        except ValueError:
            raise InputError(f"--set {pair}: {value!r} is no number") from None
        found[name] = fit_value(int(number) if number.is_integer() else number, known[name], f"--set {name}")
    return found
