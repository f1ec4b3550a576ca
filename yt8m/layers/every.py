"""Importing this makes every layer known to Keras: `keras.models.load_model` imports none for a file that names it."""

from yt8m.layers import (
    attention,
    bags,
    convolution,
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
