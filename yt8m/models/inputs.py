"""The symbolic inputs that a model is built from."""

from typing import Any

from yt8m.data.features import Feature


class Inputs(dict[str, Any]):
    """Symbolic inputs by the keys of a batch (`yt8m.data.schema`), and the features that they are of, in order."""

    def __init__(self, features: tuple[Feature, ...]):
        super().__init__()
        self.features = features
