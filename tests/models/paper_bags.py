"""The formulas of the frame-level models that pool frames without an order or centres."""

import numpy as np
from paper_parts import (
    affine,
    classified,
    each_video,
    gated,
    normalised,
    real_frames,
    sigmoid,
    softmax,
    streams_of,
    unit,
)

ACTIVATIONS = {
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0.0),
    "relu6": lambda x: np.minimum(np.maximum(x, 0.0), 6.0),
}


def frame_logistic(weights, batch, hyperparameters):
    """The mean frame; a video without frames has the mean 0."""

    def logits_of(video):
        frames = real_frames(batch, video, hyperparameters.normalise_frames)
        mean = frames.sum(axis=0) / max(len(frames), 1)
        return affine(mean, weights, "head")

    return each_video(logits_of, batch)


def dbof(weights, batch, hyperparameters):
    """arXiv 1609.08675, section 4.1.1: project every frame up, pool, project down."""
    activation = ACTIVATIONS[hyperparameters.activation]

    def logits_of(video):
        projections = []
        for frame in real_frames(batch, video, hyperparameters.normalise_frames):
            projection = affine(normalised(frame, weights, "projection/input_bn"), weights, "projection")
            projections.append(activation(normalised(projection, weights, "projection_bn")))
        if not projections:
            pooled = np.zeros(hyperparameters.num_clusters)
        elif hyperparameters.pooling == "max":
            pooled = np.max(projections, axis=0)
        else:
            pooled = np.mean(projections, axis=0)
        hidden = activation(normalised(affine(pooled, weights, "hidden"), weights, "hidden_bn"))
        if hyperparameters.context_gating:
            hidden = gated(hidden, weights, "context_gating")
        return classified(hidden, weights, hyperparameters)

    return each_video(logits_of, batch)


def soft_dbow(weights, batch, hyperparameters):
    """arXiv 1706.06905, section 3.1: the sum of the frames' soft assignments, stream by stream."""

    def words_of(frames, name):
        counts = np.zeros(weights[f"words_{name}/assignment"].shape[1])
        for frame in frames:
            scores = frame @ weights[f"words_{name}/assignment"]
            counts += softmax(normalised(scores, weights, f"words_{name}/assignment_bn"))
        return unit(counts)

    def logits_of(video):
        frames = real_frames(batch, video, hyperparameters.normalise_frames)
        frames = normalised(frames, weights, "input_bn")
        words = [words_of(stream, name) for name, stream in streams_of(frames, batch).items()]
        hidden = affine(np.concatenate(words), weights, "hidden")
        if hyperparameters.context_gating:
            hidden = gated(hidden, weights, "context_gating")
        return classified(hidden, weights, hyperparameters)

    return each_video(logits_of, batch)


ORACLES = {"dbof": dbof, "frame_logistic": frame_logistic, "soft_dbow": soft_dbow}
