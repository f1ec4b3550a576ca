"""Downloads the published files of the data set's own feature extractor: `yt8m.extracting.networks.published` runs them.

No digest of these files is published. So the first download notes each file's size and sha256 in a lock file, and later ones,
also on another machine that has a copy of the lock file, refuse anything else.
"""

import hashlib
import os
import tarfile
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from yt8m.data.access.client import Client
from yt8m.data.access.retries import Patience, Refused, Unreachable
from yt8m.download.layout import Jobs, local_directory, own_site
from yt8m.download.threads import Meter, Outcome, in_threads
from yt8m.download.transfer import Wrong, fetch, partial_path
from yt8m.errors import InputError, quantity
from yt8m.files import NewFile, check_room, make_directory, read_json, remove_empty, sha256_of, write_json
from yt8m.progress import SILENT, Progress
from yt8m.values import checked

LOCK_NAME = "extractor.lock.json"
_BLOCK_BYTES = 1 << 20
_MOST_MEMBER_BYTES = 1 << 30


@dataclass(frozen=True)
class PublishedFile:
    """A file on a server."""

    url: str
    members: tuple[str, ...] = ()
    """The files to take from it, if it is an archive. The archive itself is not kept."""

    @property
    def name(self) -> str:
        """Its name here."""
        return self.url.rpartition("/")[2]

    @property
    def kept(self) -> tuple[str, ...]:
        """The files that come of it."""
        return self.members or (self.name,)


_PCA = "http://data.yt8m.org/pca_matrix_data"
FILES = (
    PublishedFile(
        "http://download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz",
        ("classify_image_graph_def.pb",),
    ),
    PublishedFile(f"{_PCA}/inception3_mean_matrix_data.pb"),
    PublishedFile(f"{_PCA}/inception3_projection_matrix_data.pb"),
    PublishedFile("https://storage.googleapis.com/audioset/vggish_model.ckpt"),
    PublishedFile(f"{_PCA}/vggish_mean_matrix_data.pb"),
    PublishedFile(f"{_PCA}/vggish_projection_matrix_data.pb"),
    PublishedFile("http://data.yt8m.org/yt8m_pca.tgz", ("mean.npy", "eigenvals.npy", "eigenvecs.npy")),
)
"""Where Google's extractor in MediaPipe and the one of the starter code get theirs."""

State = Literal["fetched", "there", "missing"]


@dataclass(frozen=True)
class LockedFile:
    """A file as it was first seen."""

    name: str
    url: str
    num_bytes: int
    sha256: str
    state: State = "there"


@dataclass
class FetchedFiles:
    """What a download of the extractor did."""

    directory: Path
    files: list[LockedFile] = field(default_factory=list)
    """Those that are there, in the order of `FILES`."""
    failed: dict[str, str] = field(default_factory=dict)
    """The reason for each that is not, by its name on the server."""


class ExtractorDownload:
    """Downloads the extractor's files. Use it in a `with` block, which closes the connections.

    After a kill, the same call resumes within the files. Files that are there already, fetched or copied, are noted in the
    lock file, and must stay as they are noted.

    Args:
        out: the directory of the files.
        jobs: files to download at a time.
        base_url: an address below which all files lie, each by its name; None = the official servers.
        patience: how long to wait for a server.
        progress: gets the progress.

    Raises:
        InputError: `out` cannot be used, or `base_url` is no address.
    """

    @checked
    def __init__(
        self,
        out: str | os.PathLike,
        *,
        jobs: Jobs = 4,
        base_url: str | None = None,
        patience: Patience | None = None,
        progress: Progress = SILENT,
    ):
        self._directory = local_directory(out)
        self._site = None if base_url is None else own_site(base_url).files
        self._jobs, self._progress = jobs, progress
        self._stopping = threading.Event()
        self._client = Client(patience or Patience(), jobs, self._stopping)

    def __enter__(self) -> "ExtractorDownload":
        return self

    def __exit__(self, *_) -> None:
        self._client.close()

    def sizes(self) -> dict[PublishedFile, int | None]:
        """The missing files and their sizes in bytes, where the server tells them. Writes nothing."""
        return {file: self._client.size(self.address(file)) for file in self._missing()}

    def address(self, file: PublishedFile) -> str:
        """Where a file is fetched."""
        return f"{self._site}/{file.name}" if self._site else file.url

    def run(self) -> FetchedFiles:
        """Downloads the missing files, and notes or checks all. A file that fails does not stop the others.

        Raises:
            InputError: a file differs from the lock file, the disk has too little room, or some files failed. In the last
                case all others are there.
        """
        lock = _Lock(self._directory)
        result = FetchedFiles(self._directory)
        states: dict[str, State] = {}
        for file in FILES:
            for name in file.kept:
                if (self._directory / name).is_file():
                    lock.add(lock.checked(_seen(self._directory / name, file.url), self._directory / name))
                    states[name] = "there"
        missing = self.sizes()
        needed = sum((size or 0) * (2 if file.members else 1) for file, size in missing.items())
        partial = sum(_size_of(partial_path(self._directory / file.name)) for file in missing)
        check_room(self._directory, max(0, needed - partial), "the extractor's files", "choose another --out")
        made = make_directory(self._directory)
        try:
            lock.write()  # what was there
            self._fetch_all(missing, partial, lock, states, result)
        finally:
            remove_empty(made)
        for file in FILES:
            result.files += [lock.file(name, states[name]) for name in file.kept if name in states]
        if result.failed:
            told = ", ".join(f"{name} ({reason})" for name, reason in result.failed.items())
            raise InputError(
                f"{self._directory}: {quantity(len(result.failed), 'file')} cannot be had: {told}; "
                "run the same command again to try again"
            )
        return result

    def _missing(self) -> list[PublishedFile]:
        return [file for file in FILES if not all((self._directory / name).is_file() for name in file.kept)]

    def _fetch_all(
        self,
        missing: dict[PublishedFile, int | None],
        partial: int,
        lock: "_Lock",
        states: dict[str, State],
        result: FetchedFiles,
    ) -> None:
        meter, counted, unreached = Meter(), 0, 0
        total = sum(size or 0 for size in missing.values()) or None

        def advance() -> None:
            nonlocal counted
            more = meter.value - counted
            counted += more
            self._progress.advance(more)

        def finished(outcome: Outcome[PublishedFile, list[LockedFile]]) -> None:
            nonlocal unreached
            unreached = unreached + 1 if isinstance(outcome.error, Unreachable) else 0
            if unreached >= self._jobs:  # no server answers
                self._stopping.set()
            if isinstance(outcome.error, Refused | Unreachable | Wrong):
                result.failed[outcome.item.name] = str(outcome.error)
            elif outcome.error:
                raise outcome.error
            else:
                for each in outcome.result or []:
                    lock.add(each)
                    if each.name in outcome.item.kept:
                        states[each.name] = "fetched"
                lock.write()

        if missing:
            with self._progress.working("extractor", "B", partial, total):
                work = lambda file: self._fetch(file, lock, meter)  # noqa: E731
                in_threads(work, list(missing), self._jobs, self._stopping, finished, advance)
                advance()
        for file in missing:
            if not all(name in states for name in file.kept) and file.name not in result.failed:
                result.failed[file.name] = "not tried any more"

    def _fetch(self, file: PublishedFile, lock: "_Lock", meter: Meter) -> list[LockedFile]:
        """Downloads a file, and unpacks it if it is an archive. Gives what the lock file is to hold of it."""
        path, expected = self._directory / file.name, lock.sha256_of(file.name)
        if not path.is_file():  # a killed process may have left an archive that is complete
            try:
                fetch(self._client, self.address(file), path, expected, meter.add, "sha256")
            except Wrong as error:
                raise Wrong(f"{error}; if the new file is right, take its entry out of {lock.path}") from error
        found = [lock.checked(_seen(path, file.url), path)]
        if file.members:
            found += _unpacked(path, file, lock)
            path.unlink()
        return found


class _Lock:
    """The lock file of a directory. Threads only read it."""

    def __init__(self, directory: Path):
        self.path = directory / LOCK_NAME
        self._files: dict[str, LockedFile] = {}
        if self.path.exists():
            self._files = {each.name: each for each in self._read()}

    def _read(self) -> list[LockedFile]:
        values = read_json(self.path)
        try:
            return [LockedFile(name, *_values_of(entry)) for name, entry in values["files"].items()]
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise InputError(
                f"{self.path}: is no lock file of yt8m download extractor, or damaged; remove it"
            ) from error

    def sha256_of(self, name: str) -> str | None:
        return self._files[name].sha256 if name in self._files else None

    def file(self, name: str, state: State) -> LockedFile:
        each = self._files[name]
        return LockedFile(each.name, each.url, each.num_bytes, each.sha256, state)

    def checked(self, file: LockedFile, path: Path) -> LockedFile:
        """The file. Raises InputError if the lock file says something else of it."""
        locked = self.sha256_of(file.name)
        if locked not in (None, file.sha256):
            raise InputError(
                f"{path}: has the sha256 {file.sha256}, and {self.path} says {locked}; remove the file to fetch it again, or "
                "take its entry out of the lock file if the file is right"
            )
        return file

    def add(self, file: LockedFile) -> None:
        self._files[file.name] = file

    def write(self) -> None:
        files = {
            each.name: {"url": each.url, "bytes": each.num_bytes, "sha256": each.sha256}
            for each in sorted(self._files.values(), key=lambda each: each.name)
        }
        if files:
            write_json(self.path, {"files": files})


def _seen(path: Path, url: str) -> LockedFile:
    """A file as it is now. Raises InputError if it cannot be read."""
    digest = sha256_of(path)
    return LockedFile(path.name, url, path.stat().st_size, digest)


def _values_of(entry: dict[str, Any]) -> Sequence[Any]:
    url, size, digest = entry["url"], entry["bytes"], entry["sha256"]
    if not isinstance(url, str) or not isinstance(size, int) or len(bytes.fromhex(digest)) != 32:
        raise ValueError("not an entry")
    return url, size, digest


def _unpacked(archive: Path, file: PublishedFile, lock: _Lock) -> list[LockedFile]:
    """Writes the wanted members of an archive beside it, and nothing else that is in it."""
    wanted, found = set(file.members), []
    try:
        with tarfile.open(archive, "r:gz") as packed:
            for member in packed:
                name = member.name.removeprefix("./")
                if name not in wanted or not member.isfile() or member.size > _MOST_MEMBER_BYTES:
                    continue
                wanted.remove(name)
                digest = hashlib.sha256()
                with packed.extractfile(member) as content, NewFile(archive.parent / name) as new:
                    while block := content.read(_BLOCK_BYTES):
                        new.write(block)
                        digest.update(block)
                    # In the block: a file that is not the locked one never gets its name.
                    seen = LockedFile(name, file.url, member.size, digest.hexdigest())
                    found.append(lock.checked(seen, archive.parent / name))
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        archive.unlink()
        raise Wrong(f"it is damaged, or no archive ({error})") from error
    if wanted:
        archive.unlink()
        raise Wrong(f"it has no {', '.join(sorted(wanted))}")
    return found


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
