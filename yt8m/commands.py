"""The commands that take flags alone. `yt8m.recipe_commands` has those that take a recipe.

Every command imports what it needs when it runs, so that `--help`, `recipes` and `validate` answer within a second.
A command prints its result and returns the exit status.
"""

import json as json_module
import sys
from collections.abc import Callable
from typing import Annotated, Any, Literal

import tyro

from yt8m import reports
from yt8m.data.schema import DEFAULT_NUM_CLASSES, LARGEST_NUM_CLASSES
from yt8m.errors import InputError
from yt8m.streams import show
from yt8m.submission_options import SubmissionOptions
from yt8m.values import NonNegativeInt, PositiveInt

OK, BUG, USER_ERROR = 0, 1, 2


def _shown(metavar: str, hint: str = "") -> Any:
    """How help shows a value, and what it says instead of a default that says nothing."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=hint) if hint else tyro.conf.arg(metavar=metavar)


Run = Annotated[str, _shown("DIR")]
Json = Annotated[bool, tyro.conf.FlagCreatePairsOff, tyro.conf.arg(help_behavior_hint=lambda default: "")]
File = Annotated[str, tyro.conf.Positional, _shown("PATH")]
SegmentClasses = Annotated[
    str | None, _shown("PATH", "(default: the one at the root of the data set; without one, all classes)")
]
Classes = Annotated[str | None, _shown("DIR", "(default: neither file)")]
Vocabulary = Annotated[str | None, _shown("PATH", "(default: the one at the root of the data set, if there is one)")]
_PATHS = "PATH [PATH ...]"


def _print_json(values: dict[str, Any]) -> None:
    show(json_module.dumps(values))


def _show_metrics(metrics: dict[str, Any], classes: list[Any], json: bool) -> None:
    """Prints metrics, and below them the best and worst classes of a report, if there is one."""
    if json:
        _print_json(metrics)
        return
    show(reports.table(list(metrics.items())))
    if classes:
        show(reports.best_and_worst(classes))


def _paths(given: tuple[str, ...] | None) -> tuple[str, ...]:
    if given is not None and not given:
        raise InputError("--data is followed by no path; name files, directories or globs")
    return given or ()


def synth(
    directory: Annotated[str, tyro.conf.Positional, _shown("DIR")],
    num_videos: PositiveInt = 2000,
    num_classes: PositiveInt = 60,
    num_shards: PositiveInt = 8,
    seed: NonNegativeInt = 0,
) -> int:
    """Make a sample data set in the official layout.

    Example: yt8m synth data/sample --num-videos 500

    Args:
        directory: Where to; made if it does not exist, else it must be empty.
        num_videos: Videos of the train split; validate and test have a fifth of that each.
        num_classes: Classes of the vocabulary.
        num_shards: Files a split.
        seed: The same seed makes the same bytes.
    """
    from yt8m.data.synthetic import synthesise
    from yt8m.terminal import share_progress

    progress = share_progress("making videos", "video")
    summary = synthesise(directory, num_videos, num_classes, num_shards, seed, progress)
    show(reports.synthesised(directory, summary))
    return OK


def inspect(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional, _shown(_PATHS, "(required)")], json: Json = False
) -> int:
    """Say what record files hold, and which records cannot be read.

    Example: yt8m inspect data/sample/2/frame/train --json

    Args:
        paths: Files, directories or globs.
        json: Print one JSON object.
    """
    from yt8m.data import inspection
    from yt8m.data.sources import expand_paths

    report = inspection.inspect(expand_paths(paths))
    if json:
        _print_json(report)
    else:
        show(reports.inspected(report))
    return OK


def recipes(json: Json = False) -> int:
    """List the recipes: named, complete configurations.

    Example: yt8m recipes

    Args:
        json: Print one JSON object.
    """
    from yt8m.recipes import describe, list_recipes

    descriptions = {name: describe(name) for name in list_recipes()}
    if json:
        _print_json(descriptions)
    else:
        show(reports.table(list(descriptions.items())))
    return OK


def models(
    name: Annotated[str, tyro.conf.Positional, _shown("[MODEL]", "(default: list them all)")] = "",
    json: Json = False,
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
) -> int:
    """List the models, or one model's hyper-parameters and parameter count.

    Example: yt8m models netvlad

    Args:
        name: One of the models.
        json: Print one JSON object.
        num_classes: Classes to count the parameters for.
    """
    from yt8m.models import ARCHITECTURES, build_model, hyperparameters_of, list_models

    if not name:
        summaries = {name: (ARCHITECTURES[name].__doc__ or "").strip().splitlines()[0] for name in list_models()}
        if json:
            _print_json(summaries)
        else:
            show(reports.table(list(summaries.items())))
        return OK
    defaults = {key: field.default for key, field in hyperparameters_of(name).items()}
    count = build_model(name, num_classes).count_params()
    if json:
        _print_json({"name": name, "hyperparameters": defaults, "num_parameters": count, "num_classes": num_classes})
    else:
        rows = [(key, str(value)) for key, value in defaults.items()]
        show(reports.table([*rows, ("parameters", f"{count:,} for {num_classes} classes")]))
    return OK


def evaluate(
    run: Run,
    data: Annotated[tuple[str, ...] | None, _shown(_PATHS, "(default: the run's validation split)")] = None,
    classes: Classes = None,
    vocabulary: Vocabulary = None,
    json: Json = False,
) -> int:
    """Score a run's best model on labelled records.

    Example: yt8m evaluate --run runs/sample --data data/sample/2/frame/validate

    Args:
        run: The run directory, made by yt8m train.
        data: Files, directories or globs.
        classes: A directory for classes.csv and classes.png, the average precision of every class.
        vocabulary: A vocabulary.csv, whose names of the classes --classes then shows.
        json: Print one JSON object.
    """
    from yt8m.evaluation import evaluate as run_evaluation
    from yt8m.terminal import count_progress, say

    rows: list[Any] = []
    files = {"classes": classes, "vocabulary": vocabulary, "tell_classes": rows.extend}
    metrics = run_evaluation(run, _paths(data), count_progress("evaluating", "video"), say, **files)
    _show_metrics(metrics, rows, json)
    return OK


Submission = Annotated[SubmissionOptions, tyro.conf.OmitArgPrefixes]
_DEFAULT_SUBMISSION = SubmissionOptions()


def predict(
    run: Annotated[tuple[str, ...], _shown("DIR [DIR ...]", "(required)")],
    out: Annotated[str | None, _shown("PATH", "(required, unless --store is given)")] = None,
    data: Annotated[
        tuple[str, ...] | None, _shown(_PATHS, "(default: the run's test split; of folds, their training records)")
    ] = None,
    task: Annotated[
        Literal["video", "segment"] | None,
        _shown("{video,segment}", "(default: segment for records with rated segments, else video)"),
    ] = None,
    segment_classes: SegmentClasses = None,
    store: Annotated[str | None, _shown("DIR", "(default: predictions are not kept)")] = None,
    store_top_k: NonNegativeInt = 100,
    submission: Submission = _DEFAULT_SUBMISSION,
) -> int:
    """Write a run's predictions as a submission.

    Example: yt8m predict --run runs/sample --data data/sample/2/frame/test --out submissions/sample.csv

    Stopped, the same command goes on where it stood.

    Args:
        run: The run directory, made by yt8m train; or those of all folds, each of which predicts the videos that it left
            out.
        out: The CSV file to write.
        data: Files, directories or globs.
        task: What the submission is for.
        segment_classes: A segment_label_ids.csv, whose classes are ranked; for the segment task.
        store: A directory to keep the predictions in, for yt8m ensemble and yt8m score.
        store_top_k: Classes kept there of a video, the surest; 0 = all. Of a segment, all that are ranked.
    """
    from yt8m.prediction import predict as run_prediction
    from yt8m.terminal import count_progress, say

    prediction = run_prediction(
        run,
        _paths(data),
        out,
        task=task,
        segment_classes=segment_classes,
        stored=store,
        stored_top_k=store_top_k,
        options=submission,
        progress=count_progress("predicting", "video"),
        tell=say,
    )
    show(f"{prediction.path}: {reports.predicted(prediction)}, {prediction.task} task")
    return OK


def ensemble(
    members: Annotated[tuple[str, ...], tyro.conf.Positional, _shown("DIR [DIR ...]", "(required)")],
    out: Annotated[str | None, _shown("PATH", "(required, unless --store is given)")] = None,
    data: Annotated[tuple[str, ...] | None, _shown(_PATHS, "(default: none)")] = None,
    mean: Annotated[
        Literal["arithmetic", "geometric", "rank"] | None,
        _shown("{arithmetic,geometric,rank}", "(default: what the weights were learned for, else geometric)"),
    ] = None,
    weights: Annotated[tuple[str, ...], _shown("W [W ...]|FILE", "(default: equal ones)")] = (),
    segment_classes: SegmentClasses = None,
    store: Annotated[str | None, _shown("DIR", "(default: the mean is not kept)")] = None,
    submission: Submission = _DEFAULT_SUBMISSION,
) -> int:
    """Write the mean of several runs or stored predictions as a submission.

    Example: yt8m ensemble runs/a runs/b --data data/sample/2/frame/test --out submissions/both.csv

    Args:
        members: Run directories, whose predictions are made and kept in them, or directories of yt8m predict --store.
        out: The CSV file to write.
        data: Files, directories or globs, for runs.
        mean: Of probabilities, of their logarithms, or of ranks.
        weights: One number a member, or a file that yt8m weigh wrote.
        segment_classes: A segment_label_ids.csv, whose classes are ranked; for the segment task.
        store: A directory to keep the mean in, as predictions.
    """
    from yt8m.ensembling import ensemble as run_ensemble
    from yt8m.terminal import count_progress, say

    prediction = run_ensemble(
        members,
        out,
        data=_paths(data),
        mean=mean,
        weights=_weights(weights),
        segment_classes=segment_classes,
        stored=store,
        options=submission,
        progress=count_progress("predicting", "video"),
        tell=say,
    )
    show(f"{prediction.path}: {reports.predicted(prediction)}, mean of {len(members)}, {prediction.task} task")
    return OK


def _weights(given: tuple[str, ...]) -> list[float] | str | None:
    """Numbers, or the name of a file."""
    try:
        return [float(weight) for weight in given] or None
    except ValueError:
        if len(given) == 1:
            return given[0]
        raise InputError(f"--weights {' '.join(given)}: give one number a member, or one file of yt8m weigh") from None


def weigh(
    members: Annotated[tuple[str, ...], tyro.conf.Positional, _shown("DIR [DIR ...]", "(required)")],
    data: Annotated[tuple[str, ...], _shown(_PATHS)],
    out: Annotated[str, _shown("PATH")],
    mean: Literal["arithmetic", "geometric", "rank"] = "geometric",
    segment_classes: SegmentClasses = None,
    json: Json = False,
) -> int:
    """Learn the weights of an ensemble on labelled records that its members did not train on.

    Example: yt8m weigh runs/a runs/b --data data/sample/2/frame/validate --out weights.json

    Args:
        members: Run directories, whose predictions are made and kept in them, or directories of yt8m predict --store.
        data: Files, directories or globs, with labels.
        out: The file to write, for yt8m ensemble --weights.
        mean: Of probabilities, of their logarithms, or of ranks.
        segment_classes: A segment_label_ids.csv, whose classes are ranked; for the segment task.
        json: Print one JSON object.
    """
    import dataclasses

    from yt8m.ensembling import weigh as run_weighing
    from yt8m.terminal import count_progress, say

    learned = run_weighing(
        members,
        _paths(data),
        out,
        mean=mean,
        segment_classes=segment_classes,
        progress=count_progress("predicting", "video"),
        tell=say,
    )
    if json:
        _print_json(dataclasses.asdict(learned))
    else:
        show(reports.weighed(learned))
    return OK


def validate(
    file: File,
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
    segment_classes: Annotated[str | None, _shown("PATH", "(default: all classes may be ranked)")] = None,
    max_segments: PositiveInt = 100_000,
    json: Json = False,
) -> int:
    """Check a submission as the leaderboard would.

    Example: yt8m validate submissions/sample.csv

    Args:
        file: The CSV file; its header tells the task.
        num_classes: Classes of the vocabulary; 4716 for 2017.
        segment_classes: A segment_label_ids.csv, whose classes are then the only ones allowed.
        max_segments: Segments a class, at most.
        json: Print one JSON object.
    """
    from yt8m.submission import validate as check

    found = check(file, num_classes, segment_classes, max_segments)
    if json:
        keys = ("task", "num_rows", "num_entries", "errors")
        _print_json({key: getattr(found, key) for key in keys})
    elif not found.errors:
        show(f"{file}: valid; {found.task} task, {found.num_rows} rows, {found.num_entries} entries")
    for problem in [*([] if json else found.errors), *(f"warning: {each}" for each in found.warnings)]:
        print(f"{file}: {problem}", file=sys.stderr)
    return USER_ERROR if found.errors else OK


def score(
    file: File,
    data: Annotated[tuple[str, ...], _shown(_PATHS)],
    num_classes: PositiveInt = LARGEST_NUM_CLASSES,
    classes: Classes = None,
    vocabulary: Vocabulary = None,
    json: Json = False,
) -> int:
    """Score a submission against labelled records.

    Example: yt8m score submissions/validate.csv --data data/sample/2/frame/validate

    Args:
        file: The CSV file; its header tells the task.
        data: Files, directories or globs, with labels.
        num_classes: Classes of the vocabulary; 4716 holds those of every year.
        classes: A directory for classes.csv and classes.png, the average precision of every class.
        vocabulary: A vocabulary.csv, whose names of the classes --classes then shows.
        json: Print one JSON object.
    """
    from yt8m.scoring import score as run_score
    from yt8m.terminal import say

    rows: list[Any] = []
    files = {"classes": classes, "vocabulary": vocabulary, "tell_classes": rows.extend}
    metrics = run_score(file, _paths(data), num_classes, say, **files)
    _show_metrics(metrics, rows, json)
    return OK


def average(
    runs: Annotated[tuple[str, ...], tyro.conf.Positional, _shown("RUN [RUN ...]", "(required)")],
    out: Annotated[str, _shown("DIR")],
    last: Annotated[NonNegativeInt, _shown("N", "(default: the best weights of each run)")] = 0,
    best: Annotated[NonNegativeInt, _shown("N", "(default: the best weights of each run)")] = 0,
    json: Json = False,
) -> int:
    """Average the weights of a run's checkpoints, or of several runs, into a new run.

    Example: yt8m average runs/sample --last 2 --out runs/sample_averaged

    Args:
        runs: Run directories of one configuration.
        out: The new run directory.
        last: Checkpoints of each run to average, the newest ones.
        best: Checkpoints of each run to average, those that validated best.
        json: Print one JSON object.
    """
    from yt8m.training.averaging import average as run_average

    result = run_average(runs, out, last, best)
    if json:
        _print_json({"run": result.run, "averaged": result.averaged, "metrics": result.metrics})
    else:
        text = reports.scores(result.metrics) if result.metrics else "no validation split to score it on"
        show(f"{result.run}: the mean of {len(result.averaged)} sets of weights; {text}")
    return OK


COMMANDS: dict[str, Callable[..., int]] = {
    command.__name__: command
    for command in (synth, inspect, recipes, models, evaluate, average, predict, ensemble, weigh, validate, score)
}
