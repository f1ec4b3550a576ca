"""The command that labels videos: `label`."""

from typing import Annotated

import tyro

from yt8m.commands import reports
from yt8m.commands.flags import PATHS, Json, OptionalText, Run, Vocabulary, print_json, shown
from yt8m.commands.streams import show
from yt8m.errors import OK, USER_ERROR
from yt8m.labelling.options import LabelOptions

_DEFAULT_OPTIONS = LabelOptions()


def label(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, shown(PATHS, "(required)")],
    run: Run,
    labels: Annotated[LabelOptions, tyro.conf.OmitArgPrefixes] = _DEFAULT_OPTIONS,
    csv: Annotated[OptionalText, shown("FILE.csv", "(default: no table)")] = None,
    chapters: Annotated[OptionalText, shown("DIR", "(default: no chapters)")] = None,
    vocabulary: Vocabulary = None,
    json: Json = False,
) -> int:
    """Name what videos show, as a whole and over time, by a run's best model.

    Example: yt8m label data/sample/2/frame/test --run runs/sample --csv labels-over-time.csv

    The exit status is 2 if a video could not be labelled. The others are.

    Args:
        paths: Records: files, directories or globs.
        run: The run directory, made by yt8m train.
        labels: The labels to give.
        csv: A table of all labels to write: those of videos, then those of windows.
        chapters: A directory to write a WebVTT file of chapters for each video to: adjacent windows with the same best label.
        vocabulary: A vocabulary.csv with the names of the classes.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.labelling.labelling import label as run_labelling
    from yt8m.labelling.output import Outputs

    outputs = Outputs(csv, chapters, run, paths)
    result = run_labelling(paths, run, labels, vocabulary, WorkProgress())
    outputs.write(result.videos)
    if json:
        print_json(reports.labelled_values(result))
    else:
        show(reports.labelled(result))
    return USER_ERROR if result.problems else OK
