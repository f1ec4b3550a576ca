"""The commands on records: `synth` and `inspect`."""

from typing import Annotated

import tyro

from yt8m import reports
from yt8m.commands.flags import OK, PATHS, Json, print_json, shown
from yt8m.streams import show
from yt8m.values import NonNegativeInt, PositiveInt


def synth(
    directory: Annotated[str, tyro.conf.Positional, shown("DIR")],
    num_videos: PositiveInt = 2000,
    num_classes: PositiveInt = 60,
    num_shards: PositiveInt = 8,
    seed: NonNegativeInt = 0,
) -> int:
    """Make a sample data set in the official layout.

    Example: yt8m synth data/sample --num-videos 500

    Args:
        directory: Where to; made if it does not exist, else it must be empty.
        num_videos: Videos of the train split; validate and test have a fifth of that each.
        num_classes: Classes of the vocabulary.
        num_shards: Files a split.
        seed: The same seed makes the same bytes.
    """
    from yt8m.data.synthetic import synthesise
    from yt8m.terminal import share_progress

    progress = share_progress("making videos", "video")
    summary = synthesise(directory, num_videos, num_classes, num_shards, seed, progress)
    show(reports.synthesised(directory, summary))
    return OK


def inspect(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, shown(PATHS, "(required)")], json: Json = False
) -> int:
    """Say what record files hold, and which records cannot be read.

    Example: yt8m inspect data/sample/2/frame/train --json

    Args:
        paths: Files, directories or globs.
        json: Print one JSON object.
    """
    from yt8m.data import inspection
    from yt8m.data.sources import expand_paths

    report = inspection.inspect(expand_paths(paths))
    if json:
        print_json(report)
    else:
        show(reports.inspected(report))
    return OK
