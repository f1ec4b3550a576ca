"""Means of several runs or stored predictions, and what weights they should have."""

import dataclasses
import functools
import os
from collections.abc import Sequence
from pathlib import Path

from yt8m.data import pipeline
from yt8m.errors import InputError
from yt8m.files import check_destination, read_json, write_json
from yt8m.prediction import Prediction, count_rows, write_with_prior
from yt8m.predictions import PredictionStore, StoredPredictions
from yt8m.predictions.combining import MEANS, Ensemble, Mean
from yt8m.predictions.stored import is_stored, store
from yt8m.predictions.weighting import Weights, learn_weights
from yt8m.run_predictions import STORED_TOP_K, Progress, RunPredictions, Tell, kept_in_run
from yt8m.runs import RunDirectory
from yt8m.scoring import read_labels, read_ratings
from yt8m.submission_options import SubmissionOptions


def open_member(
    path: str | os.PathLike,
    data: Sequence[str] = (),
    segment_classes: str | os.PathLike | None = None,
    progress: Progress = lambda count: None,
    tell: Tell = lambda text: None,
) -> StoredPredictions:
    """Stored predictions, or those of a run, which are made and kept in it unless they are there.

    Args:
        path: a directory of either kind.
        data: the records, for a run.
        segment_classes: see `RunPredictions`.
        progress: called with the number of videos, or segments, after each batch.
        tell: told that a run predicts.

    Raises:
        InputError, RecordError: it is neither, or a run without records to predict.
    """
    if is_stored(path):
        return StoredPredictions(path)
    if not RunDirectory(Path(path)).config.is_file():
        raise InputError(f"{path}: is neither a run nor stored predictions; make some with yt8m predict --store DIR")
    if not data:
        raise InputError(f"{path}: is a run; name the records to predict with --data, or give stored predictions")
    made = RunPredictions(path, data, segment_classes=segment_classes, top_k=STORED_TOP_K, tell=tell)
    place = kept_in_run(made)
    if not is_stored(place):
        tell(f"{path}: predicting, kept in {place}")
    return made.store(place, progress)


def ensemble(
    members: Sequence[str | os.PathLike],
    out: str | os.PathLike | None = None,
    *,
    data: Sequence[str] = (),
    mean: Mean | None = None,
    weights: Sequence[float] | str | os.PathLike | None = None,
    segment_classes: str | os.PathLike | None = None,
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
        segment_classes: see `predict`.
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
    weights, learned_for = _read_weights(weights) if isinstance(weights, str | os.PathLike) else (weights, None)
    if mean is None:
        mean = learned_for or "geometric"
    elif learned_for and mean != learned_for:
        raise InputError(f"--mean {mean}: the weights were learned for the {learned_for} mean; leave the flag out")
    opened = [open_member(member, data, segment_classes, progress, tell) for member in members]
    combined = Ensemble(opened, mean, weights)
    if stored is not None:
        made_from = {
            "members": [[list(member.digests), member.made_from] for member in opened],
            "mean": mean,
            "weights": combined.weights.tolist(),
        }
        num_parts = len(combined.digests)
        into = PredictionStore(stored, combined.description, made_from, num_parts)
        kept = store([functools.partial(combined.read, number) for number in range(num_parts)], into)
    if out is not None:
        predictions = combined if stored is None else kept
        submitted = write_with_prior(predictions, data, out, options, None, progress, tell)
    else:
        submitted = count_rows(kept)
    path = stored if out is None else out
    return Prediction(os.fspath(path), combined.description.task, submitted.num_videos, submitted.num_segments)


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
        InputError, RecordError: as `ensemble` and `learn_weights`.
    """
    check_destination(out)
    opened = [open_member(member, data, segment_classes, progress, tell) for member in members]
    description = opened[0].description
    source = pipeline.open_source(data, num_classes=description.num_classes)
    if description.task == "segment":
        if source.level != "segment":
            raise InputError(f"{opened[0].name}: is of segments, and {source.files[0]} has no rated ones")
        learned = learn_weights(opened, mean, ratings=read_ratings(source))
    else:
        learned = learn_weights(opened, mean, labels=read_labels(source))
    write_json(out, dataclasses.asdict(learned))
    return learned


def _read_weights(path: str | os.PathLike) -> tuple[list[float], Mean]:
    values = read_json(path)
    weights, mean = (values.get(key) if isinstance(values, dict) else None for key in ("weights", "mean"))
    numbers = isinstance(weights, list) and all(isinstance(weight, int | float) for weight in weights)
    if not numbers or mean not in MEANS:
        raise InputError(f"{os.fspath(path)}: holds no weights; make some with yt8m weigh")
    return weights, mean
