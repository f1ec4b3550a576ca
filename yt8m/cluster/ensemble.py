"""Combines predictions, and ranks segments, on the workers of a cluster. Needs Beam.

An element of the work is a part of stored predictions (`yt8m.predicting.stored`): about a thousand videos with their segments.
"""

from collections.abc import Iterable, Iterator, Sequence

import apache_beam as beam
import numpy as np

from yt8m.cluster.predict import put_part
from yt8m.metrics.inputs import check_finite
from yt8m.predicting.parts import Predictions
from yt8m.predicting.prior import Places, Prior
from yt8m.predicting.stored import PredictionStore, encoded
from yt8m.predicting.submitting import ranked_class_ids, ranked_keys
from yt8m.submission.segments import best_of, merged

CLASSES_AT_ONCE = 16
"""Classes that are ranked together: of 1000 classes and 100 000 segments each, 13 MB."""


class CombineParts(beam.PTransform):
    """Makes parts of combined predictions, such as means, and writes them, each complete or absent.

    Args:
        predictions: what is combined, as every worker can read it.
        into: the stored predictions, which have begun.
        directory: see `yt8m.cluster.predict.MakeParts`.
    """

    def __init__(self, predictions: Predictions, into: PredictionStore, directory: str | None = None):
        super().__init__()
        self._predictions, self._into, self._directory = predictions, into, directory

    def expand(self, numbers):
        """PCollection of int, the numbers of parts -> PCollection of int, the rows of each."""
        return numbers | beam.Reshuffle() | beam.Map(self._make)

    def _make(self, number: int) -> int:
        part = self._predictions.read(number)
        put_part(self._into, number, encoded(part, self._into.description), self._directory)
        return len(part)


class RankSegments(beam.PTransform):
    """Ranks the segments of predictions for each class, and keeps the best.

    No worker holds more than a part, and the best segments of each class as 8 bytes each.

    Args:
        predictions: predictions for segments, as every worker can read them.
        first_rows: the number of the first row of each part among the rows of all.
        max_segments: segments to keep per class.
        prior: predictions for whole videos to rank segments with.
        places: the segments to leave out.
    """

    def __init__(
        self,
        predictions: Predictions,
        first_rows: Sequence[int],
        max_segments: int,
        prior: Prior | None = None,
        places: Places | None = None,
    ):
        super().__init__()
        self._max_segments = max_segments
        self._keys = _Keys(predictions, list(first_rows), prior, places or Places())

    def expand(self, numbers):
        """PCollection of int, the numbers of parts -> PCollection of (int, list of arrays).

        A pair has the place of the first of some classes, and of each of these the keys of its best segments
        (`yt8m.submission.segments.merged`), uint64, by the numbers of rows.
        """
        return (
            numbers
            | beam.Reshuffle()
            | "Keys" >> beam.ParDo(self._keys)
            | "Best" >> beam.CombinePerKey(_Best(self._max_segments))
        )


class _Keys(beam.DoFn):
    """What the segments of a part are ranked by, some classes at a time."""

    def __init__(self, predictions: Predictions, first_rows: list[int], prior: Prior | None, places: Places):
        super().__init__()
        self._predictions, self._first_rows, self._prior, self._places = predictions, first_rows, prior, places

    def process(self, number: int) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
        part, class_ids = self._predictions.read(number), ranked_class_ids(self._predictions)
        kept, keys = ranked_keys(part, self._predictions.description, class_ids, self._prior, self._places)
        check_finite(keys, part.names(), class_ids.tolist(), kind="segment")
        indices = np.flatnonzero(kept).astype(np.uint64) + np.uint64(self._first_rows[number])
        for first in range(0, len(class_ids), CLASSES_AT_ONCE):
            yield first, (indices, np.ascontiguousarray(keys[kept, first : first + CLASSES_AT_ONCE].T, np.float32))


class _Best(beam.CombineFn):
    """The best segments of some classes: a list with the keys of each, and none before the first part."""

    def __init__(self, most: int):
        super().__init__()
        self._most = most

    def create_accumulator(self) -> list[np.ndarray]:
        return []

    def add_input(self, accumulator: list[np.ndarray], part: tuple[np.ndarray, np.ndarray]) -> list[np.ndarray]:
        indices, scores = part
        before = accumulator or [np.empty(0, np.uint64)] * len(scores)
        return [merged(kept, own, indices, self._most) for kept, own in zip(before, scores, strict=True)]

    def merge_accumulators(self, accumulators: Iterable[list[np.ndarray]]) -> list[np.ndarray]:
        total: list[np.ndarray] = []
        for each in accumulators:
            if total and each:
                total = [best_of(*pair, self._most) for pair in zip(total, each, strict=True)]
            else:
                total = total or each
        return total

    def extract_output(self, accumulator: list[np.ndarray]) -> list[np.ndarray]:
        return accumulator
