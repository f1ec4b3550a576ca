"""Reads and writes whole files: JSON and digests."""

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yt8m.errors import InputError, say_no_json
from yt8m.files.publishing import NewFile

_BLOCK_BYTES = 1 << 20


def digest_of_file(path: str | os.PathLike) -> str:
    """The md5 digest of a file's content, in hexadecimal."""
    return hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()


def sha256_of(path: str | os.PathLike) -> str:
    """The sha256 of a file's content, in hexadecimal. Raises InputError if the file cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: cannot be read ({error.strerror})") from error
    return digest.hexdigest()


def write_json(path: str | os.PathLike, values: Any) -> None:
    """Writes a JSON file. Raises InputError if it cannot be written."""
    with NewFile(path) as file:
        file.write(json.dumps(values, indent=2).encode() + b"\n")


def read_json(path: str | os.PathLike, object_of: Callable[[list[tuple[str, Any]]], Any] = dict) -> Any:
    """Reads a JSON file.

    Args:
        path: the file.
        object_of: makes an object from its keys and values.

    Raises:
        InputError: it cannot be read, is not JSON, is nested too deeply, or holds a whole number beyond the range of floats.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"), object_pairs_hook=object_of, parse_int=_whole_number)
    except OverflowError as error:
        raise InputError(f"{os.fspath(path)}: is damaged ({error})") from error
    except OSError as error:
        raise InputError(f"{os.fspath(path)}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{os.fspath(path)}: {say_no_json(error)}") from error


def _whole_number(digits: str) -> int:
    try:
        value = int(digits)
        float(value)
    except (OverflowError, ValueError) as error:  # Python refuses more than 4300 digits with a ValueError
        raise OverflowError(f"it holds a number of {len(digits.lstrip('-'))} digits") from error
    return value
