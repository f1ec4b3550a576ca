"""Predictions that are made up, in memory."""

import functools

import numpy as np

from yt8m.predicting import (
    Description,
    Part,
    Predictions,
    PredictionStore,
    StoredPredictions,
)
from yt8m.predicting.stored import store


class MadeUp(Predictions):
    """Predictions given as parts."""

    def __init__(self, description: Description, *parts: Part, name: str = "made up"):
        self.description, self.name, self._parts = description, name, parts

    @property
    def digests(self):
        return tuple(part.digest for part in self._parts)

    def read(self, number):
        return self._parts[number]

    def read_rows(self, number):
        part = self._parts[number]
        return Part(part.ids, np.empty((len(part), 0)), part.starts)


def segments(
    seed=0, videos=("abcd", "ab", "efgh"), counts=(3, 1, 4), classes=(1, 4, 2), num_classes=6, parts=2, name="made up"
) -> MadeUp:
    """Random logits for all segments of some videos; the rows are the same whatever the seed."""
    random = np.random.default_rng(seed)
    description = Description(task="segment", num_classes=num_classes, classes=tuple(classes))
    made = []
    for chosen in np.array_split(np.arange(len(videos)), parts):
        ids = [videos[video].encode() for video in chosen for _ in range(counts[video])]
        starts = [5 * place for video in chosen for place in range(counts[video])]
        logits = random.normal(0, 3, (len(ids), len(classes))).astype(np.float16)
        made.append(Part(np.array(ids, "S4"), logits, np.array(starts, np.int32)))
    return MadeUp(description, *made, name=name)


def videos(seed=0, ids=("abcd", "ab", "efgh"), num_classes=6, top_k=None, parts=2, name="made up") -> MadeUp:
    """Random logits for whole videos; the surest `top_k` classes of each, or all."""
    random = np.random.default_rng(seed)
    description = Description(
        task="video", num_classes=num_classes, classes=None if top_k else tuple(range(num_classes)), top_k=top_k
    )
    made = []
    for chosen in np.array_split(np.array(ids, "S4"), parts):
        logits = random.normal(0, 3, (len(chosen), num_classes)).astype(np.float16)
        if top_k:
            order = np.argsort(-logits, axis=1)[:, :top_k]
            made.append(Part(chosen, np.take_along_axis(logits, order, axis=1), None, order))
        else:
            made.append(Part(chosen, logits))
    return MadeUp(description, *made, name=name)


def stored_at(directory, predictions: Predictions) -> StoredPredictions:
    """The same in a directory."""
    into = PredictionStore(directory, predictions.description, {}, len(predictions.digests))
    return store([functools.partial(predictions.read, number) for number in range(into.num_parts)], into)


def together(predictions: Predictions) -> np.ndarray:
    """The logits of all parts, float64."""
    return np.concatenate([part.logits for part in predictions.parts()]).astype(np.float64)


def sigmoid(logits):
    """In float64."""
    return 1 / (1 + np.exp(-np.asarray(logits, np.float64)))
