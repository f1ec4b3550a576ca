"""What every network is: a thing that turns frames, and perhaps sound, into features.

B = frames of a batch, T = seconds, D = values of a feature.
"""

import abc
from typing import Any

import numpy as np

from yt8m.data.features import Feature

SAMPLE_RATE = 16_000
"""Samples of sound a second, for every network."""


class SoundStream(abc.ABC):
    """The sound of one video, which comes in pieces. Memory is bounded whatever the length."""

    @abc.abstractmethod
    def push(self, samples: np.ndarray) -> None:
        """Takes the next samples, float32 [n] from -1 to 1, mono, 16 kHz, without a gap from second 0."""

    @abc.abstractmethod
    def rows(self, final: bool = False) -> np.ndarray:
        """The rows that are complete and were not given before, float32 [T, D]: the first row is of second 0, and so on.

        Args:
            final: no more samples come. The last row is then given, too, even if its second is not complete.
        """


class SoundNetwork(abc.ABC):
    """Turns sound into one row a second."""

    feature: Feature
    """What the rows are stored as."""

    @abc.abstractmethod
    def begin(self) -> SoundStream:
        """A stream for another video."""


class Network(abc.ABC):
    """Turns frames into features, and has a network for sound, or none.

    `prepare` and `frames` may be called from several threads.
    """

    name: str
    """What `load_network` was given."""
    picture: Feature
    """What the rows of frames are stored as."""
    sound: SoundNetwork | None = None
    can_be_whitened: bool = True
    """Whether a PCA of one's own may follow; published features have theirs."""
    batch_size: int = 16
    """Frames that `frames` takes at a time with the best speed. It takes any number, from 1."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features of its records: that of pictures, then that of sound if there is one."""
        return (self.picture,) if self.sound is None else (self.picture, self.sound.feature)

    @abc.abstractmethod
    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """What is kept of a frame until its batch is full. It is cheap.

        Args:
            pixels: uint8 [H, W, 3], RGB, upright.

        Returns:
            uint8 [h, w, 3].
        """

    @abc.abstractmethod
    def frames(self, prepared: np.ndarray) -> np.ndarray:
        """The values of frames, float32 [B, D]. Raises InputError if a network of the user's own fails.

        Args:
            prepared: uint8 [B, h, w, 3], from `prepare`.
        """

    @property
    @abc.abstractmethod
    def identity(self) -> dict[str, Any]:
        """What decides the values, as JSON: the name, and the sha256 of each file. Equal identities give comparable features."""
