"""Probabilities and logits, in NumPy."""

import numpy as np


def probability(logits: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-z))`` of float32 logits of any shape, float32."""
    with np.errstate(over="ignore"):  # exp(-z) overflows where the result is 0
        return np.float32(1.0) / (np.float32(1.0) + np.exp(-logits))


def log_probability(logits: np.ndarray) -> np.ndarray:
    """``log(1 / (1 + exp(-z)))`` of float32 logits of any shape, float32. It is finite for every logit."""
    return -np.logaddexp(np.float32(0.0), -logits)


def logit(probability: np.ndarray) -> np.ndarray:
    """``log(p / (1 - p))`` of probabilities, computed in float64, as float32. 0 and 1 count as 1e-30 and 1 - 1e-16."""
    probability = np.clip(probability, 1e-30, 1.0 - 1e-16)
    return (np.log(probability) - np.log1p(-probability)).astype(np.float32)
