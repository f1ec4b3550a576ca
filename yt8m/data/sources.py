"""Finds the record files that a user means by paths, globs, directories or the root of a data set."""

import contextlib
import glob
import itertools
import os
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from yt8m.data.access import compression, web
from yt8m.data.access.file_access import errors_of, exists, is_directory, list_files
from yt8m.data.globs import expand_braces, find_matches, is_hidden
from yt8m.errors import InputError

_IN_WORDS = {
    r"Unable to perform \(23\)": "the server ignores Range requests, by which a file is read in parts",
    r"HTTP response code 30[1-8]": "the server redirects, which cannot be followed here; name the address that it leads to",
    r"Unable to perform \(3\)": "this is no address; write %20 for a space",
}
"""libcurl's codes in words."""
SPLITS = ("train", "validate", "test")
RECORDS = ".tfrecord"
"""The ending of files of records. Compressed ones have a further one (`yt8m.data.access.compression.ENDINGS`)."""
BARE = ".pb"
"""The ending of files that hold one record and nothing else (`yt8m.data.bare`)."""

_MOST_DIRECTORIES = 1000
"""Directories searched for records below one that holds none."""


def scheme(path: str) -> str:
    """The scheme of a path: `s3` for `s3://bucket/key`, empty for a local path."""
    return path.split("://", 1)[0] if "://" in path else ""


def describe_error(error: Exception) -> str:
    """An error's message in one line, without names of graph nodes; the error's kind if it has no message.

    Args:
        error: an OSError or one of TensorFlow's.
    """
    message = str(error.message if hasattr(error, "message") else getattr(error, "strerror", None) or error)
    lines = re.sub(r"^\{\{.*?\}\} | \[Op:.*| with body '.*", "", message.strip()).splitlines()
    line = lines[0].strip() if lines and lines[0].strip() else type(error).__name__
    return next((words for pattern, words in _IN_WORDS.items() if re.search(pattern, line)), line)


def load_tensorflow_io() -> None:
    """Lets TensorFlow read `http://`, `s3://` and similar paths. Raises InputError if tensorflow-io cannot be loaded."""
    # Its file systems register themselves on import. It loads only beside TensorFlow 2.16, hence late and on demand.
    # Beside another version the import fails or only warns, so the check below is for what was registered.
    import tensorflow as tf

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            import tensorflow_io  # noqa: F401
        except Exception as error:  # a mismatched build fails with errors of many types
            problems, cause = [error], error
        else:
            problems, cause = [warning.message for warning in caught], None
    if cause is None and "s3" in tf.io.gfile.get_registered_schemes():
        return
    schemes = ", ".join(name for name, each in FILE_SYSTEMS.items() if each.load is load_tensorflow_io)
    reason = next((line for problem in problems for line in str(problem).splitlines()), "no file system was registered")
    raise InputError(
        f"paths of the schemes {schemes} need tensorflow-io, which cannot be loaded "
        f"beside TensorFlow {tf.__version__} ({reason}): pip install 'yt8m[io]'"
    ) from cause


def prepare_file_systems(paths: Iterable[str]) -> None:
    """Loads the file systems that are needed to read these paths. Those behind HTTP need none.

    Raises:
        InputError: one cannot be loaded.
    """
    for load in dict.fromkeys(_file_system(path).load for path in paths):
        if load:
            load()


def _with_root(path: str) -> str:
    """Turns `s3://bucket` into `s3://bucket/`: tensorflow-io takes only the second for a directory."""
    return f"{path}/" if scheme(path) and "/" not in path.split("://", 1)[1] else path


@contextlib.contextmanager
def _listing(path: str) -> Iterator[None]:
    try:
        _require_text([path])
        yield
    except errors_of(path) as error:
        raise InputError(f"{path}: cannot be listed ({describe_error(error)})") from error
    except UnicodeError as error:
        name = os.fsencode(path).decode(errors="backslashreplace")
        raise InputError(
            f"{name}: is, or holds, a name that is not UTF-8, which TensorFlow cannot open; rename it"
        ) from error


def _require_text(paths: Iterable[str]) -> None:
    """Raises UnicodeError for a name that is not UTF-8: workers of a data service could not open it."""
    for path in paths:
        path.encode()


def _expand(path: str, endings: Sequence[str]) -> list[str]:
    if scheme(path) and "**" in path:
        raise InputError(f"{path}: ** is for local paths; name each level with */")
    if is_directory(_with_root(path)):
        found = _records_in(path, endings)
        if not found:
            wanted = " or ".join(f"*{ending}" for ending in endings)
            raise InputError(f"{path}: the directory holds no {wanted} files; {_where_to_look([path], endings)}")
        return found
    if exists(_with_root(path)):
        return [path]
    alternatives = expand_braces(path)
    if alternatives != [path]:
        return [file for each in alternatives for file in _expand(each, endings)]
    if not glob.has_magic(path):
        raise InputError(f"{path}: no such file or directory")
    matches = find_matches(path)
    # The order is a shell's. Directories without records are left out if anything else matches.
    files = [file for each in matches for file in (_records_in(each, endings) if _is_directory(each) else [each])]
    if not files:
        only_directories = f" but directories without records; {_where_to_look(matches, endings)}" if matches else ""
        raise InputError(f"{path}: no file matches{only_directories}")
    return files


def _where_to_look(directories: Sequence[str], endings: Sequence[str]) -> str:
    """Advice on directories without records: names one below them that holds some, if there is one near."""
    for directory in directories:
        below = itertools.islice(() if scheme(directory) else os.walk(directory), _MOST_DIRECTORIES)
        for place, inner, files in below:
            inner.sort()
            if any(_has_ending(name, each) for name in files for each in endings if not is_hidden(name)):
                return f"give one below, such as {place}, or all as '{directory.rstrip('/')}/**'"
    return "give files, a glob or their directory"


def _find_on_web(urls: Sequence[str]) -> list[str]:
    """The addresses that these URLs lead to."""
    listed = next((url for url in urls if "*" in url.split("?")[0]), None)
    if listed:
        raise InputError(
            f"{listed}: a server's files cannot be listed; name each, several as {{0000,0001}} or {{0000..0009}}"
        )
    return [found.address for found in web.find_all(each for url in urls for each in expand_braces(url))]


@dataclass(frozen=True)
class FileSystem:
    """How to turn paths of one scheme into files that can be read."""

    load: Callable[[], None] | None = None
    """Registers the scheme with TensorFlow; None = it is built in. Raises InputError if a package is missing."""
    locate: Callable[[Sequence[str]], list[str]] | None = None
    """Finds the files that paths of this scheme stand for, in the same order; None = TensorFlow lists directories."""


FILE_SYSTEMS = {
    **dict.fromkeys(web.SCHEMES, FileSystem(locate=_find_on_web)),
    "s3": FileSystem(load_tensorflow_io),
    "az": FileSystem(load_tensorflow_io),
    "hdfs": FileSystem(load_tensorflow_io),
}
"""File systems by scheme. Local paths, and schemes that TensorFlow reads itself, such as gs://, need no row."""


def _file_system(path: str) -> FileSystem:
    return FILE_SYSTEMS.get(scheme(path), FileSystem())


def _records_in(directory: str, endings: Sequence[str]) -> list[str]:
    """A directory's files with the first ending that any has, sorted. Hidden files are unfinished: not listed."""
    for ending in endings:
        if found := _files_with(directory, "", ending):
            return found
    return []


def _files_with(directory: str, beginning: str, ending: str) -> list[str]:
    """The visible files whose names begin and end so, or as a compressed file with this ending; sorted.

    If a file lies there both as it is and compressed, only the former counts.
    """
    found = list_files(directory, beginning, "" if ending == RECORDS else ending)
    plain = {path for path in found if path.endswith(ending)}
    visible = (path for path in found if _has_ending(path, ending) and not is_hidden(path))
    return sorted(path for path in visible if path in plain or compression.plain_name(path) not in plain)


def _has_ending(path: str, ending: str) -> bool:
    return (compression.plain_name(path) if ending == RECORDS else path).endswith(ending)


def _is_directory(path: str) -> bool:
    # A remote check costs a request, so a remote name with an ending counts as a file.
    return is_directory(path) if not scheme(path) or not os.path.splitext(path)[1] else False


def expand_paths(paths: str | Sequence[str], endings: Sequence[str] = (RECORDS, BARE)) -> list[str]:
    """Expands files, directories and globs to a list of files, each once, in the given order.

    The files of a directory or glob are sorted.

    Args:
        paths: one or several; local, `gs://`, or a scheme of `FILE_SYSTEMS`. Globs: see `yt8m.data.globs`; a directory that
            a glob matches stands for its files too. An HTTP address becomes the address that it redirects to.
        endings: file endings. A directory stands for its files with the first ending that any of them has. `.tfrecord` finds
            compressed files, too, such as `train0000.tfrecord.gz`.

    Raises:
        InputError: a path does not exist, a glob matches nothing, a file's server cannot be read from, or no path is given.
    """
    try:
        paths = [os.fspath(path) for path in ([paths] if isinstance(paths, str | os.PathLike) else paths)]
    except TypeError:
        raise InputError(f"{paths!r} is neither a path nor a list of paths") from None
    if not paths:
        raise InputError("no record files given; name files, directories or globs")
    prepare_file_systems(paths)
    files = []
    for locate, group in itertools.groupby(paths, lambda path: _file_system(path).locate):
        if locate:
            files += locate(list(group))
            continue
        for path in group:
            with _listing(path):
                found = _expand(path, endings)
                _require_text(found)
                files += found
    return list(dict.fromkeys(files))


def find_directories(root: str) -> list[str]:
    """Finds the directories with records below one that holds none itself, in the order of their names.

    Args:
        root: a local directory. Nothing is found below one with records, or for any other path.
    """
    if scheme(root) or not os.path.isdir(root) or _records_in(root, (RECORDS, BARE)):
        return []
    found = []
    for place, inner, files in itertools.islice(os.walk(root), _MOST_DIRECTORIES):
        inner[:] = sorted(each for each in inner if not is_hidden(each))
        if any(_has_ending(name, each) for name in files for each in (RECORDS, BARE) if not is_hidden(name)):
            found.append(place)
    return found


def find_splits(root: str, level: str) -> dict[str, tuple[str, ...]]:
    """Finds the splits of a data set below one directory.

    Tries, in this order: the official layout (`2/frame/train/`), one directory for each split (`train/`), and files of all
    splits side by side (`train0000.tfrecord`).

    Args:
        root: a directory.
        level: `frame` or `video`.

    Returns:
        Paths of each split found, as `expand_paths` takes them.

    Raises:
        InputError: `root` is not a directory or holds no split.
    """
    prepare_file_systems([root])
    with _listing(root):
        found = _locate_splits(root, level)
        _require_text(path for paths in found.values() for path in paths)
        return found


def cut_validation(paths: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Cuts validation records into two splits, for users who have only these. The last sixth of the files validates.

    Args:
        paths: as `expand_paths` takes them.

    Returns:
        The files to train on and the files to validate on. At least one file validates.

    Raises:
        InputError: see `expand_paths`.
    """
    files = expand_paths(paths)
    cut = len(files) - max(1, len(files) // 6)
    return tuple(files[:cut]), tuple(files[cut:])


def _locate_splits(root: str, level: str) -> dict[str, tuple[str, ...]]:
    if not is_directory(_with_root(root)):
        if os.path.isfile(root):
            raise InputError(f"{root}: is a file; --data.root needs a directory with train, validate and test records")
        raise InputError(f"{root}: no such directory; --data.root needs one with train, validate and test records")
    for base in (os.path.join(root, "2", level), root):
        directories = {split: os.path.join(base, split) for split in SPLITS}
        found = {split: (path,) for split, path in directories.items() if is_directory(path)}
        if found:
            return found
    found = {split: tuple(_files_with(root, split, RECORDS)) for split in SPLITS}
    found = {split: files for split, files in found.items() if files}
    if not found:
        raise InputError(
            f"{root}: holds no train*.tfrecord, no train/ and no 2/{level}/train/; give --data.train instead"
        )
    return found
