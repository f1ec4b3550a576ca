"""Opens files of records for reading their content, whether they are compressed or not."""

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from yt8m.data.compression import BEGINNING_BYTES, Compression, compression_of, decompressed
from yt8m.data.file_access import file_size, open_file
from yt8m.data.file_objects import StreamFile

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

    Reading in order is cheap. Where the content comes as a stream, going back by more than a few hundred kB begins it anew.

    Raises:
        OSError, or another error: see `yt8m.data.file_access.open_file`. Reading raises DamagedStream where a compressed
            file is cut off or damaged.
    """
    with open_file(path) as file:
        compression = compression_of(file.read(BEGINNING_BYTES))
        file.seek(0)
        if compression is None:
            yield Opened(file, file_size(path))
            return

        def start() -> Iterator[bytes]:
            file.seek(0)
            return decompressed(iter(lambda: file.read(_READ_BYTES), b""), compression)

        with StreamFile(start) as content:
            yield Opened(content, None)


def stored_compression(path: str) -> Compression | None:
    """How a file is compressed; None if it is not. Errors: see `yt8m.data.file_access.open_file`."""
    with open_file(path) as file:
        return compression_of(file.read(BEGINNING_BYTES))
