"""Models of frame-level records that use the order of the frames, or relate frames to each other.

Layers are imported where models are built, so that `yt8m --help` does not wait for Keras.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from yt8m.config import Architecture
from yt8m.errors import InputError
from yt8m.models.parts import classify, masked_frames
from yt8m.models.registry import register


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceModel(Architecture):
    """The part that all models here share: scaling of frames, and classifying a video's vector."""

    normalise_frames: bool = True
    """Scale every frame to L2 norm 1."""
    context_gating: bool = False
    """Gate the video's vector (context gating)."""
    head: Literal["moe", "logistic"] = "moe"
    """The classifier: a mixture of experts, or logistic regression."""
    num_mixtures: int = 2
    """Experts per class of the moe head."""
    probability_gating: bool = False
    """Gate the predicted probabilities (context gating)."""
    l2: float = 1e-8
    """Weight of the L2 penalty on the head's weights."""

    def finish(self, vector, num_classes):
        """Gates and classifies a vector [B, H]. Returns logits [B, num_classes], float32."""
        from yt8m.layers.gating import ContextGating

        if self.context_gating:
            vector = ContextGating(name="context_gating")(vector)
        return classify(vector, num_classes, self.head, self.num_mixtures, self.probability_gating, self.l2)


@dataclass(frozen=True, kw_only=True, slots=True)
class RecurrentModel(SequenceModel):
    """The part that `lstm` and `gru` share: a stack of recurrent layers. The last state describes the video."""

    num_layers: int = 2
    """Recurrent layers. Each reads the states of the one before."""
    num_units: int = 1024
    """Size of a recurrent state."""
    bidirectional: bool = False
    """Read the frames backwards too, by separate units in every layer. The next layer sees both states."""

    def build(self, features, num_classes):
        from keras.layers import Concatenate

        from yt8m.layers.selection import FirstFrame, LastFrame

        forward, backward, mask = self._states(features)
        last = LastFrame(name="last_state")(forward, mask)
        if self.bidirectional:
            last = Concatenate(name="last_states")([last, FirstFrame(name="last_state_backward")(backward, mask)])
        return self.finish(last, num_classes)

    @property
    def is_causal(self):
        return not self.bidirectional

    @property
    def block_names(self):
        end = "_both" if self.bidirectional else ""
        return tuple(f"{self.name}_{number}{end}" for number in range(1, self.num_layers + 1))

    def frame_states(self, features, causal):
        from keras.layers import Concatenate

        forward, backward, mask = self._states(features)
        return (Concatenate(name="states")([forward, backward]) if self.bidirectional else forward), mask

    def _states(self, features):
        """The states of the last layer in both directions, [B, T, H] each or None, and the mask."""
        from keras.layers import Concatenate

        from yt8m.layers import recurrent

        backward = None
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
        return forward, backward, mask


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class LongShortTermMemory(RecurrentModel):
    """Stacked LSTMs (arXiv 1609.08675), in one or both directions."""

    name: ClassVar[str] = "lstm"
    level: ClassVar[str] = "frame"


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class GatedRecurrentUnits(RecurrentModel):
    """Stacked GRUs (arXiv 1406.1078; for video 1706.06905), in one or both directions."""

    name: ClassVar[str] = "gru"
    level: ClassVar[str] = "frame"

    num_units: int = 1200
    """Size of a recurrent state."""


@register
@dataclass(frozen=True, kw_only=True, slots=True)
class MultiAttention(SequenceModel):
    """Parallel poolings by gated attention (arXiv 1911.06866)."""

    name: ClassVar[str] = "attention"
    level: ClassVar[str] = "frame"

    num_heads: int = 8
    """Number of poolings. Each has its own attention."""
    num_units: int = 128
    """Units of each pooling's attention."""
    hidden_size: int = 1024
    """Units of the layer after the poolings."""
    dropout: float = 0.0
    """Share of the pooled values to drop in training."""

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
    """A transformer encoder over the frames (arXiv 1706.03762), as in the ninth place of 2019 (arXiv 1912.01127)."""

    name: ClassVar[str] = "transformer"
    level: ClassVar[str] = "frame"

    num_layers: int = 2
    """Layers, each of self-attention and a feed-forward network."""
    num_heads: int = 12
    """Attention heads. They divide --model.num-units evenly."""
    num_units: int = 1152
    """Width of the layers. Frames of another size are projected to it; rgb and audio together have 1152 values."""
    hidden_size: int = 3072
    """Units of the feed-forward networks."""
    dropout: float = 0.1
    """Share of values and attention weights to drop in training."""
    pooling: Literal["mean", "first", "attention"] = "mean"
    """How to pool the last layer's frames. mean: their mean. first: the first frame. attention: gated attention, 128 units."""
    positions: bool = True
    """Add position encodings to the frames."""

    def __post_init__(self):
        Architecture.__post_init__(self)  # `super()` fails: slots=True makes a new class
        if self.num_units % self.num_heads:
            raise InputError(
                f"--model.num-heads is {self.num_heads}, which does not divide --model.num-units {self.num_units}"
            )

    def build(self, features, num_classes):
        from yt8m.layers.attention import GatedAttention
        from yt8m.layers.pooling import MaskedMean
        from yt8m.layers.selection import FirstFrame

        frames, mask = self.frame_states(features, causal=False)
        if self.pooling == "attention":
            pooling = GatedAttention(1, 128, name="pooling")
        else:
            pooling = (MaskedMean if self.pooling == "mean" else FirstFrame)(name="pooling")
        return self.finish(pooling(frames, mask), num_classes)

    @property
    def is_causal(self):
        return True

    @property
    def block_names(self):
        return tuple(f"network_norm_{number}" for number in range(1, self.num_layers + 1))

    def frame_states(self, features, causal):
        from keras.layers import Dense

        from yt8m.layers.attention import SinusoidalPositions, small_normal

        frames, mask = masked_frames(features, self.normalise_frames)
        if frames.shape[-1] != self.num_units:
            frames = Dense(self.num_units, kernel_initializer=small_normal(), name="projection")(frames)
        if self.positions:
            frames = SinusoidalPositions(name="positions")(frames)
        frames = self._drop(self._normalise(frames, "input_norm"), "input_dropout")
        for number in range(1, self.num_layers + 1):
            frames = self._layer(frames, mask, number, causal)
        return frames, mask

    def _layer(self, frames, mask, number, causal):
        """Self-attention, then a network for every frame. The output of each is added to its input and normalised."""
        from keras.layers import Add, Dense

        from yt8m.layers.attention import SelfAttention, small_normal

        def after(inputs, outputs, name):
            outputs = self._drop(outputs, f"{name}_dropout_{number}")
            return self._normalise(Add(name=f"{name}_sum_{number}")([inputs, outputs]), f"{name}_norm_{number}")

        attention = SelfAttention(self.num_heads, self.dropout, causal, name=f"attention_{number}")
        attended = attention(frames, mask)
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
    """Blocks of two convolutions. The first block reads neighbouring frames, each later one frames twice as far apart."""
    num_units: int = 512
    """Output channels of every convolution."""
    kernel_size: int = 3
    """Frames that a convolution reads."""
    causal: bool = True
    """Read no later frames. Otherwise, a convolution reads as many frames after a frame as before it."""
    pooling: Literal["mean", "max", "last"] = "mean"
    """How to pool the last block's frames. last: the last frame alone."""
    dropout: float = 0.0
    """Share of each video's channels to drop after every convolution in training."""

    def build(self, features, num_classes):
        from yt8m.layers.pooling import MaskedMax, MaskedMean
        from yt8m.layers.selection import LastFrame

        frames, mask = self.frame_states(features, causal=self.causal)
        pooling = {"mean": MaskedMean, "max": MaskedMax, "last": LastFrame}[self.pooling](name="pooling")
        return self.finish(pooling(frames, mask), num_classes)

    @property
    def is_causal(self):
        return self.causal

    @property
    def block_names(self):
        return tuple(f"block_{number}" for number in range(1, self.num_layers + 1))

    def frame_states(self, features, causal):
        frames, mask = masked_frames(features, self.normalise_frames)
        for number in range(1, self.num_layers + 1):
            frames = self._block(frames, mask, number)
        return frames, mask

    def _block(self, frames, mask, number):
        """Two convolutions with ReLUs, a residual connection, and a ReLU of the sum."""
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
