"""Sound without a network: statistics of log-mel spectra. This is not VGGish, and never called `audio`."""

import numpy as np

from yt8m.data.features import Feature
from yt8m.extracting.networks.mel import NUM_BANDS, MelStream
from yt8m.extracting.networks.network import SoundNetwork

_ROWS = 98
"""The windows of a second that lie in it."""


class LogMel(SoundNetwork):
    """The mean and the standard deviation of each band in each second: 64 means, then 64 deviations.

    log(x + 0.01) is -4.6 for silence and 5.5 for the loudest sine, so bytes from -5 to 7 hold all values, in steps of 0.047.
    """

    feature = Feature("log_mel", 2 * NUM_BANDS, "uint8", -5.0, 7.0)

    def begin(self) -> MelStream:
        """See `SoundNetwork`."""
        return MelStream(_ROWS, self.feature.size, _statistics)


def _statistics(seconds: list[np.ndarray]) -> np.ndarray:
    return np.stack([np.concatenate([rows.mean(axis=0), rows.std(axis=0)]) for rows in seconds])
