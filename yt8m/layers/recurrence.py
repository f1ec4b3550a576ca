"""The loops of the recurrent layers and their gradients: from the gates' inputs to one state per frame.

The gradients are written by hand. So the gradient of the recurrent weights is one product for all frames; a differentiated
loop would add to a matrix as large as the weights at every frame. XLA compiles the loops of both directions.

T frames, B videos, H units; time is the first axis. Real frames precede padding, as in every batch, and states of padding are
0. So a backward loop reaches the last real frame with the initial state, which is 0 too. States and their gradients are
float32 in every precision; products have the precision of the weights.
"""

from keras import ops

from yt8m.layers.gradients import given


def _product(vectors, kernel):
    """Vectors times a matrix, computed in the matrix's precision and returned as float32."""
    return ops.cast(ops.matmul(ops.cast(vectors, kernel.dtype), kernel), "float32")


def _gradient_of_kernel(vectors, gradients, kernel):
    """The gradient of ``vectors @ kernel`` for all frames together: [T, B, H] and [T, B, G] to [H, G]."""
    return ops.einsum("tbh,tbg->hg", ops.cast(vectors, kernel.dtype), ops.cast(gradients, kernel.dtype))


def _zeros(inputs, size):
    """Zeros, float32 [B, size], for inputs [T, B, ...]."""
    return ops.zeros((ops.shape(inputs)[1], size), "float32")


def _states_before(states, backwards):
    """The state before each frame, [T, B, H]."""
    nothing = ops.zeros_like(states[:1])
    parts = [states[1:], nothing] if backwards else [nothing, states[:-1]]
    return ops.concatenate(parts, axis=0)


def _lstm_gates(inputs, before, kernel):
    """Entry i, forget f, candidate g and output gate o, [..., H] each."""
    sums = ops.cast(inputs, "float32") + _product(before, kernel)
    entry, forget, candidate, output = ops.split(sums, 4, axis=-1)
    return ops.sigmoid(entry), ops.sigmoid(forget), ops.tanh(candidate), ops.sigmoid(output)


def lstm_step(kernel):
    """One frame of an LSTM, for a loop: ``((h, c), (inputs, mask))`` to the next ``(h, c)``, float32 [B, H] each, twice.

    Args:
        kernel: recurrent weights, [H, 4 H]; a tensor, not a variable.
    """

    def step(state, frame):
        (hidden, cell), (contribution, real) = state, frame
        entry, forget, candidate, output = _lstm_gates(contribution, hidden, kernel)
        cell = real * (forget * cell + entry * candidate)
        state = (real * output * ops.tanh(cell), cell)
        return state, state

    return step


def lstm_states(inputs, kernel, mask, backwards):
    """Runs an LSTM: c' = f * c + i * g, h' = o * tanh(c'), with the gates of ``inputs + h @ kernel``.

    Args:
        inputs: the frames' part of the gates, [T, B, 4 H], a quarter each for i, f, g and o.
        kernel: recurrent weights, [H, 4 H]; a tensor, not a variable.
        mask: float32 [T, B, 1], 1 for real frames.
        backwards: run from the last frame to the first.

    Returns:
        The states h, float32 [T, B, H].
    """

    @ops.custom_gradient
    def run(inputs, kernel):
        initial = _zeros(inputs, kernel.shape[0])
        _, (hidden, cell) = ops.scan(lstm_step(kernel), (initial, initial), (inputs, mask), reverse=backwards)

        def gradient(*arguments, upstream=None):
            return _lstm_gradients(given(arguments, upstream), inputs, kernel, mask, hidden, cell, backwards)

        return hidden, gradient

    return run(inputs, kernel)


def _lstm_gradients(upstream, inputs, kernel, mask, hidden, cell, backwards):
    """Gradients of the inputs and the kernel, from those of the states, [T, B, H]."""
    hidden_before, cell_before = _states_before(hidden, backwards), _states_before(cell, backwards)
    entry, forget, candidate, output = _lstm_gates(inputs, hidden_before, kernel)
    squashed = ops.tanh(cell)
    # Factors that turn the gradients of h and c into those of the gates' sums and of c; 0 in padding.
    to_cell = mask * output * (1.0 - ops.square(squashed))
    to_output = mask * squashed * output * (1.0 - output)
    to_entry = mask * candidate * entry * (1.0 - entry)
    to_forget = mask * cell_before * forget * (1.0 - forget)
    to_candidate = mask * entry * (1.0 - ops.square(candidate))
    transposed = ops.transpose(kernel)

    def step(later, frame):
        cell_later, sums_later = later
        of_hidden, to_cell, to_entry, to_forget, to_candidate, to_output, keep = frame
        of_hidden = of_hidden + _product(sums_later, transposed)
        of_cell = cell_later + of_hidden * to_cell
        of_sums = [of_cell * to_entry, of_cell * to_forget, of_cell * to_candidate, of_hidden * to_output]
        here = (of_cell * keep, ops.concatenate(of_sums, axis=-1))
        return here, here

    frames = (upstream, to_cell, to_entry, to_forget, to_candidate, to_output, mask * forget)
    nothing = (_zeros(inputs, kernel.shape[0]), _zeros(inputs, kernel.shape[1]))
    _, (_, of_sums) = ops.scan(step, nothing, frames, reverse=not backwards)
    return ops.cast(of_sums, inputs.dtype), _gradient_of_kernel(hidden_before, of_sums, kernel)


def _gru_gates(inputs, before, gate_kernel, candidate_kernel):
    """Update gate z, reset gate r and candidate n, [..., H] each."""
    sums, split = ops.cast(inputs, "float32"), gate_kernel.shape[1]
    gates = ops.sigmoid(sums[..., :split] + _product(before, gate_kernel))
    update, reset = ops.split(gates, 2, axis=-1)
    return update, reset, ops.tanh(sums[..., split:] + _product(reset * before, candidate_kernel))


def gru_step(gate_kernel, candidate_kernel):
    """One frame of a GRU, for a loop: ``(h, (inputs, mask))`` to the next h, float32 [B, H], twice.

    Args:
        gate_kernel: recurrent weights of z and r, [H, 2 H]; a tensor, not a variable.
        candidate_kernel: weights of the reset states in n, [H, H]; a tensor, not a variable.
    """

    def step(before, frame):
        contribution, real = frame
        update, _, candidate = _gru_gates(contribution, before, gate_kernel, candidate_kernel)
        state = real * (update * before + (1.0 - update) * candidate)
        return state, state

    return step


def gru_states(inputs, gate_kernel, candidate_kernel, mask, backwards):
    """Runs a GRU: h' = z * h + (1 - z) * n, with gates z and r of ``inputs + h @ gate_kernel`` and
    n = tanh(inputs + (r * h) @ candidate_kernel).

    Args:
        inputs: the frames' part of z, r and n, a third each, [T, B, 3 H].
        gate_kernel: recurrent weights of z and r, [H, 2 H]; a tensor, not a variable.
        candidate_kernel: weights of the reset states in n, [H, H]; a tensor, not a variable.
        mask: float32 [T, B, 1], 1 for real frames.
        backwards: run from the last frame to the first.

    Returns:
        The states h, float32 [T, B, H].
    """

    @ops.custom_gradient
    def run(inputs, gate_kernel, candidate_kernel):
        initial = _zeros(inputs, candidate_kernel.shape[0])
        step = gru_step(gate_kernel, candidate_kernel)
        _, hidden = ops.scan(step, initial, (inputs, mask), reverse=backwards)

        def gradient(*arguments, upstream=None):
            return _gru_gradients(
                given(arguments, upstream), inputs, gate_kernel, candidate_kernel, mask, hidden, backwards
            )

        return hidden, gradient

    return run(inputs, gate_kernel, candidate_kernel)


def _gru_gradients(upstream, inputs, gate_kernel, candidate_kernel, mask, hidden, backwards):
    """Gradients of the inputs and both kernels, from those of the states, [T, B, H]."""
    before = _states_before(hidden, backwards)
    update, reset, candidate = _gru_gates(inputs, before, gate_kernel, candidate_kernel)
    # Factors that turn the gradients of h and r * h into those of the gates' sums; 0 in padding.
    to_candidate = mask * (1.0 - update) * (1.0 - ops.square(candidate))
    to_update = mask * (before - candidate) * update * (1.0 - update)
    to_reset = before * reset * (1.0 - reset)
    gates_transposed, candidate_transposed = ops.transpose(gate_kernel), ops.transpose(candidate_kernel)

    def step(later, frame):
        of_hidden, to_candidate, to_update, to_reset, keep, reset = frame
        of_hidden = of_hidden + later[0]
        of_candidate = of_hidden * to_candidate
        of_reset_state = _product(of_candidate, candidate_transposed)
        of_gates = ops.concatenate([of_hidden * to_update, of_reset_state * to_reset], axis=-1)
        of_before = of_hidden * keep + of_reset_state * reset + _product(of_gates, gates_transposed)
        here = (of_before, of_gates, of_candidate)
        return here, here

    frames = (upstream, to_candidate, to_update, to_reset, mask * update, reset)
    nothing = tuple(_zeros(inputs, size) for size in (hidden.shape[-1], gate_kernel.shape[1], hidden.shape[-1]))
    _, (_, of_gates, of_candidate) = ops.scan(step, nothing, frames, reverse=not backwards)
    return (
        ops.cast(ops.concatenate([of_gates, of_candidate], axis=-1), inputs.dtype),
        _gradient_of_kernel(before, of_gates, gate_kernel),
        _gradient_of_kernel(reset * before, of_candidate, candidate_kernel),
    )
