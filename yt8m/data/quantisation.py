"""Converts features between real values and the bytes that records store."""

from typing import Literal

import numpy as np

from yt8m.data.features import KNOWN, Feature

Rounding = Literal["truncate", "nearest"]
"""How real values become bytes. `truncate` is AudioSet's way, and fits the records of YouTube-8M: a byte stands for the middle
of its level. `nearest` is the way of the starter code's extractor: with -2 to 2, values come back 0.0078 too high on average."""

_USUAL = KNOWN["rgb"]
"""Its range is that of all features of YouTube-8M."""


def quantise(values: np.ndarray, feature: Feature = _USUAL) -> np.ndarray:
    """Turns real values into bytes: the nearest level, with values outside the feature's range clipped."""
    return np.clip(np.rint((values - feature.offset) / feature.scale), 0, 255).astype(np.uint8)


def store(values: np.ndarray, feature: Feature, rounding: Rounding = "truncate") -> np.ndarray:
    """Turns real values into what records store.

    Args:
        values: float [..., D].
        feature: says how its values are stored. Values outside the range of bytes are clipped.
        rounding: with bytes, how.

    Returns:
        [..., D] of the feature's `dtype`.
    """
    if not feature.is_quantised:
        return values.astype(feature.dtype)
    levels = (np.clip(values, feature.low, feature.high) - feature.low) * (255.0 / (feature.high - feature.low))
    return (np.rint(levels) if rounding == "nearest" else levels).astype(np.uint8)


def dequantise(stored: np.ndarray, feature: Feature = _USUAL) -> np.ndarray:
    """Turns stored values into float32 values: bytes into levels of the feature's range; floats stay the same."""
    values = stored.astype(np.float32)
    return values * np.float32(feature.scale) + np.float32(feature.offset) if feature.is_quantised else values
