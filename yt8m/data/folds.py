"""Splits videos into parts, by a hash of their ids or by an index, to train on some and validate on the others."""

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
    """Makes a function from a serialized record string [] to whether to keep it, bool [].

    A video that an index does not name is never kept.

    Args:
        fold: the fold.
        held_out: True keeps the videos in the fold, False keeps the others.

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
        # Its specification never changes, unlike Python's hash.
        part = tf.strings.to_hash_bucket_fast(_id(serialized), fold.count)
        return tf.equal(part, fold.index) == held_out

    return keep


def are_all(folds: Sequence[Fold | IndexedFold | None]) -> bool:
    """Whether these are all folds of one division into two or more, each once."""
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


@functools.cache  # datasets lose a table once Python drops it
def _table(path: str, part: str, _version: tuple) -> tf.lookup.StaticHashTable:
    """Maps ids in the part to 1 and ids in other parts to 0. Cached until the file changes."""
    index = read_index(path)
    if part not in index.values():
        raise InputError(f"{path}: names no part {part!r}; it has {', '.join(sorted(set(index.values()))) or 'none'}")
    values = tf.constant([int(each == part) for each in index.values()], tf.int32)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(list(index)), values), _UNNAMED)
