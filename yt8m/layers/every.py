"""Registers every layer with Keras when imported, because `keras.models.load_model` does not import them."""

from yt8m.layers import (
    attention,
    bags,
    combining,
    convolution,
    forecasting,
    gating,
    heads,
    kernels,
    neighbours,
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
    "combining",
    "convolution",
    "forecasting",
    "gating",
    "heads",
    "kernels",
    "neighbours",
    "normalisation",
    "penalties",
    "pooling",
    "preprocessing",
    "recurrent",
    "selection",
    "vlad",
]
