"""The command for the addresses of videos: `id`."""

import os
from collections.abc import Iterator, Mapping
from typing import Annotated

import tyro

from yt8m.commands import reports
from yt8m.commands.flags import PATHS, Json, OptionalText, given_paths, print_json, shown
from yt8m.commands.streams import show
from yt8m.commands.terminal import explain
from yt8m.download.addresses import DEFAULT_CONNECTIONS, DEFAULT_RATE, Rate
from yt8m.download.layout import Jobs
from yt8m.errors import OK, USER_ERROR, InputError


def find_addresses(
    ids: Annotated[tuple[str, ...], tyro.conf.Positional, shown("ID [ID ...]", "(default: those of the flags)")] = (),
    data: Annotated[tuple[str, ...] | None, shown(PATHS, "(default: none)")] = None,
    submission: Annotated[str | None, shown("CSV", "(default: none)")] = None,
    videos: Annotated[str | None, shown("CSV", "(default: none)")] = None,
    out: Annotated[str | None, shown("PATH", "(default: no file)")] = None,
    cache: Annotated[str | None, shown("DIR", "(default: yt8m in the user's cache)")] = None,
    again: Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")] = False,
    jobs: Jobs = DEFAULT_CONNECTIONS,
    rate: Rate = DEFAULT_RATE,
    base_url: Annotated[OptionalText, shown("URL", "(default: the data set's own server)")] = None,
    json: Json = False,
) -> int:
    """Find the YouTube addresses of the data set's ids.

    Example: yt8m id XE00 INu4

    Example: yt8m id --submission submissions/sample.csv --out addresses.csv

    Answers are kept, also that a video is gone, so that each id is asked for once. If the command is stopped or killed, the
    same command goes on. The exit status is 2 if an id is none of the data set's, or nobody answered.

    Args:
        ids: Ids as in records. Put an id that begins with a dash last, after --.
        data: Files, directories or globs of records: all of their ids. Those of yt8m extract have the paths of their videos.
        submission: A submission of either task: all of its ids.
        videos: A videos.csv of yt8m extract: its ids give the paths of their videos, and nobody is asked for them. Alone, all
            of its ids.
        out: A CSV file to write: id, state, youtube_id, address, path.
        cache: The directory that keeps the answers.
        again: Ask again for videos that were gone.
        jobs: Number of ids to ask for at a time.
        rate: Requests a second, at most.
        base_url: The address of another server with the same lookup.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.download.addresses import Lookup
    from yt8m.files import check_destination

    if out is not None:
        check_destination(out)
    paths = {} if videos is None else _paths(videos)
    recorded, own = _of_records(given_paths(data), paths)
    wanted, paths = [*ids, *recorded, *_of_submission(submission)], own | paths
    if not wanted and not (data or submission):
        wanted = [*paths]
    if not wanted:
        raise InputError("no ids; name some, or records with --data, or a submission with --submission")
    options = {"again": again, "jobs": jobs, "rate": rate, "base_url": base_url, "progress": WorkProgress()}
    with Lookup(cache, **options) as lookup:
        try:
            found = lookup.find(wanted, paths)
        except KeyboardInterrupt:
            raise InputError("stopped; the same command goes on where it stood") from None
    if out is not None:
        reports.write_addresses(out, found)
    if json:
        print_json(reports.address_values(found))
    else:
        show(reports.addresses(found))
    bad = reports.unanswered(found)
    if bad:
        explain(bad)
    return USER_ERROR if bad else OK


def _of_records(data: tuple[str, ...], known: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The ids of records, and the paths of one's own videos among them, which nobody may be asked for.

    Raises:
        InputError: records of one's own videos have an id that neither `known` nor the videos.csv beside them has.
    """
    from yt8m.data.extraction import find_extraction
    from yt8m.data.identity import read_ids
    from yt8m.data.sources import expand_paths
    from yt8m.data.tables.videos import find_videos
    from yt8m.metrics.inputs import id_text

    ids: list[str] = []
    own: dict[str, str] = {}
    for path in expand_paths(data) if data else ():
        found = [id_text(each) for each in read_ids([path]) if each]
        ids += found
        if find_extraction(path):
            own |= _paths(table) if (table := find_videos(path)) else {}
            if missing := [each for each in found if each not in own and each not in known]:
                raise InputError(
                    f"{path}: holds videos of your own, and no videos.csv beside it has the id {missing[0]}; "
                    "give the one of yt8m extract with --videos; if it is gone, the same yt8m extract writes it again"
                )
    return ids, own


def _of_submission(path: str | None) -> Iterator[str]:
    from yt8m.data.schema import LARGEST_NUM_CLASSES
    from yt8m.metrics.inputs import id_text
    from yt8m.submission.files import detect_task
    from yt8m.submission.reading import read_segment_submission, read_video_submission

    if path is None:
        return
    if detect_task(path) == "video":
        yield from (row.video_id for row in read_video_submission(path, LARGEST_NUM_CLASSES))
        return
    seen: dict[bytes, None] = {}
    for row in read_segment_submission(path, range(LARGEST_NUM_CLASSES)):
        seen |= dict.fromkeys(row.ids.tolist())
    yield from map(id_text, seen)


def _paths(videos: str | os.PathLike) -> dict[str, str]:
    from yt8m.data.tables.videos import read_videos

    return {video: row.path for video, row in read_videos(videos).items()}
