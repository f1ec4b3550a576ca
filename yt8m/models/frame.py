"""Models of frame-level records: they pool the frames, gate the result and classify it.

Layers are imported where models are built, so that `yt8m --help` does not wait for Keras.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from yt8m.config import Architecture
from yt8m.models.parts import (
    classify,
    classify_clusters,
    masked_frames,
    pool_streams,
    split_streams,
    stored_ranges,
    stored_streams,
)
from yt8m.models.registry import register


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class FrameLogistic(Architecture):
    """Logistic regression on the mean frame: `logistic` for frame-level records."""

    name: ClassVar[str] = "frame_logistic"
    level: ClassVar[str] = "frame"

    normalise_frames: bool = False
    """Scale every frame to L2 norm 1, as the reference does. The means in video-level records are of unscaled frames."""
    l2: float = 1e-8
    """Weight of the L2 penalty on the weights."""

    def build(self, features, num_classes):
        from yt8m.layers.heads import LogisticHead
        from yt8m.layers.pooling import MaskedMean, StoredMean

        if self.normalise_frames:
            mean = MaskedMean(name="mean")(*masked_frames(features, normalise=True))
        else:
            layer = StoredMean(stored_ranges(features), name="mean")
            mean = layer(stored_streams(features), features["num_frames"])
        return LogisticHead(num_classes, self.l2, name="head")(mean)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class DeepBagOfFrames(Architecture):
    """Deep bag of frames (arXiv 1609.08675): project every frame up, pool, project down."""

    name: ClassVar[str] = "dbof"
    level: ClassVar[str] = "frame"

    num_clusters: int = 8192
    """Units that every frame is projected to."""
    hidden_size: int = 1024
    """Units of the layer after the pooling."""
    pooling: Literal["max", "mean"] = "max"
    """How to pool the frames."""
    activation: Literal["relu6", "relu", "sigmoid"] = "relu6"
    """Activation after the projections of frames and video."""
    head: Literal["moe", "logistic"] = "moe"
    """The classifier: a mixture of experts, or logistic regression."""
    num_mixtures: int = 2
    """Experts per class of the moe head."""
    context_gating: bool = False
    """Gate the hidden layer (context gating)."""
    probability_gating: bool = False
    """Gate the predicted probabilities (context gating)."""
    normalise_frames: bool = True
    """Scale every frame to L2 norm 1."""
    l2: float = 1e-8
    """Weight of the L2 penalty on the head's weights."""

    def build(self, features, num_classes):
        import keras
        from keras.layers import Activation

        from yt8m.layers.gating import ContextGating
        from yt8m.layers.normalisation import NormalisedProjection, batch_normalisation
        from yt8m.layers.pooling import MaskedMax, MaskedMean
        from yt8m.layers.products import Dense

        frames, mask = masked_frames(features, self.normalise_frames)
        clusters = NormalisedProjection(self.num_clusters, name="projection")(frames, mask)
        clusters = batch_normalisation("projection_bn")(clusters, mask=mask)
        clusters = Activation(self.activation, name="projection_activation")(clusters)
        pooling = MaskedMax(name="pooling") if self.pooling == "max" else MaskedMean(name="pooling")
        initial = keras.initializers.RandomNormal(stddev=self.num_clusters**-0.5)
        hidden = Dense(self.hidden_size, use_bias=False, kernel_initializer=initial, name="hidden")(
            pooling(clusters, mask)
        )
        hidden = Activation(self.activation, name="activation")(batch_normalisation("hidden_bn")(hidden))
        if self.context_gating:
            hidden = ContextGating(name="context_gating")(hidden)
        return classify(hidden, num_classes, self.head, self.num_mixtures, self.probability_gating, self.l2)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class SoftDeepBagOfWords(Architecture):
    """Soft bag of words (arXiv 1706.06905): soft counts of learned words in the frames, then one layer."""

    name: ClassVar[str] = "soft_dbow"
    level: ClassVar[str] = "frame"

    num_clusters: int = 8000
    """Words for the frames of a feature. Audio has an eighth as many."""
    hidden_size: int = 1024
    """Units of the layer after the pooling."""
    head: Literal["moe", "logistic"] = "moe"
    """The classifier: a mixture of experts, or logistic regression."""
    num_mixtures: int = 2
    """Experts per class of the moe head."""
    context_gating: bool = True
    """Gate the hidden layer (context gating)."""
    probability_gating: bool = True
    """Gate the predicted probabilities (context gating)."""
    normalise_frames: bool = True
    """Scale every frame to L2 norm 1."""
    dropout: float = 0.0
    """Share of the pooled values to drop in training."""
    l2: float = 1e-8
    """Weight of the L2 penalty on the head's weights."""

    def build(self, features, num_classes):
        from yt8m.layers.bags import SoftBagOfWords
        from yt8m.layers.normalisation import batch_normalisation

        frames, mask = masked_frames(features, self.normalise_frames)
        scale, offset = batch_normalisation("input_bn", folded=True)(frames, mask=mask)
        # Of frames [1, 1, D], to be cut like them.
        scales, offsets = (split_streams(each[None, None], features) for each in (scale, offset))

        def make_pooling(feature):
            # At least two: the share of a single word is always 1.
            num_clusters = max(2, int(self.num_clusters * feature.word_share))
            pooling = SoftBagOfWords(num_clusters, name=f"words_{feature.name}")
            return lambda stream, mask: pooling(stream, mask, scales[feature][0, 0], offsets[feature][0, 0])

        vector = pool_streams(split_streams(frames, features), mask, make_pooling, self.dropout)
        return classify_clusters(self, vector, num_classes)
