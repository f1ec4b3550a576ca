"""Applies a model to a batch, and prepares batches for this. B = rows."""

import keras
import tensorflow as tf

from yt8m import models
from yt8m.data.schema import CONTEXT_PREFIX

FIRST_ROWS, VIDEO_OF_ROW = "first_row_of_video", "video_of_row"
"""Keys that `rows_by_video` adds to a batch."""


def apply_model(model: keras.Model, batch: dict[str, tf.Tensor]) -> tf.Tensor:
    """Computes the logits of a batch, float32 [B, C]."""
    return model({key: batch[key] for key in model.input}, training=False)


def apply_once_a_video(model: keras.Model, batch: dict[str, tf.Tensor]) -> tf.Tensor:
    """Computes the logits of segments with their videos, float32 [B, C]: each video once for all its segments."""
    of_segments, of_videos = models.streams_of(model)
    context = {key: tf.gather(batch[f"{CONTEXT_PREFIX}{key}"], batch[FIRST_ROWS]) for key in of_videos.input}
    logits = [apply_model(of_segments, batch), tf.gather(of_videos(context, training=False), batch[VIDEO_OF_ROW])]
    return model.get_layer(models.MIXTURE_NAME)(logits)


def rows_by_video(ids: tf.Tensor) -> dict[str, tf.Tensor]:
    """Finds the first row of each video, int32 [videos], and the number of each row's video among them, int32 [B]."""
    videos, video_of_row = tf.unique(ids)
    first_rows = tf.math.unsorted_segment_min(tf.range(tf.size(ids)), video_of_row, tf.size(videos))
    return {FIRST_ROWS: first_rows, VIDEO_OF_ROW: video_of_row}


def padded(batch: dict[str, tf.Tensor], size: int) -> dict[str, tf.Tensor]:
    """Pads a batch to `size` rows with rows of zeros."""

    def fill(value: tf.Tensor) -> tf.Tensor:
        missing = size - value.shape[0]
        return tf.pad(value, [[0, missing]] + [[0, 0]] * (value.shape.rank - 1)) if missing else value

    return {key: fill(value) for key, value in batch.items()}
