"""The command that compares submissions: `compare`."""

from typing import Annotated

import tyro

from yt8m.commands import reports
from yt8m.commands.flags import Json, print_json, shown
from yt8m.commands.streams import show
from yt8m.errors import OK


def compare(
    files: Annotated[tuple[str, ...], tyro.conf.Positional, shown("FILE FILE ...", "(required)")],
    out: Annotated[str | None, shown("DIR", "(default: no tables)")] = None,
    vocabulary: Annotated[str | None, shown("PATH", "(default: classes are shown by number)")] = None,
    json: Json = False,
) -> int:
    """Compare submissions: how far they agree, and where they differ most.

    Example: yt8m compare submissions/a.csv submissions/b.csv

    What agrees less gains more from an average (yt8m ensemble). Correlation is Spearman's, of ranks.

    Args:
        files: Submissions for one task. More than two are compared each with each.
        out: A directory for classes.csv and videos.csv, with every class and video; for two submissions.
        vocabulary: A vocabulary.csv with the names of the classes.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.data.tables.vocabulary import read_class_names
    from yt8m.predicting.comparing import compare as run_comparison

    names = {} if vocabulary is None else read_class_names(vocabulary)
    found = run_comparison(files, out, WorkProgress())
    if json:
        print_json(reports.compared_values(found))
    else:
        show(reports.compared(found, names))
    return OK
