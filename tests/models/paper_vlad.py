"""The formulas of the models that pool frames around learned centres, one frame and one cluster at a time."""

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
)


def unit_cluster(vector):
    """L2 norm 1; the papers' code (`tf.nn.l2_normalize`) takes no norm for smaller than 1e-6."""
    return vector / max(np.sqrt(np.sum(vector**2)), 1e-6)


def unit_clusters(clusters):
    """Rows [K, D] of L2 norm 1, one after the other, and the whole of norm 1 too."""
    return unit_cluster(np.concatenate([unit_cluster(cluster) for cluster in clusters]))


def assignments(frames, weights, path):
    """Batch-normalised frames [n, D], and the share of each cluster in each of them [n, K]."""
    frames = normalised(frames, weights, f"{path}/input_bn")
    scores = [normalised(frame @ weights[f"{path}/assignment"], weights, f"{path}/assignment_bn") for frame in frames]
    return frames, [softmax(row) for row in scores]


def netvlad_pooling(frames, weights, path, of_frame):
    """arXiv 1511.07247, equation 4: of each cluster, the sum over frames of its share times `of_frame(frame, cluster)`."""
    frames, shares = assignments(frames, weights, path)
    num_features, num_clusters = weights[f"{path}/assignment"].shape
    sums = np.zeros((num_clusters, num_features))
    for frame, share in zip(frames, shares, strict=True):
        for cluster in range(num_clusters):
            sums[cluster] += share[cluster] * of_frame(frame, cluster)
    return unit_clusters(sums)


def netvlad_vector(frames, weights, path):
    """Differences to centres."""
    return netvlad_pooling(frames, weights, path, lambda frame, k: frame - weights[f"{path}/centres"][:, k])


def netrvlad_vector(frames, weights, path):
    """The frames themselves."""
    return netvlad_pooling(frames, weights, path, lambda frame, k: frame)


def netfv_vector(frames, weights, path):
    """arXiv 1706.06905, section 3.1: first and second order differences, in deviations from a centre."""
    centres, deviations = weights[f"{path}/centres"], np.exp(weights[f"{path}/log_deviations"])

    def first(frame, k):
        return (frame - centres[:, k]) / deviations[:, k]

    def second(frame, k):
        return (frame - centres[:, k]) ** 2 / deviations[:, k] ** 2 - 1

    return np.concatenate([netvlad_pooling(frames, weights, path, order) for order in (first, second)])


def gated_hidden_layer(vector_of):
    """arXiv 1706.06905, figure 2: a pooled vector of each stream, a layer, context gating, a head."""

    def oracle(weights, batch, hyperparameters):
        def logits_of(video):
            frames = real_frames(batch, video, hyperparameters.normalise_frames)
            streams = streams_of(frames, batch).items()
            pooled = [vector_of(stream, weights, f"{hyperparameters.name}_{name}") for name, stream in streams]
            hidden = affine(np.concatenate(pooled), weights, "hidden")
            if hyperparameters.context_gating:
                hidden = gated(hidden, weights, "context_gating")
            return classified(hidden, weights, hyperparameters)

        return each_video(logits_of, batch)

    return oracle


def nextvlad_vector(frames, weights, path, num_groups):
    """arXiv 1811.05014, equations 3 to 8: shares of clusters and attention for every group of every expanded frame."""
    centres = weights[f"{path}/centres"]
    group_size, num_clusters = centres.shape
    residuals = np.zeros((num_clusters, group_size))
    for frame in frames:
        expanded = frame @ weights[f"{path}/expansion"] + weights[f"{path}/expansion_bias"]
        attention = sigmoid(expanded @ weights[f"{path}/attention"] + weights[f"{path}/attention_bias"])
        scores = normalised(expanded @ weights[f"{path}/assignment"], weights, f"{path}/assignment_bn")
        for group in range(num_groups):
            part = expanded[group * group_size : (group + 1) * group_size]
            shares = softmax(scores[group * num_clusters : (group + 1) * num_clusters])
            for cluster in range(num_clusters):
                residuals[cluster] += attention[group] * shares[cluster] * (part - centres[:, cluster])
    flat = np.concatenate([unit_cluster(residual) for residual in residuals])
    return normalised(flat, weights, f"{path}/output_bn")


def squeeze_and_excitation(x, weights, path):
    """arXiv 1811.05014, figure 4: a gate that sees the vector through a few units."""
    few = np.maximum(normalised(x @ weights[f"{path}/squeeze"], weights, f"{path}/bn"), 0.0)
    return x * sigmoid(few @ weights[f"{path}/excitation"] + weights[f"{path}/bias"])


def nextvlad_logits(frames, weights, batch, hyperparameters, prefix=""):
    """Logits [C] of the frames [n, D] of one video."""
    pooled = []
    for name, stream in streams_of(frames, batch).items():
        num_groups = hyperparameters.num_groups if name == "rgb" else max(1, hyperparameters.num_groups // 2)
        pooled.append(nextvlad_vector(stream, weights, f"{prefix}nextvlad_{name}", num_groups))
    hidden = affine(np.concatenate(pooled), weights, f"{prefix}hidden")
    hidden = normalised(hidden, weights, f"{prefix}hidden_bn")
    if hyperparameters.context_gating:
        hidden = squeeze_and_excitation(hidden, weights, f"{prefix}context_gating")
    return classified(hidden, weights, hyperparameters, prefix)


def nextvlad(weights, batch, hyperparameters):
    def logits_of(video):
        frames = real_frames(batch, video, hyperparameters.normalise_frames)
        return nextvlad_logits(frames, weights, batch, hyperparameters)

    return each_video(logits_of, batch)


def mix_nextvlad(weights, batch, hyperparameters):
    """arXiv 1811.05014, section 3.4: the mean frame says how much each NeXtVLAD's logits count."""

    def logits_of(video):
        frames = real_frames(batch, video, hyperparameters.normalise_frames)
        mean = frames.sum(axis=0) / max(len(frames), 1)
        shares = softmax(affine(normalised(mean, weights, "mixture/bn"), weights, "mixture"))
        logits = 0.0
        for branch, share in enumerate(shares, start=1):
            logits += share * nextvlad_logits(frames, weights, batch, hyperparameters, f"branch_{branch}_")
        return logits

    return each_video(logits_of, batch)


ORACLES = {
    "mix_nextvlad": mix_nextvlad,
    "netfv": gated_hidden_layer(netfv_vector),
    "netrvlad": gated_hidden_layer(netrvlad_vector),
    "netvlad": gated_hidden_layer(netvlad_vector),
    "nextvlad": nextvlad,
}
