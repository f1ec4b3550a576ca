"""Opens, measures and lists files: local ones by the system, all others by TensorFlow, which is imported for these alone."""

import glob
import os
from typing import BinaryIO

from yt8m.data import web


def is_remote(path: str) -> bool:
    """Whether a path has a scheme, such as `gs://`."""
    return "://" in path


def open_file(path: str) -> BinaryIO:
    """Opens a file for reading bytes. Errors, also of later reads: see `errors_of`."""
    if not is_remote(path):
        return open(path, "rb")
    import tensorflow as tf

    return tf.io.gfile.GFile(path, "rb")


def file_size(path: str) -> int:
    """The size of a file in bytes. Errors: see `errors_of`; behind HTTP also InputError."""
    if not is_remote(path):
        return os.stat(path).st_size
    if web.is_web(path):  # tensorflow-io would download the whole file
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
    if not is_remote(path):
        return (OSError,)
    import tensorflow as tf

    return OSError, tf.errors.OpError


def is_directory(path: str) -> bool:
    """Whether a path is a directory; False if that cannot be known."""
    if not is_remote(path):
        return os.path.isdir(path)
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
