"""Ranks segments with the predictions for their whole videos, and leaves out segments at the ends of videos.

N = segments of a part, C = ranked classes, V = videos.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.data.schema import SEGMENT_FRAMES
from yt8m.errors import InputError
from yt8m.metrics.logits import log_probability
from yt8m.predicting.parts import Description, Part, Predictions

_SHARE_OF_SEGMENT = np.float32(1e-3)
"""The weight of a segment that is ranked by its video: just enough to order the segments of one video."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Number of segments to leave out at both ends of videos. In the real data the first 6 and last 2 are unrated."""

    first: int = 0
    last: int = 0

    def kept(self, part: Part) -> np.ndarray:
        """Returns which segments to keep, bool [N]. All segments of a video must be in the part."""
        assert part.starts is not None
        places = part.starts // SEGMENT_FRAMES
        _, video = np.unique(part.ids, return_inverse=True)
        counts = np.zeros(video.max(initial=-1) + 1, np.int64)
        np.maximum.at(counts, video, places + 1)
        return (places >= self.first) & (places < counts[video] - self.last)


def check_prior(name: str, description: Description, class_ids: Sequence[int]) -> None:
    """Raises InputError unless the predictions of this name are for whole videos and have all ranked classes."""
    if description.task != "video":
        raise InputError(f"--prior {name}: is of segments; name a run, or predictions, of whole videos")
    known = range(description.num_classes) if description.classes is None else description.classes
    unknown = sorted(set(class_ids) - set(known))
    if unknown:
        raise InputError(
            f"--prior {name}: says nothing of class {unknown[0]}, which is ranked; name one that knows all "
            "classes, or rank fewer with --segment-classes"
        )


class Prior:
    """Ranks segments by their own probability and that of their video.

    With weight w, segments are ranked by the product ``video ** w * segment ** (1 - w)`` of the two probabilities. With top k,
    the segments of videos that have the class among their k most probable ones come first, ranked by that product. The others
    follow, ranked by their videos, and within a video by themselves (``video ** 0.999 * segment ** 0.001``).

    Args:
        videos: predictions for whole videos. They are held in memory, with 2 bytes for each video and class.
        class_ids: the ranked classes, [C].
        weight: w.
        top_k: k; 0 = no limit.

    Raises:
        InputError: the predictions are for segments, lack a class, or have a video twice.
    """

    def __init__(self, videos: Predictions, class_ids: np.ndarray, weight: float, top_k: int = 0):
        description = videos.description
        check_prior(videos.name, description, class_ids.tolist())
        self._name, self._weight, self._top_k = videos.name, np.float32(weight), top_k
        self._row_of_video: dict[bytes, int] = {}
        tables = []
        for part in videos.parts():
            for video in part.ids.tolist():
                if video in self._row_of_video:
                    raise InputError(f"--prior {videos.name}: has video {video.decode()!r} twice; name every file once")
                self._row_of_video[video] = len(self._row_of_video)
            tables.append(part.dense(description, class_ids).astype(np.float16))
        self._table = np.concatenate([np.empty((0, len(class_ids)), np.float16), *tables])

    def rows_of(self, videos: Iterable[bytes]) -> list[int]:
        """Returns the rows of the videos in the table. Raises InputError if the prior lacks one of them."""
        try:
            return [self._row_of_video[video] for video in videos]
        except KeyError as error:
            raise InputError(
                f"--prior {self._name}: has no video {error.args[0].decode()!r}; predict it for the same records"
            ) from None

    def keys(self, part: Part, logits: np.ndarray) -> np.ndarray:
        """Returns the keys to rank segments by, float32 [N, C], greatest first.

        Args:
            part: the segments.
            logits: the logits of the segments, float32 [N, C].

        Raises:
            InputError: the prior lacks a video.
        """
        videos = self._table[self.rows_of(part.ids.tolist())].astype(np.float32)
        of_video, of_segment = log_probability(videos), log_probability(logits)
        product = self._weight * of_video + (np.float32(1.0) - self._weight) * of_segment
        if not self._top_k or self._top_k >= videos.shape[1]:
            return product
        place = videos.shape[1] - self._top_k
        candidates = videos >= np.partition(videos, place, axis=1)[:, place, None]
        others = of_video + _SHARE_OF_SEGMENT * (of_segment - of_video)
        # Probabilities are above 0 and their logarithms are not.
        return np.where(candidates, np.maximum(np.exp(product), np.finfo(np.float32).tiny), np.minimum(others, 0.0))
