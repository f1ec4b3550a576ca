"""A remote place for Beam, `shared://NAME/...`, whose files lie in a directory here. It has no directories, as object stores."""

import os
from pathlib import Path

from apache_beam.io.filesystem import BeamIOError, FileMetadata, FileSystem

ROOT = Path()
"""Where the files lie; set by a test."""


class SharedStorage(FileSystem):
    """See the module."""

    @classmethod
    def scheme(cls):
        return "shared"

    def _place(self, path: str) -> Path:
        return ROOT / path.removeprefix("shared://")

    def join(self, basepath, *paths):
        return "/".join([basepath.rstrip("/"), *paths])

    def split(self, path):
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path):
        pass

    def has_dirs(self):
        return False

    def _list(self, dir_or_prefix):
        for path in sorted(ROOT.rglob("*")):
            name = f"shared://{path.relative_to(ROOT)}"
            if path.is_file() and name.startswith(dir_or_prefix):
                yield self.metadata(name)

    def create(self, path, mime_type="", compression_type=None):
        self._place(path).parent.mkdir(parents=True, exist_ok=True)
        return self._place(path).open("wb")

    def open(self, path, mime_type="", compression_type=None):
        try:
            return self._place(path).open("rb")
        except OSError as error:
            raise BeamIOError("No such object", {path: error}) from error

    def exists(self, path):
        return self._place(path).is_file()

    def delete(self, paths):
        for path in paths:
            self._place(path).unlink()

    def metadata(self, path):
        status = self._place(path).stat()
        return FileMetadata(path, status.st_size, status.st_mtime)

    def copy(self, source_file_names, destination_file_names):
        raise NotImplementedError

    def rename(self, source_file_names, destination_file_names):
        raise NotImplementedError

    def size(self, path):
        return os.path.getsize(self._place(path))

    def last_updated(self, path):
        return os.path.getmtime(self._place(path))

    def checksum(self, path):
        raise NotImplementedError
