"""The command that fetches the data set: `download`."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import tyro

from yt8m.commands import reports
from yt8m.commands.flags import Json, OptionalText, print_json, shown
from yt8m.commands.streams import show
from yt8m.download.layout import DEFAULT_JOBS, EXTRACTOR, Jobs, Mirror, parse_shard
from yt8m.errors import OK, InputError


def download(
    partition: Annotated[str, tyro.conf.Positional, shown("PARTITION")],
    out: Annotated[str, shown("DIR")],
    mirror: Mirror = "us",
    shard: Annotated[OptionalText, shown("X,Y", "(default: all files)")] = None,
    jobs: Jobs = DEFAULT_JOBS,
    base_url: Annotated[OptionalText, shown("URL", "(default: the data set's own servers)")] = None,
    dry_run: Annotated[
        bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")
    ] = False,
    json: Json = False,
) -> int:
    """Download YouTube-8M, or a part of it, from its servers; or the networks of its features.

    Example: yt8m download 2/frame/train --out /data/yt8m --shard 1,100
    Example: yt8m download extractor --out networks

    If it is stopped or killed, the same command resumes it. Complete files are not fetched again.

    Args:
        partition: 2/frame/train, 2/frame/validate, 2/frame/test, 2/video/train, 2/video/validate, 2/video/test,
            3/frame/validate or 3/frame/test; or extractor, the files of yt8m extract --network yt8m.
        out: The root of the data set. Records go to DIR/2/frame/train and so on; vocabulary and segment classes go to DIR. The
            files of the extractor go to DIR, with extractor.lock.json, which has their digests.
        mirror: The server to use; choose the nearest one.
        shard: Fetch the X-th of Y parts. File names decide the part, as in the data set's own script.
        jobs: Number of files to fetch at a time.
        base_url: The address of another server with the same files.
        dry_run: List the files to fetch and their sizes; fetch nothing.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import SECONDS_BETWEEN_LINES_OF_DOWNLOADS, WorkProgress
    from yt8m.download.downloading import Download

    if partition.strip("/") == EXTRACTOR:
        for flag, is_given in (("--shard", shard is not None), ("--mirror", mirror != "us")):
            if is_given:
                raise InputError(f"{flag} is for parts of the data set; leave it out with {EXTRACTOR}")
        return _download_extractor(out, jobs, base_url, dry_run, json)
    part = None if shard is None else parse_shard(shard)
    options = {"mirror": mirror, "shard": part, "jobs": jobs, "base_url": base_url}
    progress = WorkProgress(SECONDS_BETWEEN_LINES_OF_DOWNLOADS)
    with Download(partition, out, progress=progress, **options) as downloading, _resumable():
        survey = downloading.survey()
        if dry_run:
            _say(survey, reports.to_download, reports.to_download_values, json)
        else:
            _say(downloading.run(survey), reports.downloaded, reports.downloaded_values, json)
    return OK


@contextlib.contextmanager
def _resumable() -> Iterator[None]:
    """Says after Ctrl-C that what was fetched is of use."""
    try:
        yield
    except KeyboardInterrupt:
        raise InputError("stopped; the same command goes on where it stood") from None


def _say(result: Any, in_words: Callable[[Any], str], values: Callable[[Any], dict[str, Any]], json: bool) -> None:
    if json:
        print_json(values(result))
    else:
        show(in_words(result))


def _download_extractor(out: str, jobs: Jobs, base_url: str | None, dry_run: bool, json: bool) -> int:
    """`yt8m download extractor`."""
    from yt8m.commands.watching import SECONDS_BETWEEN_LINES_OF_DOWNLOADS, WorkProgress
    from yt8m.download.extractor import ExtractorDownload

    progress = WorkProgress(SECONDS_BETWEEN_LINES_OF_DOWNLOADS)
    with ExtractorDownload(out, jobs=jobs, base_url=base_url, progress=progress) as downloading, _resumable():
        if not dry_run:
            _say(downloading.run(), reports.extractor_downloaded, reports.extractor_values, json)
            return OK
        addresses = {downloading.address(file): size for file, size in downloading.sizes().items()}
        if json:
            print_json({"directory": out, "files": [{"url": url, "bytes": size} for url, size in addresses.items()]})
        else:
            show(reports.extractor_to_download(out, addresses))
    return OK
