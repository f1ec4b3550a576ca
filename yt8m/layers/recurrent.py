"""Recurrent layers: frames [B, T, D] and their mask [B, T] to one state per frame, [B, T, H].

Keras's own layers multiply the weights by one frame at a time, keep states in the compute dtype (bfloat16 loses small changes
over a long video) and reject videos without frames on a GPU. On a CPU, a training step of our layers takes less than half the
time.
"""

import keras
from keras import ops

from yt8m.layers import serialisable
from yt8m.layers.recurrence import gru_states, gru_step, lstm_states, lstm_step


class Recurrence(keras.layers.Layer):
    """The base of both recurrent layers: the gates' weights and the order of the axes.

    Args:
        num_units: H.
        backwards: read from the last real frame to the first.

    Call arguments: frames [B, T, D], bool [B, T] with the real frames first. Returns [B, T, H], 0 in padding. As 0 is also
    the initial state, a backward layer starts at the last real frame.
    """

    initial_biases: tuple[float, ...]
    """The initial bias of each gate. The kernels have H columns per gate."""
    num_states: int
    """Vectors [B, H] that a frame hands on to the next. The first is the state that the layer returns."""

    def __init__(self, num_units, backwards=False, **kwargs):
        super().__init__(**kwargs)
        self.num_units, self.backwards = num_units, backwards
        self.supports_masking = True

    def build(self, frames_shape, mask_shape=None):
        columns = len(self.initial_biases) * self.num_units
        # Glorot's initialiser, as in the reference. Keras's orthogonal one takes seconds for a thousand units.
        self.kernel = self.add_weight(name="kernel", shape=(frames_shape[-1], columns), initializer="glorot_uniform")
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel", shape=(self.num_units, columns), initializer="glorot_uniform"
        )
        self.bias = self.add_weight(name="bias", shape=(columns,), initializer=self._initial_bias)
        self.built = True

    def _initial_bias(self, shape, dtype=None):
        return ops.repeat(ops.array(self.initial_biases, dtype), self.num_units)

    def states(self, inputs, recurrent_kernel, mask):
        """The states [T, B, H], float32, from the frames' part of the gates, [T, B, gates * H]."""
        raise NotImplementedError

    def step(self, recurrent_kernel):
        """One turn of that loop: from the vectors before a frame, its inputs and its mask to the vectors after it, twice."""
        raise NotImplementedError

    def call(self, frames, mask):
        # Time comes first in the loops. Frames are transposed because they are smaller than the gates' inputs.
        frames, real = ops.transpose(frames, (1, 0, 2)), ops.transpose(ops.cast(mask, "float32"))[:, :, None]
        inputs = ops.matmul(frames, self.kernel) + self.bias
        # The copy is a tensor: in TensorFlow, a function with a custom gradient must not use undeclared variables.
        states = self.states(inputs, ops.copy(self.recurrent_kernel), real)
        return ops.cast(ops.transpose(states, (1, 0, 2)), self.compute_dtype)

    def compute_output_shape(self, frames_shape, mask_shape=None):
        return (*frames_shape[:-1], self.num_units)

    def get_config(self):
        return super().get_config() | {"num_units": self.num_units, "backwards": self.backwards}


@serialisable
class LSTM(Recurrence):
    """Long short-term memory with a forget gate (Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000).

    ``s = x W + h U + b`` has four parts, in the order i, f, g, o. With i, f, o = sigmoid(s) and g = tanh(s):
    c' = f * c + i * g, h' = o * tanh(c'). The forget gate's bias starts at 1, so that the layer remembers at first.
    """

    initial_biases = (0.0, 1.0, 0.0, 0.0)
    num_states = 2

    def states(self, inputs, recurrent_kernel, mask):
        return lstm_states(inputs, recurrent_kernel, mask, self.backwards)

    def step(self, recurrent_kernel):
        return lstm_step(recurrent_kernel)


@serialisable
class GRU(Recurrence):
    """Gated recurrent unit (arXiv 1406.1078, section 2.3).

    z and r are the sigmoids of the first two parts of ``x W + h U + b``. n is the tanh of the third part, with the state reset
    first: ``x W + (r * h) U + b``. h' = z * h + (1 - z) * n. Both gates' biases start at 1, so that the layer remembers at first.
    """

    initial_biases = (1.0, 1.0, 0.0)
    num_states = 1

    def states(self, inputs, recurrent_kernel, mask):
        return gru_states(inputs, *self._split(recurrent_kernel), mask, self.backwards)

    def step(self, recurrent_kernel):
        return gru_step(*self._split(recurrent_kernel))

    def _split(self, recurrent_kernel):
        """The weights of both gates and those of the candidate."""
        return recurrent_kernel[:, : 2 * self.num_units], recurrent_kernel[:, 2 * self.num_units :]
