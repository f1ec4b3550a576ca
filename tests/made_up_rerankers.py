"""Rerankers with random weights."""

import itertools

import numpy as np

from yt8m.reranking import Reranker
from yt8m.reranking.features import num_features


def made_up(num_members: int, num_classes=12, num_candidates=5, hidden=(4, 3), num_networks=2, seed=0) -> Reranker:
    """Every array random."""
    random = np.random.default_rng(seed)

    def normal(*shape):
        return random.normal(size=shape).astype(np.float32)

    width = num_features(num_members)
    sizes = [width, *hidden, 1]
    return Reranker(
        weights=normal(num_members),
        intercept=float(normal()),
        num_candidates=num_candidates,
        log_frequency=normal(num_classes),
        center=normal(width),
        scale=np.exp(normal(width)),
        kernels=tuple(normal(num_networks, *shape) for shape in itertools.pairwise(sizes)),
        biases=tuple(normal(num_networks, size) for size in sizes[1:]),
    )
