"""Models of video-level records: one vector per video in, logits out.

Layers are imported where models are built, so that `yt8m --help` does not wait for Keras.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from yt8m.config import Architecture
from yt8m.models.parts import SCALED
from yt8m.models.registry import register
from yt8m.models.stages import StagedLogits
from yt8m.values import NonNegativeInt, Range

Normalisation = Literal["none", "l2", "rms", "each", "explained"]
"""How to scale each video's vector of features, [D].

none: not at all. l2: to L2 norm 1. rms: to root mean square 1. each: every feature by itself to root mean square 1. explained:
the same, after each value was multiplied by its share of variance that the labels of training videos explain, over its
deviation (`yt8m.training.explained_variance`).
"""


def _video_vector(features, normalise: Normalisation, dropout: float):
    """The features of a video side by side, [B, D]."""
    import keras

    from yt8m.layers.preprocessing import FeatureScale, VectorScale

    vectors = list(features.values())
    if normalise == "explained":
        lengths = [each.size**0.5 for each in features.features]
        vectors = [FeatureScale(lengths, together=False, name=SCALED)(vectors)]
    if normalise == "each":
        vectors = [
            VectorScale("rms", name=f"scale_{each.name}")(features[each.video_name]) for each in features.features
        ]
    vector = keras.layers.Concatenate(name="features")(vectors) if len(vectors) > 1 else vectors[0]
    if normalise in ("l2", "rms"):
        vector = VectorScale(normalise, name="scale")(vector)
    return keras.layers.Dropout(dropout, name="dropout")(vector) if dropout else vector


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class Logistic(Architecture):
    """Logistic regression on the mean features."""

    name: ClassVar[str] = "logistic"
    level: ClassVar[str] = "video"

    normalise: Normalisation = "rms"
    """How to scale each video's vector. l2: to L2 norm 1, as the reference
    does. rms: to root mean square 1. each: every feature by itself to root
    mean square 1. explained: the same, with values that the training
    labels say more of counted more. none: not at all."""
    dropout: float = 0.0
    """Share of the input values to drop in training."""
    l2: float = 1e-8
    """Weight of the L2 penalty on the weights."""
    initial_bias: float = -7.0
    """Initial bias of every class. -7 is the log-odds of a class that one video in a thousand has."""
    initial_scale: float = 0.0
    """Factor on the initial weights. They may start at 0, because the problem is convex."""

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
    """Experts per class, besides a dummy that always says 0."""
    normalise: Normalisation = "rms"
    """How to scale each video's vector. l2: to L2 norm 1, as the reference
    does. rms: to root mean square 1. each: every feature by itself to root
    mean square 1. explained: the same, with values that the training
    labels say more of counted more. none: not at all."""
    dropout: float = 0.0
    """Share of the input values to drop in training."""
    probability_gating: bool = False
    """Gate the predicted probabilities (context gating)."""
    l2: float = 1e-8
    """Weight of the L2 penalty on gates and experts."""
    initial_bias: float = -5.0
    """Initial bias of every expert."""
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
    """A chain of mixtures of experts (arXiv 1706.05150). Each sees the predictions before it, and each learns from the labels."""

    name: ClassVar[str] = "moe_chain"
    level: ClassVar[str] = "video"

    num_layers: int = 3
    """Mixtures in the chain; 1 gives the model moe."""
    hidden_size: int = 256
    """Units that each mixture's predictions are projected to for the next one."""
    num_mixtures: int = 2
    """Experts per class in every mixture, besides a dummy that always says 0."""
    normalise: Normalisation = "rms"
    """How to scale each video's vector. l2: to L2 norm 1, as the paper does.
    rms: to root mean square 1. each: every feature by itself to root mean
    square 1. explained: the same, with values that the training labels
    say more of counted more. none: not at all. The projections are scaled
    alike (to L2 norm 1 with none), so that they weigh as much as the
    input."""
    dropout: float = 0.0
    """Share of the input values to drop in training."""
    probability_gating: bool = False
    """Gate the probabilities of the last mixture (context gating)."""
    l2: float = 1e-8
    """Weight of the L2 penalty on gates, experts and projections."""
    initial_bias: float = -5.0
    """Initial bias of every expert."""
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
        """Projects the predictions of a mixture for the next ones: [B, C] to [B, H]."""
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
        kind = "l2" if self.normalise in ("l2", "none") else "rms"
        return VectorScale(kind, name=f"scaled_{position}")(projection)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class ResidualPerceptrons(Architecture):
    """The mean logit of several residual perceptrons on the mean features, each of which learns from the labels."""

    name: ClassVar[str] = "residual_mlp"
    level: ClassVar[str] = "video"

    num_branches: int = 4
    """Perceptrons. They differ in their initial weights and their dropout, and their mean is better than each of them."""
    num_layers: NonNegativeInt = 1
    """Residual blocks of each perceptron: h + W dropout(relu(BN(h)))."""
    hidden_size: int = 1024
    """Units of every layer."""
    normalise: Normalisation = "explained"
    """How to scale each video's vector. explained: every feature by itself
    to root mean square 1, with values that the training labels say more
    of counted more. each: the same without that. rms: to root mean square
    1. l2: to L2 norm 1. none: not at all."""
    input_dropout: Annotated[float, Range(least=0, below=1)] = 0.2
    """Share of the input values to drop in training, other ones for each perceptron."""
    dropout: float = 0.5
    """Share of the units of every layer to drop in training."""
    l2: float = 0.0
    """Weight of the L2 penalty on the weights of the heads."""
    initial_bias: float = -7.0
    """Initial bias of every class. -7 is the log-odds of a class that one video in a thousand has."""
    initial_scale: float = 1.0
    """Factor on the initial weights of the heads."""

    def build(self, features, num_classes):
        from keras.layers import Average

        vector = _video_vector(features, self.normalise, dropout=0.0)
        branches = [
            self._perceptron(vector, num_classes, f"branch_{number + 1}_") for number in range(self.num_branches)
        ]
        if len(branches) == 1:
            return branches[0]
        return StagedLogits(final=Average(name="mean", dtype="float32")(branches), stages=tuple(branches))

    def _perceptron(self, vector, num_classes: int, prefix: str):
        """The logits of one perceptron, [B, C]."""
        from keras.layers import Add, Dense, Dropout

        from yt8m.layers.heads import LogisticHead

        dropped = Dropout(self.input_dropout, name=f"{prefix}input_dropout")(vector) if self.input_dropout else vector
        hidden = Dense(self.hidden_size, use_bias=False, name=f"{prefix}hidden")(dropped)  # a norm follows every sum
        for layer in range(1, self.num_layers + 1):
            active = self._activated(hidden, f"{prefix}{layer}_")
            step = Dense(self.hidden_size, use_bias=False, name=f"{prefix}hidden_{layer}")(active)
            hidden = Add(name=f"{prefix}sum_{layer}")([hidden, step])
        head = LogisticHead(num_classes, self.l2, self.initial_bias, self.initial_scale, name=f"{prefix}head")
        return head(self._activated(hidden, f"{prefix}last_"))

    def _activated(self, hidden, prefix: str):
        """dropout(relu(BN(h))), [B, H]."""
        from keras.layers import Activation, Dropout

        from yt8m.layers.normalisation import batch_normalisation

        active = Activation("relu", name=f"{prefix}relu")(batch_normalisation(f"{prefix}bn")(hidden))
        return Dropout(self.dropout, name=f"{prefix}dropout")(active) if self.dropout else active
