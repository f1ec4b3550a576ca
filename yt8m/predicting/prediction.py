"""Writes a run's predictions for records as a submission."""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from yt8m.config import DistributeConfig
from yt8m.errors import InputError
from yt8m.metrics.registry import Task
from yt8m.predicting import Description, Predictions, StoredPredictions
from yt8m.predicting.elsewhere import Elsewhere
from yt8m.predicting.kept import keep, kept_in_run
from yt8m.predicting.options import SubmissionOptions
from yt8m.predicting.prior import Places, Prior, check_prior
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.predicting.selection import STORED_TOP_K, Selection
from yt8m.predicting.stored import is_stored
from yt8m.predicting.submitting import Submitted, write_submission
from yt8m.progress import SILENT, Progress, Remarks
from yt8m.runs import RunDirectory, check_output, load_config
from yt8m.runs.unlike import describe_place
from yt8m.scoring.calibration import Calibrations

if TYPE_CHECKING:
    from yt8m.distribution.devices import Devices


@dataclass(frozen=True)
class Prediction:
    """The result of `predict`."""

    path: str
    """The submission; or the directory of stored predictions if no submission was asked for."""
    task: Task
    num_videos: int
    """Number of videos that were scored."""
    num_segments: int | None = None
    """Number of segments that were ranked; None in the video task."""
    segment_classes: str | None = None
    """The file with the classes to rank; None = all classes of the vocabulary."""


class AskedPrior:
    """The prior that the options ask for. Creating it finds all mistakes before anything is predicted.

    Args:
        options: the options that name the prior.
        description: the description of the predictions to rank with it.
        paths: the records, for a prior that is a run.
        directory: a directory for the predictions of a run; None = keep them in the run directory.
        devices: see `RunPredictions`.

    Raises:
        InputError, RecordError: the prior cannot be used for these predictions.
    """

    def __init__(
        self,
        options: SubmissionOptions,
        description: Description,
        paths: Sequence[str],
        directory: str | os.PathLike | None = None,
        devices: "Callable[[], Devices] | None" = None,
    ):
        if description.task == "video":
            raise InputError(
                f"--prior {options.prior} is for the segment task; these predictions are of whole videos "
                "(yt8m predict --task segment makes those of segments)"
            )
        self._options, self._directory, self._devices = options, directory, devices
        self._class_ids = np.array(description.classes)
        self._found: Prior | RunPredictions = (
            self._of(StoredPredictions(options.prior)) if is_stored(options.prior) else self._open_run(paths)
        )

    def _of(self, videos: StoredPredictions) -> Prior:
        return Prior(videos, self._class_ids, self._options.prior_weight, self._options.prior_top_k)

    def _open_run(self, paths: Sequence[str]) -> RunPredictions:
        run, class_ids = self._options.prior, self._class_ids.tolist()
        if not RunDirectory(Path(run)).config.is_file():
            known = describe_place(run) or (
                "is neither a run nor stored predictions; name a run of whole videos, or make some with "
                "yt8m predict --task video --store DIR"
            )
            raise InputError(f"--prior {run}: {known}")
        if not paths:
            raise InputError(f"--prior {run}: is a run; name the records to predict with --data")
        data = load_config(run).data
        if data.segment_context:
            raise InputError(
                f"--prior {run}: is of segments and what is around them (--data.segment-context); name a run of whole videos"
            )
        check_prior(run, Description(task="video", num_classes=data.num_classes, classes=None), class_ids)
        selection = Selection(class_ids=class_ids)
        made = RunPredictions(run, paths, task="video", selection=selection, devices=self._devices)
        made.open_store(self._directory or kept_in_run(made), replace=True)
        return made

    def check_videos(self, videos: Iterable[bytes]) -> None:
        """Raises InputError if the prior lacks one of the videos. The videos of a run are not known yet."""
        if isinstance(self._found, Prior):
            self._found.rows_of(videos)

    def make(self, progress: Progress, elsewhere: Elsewhere | None = None) -> Prior:
        """Makes the prior. A run predicts now, or has it done `elsewhere`, and reports to `progress`."""
        if isinstance(self._found, RunPredictions):
            progress.message(f"{self._found.name}: predicting whole videos for the prior")
            made = self._found
            self._found = self._of(
                made.store(self._directory, replace=True, elsewhere=elsewhere)
                if self._directory
                else keep(made, Remarks(progress), elsewhere)
            )
        return self._found


def open_prior(
    options: SubmissionOptions,
    out: str | os.PathLike | None,
    description: Description,
    paths: Sequence[str],
    directory: str | os.PathLike | None = None,
    devices: "Callable[[], Devices] | None" = None,
) -> AskedPrior | None:
    """Opens the prior for a submission `out`, if one is asked for; see `AskedPrior`."""
    if not options.prior:
        return None
    if out is None:
        raise InputError(f"--prior {options.prior} is for ranking a submission; name that with --out, or leave it out")
    return AskedPrior(options, description, paths, directory, devices)


def count_rows(predictions: StoredPredictions) -> Submitted:
    """Counts the rows of predictions without making a submission."""
    videos = {video for part in predictions.rows() for video in part.ids.tolist()}
    return Submitted(len(videos), predictions.num_rows if predictions.description.task == "segment" else None)


def write_ranked(
    predictions: Predictions,
    out: str | os.PathLike,
    options: SubmissionOptions,
    prior: Prior | None,
    progress: Progress = SILENT,
    elsewhere: Elsewhere | None = None,
) -> Submitted:
    """Writes a submission according to the options; see `write_submission`. Segments are ranked `elsewhere`, if that is given."""
    places = Places(first=options.skip_first_segments, last=options.skip_last_segments)
    if elsewhere and predictions.description.task == "segment":
        return elsewhere.rank(predictions, out, options.max_segments, prior, places)
    return write_submission(
        predictions,
        out,
        top_k=options.top_k,
        max_segments=options.max_segments,
        prior=prior,
        places=places,
        progress=progress,
    )


def check_outputs(out: str | os.PathLike | None, stored: str | os.PathLike | None, kept: str) -> None:
    """Raises InputError without an output, or if the submission cannot be written. `kept` names what would be stored."""
    if out is None and stored is None:
        raise InputError(f"nothing to write; name a submission with --out, or a directory for {kept} with --store")
    if out is not None:
        check_output(out)


def predict(
    run: str | os.PathLike | Sequence[str | os.PathLike],
    data: Sequence[str] = (),
    out: str | os.PathLike | None = "submission.csv",
    *,
    task: Task | None = None,
    segment_classes: str | os.PathLike | None = None,
    stored: str | os.PathLike | None = None,
    stored_top_k: int = STORED_TOP_K,
    calibrations: Sequence[str | os.PathLike] = (),
    options: SubmissionOptions | None = None,
    progress: Progress = SILENT,
    distribute: DistributeConfig | None = None,
    elsewhere: Elsewhere | None = None,
    **submission,
) -> Prediction:
    """Writes a submission of a run's best model, and stores its predictions on request.

    After a stop, the same call resumes and ends with the same file.

    Args:
        run: the run directory; or the runs of several folds, each of which predicts the videos that it left out (`--data.fold`).
        data: files, directories or globs; none = the run's test split, or for folds their training records.
        out: the CSV file, which appears when it is complete; None = no submission.
        task: the task; None = `segment` for records with rated segments, else `video`.
        segment_classes: the list of the classes to rank (`yt8m.data.tables.vocabulary.read_segment_class_ids`); None = the list
            at the root of the data set. Without one, all classes of the vocabulary are ranked, and `progress` gets a line.
        stored: a directory for the predictions, as float16 logits (`yt8m.predicting.stored`); the submission is made from them.
            None = keep them beside `out`, in float32, until that is complete.
        stored_top_k: number of classes to store for a video, the most probable ones; 0 = all. All ranked classes are stored for
            a segment.
        calibrations: a file of `yt8m.scoring.calibrating.calibrate` for each run; none = the models' own probabilities.
        options: the options of the submission; or their fields as keywords.
        progress: counts the videos, or segments, after each batch; gets a line on the broken records that are left out, if the
            run is to skip them, and on the work that is done.
        distribute: the devices to compute on; None = all there are. Several workers make different parts of the predictions. If
            there are fewer parts than workers, they share each part. Worker 0 writes the submission.
        elsewhere: does the work, such as a cluster (`yt8m.cluster.on_beam.OnBeam`); None = these devices.

    Raises:
        InputError, RecordError: there is no such run or file; a record cannot be used; an id cannot stand in a submission; a
            file or directory cannot be written; an argument is out of range.
    """
    from yt8m.distribution import strategies
    from yt8m.distribution.devices import alone

    options = options or SubmissionOptions(**submission)
    devices = alone() if elsewhere else strategies.open_devices(distribute)
    check_outputs(out, stored, "the predictions")
    path = Path(os.fspath(stored if out is None else out))
    beside = path.parent / f".{path.name}.predictions"
    place = beside / "own" if stored is None else stored
    top_k, precision = (options.top_k, "float32") if stored is None else (stored_top_k, "float16")
    selection = Selection(segment_classes=segment_classes, top_k=top_k, precision=precision)
    with devices.lost_workers(), progress.working("predicting", "video"):
        asked = Calibrations(calibrations)
        made = RunPredictions(
            run,
            data,
            task=task,
            selection=selection,
            submitted=out is not None,
            calibrations=asked,
            devices=lambda: devices,
            progress=progress,
        )
        asked.refuse_unused(made.name)
        outcome = _Outcome(made, out, options, beside, elsewhere)
        devices.on_chief(outcome.prepare)
        predictions = made.store(place, progress, replace=stored is None, elsewhere=elsewhere)
        submitted = devices.on_chief(lambda: outcome.submit(predictions, progress))
    listed = str(made.segment_classes) if made.segment_classes else None
    return Prediction(str(path), made.description.task, submitted.num_videos, submitted.num_segments, listed)


class _Outcome:
    """The output of a run's predictions: a submission, or only stored predictions.

    Args:
        made: the predictions.
        out: the CSV file; None = no submission.
        options: the options of the submission.
        beside: a directory for temporary files until the submission is complete.
        elsewhere: does the work; None = this process.

    Raises:
        InputError: the file would replace a file of the run or records to read.
    """

    def __init__(
        self,
        made: RunPredictions,
        out: str | os.PathLike | None,
        options: SubmissionOptions,
        beside: Path,
        elsewhere: Elsewhere | None,
    ):
        self._made, self._out, self._options, self._beside = made, out, options, beside
        self._elsewhere = elsewhere
        self._prior: AskedPrior | None = None
        if out is not None:
            made.refuse(out)

    def prepare(self) -> None:
        """Raises InputError for mistakes that can be found before anything is predicted."""
        made = self._made
        if self._out is not None:
            made.check_first_ids()
        self._prior = open_prior(self._options, self._out, made.description, made.paths, self._beside / "prior")
        if self._prior:
            self._prior.check_videos(made.first_videos())

    def submit(self, predictions: StoredPredictions, progress: Progress) -> Submitted:
        """Writes the submission."""
        if self._out is None:
            return count_rows(predictions)
        prior = self._prior and self._prior.make(progress, self._elsewhere)
        submitted = write_ranked(predictions, self._out, self._options, prior, elsewhere=self._elsewhere)
        shutil.rmtree(self._beside, ignore_errors=True)
        return submitted
