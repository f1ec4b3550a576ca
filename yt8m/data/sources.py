"""From what a user types (paths, globs, directories, a data set's root) to a list of record files."""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import tensorflow as tf

from yt8m.data.schema import FEATURE_SIZES, Level, video_feature
from yt8m.errors import InputError, RecordError

SCHEMES_OF_TENSORFLOW_IO = ("http", "https", "s3", "az", "hdfs")
SPLITS = ("train", "validate", "test")


@dataclass(frozen=True)
class RecordFormat:
    """What the records of a set of files look like, read from the first record."""

    level: Level
    features: tuple[str, ...]
    """The features present, in the order of `FEATURE_SIZES`, named as at frame level."""


def scheme(path: str) -> str:
    """`s3` of `s3://bucket/key`; empty for a local path."""
    return path.split("://", 1)[0] if "://" in path else ""


@lru_cache(maxsize=1)
def _load_tensorflow_io() -> None:
    # Its file systems register themselves on import. It loads beside TensorFlow 2.16 only, hence late and only on demand.
    try:
        import tensorflow_io  # noqa: F401
    except Exception as error:  # a mismatched build fails with errors of many types
        raise InputError(
            f"paths of the schemes {', '.join(SCHEMES_OF_TENSORFLOW_IO)} need tensorflow-io, which cannot be loaded "
            f"beside TensorFlow {tf.__version__} ({str(error).splitlines()[0]}): pip install 'yt8m[io]'"
        ) from error


def prepare_file_systems(paths: Iterable[str]) -> None:
    """Loads tensorflow-io if one of the paths needs it.

    Raises:
        InputError: it is needed and cannot be loaded.
    """
    if any(scheme(path) in SCHEMES_OF_TENSORFLOW_IO for path in paths):
        _load_tensorflow_io()


def tensorflow_io_is_loaded() -> bool:
    """Whether leaving the interpreter may abort it: tensorflow-io's S3 client is not destructible at exit."""
    return "tensorflow_io" in sys.modules


def _expand(path: str) -> list[str]:
    if scheme(path) in ("http", "https"):  # cannot be listed: the name is the file
        return [path]
    try:
        if tf.io.gfile.isdir(path):
            found = tf.io.gfile.glob(os.path.join(path, "*.tfrecord"))
            if not found:
                raise InputError(
                    f"{path}: the directory holds no *.tfrecord files; give files, a glob or their directory"
                )
            return sorted(found)
        if any(character in path for character in "*?["):
            found = sorted(tf.io.gfile.glob(path))
            if not found:
                raise InputError(f"{path}: no file matches")
            return found
        if tf.io.gfile.exists(path):
            return [path]
    except tf.errors.OpError as error:
        raise InputError(f"{path}: cannot be listed ({str(error.message).splitlines()[0]})") from error
    raise InputError(f"{path}: no such file or directory")


def expand_paths(paths: str | Sequence[str]) -> list[str]:
    """Files, directories and globs to a list of files, each once, in the order given; a directory or glob sorted.

    Args:
        paths: one or several; local, `gs://`, or a scheme of tensorflow-io. A directory stands for its `*.tfrecord` files.

    Raises:
        InputError: a path that does not exist, a glob that matches nothing, or no path at all.
    """
    paths = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    paths = [os.fspath(path) for path in paths]
    if not paths:
        raise InputError("no record files given")
    prepare_file_systems(paths)
    return list(dict.fromkeys(file for path in paths for file in _expand(path)))


def _format_of(example: tf.train.SequenceExample) -> RecordFormat | None:
    lists = example.feature_lists.feature_list
    context = example.context.feature
    if "rgb" in lists or "audio" in lists:
        features = tuple(name for name in FEATURE_SIZES if name in lists and lists[name].feature)
        return RecordFormat("segment" if "segment_start_times" in context else "frame", features)
    features = tuple(name for name in FEATURE_SIZES if video_feature(name) in context)
    return RecordFormat("video", features) if features else None


def detect_format(files: Sequence[str], num_probes: int = 16) -> RecordFormat:
    """Level and features of the records, from the first records of the first file that has any.

    Several records are looked at, since a video without frames says nothing of the features.

    Raises:
        RecordError: the file cannot be read or holds no features of this data set.
        InputError: all files are empty.
    """
    for path in files:
        format_found = None
        try:
            for serialized in tf.data.TFRecordDataset(path).take(num_probes):
                # An Example parses as a SequenceExample with nothing but a context: the two share field 1.
                format_found = _format_of(tf.train.SequenceExample.FromString(serialized.numpy()))
                if format_found is None or format_found.features:
                    break
            else:
                if format_found is None:
                    continue
        except tf.errors.DataLossError as error:
            raise RecordError(path, 0, "is not a TFRecord file, or is damaged from its start") from error
        except tf.errors.OpError as error:
            raise RecordError(path, None, f"cannot be read ({str(error.message).splitlines()[0]})") from error
        except Exception as error:  # protobuf's DecodeError, whose class depends on the protobuf backend
            raise RecordError(path, 0, "is no tf.train.Example or SequenceExample") from error
        if format_found is None:
            raise RecordError(path, 0, "holds neither rgb or audio frames nor mean_rgb or mean_audio")
        return format_found
    raise InputError(f"{files[0]}: the file is empty" + (f", and so are {len(files) - 1} others" if files[1:] else ""))


def find_splits(root: str, level: str) -> dict[str, tuple[str, ...]]:
    """The splits of a data set below one directory.

    Looked for, in this order: the official layout (`2/frame/train/`), one directory a split (`train/`), and files of
    all splits side by side (`train0000.tfrecord`). Where only validation shards are at hand, as for users who fetched
    the smallest split, the last sixth of them validates and the rest trains.

    Args:
        root: a directory.
        level: `frame` or `video`.

    Returns:
        For each split that was found, paths that `expand_paths` takes.

    Raises:
        InputError: `root` is no directory or holds no split.
    """
    prepare_file_systems([root])
    if not tf.io.gfile.isdir(root):
        raise InputError(f"{root}: no such directory; --data.root needs one with train, validate and test records")
    for base in (os.path.join(root, "2", level), root):
        directories = {split: os.path.join(base, split) for split in SPLITS}
        found = {split: (path,) for split, path in directories.items() if tf.io.gfile.isdir(path)}
        if found:
            return found
    found = {split: tuple(sorted(tf.io.gfile.glob(os.path.join(root, f"{split}*.tfrecord")))) for split in SPLITS}
    found = {split: files for split, files in found.items() if files}
    if not found:
        raise InputError(
            f"{root}: holds no train*.tfrecord, no train/ and no 2/{level}/train/; give --data.train instead"
        )
    if "train" not in found and len(found.get("validate", ())) > 1:
        files = found["validate"]
        cut = len(files) - max(1, len(files) // 6)
        found |= {"train": files[:cut], "validate": files[cut:]}
    return found
