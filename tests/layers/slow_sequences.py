"""Layers of sequences again, in float64, one frame after the other: what the tests compare with."""

import numpy as np
from slow_layers import sigmoid, softmax


def lstm_states(frames, weights):
    """Gers, Schmidhuber and Cummins 2000, without peepholes: frames [n, D] to states [n, H]."""
    size = weights["recurrent_kernel"].shape[0]
    hidden, cell, states = np.zeros(size), np.zeros(size), []
    for frame in frames:
        sums = frame @ weights["kernel"] + hidden @ weights["recurrent_kernel"] + weights["bias"]
        entry, forget, candidate, output = np.split(sums, 4)
        cell = sigmoid(forget) * cell + sigmoid(entry) * np.tanh(candidate)
        hidden = sigmoid(output) * np.tanh(cell)
        states.append(hidden)
    return np.array(states).reshape(-1, size)


def gru_states(frames, weights):
    """arXiv 1406.1078, equations 5 to 8: frames [n, D] to states [n, H]."""
    size = weights["recurrent_kernel"].shape[0]
    hidden, states = np.zeros(size), []
    for frame in frames:
        update, reset, candidate = np.split(frame @ weights["kernel"] + weights["bias"], 3)
        for_update, for_reset, for_candidate = np.split(weights["recurrent_kernel"], 3, axis=1)
        update = sigmoid(update + hidden @ for_update)
        reset = sigmoid(reset + hidden @ for_reset)
        candidate = np.tanh(candidate + (reset * hidden) @ for_candidate)
        hidden = update * hidden + (1 - update) * candidate
        states.append(hidden)
    return np.array(states).reshape(-1, size)


def gated_attention(frames, weights):
    """arXiv 1802.04712, equation 9, for every head: frames [n, D], n > 0, to [heads * D]."""
    num_heads = len(weights["score"])
    matrices = np.split(weights["kernel"], 2 * num_heads, axis=1)
    pooled = []
    for head in range(num_heads):
        value, gate = matrices[head], matrices[num_heads + head]
        scores = [weights["score"][head] @ (np.tanh(frame @ value) * sigmoid(frame @ gate)) for frame in frames]
        pooled.append(softmax(np.array(scores)) @ frames)
    return np.concatenate(pooled)


def self_attention(frames, weights, num_heads):
    """arXiv 1706.03762, equation 1 and section 3.2.2: frames [n, D] to [n, D]."""
    query, key, value = np.split(frames @ weights["kernel"] + weights["bias"], 3, axis=1)
    heads = []
    for columns in np.split(np.arange(frames.shape[1]), num_heads):
        scores = query[:, columns] @ key[:, columns].T / np.sqrt(len(columns))
        heads.append(softmax(scores) @ value[:, columns])
    return np.concatenate(heads, axis=1) @ weights["output_kernel"] + weights["output_bias"]


def convolution(frames, weights, offsets):
    """Sums over taps of the frames at the given offsets; arXiv 1602.07868, equation 2 for the weights."""
    lengths = np.sqrt((weights["kernel"] ** 2).sum(axis=(0, 1)))
    kernel = weights["gamma"] * weights["kernel"] / lengths
    outputs = np.tile(weights["bias"], (len(frames), 1))
    for time in range(len(frames)):
        for tap, offset in enumerate(offsets):
            if 0 <= time + offset < len(frames):
                outputs[time] += frames[time + offset] @ kernel[tap]
    return outputs


def each_video(function, frames, mask):
    """`function` over each video's real frames [n, D]; what it says of padding is 0: [B, T, H]."""
    results = [function(video[real]) for video, real in zip(np.asarray(frames, np.float64), mask, strict=True)]
    padded = np.zeros((*mask.shape, results[0].shape[-1]))
    for video, result in enumerate(results):
        padded[video, : len(result)] = result
    return padded
