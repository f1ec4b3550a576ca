"""The cross-entropy of videos or rated segments, as the reference computes it. It is always reported."""

import tensorflow as tf

from yt8m.data.schema import is_present


def scatter(labels: tf.Tensor, values: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Scatters values [B, L] by labels int32 [B, L], padded with -1, into [B, C]. A repeated class gets the largest."""
    batch_size = tf.shape(labels)[0]
    columns = tf.where(labels < 0, num_classes, labels)  # padding goes into an extra column, cut off below
    rows = tf.broadcast_to(tf.range(batch_size)[:, None], tf.shape(labels))
    empty = tf.zeros([batch_size, num_classes + 1], tf.float32)
    return tf.tensor_scatter_nd_max(empty, tf.stack([rows, columns], axis=-1), values)[:, :num_classes]


def targets_and_weights(batch: dict[str, tf.Tensor], num_classes: int) -> tuple[tf.Tensor, tf.Tensor | None]:
    """Makes the targets of the logits, and weights that tell which logits count.

    Args:
        batch: has `labels`, and `label_scores` for rated segments (`yt8m.data.schema`).
        num_classes: C.

    Returns:
        Targets float32 [B, C], 0 or 1. Weights float32 [B, C]: 1 for classes that the segment was rated for, and 0 for
        unrated classes, which are neither positive nor negative. None = all count.
    """
    labels = batch["labels"]
    ones = tf.ones(tf.shape(labels), tf.float32)
    if "label_scores" not in batch:
        return scatter(labels, ones, num_classes), None
    present = tf.cast(is_present(batch["label_scores"]), tf.float32)
    return scatter(labels, present, num_classes), scatter(labels, ones, num_classes)


def video_losses(logits: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
    """The cross-entropy of each video, or rated segment, summed over the classes that count: float32 [B].

    Args:
        logits: float32 [B, C].
        batch: see `targets_and_weights`.
    """
    targets, weights = targets_and_weights(batch, logits.shape[-1])
    losses = tf.nn.sigmoid_cross_entropy_with_logits(targets, logits)
    return tf.reduce_sum(losses if weights is None else losses * weights, axis=-1)
