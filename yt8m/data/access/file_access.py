"""Opens, measures and lists files: local ones, those behind HTTP, and others by TensorFlow, imported for these alone."""

import glob
import os
from typing import BinaryIO

from yt8m.data.access import web
from yt8m.data.access.file_objects import PartsFile, StreamFile


def is_remote(path: str) -> bool:
    """Whether a path has a scheme, such as `gs://`."""
    return "://" in path


def open_file(path: str) -> BinaryIO:
    """Opens a file for reading bytes. Errors, also of later reads: see `errors_of`; behind HTTP also RecordError."""
    if not is_remote(path):
        return open(path, "rb")
    if web.is_web(path):
        return _open_web(path)
    import tensorflow as tf

    return tf.io.gfile.GFile(path, "rb")


def _open_web(url: str) -> BinaryIO:
    from yt8m.data.access.web_reading import WebReader

    reader = WebReader(url)
    if reader.in_parts:
        return PartsFile(reader.part, reader.num_bytes, reader.close)
    return StreamFile(reader.chunks, reader.close)


def file_size(path: str) -> int | None:
    """The size of a file in bytes; None if a web server does not say. Errors: see `errors_of`; behind HTTP also InputError."""
    if not is_remote(path):
        return os.stat(path).st_size
    if web.is_web(path):
        return web.find(path).num_bytes
    import tensorflow as tf

    return tf.io.gfile.stat(path).length


def remote_version(path: str) -> int | str:
    """What changes with a remote file: the time of change in nanoseconds; behind HTTP, text from the server.

    Errors: see `file_size`.
    """
    if web.is_web(path):
        return web.find(path).version
    import tensorflow as tf

    return tf.io.gfile.stat(path).mtime_nsec


def errors_of(path: str) -> tuple[type[Exception], ...]:
    """The errors by which a file or directory says that it cannot be read: OSError; of a remote one, TensorFlow's too."""
    if not is_remote(path) or web.is_web(path):
        return (OSError,)
    import tensorflow as tf

    return OSError, tf.errors.OpError


def is_directory(path: str) -> bool:
    """Whether a path is a directory; False if that cannot be known, as behind HTTP."""
    if not is_remote(path):
        return os.path.isdir(path)
    if web.is_web(path):
        return False
    import tensorflow as tf

    return tf.io.gfile.isdir(path)


def exists(path: str) -> bool:
    """Whether there is a file or directory. Errors of remote paths: see `errors_of`."""
    if not is_remote(path):
        return os.path.exists(path)
    import tensorflow as tf

    return tf.io.gfile.exists(path)


def list_files(directory: str, beginning: str, ending: str) -> list[str]:
    """A directory's files whose names begin and end so, sorted. Errors: see `errors_of`."""
    if is_remote(directory):
        return find_remote(os.path.join(glob.escape(directory), f"{glob.escape(beginning)}*{ending}"))
    names = (name for name in os.listdir(directory) if name.startswith(beginning) and name.endswith(ending))
    return sorted(os.path.join(directory, name) for name in names)


def find_remote(pattern: str) -> list[str]:
    """The remote files and directories that a pattern matches, sorted. Errors: see `errors_of`."""
    import tensorflow as tf

    return sorted(tf.io.gfile.glob(pattern))
