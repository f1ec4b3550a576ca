"""Makes batches of frame-level records, with the shapes of `yt8m.data.schema`.

B = videos, T = frames, L = label columns.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.records import Record
from yt8m.data.engine.sampling import Sampler
from yt8m.data.engine.videos import Video, read_video
from yt8m.data.features import Feature, rows_of
from yt8m.data.options import Frames
from yt8m.data.quantisation import dequantise
from yt8m.data.schema import LABEL_PADDING, WHOLE, Share
from yt8m.data.source import Source

Batch = dict[str, np.ndarray]


def frame_batch(
    records: Sequence[Record],
    source: Source,
    frames: Frames,
    seed: int,
    number: int,
    pool: Pool,
    scratch: Scratch,
    share: Share = WHOLE,
) -> Batch:
    """Reads frame-level records into a batch.

    Args:
        records: the records of the batch.
        source: what they must be like.
        frames: which frames of each video to give.
        seed: determines the sampled frames, together with the batch's number.
        number: number of the batch in the stream.
        pool: gives the memory of the features.
        scratch: memory of this thread to read records into.
        share: the share of a larger batch that these videos are (`yt8m.data.engine.sampling`).

    Raises:
        RecordError: a record is damaged, or is not as the source says.
    """
    features, size = () if source.without_features else rows_of(source.features), len(records)
    length = frames.num_frames or frames.max_frames
    ids, labels = np.empty(size, object), []
    counts, cut = np.zeros(size, np.int32), np.zeros(size, np.int32)
    arrays = [(feature, pool.empty((size, length, feature.size), feature.dtype)) for feature in features]
    sampler = None
    if frames.num_frames:
        sampler = Sampler(frames.sampling, size, frames.num_frames, frames.max_frames, seed, number, share)
    for place, record in enumerate(records):
        video = read_video(record, source, scratch)
        ids[place] = video.id
        labels.append(video.labels)
        num_frames = video.num_frames
        stored = min(num_frames, frames.max_frames)
        cut[place] = num_frames - stored
        rows = slice(stored) if sampler is None else sampler.rows(place, stored)
        counts[place] = count = stored if sampler is None else len(rows)
        for feature, array in arrays:
            put_frames(array[place], video, feature, rows, count, record)
    batch: Batch = {"id": ids, "labels": _label_columns(labels, source.max_labels)}
    batch |= {"num_frames": counts, "cut_frames": cut} | {feature.name: array for feature, array in arrays}
    return means_of_frames(batch, features) if source.as_means else batch


def _label_columns(labels: Sequence[Sequence[int]], num_columns: int) -> np.ndarray:
    """The labels of the videos of a batch, int32 [B, L]. All at once, as a small copy for each video costs as much as all."""
    columns = np.full((len(labels), num_columns), LABEL_PADDING, np.int32)
    numbers = np.array([*map(len, labels)])
    columns[np.arange(num_columns) < numbers[:, None]] = np.fromiter(itertools.chain(*labels), np.int32)
    return columns


def put_frames(
    target: np.ndarray, video: Video, feature: Feature, rows: slice | np.ndarray, count: int, record: Record
) -> None:
    """Copies frames of one video.

    Args:
        target: where to, [T, D]. Frames past the `count`-th become 0.
        video: the video. If it lacks the feature, its frames become the value for zero.
        feature: the feature.
        rows: `count` of the video's frames.
        count: number of frames.
        record: the record of the video, for messages.

    Raises:
        RecordError: a float is NaN or infinite.
    """
    stored = video.streams.get(feature.name)
    if stored is None:
        target[:count] = feature.zero
    else:
        target.view(np.uint8)[:count] = stored[rows]
        # A sum of finite floats can only overflow to infinity, which is rare. It costs less than a look at each.
        if not feature.is_quantised and not np.isfinite(target[:count].sum(dtype=np.float64)):
            raise record.error(f"{feature.name} has a value that is NaN or infinite")
    target[count:] = 0


def means_of_frames(batch: Batch, features: Sequence[Feature], prefix: str = "") -> Batch:
    """Replaces the frames of a batch by their means, for video-level models.

    Args:
        batch: the batch.
        features: its features.
        prefix: prefix of the keys; keys without it stay.
    """
    batch = dict(batch)
    count = batch.pop(f"{prefix}num_frames")[:, None]
    for feature in features:
        frames = batch.pop(f"{prefix}{feature.name}")
        # Frames past the end are 0. Sums of whole numbers are exact.
        sums = frames.sum(axis=1, dtype=np.int32 if feature.is_quantised else np.float64).astype(np.float32)
        means = dequantise(sums / np.maximum(count, 1).astype(np.float32), feature)
        batch[f"{prefix}{feature.video_name}"] = np.where(count > 0, means, np.float32(0))
    return batch
