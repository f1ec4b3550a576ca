"""The command that shows videos on a page: `browse`."""

from typing import TYPE_CHECKING, Annotated

import tyro

from yt8m.commands.flags import Json, OptionalText, print_json, shown
from yt8m.commands.streams import show
from yt8m.errors import OK, InputError, bytes_in_words, quantity
from yt8m.values import LARGEST_PORT, Range
from yt8m.views.browse.options import BrowseOptions

if TYPE_CHECKING:
    from yt8m.views.browse.building import Page

_DEFAULT_OPTIONS = BrowseOptions()


def browse(
    directory: Annotated[str, tyro.conf.Positional, shown("DIR", "(required)")],
    out: Annotated[OptionalText, shown("FILE.html", "(required, unless --serve is given)")] = None,
    serve: Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")] = False,
    port: Annotated[int, Range(least=0, most=LARGEST_PORT), shown("INT", "(default: any that is free)")] = 0,
    page: Annotated[BrowseOptions, tyro.conf.OmitArgPrefixes] = _DEFAULT_OPTIONS,
    json: Json = False,
) -> int:
    """Make one page of videos: thumbnails on an axis of time, clips, labels, related clips, and a search.

    Example: yt8m browse data/own/records --out own.html

    The page is one file that loads nothing else. Nothing leaves this machine.

    Args:
        directory: What yt8m extract made: records, videos.csv, or both.
        out: The HTML file to write.
        serve: Show the page at an address that only this machine reaches, until Ctrl-C.
        port: The port to serve it at.
        page: What to show.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.views.browse.building import check_page, make_page, write_page

    if (out is None) != serve:
        raise InputError("--out FILE.html and --serve: give one of them")
    if out is None:
        return _serve(directory, page, port)
    check_page(out, page)
    made = make_page(directory, page, WorkProgress())
    write_page(made, out)
    if json:
        counts = {key: getattr(made, key) for key in ("num_videos", "num_clips", "num_left_out")}
        print_json({"path": out, **counts, "num_bytes": len(made.content)})
        return OK
    show(f"{out}: {_contents(made, page)}; {bytes_in_words(len(made.content))}; open it in a browser")
    return OK


def _contents(made: "Page", page: BrowseOptions) -> str:
    what = f"{quantity(made.num_videos, 'video', ',')}, {quantity(made.num_clips, 'clip', ',')}"
    if made.num_left_out:
        what += f"; {quantity(made.num_left_out, 'video', ',')} more than --most-videos {page.most_videos} left out"
    return what


def _serve(directory: str, page: BrowseOptions, port: int) -> int:
    from yt8m.commands.watching import WorkProgress
    from yt8m.views.browse.building import make_page
    from yt8m.views.browse.serving import PageServer

    with PageServer(port) as server:  # a port that is taken is told before the work
        made = make_page(directory, page, WorkProgress())
        server.content = made.content
        show(f"{server.address}: {_contents(made, page)}; Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            show("ended")
    return OK
