"""The hidden directory for new files. After a kill, the same conversion continues with it."""

import contextlib
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yt8m.conversion.shards import Shard
from yt8m.conversion.work import ENDINGS, Work
from yt8m.data.companions import take_along
from yt8m.data.identity import identify
from yt8m.errors import InputError, quantity
from yt8m.files import hidden_directory, publish, read_json, remove_all, remove_unfinished, write_json
from yt8m.progress import Progress

MANIFEST = "conversion.json"

Plans = dict[str, list[Any]]
"""By name of a new file, all that decides about it, in plain JSON values."""


def plans_of(work: Work, shards: Sequence[Shard]) -> Plans:
    """The plans of new files. Errors: see `yt8m.data.identity.identify`."""
    paths = list(dict.fromkeys(path for shard in shards for part in shard.parts for path in part.paths))
    states = dict(zip(paths, identify(paths), strict=True))
    return {
        file_name(shard, work): [
            work.plan,
            *([*dataclasses.astuple(part), *states[path]] for part in shard.parts for path in part.paths),
        ]
        for shard in shards
    }


def file_name(shard: Shard, work: Work) -> str:
    """The name of a new file."""
    return f"{shard.name}{ENDINGS[work.to]}"


def as_before(plans: Plans, before: Plans) -> set[str]:
    """The files that a stopped conversion was to write, too, from inputs that are known to be the same."""
    plain = json.loads(json.dumps(plans))
    known = {name for name, (_, *parts) in plain.items() if all(version for *_, version in parts)}
    return {name for name in known if before.get(name) == plain[name]}


def tell_kept(kept: set[str], plans: Plans, out: object, progress: Progress) -> None:
    """Says that a conversion goes on, if it does."""
    if kept:
        progress.message(f"{out}: going on; {len(kept)} of {quantity(len(plans), 'file')} are there")


class Staging:
    """The hidden directory that becomes the final one.

    Args:
        directory: the final directory, missing or empty.
        work: what to do to each record.
        shards: the files to write.
    """

    def __init__(self, directory: Path, work: Work, shards: Sequence[Shard]):
        self.path = directory.parent / f".{directory.name}.converting"
        self._directory, self._plans = directory, plans_of(work, shards)

    def made(self) -> contextlib.AbstractContextManager[None]:
        """Makes the directory and keeps others out. An error in the block removes it, unless a shard is complete."""
        busy = f"{self._directory}: another yt8m convert is writing it; wait for it, or name another place"
        return hidden_directory(self.path, busy, lambda: any((self.path / name).exists() for name in self._plans))

    def prepare(self, progress: Progress) -> set[str]:
        """Removes useless files from the directory and returns the names of those that are there."""
        remove_unfinished(self.path)
        kept = self._kept()
        remove_all(path for path in self.path.iterdir() if path.name not in kept)
        write_json(self.path / MANIFEST, self._plans)
        tell_kept(kept, self._plans, self._directory, progress)
        return kept

    def _kept(self) -> set[str]:
        try:
            before = read_json(self.path / MANIFEST)
        except InputError:
            return set()
        return {name for name in as_before(self._plans, before) if (self.path / name).exists()}

    def publish(self) -> int:
        """Gives the directory its final name and returns the number of bytes in it."""
        (self.path / MANIFEST).unlink()
        num_bytes = sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())

        def failed(error: OSError) -> InputError:
            return InputError(f"{self._directory}: cannot be made ({error.strerror}); choose another place")

        publish(self.path, self._directory, failed)
        return num_bytes

    def add_companions(self, records: str) -> None:
        """Copies what goes along with records to the final directory; see `yt8m.data.companions`."""
        take_along(records, self._directory, self._directory)
