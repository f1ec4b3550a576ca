"""Downloads a partition of the data set, or a part of it, to a directory with the official layout::

    with Download("2/frame/validate", "/data/yt8m", shard=(1, 100)) as download:
        download.run(download.survey())

After a kill, the same call resumes.
"""

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from yt8m.data.access.client import Client
from yt8m.data.access.retries import Patience, Refused, Unreachable
from yt8m.download.layout import (
    DEFAULT_JOBS,
    Jobs,
    Mirror,
    Shard,
    check_partition,
    in_shard,
    local_directory,
    local_name,
    official_site,
    own_site,
    parse_plan,
    plan_url,
)
from yt8m.download.survey import Downloaded, RemoteFile, Survey, require_room
from yt8m.download.threads import Meter, Outcome, in_threads
from yt8m.download.transfer import CheckedFiles, Wrong, fetch, file_md5, partial_path
from yt8m.errors import InputError, quantity
from yt8m.files import NewFile, make_directory, remove_empty
from yt8m.progress import SILENT, Progress
from yt8m.values import checked

_PLAN_ATTEMPTS = 5
"""Few, so that a wrong address is reported soon."""

_NAMES_TOLD = 8

_SIZES_ASKED = 64
"""Enough files, of a partition's 3844, to estimate the total within a few percent. Files hold about equally many records."""


class Download:
    """Downloads a partition of the data set. Use it in a `with` block, which closes the connections.

    `survey` finds the missing files and `run` downloads them. A file appears under its name when it is complete and its md5
    is right. After a kill, the same call resumes.

    Args:
        partition: such as `2/frame/train`.
        out: the root of the data set. Files go to `OUT/2/frame/train/`.
        mirror: one of the official servers.
        shard: (X, Y) for part X of Y; None = all.
        jobs: files to download at a time.
        base_url: an address with the same plans and files below it; None = the official servers.
        patience: how long to wait for the server.
        progress: gets the progress, and a line for each file that cannot be downloaded.

    Raises:
        InputError: the partition, mirror or shard does not exist, or `out` cannot be used.
    """

    @checked
    def __init__(
        self,
        partition: str,
        out: str | os.PathLike,
        *,
        mirror: Mirror = "us",
        shard: tuple[int, int] | None = None,
        jobs: Jobs = DEFAULT_JOBS,
        base_url: str | None = None,
        patience: Patience | None = None,
        progress: Progress = SILENT,
    ):
        self._partition = check_partition(partition)
        self._site = official_site(mirror) if base_url is None else own_site(base_url)
        self._shard = Shard(*(shard or (1, 1)))
        if not 1 <= self._shard.part <= self._shard.parts:
            raise InputError(f"shard is {shard}; it must be (X, Y) with 1 <= X <= Y")
        self._root = local_directory(out)
        self._directory = self._root / self._partition
        self._jobs = jobs
        self._progress = progress
        self._stopping = threading.Event()
        self._client = Client(patience or Patience(), jobs, self._stopping)
        self._checked = CheckedFiles(self._directory)

    def __enter__(self) -> "Download":
        return self

    def __exit__(self, *_) -> None:
        self._client.close()

    def survey(self) -> Survey:
        """Finds the missing files and their sizes. Writes no data.

        Raises:
            InputError: the plan cannot be downloaded, or the shard has no file.
        """
        files = self._plan()
        missing = self._missing(files)
        lists = [each for each in self._lists() if not each.path.exists()]
        step = max(1, -(-len(missing) // _SIZES_ASKED))
        sizes = self._sizes([*lists, *missing[::step]])
        partial = sum(_size_of(partial_path(file.path)) for file in missing)
        return Survey(self._directory, (*lists, *missing), sizes, len(files) - len(missing), partial)

    def run(self, survey: Survey) -> Downloaded:
        """Downloads the missing files. A file that fails does not stop the others.

        Raises:
            InputError: the disk has too little room or cannot be written, or some files failed. In the last case all others
                are there, unless as many in a row failed as are downloaded at a time.
        """
        result = Downloaded(self._directory, survey.num_present)
        if survey.files:
            require_room(survey)
            made = make_directory(self._directory)
            try:
                self._fetch_all(survey, result)
            finally:
                remove_empty(made)
        self._check_complete(survey, result)
        return result

    def _plan(self) -> list[RemoteFile]:
        url = plan_url(self._site, self._partition)
        try:
            plan = parse_plan(self._client.content(url, _PLAN_ATTEMPTS), url)
        except (Refused, Unreachable) as error:
            raise InputError(
                f"{url}: the list of files cannot be downloaded ({error}); check the address and the network"
            ) from error
        files = [
            RemoteFile(f"{self._site.files}/{self._partition}/{name}", self._directory / local_name(name), md5)
            for name, md5 in plan.items()
            if in_shard(name, self._shard)
        ]
        if not files:
            none = f"none of {quantity(len(plan), 'file')} is in it"
            raise InputError(f"--shard {self._shard.part},{self._shard.parts}: {none}; take a larger one")
        return sorted(files, key=lambda file: file.path)

    def _lists(self) -> list[RemoteFile]:
        urls = [self._site.vocabulary]
        if self._partition.startswith("3/"):
            urls.append(self._site.segment_classes)
        return [RemoteFile(url, self._root / url.rpartition("/")[2], None) for url in urls]

    def _missing(self, files: Sequence[RemoteFile]) -> list[RemoteFile]:
        """The files that are missing or have a wrong md5."""
        present = [file for file in files if file.path.is_file()]
        unknown = [file for file in present if (file.path, file.md5) not in self._checked]
        right = set(present) - set(unknown)

        def check(file: RemoteFile) -> bool:
            return file_md5(file.path, meter.add) == file.md5

        def checked(outcome: Outcome[RemoteFile, bool]) -> None:
            file = outcome.item
            if outcome.error:
                raise outcome.error
            if outcome.result:
                right.add(file)
                self._checked.add(file.path, file.md5 or "")
            else:
                self._progress.message(f"{file.path}: its md5 differs from the plan's; it is downloaded again")

        meter = Meter()
        total = sum(_size_of(file.path) for file in unknown)
        self._work("checking md5", check, unknown, meter, lambda: total, "B", checked)
        return [file for file in files if file not in right]

    def _sizes(self, files: Sequence[RemoteFile]) -> dict[RemoteFile, int]:
        sizes: dict[RemoteFile, int] = {}

        def measured(outcome: Outcome[RemoteFile, int | None]) -> None:
            if outcome.error:
                raise outcome.error
            meter.add(1)
            if outcome.result is not None:
                sizes[outcome.item] = outcome.result

        meter = Meter()
        self._work(
            "asking for sizes",
            lambda file: self._client.size(file.url),
            files,
            meter,
            lambda: len(files),
            "file",
            measured,
        )
        return sizes

    def _fetch_all(self, survey: Survey, result: Downloaded) -> None:
        meter = Meter()
        unreached = 0

        def work(file: RemoteFile) -> None:
            if file.md5 is None:
                self._fetch_list(file, meter)
            else:
                fetch(self._client, file.url, file.path, file.md5, meter.add)

        def finished(outcome: Outcome[RemoteFile, None]) -> None:
            nonlocal unreached
            file, error = outcome.item, outcome.error
            if error is None:
                unreached = 0
                result.fetched.append(file.path)
                survey.sizes[file] = _size_of(file.path)
                if file.md5:
                    self._checked.add(file.path, file.md5)
            elif isinstance(error, Refused | Unreachable | Wrong):
                unreached = unreached + 1 if isinstance(error, Unreachable) else 0
                self._cannot_be_had(file, error, result)
                if unreached >= self._jobs:
                    self._stopping.set()
            else:
                raise error

        try:
            self._work(
                self._partition,
                work,
                survey.files,
                meter,
                lambda: survey.num_bytes,
                "B",
                finished,
                done=survey.num_partial_bytes,
            )
        finally:
            result.num_bytes = meter.value

    def _fetch_list(self, file: RemoteFile, meter: Meter) -> None:
        content = self._client.content(file.url)
        if not content.removeprefix(b"\xef\xbb\xbf").startswith(b"Index"):
            raise Wrong("it is not a CSV file with a column Index")
        with NewFile(file.path) as new:
            new.write(content)
        meter.add(len(content))

    def _cannot_be_had(self, file: RemoteFile, error: Exception, result: Downloaded) -> None:
        if file.md5 is None and isinstance(error, Refused) and not self._site.is_official:
            self._progress.message(f"{file.url}: does not exist ({error}); training does not need it")
            return
        self._progress.message(f"{file.url}: cannot be downloaded ({error})")
        result.missing[file.url.rpartition("/")[2]] = str(error)

    def _work(
        self,
        description: str,
        work: Callable,
        items: Sequence[RemoteFile],
        meter: Meter,
        total: Callable[[], int | None],
        unit: str,
        finished: Callable[[Outcome], None],
        done: int = 0,
    ) -> None:
        if not items:
            return
        counted = 0

        def advance() -> None:
            nonlocal counted
            more = meter.value - counted
            counted += more
            self._progress.advance(more, total())

        with self._progress.working(description, unit, done, total()):
            in_threads(work, items, self._jobs, self._stopping, finished, advance)
            advance()  # what came since the last tick

    def _check_complete(self, survey: Survey, result: Downloaded) -> None:
        if not result.missing:
            return
        told = [f"{name} ({reason})" for name, reason in list(result.missing.items())[:_NAMES_TOLD]]
        if len(result.missing) > len(told):
            told.append(f"{len(result.missing) - len(told)} more")
        text = (
            f"{self._directory}: {len(result.missing)} of {quantity(len(survey.files), 'file')} cannot be downloaded: "
        )
        text += ", ".join(told)
        if self._stopping.is_set():
            rest = len(survey.files) - len(result.missing) - len(result.fetched)
            text += f"; the server does not answer, so {rest} more {'was' if rest == 1 else 'were'} not tried"
        raise InputError(f"{text}; run the same command again to try these again")


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
