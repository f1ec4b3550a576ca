"""Chooses the frames of a video that a model sees, as TensorFlow graph code. B = videos, m = frames asked for."""

import tensorflow as tf

from yt8m.data.schema import Sampling


def sample_rows(
    kind: Sampling,
    stored: tf.Tensor,
    num_frames: int,
    longest: int,
    seed: int,
    number: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Chooses frames of each video.

    Args:
        kind: the way to choose.
        stored: number of frames of each video, int32 [B].
        num_frames: m. A shorter video gives all its frames, in order; `random` draws m of them even then.
        longest: no video has more frames than this.
        seed: determines the draws, together with `number`.
        number: number of the batch in the stream, int64 [].

    Returns:
        Rows int32 [B, m], and how many of them count, int32 [B]. Rows beyond that hold arbitrary numbers of at least 0.
    """

    def draw(*columns: int) -> tf.Tensor:
        """Draws numbers from 0 to 1, float32 [B, *columns]."""
        return tf.random.stateless_uniform([tf.size(stored), *columns], [seed, number])

    count = tf.minimum(stored, num_frames)
    steps = tf.range(num_frames)[None, :]
    if kind == "random":
        drawn = draw(num_frames)
        rows = tf.cast(drawn * tf.cast(stored, tf.float32)[:, None], tf.int32)  # steps of 2 ** -23 are fine enough
        return rows, num_frames * tf.minimum(stored, 1)
    if kind == "random_without_replacement":
        keys = draw(max(longest, num_frames))
        keys = tf.where(tf.sequence_mask(stored, tf.shape(keys)[1]), keys, 2.0)  # missing frames come last
        chosen = tf.argsort(keys, axis=1)[:, :num_frames]
        return tf.sort(chosen, axis=1), count
    if kind == "uniform":
        return uniform_rows(stored, num_frames)
    assert kind == "consecutive", kind
    places = tf.cast(stored - count + 1, tf.float32)  # where the run may start
    start = tf.cast(draw() * places, tf.int32)
    return start[:, None] + steps, count


def uniform_rows(stored: tf.Tensor, num_frames: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Chooses the middles of equal parts of each video, or all of a shorter one. Arguments: see `sample_rows`."""
    steps = tf.range(num_frames)[None, :]
    middles = (2 * steps + 1) * tf.maximum(stored, num_frames)[:, None] // (2 * num_frames)
    return middles, tf.minimum(stored, num_frames)
