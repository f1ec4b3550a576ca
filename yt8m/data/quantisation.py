"""The bytes in which the data set stores features, and the values they stand for."""

import numpy as np

from yt8m.data.schema import QUANTISATION_OFFSET, QUANTISATION_SCALE


def quantise(values: np.ndarray) -> np.ndarray:
    """Real values to the bytes the data set stores: the nearest level, values outside [-2, 2] clipped."""
    return np.clip(np.rint((values - QUANTISATION_OFFSET) / QUANTISATION_SCALE), 0, 255).astype(np.uint8)


def dequantise(stored: np.ndarray) -> np.ndarray:
    """Stored bytes to float32 values in [-2, 2]."""
    return stored.astype(np.float32) * np.float32(QUANTISATION_SCALE) + np.float32(QUANTISATION_OFFSET)
