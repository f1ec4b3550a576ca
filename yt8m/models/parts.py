"""Parts that models share, before and after their pooling.

Layers are imported where models are built, so that `yt8m --help` does not wait for Keras.
"""

from typing import Any

from yt8m.data.features import Feature
from yt8m.models.inputs import Inputs

SCALED = "scaled"
"""The name of the layer whose scales of values are fitted to labels (`yt8m.training.value_scales`)."""


def stored_streams(features: Inputs) -> list:
    """The stored values of each feature, [B, T, D_i]."""
    return [features[each.name] for each in features.features]


def stored_ranges(features: Inputs) -> list[list[float] | None]:
    """The range of each feature's stored bytes; None for floats. Layers that take stored values take these, too."""
    return [[each.low, each.high] if each.is_quantised else None for each in features.features]


def masked_frames(features: Inputs, normalise: bool):
    """The masked frames [B, T, D], all features side by side, and their mask [B, T]."""
    from yt8m.layers.preprocessing import FrameFeatures

    layer = FrameFeatures(normalise, stored_ranges(features), name="frames")
    frames, mask = layer(stored_streams(features), features["num_frames"])
    return features.hide(frames, mask) if features.hide else (frames, mask)


def split_streams(frames, features: Inputs) -> dict[Feature, Any]:
    """Cuts frames [B, T, D] into their features, [B, T, D_i] each."""
    streams, start = {}, 0
    for feature in features.features:
        streams[feature] = frames[:, :, start : start + feature.size]
        start += feature.size
    return streams


def classify(
    vector, num_classes: int, head: str, num_mixtures: int, probability_gating: bool, l2: float, prefix: str = ""
):
    """Applies a head (`logistic` or `moe`) and a gate to a vector [B, H]. Returns logits [B, C], float32.

    Layer names begin with `prefix`.
    """
    from yt8m.layers.gating import ProbabilityGating
    from yt8m.layers.heads import LogisticHead, MixtureOfExpertsHead

    if head == "moe":
        logits = MixtureOfExpertsHead(num_classes, num_mixtures, l2, name=f"{prefix}head")(vector)
    else:
        logits = LogisticHead(num_classes, l2, name=f"{prefix}head")(vector)
    return ProbabilityGating(name=f"{prefix}probability_gating")(logits) if probability_gating else logits


def pool_streams(streams, mask, make_pooling, dropout: float, prefix: str = ""):
    """Pools each stream by `make_pooling(feature)` and puts the results side by side: [B, P]."""
    from keras.layers import Concatenate, Dropout

    pooled = [make_pooling(feature)(stream, mask) for feature, stream in streams.items()]
    vector = Concatenate(name=f"{prefix}pooled")(pooled) if len(pooled) > 1 else pooled[0]
    return Dropout(dropout, name=f"{prefix}dropout")(vector) if dropout else vector


def classify_clusters(architecture, vector, num_classes: int):
    """Applies one layer, context gating and a head to a pooled vector (arXiv 1706.06905, figure 2): logits [B, C].

    `architecture` must have the hyper-parameters of the VLAD family.
    """
    import keras

    from yt8m.layers.gating import ContextGating
    from yt8m.layers.products import Dense

    initial = keras.initializers.RandomNormal(stddev=architecture.num_clusters**-0.5)
    hidden = Dense(architecture.hidden_size, kernel_initializer=initial, name="hidden")(vector)
    if architecture.context_gating:
        hidden = ContextGating(name="context_gating")(hidden)
    return classify(
        hidden,
        num_classes,
        architecture.head,
        architecture.num_mixtures,
        architecture.probability_gating,
        architecture.l2,
    )
