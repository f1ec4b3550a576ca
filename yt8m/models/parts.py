"""What the models have in common before their pooling and after it.

Layers are imported where models are built, so that `yt8m --help` need not wait for Keras.
"""

from yt8m.data.schema import FEATURE_SIZES


def stored_streams(features) -> list:
    """The stored bytes of each feature, [B, T, D_i]."""
    return [features[name] for name in FEATURE_SIZES if name in features]


def masked_frames(features, normalise: bool):
    """Masked frames [B, T, D] of all streams together, and their mask [B, T]."""
    from yt8m.layers.preprocessing import FrameFeatures

    return FrameFeatures(normalise, name="frames")(stored_streams(features), features["num_frames"])


def split_streams(frames, features) -> dict:
    """The frames of each feature alone, by its name: [B, T, D_i] of the frames [B, T, D] that have them side by side."""
    streams, start = {}, 0
    for name in (name for name in FEATURE_SIZES if name in features):
        streams[name] = frames[:, :, start : start + FEATURE_SIZES[name]]
        start += FEATURE_SIZES[name]
    return streams


def classify(
    vector, num_classes: int, head: str, num_mixtures: int, probability_gating: bool, l2: float, prefix: str = ""
):
    """Gives a vector [B, H] its head (`logistic` or `moe`) and gate: logits [B, C], float32.

    The names of the layers begin with `prefix`.
    """
    from yt8m.layers.gating import ProbabilityGating
    from yt8m.layers.heads import LogisticHead, MixtureOfExpertsHead

    if head == "moe":
        logits = MixtureOfExpertsHead(num_classes, num_mixtures, l2, name=f"{prefix}head")(vector)
    else:
        logits = LogisticHead(num_classes, l2, name=f"{prefix}head")(vector)
    return ProbabilityGating(name=f"{prefix}probability_gating")(logits) if probability_gating else logits


def pool_streams(streams, mask, make_pooling, dropout: float, prefix: str = ""):
    """Each stream through the pooling that `make_pooling(feature)` returns, side by side: [B, P]."""
    from keras.layers import Concatenate, Dropout

    pooled = [make_pooling(feature)(stream, mask) for feature, stream in streams.items()]
    vector = Concatenate(name=f"{prefix}pooled")(pooled) if len(pooled) > 1 else pooled[0]
    return Dropout(dropout, name=f"{prefix}dropout")(vector) if dropout else vector


def classify_clusters(architecture, vector, num_classes: int):
    """One layer, context gating and a head on what was pooled by clusters (arXiv 1706.06905, figure 2): logits [B, C].

    `architecture` has the hyper-parameters of the VLAD family.
    """
    import keras
    from keras.layers import Dense

    from yt8m.layers.gating import ContextGating

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
