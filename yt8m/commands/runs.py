"""The commands that keep runs in order: `runs`, `note` and `clean`."""

from typing import Annotated, Literal

import tyro

from yt8m.commands import reports
from yt8m.commands.flags import Json, OptionalText, print_json, shown
from yt8m.commands.streams import show
from yt8m.errors import OK

_SWITCH = tyro.conf.arg(help_behavior_hint=lambda default: "")


def runs(
    directory: Annotated[str, tyro.conf.Positional, shown("[DIR]")] = "runs",
    sort: Annotated[
        Literal[
            "best",
            "run",
            "recipe",
            "model",
            "level",
            "status",
            "step",
            "epochs",
            "seconds",
            "started",
            "num_bytes",
            "note",
        ],
        shown("COLUMN"),
    ] = "best",
    reverse: Annotated[bool, tyro.conf.FlagCreatePairsOff, _SWITCH] = False,
    json: Json = False,
) -> int:
    """List the runs in a directory: how they stand, their best score, duration, size and note.

    Example: yt8m runs runs --sort started

    Args:
        directory: A directory of runs, searched four levels deep.
        sort: The column to sort by: best, run, recipe, model, level, status, step, epochs, seconds, started, num_bytes or
            note. Numbers go from large to small.
        reverse: Sort the other way round.
        json: Print one JSON object.
    """
    import dataclasses

    from yt8m.runs.listing import summaries

    found = summaries(directory, sort, reverse)
    if json:
        print_json({"runs": [dataclasses.asdict(each) for each in found]})
    else:
        show(reports.runs_listed(found, directory))
    return OK


def note(
    run: Annotated[str, tyro.conf.Positional, shown("RUN")],
    text: Annotated[OptionalText, tyro.conf.Positional, shown("[TEXT]", "(default: print the note)")] = None,
    json: Json = False,
) -> int:
    """Write a note on a run, which yt8m runs shows; or print it.

    Example: yt8m note runs/sample "with twice the clusters"

    Args:
        run: The run directory.
        text: The note, in place of the one before. An empty text removes it.
        json: Print one JSON object.
    """
    from yt8m.runs import find_run
    from yt8m.runs.notes import read_note, write_note

    directory = find_run(run)
    if text is not None:
        write_note(run, text)
    found = read_note(directory)
    if json:
        print_json({"run": run, "note": found})
    elif text is None:
        show(found)
    else:
        show(f"{run}: {'noted' if found else 'the note is removed'}")
    return OK


def clean(
    runs: Annotated[tuple[str, ...], tyro.conf.Positional, shown("RUN [RUN ...]", "(required)")],
    keep_checkpoints: Annotated[bool, tyro.conf.FlagCreatePairsOff, _SWITCH] = False,
    dry_run: Annotated[bool, tyro.conf.FlagCreatePairsOff, _SWITCH] = False,
    json: Json = False,
) -> int:
    """Remove what runs do not need any more, and say how much that was.

    Example: yt8m clean runs/sample --dry-run

    These are kept predictions, which are made again when they are needed; files of killed processes; and the checkpoints
    of runs that are done. The best weights, the metrics and the log stay.

    Args:
        runs: Run directories.
        keep_checkpoints: Keep the checkpoints, to train more steps or for yt8m average --last.
        dry_run: Only list what would be removed.
        json: Print one JSON object.
    """
    import dataclasses

    from yt8m.runs import find_run
    from yt8m.runs.cleaning import clean as run_cleaning

    for run in runs:
        find_run(run)  # a mistyped name leaves all runs as they are
    found = [run_cleaning(run, keep_checkpoints, dry_run) for run in runs]
    if json:
        total = sum(each.num_bytes for each in found)
        print_json({"runs": [dataclasses.asdict(each) for each in found], "num_bytes": total, "dry_run": dry_run})
    else:
        show(reports.cleaned(found, dry_run))
    return OK
