"""The commands that predict: `predict`, `ensemble` and `weigh`."""

import os
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import tyro

from yt8m.cluster.options import LOCAL, BeamOptions, Engine
from yt8m.commands import reports
from yt8m.commands.engines import elsewhere_of, runs_here
from yt8m.commands.flags import PATHS, Calibrations, Json, SegmentClasses, given_paths, print_json, shown
from yt8m.commands.places import require_files, require_run
from yt8m.commands.streams import show
from yt8m.config import DEFAULT_DISTRIBUTE, DistributeConfig
from yt8m.errors import OK, InputError
from yt8m.metrics import registry
from yt8m.predicting.options import SubmissionOptions
from yt8m.values import NonNegativeInt

Task = Annotated[
    registry.Task | None,
    shown("{video,segment}", "(default: segment for records with rated segments, else video)"),
]
Submission = Annotated[SubmissionOptions, tyro.conf.OmitArgPrefixes]
_DEFAULT_SUBMISSION = SubmissionOptions()


def predict(
    run: Annotated[tuple[str, ...], shown("DIR [DIR ...]", "(required)")],
    out: Annotated[str | None, shown("PATH", "(required, unless --store is given)")] = None,
    data: Annotated[
        tuple[str, ...] | None, shown(PATHS, "(default: the run's test split; of folds, their training records)")
    ] = None,
    task: Task = None,
    segment_classes: SegmentClasses = None,
    store: Annotated[str | None, shown("DIR", "(default: predictions are not kept)")] = None,
    store_top_k: NonNegativeInt = 100,
    calibration: Calibrations = (),
    submission: Submission = _DEFAULT_SUBMISSION,
    engine: Engine = "local",
    beam: BeamOptions = LOCAL,
    json: Json = False,
    distribute: DistributeConfig = DEFAULT_DISTRIBUTE,
) -> int:
    """Write a run's predictions as a submission.

    Example: yt8m predict --run runs/sample --data data/sample/2/frame/test --out submissions/sample.csv

    If it is stopped, the same command resumes it.

    Args:
        run: The run directory, made by yt8m train. Or the runs of all folds: each predicts the videos that it left out.
        out: The CSV file to write.
        data: Records to predict: files, directories or globs.
        task: The task of the submission.
        segment_classes: The classes to rank, for the segment task: segment_label_ids.csv, or Kaggle's vocabulary.csv.
        store: A directory to keep the predictions in, for yt8m ensemble and yt8m score.
        store_top_k: Number of classes to keep there for a video, the most probable ones; 0 = all.
            All ranked classes are kept for a segment.
        calibration: Files of yt8m calibrate, one for each run.
        engine: local: this machine's devices. beam: Apache Beam, on a cluster if --beam.runner names one.
        json: Print one JSON object.
        distribute: The devices to compute on.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.predicting.prediction import check_outputs
    from yt8m.predicting.prediction import predict as run_prediction

    elsewhere = elsewhere_of(engine, beam, distribute)
    run = runs_here(run, elsewhere)
    check_outputs(out, store, "the predictions")
    for each in run:
        require_run(each, given_paths(data), "train" if run[1:] else "test")
    require_files(segment_classes=segment_classes, calibrations=calibration)
    prediction = run_prediction(
        run,
        given_paths(data),
        out,
        task=task,
        segment_classes=segment_classes,
        stored=store,
        stored_top_k=store_top_k,
        calibrations=calibration,
        options=submission,
        progress=WorkProgress(),
        distribute=distribute,
        elsewhere=elsewhere,
    )
    if json:
        print_json(reports.predicted_values(prediction))
    else:
        show(f"{prediction.path}: {reports.predicted(prediction)}, {prediction.task} task")
    return OK


def ensemble(
    members: Annotated[tuple[str, ...], tyro.conf.Positional, shown(PATHS, "(required)")],
    out: Annotated[str | None, shown("PATH", "(required, unless --store is given)")] = None,
    data: Annotated[tuple[str, ...] | None, shown(PATHS, "(default: none)")] = None,
    mean: Annotated[
        Literal["arithmetic", "geometric", "rank"] | None,
        shown("{arithmetic,geometric,rank}", "(default: what the weights were learned for, else geometric)"),
    ] = None,
    weights: Annotated[tuple[str, ...], shown("W [W ...]|FILE", "(default: equal ones)")] = (),
    task: Task = None,
    segment_classes: SegmentClasses = None,
    store: Annotated[str | None, shown("DIR", "(default: the mean is not kept)")] = None,
    calibration: Calibrations = (),
    submission: Submission = _DEFAULT_SUBMISSION,
    engine: Engine = "local",
    beam: BeamOptions = LOCAL,
    json: Json = False,
    distribute: DistributeConfig = DEFAULT_DISTRIBUTE,
) -> int:
    """Write the mean of several runs, stored predictions or submissions as a submission.

    Example: yt8m ensemble runs/a runs/b --data data/sample/2/frame/test --out submissions/both.csv

    Args:
        members: Run directories, directories of yt8m predict --store, or submissions, all for the same records.
            A run predicts now and keeps its predictions in its directory.
        out: The CSV file to write.
        data: Records for runs to predict: files, directories or globs.
        mean: Average probabilities (arithmetic), their logarithms (geometric), or ranks.
        weights: One number for each member, a file of yt8m weigh, or a CSV file with weights for each class, in a
            column for each member beside class_id.
        task: The task for runs to predict.
        segment_classes: The classes to rank, for the segment task: segment_label_ids.csv, or Kaggle's vocabulary.csv.
        store: A directory to keep the mean in, as predictions.
        calibration: Files of yt8m calibrate, each for a member that is a run.
        engine: local: this machine's devices. beam: Apache Beam, on a cluster if --beam.runner names one.
        json: Print one JSON object.
        distribute: The devices of this machine that runs predict on.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.predicting.ensembling import ensemble as run_ensemble

    elsewhere = elsewhere_of(engine, beam, distribute)
    prediction = run_ensemble(
        runs_here(members, elsewhere),
        out,
        data=given_paths(data),
        mean=mean,
        weights=_weights(weights),
        task=task,
        segment_classes=segment_classes,
        stored=store,
        calibrations=calibration,
        options=submission,
        progress=WorkProgress(),
        distribute=distribute,
        elsewhere=elsewhere,
    )
    if json:
        print_json(reports.predicted_values(prediction))
    else:
        show(reports.ensembled(prediction))
    return OK


def _weights(given: tuple[str, ...]) -> list[float] | str | None:
    """Returns the weights as numbers, or the name of a file. Raises InputError for anything else."""
    try:
        return [float(weight) for weight in given] or None
    except ValueError:
        if len(given) == 1:
            return given[0]
        raise InputError(f"--weights {' '.join(given)}: give one number a member, or one file of yt8m weigh") from None


def weigh(
    members: Annotated[tuple[str, ...], tyro.conf.Positional, shown(PATHS, "(required)")],
    data: Annotated[tuple[str, ...], shown(PATHS)],
    out: Annotated[str | None, shown("PATH", "(required, unless --run is given)")] = None,
    run: Annotated[str | None, shown("DIR", "(default: the ensemble does not become a run)")] = None,
    runs: Annotated[tuple[str, ...] | None, shown("RUN [RUN ...]", "(default: the members)")] = None,
    method: Literal["weights", "logistic", "network"] = "weights",
    mean: Literal["arithmetic", "geometric", "rank"] = "geometric",
    segment_classes: SegmentClasses = None,
    calibration: Calibrations = (),
    json: Json = False,
    distribute: DistributeConfig = DEFAULT_DISTRIBUTE,
) -> int:
    """Learn the weights of an ensemble on labelled records that its members did not train on.

    Example: yt8m weigh runs/a runs/b --data data/sample/2/frame/validate --out weights.json

    With --run, the ensemble becomes a run directory with all its members' weights in it: yt8m evaluate, predict, report,
    export and others take it as any run.

    Args:
        members: Run directories, directories of yt8m predict --store, or submissions, all for the same records.
            A run predicts now and keeps its predictions in its directory.
        data: Labelled records: files, directories or globs.
        out: The file to write, for yt8m ensemble --weights.
        run: A new run directory to make of the ensemble.
        runs: The runs for it, one for each member in the same order: those trained on all records, say, if the members are
            predictions of their folds.
        method: weights: the weights of a mean with the best GAP or segment MAP.
            logistic: a logistic regression on logits; its probabilities also fit the labels. Compared with that mean.
            network: that regression, and small networks that score the 40 best classes of a video once more, by what all
            members say of all of them, and by how frequent they are. For whole videos, with thousands of labelled ones.
        mean: Average probabilities (arithmetic), their logarithms (geometric), or ranks.
        segment_classes: The classes to rank, for the segment task: segment_label_ids.csv, or Kaggle's vocabulary.csv.
        calibration: Files of yt8m calibrate, each for a member that is a run.
        json: Print one JSON object.
        distribute: The devices of this machine that runs predict on.
    """
    import dataclasses

    from yt8m.commands.watching import WorkProgress
    from yt8m.predicting.ensembling import weigh as run_weighing

    assembling = _assembling(members, out, run, runs, calibration, mean if method == "weights" else method)
    learned = run_weighing(
        members,
        given_paths(data),
        out,
        method=method,
        mean=mean,
        segment_classes=segment_classes,
        calibrations=calibration,
        progress=WorkProgress(),
        distribute=distribute,
    )
    made = {"run": assembling(learned)} if assembling else {}
    if json:
        print_json(dataclasses.asdict(learned.told) | made)
    else:
        show("\n".join([reports.weighed(learned.told), *(f"written  {place}" for place in made.values())]))
    return OK


def _assembling(
    members: Sequence[str],
    out: str | None,
    run: str | None,
    runs: Sequence[str] | None,
    calibration: Sequence[str],
    combined: str,
) -> Callable[[Any], str] | None:
    """Checks what `weigh` is to make, and returns a function that makes the run of the learned weights, if one is asked for."""
    if run is None:
        if out is None:
            raise InputError(
                "nothing to write; name a file for the weights with --out, or a new run directory with --run"
            )
        if runs:
            raise InputError("--runs is for --run; name the run directory to make, or leave it out")
        return None
    if calibration:
        raise InputError(
            "--calibration: a run has none inside; calibrate the ensemble itself, with yt8m calibrate --run"
        )
    if runs and len(runs) != len(members):
        raise InputError(
            f"--runs: {len(runs)} given, {len(members)} needed; name one for each member, in the same order"
        )
    for place, each in enumerate(runs):
        if os.path.realpath(each) in map(os.path.realpath, runs[:place]):
            raise InputError(f"--runs: {each} is given twice; name the run of each member, in the same order")
    from yt8m.predicting.assembling import assemble, check_assembling

    parts = tuple(runs or members)
    config = check_assembling(run, parts, combined)
    return lambda learned: assemble(config, parts, learned)
