"""The commands that train: `train` and `submit`."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from yt8m.commands import reports
from yt8m.commands.configuring import JsonFlags, configure
from yt8m.commands.flags import print_json, shown
from yt8m.commands.places import require_new_run, require_training
from yt8m.commands.stopping import StopRequest
from yt8m.commands.streams import show
from yt8m.errors import OK, OUT_OF_TIME, USER_ERROR
from yt8m.metrics.registry import task_of
from yt8m.values import NonNegativeInt, fit_fields


def run(config: Any) -> tuple[Any, int]:
    """Trains, and handles progress and signals. Returns the result and the exit status of `train`."""
    from yt8m.commands.terminal import explain
    from yt8m.commands.watching import TrainingProgress, WorkProgress
    from yt8m.training.loop import train as run_training

    progress = TrainingProgress()
    with StopRequest(lambda: progress.started, WorkProgress()) as stop:
        try:
            result = run_training(config, progress, lambda: stop.requested)
        finally:
            progress.close()
    if result.interrupted:
        explain(
            f"stopped at step {result.step:,} of {result.num_steps:,}, which is saved in {result.run}; "
            "the same command goes on from there"
        )
        return result, USER_ERROR
    if result.outcome == "out of time":
        explain(
            f"out of time (--training.max-hours {config.training.max_hours:g}) at step {result.step:,} of "
            f"{result.num_steps:,}; all is saved in {result.run}, and the same command goes on from there"
        )
        return result, OUT_OF_TIME
    return result, OK


@dataclass(frozen=True)
class TrainFlags(JsonFlags):
    """The flags of `train` beside a configuration."""

    folds: Annotated[NonNegativeInt, shown("N", "(default: one run)")] = 0
    """Cross-validation: train N runs, each without a part of the training videos, and score what they predict for these."""

    def __post_init__(self):
        fit_fields(self, name_of=lambda name: f"--{name}")


def train(arguments: list[str]) -> int:
    """Train a model, or resume a run that was stopped."""
    flags = configure("train", arguments, TrainFlags)
    if flags is None:
        return OK
    if flags.folds:
        require_training(flags.config)
        return _train_folds(flags)
    require_new_run(flags.config)
    result, status = run(flags.config)
    if flags.json:
        print_json(dataclasses.asdict(result))
    elif status != USER_ERROR:
        show(reports.trained(result))
    return status


def _train_folds(flags: TrainFlags) -> int:
    """Trains, scores and ensembles all folds, and handles progress and signals. Returns the exit status."""
    from yt8m.commands.terminal import explain
    from yt8m.commands.watching import TrainingProgress, WorkProgress
    from yt8m.cross_validation.training import as_values, combine_folds, train_folds

    config, count = flags.config, flags.folds
    progress = TrainingProgress()
    with StopRequest(lambda: progress.started, WorkProgress()) as stop:
        try:
            done = train_folds(config, count, progress, lambda: stop.requested)
        finally:
            progress.close()
    if done.outcome == "done":
        done = combine_folds(config, done, WorkProgress())
    if flags.json:
        print_json(as_values(done))
    else:
        show(reports.cross_validated(done))
    if done.outcome == "done":
        return OK
    why = (
        f"out of time (--training.max-hours {config.training.max_hours:g})"
        if done.outcome == "out of time"
        else "stopped"
    )
    explain(
        f"{why} in fold {len(done.folds)} of {count}; all is saved in {done.run}, and the same command goes on from there"
    )
    return OUT_OF_TIME if done.outcome == "out of time" else USER_ERROR


def submit(arguments: list[str]) -> int:
    """Train, evaluate, predict the test split and validate the submission, in one command.

    Takes the arguments of `train`, but for `--folds`. The CSV goes to `submissions/` under the name of the run directory.
    """
    flags = configure("submit", arguments, JsonFlags)
    if flags is None:
        return OK
    config = flags.config
    require_new_run(config)
    out = Path("submissions") / f"{Path(config.run).name}.csv"
    if config.run:  # without a run directory, training raises the error
        from yt8m.training.splits import check_submission

        check_submission(config, out)
    result, status = run(config)
    if status == USER_ERROR:
        return status
    from yt8m import runs
    from yt8m.commands.watching import WorkProgress
    from yt8m.data.sources import expand_paths
    from yt8m.data.survey import survey
    from yt8m.predicting.prediction import predict
    from yt8m.scoring.evaluation import evaluate
    from yt8m.submission import validate

    config = runs.load_config(result.run)
    metrics = evaluate(result.run, (), WorkProgress(), distribute=config.distribute)
    prediction = predict(
        result.run,
        (),
        out,
        task="segment"
        if task_of(metrics) == "segment" and survey(expand_paths(config.data.test)).level != "video"
        else None,
        progress=WorkProgress(),
        distribute=config.distribute,
    )
    found = validate(out, config.data.num_classes)
    if found.errors:
        raise AssertionError(f"{out} is not valid: {found.errors[0]}")
    if flags.json:
        values = {"trained": result, "predicted": prediction}
        print_json({key: dataclasses.asdict(value) for key, value in values.items()} | {"validated": metrics})
        return OK
    show(
        f"trained    {config.model.name}, recipe {config.recipe}: {reports.steps_done(result)}\n"
        f"validated  {reports.scores(metrics)}\n"
        f"predicted  {reports.predicted(prediction)}: {out}, checked, ready to upload\n"
        f"kept       {result.run}/: best/ (weights), metrics.jsonl, curves.png, tensorboard/, config.json\n"
        f"next       yt8m train {config.recipe} --help    # change a hyper-parameter, give another --run, compare"
    )
    return OK
