"""The data set's servers, the names of its files there and here, and the files of a shard.

`--shard`, plans and names are as in the data set's own download script, so the same words get the same files.
"""

import hashlib
import json
import os
import re
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args

from yt8m.errors import InputError, unknown_name
from yt8m.values import Range

Mirror = Literal["us", "eu", "asia"]
Jobs = Annotated[int, Range(least=1, most=64)]
"""Files to download at a time."""
DEFAULT_JOBS = 8
MIRRORS: tuple[str, ...] = get_args(Mirror)
PARTITIONS = (
    *(f"2/{level}/{split}" for level in ("frame", "video") for split in ("train", "validate", "test")),
    *("3/frame/validate", "3/frame/test"),
)
EXTRACTOR = "extractor"
"""What is downloaded in place of a partition: the networks of the features."""

SERVER_DIGITS = string.ascii_lowercase + string.ascii_uppercase + string.digits
"""The digits of base 62, in the order of the server's names."""
_SERVER_NAME = re.compile(r"(?P<stem>\w*)(?P<digits>[a-zA-Z0-9]{2})\.tfrecord", re.ASCII)


@dataclass(frozen=True)
class Site:
    """Addresses, without a slash at the end."""

    plans: str
    files: str
    vocabulary: str
    segment_classes: str
    is_official: bool = True
    """Whether the site has all files for certain."""


def official_site(mirror: str) -> Site:
    """The data set's own servers.

    Raises:
        InputError: the mirror does not exist.
    """
    if mirror not in MIRRORS:
        raise InputError(unknown_name("mirror", mirror, MIRRORS))
    return Site(
        plans="http://data.yt8m.org",
        files=f"http://{mirror}.data.yt8m.org",
        vocabulary="https://research.google.com/youtube8m/csv/2/vocabulary.csv",
        # Where the starter code reads it.
        segment_classes="https://raw.githubusercontent.com/google/youtube-8m/master/segment_label_ids.csv",
    )


def own_site(base_url: str) -> Site:
    """A server with plans and files below one address, and perhaps the two lists.

    Raises:
        InputError: it is not an HTTP address.
    """
    base = base_url.rstrip("/")
    if not re.match(r"https?://[^/?#]", base):
        raise InputError(f"--base-url is {base_url!r}; it must be an address such as http://host:8000/youtube8m")
    return Site(base, base, f"{base}/vocabulary.csv", f"{base}/segment_label_ids.csv", is_official=False)


def check_partition(partition: str) -> str:
    """The partition without slashes at its ends. Raises InputError if it does not exist."""
    stripped = partition.strip("/")
    if stripped not in PARTITIONS:
        raise InputError(unknown_name("partition", partition, (*PARTITIONS, EXTRACTOR)))
    return stripped


class Shard(NamedTuple):
    """A part of a partition, chosen by file names."""

    part: int
    """The number of the part, from 1."""
    parts: int


def parse_shard(text: str) -> Shard:
    """`3,100` as (3, 100).

    Raises:
        InputError: it does not have the form X,Y with 1 <= X <= Y.
    """
    found = re.fullmatch(r"\s*([0-9]{1,9})\s*,\s*([0-9]{1,9})\s*", text)
    shard = Shard(int(found[1]), int(found[2])) if found else Shard(0, 0)
    if not 1 <= shard.part <= shard.parts:
        raise InputError(f"--shard is {text!r}; it must be X,Y with 1 <= X <= Y, such as 1,100 for a hundredth")
    return shard


def plan_url(site: Site, partition: str) -> str:
    """The address of the list of a partition's files."""
    version, level, split = partition.split("/")
    return f"{site.plans}/{version}/download_plans/{level}_{split}.json"


def in_shard(server_name: str, shard: Shard) -> bool:
    """Whether a file is in a shard."""
    return int(hashlib.md5(server_name.encode()).hexdigest(), 16) % shard.parts == shard.part - 1


def local_name(server_name: str) -> str:
    """`train0939.tfrecord` for `trainpj.tfrecord`. These names also differ on disks that ignore case.

    Raises:
        ValueError: the name does not have that form.
    """
    found = _SERVER_NAME.fullmatch(server_name)
    if not found:
        raise ValueError(f"{server_name!r} does not end in two letters or digits and .tfrecord")
    first, second = (SERVER_DIGITS.index(digit) for digit in found["digits"])
    return f"{found['stem']}{62 * first + second:04d}.tfrecord"


def parse_plan(content: bytes, url: str) -> dict[str, str]:
    """The md5 of each file, by its name on the server.

    Args:
        content: the plan.
        url: the plan's address, for messages.

    Raises:
        InputError: it is not a plan, or it has a name that no file may get.
    """
    try:
        files = json.loads(content)["files"]
        for name, md5 in files.items():
            local_name(name)
            if not re.fullmatch(r"[0-9a-fA-F]{32}", md5):
                raise ValueError(f"{md5!r} is not an md5")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
        raise InputError(f"{url}: is not a download plan ({reason}); check the address, or try again later") from error
    return {name: md5.lower() for name, md5 in files.items()}


def local_directory(out: str | os.PathLike) -> Path:
    """Where to download to. Raises InputError unless it is a local directory, or nothing yet."""
    text = os.fspath(out)
    if "://" in text:
        raise InputError(f"{text}: files are downloaded to a local directory; name one with --out")
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise InputError(f"{text}: this is not a directory; name another with --out")
    return path
