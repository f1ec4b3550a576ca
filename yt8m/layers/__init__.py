"""Layers of Keras 3, written with `keras.ops` alone, so that every backend of Keras runs them.

Shapes: B videos, T frames, D a feature's size, K clusters, H hidden units, M experts, C classes.
"""

import keras

serialisable = keras.saving.register_keras_serializable(package="yt8m")
"""Decorator that lets `keras.models.load_model` find a layer."""
