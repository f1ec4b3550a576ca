"""Opens files of records, wherever they lie."""

from yt8m.data.engine.pieces import PieceFile
from yt8m.data.engine.records import LocalFile
from yt8m.data.schema import Level


def open_records(path: str, level: Level) -> LocalFile | PieceFile:
    """Opens a file of records.

    Args:
        path: a local file.
        level: the level of its records. Small records are read many at a time.
    """
    return PieceFile(path) if level == "video" else LocalFile(path)
