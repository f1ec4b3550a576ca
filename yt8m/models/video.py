"""Models of video-level records: one vector a video in, logits out.

Layers are imported where models are built, so that `yt8m --help` need not wait for Keras.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from yt8m.config import Architecture
from yt8m.models.registry import register
from yt8m.models.stages import StagedLogits


def _video_vector(features, normalise: str, dropout: float):
    """The features of a video side by side, [B, D]."""
    import keras

    from yt8m.layers.preprocessing import VectorScale

    vectors = list(features.values())
    vector = keras.layers.Concatenate(name="features")(vectors) if len(vectors) > 1 else vectors[0]
    if normalise != "none":
        vector = VectorScale(normalise, name="scale")(vector)
    return keras.layers.Dropout(dropout, name="dropout")(vector) if dropout else vector


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class Logistic(Architecture):
    """Logistic regression on the mean features."""

    name: ClassVar[str] = "logistic"
    level: ClassVar[str] = "video"

    normalise: Literal["none", "l2", "rms"] = "rms"
    """Give every video's vector the L2 norm 1 (l2, as the reference does) or the root mean square 1 (rms)."""
    dropout: float = 0.0
    """Share of the input values dropped in training."""
    l2: float = 1e-8
    """Weight of the L2 term on the weights."""
    initial_bias: float = -7.0
    """Of every class; the log-odds of a class that one video in a thousand has."""
    initial_scale: float = 0.0
    """Factor on the initial weights; the problem is convex, so they may start at 0."""

    def build(self, features, num_classes):
        from yt8m.layers.heads import LogisticHead

        vector = _video_vector(features, self.normalise, self.dropout)
        return LogisticHead(num_classes, self.l2, self.initial_bias, self.initial_scale, name="head")(vector)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class MixtureOfExperts(Architecture):
    """Mixture of logistic experts on the mean features (arXiv 1609.08675)."""

    name: ClassVar[str] = "moe"
    level: ClassVar[str] = "video"

    num_mixtures: int = 2
    """Experts a class, beside the dummy that says 0."""
    normalise: Literal["none", "l2", "rms"] = "rms"
    """Give every video's vector the L2 norm 1 (l2, as the reference does) or the root mean square 1 (rms)."""
    dropout: float = 0.0
    """Share of the input values dropped in training."""
    probability_gating: bool = False
    """Context gating on the probabilities."""
    l2: float = 1e-8
    """Weight of the L2 term on gates and experts."""
    initial_bias: float = -5.0
    """Of every expert."""
    initial_scale: float = 0.3
    """Factor on the initial weights."""

    def build(self, features, num_classes):
        from yt8m.layers.gating import ProbabilityGating
        from yt8m.layers.heads import MixtureOfExpertsHead

        vector = _video_vector(features, self.normalise, self.dropout)
        logits = MixtureOfExpertsHead(
            num_classes, self.num_mixtures, self.l2, self.initial_bias, self.initial_scale, name="head"
        )(vector)
        return ProbabilityGating(name="probability_gating")(logits) if self.probability_gating else logits


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class MixtureOfExpertsChain(Architecture):
    """A chain of mixtures of experts (arXiv 1706.05150): each sees what those before it said, and each is trained."""

    name: ClassVar[str] = "moe_chain"
    level: ClassVar[str] = "video"

    num_layers: int = 3
    """Mixtures in the chain; 1 is `moe`."""
    hidden_size: int = 256
    """Units that the predictions of one mixture are projected to for the next."""
    num_mixtures: int = 2
    """Experts a class of every mixture, beside the dummy that says 0."""
    normalise: Literal["none", "l2", "rms"] = "rms"
    """Give every video's vector the L2 norm 1 (l2, as the paper does) or the root mean square 1 (rms). The projections
    get the root mean square 1 with rms, else the L2 norm 1, so that they weigh as much as the input."""
    dropout: float = 0.0
    """Share of the input values dropped in training."""
    probability_gating: bool = False
    """Context gating on the probabilities of the last mixture."""
    l2: float = 1e-8
    """Weight of the L2 term on gates, experts and projections."""
    initial_bias: float = -5.0
    """Of every expert."""
    initial_scale: float = 0.3
    """Factor on the initial gates and experts."""

    def build(self, features, num_classes):
        from keras.layers import Concatenate

        from yt8m.layers.gating import ProbabilityGating
        from yt8m.layers.heads import MixtureOfExpertsHead

        seen, stages = [_video_vector(features, self.normalise, self.dropout)], []
        for position in range(1, self.num_layers + 1):
            vector = Concatenate(name=f"input_{position}")(seen) if len(seen) > 1 else seen[0]
            head = MixtureOfExpertsHead(
                num_classes, self.num_mixtures, self.l2, self.initial_bias, self.initial_scale, name=f"head_{position}"
            )
            stages.append(head(vector))
            if position < self.num_layers:
                seen.append(self._project(stages[-1], position))
        final = ProbabilityGating(name="probability_gating")(stages[-1]) if self.probability_gating else stages[-1]
        return StagedLogits(final=final, stages=tuple(stages[:-1]))

    def _project(self, logits, position: int):
        """What the next mixtures see of the predictions of one: [B, C] to [B, H]."""
        from keras.layers import Activation, Dense

        from yt8m.layers.penalties import weight_penalty
        from yt8m.layers.preprocessing import VectorScale

        probabilities = Activation("sigmoid", name=f"probabilities_{position}")(logits)
        projection = Dense(
            self.hidden_size,
            activation="relu",
            kernel_regularizer=weight_penalty(self.l2),
            name=f"projection_{position}",
        )(probabilities)
        return VectorScale("rms" if self.normalise == "rms" else "l2", name=f"scaled_{position}")(projection)
