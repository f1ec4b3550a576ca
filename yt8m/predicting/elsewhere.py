"""What another engine than this process is asked to do for predictions, such as a cluster (`yt8m.cluster`)."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from yt8m.config import RunConfig
from yt8m.data.source import Source
from yt8m.predicting.counts import Counts
from yt8m.predicting.parts import Description, Predictions
from yt8m.predicting.prior import Places, Prior
from yt8m.predicting.stored import PredictionStore
from yt8m.predicting.submitting import Submitted
from yt8m.progress import Progress
from yt8m.scoring.calibration import Calibration


@dataclass(frozen=True)
class RunWork:
    """What has to be known to predict records with a run, or with the runs of several folds. `pickle` can send it."""

    runs: tuple[str, ...]
    config: RunConfig
    sources: tuple[Source, ...]
    """For each run the records that it predicts; all of them have the same files."""
    calibrations: tuple[Calibration | None, ...]
    """For each run."""
    description: Description
    is_submitted: bool
    """Whether the predictions become a submission, in which not every id can stand."""
    groups: tuple[tuple[str, ...], ...]
    """The files of each part, in the order of the parts."""
    needs_ids: bool
    """Whether a part keeps a digest of the ids of its records (`yt8m.predicting.stored`)."""


class Elsewhere(Protocol):
    """Does the work. The results are those of this process, bit for bit. All methods raise InputError for a user's error."""

    def predict(self, work: RunWork, missing: Sequence[int], into: PredictionStore, progress: Progress) -> Counts:
        """Makes the missing parts of a run's predictions. `progress` counts the rows."""

    def combine(self, predictions: Predictions, into: PredictionStore, progress: Progress) -> None:
        """Makes the missing parts of predictions that are combined of others."""

    def rank(
        self, predictions: Predictions, out: str | os.PathLike, max_segments: int, prior: Prior | None, places: Places
    ) -> Submitted:
        """Ranks segments; see `yt8m.predicting.submitting.write_submission`."""
