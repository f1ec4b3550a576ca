"""What the network sees of a video's candidates.

N = videos, K = candidates of a video, M = members, F = features.
"""

import numpy as np

TOP_RANKS = (0, 1, 2, 3, 5, 9)
"""Ranks whose scores are features of all candidates of a video."""
NUM_SHARED = 6 + len(TOP_RANKS)
"""Features that do not belong to a member."""


def num_features(num_members: int) -> int:
    """F: with several members, also their deviation, and two features of each."""
    return NUM_SHARED + (1 + 2 * num_members if num_members > 1 else 0)


def candidate_features(scores: np.ndarray, values: np.ndarray, log_frequency: np.ndarray) -> np.ndarray:
    """Describes candidates.

    Args:
        scores: logits of the combined members, float32 [N, K], in falling order.
        values: the members' logits of the same candidates, float32 [N, K, M].
        log_frequency: of the candidates' classes, float32 [N, K] (`yt8m.reranking.reranker.log_frequency`).

    Returns:
        float32 [N, K, F]: the score; the logarithm of the rank from 1; the distances to the candidates before and after; the
        logarithm of the expected number of labels; the scores at `TOP_RANKS`; the frequency. With several members, also the
        standard deviation of their logits, these, and how far each is below the member's best candidate.
    """
    count = scores.shape[1]
    gaps = scores[:, :-1] - scores[:, 1:]
    ranks = np.log1p(np.arange(count, dtype=np.float32))
    # By logarithms: the sum of probabilities of 1e-40 would be 0.
    expected = np.logaddexp.reduce(-np.logaddexp(0, -scores), axis=1, keepdims=True)
    shared = [
        scores,
        np.broadcast_to(ranks, scores.shape),
        np.pad(gaps, ((0, 0), (1, 0))),
        np.pad(gaps, ((0, 0), (0, 1))),
        np.broadcast_to(expected, scores.shape),
        *(np.broadcast_to(scores[:, min(rank, count - 1), None], scores.shape) for rank in TOP_RANKS),
        log_frequency,
    ]
    found = np.stack(shared, axis=-1)
    if values.shape[-1] > 1:
        deviation = values.std(axis=-1, keepdims=True)
        found = np.concatenate([found, deviation, values, values.max(axis=1, keepdims=True) - values], axis=-1)
    return found.astype(np.float32)


def order_of_features(members: list[int]) -> np.ndarray:
    """Where each feature of members in a new order is among those in the old one: int64 [F].

    Args:
        members: the old place of each member.
    """
    shared, count = range(NUM_SHARED), len(members)
    if count == 1:
        return np.array(shared)
    first = NUM_SHARED + 1
    own = [first + place for place in members]
    return np.array([*shared, NUM_SHARED, *own, *(place + count for place in own)])
