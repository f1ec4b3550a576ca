"""The metrics beside a loop over examples such as most evaluators have."""

import heapq
import time

import numpy as np

from benchmarks.sizes import sized
from yt8m.metrics import VideoMetrics

NUM_CLASSES, TOP_K, BATCH_SIZE, NUM_BATCHES, ROUNDS = 3862, 20, 1024, sized(16, 1), sized(3, 1)


def _naive(scores: np.ndarray, labels: np.ndarray) -> float:
    """GAP, Hit@1 and PERR one video at a time, lists of Python numbers, sorted at the end."""
    entries, positives, hits, recall = [], 0, 0, 0.0
    for video, truth in zip(scores, labels, strict=True):
        best = heapq.nlargest(TOP_K, range(len(video)), key=video.__getitem__)
        entries.extend((float(video[index]), bool(truth[index])) for index in best)
        count = int(truth.sum())
        positives += count
        hits += bool(truth[best[0]])
        recall += sum(bool(truth[index]) for index in np.argsort(video)[::-1][:count]) / max(count, 1)
    entries.sort(key=lambda entry: -entry[0])
    found, total = 0, 0.0
    for rank, (_, hit) in enumerate(entries, start=1):
        found += hit
        total += hit * found / rank
    return total / positives


def measure() -> dict[str, float]:
    """Videos a second of both."""
    random = np.random.default_rng(0)
    scores = random.random((BATCH_SIZE, NUM_CLASSES), dtype=np.float32)
    labels = random.random((BATCH_SIZE, NUM_CLASSES)) < 3 / NUM_CLASSES
    rates = {"naive loop": 0.0, "VideoMetrics": 0.0}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        slow = _naive(scores[:128], labels[:128])
        rates["naive loop"] = max(rates["naive loop"], 128 / (time.perf_counter() - start))
        metrics = VideoMetrics(NUM_CLASSES, TOP_K)
        start = time.perf_counter()
        for _ in range(NUM_BATCHES):
            metrics.update(scores, labels)
        metrics.result()  # once an evaluation
        rates["VideoMetrics"] = max(rates["VideoMetrics"], NUM_BATCHES * BATCH_SIZE / (time.perf_counter() - start))
        check = VideoMetrics(NUM_CLASSES, TOP_K)
        check.update(scores[:128], labels[:128])
        assert abs(check.result()["gap"] - slow) < 1e-9, "the two do not measure the same"
    return rates
