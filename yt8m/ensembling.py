"""Means of several runs or stored predictions, and what weights they should have."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from yt8m.data.overlap import find_learned
from yt8m.errors import InputError
from yt8m.files import check_destination, read_json, write_json
from yt8m.kept_predictions import keep, kept_in_run
from yt8m.prediction import AskedPrior, Prediction, count_rows, open_prior, write_ranked
from yt8m.predictions import Predictions, PredictionStore, StoredPredictions
from yt8m.predictions.combining import (
    MEANS,
    Ensemble,
    Mean,
    check_descriptions,
    check_members,
    mean_description,
    normalised,
)
from yt8m.predictions.stored import is_stored, store
from yt8m.predictions.weighting import Weights, learn_weights, require_several
from yt8m.run_predictions import STORED_TOP_K, Progress, RunPredictions, Tell
from yt8m.runs import RunDirectory
from yt8m.scoring import open_labelled, read_labels, read_ratings
from yt8m.submission.ids import check_submittable
from yt8m.submission_options import SubmissionOptions
from yt8m.unlike_runs import describe_place


def open_members(
    members: Sequence[str | os.PathLike],
    data: Sequence[str] = (),
    segment_classes: str | os.PathLike | None = None,
    task: Literal["video", "segment"] | None = None,
    tell: Tell = lambda text: None,
    submitted: bool = False,
) -> list[StoredPredictions | RunPredictions]:
    """Stored predictions, and those that runs will make: what is known of them before that fits together.

    Args:
        members: directories of either kind.
        data: the records, for runs.
        segment_classes, task, submitted: see `RunPredictions`.
        tell: gets a line on the broken records that are left out, if a run is to skip them.

    Raises:
        InputError, RecordError: one is neither, or a run without records to predict, or given twice; they are of different
            tasks or classes, or stored for different rows; a run's predictions cannot be kept in it.
    """
    _refuse_twice(members)
    opened = [_open_member(member, data, segment_classes, task, tell, submitted) for member in members]
    check_descriptions(opened)
    there = [member for member in opened if isinstance(member, StoredPredictions)]
    if there:
        check_members(there)
    for member in opened:
        if isinstance(member, RunPredictions):
            member.open_store(kept_in_run(member), replace=True)
    return opened


def _refuse_twice(members: Sequence[str | os.PathLike]) -> None:
    typed: dict[str, str] = {}
    for member in map(os.fspath, members):
        place = os.path.realpath(member)
        if place in typed:
            other = "" if typed[place] == member else f", as {typed[place]}"
            raise InputError(
                f"{member}: is a member already{other}; leave it out, or count it more by its weight (yt8m ensemble --weights)"
            )
        typed[place] = member


def _open_member(
    path: str | os.PathLike,
    data: Sequence[str],
    segment_classes: str | os.PathLike | None,
    task: Literal["video", "segment"] | None,
    tell: Tell,
    submitted: bool,
) -> StoredPredictions | RunPredictions:
    if is_stored(path):
        return StoredPredictions(path)
    if not RunDirectory(Path(path)).config.is_file():
        known = (
            describe_place(path) or "is neither a run nor stored predictions; make some with yt8m predict --store DIR"
        )
        raise InputError(f"{path}: {known}")
    if not data:
        raise InputError(f"{path}: is a run; name the records to predict with --data, or give stored predictions")
    return RunPredictions(
        path,
        data,
        segment_classes=segment_classes,
        task=task,
        top_k=STORED_TOP_K,
        submitted=submitted,
        tell=tell,
    )


def make_members(
    members: Sequence[StoredPredictions | RunPredictions], progress: Progress, tell: Tell
) -> list[StoredPredictions]:
    """The predictions of members; those of runs are made, and kept in them, unless they are there.

    Raises:
        InputError, RecordError: a record cannot be used.
    """
    return [
        member if isinstance(member, StoredPredictions) else _make_member(member, progress, tell) for member in members
    ]


def _make_member(member: RunPredictions, progress: Progress, tell: Tell) -> StoredPredictions:
    place = kept_in_run(member)
    if not is_stored(place):
        tell(f"{member.name}: predicting, kept in {place}")
    return keep(member, progress, tell)


def _refuse_inputs(out: str | os.PathLike | None, members: Sequence[StoredPredictions | RunPredictions]) -> None:
    for member in members:
        if out is not None and isinstance(member, RunPredictions):
            member.refuse(out)


def _refuse_learned(members: Sequence[StoredPredictions | RunPredictions], data: Sequence[str]) -> None:
    """Raises InputError if a run learned from the records that weights are to be learned from: its weight would be too large."""
    for member in members:
        if isinstance(member, RunPredictions) and (common := find_learned(member.config.data.train, data)):
            raise InputError(
                f"{member.name}: learned from records that the weights would be learned from ({common}); name others with "
                "--data, or store what runs of several folds predict for these (yt8m predict --run RUN RUN ... --store DIR)"
            )


def ensemble(
    members: Sequence[str | os.PathLike],
    out: str | os.PathLike | None = None,
    *,
    data: Sequence[str] = (),
    mean: Mean | None = None,
    weights: Sequence[float] | str | os.PathLike | None = None,
    segment_classes: str | os.PathLike | None = None,
    task: Literal["video", "segment"] | None = None,
    stored: str | os.PathLike | None = None,
    options: SubmissionOptions | None = None,
    progress: Progress = lambda count: None,
    tell: Tell = lambda text: None,
    **submission,
) -> Prediction:
    """Writes a submission of the mean of several predictions, or stores that.

    Args:
        members: run directories, or stored predictions of the same records.
        out: the CSV file. None = none.
        data: the records, for members or a prior that are runs.
        mean: `arithmetic`, `geometric` or `rank`; None = as in the file of weights, else geometric.
        weights: one a member; or a file that `learn_weights` made; None = equal ones.
        segment_classes, task: see `predict`; for members that are runs.
        stored: a directory for the mean. None = it is not stored.
        options: of the submission; or its fields as keywords.
        progress: called with the number of videos, or segments, after each batch of a run, and each part of the mean.
        tell: told what is done.

    Raises:
        InputError, RecordError: the members do not fit together, weights that cannot be used, a place that cannot be
            written to; as `predict`.
    """
    options = options or SubmissionOptions(**submission)
    if out is None and stored is None:
        raise InputError("nothing to write; name a submission with --out, or a directory for the mean with --store")
    if out is not None:
        check_destination(out)
    mean, weights = _mean_and_weights(mean, weights)
    opened = open_members(members, data, segment_classes, task, tell, submitted=out is not None)
    if out is not None:
        _check_ids(opened)
    shares = normalised(weights, opened)
    into = None if stored is None else _open_store(stored, opened, mean, shares)
    _refuse_inputs(out, opened)
    asked = open_prior(options, out, mean_description(opened), data)
    _check_videos(asked, opened)
    predictions: Predictions = Ensemble(make_members(opened, progress, tell), mean, shares)
    prior = asked and asked.make(tell)
    _check_videos(asked, [predictions])
    if out is not None:
        _check_ids([predictions])  # of those that runs had kept, these are not checked yet
    if into is not None:
        predictions = store([functools.partial(predictions.read, number) for number in range(into.num_parts)], into)
    submitted = count_rows(predictions) if out is None else write_ranked(predictions, out, options, prior, progress)
    path, task = stored if out is None else out, predictions.description.task
    return Prediction(os.fspath(path), task, submitted.num_videos, submitted.num_segments)


def _mean_and_weights(
    mean: Mean | None, weights: Sequence[float] | str | os.PathLike | None
) -> tuple[Mean, Sequence[float] | None]:
    """Both, where a file of weights says what mean they were learned for."""
    if not isinstance(weights, str | os.PathLike):
        return mean or "geometric", weights
    learned, learned_for = _read_weights(weights)
    if mean and mean != learned_for:
        raise InputError(f"--mean {mean}: the weights were learned for the {learned_for} mean; leave the flag out")
    return learned_for, learned


def _open_store(
    directory: str | os.PathLike, members: Sequence[StoredPredictions | RunPredictions], mean: Mean, shares: np.ndarray
) -> PredictionStore:
    made_from = {
        "members": [[dataclasses.asdict(member.description), member.made_from] for member in members],
        "mean": mean,
        "weights": shares.tolist(),
    }
    return PredictionStore(directory, mean_description(members), made_from, members[0].num_parts)


def _check_videos(prior: AskedPrior | None, members: Sequence[Predictions | RunPredictions]) -> None:
    """Compares the videos of a prior with those of members, as far as both are known."""
    for member in members if prior else ():
        if isinstance(member, RunPredictions):
            prior.check_videos(member.first_videos())
        else:
            for part in member.rows():
                prior.check_videos(part.ids.tolist())


def _check_ids(members: Sequence[Predictions | RunPredictions]) -> None:
    """Raises InputError if an id that is known cannot stand in a submission."""
    for member in members:
        if isinstance(member, RunPredictions):
            member.check_first_ids()
        else:
            for part in member.rows():
                check_submittable(dict.fromkeys(part.ids.tolist()), member.name)


def weigh(
    members: Sequence[str | os.PathLike],
    data: Sequence[str],
    out: str | os.PathLike,
    *,
    mean: Mean = "geometric",
    segment_classes: str | os.PathLike | None = None,
    progress: Progress = lambda count: None,
    tell: Tell = lambda text: None,
) -> Weights:
    """Learns weights on labelled records and writes them for `ensemble`.

    Args:
        members: run directories that did not learn from the records, or stored predictions for them.
        data: the labelled records.
        out: the JSON file to write.
        mean, segment_classes, progress, tell: see `ensemble`.

    Raises:
        InputError, RecordError: as `ensemble` and `learn_weights`; a run learned from the records.
    """
    check_destination(out)
    opened = open_members(members, data, segment_classes, tell=tell)
    require_several(opened)
    _refuse_inputs(out, opened)
    _refuse_learned(opened, data)
    description = opened[0].description
    source = open_labelled(data, description.task, description.num_classes, tell)
    if description.task == "segment":
        if source.level != "segment":
            raise InputError(
                f"{opened[0].name}: is of segments, and {source.files[0]} has no rated ones; give records that have"
            )
        labelled = {"ratings": read_ratings(source)}
    else:
        labelled = {"labels": read_labels(source)}
    learned = learn_weights(make_members(opened, progress, tell), mean, **labelled)
    write_json(out, dataclasses.asdict(learned))
    return learned


def _read_weights(path: str | os.PathLike) -> tuple[list[float], Mean]:
    try:
        values = read_json(path)
    except InputError as error:
        raise InputError(f"--weights {error}; give one number a member, or a file of yt8m weigh") from error
    weights, mean = (values.get(key) if isinstance(values, dict) else None for key in ("weights", "mean"))
    numbers = isinstance(weights, list) and all(isinstance(weight, int | float) for weight in weights)
    if not numbers or mean not in MEANS:
        raise InputError(f"--weights {os.fspath(path)}: holds no weights; make some with yt8m weigh")
    return weights, mean
