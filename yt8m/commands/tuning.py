"""The command `tune`."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import tyro

from yt8m.commands import reports
from yt8m.commands.configuring import configure
from yt8m.commands.flags import Json, print_json, shown
from yt8m.commands.places import require_training
from yt8m.commands.stopping import StopRequest
from yt8m.commands.streams import show
from yt8m.config import RunConfig
from yt8m.errors import OK, USER_ERROR, InputError, quantity
from yt8m.metrics.registry import primary
from yt8m.values import PositiveInt, Seed, fit_fields


@dataclass(frozen=True)
class TuneFlags:
    """The flags of `tune` beside a configuration."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    space: Annotated[str, shown("FILE", "(required)")] = ""
    """A JSON file with flags and the values to choose from; see docs/tuning.md."""
    trials: PositiveInt = 20
    """Number of trials in all, including earlier starts of the same study."""
    jobs: Annotated[PositiveInt | Literal["auto"], shown("N|auto")] = "auto"
    """Number of trials at a time. auto: as many as cores, memory, accelerators and the measured input allow."""
    seed: Seed = 0
    """Seed of the search. --training.seed is the seed of each trial."""
    prune: bool = True
    """Stop a trial if its best validation is below the median of the other trials' at that step."""
    json: Json = False
    """Print one JSON object."""

    def __post_init__(self):
        fit_fields(self, name_of=lambda name: f"--{name}")


def tune(arguments: list[str]) -> int:
    """Search for better hyper-parameters: many runs of a recipe, chosen and pruned by Optuna.

    Takes the arguments of `train`, and `--space FILE` and `--trials N`. `--run` is the directory of the whole study. If it is
    stopped or killed, the same command resumes it.
    """
    flags = configure("tune", arguments, TuneFlags)
    if flags is None:
        return OK
    from yt8m.commands.terminal import explain
    from yt8m.commands.trial_table import TuningProgress
    from yt8m.commands.watching import WorkProgress
    from yt8m.tuning.tuning import tune as run_tuning

    task = _tuning_task(flags)
    progress = TuningProgress(task)
    with StopRequest(lambda: progress.started, WorkProgress()) as stop:
        try:
            tuned = run_tuning(task, progress, lambda: stop.requested)
        finally:
            progress.close()
    if flags.json:
        print_json(reports.tuned_values(tuned))
    else:
        show(reports.tuned(tuned))
    if tuned.interrupted:
        num_ended = len(tuned.trials) - tuned.count("running")
        explain(
            f"stopped when {num_ended} of {quantity(flags.trials, 'trial')} had ended; the same command goes on with the others"
        )
        return USER_ERROR
    if tuned.trials and tuned.count("failed") == len(tuned.trials):
        explain(f"{flags.config.run}: no trial succeeded; trials/ there has their logs")
        return USER_ERROR
    return OK


def _tuning_task(flags: TuneFlags) -> Any:
    """Builds the task of tuning. Finds every mistake that can be found before a trial runs."""
    from yt8m import recipes
    from yt8m.distribution import cluster
    from yt8m.tuning.space import read_space

    config = flags.config
    if not flags.space:
        raise InputError("--space FILE is missing: a JSON file with the flags to search over (see docs/tuning.md)")
    dimensions = read_space(flags.space, config)
    if cluster.from_environment():
        raise InputError(
            "TF_CONFIG or Slurm names several workers; yt8m tune is for one machine, which it shares out itself"
        )
    require_training(config)
    from yt8m.commands.watching import WorkProgress
    from yt8m.training.preparation import resolve
    from yt8m.tuning.jobs import leave_accelerators_alone, list_accelerators
    from yt8m.tuning.task import Task

    leave_accelerators_alone()
    # The trials themselves deal with broken records.
    stopping = dataclasses.replace(config, data=dataclasses.replace(config.data, on_corrupt="stop"))
    resolved, _, validation = resolve(stopping, WorkProgress())
    if validation is None:
        raise InputError("no validation records, by which trials are compared; name them with --data.validate PATH")
    return Task(
        config=config,
        recipe=recipes.make_config(config.recipe),
        dimensions=dimensions,
        metric=primary("segment" if validation.level == "segment" else "video").key,
        num_trials=flags.trials,
        jobs=flags.jobs,
        num_records=resolved.training.num_records,
        seed=flags.seed,
        prune=flags.prune,
        accelerators=list_accelerators(config.distribute.strategy),
    )
