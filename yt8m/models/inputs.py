"""The symbolic inputs that a model is built from."""

from collections.abc import Callable
from typing import Any

from yt8m.data.features import Feature


class Inputs(dict[str, Any]):
    """Symbolic inputs by the keys of a batch (`yt8m.data.schema`), and the features that they are of, in order."""

    def __init__(self, features: tuple[Feature, ...]):
        super().__init__()
        self.features = features
        self.hide: Callable[[Any, Any], tuple[Any, Any]] | None = None
        """Hides some of the frames [B, T, D] with the mask [B, T], for pretraining: returns both as the model is to see them."""
