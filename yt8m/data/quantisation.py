"""Converts features between real values and the bytes that the data set stores."""

import numpy as np

from yt8m.data.schema import QUANTISATION_OFFSET, QUANTISATION_SCALE


def quantise(values: np.ndarray) -> np.ndarray:
    """Turns real values into bytes: the nearest level, with values outside [-2, 2] clipped."""
    return np.clip(np.rint((values - QUANTISATION_OFFSET) / QUANTISATION_SCALE), 0, 255).astype(np.uint8)


def dequantise(stored: np.ndarray) -> np.ndarray:
    """Turns bytes into float32 values in [-2, 2]."""
    return stored.astype(np.float32) * np.float32(QUANTISATION_SCALE) + np.float32(QUANTISATION_OFFSET)
