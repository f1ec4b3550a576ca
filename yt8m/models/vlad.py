"""Models that pool frames around learned centres: the VLAD family.

Layers are imported where models are built, so that `yt8m --help` does not wait for Keras.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from yt8m.config import Architecture
from yt8m.errors import InputError
from yt8m.models.parts import classify, classify_clusters, masked_frames, pool_streams, split_streams
from yt8m.models.registry import register
from yt8m.models.stages import StagedLogits
from yt8m.values import PositiveInt, Range


@dataclass(frozen=True, kw_only=True, slots=True)
class _Clustered(Architecture):
    """Soft assignment of frames to clusters, then one layer, context gating, a head (arXiv 1706.06905, figure 2)."""

    level: ClassVar[str] = "frame"

    num_clusters: int = 256
    """Clusters for the frames of a feature. Audio has half as many."""
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

    @abstractmethod
    def pooling(self, num_clusters: int, name: str):
        """The layer that pools the frames of one stream; it normalises them first."""

    def build(self, features, num_classes):
        def make_pooling(feature):
            # At least two: a softmax over one cluster assigns everything to it.
            return self.pooling(feature.share_of(self.num_clusters, 2), f"{self.name}_{feature.name}")

        frames, mask = masked_frames(features, self.normalise_frames)
        vector = pool_streams(split_streams(frames, features), mask, make_pooling, self.dropout)
        return classify_clusters(self, vector, num_classes)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class NetVLAD(_Clustered):
    """Gated NetVLAD (arXiv 1706.06905): the architecture that won the 2017 challenge."""

    name: ClassVar[str] = "netvlad"

    def pooling(self, num_clusters, name):
        from yt8m.layers import vlad

        return vlad.NetVLAD(num_clusters, name=name)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class NetRVLAD(_Clustered):
    """Gated NetRVLAD (arXiv 1706.06905): NetVLAD of the frames themselves instead of their distances to centres."""

    name: ClassVar[str] = "netrvlad"

    def pooling(self, num_clusters, name):
        from yt8m.layers import vlad

        return vlad.NetRVLAD(num_clusters, name=name)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class NetFisherVector(_Clustered):
    """Gated NetFV (arXiv 1706.06905): first and second order differences to learned Gaussians."""

    name: ClassVar[str] = "netfv"

    num_clusters: int = 128
    """Gaussians for the frames of a feature. Audio has half as many."""

    def pooling(self, num_clusters, name):
        from yt8m.layers import vlad

        return vlad.NetFisherVector(num_clusters, name=name)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class NeXtVLAD(Architecture):
    """NeXtVLAD (arXiv 1811.05014): VLAD of groups of an expanded frame, then a squeeze-and-excitation gate and a head."""

    name: ClassVar[str] = "nextvlad"
    level: ClassVar[str] = "frame"

    num_clusters: int = 128
    """Clusters for the frames of a feature. Audio has half as many."""
    num_groups: int = 8
    """Groups that an expanded frame is cut into. A frame of audio is cut into half as many."""
    expansion: PositiveInt = 2
    """Factor by which frames are widened before they are cut into groups."""
    hidden_size: int = 2048
    """Units of the layer after the pooling."""
    gating_reduction: PositiveInt = 8
    """Factor by which the gate has fewer units than the hidden layer."""
    head: Literal["moe", "logistic"] = "logistic"
    """The classifier: a mixture of experts, or logistic regression."""
    num_mixtures: int = 2
    """Experts per class of the moe head."""
    context_gating: bool = True
    """Gate the hidden layer (squeeze-and-excitation)."""
    probability_gating: bool = False
    """Gate the predicted probabilities (context gating)."""
    normalise_frames: bool = True
    """Scale every frame to L2 norm 1."""
    dropout: float = 0.5
    """Share of the pooled values to drop in training."""
    l2: float = 1e-5
    """Weight of the L2 penalty on the head's weights."""

    def check_features(self, features):
        for feature in features:
            num_groups, size = feature.share_of(self.num_groups), self.expansion * feature.size
            if size % num_groups:
                raise InputError(
                    f"--model.num-groups is {self.num_groups}; an expanded {feature.name} frame of {size} values "
                    f"cannot be cut into {num_groups} equal groups; choose a power of 2"
                )

    def build(self, features, num_classes):
        frames, mask = masked_frames(features, self.normalise_frames)
        return self.classified(split_streams(frames, features), mask, num_classes)

    def classified(self, streams, mask, num_classes: int, prefix: str = ""):
        """Pools and classifies the streams: logits [B, C]. All layer names begin with `prefix`."""
        from keras.initializers import HeNormal

        from yt8m.layers import vlad
        from yt8m.layers.gating import SqueezeExcitationGating
        from yt8m.layers.normalisation import batch_normalisation
        from yt8m.layers.products import Dense

        def make_pooling(feature):
            num_clusters, num_groups = feature.share_of(self.num_clusters, 2), feature.share_of(self.num_groups)
            return vlad.NeXtVLAD(num_clusters, num_groups, self.expansion, name=f"{prefix}nextvlad_{feature.name}")

        vector = pool_streams(streams, mask, make_pooling, self.dropout, prefix)
        hidden = Dense(self.hidden_size, use_bias=False, kernel_initializer=HeNormal(), name=f"{prefix}hidden")(vector)
        hidden = batch_normalisation(f"{prefix}hidden_bn")(hidden)
        if self.context_gating:
            hidden = SqueezeExcitationGating(self.gating_reduction, name=f"{prefix}context_gating")(hidden)
        return classify(hidden, num_classes, self.head, self.num_mixtures, self.probability_gating, self.l2, prefix)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class MixedNeXtVLAD(NeXtVLAD):
    """Several NeXtVLADs that learn from their mixture (arXiv 1811.05014, section 3.4; distillation arXiv 1806.04606)."""

    name: ClassVar[str] = "mix_nextvlad"

    num_branches: Annotated[int, Range(least=2)] = 3
    """Number of NeXtVLADs."""
    num_clusters: int = 112
    """Clusters for the frames of a feature in each NeXtVLAD. Audio has half as many."""
    gating_reduction: PositiveInt = 16
    """Factor by which the gate has fewer units than the hidden layer."""
    temperature: Annotated[float, Range(least=0)] = 3.0
    """Temperature of the distillation from the mixture to its parts; 0 = no distillation."""

    def build(self, features, num_classes):
        from yt8m.layers.gating import BranchMixture
        from yt8m.layers.pooling import MaskedMean

        frames, mask = masked_frames(features, self.normalise_frames)
        streams = split_streams(frames, features)
        branches = [
            self.classified(streams, mask, num_classes, f"branch_{branch}_")
            for branch in range(1, self.num_branches + 1)
        ]
        final = BranchMixture(name="mixture")(MaskedMean(name="mean")(frames, mask), branches)
        return StagedLogits(final=final, stages=tuple(branches), temperature=self.temperature)
