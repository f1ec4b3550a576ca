"""The hidden directory for new files. After a kill, the same conversion continues with it."""

import contextlib
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from yt8m.conversion.shards import Shard
from yt8m.conversion.work import ENDINGS, Work
from yt8m.data.identity import identify
from yt8m.errors import InputError, quantity
from yt8m.files import hidden_directory, publish, read_json, remove_all, remove_unfinished, write_json
from yt8m.progress import Progress

_MANIFEST = "conversion.json"


class Staging:
    """The hidden directory that becomes the final one.

    Args:
        directory: the final directory, missing or empty.
        work: what to do to each record.
        shards: the files to write.
    """

    def __init__(self, directory: Path, work: Work, shards: Sequence[Shard]):
        self.path = directory.parent / f".{directory.name}.converting"
        self._directory, self._shards, self._ending = directory, shards, ENDINGS[work.to]
        paths = list(dict.fromkeys(path for shard in shards for part in shard.parts for path in part.paths))
        states = dict(zip(paths, identify(paths), strict=True))
        # An existing shard is kept only if the inputs are known to be the same and the result would be, too.
        self._plans = {
            f"{shard.name}{self._ending}": [
                work.plan,
                *([*dataclasses.astuple(part), *states[path]] for part in shard.parts for path in part.paths),
            ]
            for shard in shards
        }

    def made(self) -> contextlib.AbstractContextManager[None]:
        """Makes the directory and keeps others out. An error in the block removes it, unless a shard is complete."""
        busy = f"{self._directory}: another yt8m convert is writing it; wait for it, or name another place"
        return hidden_directory(self.path, busy, lambda: any((self.path / name).exists() for name in self._plans))

    def prepare(self, progress: Progress) -> list[Shard]:
        """Removes useless files from the directory and returns the missing shards."""
        remove_unfinished(self.path)
        kept = self._kept()
        remove_all(path for path in self.path.iterdir() if path.name not in kept)
        write_json(self.path / _MANIFEST, self._plans)
        if kept:
            progress.message(
                f"{self._directory}: going on; {len(kept)} of {quantity(len(self._shards), 'file')} are there"
            )
        return [shard for shard in self._shards if f"{shard.name}{self._ending}" not in kept]

    def _kept(self) -> set[str]:
        try:
            before = read_json(self.path / _MANIFEST)
        except InputError:
            return set()
        plans = json.loads(json.dumps(self._plans))
        known = {name for name, (_, *parts) in plans.items() if all(version for *_, version in parts)}
        return {name for name in known if before.get(name) == plans[name] and (self.path / name).exists()}

    def publish(self) -> int:
        """Gives the directory its final name and returns the number of bytes in it."""
        (self.path / _MANIFEST).unlink()
        num_bytes = sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())

        def failed(error: OSError) -> InputError:
            return InputError(f"{self._directory}: cannot be made ({error.strerror}); choose another place")

        publish(self.path, self._directory, failed)
        return num_bytes
