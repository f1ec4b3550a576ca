"""What tells files of records from others: their place, size and time of change, and the ids of their records."""

import hashlib
import itertools
import os
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from yt8m.data import web
from yt8m.data.records import file_size, open_file, read_headers
from yt8m.data.schema import ID_KEYS
from yt8m.data.sources import prepare_file_systems, scheme

_CONTEXT_TAG = 0x0A
"""Field 1 of an `Example` and of a `SequenceExample`, of a length: what a record says of the whole video."""
_CONTEXT_BYTES = 1 << 12
"""Read of a record at first: all of a video-level one but for its last values, and far more than a frame-level one needs."""


def identify(files: Sequence[str]) -> list[list[Any]]:
    """Of each file [resolved path, bytes, version], as plain JSON values: of other files, another one.

    The version of a local file is its time of change in nanoseconds; of one behind HTTP its etag, or else the time of change
    that the server tells, as text; of others that time in nanoseconds. It is empty where a server tells neither.

    Raises:
        OSError, tf.errors.OpError, InputError: a file is not there.
    """
    prepare_file_systems(files)
    return [_identify(path) for path in files]


def _identify(path: str) -> list[Any]:
    if not scheme(path):
        status = os.stat(path)
        return [os.path.realpath(path), status.st_size, status.st_mtime_ns]
    version = web.find(path).version if web.is_web(path) else tf.io.gfile.stat(path).mtime_nsec
    return [path, file_size(path), version or ""]


def has_changed(identity: Sequence[Any]) -> bool:
    """Whether a file is known to be another one now than when `identify` was asked.

    Files behind a network are not asked for; nor is one taken for another whose whole directory is gone, as that of a disk
    that is not mounted is.
    """
    if len(identity) != 3:  # as earlier versions had it, by name and size
        return True
    path = identity[0]
    if scheme(path):
        return False
    try:
        return _identify(path) != list(identity)
    except OSError:
        return os.path.isdir(os.path.dirname(path))


def needs_ids(identities: Iterable[Sequence[Any]]) -> bool:
    """Whether the ids of these files' records are to be compared before they are taken for those that they were.

    They are cheap to read from a local disk, where a copy can have the time of change of another file. From a network they are
    read only where the server tells no version.
    """
    return any(not scheme(path) or not version for path, _, version in identities)


def digest_of(ids: Iterable[bytes]) -> str:
    """A digest of ids in their order."""
    return hashlib.md5(b"\n".join(ids), usedforsecurity=False).hexdigest()


def local_ids(path: str, most: int | None = None) -> list[bytes] | None:
    """The ids of a local file's records, in their order, read without their frames; None if they are not where expected.

    Args:
        path: of the file.
        most: records to read, from the first on; None = all.

    Raises:
        RecordError: the file is damaged.
        OSError: it cannot be read.
    """
    size, ids = file_size(path), []
    with open_file(path) as file:
        for _, broken in itertools.islice(
            read_headers(file, size), most
        ):  # which leaves the file where the record's data begin
            if broken:
                raise broken.as_error(path)
            video = _id_of(file)
            if not video:
                return None
            ids.append(video)
    return ids


def _id_of(file) -> bytes | None:
    """The id of the record whose data begin at the file's position; None if its first field is not its context with one."""
    content = file.read(_CONTEXT_BYTES)
    if content[:1] != bytes([_CONTEXT_TAG]):
        return None
    length, begin = 0, 1
    for place, byte in enumerate(content[1:6]):  # seven bits a byte, the lowest first, up to the first below 128
        length |= (byte & 0x7F) << (7 * place)
        begin += 1
        if byte < 0x80:
            break
    if begin + length > len(content):
        content += file.read(begin + length - len(content))
    try:
        features = tf.train.Features.FromString(content[begin : begin + length]).feature
    except Exception:  # protobuf's DecodeError, whose class depends on the protobuf backend
        return None
    return next((features[key].bytes_list.value[0] for key in ID_KEYS if _has_bytes(features, key)), None)


def _has_bytes(features, key: str) -> bool:
    return key in features and bool(features[key].bytes_list.value)
