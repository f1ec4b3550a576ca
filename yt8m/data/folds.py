"""Parts of the videos, by a hash of their ids: for training on some and validating on the others."""

from collections.abc import Callable

import tensorflow as tf

from yt8m.data.parsing import id_features, identifier
from yt8m.data.schema import Fold


def part_filter(fold: Fold, held_out: bool) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function of a serialized record string [] that says whether its video is in the fold, or in the others.

    Args:
        fold: which.
        held_out: keep those in it, else the others.
    """

    def keep(serialized: tf.Tensor) -> tf.Tensor:
        parsed, _ = tf.io.parse_single_sequence_example(serialized, context_features=id_features())
        # Fixed for all time by its specification, unlike a hash of Python's.
        part = tf.strings.to_hash_bucket_fast(identifier(parsed), fold.count)
        return tf.equal(part, fold.index) == held_out

    return keep
