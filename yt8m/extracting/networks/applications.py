"""`keras:NAME`: the networks of `keras.applications`, each with its own preparation of frames."""

import contextlib
import hashlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from yt8m.data.features import Feature
from yt8m.errors import InputError, unknown_name
from yt8m.extracting.networks.compiled import compiled
from yt8m.extracting.networks.log_mel import LogMel
from yt8m.extracting.networks.network import Network
from yt8m.extracting.networks.resizing import shrink

_SIZES = {
    **dict.fromkeys(["InceptionResNetV2", "InceptionV3", "Xception"], 299),
    **dict.fromkeys(["EfficientNetB1", "EfficientNetV2B1"], 240),
    **dict.fromkeys(["EfficientNetB2", "EfficientNetV2B2"], 260),
    **dict.fromkeys(["EfficientNetB3", "EfficientNetV2B3"], 300),
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2S": 384,
    **dict.fromkeys(["EfficientNetV2M", "EfficientNetV2L"], 480),
    "NASNetLarge": 331,
}
"""Height and width that a network was trained with, as its page in Keras's documentation says; all others have 224."""


class KerasApplication(Network):
    """A network of `keras.applications` without its classifier, averaged over the frame's places.

    Args:
        name: `keras:NAME`.
        weights: a file of weights without the classifier (Keras calls these `notop`); None = ImageNet's, which Keras keeps
            in its own directory and fetches if they are not there.

    Raises:
        InputError: there is no such network, or its weights cannot be fetched or do not fit.
    """

    def __init__(self, name: str, weights: str | os.PathLike | None = None):
        self.name = name
        own = name.partition(":")[2]
        known = _applications()
        if own not in known:
            raise InputError(f"network {name}: {unknown_name('network of Keras', own, sorted(known))}")
        build, prepare = known[own]
        self._size = _SIZES.get(own, 224)
        model = self._built(build, None if weights is None else os.fspath(weights))
        self._digest = _digest_of(model)
        self._run = compiled(lambda pixels: model(prepare(pixels), training=False), (self._size, self._size, 3))
        # Halves, because nothing is known of the range of so many networks.
        self.picture = Feature(own, model.output_shape[-1], "float16")
        self.sound = LogMel()

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return shrink(pixels, self._size, self._size)

    def frames(self, prepared: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return self._run(prepared)

    @property
    def identity(self) -> dict[str, Any]:
        """See `Network`. The digest is of the weights themselves, so it does not matter where they came from."""
        return {"name": self.name, "weights": self._digest}

    def _built(self, build: Callable, weights: str | None):
        if weights is not None and not os.path.isfile(weights):
            raise InputError(f"{weights}: there is no such file of weights for {self.name}")
        shape = (self._size, self._size, 3)
        try:
            with _silent():
                return build(include_top=False, weights=weights or "imagenet", input_shape=shape, pooling="avg")
        except Exception as error:  # of urllib, h5py and Keras, which have no class in common
            reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            if weights is None:
                raise InputError(
                    f"network {self.name}: its weights cannot be fetched ({reason}); give a file with --weights"
                ) from error
            raise InputError(
                f"{weights}: holds no weights that fit {self.name} without its classifier ({reason})"
            ) from error


def _applications() -> dict[str, tuple[Callable, Callable]]:
    """All networks by name, each with its preparation of frames."""
    import keras

    found = {}
    for name, build in inspect.getmembers(keras.applications, inspect.isfunction):
        # By Keras's public names, MobileNetV3 would have none; the module that defines a network has it, too.
        prepare = getattr(sys.modules[build.__module__], "preprocess_input", None)
        if prepare is not None:
            found[name] = (build, prepare)
    return found


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keeps Keras from printing what it fetches, where only results may be."""
    import keras

    was_enabled = keras.config.is_interactive_logging_enabled()
    keras.config.disable_interactive_logging()
    try:
        yield
    finally:
        if was_enabled:
            keras.config.enable_interactive_logging()


def _digest_of(model) -> str:
    digest = hashlib.sha256()
    for values in model.get_weights():
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
