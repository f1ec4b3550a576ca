"""The work and the memory of every model, by arithmetic, as `sizes.py` has their numbers of parameters.

A model multiplies each weight about once a video, and those of its frame layers once a frame. Formulas take the hyper-parameters
`hp`, the features and the number of frames T. They leave out what is small beside products of matrices.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from yt8m.config import Architecture
from yt8m.data.features import Feature
from yt8m.models.sizes import Features, input_size, num_parameters


class Work(NamedTuple):
    """What a model does with one video."""

    products: float
    """Multiplications with additions, of a prediction. A training step does three times as many."""
    values: float
    """Numbers that a training step keeps for the gradients."""


def nothing(hp: Any, features: Features, num_frames: int) -> Work:
    """A model of means alone."""
    return Work(0, input_size(features))


def dbof(hp: Any, features: Features, num_frames: int) -> Work:
    return Work(input_size(features) * hp.num_clusters, 3 * hp.num_clusters)


def soft_dbow(hp: Any, features: Features, num_frames: int) -> Work:
    words = [max(2, int(hp.num_clusters * feature.word_share)) for feature in features]
    products = sum(feature.size * count for feature, count in zip(features, words, strict=True))
    return Work(products, input_size(features) + 3 * sum(words))


def clustered(orders: int, hp: Any, features: Features, num_frames: int) -> Work:
    """NetVLAD and its kin: a product for the assignment, and one for each order of residuals."""
    clusters = [feature.share_of(hp.num_clusters, 2) for feature in features]
    products = sum(feature.size * count for feature, count in zip(features, clusters, strict=True))
    return Work((1 + orders) * products, orders * input_size(features) + 3 * sum(clusters))


def nextvlad(branches: Any, hp: Any, features: Features, num_frames: int) -> Work:
    products, values = 0, input_size(features)
    for feature in features:
        groups, clusters = feature.share_of(hp.num_groups), feature.share_of(hp.num_clusters, 2)
        expanded = hp.expansion * feature.size
        products += feature.size * expanded + expanded * (groups + groups * clusters + clusters)
        values += 2 * expanded + 4 * groups * clusters
    count = getattr(hp, branches, 1)
    return Work(count * products, count * values)


def recurrent(gates: int, hp: Any, features: Features, num_frames: int) -> Work:
    directions, size, products = 2 if hp.bidirectional else 1, input_size(features), 0
    for _ in range(hp.num_layers):
        products += directions * gates * hp.num_units * (size + hp.num_units)
        size = directions * hp.num_units
    return Work(products, input_size(features) + hp.num_layers * directions * (gates + 3) * hp.num_units)


def attention(hp: Any, features: Features, num_frames: int) -> Work:
    size = input_size(features)
    return Work(hp.num_heads * (hp.num_units * 2 * size + size), size + 3 * hp.num_heads * hp.num_units)


def transformer(hp: Any, features: Features, num_frames: int) -> Work:
    size, width = input_size(features), hp.num_units
    layer = 4 * width * width + 2 * width * hp.hidden_size + 2 * width * num_frames
    kept = 10 * width + 2 * hp.hidden_size + 3 * getattr(hp, "num_heads", 1) * num_frames
    return Work(size * width * (size != width) + hp.num_layers * layer, size + hp.num_layers * kept)


def tcn(hp: Any, features: Features, num_frames: int) -> Work:
    size, units, products = input_size(features), hp.num_units, 0
    for _ in range(hp.num_layers):
        products += hp.kernel_size * (size + units) * units + size * units * (size != units)
        size = units
    return Work(products, input_size(features) + hp.num_layers * 8 * units)


OF_A_FRAME: dict[str, Callable[[Any, Features, int], Work]] = {
    "attention": attention,
    "dbof": dbof,
    "frame_logistic": nothing,
    "gru": partial(recurrent, 3),
    "lstm": partial(recurrent, 4),
    "mix_nextvlad": partial(nextvlad, "num_branches"),
    "netfv": partial(clustered, 2),
    "netrvlad": partial(clustered, 1),
    "netvlad": partial(clustered, 1),
    "nextvlad": partial(nextvlad, ""),
    "soft_dbow": soft_dbow,
    "tcn": tcn,
    "transformer": transformer,
}
"""The formula of each model of frames."""


def work_of(architecture: Architecture, num_classes: int, features: Sequence[Feature], num_frames: int) -> Work | None:
    """The work of a model for one video; None for a model of frames without a formula.

    Args:
        architecture: the model's hyper-parameters.
        num_classes: C, at least 1.
        features: the features.
        num_frames: frames of the video that the model sees; of no use to a model of means.
    """
    parameters = num_parameters(architecture, num_classes, features)
    # Logits, probabilities, labels and their gradients; those of each expert of a mixture.
    planes = 4 + 3 * getattr(architecture, "num_mixtures", 0) * getattr(architecture, "num_layers", 1)
    once = planes * num_classes + 4 * getattr(architecture, "hidden_size", 0) + input_size(features)
    if architecture.level == "video":
        return Work(parameters, once * getattr(architecture, "num_branches", 1))
    if architecture.name not in OF_A_FRAME:
        return None
    frame = OF_A_FRAME[architecture.name](architecture, features, num_frames)
    return Work(parameters + num_frames * frame.products, once + num_frames * frame.values)
