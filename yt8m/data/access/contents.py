"""Opens files of records for reading their content, whether they are compressed or not, and framed or not."""

import contextlib
import io
from collections.abc import Iterator
from typing import Any, NamedTuple

from yt8m.data import bare
from yt8m.data.access.compression import BEGINNING_BYTES, Compression, DamagedStream, compression_of, decompressed
from yt8m.data.access.file_access import file_size, open_file
from yt8m.data.access.file_objects import StreamFile
from yt8m.data.access.framing import HEADER_BYTES

_READ_BYTES = 1 << 20


class Opened(NamedTuple):
    """An open file."""

    file: Any
    """Has `read(size)`, `seek(offset)` and `tell()`, as a `BinaryIO`."""
    size: int | None
    """Bytes in the file; None = unknown, as of compressed ones."""


@contextlib.contextmanager
def open_content(path: str) -> Iterator[Opened]:
    """Opens a file for reading its content, which is decompressed on the way if it is compressed.

    A file of one record without framing (`yt8m.data.bare`) gets one.

    Reading in order is cheap. Where the content comes as a stream, going back by more than a few hundred kB begins it anew.

    Raises:
        OSError, or another error: see `yt8m.data.access.file_access.open_file`. Reading raises DamagedStream where a compressed
            file is cut off or damaged.
    """
    with open_file(path) as file:
        compression = compression_of(file.read(BEGINNING_BYTES))
        file.seek(0)
        if compression is None:
            yield _with_framing(Opened(file, file_size(path)))
            return

        def start() -> Iterator[bytes]:
            file.seek(0)
            return decompressed(iter(lambda: file.read(_READ_BYTES), b""), compression)

        with StreamFile(start) as content:
            yield _with_framing(Opened(content, None))


def _with_framing(opened: Opened) -> Opened:
    file, size, content = *opened, None
    try:
        if bare.may_be_bare(file.read(HEADER_BYTES), size or 0):
            file.seek(0)
            content = file.read(bare.LARGEST + 1)
    except DamagedStream:  # whoever reads it reports this
        pass
    file.seek(0)
    framed = bare.as_framed(content) if content and len(content) <= bare.LARGEST else None
    return Opened(io.BytesIO(framed), len(framed)) if framed else opened


def stored_compression(path: str) -> Compression | None:
    """How a file is compressed; None if it is not. Errors: see `file_access.open_file`."""
    with open_file(path) as file:
        return compression_of(file.read(BEGINNING_BYTES))


def is_bare_file(path: str) -> bool:
    """Whether a file holds one record and nothing else (`yt8m.data.bare`). Errors: see `file_access.open_file`."""
    with open_file(path) as file:
        if not bare.may_be_bare(file.read(HEADER_BYTES), 0):
            return False
    with open_content(path) as opened:
        return isinstance(opened.file, io.BytesIO)
