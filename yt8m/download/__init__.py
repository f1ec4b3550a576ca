"""Fetching the data set from its servers; no TensorFlow."""

from yt8m.download.client import Patience
from yt8m.download.downloading import Download, Downloaded, Survey

__all__ = ["Download", "Downloaded", "Patience", "Survey"]
