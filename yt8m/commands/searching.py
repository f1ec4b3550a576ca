"""The command that finds videos and moments: `search`."""

from typing import Annotated, Literal

import tyro

from yt8m.commands import reports
from yt8m.commands.flags import PATHS, Json, OptionalText, print_json, shown
from yt8m.commands.streams import show
from yt8m.commands.terminal import explain, say
from yt8m.errors import OK, USER_ERROR, InputError
from yt8m.values import PositiveInt


def search(
    index: Annotated[str, shown("DIR")],
    like: Annotated[OptionalText, shown("ID[@SECONDS]", "(or --text)")] = None,
    text: Annotated[OptionalText, shown("WORDS", "(or --like)")] = None,
    add: Annotated[tuple[str, ...] | None, shown(PATHS, "(default: nothing)")] = None,
    remove: Annotated[tuple[str, ...] | None, shown("ID [ID ...]", "(default: nothing)")] = None,
    window: Annotated[PositiveInt | None, shown("INT", "(default: those of the index, or 5)")] = None,
    predictions: Annotated[OptionalText, shown("DIR", "(default: the labels in the records)")] = None,
    vocabulary: Annotated[OptionalText, shown("CSV", "(default: the one at the root of the data set)")] = None,
    data: Annotated[tuple[str, ...] | None, shown(PATHS, "(default: the index)")] = None,
    of: Annotated[
        Literal["videos", "moments"] | None, shown("{videos,moments}", "(default: moments for ID@SECONDS)")
    ] = None,
    top: PositiveInt = 10,
    elsewhere: Annotated[
        bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")
    ] = False,
    json: Json = False,
) -> int:
    """Find videos, or moments of them, that are like another or that words describe.

    Example: yt8m search --index data/index --add data/sample/2/frame/train

    Example: yt8m search --index data/index --like INu4@25

    Example: yt8m search --index data/index --text "concert guitar"

    An index is kept in a directory: --add and --remove change it, and a killed command leaves it as it was. Frame-level records
    give moments and whole videos, video-level records whole videos. Likeness is the cosine of mean features.

    Args:
        index: The directory of the index.
        like: A video of the index, or the moment of it at a second; or a video file, if yt8m extract made the records.
        text: Words to look for in the names and descriptions of labels, in any case, in the singular or the plural.
        add: Records to add; or video files, if the index has records of yt8m extract. A video that is there is replaced.
        remove: Ids to remove.
        window: With --add, seconds of a moment.
        predictions: With --add, predictions of yt8m predict --store DIR: their classes take the place of the records' labels.
        vocabulary: With --add, a vocabulary.csv with the names of classes, and perhaps their descriptions.
        data: With --like, records that have the video, if the index does not.
        of: What to find.
        top: How many to find.
        elsewhere: Leave out moments of the video itself.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.searching.asking import search as run_search

    for flag, given in (("--add", add), ("--remove", remove), ("--data", data)):
        if given is not None and not given:
            raise InputError(f"{flag} is followed by nothing; name what is meant")
    changes, asks = bool(add or remove), like is not None or text is not None
    _refuse_idle({"--window": window, "--predictions": predictions, "--vocabulary": vocabulary}, add, "--add")
    _refuse_idle({"--data": data, "--elsewhere": elsewhere or None}, like, "--like")
    printed, status = {}, OK
    if changes:
        changed = _change(index, add, remove, window, predictions, vocabulary)
        status = USER_ERROR if changed.problems or changed.unknown else OK
        printed |= reports.index_values(index, changed)
        if not json:
            show(reports.index_changed(index, changed))
        for line in reports.index_problems(changed):
            explain(line)
    if asks or not changes:
        options = {"data": data or (), "of": of, "count": top, "elsewhere": elsewhere, "progress": WorkProgress()}
        answer = run_search(index, like, text, **options)
        printed |= reports.hit_values(answer)
        if not json:
            show(reports.hits(answer))
        if answer.unknown:
            say(reports.unknown_words(answer))
    if json:
        print_json(printed)
    return status


def _refuse_idle(flags: dict, needed: object, flag: str) -> None:
    idle = [name for name, value in flags.items() if value is not None]
    if idle and not needed:
        raise InputError(f"{idle[0]} only says something with {flag}; give {flag}, too, or leave it out")


def _change(index, add, remove, window, predictions, vocabulary):
    from yt8m.commands.watching import WorkProgress
    from yt8m.searching.keeping import add_to_index

    options = {"window": window, "predictions": predictions, "vocabulary": vocabulary, "progress": WorkProgress()}
    try:
        return add_to_index(index, add or (), remove=remove or (), **options)
    except KeyboardInterrupt:
        raise InputError(f"stopped; {index} is as it was before") from None
