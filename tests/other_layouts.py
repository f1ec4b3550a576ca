"""Makes records in the layouts of other programs with TensorFlow's protos, as these programs do."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf


def frames_of(seed: int, length: int, size: int) -> np.ndarray:
    return np.random.default_rng((seed, size)).integers(0, 256, (length, size), np.uint8)


def floats_of(seed: int, length: int, size: int) -> np.ndarray:
    return np.random.default_rng((seed, size)).normal(0, 1, (length, size)).astype(np.float32)


def _texts(*values: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))


def _integers(values: Sequence[int]) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=values))


def _floats(values: Sequence[float]) -> tf.train.Feature:
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def audioset(name: str, labels: Sequence[int], frames: np.ndarray) -> bytes:
    """A record of AudioSet's features: https://research.google.com/audioset/download.html."""
    context = {
        "video_id": _texts(name.encode()),
        "start_time_seconds": _floats([30.0]),
        "end_time_seconds": _floats([40.0]),
        "labels": _integers(labels),
    }
    lists = {"audio_embedding": tf.train.FeatureList(feature=[_texts(frame.tobytes()) for frame in frames])}
    example = tf.train.SequenceExample(
        context=tf.train.Features(feature=context), feature_lists=tf.train.FeatureLists(feature_list=lists)
    )
    return example.SerializeToString()


def flat(name: str, labels: Sequence[int], *, joined: bool = False, **streams: np.ndarray) -> bytes:
    """A `tf.train.Example` with frames: a bytes value for each, or one for all if `joined`."""
    features = {"id": _texts(name.encode()), "labels": _integers(labels)}
    for key, frames in streams.items():
        values = [frame.tobytes() for frame in frames]
        features[key] = _texts(b"".join(values)) if joined else _texts(*values)
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def mediapipe(path: str, **streams: np.ndarray) -> bytes:
    """What MediaPipe's graph of YouTube-8M's features writes into `features.pb`, with the prefixes RGB and AUDIO."""
    context = {
        "clip/data_path": _texts(path.encode()),
        "clip/start/timestamp": _integers([0]),
        "clip/end/timestamp": _integers([10_000_000]),
    }
    lists = {}
    for name, frames in streams.items():
        context[f"{name}/feature/dimensions"] = _integers([frames.shape[1]])
        context[f"{name}/feature/rate"] = _floats([1.0])
        lists[f"{name}/feature/floats"] = tf.train.FeatureList(feature=[_floats(frame) for frame in frames])
        times = [_integers([1_000_000 * second]) for second in range(len(frames))]
        lists[f"{name}/feature/timestamp"] = tf.train.FeatureList(feature=times)
    example = tf.train.SequenceExample(
        context=tf.train.Features(feature=context), feature_lists=tf.train.FeatureLists(feature_list=lists)
    )
    return example.SerializeToString()


def write_bare(directory: Path, *names: str, rgb: int = 1024, audio: int = 128) -> Path:
    """A directory of MediaPipe's files, one for each video `/videos/NAME.mp4`, of 3 + i frames."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        streams = {"RGB": floats_of(number, 3 + number, rgb), "AUDIO": floats_of(number, 3 + number, audio)}
        (directory / f"{name}.pb").write_bytes(mediapipe(f"/videos/{name}.mp4", **streams))
    return directory
