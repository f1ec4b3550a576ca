"""Registers every layer with Keras when imported, because `keras.models.load_model` does not import them."""

from yt8m.layers import (
    attention,
    bags,
    convolution,
    forecasting,
    gating,
    heads,
    normalisation,
    penalties,
    pooling,
    preprocessing,
    recurrent,
    selection,
    vlad,
)

__all__ = [
    "attention",
    "bags",
    "convolution",
    "forecasting",
    "gating",
    "heads",
    "normalisation",
    "penalties",
    "pooling",
    "preprocessing",
    "recurrent",
    "selection",
    "vlad",
]
