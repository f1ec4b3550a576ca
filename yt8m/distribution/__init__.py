"""Computing on many devices and machines.

Each of several processes is a *worker*. All workers do the same work in the same order. Worker 0 is the *chief*; it alone
writes files and prints.
"""

from yt8m.distribution.cluster import Cluster

__all__ = ["Cluster"]
