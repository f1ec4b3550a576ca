"""Checks where a command writes a file: nothing that a run or a data set keeps, or that the command reads, is replaced."""

import os
from collections.abc import Iterable
from pathlib import Path

from yt8m.data.access.compression import plain_name
from yt8m.data.tables.vocabulary import ROOT_FILES
from yt8m.errors import InputError
from yt8m.files import check_destination, refuse_inputs
from yt8m.runs.directory import RunDirectory
from yt8m.runs.unlike import is_run

_RECORDS = ".tfrecord"


def check_output(
    path: str | os.PathLike,
    own: Iterable[str | os.PathLike] = (),
    *,
    inputs: Iterable[str] = (),
    but: Iterable[Path] = (),
) -> None:
    """Raises InputError unless a file can be written without replacing what is kept. Ask before the work.

    Args:
        path: the file to write.
        own, inputs, but: as in `refuse_kept`.
    """
    refuse_kept(path, own, inputs=inputs, but=but)
    check_destination(path)


def refuse_kept(
    path: str | os.PathLike,
    own: Iterable[str | os.PathLike] = (),
    *,
    inputs: Iterable[str] = (),
    but: Iterable[Path] = (),
) -> None:
    """Raises InputError if writing to a path would replace a part of a run, an input, or a file of a data set.

    Runs are those of the command and those that the path lies in, also through links. Files of a data set are records, its
    vocabulary and its list of the classes to rank.

    Args:
        path: the file or directory to write.
        own: the run directories that the command reads. Their parts may be links to places that lie in no run.
        inputs: paths of other files that the command reads.
        but: files of runs that the command may replace.
    """
    if not os.fspath(path) or os.path.realpath(path) in map(os.path.realpath, but):
        return
    for run in own:
        RunDirectory(Path(run)).refuse(path)
    places = (Path(path), Path(os.path.abspath(path)), Path(os.path.realpath(path)))  # the name as typed comes first
    for directory in filter(is_run, dict.fromkeys(parent for place in places for parent in place.parents)):
        RunDirectory(directory).refuse(path)
    refuse_inputs(path, inputs)
    if os.path.isfile(path):
        for name in (os.path.basename(path), os.path.basename(os.path.realpath(path))):
            if kind := "a file of records" if plain_name(name).endswith(_RECORDS) else ROOT_FILES.get(name):
                raise InputError(f"{os.fspath(path)}: is {kind}, which belongs to a data set; name another place")
