"""Files to download, and the result of a download."""

from dataclasses import dataclass, field
from pathlib import Path

from yt8m.files import check_room


@dataclass(frozen=True, eq=False)  # looked up by the thousand
class RemoteFile:
    """A file to download. It equals only itself."""

    url: str
    path: Path
    md5: str | None
    """None for the lists at the root of the data set, CSV files of up to a megabyte."""


@dataclass(frozen=True)
class Survey:
    """What to download."""

    directory: Path
    """The directory of the partition's files."""
    files: tuple[RemoteFile, ...]
    """The missing files by name, the lists first."""
    sizes: dict[RemoteFile, int]
    """Sizes in bytes, where known: of a sample, if there are many files, and of those downloaded since."""
    num_present: int
    """Files that are there, with the right md5."""
    num_partial_bytes: int
    """Bytes of the missing files that an earlier run left."""

    @property
    def num_bytes(self) -> int | None:
        """Bytes of the missing files. Files of unknown size count as the mean of the others. None if no size is known."""
        known = [size for file, size in self.sizes.items() if file.md5]
        if self.num_unknown and not known:
            return None
        return sum(self.sizes.values()) + self.num_unknown * sum(known) // max(1, len(known))

    @property
    def num_unknown(self) -> int:
        """Record files of unknown size."""
        return sum(file.md5 is not None and file not in self.sizes for file in self.files)


@dataclass
class Downloaded:
    """The result of a download."""

    directory: Path
    num_present: int
    """Files that existed before."""
    fetched: list[Path] = field(default_factory=list)
    num_bytes: int = 0
    """Bytes that came over the network and were kept."""
    missing: dict[str, str] = field(default_factory=dict)
    """The reason for each missing file, by its name on the server."""


def require_room(survey: Survey) -> None:
    """Raises InputError unless the disk has room for the missing files."""
    if survey.num_bytes is None:
        return
    needed = survey.num_bytes - survey.num_partial_bytes
    remedy = "choose another --out, or download a part with --shard 1,100"
    check_room(survey.directory, needed, "the files that are missing", remedy)
