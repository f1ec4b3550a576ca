"""The commands that score and check: `evaluate`, `report`, `calibrate`, `validate`, `upload` and `score`."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

from yt8m.cluster.options import LOCAL, BeamOptions, Engine
from yt8m.commands import reports
from yt8m.commands.engines import elsewhere_of, runs_here
from yt8m.commands.flags import (
    PATHS,
    Classes,
    File,
    Json,
    OptionalText,
    Run,
    Vocabulary,
    given_paths,
    print_json,
    show_metrics,
    shown,
)
from yt8m.commands.places import require_files, require_run
from yt8m.commands.streams import show
from yt8m.config import DEFAULT_DISTRIBUTE, DistributeConfig
from yt8m.data.schema import DEFAULT_NUM_CLASSES, LARGEST_NUM_CLASSES
from yt8m.errors import OK, USER_ERROR, quantity
from yt8m.runs.unlike import is_run
from yt8m.values import NonNegativeInt, PositiveInt


def evaluate(
    run: Run,
    data: Annotated[tuple[str, ...] | None, shown(PATHS, "(default: the run's validation split)")] = None,
    classes: Classes = None,
    vocabulary: Vocabulary = None,
    calibration: Annotated[OptionalText, shown("FILE", "(default: probabilities as the model gives them)")] = None,
    labels: Annotated[
        OptionalText, shown("FILE.csv", "(default: that of training, or the labels in the records)")
    ] = None,
    engine: Engine = "local",
    beam: BeamOptions = LOCAL,
    json: Json = False,
    distribute: DistributeConfig = DEFAULT_DISTRIBUTE,
) -> int:
    """Score a run's best model on labelled records.

    Example: yt8m evaluate --run runs/sample --data data/sample/2/frame/validate

    Args:
        run: The run directory, made by yt8m train. --run may be left out, if it comes first.
        data: Labelled records: files, directories or globs.
        classes: A directory for classes.csv and classes.png, with the average precision of every class.
        vocabulary: A vocabulary.csv with the names of the classes, for --classes.
        calibration: A file of yt8m calibrate, for this run.
        labels: The labels of the videos, as --data.labels of training takes them.
        engine: local: this machine's devices. beam: Apache Beam, on a cluster if --beam.runner names one.
        json: Print one JSON object.
        distribute: The devices to compute on.
    """
    from yt8m.commands.terminal import say
    from yt8m.commands.watching import WorkProgress

    elsewhere = elsewhere_of(engine, beam, distribute)
    (run,) = runs_here([run], elsewhere)
    require_run(run, given_paths(data))
    require_files(vocabulary, labels, calibrations=[calibration] if calibration else [])
    from yt8m.scoring.evaluation import evaluate as run_evaluation

    files = {"classes": classes, "vocabulary": vocabulary, "calibration": calibration, "labels": labels}
    per_class = classes is not None
    where = {"distribute": distribute, "elsewhere": elsewhere}
    found = run_evaluation(run, given_paths(data), WorkProgress(), per_class=per_class, **where, **files)
    show_metrics(found, json)
    if classes:
        say(f"written  {classes}/classes.csv, {classes}/classes.png")
    return OK


def report(
    runs: Annotated[tuple[str, ...], tyro.conf.Positional, shown("RUN [RUN ...]", "(required)")],
    out: Annotated[str | None, shown("PATH", "(default: report.html in the first directory)")] = None,
    data: Annotated[tuple[str, ...] | None, shown(PATHS, "(default: each run's validation split)")] = None,
    vocabulary: Vocabulary = None,
    browse: Annotated[OptionalText, shown("FILE.html", "(default: only links to YouTube, of known videos)")] = None,
    json: Json = False,
    distribute: DistributeConfig = DEFAULT_DISTRIBUTE,
) -> int:
    """Write a page about one run, or about several side by side: curves, metrics, classes, examples.

    Example: yt8m report runs/sample runs/other --out report.html

    Args:
        runs: Run directories, made by yt8m train, or directories of runs.
        out: The HTML file to write. It needs no other file.
        data: Labelled records to score every run on: files, directories or globs.
        vocabulary: A vocabulary.csv with the names of the classes.
        browse: A page of yt8m browse, which the example videos that it has link to.
        json: Print one JSON object.
        distribute: The devices to compute on.
    """
    from yt8m.commands.watching import WorkProgress

    for run in runs:
        if not os.path.isdir(run) or is_run(Path(run)):  # others may hold runs
            require_run(run, given_paths(data))
    require_files(vocabulary)
    from yt8m.views.report.building import report as run_report

    made = run_report(
        runs,
        given_paths(data),
        out,
        WorkProgress(),
        vocabulary=vocabulary,
        browse=browse,
        distribute=distribute,
    )
    if json:
        print_json({"path": made.path, "runs": [{"run": each.name, "metrics": each.metrics} for each in made.results]})
        return OK
    for result in made.results:
        show(f"{result.name}: {reports.scores(result.metrics)}")
    show(f"{made.path}: {quantity(len(made.results), 'run')}; open it in a browser")
    return OK


def calibrate(
    run: Run,
    data: Annotated[tuple[str, ...] | None, shown(PATHS, "(default: the run's validation split)")] = None,
    out: Annotated[OptionalText, shown("PATH", "(default: calibration.json in the run directory)")] = None,
    method: Literal["isotonic", "platt"] = "isotonic",
    per_class: Annotated[NonNegativeInt, shown("N")] = 0,
    seed: NonNegativeInt = 0,
    json: Json = False,
    distribute: DistributeConfig = DEFAULT_DISTRIBUTE,
) -> int:
    """Fit a run's probabilities to labels that it did not learn from.

    Example: yt8m calibrate --run runs/sample --method platt

    The run itself stays as it is. To use the file, give it as --calibration to evaluate, predict, ensemble or weigh.

    Args:
        run: The run directory, made by yt8m train.
        data: Labelled records: files, directories or globs.
        out: The file to write.
        method: isotonic: fit any increasing function. platt: fit a factor and an offset for the logit.
        per_class: Fit a separate function for each class with at least N positives; 0 = all classes share one.
        seed: Splits the videos into two halves. Each is measured with functions fitted on the other.
        json: Print one JSON object.
        distribute: The devices to compute on.
    """
    import dataclasses

    from yt8m.commands.terminal import say
    from yt8m.commands.watching import WorkProgress

    require_run(run, given_paths(data))
    from yt8m.scoring.calibrating import calibrate as run_calibration

    made = run_calibration(
        run,
        given_paths(data),
        out,
        method=method,
        per_class=per_class,
        seed=seed,
        progress=WorkProgress(),
        distribute=distribute,
    )
    if json:
        print_json(dataclasses.asdict(made))
    else:
        show(reports.calibrated(made))
        say(f"written  {made.path}")
    return OK


def validate(
    file: File,
    num_classes: PositiveInt = DEFAULT_NUM_CLASSES,
    segment_classes: Annotated[str | None, shown("PATH", "(default: all classes may be ranked)")] = None,
    max_segments: PositiveInt = 100_000,
    json: Json = False,
) -> int:
    """Check a submission as the leaderboard would.

    Example: yt8m validate submissions/sample.csv

    Args:
        file: The CSV file. Its header determines the task.
        num_classes: Number of classes in the vocabulary; 4716 for 2017.
        segment_classes: Allow only the classes in this list: segment_label_ids.csv, or Kaggle's vocabulary.csv.
        max_segments: Largest number of segments per class.
        json: Print one JSON object.
    """
    from yt8m.commands.terminal import say
    from yt8m.submission import validate as check

    found = check(file, num_classes, segment_classes, max_segments)
    if json:
        keys = ("task", "num_rows", "num_entries", "errors", "remarks")
        print_json({key: getattr(found, key) for key in keys})
    elif not found.errors:
        show(
            f"{file}: valid; {found.task} task, {quantity(found.num_rows, 'row')}, {quantity(found.num_entries, 'entry')}"
        )
    for problem in [] if json else found.errors:
        print(f"{file}: {problem}", file=sys.stderr)
    for remark in found.remarks:
        say(f"{file}: remark: {remark}")
    return USER_ERROR if found.errors else OK


def upload(
    file: File,
    competition: Annotated[str, shown("NAME")],
    message: Annotated[str | None, shown("TEXT", "(default: the file's name)")] = None,
    wait: NonNegativeInt = 600,
    num_classes: Annotated[PositiveInt | None, shown("INT", "(default: the competition's)")] = None,
    segment_classes: Annotated[str | None, shown("PATH", "(default: all classes may be ranked)")] = None,
    max_segments: PositiveInt = 100_000,
    json: Json = False,
) -> int:
    """Check a submission, upload it to Kaggle and wait for its score.

    Example: yt8m upload submissions/segments.csv --competition youtube8m-2019

    Args:
        file: The CSV file.
        competition: The competition's name on Kaggle: youtube8m (2017), youtube8m-2018 or youtube8m-2019.
        message: The description that Kaggle lists beside the submission.
        wait: Seconds to wait for the score; 0 = do not wait.
        num_classes: Number of classes in the vocabulary.
        segment_classes: Allow only the classes in this list: segment_label_ids.csv, or Kaggle's vocabulary.csv.
        max_segments: Largest number of segments per class.
        json: Print one JSON object.
    """
    from yt8m.commands.terminal import has_bars, say
    from yt8m.commands.watching import WorkProgress
    from yt8m.submission.leaderboard import Leaderboard
    from yt8m.submission.upload import check_for
    from yt8m.submission.upload import upload as run_upload

    leaderboard = Leaderboard(competition)  # refuses a bad token before a large file is read
    found = check_for(file, competition, num_classes, segment_classes, max_segments)
    for remark in found.remarks:
        say(f"{file}: remark: {remark}")
    say(f"{file}: valid; {found.task} task, {quantity(found.num_rows, 'row')}, {quantity(found.num_entries, 'entry')}")
    uploaded = run_upload(file, leaderboard, message, wait, WorkProgress(), show_progress=has_bars())
    if json:
        print_json(reports.upload_values(uploaded))
    else:
        show(reports.upload(uploaded))
    return OK


def score(
    file: File,
    data: Annotated[tuple[str, ...], shown(PATHS)],
    num_classes: PositiveInt = LARGEST_NUM_CLASSES,
    classes: Classes = None,
    vocabulary: Vocabulary = None,
    json: Json = False,
) -> int:
    """Score a submission, or stored predictions, against labelled records.

    Example: yt8m score submissions/validate.csv --data data/sample/2/frame/validate

    Args:
        file: The CSV file, or a directory of yt8m predict --store. The header of a CSV determines the task.
        data: Labelled records: files, directories or globs.
        num_classes: Number of classes in a CSV's vocabulary; 4716 suits every year. Stored predictions have their own.
        classes: A directory for classes.csv and classes.png, with the average precision of every class.
        vocabulary: A vocabulary.csv with the names of the classes, for --classes.
        json: Print one JSON object.
    """
    from yt8m.commands.watching import WorkProgress
    from yt8m.predicting.scoring import score as run_score

    files = {"classes": classes, "vocabulary": vocabulary}
    per_class = classes is not None
    found = run_score(file, given_paths(data), num_classes, WorkProgress(), per_class=per_class, **files)
    show_metrics(found, json)
    return OK
