"""Every model at small hyper-parameters, its parameters counted by hand, and batches to feed it with."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from yt8m.config import Architecture
from yt8m.data.features import KNOWN
from yt8m.models import ARCHITECTURES, hyperparameters_of, list_models

NUM_CLASSES = 5
BOTH = ("rgb", "audio")

SIZES = {
    "num_clusters": 8,
    "hidden_size": 8,
    "num_layers": 2,
    "num_units": 8,
    "num_heads": 2,
    "num_groups": 4,
    "num_branches": 2,
    "expansion": 1,
    "gating_reduction": 2,
}
"""Hyper-parameters that say how large a model is, at their sizes here."""

SMALL = {
    name: {
        hyperparameter: SIZES[hyperparameter] for hyperparameter in hyperparameters_of(name) if hyperparameter in SIZES
    }
    for name in list_models()
}
"""The battery runs with these."""


@dataclass(frozen=True)
class Variant:
    """A model with hyper-parameters that change its structure."""

    name: str
    hyperparameters: dict = field(default_factory=dict)
    features: tuple[str, ...] = BOTH

    def __str__(self) -> str:
        changes = ",".join(f"{key}={value}" for key, value in self.hyperparameters.items())
        return "-".join(filter(None, [self.name, changes, "" if self.features == BOTH else "+".join(self.features)]))


VARIANTS = [
    *(Variant(name, SMALL[name], features) for name in SMALL for features in (BOTH, ("rgb",), ("audio",))),
    Variant("logistic", {"normalise": "l2", "dropout": 0.5}),
    Variant("moe", {"num_mixtures": 3, "normalise": "l2", "dropout": 0.5, "probability_gating": True}),
    Variant("moe_chain", SMALL["moe_chain"] | {"normalise": "l2", "num_layers": 3, "dropout": 0.5}),
    Variant("moe_chain", SMALL["moe_chain"] | {"normalise": "none", "num_layers": 1, "probability_gating": True}),
    Variant("residual_mlp", SMALL["residual_mlp"] | {"num_branches": 1, "num_layers": 0, "normalise": "none"}),
    Variant("residual_mlp", SMALL["residual_mlp"] | {"num_branches": 3, "normalise": "l2", "dropout": 0.0}),
    Variant("frame_logistic", {"normalise_frames": True}),
    Variant("dbof", SMALL["dbof"] | {"head": "logistic", "pooling": "mean", "activation": "sigmoid"}),
    Variant("dbof", SMALL["dbof"] | {"context_gating": True, "probability_gating": True, "num_mixtures": 3}),
    Variant("soft_dbow", SMALL["soft_dbow"] | {"head": "logistic", "context_gating": False, "normalise_frames": False}),
    Variant("soft_dbow", SMALL["soft_dbow"] | {"num_clusters": 40, "num_mixtures": 3, "dropout": 0.5}),
    Variant("netvlad", SMALL["netvlad"] | {"head": "logistic", "context_gating": False, "probability_gating": False}),
    Variant("netvlad", SMALL["netvlad"] | {"num_clusters": 5, "num_mixtures": 3, "dropout": 0.5}),
    Variant("netvlad", SMALL["netvlad"] | {"normalise_frames": False}),
    Variant("netrvlad", SMALL["netrvlad"] | {"head": "logistic", "context_gating": False, "normalise_frames": False}),
    Variant("netfv", SMALL["netfv"] | {"head": "logistic", "probability_gating": False, "normalise_frames": False}),
    Variant(
        "nextvlad", SMALL["nextvlad"] | {"num_groups": 8, "expansion": 2, "head": "moe", "probability_gating": True}
    ),
    Variant("nextvlad", SMALL["nextvlad"] | {"num_groups": 1, "context_gating": False, "normalise_frames": False}),
    Variant("mix_nextvlad", SMALL["mix_nextvlad"] | {"num_branches": 3, "head": "moe", "probability_gating": True}),
    Variant("lstm", SMALL["lstm"] | {"bidirectional": True, "head": "logistic", "num_layers": 3}),
    Variant("lstm", SMALL["lstm"] | {"num_layers": 1, "context_gating": True, "normalise_frames": False}),
    Variant("gru", SMALL["gru"] | {"bidirectional": True, "probability_gating": True, "num_mixtures": 3}),
    Variant("attention", SMALL["attention"] | {"num_heads": 3, "context_gating": True, "dropout": 0.5}),
    Variant("attention", SMALL["attention"] | {"num_units": 3, "head": "logistic", "normalise_frames": False}),
    Variant("transformer", SMALL["transformer"] | {"pooling": "first", "num_layers": 3, "head": "logistic"}),
    Variant("transformer", SMALL["transformer"] | {"pooling": "attention", "positions": False, "dropout": 0.0}),
    Variant("transformer", {"num_layers": 1, "hidden_size": 8, "context_gating": True}),
    Variant("tcn", SMALL["tcn"] | {"causal": False, "pooling": "max", "dropout": 0.5}),
    Variant("tcn", SMALL["tcn"] | {"pooling": "last", "kernel_size": 2, "num_layers": 3, "context_gating": True}),
    Variant("tcn", SMALL["tcn"] | {"causal": False, "kernel_size": 4, "normalise_frames": False}),
]


def batch_norm(size: int) -> int:
    return 4 * size  # scale, shift, moving mean, moving variance


def gating(size: int) -> int:
    return size * size + batch_norm(size)


def head(size: int, num_classes: int, hp: Architecture) -> int:
    if hp.head == "logistic":
        count = (size + 1) * num_classes
    else:  # M + 1 gates without a bias, M experts with one
        count = size * num_classes * (2 * hp.num_mixtures + 1) + num_classes * hp.num_mixtures
    return count + (gating(num_classes) if hp.probability_gating else 0)


def count_logistic(hp, num_classes, features):
    return (input_size(features) + 1) * num_classes


def count_moe(hp, num_classes, features):
    planes = input_size(features) * (2 * hp.num_mixtures + 1)
    return (planes + hp.num_mixtures) * num_classes + (gating(num_classes) if hp.probability_gating else 0)


def count_dbof(hp, num_classes, features):
    size, clusters, hidden = input_size(features), hp.num_clusters, hp.hidden_size
    matrices = size * clusters + clusters * hidden
    norms = batch_norm(size) + batch_norm(clusters) + batch_norm(hidden)
    return matrices + norms + hp.context_gating * gating(hidden) + head(hidden, num_classes, hp)


def count_moe_chain(hp, num_classes, features):
    planes, projection = 2 * hp.num_mixtures + 1, (num_classes + 1) * hp.hidden_size
    inputs = sum(input_size(features) + before * hp.hidden_size for before in range(hp.num_layers))
    count = inputs * planes * num_classes + hp.num_layers * hp.num_mixtures * num_classes
    count += (hp.num_layers - 1) * projection
    return count + (gating(num_classes) if hp.probability_gating else 0)


def count_residual_mlp(hp, num_classes, features):
    size, hidden = input_size(features), hp.hidden_size
    blocks = hp.num_layers * (batch_norm(hidden) + hidden * hidden)
    return hp.num_branches * (size * hidden + blocks + batch_norm(hidden) + (hidden + 1) * num_classes)


def count_soft_dbow(hp, num_classes, features):
    count, pooled = batch_norm(input_size(features)), 0
    for name in features:
        words = {"rgb": hp.num_clusters, "audio": max(2, hp.num_clusters // 8)}[name]
        count += KNOWN[name].size * words + batch_norm(words)
        pooled += words
    count += (pooled + 1) * hp.hidden_size
    return count + hp.context_gating * gating(hp.hidden_size) + head(hp.hidden_size, num_classes, hp)


def clustered(matrices, values, hp, num_classes, features):
    """NetVLAD and its kin: `matrices` of D x K a stream, K clusters of `values` * D each."""
    count, pooled = batch_norm(input_size(features)), 0
    for name in features:
        clusters = max(2, {"rgb": hp.num_clusters, "audio": hp.num_clusters // 2}[name])
        count += matrices * KNOWN[name].size * clusters + batch_norm(clusters)
        pooled += values * KNOWN[name].size * clusters
    count += (pooled + 1) * hp.hidden_size
    return count + hp.context_gating * gating(hp.hidden_size) + head(hp.hidden_size, num_classes, hp)


def count_nextvlad(hp, num_classes, features):
    hidden, count, pooled = hp.hidden_size, 0, 0
    for name in features:
        half = {"rgb": 1, "audio": 2}[name]
        size, groups, clusters = KNOWN[name].size, max(1, hp.num_groups // half), max(2, hp.num_clusters // half)
        expanded = hp.expansion * size
        count += (size + 1) * expanded + (expanded + 1) * groups  # expansion, attention
        count += expanded * groups * clusters + batch_norm(groups * clusters) + expanded // groups * clusters
        count += batch_norm(clusters * expanded // groups)
        pooled += clusters * expanded // groups
    count += pooled * hidden + batch_norm(hidden)
    units = max(1, hidden // hp.gating_reduction)
    count += hp.context_gating * (2 * hidden * units + batch_norm(units) + hidden)
    return count + head(hidden, num_classes, hp)


def count_mix_nextvlad(hp, num_classes, features):
    size = input_size(features)
    mixture = batch_norm(size) + (size + 1) * hp.num_branches
    return hp.num_branches * count_nextvlad(hp, num_classes, features) + mixture


def finished(size: int, num_classes: int, hp: Architecture) -> int:
    """A sequence model's gate and head."""
    return hp.context_gating * gating(size) + head(size, num_classes, hp)


def count_recurrent(gates, hp, num_classes, features):
    directions, size, count = 2 if hp.bidirectional else 1, input_size(features), 0
    for _ in range(hp.num_layers):
        count += directions * gates * hp.num_units * (size + hp.num_units + 1)
        size = directions * hp.num_units
    return count + finished(size, num_classes, hp)


def gated_attention(size: int, heads: int, units: int) -> int:
    return heads * units * (2 * size + 1)


def count_attention(hp, num_classes, features):
    size = input_size(features)
    count = gated_attention(size, hp.num_heads, hp.num_units) + (hp.num_heads * size + 1) * hp.hidden_size
    return count + finished(hp.hidden_size, num_classes, hp)


def count_transformer(hp, num_classes, features):
    size, width, hidden = input_size(features), hp.num_units, hp.hidden_size
    layer = 4 * (width + 1) * width + (width + 1) * hidden + (hidden + 1) * width + 2 * 2 * width
    count = (size + 1) * width * (size != width) + 2 * width + hp.num_layers * layer
    count += gated_attention(width, 1, 128) * (hp.pooling == "attention")
    return count + finished(width, num_classes, hp)


def count_tcn(hp, num_classes, features):
    size, units, count = input_size(features), hp.num_units, 0
    for _ in range(hp.num_layers):
        count += hp.kernel_size * (size + units) * units + 2 * 2 * units  # of each output, length and bias
        count += (size + 1) * units * (size != units)
        size = units
    return count + finished(units, num_classes, hp)


# A new model needs its formula here.
COUNTS = {
    "attention": count_attention,
    "dbof": count_dbof,
    "frame_logistic": count_logistic,
    "gru": partial(count_recurrent, 3),
    "logistic": count_logistic,
    "lstm": partial(count_recurrent, 4),
    "moe": count_moe,
    "moe_chain": count_moe_chain,
    "mix_nextvlad": count_mix_nextvlad,
    "netfv": partial(clustered, 3, 2),
    "netrvlad": partial(clustered, 1, 1),
    "netvlad": partial(clustered, 2, 1),
    "nextvlad": count_nextvlad,
    "residual_mlp": count_residual_mlp,
    "soft_dbow": count_soft_dbow,
    "tcn": count_tcn,
    "transformer": count_transformer,
}


def input_size(features) -> int:
    return sum({"rgb": 1024, "audio": 128}[name] for name in features)


def num_parameters(name: str, num_classes: int, features=BOTH, **hyperparameters) -> int:
    """All weights of a model, moving statistics too, by a closed formula."""
    return COUNTS[name](ARCHITECTURES[name](**hyperparameters), num_classes, features)


def is_frame_level(name: str) -> bool:
    return ARCHITECTURES[name].level == "frame"


def frame_level_models() -> list[str]:
    return [name for name in list_models() if is_frame_level(name)]


def make_batch(name: str, num_frames=(6, 3, 1, 0), length=6, features=BOTH, seed=0) -> dict[str, np.ndarray]:
    """Features of random videos as the model `name` takes them; padded frames hold random bytes too."""
    random = np.random.default_rng(seed)
    if not is_frame_level(name):
        size = len(num_frames)
        means = {KNOWN[key].video_name: random.normal(0, 0.5, (size, KNOWN[key].size)) for key in features}
        return {key: mean.astype(np.float32) for key, mean in means.items()}
    shape = (len(num_frames), length)
    streams = {key: random.integers(0, 256, (*shape, KNOWN[key].size), np.uint8) for key in features}
    return streams | {"num_frames": np.array(num_frames, np.int32)}


def make_labels(size: int = 4) -> np.ndarray:
    """One to three labels a video, int32 [size, 3], padded with -1."""
    rows = [[0, 2, -1], [1, -1, -1], [4, 3, 0], [2, 3, -1]]
    return np.array(rows[:size], np.int32)


def randomise(model, seed=0) -> None:
    """Random weights of a size that lets every one of them matter, with positive variances and scales."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.dtype == "uint32":
            continue  # dropout's counters
        if variable.name in ("moving_variance", "gamma"):
            variable.assign(random.uniform(0.5, 1.5, variable.shape).astype(np.float32))
        else:
            scale = variable.shape[0] ** -0.5 if len(variable.shape) > 1 else 0.1
            variable.assign(random.normal(0.0, scale, variable.shape).astype(np.float32))
