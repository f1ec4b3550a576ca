"""Writes files and directories completely or not at all; checks, locks and removes them."""

from yt8m.files.checking import check_local, check_room, refuse_inputs
from yt8m.files.contents import digest_of_file, read_json, sha256_of, write_json
from yt8m.files.directories import check_new, locked, make_directory, remove_empty
from yt8m.files.publishing import (
    NewFile,
    check_destination,
    check_empty,
    hidden_directory,
    new_contents,
    new_directory,
    publish,
    remove_all,
    remove_unfinished,
    unwritable,
)

__all__ = [
    "NewFile",
    "check_destination",
    "check_empty",
    "check_local",
    "check_new",
    "check_room",
    "digest_of_file",
    "hidden_directory",
    "locked",
    "make_directory",
    "new_contents",
    "new_directory",
    "publish",
    "read_json",
    "refuse_inputs",
    "remove_all",
    "remove_empty",
    "remove_unfinished",
    "sha256_of",
    "unwritable",
    "write_json",
]
