"""Converts frame-level records to video-level records: means of the frames and, on request, standard deviations.

T = frames, D = values of a feature.
"""

import functools

import numpy as np

from yt8m.data.engine.videos import Video
from yt8m.data.features import KNOWN, Feature
from yt8m.data.protos import Example, Features, varint
from yt8m.data.schema import ID_KEYS

_USUAL = KNOWN["rgb"]

_FRAMES_AT_ONCE = 257
"""So many bytes add up to at most 65535, and 16-bit sums are the fastest. So many squares add up to less than 2^24, up to which
float32 holds every whole number."""


def deviation_feature(name: str) -> str:
    """The key of a feature's standard deviations: ``std_rgb``."""
    return f"std_{name}"


def mean_of_frames(frames: np.ndarray, feature: Feature = _USUAL) -> np.ndarray:
    """The mean of the dequantised frames, float32 [D]. Sums of bytes are exact and divided in float64.

    Args:
        frames: [T, D] of the feature's type, T at least 1.
        feature: the feature.
    """
    if not feature.is_quantised:
        return frames.mean(axis=0, dtype=np.float64).astype(np.float32)
    mean = _sums(frames).astype(np.float64) / len(frames)
    return (mean * feature.scale + feature.offset).astype(np.float32)


def deviation_of_frames(frames: np.ndarray, feature: Feature = _USUAL) -> np.ndarray:
    """The standard deviation of the dequantised frames, float32 [D]: the root of the mean squared distance from the mean.

    Args:
        frames: [T, D] of the feature's type, T at least 1.
        feature: the feature.
    """
    if not feature.is_quantised:
        return frames.std(axis=0, dtype=np.float64).astype(np.float32)
    sums, count = _sums(frames), len(frames)
    squares = np.zeros(frames.shape[1], np.int64)
    for start in range(0, count, _FRAMES_AT_ONCE):
        some = frames[start : start + _FRAMES_AT_ONCE].astype(np.float32)
        squares += np.einsum("td,td->d", some, some).astype(np.int64)
    # Integers up to the root, because the difference of two similar floats would lose its digits.
    return (np.sqrt(squares * count - sums * sums) / count * feature.scale).astype(np.float32)


def _sums(frames: np.ndarray) -> np.ndarray:
    """Sums over the frames, int64 [D]."""
    sums = np.zeros(frames.shape[1], np.int64)
    for start in range(0, len(frames), _FRAMES_AT_ONCE):
        sums += np.add.reduce(frames[start : start + _FRAMES_AT_ONCE], axis=0, dtype=np.uint16)
    return sums


def to_video_level(video: Video, features: tuple[Feature, ...], deviations: bool) -> bytes:
    """Makes a `tf.train.Example` with the record's id (under ``id``), its labels if any, and its means.

    Args:
        video: a frame-level record.
        features: the features of the data set. All are zeros for a record without frames. If a record lacks only some, they
            are left out.
        deviations: add the standard deviations.
    """
    example = Example()
    given = video.context.feature
    key = next(key for key in ID_KEYS if key in given and given[key].bytes_list.value)
    example.features.feature["id"].CopyFrom(given[key])
    if "labels" in given:
        example.features.feature["labels"].CopyFrom(given["labels"])
    frames, vectors = video.frames(features), {}
    for feature in features:
        if feature.name in frames or not video.streams:
            own = frames.get(feature.name)
            vectors[feature.video_name] = _or_zeros(mean_of_frames, feature, own)
            if deviations:
                vectors[deviation_feature(feature.name)] = _or_zeros(deviation_of_frames, feature, own)
    # "id" and "labels" come before "mean_" and "std_", so the bytes equal those of a deterministic serialization.
    entries = [_entry(name, vectors[name]) for name in sorted(vectors)]
    features_message = b"".join([example.features.SerializeToString(deterministic=True), *entries])
    return b"\x0a" + varint(len(features_message)) + features_message


def _or_zeros(function, feature: Feature, frames: np.ndarray | None) -> np.ndarray:
    return np.zeros(feature.size, np.float32) if frames is None else function(frames, feature)


def _entry(key: str, values: np.ndarray) -> bytes:
    """An entry of a serialized `tf.train.Features`: a list of floats under a key.

    Appending a thousand floats to a proto would take longer than averaging the frames.
    """
    return _before_floats(key, len(values)) + values.astype("<f4", copy=False).tobytes()


@functools.lru_cache
def _before_floats(key: str, count: int) -> bytes:
    features = Features()
    features.feature[key].float_list.value.extend([0.0] * count)
    return features.SerializeToString()[: -4 * count]
