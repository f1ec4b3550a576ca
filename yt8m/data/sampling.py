"""Which of a video's frames a model is shown, as TensorFlow graph code. B = videos, m = frames asked for."""

import tensorflow as tf

from yt8m.data.schema import WHOLE, Sampling, Share


def sample_rows(
    kind: Sampling,
    stored: tf.Tensor,
    num_frames: int,
    longest: int,
    seed: int,
    number: tf.Tensor,
    share: Share = WHOLE,
) -> tuple[tf.Tensor, tf.Tensor]:
    """The frames to show.

    Args:
        kind: how to choose.
        stored: frames of each video, int32 [B].
        num_frames: m. A video with fewer shows all it has, in order; `random` draws m of them all the same.
        longest: no video has more frames than this.
        seed: with `number` it determines what is drawn.
        number: of the batch in the stream, int64 [].
        share: of a larger batch, if these videos are one: they get the frames that they would get there.

    Returns:
        Rows int32 [B, m] and how many of them count, int32 [B]; those past it are any number from 0.
    """

    def draw(*columns: int) -> tf.Tensor:
        """From 0 to 1, float32 [B, *columns]."""
        return tf.random.stateless_uniform([tf.size(stored) * share.count, *columns], [seed, number])[
            share.index :: share.count
        ]

    count = tf.minimum(stored, num_frames)
    steps = tf.range(num_frames)[None, :]
    if kind == "random":
        drawn = draw(num_frames)
        rows = tf.cast(drawn * tf.cast(stored, tf.float32)[:, None], tf.int32)  # in steps of 2 ** -23: fair enough
        return rows, num_frames * tf.minimum(stored, 1)
    if kind == "random_without_replacement":
        keys = draw(max(longest, num_frames))
        keys = tf.where(tf.sequence_mask(stored, tf.shape(keys)[1]), keys, 2.0)  # what is not there comes last
        chosen = tf.argsort(keys, axis=1)[:, :num_frames]
        return tf.sort(chosen, axis=1), count
    if kind == "uniform":
        return uniform_rows(stored, num_frames)
    assert kind == "consecutive", kind
    places = tf.cast(stored - count + 1, tf.float32)  # where the run may start
    start = tf.cast(draw() * places, tf.int32)
    return start[:, None] + steps, count


def uniform_rows(stored: tf.Tensor, num_frames: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The middles of equal parts of each video, or all frames of a shorter one; arguments and result as `sample_rows`'."""
    steps = tf.range(num_frames)[None, :]
    middles = (2 * steps + 1) * tf.maximum(stored, num_frames)[:, None] // (2 * num_frames)
    return middles, tf.minimum(stored, num_frames)
