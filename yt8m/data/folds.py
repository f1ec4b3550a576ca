"""Parts of the videos, by a hash of their ids or by an index: for training on some and validating on the others."""

import functools
import os
from collections.abc import Callable, Sequence

import tensorflow as tf

from yt8m.data.identity import identify
from yt8m.data.parsing import id_features, identifier
from yt8m.data.schema import Fold, IndexedFold
from yt8m.data.tables.indices import read_index
from yt8m.errors import InputError

_UNNAMED = -1


def part_filter(fold: Fold | IndexedFold, held_out: bool) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function of a serialized record string [] that says whether its video is in the fold, or in the others.

    A video that an index does not name is in neither.

    Args:
        fold: which.
        held_out: keep those in it, else the others.

    Raises:
        InputError: the index cannot be read, or does not name the part.
    """
    if isinstance(fold, IndexedFold):
        version = tuple(identify([fold.path])[0]) if os.path.exists(fold.path) else ()
        table = _table(fold.path, fold.part, version)

        def keep_indexed(serialized: tf.Tensor) -> tf.Tensor:
            return tf.equal(table.lookup(_id(serialized)), int(held_out))

        return keep_indexed

    def keep(serialized: tf.Tensor) -> tf.Tensor:
        # Fixed for all time by its specification, unlike a hash of Python's.
        part = tf.strings.to_hash_bucket_fast(_id(serialized), fold.count)
        return tf.equal(part, fold.index) == held_out

    return keep


def are_all(folds: Sequence[Fold | IndexedFold | None]) -> bool:
    """Whether they are two or more folds of the same videos, each once and none missing."""
    given = [fold for fold in folds if fold]
    if len(given) < max(2, len(folds)):
        return False
    if all(isinstance(fold, Fold) for fold in given):
        return sorted((fold.index, fold.count) for fold in given) == [
            (index, len(given)) for index in range(len(given))
        ]
    paths = {getattr(fold, "path", None) for fold in given}
    if len(paths) > 1:
        return False
    return sorted(fold.part for fold in given) == sorted(set(read_index(paths.pop()).values()))


def _id(serialized: tf.Tensor) -> tf.Tensor:
    parsed, _ = tf.io.parse_single_sequence_example(serialized, context_features=id_features())
    return identifier(parsed)


@functools.cache  # for a table is gone from the datasets that use it once Python forgets it
def _table(path: str, part: str, _version: tuple) -> tf.lookup.StaticHashTable:
    """1 for the ids in a part, 0 for those in others; remembered as long as the file is not changed."""
    index = read_index(path)
    if part not in index.values():
        raise InputError(f"{path}: names no part {part!r}; it has {', '.join(sorted(set(index.values()))) or 'none'}")
    values = tf.constant([int(each == part) for each in index.values()], tf.int32)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(list(index)), values), _UNNAMED)
