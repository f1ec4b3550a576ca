"""Makes ensembles of runs, stored predictions and submissions, and learns their weights."""

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from yt8m.config import DistributeConfig
from yt8m.data.labels import open_labelled, read_labels, read_ratings
from yt8m.data.source import Source
from yt8m.distribution import cluster
from yt8m.errors import InputError
from yt8m.files import write_json
from yt8m.metrics.registry import Task
from yt8m.predicting import Predictions, PredictionStore, StoredPredictions
from yt8m.predicting.asked_weights import AskedWeights, asked_weights
from yt8m.predicting.combining import Combined, Mean, mean_description
from yt8m.predicting.elsewhere import Elsewhere
from yt8m.predicting.listed import SubmissionList
from yt8m.predicting.members import (
    Member,
    RunMembers,
    check_first_ids,
    check_videos,
    make_members,
    open_members,
    refuse_inputs_as,
    refuse_places_from_the_end,
)
from yt8m.predicting.options import SubmissionOptions
from yt8m.predicting.prediction import (
    Prediction,
    check_outputs,
    count_rows,
    open_prior,
    write_ranked,
)
from yt8m.predicting.prior import Prior
from yt8m.predicting.reranked import NETWORK, Learned, learn_network
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.predicting.stacking import learn_stack
from yt8m.predicting.stored import store
from yt8m.predicting.submitting import Submitted
from yt8m.predicting.weighting import learn_weights, require_several
from yt8m.progress import SILENT, Progress
from yt8m.runs import check_output
from yt8m.runs.learned import find_learned
from yt8m.scoring.calibration import read, remark_fitted

if TYPE_CHECKING:
    from yt8m.distribution.devices import Devices


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ensembled(Prediction):
    """The result of `ensemble`."""

    mean: Combined
    """The kind of mean, `logistic` or `network`."""
    members: list[str]
    """The members, as given."""
    weights: list[float] | None
    """The weight of each member, with the sum 1 in a mean; None = they differ by class."""
    weights_file: str | None
    """The file that the weights are from."""


def _refuse_learned(members: Sequence[Member], data: Sequence[str], progress: Progress) -> None:
    """Raises InputError if a run was trained on the records to learn weights from: its weight would be too large.

    A line says so if that could not be checked.
    """
    for member in members:
        if not isinstance(member, RunPredictions):
            continue
        (run,) = member.runs
        common, unknown = learned = find_learned(run, member.config, data)
        if unknown:
            progress.message(learned.remark(member.name))
        if common:
            raise InputError(
                f"{member.name}: learned from records that the weights would be learned from ({common}); name others with "
                "--data, or store what runs of several folds predict for these (yt8m predict --run RUN RUN ... --store DIR)"
            )


def devices_of_process(distribute: DistributeConfig | None) -> Callable[[], "Devices"]:
    """Returns what opens the devices of this process. A mean of submissions needs none, so TensorFlow is loaded only then.

    Raises:
        InputError: this is one of several workers, or is to be.
    """
    place = cluster.from_environment()
    if place or (distribute and distribute.strategy == "multiworker"):
        told = f"{place.told_by} names {place.num_workers} workers" if place else "--distribute.strategy multiworker"
        raise InputError(
            f"{told}: means are made in one process; store each run's predictions by yt8m predict --store, which several "
            "workers share, and give these as members to one process"
        )

    def opened() -> "Devices":
        from yt8m.distribution.strategies import open_devices

        return open_devices(distribute)

    return opened


def ensemble(
    members: Sequence[str | os.PathLike],
    out: str | os.PathLike | None = None,
    *,
    data: Sequence[str] = (),
    mean: Mean | None = None,
    weights: Sequence[float] | str | os.PathLike | None = None,
    segment_classes: str | os.PathLike | None = None,
    task: Task | None = None,
    stored: str | os.PathLike | None = None,
    calibrations: Sequence[str | os.PathLike] = (),
    options: SubmissionOptions | None = None,
    progress: Progress = SILENT,
    distribute: DistributeConfig | None = None,
    elsewhere: Elsewhere | None = None,
    **submission,
) -> "Ensembled":
    """Combines several predictions by a mean or a learned combination, and writes a submission or stores the result.

    Args:
        members: run directories, stored predictions or submissions, all for the same records.
        out: the CSV file; None = no submission.
        data: the records, for members or a prior that are runs.
        mean: `arithmetic`, `geometric` or `rank`; None = the one in the file of weights, or else geometric.
        weights: one for each member, a file that `weigh` wrote, or a CSV file with weights for each class; None = equal weights.
            The order of the members decides, unless the file names just these members: then each gets its own weight.
        segment_classes, task: as in `predict`, for members that are runs.
        stored: a directory to store the mean in; None = do not store it.
        calibrations: files of `yt8m.scoring.calibrating.calibrate`, each for a member that is a run.
        options: the options of the submission; or their fields as keywords.
        progress: counts the videos, or segments, of each batch of a run and of each part of the mean; gets a line on the work
            that is done, and one if the file of weights names other members, or these in another order.
        distribute: the devices of this process for members, and a prior, that are runs; None = all there are.
        elsewhere: does the work, such as a cluster (`yt8m.cluster.on_beam.OnBeam`); None = this process.

    Raises:
        InputError, RecordError: the members do not fit together; the weights cannot be used; a file or directory cannot be
            written; and as `predict`.
    """
    options = options or SubmissionOptions(**submission)
    check_outputs(out, stored, "the mean")
    asked = asked_weights(mean, weights)
    of_runs = RunMembers(
        data=data,
        task=task,
        segment_classes=segment_classes,
        submitted=out is not None,
        calibrations=calibrations,
        devices=devices_of_process(distribute),
    )
    opened = open_members(members, of_runs, asked.combined, progress)
    refuse_places_from_the_end(opened, options.skip_last_segments)
    check_first_ids(opened if out is not None else [])
    asked.of(opened)
    asked = asked.given_to(members, progress)
    into = None if stored is None else _open_store(stored, opened, asked)
    refuse_inputs_as(out, opened)
    asked_prior = open_prior(options, out, mean_description(opened), data, devices=of_runs.devices)
    check_videos(asked_prior, opened)
    with progress.working("predicting", "video"):
        predictions: Predictions = asked.combine(make_members(opened, progress, elsewhere))
        prior = asked_prior and asked_prior.make(progress, elsewhere)
        check_videos(asked_prior, [predictions])
        check_first_ids([predictions] if out is not None else [])  # those that runs had kept are not checked yet
        predictions = predictions if into is None else _store(predictions, into, elsewhere, progress)
        if out is None:
            submitted = count_rows(predictions)
        else:
            submitted = write_ranked(predictions, out, options, prior, progress, elsewhere)
    return _ensembled(
        os.fspath(stored if out is None else out), predictions.description.task, submitted, members, asked, opened
    )


def _ensembled(
    path: str,
    task: Task,
    submitted: Submitted,
    members: Sequence[str | os.PathLike],
    asked: AskedWeights,
    opened: Sequence[Member],
) -> Ensembled:
    return Ensembled(
        path=path,
        task=task,
        num_videos=submitted.num_videos,
        num_segments=submitted.num_segments,
        mean=asked.combined,
        members=[os.fspath(member) for member in members],
        weights=None if asked.by_class else asked.of(opened).tolist(),
        weights_file=asked.file or None,
    )


def _submit(
    predictions: Predictions,
    out: str | os.PathLike | None,
    options: SubmissionOptions,
    prior: Prior | None,
    progress: Progress,
    elsewhere: Elsewhere | None,
) -> Submitted:
    if out is None:
        return count_rows(predictions)
    return write_ranked(predictions, out, options, prior, progress, elsewhere)


def _store(
    predictions: Predictions, into: PredictionStore, elsewhere: Elsewhere | None, progress: Progress
) -> StoredPredictions:
    if elsewhere:
        elsewhere.combine(predictions, into, progress)
        return into.finish()
    return store([functools.partial(predictions.read, number) for number in range(into.num_parts)], into)


def _open_store(directory: str | os.PathLike, members: Sequence[Member], asked: AskedWeights) -> PredictionStore:
    described = [[dataclasses.asdict(member.description), member.made_from] for member in members]
    made_from = {"members": described, **asked.made_from(members)}
    num_parts = next(member.num_parts for member in members if not isinstance(member, SubmissionList))
    return PredictionStore(directory, mean_description(members), made_from, num_parts)


def _labels_of(source: Source, member: Member, method: str) -> dict[str, Any]:
    """The labels to learn from, by the name of the argument. Raises InputError if the method cannot learn from such."""
    if member.description.task == "video":
        return {"labels": read_labels(source)}
    if method == NETWORK:
        raise InputError(
            f"{member.name}: holds segments, and --method network scores whole videos; give --method weights or logistic"
        )
    if source.level != "segment":
        raise InputError(
            f"{member.name}: is of segments, and {source.files[0]} has no rated ones; give records that have"
        )
    return {"ratings": read_ratings(source)}


def weigh(
    members: Sequence[str | os.PathLike],
    data: Sequence[str],
    out: str | os.PathLike | None,
    *,
    method: Literal["weights", "logistic", "network"] = "weights",
    mean: Mean = "geometric",
    segment_classes: str | os.PathLike | None = None,
    calibrations: Sequence[str | os.PathLike] = (),
    progress: Progress = SILENT,
    distribute: DistributeConfig | None = None,
) -> Learned:
    """Learns weights on labelled records and writes them for `ensemble`.

    Args:
        members: run directories that were not trained on the records, stored predictions, or submissions for them.
        data: the labelled records.
        out: the JSON file to write; None = none.
        method: `weights` of a mean; or a `logistic` regression on the logits, compared with that mean; or this and a `network`,
            for whole videos, that scores its best candidates once more.
        mean, segment_classes, calibrations, distribute: as in `ensemble`.
        progress: as in `ensemble`; gets a line if it could not be checked whether a run was trained on the records,
            and one if a calibration was fitted on them.

    Raises:
        InputError, RecordError: a run was trained on the records; and as `ensemble`, `learn_weights`, `learn_stack` and
            `learn_network`; the network is asked for segments.
    """
    if out is not None:
        check_output(out)
    if method != "weights" and mean == "rank":
        raise InputError(
            f"--mean rank: --method {method} works on probabilities, and so does the mean that it is compared with; give --mean "
            "geometric or arithmetic"
        )
    devices = devices_of_process(distribute)
    of_runs = RunMembers(data=data, segment_classes=segment_classes, calibrations=calibrations, devices=devices)
    opened = open_members(members, of_runs, mean, progress)
    require_several(opened)
    refuse_inputs_as(out, opened)
    _refuse_learned(opened, data, progress)
    description = opened[0].description
    source = open_labelled(data, description.task, description.num_classes, progress)
    for file in calibrations:
        remark_fitted(file, read(file), source.files, progress)
    labelled = _labels_of(source, opened[0], method)
    with progress.working("predicting", "video"):
        made = make_members(opened, progress)
    learned = _learning(method, progress)(made, mean, **labelled)
    if learned.better:
        progress.message(
            f"--method {learned.better} scores more here than the network does, on videos that neither has seen"
        )
    if out is not None:
        write_json(out, learned.as_json())
    return learned


def _learning(method: str, progress: Progress) -> Callable[..., Learned]:
    """What learns. Only networks are watched: they take minutes for 10 000 videos, the others seconds."""
    watched = functools.partial(learn_network, progress=progress)
    return {"weights": learn_weights, "logistic": learn_stack, NETWORK: watched}[method]
