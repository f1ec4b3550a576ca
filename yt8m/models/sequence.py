"""Models of frame-level records that look at the frames in their order, or at one in the light of the others.

Layers are imported where models are built, so that `yt8m --help` need not wait for Keras.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from yt8m.config import Architecture
from yt8m.errors import InputError
from yt8m.models.parts import classify, masked_frames
from yt8m.models.registry import register


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceModel(Architecture):
    """What the models here share: how frames are scaled, and how a video's vector becomes logits."""

    normalise_frames: bool = True
    """Give every frame the L2 norm 1."""
    context_gating: bool = False
    """Context gating of the video's vector."""
    head: Literal["moe", "logistic"] = "moe"
    """Classifier."""
    num_mixtures: int = 2
    """Experts a class of a `moe` head."""
    probability_gating: bool = False
    """Context gating on the probabilities."""
    l2: float = 1e-8
    """Weight of the L2 term on the head's weights."""

    def finish(self, vector, num_classes):
        """Gates a vector [B, H] and gives it its head: logits [B, num_classes], float32."""
        from yt8m.layers.gating import ContextGating

        if self.context_gating:
            vector = ContextGating(name="context_gating")(vector)
        return classify(vector, num_classes, self.head, self.num_mixtures, self.probability_gating, self.l2)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecurrentModel(SequenceModel):
    """What `lstm` and `gru` share: a stack of recurrent layers, whose last state describes the video."""

    num_layers: int = 2
    """Recurrent layers, one on the states of the other."""
    num_units: int = 1024
    """Size of a state."""
    bidirectional: bool = False
    """In every layer, read the frames backwards too, by units of their own; the next layer sees both states."""

    def build(self, features, num_classes):
        from keras.layers import Concatenate

        from yt8m.layers import recurrent
        from yt8m.layers.selection import FirstFrame, LastFrame

        layer = {"lstm": recurrent.LSTM, "gru": recurrent.GRU}[self.name]
        states, mask = masked_frames(features, self.normalise_frames)
        for number in range(1, self.num_layers + 1):
            name = f"{self.name}_{number}"
            forward = layer(self.num_units, name=name)(states, mask)
            if self.bidirectional:
                backward = layer(self.num_units, backwards=True, name=f"{name}_backward")(states, mask)
                states = Concatenate(name=f"{name}_both")([forward, backward])
            else:
                states = forward
        last = LastFrame(name="last_state")(forward, mask)
        if self.bidirectional:
            last = Concatenate(name="last_states")([last, FirstFrame(name="last_state_backward")(backward, mask)])
        return self.finish(last, num_classes)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class LongShortTermMemory(RecurrentModel):
    """Stacked LSTMs (arXiv 1609.08675), one way or both."""

    name: ClassVar[str] = "lstm"
    level: ClassVar[str] = "frame"


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class GatedRecurrentUnits(RecurrentModel):
    """Stacked GRUs (arXiv 1406.1078; for video 1706.06905), one way or both."""

    name: ClassVar[str] = "gru"
    level: ClassVar[str] = "frame"

    num_units: int = 1200
    """Size of a state."""


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class MultiAttention(SequenceModel):
    """Parallel poolings by gated attention, side by side (arXiv 1911.06866)."""

    name: ClassVar[str] = "attention"
    level: ClassVar[str] = "frame"

    num_heads: int = 8
    """Poolings, each with an attention of its own."""
    num_units: int = 128
    """Units of a pooling's attention."""
    hidden_size: int = 1024
    """Units of the layer after the poolings."""
    dropout: float = 0.0
    """Share of the pooled values dropped in training."""

    def build(self, features, num_classes):
        from keras.layers import Dense, Dropout

        from yt8m.layers.attention import GatedAttention

        frames, mask = masked_frames(features, self.normalise_frames)
        pooled = GatedAttention(self.num_heads, self.num_units, name="attention")(frames, mask)
        if self.dropout:
            pooled = Dropout(self.dropout, name="dropout")(pooled)
        hidden = Dense(self.hidden_size, activation="relu", name="hidden")(pooled)
        return self.finish(hidden, num_classes)


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class Transformer(SequenceModel):
    """A transformer encoder over the frames (arXiv 1706.03762), as it was ninth in 2019 (arXiv 1912.01127)."""

    name: ClassVar[str] = "transformer"
    level: ClassVar[str] = "frame"

    num_layers: int = 2
    """Of attention and of a feed-forward network each."""
    num_heads: int = 12
    """Of the attention; they share the width evenly."""
    num_units: int = 1152
    """The width. Frames of another size are projected to it; rgb and audio together have 1152 values."""
    hidden_size: int = 3072
    """Units of the feed-forward networks."""
    dropout: float = 0.1
    """Share of values and of attention weights dropped in training."""
    pooling: Literal["mean", "first", "attention"] = "mean"
    """Of the last layer's frames: their mean, the first of them, or gated attention with 128 units."""
    positions: bool = True
    """Tell the layers where in the video a frame is."""

    def __post_init__(self):
        Architecture.__post_init__(self)  # a class with slots is another one than `super` knows
        if self.num_units % self.num_heads:
            raise InputError(
                f"--model.num-heads is {self.num_heads}, which does not divide --model.num-units {self.num_units}"
            )

    def build(self, features, num_classes):
        from keras.layers import Dense

        from yt8m.layers.attention import GatedAttention, SinusoidalPositions, small_normal
        from yt8m.layers.pooling import MaskedMean
        from yt8m.layers.selection import FirstFrame

        frames, mask = masked_frames(features, self.normalise_frames)
        if frames.shape[-1] != self.num_units:
            frames = Dense(self.num_units, kernel_initializer=small_normal(), name="projection")(frames)
        if self.positions:
            frames = SinusoidalPositions(name="positions")(frames)
        frames = self._drop(self._normalise(frames, "input_norm"), "input_dropout")
        for number in range(1, self.num_layers + 1):
            frames = self._layer(frames, mask, number)
        if self.pooling == "attention":
            pooling = GatedAttention(1, 128, name="pooling")
        else:
            pooling = (MaskedMean if self.pooling == "mean" else FirstFrame)(name="pooling")
        return self.finish(pooling(frames, mask), num_classes)

    def _layer(self, frames, mask, number):
        """Self-attention, then a network for every frame, each added to what it was given and normalised."""
        from keras.layers import Add, Dense

        from yt8m.layers.attention import SelfAttention, small_normal

        def after(inputs, outputs, name):
            outputs = self._drop(outputs, f"{name}_dropout_{number}")
            return self._normalise(Add(name=f"{name}_sum_{number}")([inputs, outputs]), f"{name}_norm_{number}")

        attended = SelfAttention(self.num_heads, self.dropout, name=f"attention_{number}")(frames, mask)
        frames = after(frames, attended, "attention")
        initial = {"kernel_initializer": small_normal()}
        expanded = Dense(self.hidden_size, activation="gelu", name=f"expand_{number}", **initial)(frames)
        return after(frames, Dense(self.num_units, name=f"contract_{number}", **initial)(expanded), "network")

    def _normalise(self, frames, name):
        from keras.layers import LayerNormalization

        return LayerNormalization(epsilon=1e-6, name=name)(frames)

    def _drop(self, frames, name):
        from keras.layers import Dropout

        return Dropout(self.dropout, name=name)(frames) if self.dropout else frames


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class TemporalConvolutions(SequenceModel):
    """A temporal convolutional network (arXiv 1803.01271): dilated convolutions with residuals, pooled."""

    name: ClassVar[str] = "tcn"
    level: ClassVar[str] = "frame"

    num_layers: int = 7
    """Blocks of two convolutions; the first reads neighbouring frames, each further one frames twice as far apart."""
    num_units: int = 512
    """Outputs of every convolution."""
    kernel_size: int = 3
    """Frames that a convolution reads."""
    causal: bool = True
    """Read no later frame; otherwise as many after a frame as before it."""
    pooling: Literal["mean", "max", "last"] = "mean"
    """Of the last block's frames: their mean or maximum, or the last of them."""
    dropout: float = 0.0
    """Share of each video's channels dropped after every convolution in training."""

    def build(self, features, num_classes):
        from yt8m.layers.pooling import MaskedMax, MaskedMean
        from yt8m.layers.selection import LastFrame

        frames, mask = masked_frames(features, self.normalise_frames)
        for number in range(1, self.num_layers + 1):
            frames = self._block(frames, mask, number)
        pooling = {"mean": MaskedMean, "max": MaskedMax, "last": LastFrame}[self.pooling](name="pooling")
        return self.finish(pooling(frames, mask), num_classes)

    def _block(self, frames, mask, number):
        """Two convolutions with their ReLUs, added to the frames, and a ReLU of the sum."""
        from keras.layers import Activation, Add, Dense, SpatialDropout1D

        from yt8m.layers.convolution import DilatedConvolution

        inputs = frames
        for part in ("a", "b"):
            name = f"convolution_{number}{part}"
            convolution = DilatedConvolution(
                self.num_units, self.kernel_size, 2 ** (number - 1), self.causal, name=name
            )
            frames = Activation("relu", name=f"{name}_relu")(convolution(frames, mask))
            if self.dropout:
                frames = SpatialDropout1D(self.dropout, name=f"{name}_dropout")(frames)
        if inputs.shape[-1] != self.num_units:
            inputs = Dense(self.num_units, name=f"residual_{number}")(inputs)
        frames = Add(name=f"block_{number}_sum")([frames, inputs])
        return Activation("relu", name=f"block_{number}")(frames)
