"""Compares two submissions for the video task.

N = videos of a block, E = entries of all videos: pairs of a video and a class that at least one of the lists names.
"""

import numpy as np

from yt8m.predicting.comparison import Compared, share
from yt8m.predicting.correlation import rank_correlation, rank_correlations_of_rows
from yt8m.predicting.listed_videos import VideoEntries, VideoList

_BLOCK = 4096


def compare_videos(first: VideoList, second: VideoList) -> Compared:
    """Compares two lists that have a video in common.

    Memory is 10 bytes for each entry, some tens more while they are ranked, and two lists' own: about 2 GB for two full lists
    of 700 000 videos.
    """
    known = set(second.video_ids)
    ids = np.array([video for video in first.video_ids if video in known], np.bytes_)
    blocks = [_Block(first, second, ids[start : start + _BLOCK]) for start in range(0, len(ids), _BLOCK)]
    videos = {key: np.concatenate([block.videos[key] for block in blocks]) for key in blocks[0].videos}
    entries = [np.concatenate([block.entries[place] for block in blocks]) for place in range(4)]
    del blocks
    return Compared(
        first=first.name,
        second=second.name,
        task="video",
        num_videos=len(ids),
        only_first=sum(1 for _ in first.video_ids) - len(ids),
        only_second=len(known) - len(ids),
        overlap=float(videos["overlap"].mean()),
        same_best=float((videos["best_first"] == videos["best_second"]).mean()),
        rank_correlation=float(rank_correlation(entries[1], entries[2])),
        classes=_by_class(*entries),
        videos=videos,
    )


class _Block:
    """The comparison of some videos.

    Attributes:
        videos: the columns of `Compared.videos`.
        entries: the class (uint16), the value in each list (float32), and 1, 2 or 3 for entries that the first, the second or
            both name (uint8); [E] each.
    """

    def __init__(self, first: VideoList, second: VideoList, ids: np.ndarray):
        one, two = first.entries(ids), second.entries(ids)
        same = (one.classes[:, :, None] == two.classes[:, None, :]) & one.named[:, :, None] & two.named[:, None, :]
        of_one, of_two = same.any(axis=2), same.any(axis=1)
        alone = two.named & ~of_two
        values = (
            np.concatenate([one.logits, np.broadcast_to(one.rest[:, None], alone.shape)], axis=1),
            np.concatenate([_values_at(same, two), two.logits], axis=1),
        )
        chosen = np.concatenate([one.named, alone], axis=1)
        counts = [each.sum(axis=1) for each in (of_one, one.named, two.named)]
        self.videos = {
            "id": ids,
            "num_entries": chosen.sum(axis=1),
            "rank_correlation": rank_correlations_of_rows(*values, chosen),
            "overlap": share(*counts),
            "best_first": one.classes[:, 0],
            "best_second": two.classes[:, 0],
        }
        named_by = np.concatenate([1 + 2 * of_one, np.full(alone.shape, 2)], axis=1)
        classes = np.concatenate([one.classes, two.classes], axis=1)
        self.entries = (
            classes[chosen].astype(np.uint16),
            values[0][chosen],
            values[1][chosen],
            named_by[chosen].astype(np.uint8),
        )


def _values_at(same: np.ndarray, two: VideoEntries) -> np.ndarray:
    """Returns the second list's values for the classes that the first names, float32 [N, 20]."""
    found = np.take_along_axis(two.logits, same.argmax(axis=2), axis=1)
    return np.where(same.any(axis=2), found, two.rest[:, None])


def _by_class(
    classes: np.ndarray, first: np.ndarray, second: np.ndarray, named_by: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the columns of `Compared.classes`, for entries [E]."""
    order = np.argsort(classes, kind="stable")
    class_ids, begins = np.unique(classes[order], return_index=True)
    rows = np.split(order, begins[1:])
    both = np.array([(named_by[each] == 3).sum() for each in rows])
    of_each = [np.array([(named_by[each] & bit > 0).sum() for each in rows]) for bit in (1, 2)]
    return {
        "class_id": class_ids.astype(np.int64),
        "num_entries": np.array([len(each) for each in rows]),
        "rank_correlation": np.array([rank_correlation(first[each], second[each]) for each in rows], np.float64),
        "overlap": share(both, *of_each),
    }
