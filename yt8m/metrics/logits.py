"""Probabilities and logits, in NumPy."""

import numpy as np


def probability(logits: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-z))`` of float32 logits of any shape, float32."""
    with np.errstate(over="ignore"):  # of exp(-z): the result is 0, as it should be
        return np.float32(1.0) / (np.float32(1.0) + np.exp(-logits))


def log_probability(logits: np.ndarray) -> np.ndarray:
    """``log(1 / (1 + exp(-z)))`` of float32 logits of any shape, float32; no logit makes it infinite."""
    return -np.logaddexp(np.float32(0.0), -logits)


def logit(probability: np.ndarray) -> np.ndarray:
    """``log(p / (1 - p))`` of probabilities in float64, float32; 0 and 1 become the logits of 1e-30 and of 1 - 1e-16."""
    probability = np.clip(probability, 1e-30, 1.0 - 1e-16)
    return (np.log(probability) - np.log1p(-probability)).astype(np.float32)
