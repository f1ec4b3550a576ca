"""What the papers' formulas have in common, in float64 and written for reading: one vector at a time.

An oracle takes the weights of a model by their paths (`head/kernel`), a batch, and the model's hyper-parameters, and
returns logits [B, C]. It follows the papers and docs/models.md, not the layers: that it agrees with them is the test.
"""

import numpy as np

BATCH_NORM_EPSILON = 1e-3


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def softmax(x):
    powers = np.exp(x - np.max(x))
    return powers / np.sum(powers)


def logit(probability):
    return np.log(probability) - np.log1p(-probability)


def unit(vector):
    """The vector at L2 norm 1; a vector of zeros stays."""
    norm = np.sqrt(np.sum(vector**2))
    return vector / norm if norm > 0 else vector


def normalised(x, weights, path):
    """Batch normalisation at prediction (arXiv 1502.03167), with the weights under `path`."""
    deviation = np.sqrt(weights[f"{path}/moving_variance"] + BATCH_NORM_EPSILON)
    return weights[f"{path}/gamma"] * (x - weights[f"{path}/moving_mean"]) / deviation + weights[f"{path}/beta"]


def affine(x, weights, path):
    """A fully connected layer, with its bias if it has one."""
    return x @ weights[f"{path}/kernel"] + weights.get(f"{path}/bias", 0.0)


def gated(x, weights, path):
    """Context gating (arXiv 1706.06905, section 3.2): of a hidden vector, or of probabilities."""
    return x * sigmoid(normalised(x @ weights[f"{path}/kernel"], weights, f"{path}/bn"))


def mixture_of_experts(x, weights, path, num_mixtures):
    """Probabilities [C] (arXiv 1609.08675, section 4.1.2); of M + 1 gates the last one's expert says 0.

    The matrix has M + 1 gates and then M experts, C columns each.
    """
    kernel, bias = weights[f"{path}/kernel"], weights[f"{path}/expert_bias"]
    num_classes = bias.shape[1]
    columns = (x @ kernel).reshape(2 * num_mixtures + 1, num_classes)
    probabilities = np.zeros(num_classes)
    for label in range(num_classes):
        shares = softmax(columns[: num_mixtures + 1, label])
        for expert in range(num_mixtures):
            says = sigmoid(columns[num_mixtures + 1 + expert, label] + bias[expert, label])
            probabilities[label] += shares[expert] * says
    return probabilities


def classified(x, weights, hyperparameters, prefix=""):
    """Logits [C] of a vector: the head, and the gate on its probabilities if there is one; paths begin with `prefix`."""
    if hyperparameters.head == "moe":
        probabilities = mixture_of_experts(x, weights, f"{prefix}head", hyperparameters.num_mixtures)
    else:
        probabilities = sigmoid(affine(x, weights, f"{prefix}head"))
    if hyperparameters.probability_gating:
        probabilities = gated(probabilities, weights, f"{prefix}probability_gating")
    return logit(probabilities)


def real_frames(batch, video, normalise):
    """The frames [n, D] of one video, without padding: rgb and audio side by side, L2-normalised together or not."""
    frames = []
    for time in range(batch["num_frames"][video]):
        stored = np.concatenate([batch[name][video, time] for name in ("rgb", "audio") if name in batch])
        frame = stored.astype(np.float64) * 4 / 255 + 4 / 512 - 2
        frames.append(unit(frame) if normalise else frame)
    size = sum(batch[name].shape[-1] for name in ("rgb", "audio") if name in batch)
    return np.array(frames).reshape(-1, size)


def streams_of(frames, batch):
    """The columns of each feature: name to [n, D_i]."""
    streams, start = {}, 0
    for name in ("rgb", "audio"):
        if name in batch:
            size = batch[name].shape[-1]
            streams[name] = frames[:, start : start + size]
            start += size
    return streams


def each_video(logits_of_one, batch):
    """`logits_of_one(video)` for each video of the batch: [B, C]."""
    num_videos = len(next(iter(batch.values())))
    return np.stack([logits_of_one(video) for video in range(num_videos)])
