"""Unfinished files of `yt8m convert --engine beam` behind an address such as `gs://`. Needs Beam."""

import contextlib
import json
from collections.abc import Iterator, Sequence

from yt8m.cluster.storage import (
    files_in,
    joined,
    move,
    num_bytes_in,
    open_shared,
    remove_files,
    upload,
    write_whole,
)
from yt8m.conversion.shards import Shard
from yt8m.conversion.staging import MANIFEST, as_before, plans_of, tell_kept
from yt8m.conversion.work import Work
from yt8m.data.companions import companions_of
from yt8m.errors import InputError
from yt8m.progress import Progress

_UNFINISHED = ".converting"


def refuse_used(out: str) -> None:
    """Raises InputError unless a remote directory is missing or empty, but for what a stopped conversion left."""
    if files_in(out):
        raise InputError(f"{out}: exists; name a new or empty directory")


class RemoteStaging:
    """As `yt8m.conversion.staging.Staging`, for a remote directory.

    Complete files wait below it, in `.converting`, until all are there. There are no locks behind an address.

    Args:
        out: the final directory.
        work: what to do to each record.
        shards: the files to write.

    Raises:
        InputError: files of this form cannot be written there.
    """

    def __init__(self, out: str, work: Work, shards: Sequence[Shard]):
        if work.to == "npz":
            raise InputError(f"{out}: --to npz writes directories, which appear whole on a disk alone; name one there")
        self.path = joined(out, _UNFINISHED)
        self._out, self._plans = out, plans_of(work, shards)

    @contextlib.contextmanager
    def made(self) -> Iterator[None]:
        """Nothing has to be made."""
        yield

    def prepare(self, progress: Progress) -> set[str]:
        """Removes useless files and returns the names of those that are there."""
        there = {path.rsplit("/", 1)[-1]: path for path in files_in(self.path)}
        kept = set()
        if MANIFEST in there:
            with open_shared(there[MANIFEST]) as file, contextlib.suppress(ValueError):
                kept = as_before(self._plans, json.loads(file.read())) & there.keys()
        remove_files([path for name, path in there.items() if name not in kept])
        write_whole(joined(self.path, MANIFEST), json.dumps(self._plans).encode())
        tell_kept(kept, self._plans, self._out, progress)
        return kept

    def publish(self) -> int:
        """Gives the files their final places and returns their number of bytes."""
        remove_files([joined(self.path, MANIFEST)])
        num_bytes = num_bytes_in(self.path)
        move([(path, joined(self._out, path.rsplit("/", 1)[-1])) for path in files_in(self.path)])
        return num_bytes

    def add_companions(self, records: str) -> None:
        """Copies what goes along with records; see `yt8m.data.companions`."""
        for path in companions_of(records):
            upload(path, joined(self._out, path.name))
