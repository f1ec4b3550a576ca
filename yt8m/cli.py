"""The command `yt8m`: the only module that prints results or ends the process.

Every command imports what it needs when it runs, so that `--help`, `recipes` and `validate` answer within a second.
Exit status: 0; 2 for what a user can cause, with one line on stderr; 1 for a bug of ours, with its traceback.
"""

import contextlib
import json as json_module
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from yt8m import __version__
from yt8m.arguments import deferred, parse, unknown
from yt8m.errors import InputError

OK, BUG, USER_ERROR = 0, 1, 2

Positional = tyro.conf.Positional
Flag = Annotated[bool, tyro.conf.FlagCreatePairsOff]


def _print_json(values: dict[str, Any]) -> None:
    print(json_module.dumps(values))


def _print_table(rows: Sequence[tuple[str, Any]]) -> None:
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        shown = f"{value:.4f}" if isinstance(value, float) else value
        print(f"{name:<{width}}  {shown}")


def synth(
    directory: Positional[str],
    num_videos: int | None = None,
    num_classes: int | None = None,
    num_shards: int | None = None,
    seed: int = 0,
) -> int:
    """Make a sample data set in the official layout.

    Example: yt8m synth data/sample --num-videos 500

    Args:
        directory: Where; it must not exist, or be empty.
        num_videos: Videos of the train split; validate and test have a fraction of it.
        num_classes: Classes of the vocabulary.
        num_shards: Files of the train split.
        seed: The same seed makes the same bytes.
    """
    from yt8m.data.synthetic import synthesise
    from yt8m.terminal import share_progress

    sizes = {"num_videos": num_videos, "num_classes": num_classes, "num_shards": num_shards}
    given = {name: value for name, value in sizes.items() if value is not None}
    summary = synthesise(directory, seed=seed, progress=share_progress("making videos", "video"), **given)
    videos = ", ".join(f"{count} {split}" for split, count in summary["num_videos"].items())
    print(
        f"{directory}: {videos} videos at video, frame and segment level, {summary['num_classes']} classes, "
        f"{summary['num_files']} files, {summary['num_bytes'] / 1e6:.0f} MB"
    )
    return OK


def inspect(paths: Positional[tuple[str, ...]], json: Flag = False) -> int:
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
        return OK
    rows = []
    for name, value in report.items():
        if name == "corrupt_files":
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key} {round(each, 2)}" for key, each in value.items()) or "none"
        rows.append((name, "-" if value is None else value))
    _print_table([*rows, ("corrupt_files", len({problem["path"] for problem in report["corrupt_files"]}) or "none")])
    for problem in report["corrupt_files"]:
        where = problem["path"] if problem["record"] is None else f"{problem['path']}, record {problem['record']}"
        print(f"{where}: {problem['reason']}")
    return OK


def recipes(json: Flag = False) -> int:
    """List the recipes: named, complete configurations.

    Example: yt8m recipes

    Args:
        json: Print one JSON object.
    """
    from yt8m.recipes import describe, list_recipes

    if json:
        _print_json({name: describe(name) for name in list_recipes()})
    else:
        _print_table([(name, describe(name)) for name in list_recipes()])
    return OK


def models(name: Positional[str] = "", json: Flag = False, num_classes: int = 3862) -> int:
    """List the models, or one model's hyper-parameters and parameter count.

    Example: yt8m models netvlad

    Args:
        name: A model; none given lists them all.
        json: Print one JSON object.
        num_classes: Classes to count the parameters for.
    """
    from yt8m.models import ARCHITECTURES, build_model, hyperparameters_of, list_models

    if not name:
        summaries = {name: (ARCHITECTURES[name].__doc__ or "").strip().splitlines()[0] for name in list_models()}
        if json:
            _print_json(summaries)
        else:
            _print_table(list(summaries.items()))
        return OK
    defaults = {key: field.default for key, field in hyperparameters_of(name).items()}
    count = build_model(name, num_classes).count_params()
    if json:
        _print_json({"name": name, "hyperparameters": defaults, "num_parameters": count, "num_classes": num_classes})
    else:
        rows = [(key, str(value)) for key, value in defaults.items()]
        _print_table([*rows, ("parameters", f"{count:,} for {num_classes} classes")])
    return OK


class _StopRequest:
    """Turns Ctrl-C and SIGTERM into a question the training loop asks; a second Ctrl-C stops at once."""

    def __init__(self):
        self.requested = False

    def __enter__(self):
        self._before = {number: signal.signal(number, self._handle) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number, frame):
        if self.requested and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.requested = True
        print("\nstopping: saving a checkpoint first (Ctrl-C again to stop at once)", file=sys.stderr, flush=True)


def _configure(command: str, arguments: list[str]):
    """The configuration that `RECIPE [flags]` describes."""
    from yt8m import recipes as known

    names = known.list_recipes()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(f"usage: yt8m {command} RECIPE [flags]\n\nTrain a model, or go on with a run that was stopped.\n")
        print("Example: yt8m train sample --data.root data/sample --run runs/sample\n\nRecipes:")
        for name in names:
            print(f"  {name:<20} {known.describe(name)}")
        print(f"\n`yt8m {command} RECIPE --help` lists the flags and their values in that recipe.")
        return None
    name, *flags = arguments
    if name not in names:
        raise InputError(unknown("recipe", name, names))
    config = known.make_config(name)
    description = f"{known.RECIPES[name].__doc__}\n\nExample: yt8m {command} {name} --data.root DIR --run runs/{name}"
    return parse(type(config), flags, f"yt8m {command} {name}", default=config, description=description)


def _train(config) -> tuple[Any, Any]:
    """Trains with progress and signals handled; the result and the process's exit status."""
    from yt8m.terminal import TrainingProgress
    from yt8m.training.loop import train as run_training

    progress = TrainingProgress()
    with _StopRequest() as stop:
        try:
            result = run_training(config, progress, lambda: stop.requested)
        finally:
            progress.close()
    if result.interrupted:
        print(
            f"stopped at step {result.step} of {config.training.num_steps}, which is saved in {result.run}; "
            "the same command goes on from there",
            file=sys.stderr,
        )
        return result, USER_ERROR
    return result, OK


def _score_line(metrics: dict[str, Any]) -> str:
    if "segment_map" in metrics:
        return f"segment MAP {metrics['segment_map']:.4f} on {metrics['num_segments']} rated segments"
    return (
        f"GAP {metrics['gap']:.4f}, MAP {metrics['map']:.4f}, Hit@1 {metrics['hit_at_1']:.4f}, "
        f"PERR {metrics['perr']:.4f} on {metrics['num_videos']} videos"
    )


def train(arguments: list[str]) -> int:
    """Train a model, or go on with a run that was stopped."""
    config = _configure("train", arguments)
    if config is None:
        return OK
    result, status = _train(config)
    if status == OK:
        best = result.best_metrics or {}
        scores = "gap" in best or "segment_map" in best
        best_text = f"best validation at step {best['step']}: {_score_line(best)}" if scores else "no validation split"
        print(f"{result.run}: {result.step} steps in {result.seconds:.0f} s; {best_text}")
    return status


def evaluate(run: str, data: tuple[str, ...] = (), json: Flag = False) -> int:
    """Score a run's best model on labelled records.

    Example: yt8m evaluate --run runs/sample --data data/sample/2/frame/validate

    Args:
        run: The run directory.
        data: Files, directories or globs; none given takes the run's validation split.
        json: Print one JSON object.
    """
    from yt8m.evaluation import evaluate as run_evaluation
    from yt8m.terminal import count_progress

    metrics = run_evaluation(run, data, count_progress("evaluating", "video"))
    if json:
        _print_json(metrics)
    else:
        _print_table(list(metrics.items()))
    return OK


def predict(
    run: str,
    out: str,
    data: tuple[str, ...] = (),
    task: Literal["video", "segment"] | None = None,
    top_k: int = 20,
    max_segments: int = 100_000,
    segment_classes: str | None = None,
) -> int:
    """Write a run's predictions as a submission.

    Example: yt8m predict --run runs/sample --data data/sample/2/frame/test --out submissions/sample.csv

    Args:
        run: The run directory.
        out: The CSV file to write.
        data: Files, directories or globs; none given takes the run's test split.
        task: None takes segment for records with rated segments, else video.
        top_k: Predictions a video.
        max_segments: Segments a class, at most.
        segment_classes: A segment_label_ids.csv; none given takes the one at the root of the data set, else all classes.
    """
    from yt8m.prediction import predict as run_prediction
    from yt8m.terminal import count_progress

    prediction = run_prediction(
        run,
        data,
        out,
        task=task,
        top_k=top_k,
        max_segments=max_segments,
        segment_classes=segment_classes,
        progress=count_progress("predicting", "video"),
    )
    unit = "videos" if prediction.task == "video" else "segments"
    print(f"{prediction.path}: {prediction.num_videos} {unit}, {prediction.task} task")
    return OK


def validate(
    file: Positional[str],
    num_classes: int = 3862,
    segment_classes: str | None = None,
    max_segments: int = 100_000,
    json: Flag = False,
) -> int:
    """Check a submission as the leaderboard would.

    Example: yt8m validate submissions/sample.csv

    Args:
        file: The CSV file.
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
    elif found.errors:
        for error in found.errors:
            print(f"{file}: {error}", file=sys.stderr)
    else:
        print(f"{file}: valid; {found.task} task, {found.num_rows} rows, {found.num_entries} entries")
    return USER_ERROR if found.errors else OK


def score(file: Positional[str], data: tuple[str, ...], num_classes: int | None = None, json: Flag = False) -> int:
    """Score a submission against labelled records.

    Example: yt8m score submissions/validate.csv --data data/sample/2/frame/validate

    Args:
        file: The CSV file.
        data: Files, directories or globs with labels.
        num_classes: Classes of the vocabulary; none given takes 4716, which holds those of every year.
        json: Print one JSON object.
    """
    from yt8m.scoring import score as run_score

    metrics = run_score(file, data, num_classes)
    if json:
        _print_json(metrics)
    else:
        _print_table(list(metrics.items()))
    return OK


def submit(arguments: list[str]) -> int:
    """Train, evaluate, predict the test split and validate the submission, in one go.

    Arguments as `train`'s; the CSV goes to `submissions/`, named as the run directory.
    """
    config = _configure("submit", arguments)
    if config is None:
        return OK
    result, status = _train(config)
    if status != OK:
        return status
    from yt8m import runs
    from yt8m.evaluation import evaluate as run_evaluation
    from yt8m.prediction import predict as run_prediction
    from yt8m.submission import validate as check
    from yt8m.terminal import count_progress

    config = runs.load_config(result.run)
    metrics = run_evaluation(result.run, (), count_progress("evaluating", "video"))
    out = Path("submissions") / f"{Path(result.run).name}.csv"
    out.parent.mkdir(exist_ok=True)
    prediction = run_prediction(result.run, (), out, progress=count_progress("predicting", "video"))
    found = check(out, config.data.num_classes)
    if found.errors:
        raise AssertionError(f"{out} is not valid: {found.errors[0]}")
    unit = "videos" if prediction.task == "video" else "segments"
    print(f"trained    {config.model.name}, recipe {config.recipe}: {result.step} steps in {result.seconds:.0f} s")
    print(f"validated  {_score_line(metrics)}")
    print(f"predicted  {prediction.num_videos} {unit}: {out}, checked, ready to upload")
    print(f"kept       {result.run}/: best/ (weights), metrics.jsonl, curves.png, tensorboard/, config.json")
    print(f"next       yt8m train {config.recipe} --help    # change a hyper-parameter, give another --run, compare")
    return OK


_COMMANDS: dict[str, Callable[..., int]] = {
    "synth": synth,
    "inspect": inspect,
    "recipes": recipes,
    "models": models,
    "train": train,
    "evaluate": evaluate,
    "predict": predict,
    "validate": validate,
    "score": score,
    "submit": submit,
}
_TAKES_A_RECIPE = ("train", "submit")
_NEEDS_NO_TENSORFLOW = ("recipes", "validate")


def _help() -> None:
    print("usage: yt8m COMMAND ...\n\nTrain, evaluate and submit on YouTube-8M and features in its format.\n")
    for name, function in _COMMANDS.items():
        print(f"  {name:<10} {(function.__doc__ or '').splitlines()[0]}")
    print("\n`yt8m COMMAND --help` has an example and the flags. --verbose shows TensorFlow's log. --version.")
    print("Start here: make submit, or yt8m synth data/sample")


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        _help()
        return OK
    if arguments[0] == "--version":
        print(f"yt8m {__version__}")
        return OK
    name, *rest = arguments
    if name not in _COMMANDS:
        raise InputError(unknown("command", name, list(_COMMANDS)))
    wants_help = any(argument in ("-h", "--help") for argument in rest)
    if name not in _NEEDS_NO_TENSORFLOW and not wants_help and "--verbose" not in rest:
        from yt8m.terminal import silence_tensorflow

        silence_tensorflow()
    rest = [argument for argument in rest if argument != "--verbose"]
    command = _COMMANDS[name]
    if name in _TAKES_A_RECIPE:
        return command(rest)
    call = parse(deferred(command), rest, f"yt8m {name}")
    return OK if call is None else call()


def _interrupt(number, frame):
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and ends the process with its exit status."""
    signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C: half-written files are removed on the way out
    try:
        status = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except InputError as error:
        print(f"yt8m: {error}", file=sys.stderr)
        status = USER_ERROR
    except BrokenPipeError:  # `yt8m recipes | head -1`
        sys.stdout = None
        status = OK
    except OSError as error:
        print(f"yt8m: {error.filename or 'writing'}: {error.strerror or error}", file=sys.stderr)
        status = USER_ERROR
    except KeyboardInterrupt:
        print("yt8m: stopped", file=sys.stderr)
        status = USER_ERROR
    except Exception:
        traceback.print_exc()
        print("yt8m: this is a bug of ours; please report it with the lines above", file=sys.stderr)
        status = BUG
    _leave(status)


def _leave(status: int) -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    if "tensorflow_io" in sys.modules:
        # Its S3 client aborts the interpreter when that shuts down, so the interpreter does not.
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
