"""The number of parameters of every model, by arithmetic: building one takes seconds.

Formulas take the hyper-parameters `hp`, the number of classes and the features. They count all weights, moving statistics too.
"""

from collections.abc import Callable, Sequence
from functools import partial
from math import prod
from typing import Any

from yt8m.config import Architecture
from yt8m.data.features import DEFAULT_FEATURES, Feature, parse_features
from yt8m.models.registry import build_architecture

Features = Sequence[Feature]


def input_size(features: Features) -> int:
    """Values of a frame, or of a video's means."""
    return sum(feature.size for feature in features)


def batch_norm(size: int) -> int:
    """Scale, shift, moving mean and moving variance."""
    return 4 * size


def gating(size: int) -> int:
    """The square matrix of context gating, and its batch normalisation."""
    return size * size + batch_norm(size)


def head(size: int, num_classes: int, hp: Any) -> int:
    """A head on a vector of this size, and its gate."""
    if hp.head == "logistic":
        count = (size + 1) * num_classes
    else:  # M + 1 gates without a bias, M experts with one
        count = size * num_classes * (2 * hp.num_mixtures + 1) + num_classes * hp.num_mixtures
    return count + (gating(num_classes) if hp.probability_gating else 0)


def scales(hp: Any, features: Features) -> int:
    """The scales of a video's values; models of frames have none."""
    return input_size(features) if getattr(hp, "normalise", "") == "explained" else 0


def count_logistic(hp: Any, num_classes: int, features: Features) -> int:
    return scales(hp, features) + (input_size(features) + 1) * num_classes


def count_moe(hp: Any, num_classes: int, features: Features) -> int:
    planes = input_size(features) * (2 * hp.num_mixtures + 1)
    count = (planes + hp.num_mixtures) * num_classes + (gating(num_classes) if hp.probability_gating else 0)
    return scales(hp, features) + count


def count_dbof(hp: Any, num_classes: int, features: Features) -> int:
    size, clusters, hidden = input_size(features), hp.num_clusters, hp.hidden_size
    matrices = size * clusters + clusters * hidden
    norms = batch_norm(size) + batch_norm(clusters) + batch_norm(hidden)
    return matrices + norms + hp.context_gating * gating(hidden) + head(hidden, num_classes, hp)


def count_moe_chain(hp: Any, num_classes: int, features: Features) -> int:
    planes, projection = 2 * hp.num_mixtures + 1, (num_classes + 1) * hp.hidden_size
    inputs = sum(input_size(features) + before * hp.hidden_size for before in range(hp.num_layers))
    count = inputs * planes * num_classes + hp.num_layers * hp.num_mixtures * num_classes
    count += (hp.num_layers - 1) * projection + scales(hp, features)
    return count + (gating(num_classes) if hp.probability_gating else 0)


def count_residual_mlp(hp: Any, num_classes: int, features: Features) -> int:
    size, hidden = input_size(features), hp.hidden_size
    blocks = hp.num_layers * (batch_norm(hidden) + hidden * hidden)
    branch = size * hidden + blocks + batch_norm(hidden) + (hidden + 1) * num_classes
    return scales(hp, features) + hp.num_branches * branch


def count_soft_dbow(hp: Any, num_classes: int, features: Features) -> int:
    count, pooled = batch_norm(input_size(features)), 0
    for feature in features:
        words = max(2, int(hp.num_clusters * feature.word_share))
        count += feature.size * words + batch_norm(words)
        pooled += words
    count += (pooled + 1) * hp.hidden_size
    return count + hp.context_gating * gating(hp.hidden_size) + head(hp.hidden_size, num_classes, hp)


def clustered(matrices, values, hp: Any, num_classes: int, features: Features) -> int:
    """NetVLAD and its kin: `matrices` of D x K a stream, K clusters of `values` * D each."""
    count, pooled = batch_norm(input_size(features)), 0
    for feature in features:
        clusters = feature.share_of(hp.num_clusters, 2)
        count += matrices * feature.size * clusters + batch_norm(clusters)
        pooled += values * feature.size * clusters
    count += (pooled + 1) * hp.hidden_size
    return count + hp.context_gating * gating(hp.hidden_size) + head(hp.hidden_size, num_classes, hp)


def count_nextvlad(hp: Any, num_classes: int, features: Features) -> int:
    hidden, count, pooled = hp.hidden_size, 0, 0
    for feature in features:
        size, groups, clusters = feature.size, feature.share_of(hp.num_groups), feature.share_of(hp.num_clusters, 2)
        expanded = hp.expansion * size
        count += (size + 1) * expanded + (expanded + 1) * groups  # expansion, attention
        count += expanded * groups * clusters + batch_norm(groups * clusters) + expanded // groups * clusters
        count += batch_norm(clusters * expanded // groups)
        pooled += clusters * expanded // groups
    count += pooled * hidden + batch_norm(hidden)
    units = max(1, hidden // hp.gating_reduction)
    count += hp.context_gating * (2 * hidden * units + batch_norm(units) + hidden)
    return count + head(hidden, num_classes, hp)


def count_mix_nextvlad(hp: Any, num_classes: int, features: Features) -> int:
    size = input_size(features)
    mixture = batch_norm(size) + (size + 1) * hp.num_branches
    return hp.num_branches * count_nextvlad(hp, num_classes, features) + mixture


def finished(size: int, num_classes: int, hp: Any) -> int:
    """A sequence model's gate and head."""
    return hp.context_gating * gating(size) + head(size, num_classes, hp)


def count_recurrent(gates, hp: Any, num_classes: int, features: Features) -> int:
    directions, size, count = 2 if hp.bidirectional else 1, input_size(features), 0
    for _ in range(hp.num_layers):
        count += directions * gates * hp.num_units * (size + hp.num_units + 1)
        size = directions * hp.num_units
    return count + finished(size, num_classes, hp)


def gated_attention(size: int, heads: int, units: int) -> int:
    """The two matrices of each head, and its scores."""
    return heads * units * (2 * size + 1)


def count_attention(hp: Any, num_classes: int, features: Features) -> int:
    size = input_size(features)
    count = gated_attention(size, hp.num_heads, hp.num_units) + (hp.num_heads * size + 1) * hp.hidden_size
    return count + finished(hp.hidden_size, num_classes, hp)


def count_transformer(hp: Any, num_classes: int, features: Features) -> int:
    size, width, hidden = input_size(features), hp.num_units, hp.hidden_size
    layer = 4 * (width + 1) * width + (width + 1) * hidden + (hidden + 1) * width + 2 * 2 * width
    count = (size + 1) * width * (size != width) + 2 * width + hp.num_layers * layer
    count += gated_attention(width, 1, 128) * (hp.pooling == "attention")
    return count + finished(width, num_classes, hp)


def count_tcn(hp: Any, num_classes: int, features: Features) -> int:
    size, units, count = input_size(features), hp.num_units, 0
    for _ in range(hp.num_layers):
        count += hp.kernel_size * (size + units) * units + 2 * 2 * units  # of each output, length and bias
        count += (size + 1) * units * (size != units)
        size = units
    return count + finished(units, num_classes, hp)


COUNTS: dict[str, Callable[[Any, int, Features], int]] = {
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
"""The formula of each model."""


def num_parameters(
    architecture: Architecture, num_classes: int, features: Sequence[Feature | str] = DEFAULT_FEATURES
) -> int:
    """All weights of a model, with moving statistics and without the counters of dropout.

    A model without a formula is built and counted, which loads Keras.

    Args:
        architecture: the model's hyper-parameters.
        num_classes: C, at least 1.
        features: the features to read, as texts (`rgb`, `clip:512:float32`) or as rows of `yt8m.data.features`.

    Raises:
        InputError: an unknown feature.
    """
    if architecture.name in COUNTS:
        return COUNTS[architecture.name](architecture, num_classes, parse_features(features, "features"))
    return sum(
        prod(weight.shape)
        for weight in build_architecture(architecture, num_classes, tuple(features)).weights
        if weight.dtype != "uint32"
    )
