"""Indices, which name the part of each video. `yt8m split --as index` writes them, and folds read them."""

import os
from collections.abc import Sequence

from yt8m.data.tables.text import Purpose, read_table, write_table

_COLUMNS = ("id", "part")
_PURPOSE = Purpose(
    unreadable="cannot be read as an index of videos",
    another="make one with yt8m split --as index",
    mend="mend the file, or make one with yt8m split --as index",
    encoding_errors="surrogateescape",  # an id in a record may be any bytes
)


def read_index(path: str | os.PathLike) -> dict[bytes, str]:
    """Reads the part of each video, by id.

    Raises:
        InputError: the file cannot be read, has other columns, has a row without exactly two fields, or has an id twice.
    """
    table = read_table(path, _PURPOSE)
    if table.header != list(_COLUMNS):
        raise table.error(table.header_place, f"must begin with the columns {','.join(_COLUMNS)}")
    rows = table.select(_COLUMNS)
    table.refuse(
        [
            table.too_long(),
            table.too_short(_COLUMNS),
            (rows["id"].duplicated(), lambda row: f"video {row[0][:60]!r} comes a second time"),
        ]
    )
    ids = [video_id.encode(errors="surrogateescape") for video_id in rows["id"]]
    return dict(zip(ids, rows["part"].tolist(), strict=True))


def index_of(ids: Sequence[bytes], parts: Sequence[str]) -> bytes:
    """Makes the content of an index file.

    Args:
        ids: ids of the videos, each once.
        parts: the part of each video.
    """
    texts = [video_id.decode(errors="surrogateescape") for video_id in ids]
    return write_table(dict(zip(_COLUMNS, (texts, parts), strict=True)))
