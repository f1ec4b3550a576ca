"""Chooses the frames of a video that a model sees. m = frames asked for.

`yt8m.data.graph.sampling` does the same inside TensorFlow's graph, for exported models and data services. The random draws
differ.
"""

import numpy as np

from yt8m.data.schema import WHOLE, Sampling, Share


class Sampler:
    """Chooses the frames of one batch's videos.

    Args:
        kind: the way to choose.
        num_videos: videos in the batch.
        num_frames: m. A shorter video gives all its frames, in order; `random` draws m of them even then.
        longest: no video has more frames than this.
        seed: determines the draws, together with `number`.
        number: number of the batch in the stream.
        share: the share of a larger batch that these videos are. They get the same frames as in the larger batch.
    """

    def __init__(
        self,
        kind: Sampling,
        num_videos: int,
        num_frames: int,
        longest: int,
        seed: int,
        number: int,
        share: Share = WHOLE,
    ):
        self._kind, self._num_frames = kind, num_frames
        columns = {"random": num_frames, "random_without_replacement": longest, "consecutive": 1}.get(kind, 0)
        random = np.random.default_rng((seed, number))
        drawn = random.random((num_videos * share.count, columns), np.float32)
        self._drawn = drawn[share.index :: share.count]

    def rows(self, video: int, stored: int) -> np.ndarray:
        """The frames to take of a video, int64 [at most m].

        Args:
            video: its place in the batch.
            stored: number of its frames.
        """
        wanted = self._num_frames
        if self._kind == "random":
            # A float32 product can round up to `stored`.
            rows = (self._drawn[video] * np.float32(stored)).astype(np.int64)
            return np.minimum(rows, stored - 1) if stored else rows[:0]
        if stored <= wanted:
            return np.arange(stored)
        if self._kind == "random_without_replacement":
            return np.sort(np.argsort(self._drawn[video, :stored], kind="stable")[:wanted])
        if self._kind == "uniform":
            return uniform_rows(stored, wanted)
        assert self._kind == "consecutive", self._kind
        return np.arange(wanted) + int(self._drawn[video, 0] * np.float32(stored - wanted + 1))


def uniform_rows(stored: int, num_frames: int) -> np.ndarray:
    """Chooses the middles of equal parts of a video, or all frames of a shorter one: int64 [at most `num_frames`]."""
    if stored <= num_frames:
        return np.arange(stored)
    return (2 * np.arange(num_frames) + 1) * stored // (2 * num_frames)
