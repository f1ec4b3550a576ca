"""Reads the bytes of files by TensorFlow's file systems, such as those of `gs://` and `s3://`."""

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from yt8m.data.access.retries import PATIENCE, Broken, Persistence, Refused, Unreachable
from yt8m.data.sources import describe_error, prepare_file_systems, scheme
from yt8m.errors import RecordError

_READ_AHEAD_THEMSELVES = ("gs",)
"""Schemes of which TensorFlow reads 64 MB ahead for every open file. Parts at once would fetch most bytes several times."""
_READ_BYTES = 1 << 20


class GfileReader:
    """Reads a file by TensorFlow's file systems. Methods and attributes: see `yt8m.data.access.web_reading.WebReader`."""

    def __init__(self, path: str):
        self._path = path
        self._stopping = threading.Event()
        self._persistence = Persistence(PATIENCE, self._stopping)
        self._of_thread = threading.local()
        prepare_file_systems([path])
        self.in_parts = scheme(path) not in _READ_AHEAD_THEMSELVES
        self.num_bytes = self._persist(lambda: tf.io.gfile.stat(path).length)

    def close(self) -> None:
        """Ends all reading."""
        self._stopping.set()

    def part(self, begin: int, end: int) -> bytes:
        """The bytes from `begin` to `end`, the latter excluded."""
        return self._persist(functools.partial(self._read, begin, end))

    def chunks(self) -> Iterator[bytes]:
        """All bytes."""
        for begin in range(0, self.num_bytes, _READ_BYTES):
            yield self.part(begin, min(begin + _READ_BYTES, self.num_bytes))

    def _read(self, begin: int, end: int) -> bytes:
        if not hasattr(self._of_thread, "file"):  # one file has one position
            self._of_thread.file = tf.io.gfile.GFile(self._path, "rb")
        file = self._of_thread.file
        if file.tell() != begin:
            file.seek(begin)
        content = file.read(end - begin)
        if len(content) < end - begin:
            raise Refused("it has become shorter while it was read; start again")
        return content

    def _persist(self, read: Callable[[], Any]) -> Any:
        transient = (tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError)

        def attempt() -> Any:
            try:
                return read()
            except transient as error:
                self._of_thread.__dict__.pop("file", None)
                raise Broken(describe_error(error)) from error
            except (OSError, tf.errors.OpError) as error:
                raise Refused(describe_error(error)) from error

        try:
            return self._persistence.persist(attempt)
        except (Refused, Unreachable) as error:
            raise RecordError(self._path, None, f"cannot be read ({error})") from error
