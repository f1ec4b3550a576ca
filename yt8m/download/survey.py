"""What there is to fetch, and what was."""

from dataclasses import dataclass, field
from pathlib import Path

from yt8m.files import check_room


@dataclass(frozen=True, eq=False)  # looked up by the thousand
class RemoteFile:
    """A file that is to be had, equal to itself alone."""

    url: str
    path: Path
    md5: str | None
    """None of the lists at the root of the data set, CSV files of a megabyte at most."""


@dataclass(frozen=True)
class Survey:
    """What there is to fetch."""

    directory: Path
    """Of the partition's files."""
    files: tuple[RemoteFile, ...]
    """What is missing, by name; the lists first."""
    sizes: dict[RemoteFile, int]
    """Bytes of those files whose size is known: of some, if there are many, and of what was fetched since."""
    num_present: int
    """Files that are there and right."""
    num_partial_bytes: int
    """Of the missing files, what is there of an earlier run."""

    @property
    def num_bytes(self) -> int | None:
        """Of the missing files. Record files of unknown size count as the mean of the others; None if all are unknown."""
        known = [size for file, size in self.sizes.items() if file.md5]
        if self.num_unknown and not known:
            return None
        return sum(self.sizes.values()) + self.num_unknown * sum(known) // max(1, len(known))

    @property
    def num_unknown(self) -> int:
        """Record files whose size is not known."""
        return sum(file.md5 is not None and file not in self.sizes for file in self.files)


@dataclass
class Downloaded:
    """What was fetched."""

    directory: Path
    num_present: int
    """Files that were there before."""
    fetched: list[Path] = field(default_factory=list)
    num_bytes: int = 0
    """That came over the network and were kept."""
    missing: dict[str, str] = field(default_factory=dict)
    """Why, by the name on the server."""


def require_room(survey: Survey) -> None:
    """Raises InputError unless the file system has room for what is missing."""
    if survey.num_bytes is None:
        return
    needed = survey.num_bytes - survey.num_partial_bytes
    remedy = "choose another --out, or fetch a part with --shard 1,100"
    check_room(survey.directory, needed, "the files that are missing", remedy)
