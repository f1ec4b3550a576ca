"""Many devices and many machines: which ones a command computes on, and what their processes tell each other.

Every process of several is a *worker* and does the same work in the same order; worker 0 is the *chief*, the one that writes
files and prints.
"""

from yt8m.distribution.cluster import Cluster

__all__ = ["Cluster"]
