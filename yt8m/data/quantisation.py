"""Converts features between real values and the bytes that records store."""

import numpy as np

from yt8m.data.features import KNOWN, Feature

_USUAL = KNOWN["rgb"]
"""Its range is that of all features of YouTube-8M."""


def quantise(values: np.ndarray, feature: Feature = _USUAL) -> np.ndarray:
    """Turns real values into bytes: the nearest level, with values outside the feature's range clipped."""
    return np.clip(np.rint((values - feature.offset) / feature.scale), 0, 255).astype(np.uint8)


def dequantise(stored: np.ndarray, feature: Feature = _USUAL) -> np.ndarray:
    """Turns stored values into float32 values: bytes into levels of the feature's range; floats stay the same."""
    values = stored.astype(np.float32)
    return values * np.float32(feature.scale) + np.float32(feature.offset) if feature.is_quantised else values
