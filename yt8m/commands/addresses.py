"""The command for the addresses of videos: `id`."""

from collections.abc import Iterator
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
        data: Files, directories or globs of records: all of their ids.
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
    wanted = [*ids, *_of_records(given_paths(data)), *_of_submission(submission)]
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


def _of_records(data: tuple[str, ...]) -> Iterator[str]:
    from yt8m.data.identity import read_ids
    from yt8m.data.sources import expand_paths
    from yt8m.metrics.inputs import id_text

    return (id_text(each) for each in read_ids(expand_paths(data)) if each) if data else iter(())


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


def _paths(videos: str) -> dict[str, str]:
    from yt8m.data.tables.videos import read_videos

    return {video: row.path for video, row in read_videos(videos).items()}
