"""The formulas of the frame-level models that look at frames in their order, or at one in the light of the others."""

import math

import numpy as np
from paper_parts import affine, classified, each_video, gated, real_frames, sigmoid, softmax

LAYER_NORM_EPSILON = 1e-6


def finished(vector, weights, hyperparameters):
    """The gate of a video's vector, if there is one, and its head: logits [C]."""
    if hyperparameters.context_gating:
        vector = gated(vector, weights, "context_gating")
    return classified(vector, weights, hyperparameters)


def recurrent(weights, batch, hyperparameters, step, num_states):
    """States of stacked layers; each direction is read from the first, or last, real frame, its state being 0 before."""
    units = hyperparameters.num_units

    def run(frames, path):
        """The states of one layer in the order of `frames`, and the last of them."""
        kernel, bias = weights[f"{path}/kernel"], weights[f"{path}/bias"]
        recurrent_kernel = weights[f"{path}/recurrent_kernel"]
        state, hidden = [np.zeros(units) for _ in range(num_states)], []
        for frame in frames:
            state = step(
                frame,
                state,
                np.split(recurrent_kernel, recurrent_kernel.shape[1] // units, axis=1),
                np.split(kernel, kernel.shape[1] // units, axis=1),
                np.split(bias, len(bias) // units),
            )
            hidden.append(state[0])
        return np.array(hidden).reshape(-1, units), state[0]

    def logits_of(video):
        frames = real_frames(batch, video, hyperparameters.normalise_frames)
        for layer in range(1, hyperparameters.num_layers + 1):
            path = f"{hyperparameters.name}_{layer}"
            states, last = run(frames, path)
            if hyperparameters.bidirectional:
                reversed_states, reversed_last = run(frames[::-1], f"{path}_backward")
                states = np.concatenate([states, reversed_states[::-1]], axis=1)
                last = np.concatenate([last, reversed_last])
            frames = states
        return finished(last, weights, hyperparameters)

    return each_video(logits_of, batch)


def lstm(weights, batch, hyperparameters):
    """Gers, Schmidhuber and Cummins 2000, without peepholes; gates in the order input, forget, candidate, output."""

    def step(x, state, recurrent_kernels, kernels, biases):
        h, c = state
        sums = [x @ w + h @ u + b for w, u, b in zip(kernels, recurrent_kernels, biases, strict=True)]
        i, f, g, o = sigmoid(sums[0]), sigmoid(sums[1]), np.tanh(sums[2]), sigmoid(sums[3])
        c = f * c + i * g
        return [o * np.tanh(c), c]

    return recurrent(weights, batch, hyperparameters, step, num_states=2)


def gru(weights, batch, hyperparameters):
    """arXiv 1406.1078, equations 5 to 8: update gate, reset gate, candidate; the state is reset before its product."""

    def step(x, state, recurrent_kernels, kernels, biases):
        (h,) = state
        z = sigmoid(x @ kernels[0] + h @ recurrent_kernels[0] + biases[0])
        r = sigmoid(x @ kernels[1] + h @ recurrent_kernels[1] + biases[1])
        candidate = np.tanh(x @ kernels[2] + (r * h) @ recurrent_kernels[2] + biases[2])
        return [z * h + (1 - z) * candidate]

    return recurrent(weights, batch, hyperparameters, step, num_states=1)


def gated_attention(frames, weights, path):
    """arXiv 1802.04712, equation 9, for each head: the mean of the frames [n, D] with the softmax of their scores."""
    kernel, score = weights[f"{path}/kernel"], weights[f"{path}/score"]
    num_heads, units = score.shape
    pooled = []
    for head in range(num_heads):
        v = kernel[:, head * units : (head + 1) * units]
        u = kernel[:, (num_heads + head) * units : (num_heads + head + 1) * units]
        total = np.zeros(frames.shape[1])
        if len(frames):
            scores = np.array([score[head] @ (np.tanh(frame @ v) * sigmoid(frame @ u)) for frame in frames])
            for share, frame in zip(softmax(scores), frames, strict=True):
                total += share * frame
        pooled.append(total)
    return np.concatenate(pooled)


def attention(weights, batch, hyperparameters):
    """arXiv 1911.06866."""

    def logits_of(video):
        frames = real_frames(batch, video, hyperparameters.normalise_frames)
        pooled = gated_attention(frames, weights, "attention")
        hidden = np.maximum(affine(pooled, weights, "hidden"), 0.0)
        return finished(hidden, weights, hyperparameters)

    return each_video(logits_of, batch)


def layer_norm(x, weights, path):
    """arXiv 1607.06450, equation 4."""
    deviation = np.sqrt(np.mean((x - np.mean(x)) ** 2) + LAYER_NORM_EPSILON)
    return weights[f"{path}/gamma"] * (x - np.mean(x)) / deviation + weights[f"{path}/beta"]


def gelu(x):
    """arXiv 1606.08415: x times the normal distribution's share below x."""
    return np.array([value * 0.5 * (1.0 + math.erf(value / math.sqrt(2.0))) for value in x])


def position(time, size):
    """arXiv 1706.03762, section 3.5, at L2 norm 1."""
    waves = np.zeros(size)
    for feature in range(size):
        angle = time / 10_000 ** (2 * (feature // 2) / size)
        waves[feature] = math.cos(angle) if feature % 2 else math.sin(angle)
    return waves * math.sqrt(2.0 / size)


def self_attention(frames, weights, path, num_heads):
    """arXiv 1706.03762, equation 1 and section 3.2.2, one head and one query after the other."""
    size = frames.shape[1]
    width = size // num_heads
    parts = np.split(weights[f"{path}/kernel"], 3, axis=1), np.split(weights[f"{path}/bias"], 3)
    queries, keys, values = (frames @ kernel + bias for kernel, bias in zip(*parts, strict=True))
    attended = np.zeros_like(frames)
    for head in range(num_heads):
        columns = slice(head * width, (head + 1) * width)
        for time in range(len(frames)):
            scores = [queries[time, columns] @ key[columns] / math.sqrt(width) for key in keys]
            for share, value in zip(softmax(np.array(scores)), values, strict=True):
                attended[time, columns] += share * value[columns]
    return attended @ weights[f"{path}/output_kernel"] + weights[f"{path}/output_bias"]


def transformer(weights, batch, hyperparameters):
    """arXiv 1706.03762, section 3.1, the encoder: sums are normalised after they are made."""
    width = hyperparameters.num_units

    def each_frame(function, frames):
        return np.array([function(frame) for frame in frames]).reshape(-1, width)

    def layer(frames, number):
        attended = self_attention(frames, weights, f"attention_{number}", hyperparameters.num_heads)
        frames = each_frame(lambda x: layer_norm(x, weights, f"attention_norm_{number}"), frames + attended)

        def network(x):
            return affine(gelu(affine(x, weights, f"expand_{number}")), weights, f"contract_{number}")

        return each_frame(lambda x: layer_norm(x + network(x), weights, f"network_norm_{number}"), frames)

    def logits_of(video):
        frames = real_frames(batch, video, hyperparameters.normalise_frames)
        if frames.shape[1] != width:
            frames = affine(frames, weights, "projection")
        if hyperparameters.positions:
            frames = np.array([frame + position(time, width) for time, frame in enumerate(frames)]).reshape(-1, width)
        frames = each_frame(lambda x: layer_norm(x, weights, "input_norm"), frames)
        for number in range(1, hyperparameters.num_layers + 1):
            frames = layer(frames, number)
        if hyperparameters.pooling == "attention":
            pooled = gated_attention(frames, weights, "pooling")
        elif len(frames) == 0:
            pooled = np.zeros(width)
        else:
            pooled = frames[0] if hyperparameters.pooling == "first" else frames.mean(axis=0)
        return finished(pooled, weights, hyperparameters)

    return each_video(logits_of, batch)


def convolved(frames, weights, path, dilation, causal):
    """arXiv 1803.01271, section 3.2, with weights normalised as in arXiv 1602.07868, equation 2; 0 beyond both ends."""
    v, g, bias = weights[f"{path}/kernel"], weights[f"{path}/gamma"], weights[f"{path}/bias"]
    taps, _, units = v.shape
    filters = np.stack([g[unit] * v[:, :, unit] / np.sqrt(np.sum(v[:, :, unit] ** 2)) for unit in range(units)], axis=2)
    reach = (taps - 1) * dilation
    earliest = reach if causal else reach // 2
    outputs = []
    for time in range(len(frames)):
        total = bias.copy()
        for tap in range(taps):
            source = time - earliest + tap * dilation
            if 0 <= source < len(frames):
                total += frames[source] @ filters[tap]
        outputs.append(total)
    return np.array(outputs).reshape(-1, units)


def tcn(weights, batch, hyperparameters):
    """arXiv 1803.01271, figure 1."""

    def logits_of(video):
        frames = real_frames(batch, video, hyperparameters.normalise_frames)
        for block in range(1, hyperparameters.num_layers + 1):
            inner = frames
            for part in "ab":
                path = f"convolution_{block}{part}"
                inner = convolved(inner, weights, path, 2 ** (block - 1), hyperparameters.causal)
                inner = np.maximum(inner, 0.0)
            if frames.shape[1] != inner.shape[1]:
                frames = affine(frames, weights, f"residual_{block}")
            frames = np.maximum(frames + inner, 0.0)
        if len(frames) == 0:
            pooled = np.zeros(hyperparameters.num_units)
        elif hyperparameters.pooling == "last":
            pooled = frames[-1]
        else:
            pooled = frames.max(axis=0) if hyperparameters.pooling == "max" else frames.mean(axis=0)
        return finished(pooled, weights, hyperparameters)

    return each_video(logits_of, batch)


ORACLES = {"attention": attention, "gru": gru, "lstm": lstm, "tcn": tcn, "transformer": transformer}
