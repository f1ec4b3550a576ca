"""Identifies record files by place, size and time of change, and by the ids of their records."""

import hashlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from yt8m.data.access.contents import open_content
from yt8m.data.access.file_access import file_size, remote_version
from yt8m.data.protos import Features, SequenceExample, field_at, parse
from yt8m.data.records import EMPTY, read_framing, read_headers
from yt8m.data.schema import ID_KEYS, OTHER_ID_KEYS
from yt8m.data.sources import prepare_file_systems, scheme
from yt8m.errors import RecordError

_CONTEXT_BYTES = 1 << 12
"""Bytes read of a record at first: nearly all of a video-level one, and far more than a frame-level one needs."""


def identify(files: Sequence[str]) -> list[list[Any]]:
    """Identifies each file as [resolved path, bytes, version], in plain JSON values. Different files differ in it.

    The version is the time of change in nanoseconds. Behind HTTP it is the etag, or else the server's time of change, as
    text; it is empty if the server gives neither.

    Raises:
        OSError, InputError, or another of `yt8m.data.access.file_access.errors_of`: a file does not exist.
    """
    prepare_file_systems(files)
    return [_identify(path) for path in files]


def _identify(path: str) -> list[Any]:
    if not scheme(path):
        status = os.stat(path)
        return [os.path.realpath(path), status.st_size, status.st_mtime_ns]
    return [path, file_size(path), remote_version(path) or ""]


def has_changed(identity: Sequence[Any]) -> bool:
    """Whether a file is known to have changed since `identify`.

    Files behind a network are not checked. A file does not count as changed if its whole directory is gone: its disk may
    not be mounted.
    """
    if len(identity) != 3:  # earlier versions kept only name and size
        return True
    path = identity[0]
    if scheme(path):
        return False
    try:
        return _identify(path) != list(identity)
    except OSError:
        return os.path.isdir(os.path.dirname(path))


def needs_ids(identities: Iterable[Sequence[Any]]) -> bool:
    """Whether to compare the ids of these files' records before treating the files as unchanged.

    Ids are cheap to read from a local disk, where a copy can have another file's time of change. Ids behind a network are
    read only if the server gives no version.
    """
    return any(not scheme(path) or not version for path, _, version in identities)


def digest_of(ids: Iterable[bytes]) -> str:
    """A digest of ids; their order matters."""
    return hashlib.md5(b"\n".join(ids), usedforsecurity=False).hexdigest()


def read_ids(files: Sequence[str]) -> list[bytes]:
    """Reads the ids of all records, in order; empty where a record has none. Reads local files without their frames.

    Raises:
        RecordError: a file is damaged.
        OSError, InputError, or another of `yt8m.data.access.file_access.errors_of`: a file cannot be read.
    """
    ids: list[bytes] = []
    for path in files:
        own = None if scheme(path) else local_ids(path)
        ids += _ids_anywhere(path) if own is None else own
    return ids


def _ids_anywhere(path: str) -> Iterator[bytes]:
    """Yields the ids of a file's records, wherever they lie in a record."""
    for raw in read_framing(path):
        if raw.problem == EMPTY:
            return
        if raw.problem:
            raise raw.as_error(path)
        example = parse(SequenceExample, raw.data)
        if example is None:
            raise RecordError(path, raw.index, "is no tf.train.Example or SequenceExample")
        yield id_in(example.context) or b""


def local_ids(path: str, most: int | None = None) -> list[bytes] | None:
    """Reads the ids of a local file's records, in order, without their frames; None if an id is not where expected.

    Args:
        path: the file.
        most: number of records to read, from the first on; None = all.

    Raises:
        RecordError: the file is damaged.
        OSError: the file cannot be read.
    """
    ids = []
    with open_content(path) as (file, size):
        for _, broken in itertools.islice(read_headers(file, size), most):  # the file is now at the record's data
            if broken:
                raise broken.as_error(path)
            video = _id_of(file)
            if not video:
                return None
            ids.append(video)
    return ids


def _id_of(file) -> bytes | None:
    """Reads the id of the record at the file's position; None if the first field is not a context with an id."""
    content = file.read(_CONTEXT_BYTES)
    place = field_at(content, 0, 1)
    if place is None:
        return None
    content += file.read(max(0, place.stop - len(content)))
    context = parse(Features, content[place])
    return None if context is None else id_in(context)


def id_in(context: Features) -> bytes | None:
    """The id under either name; None or empty if there is none."""
    found = None
    for key in (*ID_KEYS, *OTHER_ID_KEYS):
        if key in context.feature and context.feature[key].bytes_list.value:
            found = context.feature[key].bytes_list.value[0]
            if found:
                break
    return found
