"""The layers again, in float64 and written for reading: what the tests compare with. B, T, D, K, C as in `yt8m.layers`."""

import numpy as np

BATCH_NORM_EPSILON = 1e-3


def randomise(layer, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Gives every weight of a built layer a random value; returns them in float64, by the last part of their paths.

    Variances and scales are positive, as in training; the parts of a batch normalisation are `bn/gamma` and the like.
    """
    values = {}
    for variable in layer.weights:
        value = random.normal(0.0, 0.5, variable.shape).astype(np.float32)
        if variable.name in ("moving_variance", "gamma"):
            value = random.uniform(0.5, 2.0, variable.shape).astype(np.float32)
        variable.assign(value)
        name = variable.name if variable.name in ("kernel", "bias") else variable.path.split("/")[-1]
        assert name not in values, f"two weights are named {name}"
        values[name] = value.astype(np.float64)
    return values


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-np.asarray(x, np.float64)))


def softmax(x, axis=-1):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / powers.sum(axis=axis, keepdims=True)


def batch_norm(x, weights):
    """With the moving statistics, as at prediction."""
    deviation = np.sqrt(weights["moving_variance"] + BATCH_NORM_EPSILON)
    return weights["gamma"] * (x - weights["moving_mean"]) / deviation + weights["beta"]


def dequantise(stored):
    """docs/data-format.md: a byte q stands for q * 4/255 + 4/512 - 2."""
    return np.asarray(stored, np.float64) * 4 / 255 + 4 / 512 - 2


def frame_features(streams, num_frames, normalise):
    """Frames [B, T, D], zero past the last real one, and the mask [B, T]."""
    batch_size, length = streams[0].shape[:2]
    frames = np.zeros((batch_size, length, sum(stream.shape[2] for stream in streams)))
    mask = np.zeros((batch_size, length), bool)
    for video in range(batch_size):
        for frame in range(num_frames[video]):
            vector = np.concatenate([dequantise(stream[video, frame]) for stream in streams])
            frames[video, frame] = vector / np.linalg.norm(vector) if normalise else vector
            mask[video, frame] = True
    return frames, mask


def pooled(function, frames, mask):
    """`function` over each video's real frames [n, D]; 0 for a video without any."""
    videos = (video[real] for video, real in zip(frames, mask, strict=True))
    return np.stack([function(video) if len(video) else np.zeros(frames.shape[2]) for video in videos])


def context_gating(x, weights):
    """arXiv 1706.06905, section 3.2."""
    return x * sigmoid(batch_norm(x @ weights["kernel"], weights))


def mixture_of_experts(x, gates, experts, expert_bias):
    """Presence and absence probabilities [B, C] of arXiv 1609.08675, class by class.

    Args:
        x: [B, H].
        gates: [M + 1, H, C]; the last slot is the dummy expert, which says 0.
        experts: [M, H, C].
        expert_bias: [M, C].
    """
    num_mixtures, _, num_classes = experts.shape
    present, absent = np.zeros((len(x), num_classes)), np.zeros((len(x), num_classes))
    for class_id in range(num_classes):
        shares = softmax(np.stack([x @ gate[:, class_id] for gate in gates], axis=1))
        for mixture in range(num_mixtures):
            expert = x @ experts[mixture][:, class_id] + expert_bias[mixture, class_id]
            present[:, class_id] += shares[:, mixture] * sigmoid(expert)
            absent[:, class_id] += shares[:, mixture] * sigmoid(-expert)
        absent[:, class_id] += shares[:, num_mixtures]
    return present, absent
