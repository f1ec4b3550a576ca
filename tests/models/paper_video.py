"""The formulas of the video-level models."""

import numpy as np
from paper_parts import affine, each_video, gated, logit, mixture_of_experts, normalised, unit


def scaled(vector, normalise):
    """L2 norm 1 (l2), root mean square 1 (rms), or as it is (none)."""
    if normalise == "rms":
        mean_square = np.mean(vector**2)
        return vector / np.sqrt(mean_square) if mean_square > 0 else vector
    return unit(vector) if normalise == "l2" else vector


def video_vector(batch, video, normalise, weights=None):
    means = [batch[name][video].astype(np.float64) for name in ("mean_rgb", "mean_audio") if name in batch]
    if normalise == "explained":
        means = [mean * weights[f"scaled/scales_{place}"] for place, mean in enumerate(means)]
    if normalise in ("each", "explained"):
        return np.concatenate([scaled(mean, "rms") for mean in means])
    return scaled(np.concatenate(means), normalise)


def logistic(weights, batch, hyperparameters):
    def logits_of(video):
        return affine(video_vector(batch, video, hyperparameters.normalise, weights), weights, "head")

    return each_video(logits_of, batch)


def moe(weights, batch, hyperparameters):
    """arXiv 1609.08675, section 4.1.2."""

    def logits_of(video):
        vector = video_vector(batch, video, hyperparameters.normalise, weights)
        probabilities = mixture_of_experts(vector, weights, "head", hyperparameters.num_mixtures)
        if hyperparameters.probability_gating:
            probabilities = gated(probabilities, weights, "probability_gating")
        return logit(probabilities)

    return each_video(logits_of, batch)


def moe_chain(weights, batch, hyperparameters):
    """arXiv 1706.05150: predict, project, ReLU, normalise, append to what the next one sees."""
    projections = "l2" if hyperparameters.normalise in ("l2", "none") else "rms"

    def logits_of(video):
        seen = video_vector(batch, video, hyperparameters.normalise, weights)
        for stage in range(1, hyperparameters.num_layers + 1):
            probabilities = mixture_of_experts(seen, weights, f"head_{stage}", hyperparameters.num_mixtures)
            if stage < hyperparameters.num_layers:
                projection = np.maximum(affine(probabilities, weights, f"projection_{stage}"), 0.0)
                seen = np.concatenate([seen, scaled(projection, projections)])
        if hyperparameters.probability_gating:
            probabilities = gated(probabilities, weights, "probability_gating")
        return logit(probabilities)

    return each_video(logits_of, batch)


def residual_mlp(weights, batch, hyperparameters):
    """h + W relu(BN(h)), block by block; the mean logit of the branches."""

    def of_branch(vector, prefix):
        def activated(hidden, name):
            return np.maximum(normalised(hidden, weights, f"{prefix}{name}_bn"), 0.0)

        hidden = affine(vector, weights, f"{prefix}hidden")
        for layer in range(1, hyperparameters.num_layers + 1):
            hidden = hidden + affine(activated(hidden, layer), weights, f"{prefix}hidden_{layer}")
        return affine(activated(hidden, "last"), weights, f"{prefix}head")

    def logits_of(video):
        vector = video_vector(batch, video, hyperparameters.normalise, weights)
        branches = [of_branch(vector, f"branch_{number + 1}_") for number in range(hyperparameters.num_branches)]
        return np.mean(branches, axis=0)

    return each_video(logits_of, batch)


ORACLES = {"logistic": logistic, "moe": moe, "moe_chain": moe_chain, "residual_mlp": residual_mlp}
