"""The features of records: their names, their sizes, and how records store them. This is the only list of known features.

T = frames of a video, D = values of a frame.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

Storage = Literal["uint8", "float16", "float32"]
"""How a record stores a frame's values. `uint8`: one bytes value of D bytes, each a level of a range. `float16`: one bytes value
of 2 D bytes, little-endian. `float32`: one list of D floats."""


@dataclass(frozen=True)
class Feature:
    """A feature that records may hold. D = `size`."""

    name: str
    """Its key in batches at frame level, and in records that we write."""
    size: int
    """Values of a frame, D."""
    storage: Storage = "uint8"
    """How frames are stored. Video-level records hold means, which are always floats."""
    low: float = -2.0
    """With `uint8`: the value at the lower edge of byte 0's level."""
    high: float = 2.0
    """With `uint8`: the value at the upper edge of byte 255's level."""
    frame_keys: tuple[str, ...] = ()
    """Further keys of its frames in the records of other programs."""
    video_keys: tuple[str, ...] = ()
    """Further keys of its means in the records of other programs."""
    cluster_share: float = 1.0
    """How many clusters a pooling gives it, as a share of those of the largest feature."""

    @property
    def video_name(self) -> str:
        """Its key at video level: `mean_rgb` for `rgb`."""
        return f"mean_{self.name}"

    @property
    def dtype(self) -> np.dtype:
        """The type of its values in a batch of frames."""
        return np.dtype(self.storage)

    @property
    def zero(self) -> float:
        """What stands for 0.0 in a batch: with `uint8`, the byte of the nearest level (127 for -2 to 2)."""
        if self.storage != "uint8":
            return 0.0
        return float(
            np.clip(np.rint((-self.low - (self.high - self.low) / 512) * 255 / (self.high - self.low)), 0, 255)
        )

    @property
    def frame_bytes(self) -> int:
        """Bytes of one stored frame."""
        return self.size * self.dtype.itemsize


KNOWN: dict[str, Feature] = {
    "rgb": Feature("rgb", 1024),
    "audio": Feature("audio", 128, cluster_share=0.5),
}
"""The features of YouTube-8M."""


def rows_of(features: Iterable["Feature | str"]) -> tuple[Feature, ...]:
    """The rows of features that are given as rows or as known names."""
    return tuple(KNOWN[each] if isinstance(each, str) else each for each in features)
