"""The commands that take a recipe and the flags of its configuration: `check`, `profile`, `train`, `tune` and `submit`."""

import contextlib
import dataclasses
import inspect
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from yt8m.commands import COMMANDS, reports
from yt8m.commands.arguments import parse
from yt8m.commands.flags import Json, print_json, shown
from yt8m.commands.streams import leave_closed_terminal, show
from yt8m.config import RunConfig
from yt8m.errors import OK, USER_ERROR, InputError, quantity, unknown_name
from yt8m.values import PositiveInt, Seed, fit_fields

_SECONDS_TO_ANSWER = 5.0
"""A call into TensorFlow takes about a second, less those that compile or wait for input."""
_SECONDS_TO_HEAR = 1.0
"""By which a thread may hear of a signal later than it was answered."""


@dataclass(frozen=True)
class _ProfileFlags:
    """What `profile` takes beside a configuration."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    trace: Annotated[str, shown("DIR", "(default: none, and nothing is written)")] = ""
    """A directory to leave a profile in that TensorBoard shows."""
    json: Json = False
    """Print one JSON object."""


@dataclass(frozen=True)
class _TuneFlags:
    """What `tune` takes beside a configuration."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    space: Annotated[str, shown("FILE", "(required)")] = ""
    """A JSON file: flags with the values to choose from, see docs/tuning.md."""
    trials: PositiveInt = 20
    """Trials in all, with those of earlier starts of the same study."""
    jobs: Annotated[PositiveInt | Literal["auto"], shown("N|auto")] = "auto"
    """Trials side by side. auto: as many as cores, memory, accelerators and the input allow, as measured."""
    seed: Seed = 0
    """Of what is tried; --training.seed is that of each trial."""
    prune: bool = True
    """Stop a trial whose best validation is below the median of the others' at that step."""
    json: Json = False
    """Print one JSON object."""

    def __post_init__(self):
        fit_fields(self, name_of=lambda name: f"--{name}")


class _StopRequest:
    """Turns Ctrl-C, SIGTERM and a closed terminal into a question that the training loop asks; a second Ctrl-C stops at once.

    Python answers signals between its own steps alone, and the loop may wait within TensorFlow for ever: for a data service
    that is gone, say. So a thread of its own hears of them, too.

    Args:
        can_save: whether there is something to save yet; as long as there is not, the first signal stops at once.
        say: tells the user.
    """

    def __init__(self, can_save: Callable[[], bool], say: Callable[[str], None]):
        self._can_save, self._say = can_save, say
        self.requested = False
        self._saving = self._raised = False
        self._answered = -math.inf
        self._is_over = False

    def __enter__(self):
        reader, self._writer = socket.socketpair()
        self._writer.setblocking(False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        threading.Thread(target=self._hear, args=(reader,), daemon=True).start()
        self._before = {
            number: signal.signal(number, self._handle)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN  # nohup
        }
        return self

    def __exit__(self, kind, error, _):
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        self._is_over = True
        self._writer.close()
        if self._raised and isinstance(error, Exception):  # Keras takes what is raised in it for a mistake in a layer
            raise KeyboardInterrupt from error

    def _hear(self, reader: socket.socket) -> None:
        """Has every signal looked at a little later."""
        heard = 0
        with reader:
            while number := reader.recv(1):
                if number[0] in self._before:
                    heard += 1
                    later = threading.Timer(_SECONDS_TO_ANSWER, self._look, (number[0], time.monotonic(), heard > 1))
                    later.daemon = True
                    later.start()

    def _look(self, number: int, arrived: float, is_second: bool) -> None:
        """Does what `_handle` should have, if the loop waits within TensorFlow."""
        if self._is_over or self._answered >= arrived - _SECONDS_TO_HEAR:
            return
        if is_second and number == signal.SIGINT:
            from yt8m.commands.terminal import explain

            explain("yt8m: stopped")
            os._exit(USER_ERROR)
        self._say(
            "\nstopping after this step, which waits for TensorFlow or for input "
            "(Ctrl-C again to stop at once, without saving)"
        )

    def _handle(self, number, frame):
        self._answered = time.monotonic()
        if number == signal.SIGHUP:
            leave_closed_terminal()
        self.requested = True  # also if it raises: what is raised while a callback runs is lost
        if not self._can_save() or (self._saving and number == signal.SIGINT):
            self._raised = True
            raise KeyboardInterrupt
        self._saving = True
        with contextlib.suppress(OSError):  # whoever read it may be gone; what was learned is to be saved all the more
            self._say("\nstopping: saving a checkpoint first (Ctrl-C again to stop at once)")


def _example(command: str, recipe: str, directory: str) -> str:
    run = f" --run runs/{recipe}" if command in ("train", "submit") else ""
    if command == "tune":
        run = f" --space space.json --trials 30 --run runs/{recipe}-tuned"
    return f"yt8m {command} {recipe} --data.root {directory}{run}"


def _introduce(command: str) -> None:
    """What `yt8m train` and `yt8m train --help` print."""
    from yt8m import recipes

    names = "\n".join(f"  {name:<20} {recipes.describe(name)}" for name in recipes.list_recipes())
    show(
        f"usage: yt8m {command} RECIPE [flags]\n\n{inspect.getdoc(COMMANDS[command])}\n\n"
        f"Example: {_example(command, 'sample', 'data/sample')}\n\nRecipes:\n{names}\n\n"
        f"`yt8m {command} RECIPE --help` lists the flags and their values in that recipe."
    )


def _refuse_model_flag(flags: list[str], command: str) -> None:
    """A model is chosen by its recipe; says so to those who look for a flag."""
    from yt8m.models import list_models

    for place, flag in enumerate(flags):
        name, _, value = flag.partition("=")
        if name in ("--model", "--model.name"):
            value = value or next(iter(flags[place + 1 :]), "")
            if value not in list_models():
                raise InputError(unknown_name("model", value, list_models()))
            raise InputError(f"{name} is no flag, as the recipe chooses the model: yt8m {command} {value}")


def _configure(
    command: str, arguments: list[str], add_flags: Callable[[RunConfig], Any] = lambda config: config
) -> Any:
    """The configuration that `RECIPE [flags]` describes; None if help was asked for.

    Args:
        command: whose arguments they are.
        arguments: as they are typed.
        add_flags: gives the recipe's configuration the flags that are the command's own.
    """
    from yt8m import recipes

    if not arguments:
        raise InputError(f"no recipe; write yt8m {command} RECIPE [flags] (see yt8m recipes)")
    if arguments[0] in ("-h", "--help"):
        _introduce(command)
        return None
    name, *flags = arguments
    if name.startswith("-"):
        raise InputError(f"{name} comes before the recipe; write yt8m {command} RECIPE {name} ... (see yt8m recipes)")
    if name not in recipes.list_recipes():
        raise InputError(unknown_name("recipe", name, recipes.list_recipes()))
    _refuse_model_flag(flags, command)
    defaults = add_flags(recipes.make_config(name))
    about = inspect.cleandoc(recipes.RECIPES[name].__doc__ or "")
    description = f"{about}\n\nExample: {_example(command, name, 'DIR')}"
    return parse(type(defaults), flags, f"yt8m {command} {name}", default=defaults, description=description)


def _train(config: Any) -> tuple[Any, int]:
    """Trains with progress and signals handled; the result and the process's exit status."""
    from yt8m.commands.terminal import explain, say
    from yt8m.commands.watching import TrainingProgress
    from yt8m.training.loop import train as run_training

    progress = TrainingProgress()
    with _StopRequest(lambda: progress.started, say) as stop:
        try:
            result = run_training(config, progress, lambda: stop.requested)
        finally:
            progress.close()
    if result.interrupted:
        explain(
            f"stopped at step {result.step} of {config.training.num_steps}, which is saved in {result.run}; "
            "the same command goes on from there"
        )
        return result, USER_ERROR
    return result, OK


def train(arguments: list[str]) -> int:
    """Train a model, or go on with a run that was stopped."""
    config = _configure("train", arguments)
    if config is None:
        return OK
    result, status = _train(config)
    if status == OK:
        show(reports.trained(result))
    return status


def submit(arguments: list[str]) -> int:
    """Train, evaluate, predict the test split and validate the submission, in one go.

    Arguments as `train`'s; the CSV goes to `submissions/`, named as the run directory.
    """
    config = _configure("submit", arguments)
    if config is None:
        return OK
    out = Path("submissions") / f"{Path(config.run).name}.csv"
    if config.run:  # without one, training says so
        from yt8m.training.splits import check_submission

        check_submission(config, out)
    result, status = _train(config)
    if status != OK:
        return status
    from yt8m import runs
    from yt8m.commands.bars import count_progress
    from yt8m.commands.terminal import say
    from yt8m.data.sources import expand_paths
    from yt8m.data.survey import survey
    from yt8m.predicting.prediction import predict
    from yt8m.scoring.evaluation import evaluate
    from yt8m.submission import validate

    config = runs.load_config(result.run)
    metrics = evaluate(result.run, (), count_progress("evaluating", "video"), say, distribute=config.distribute)
    prediction = predict(
        result.run,
        (),
        out,
        task="segment"
        if "segment_map" in metrics and survey(expand_paths(config.data.test)).level != "video"
        else None,
        progress=count_progress("predicting", "video"),
        tell=say,
        distribute=config.distribute,
    )
    found = validate(out, config.data.num_classes)
    if found.errors:
        raise AssertionError(f"{out} is not valid: {found.errors[0]}")
    show(
        f"trained    {config.model.name}, recipe {config.recipe}: {reports.steps_done(result)}\n"
        f"validated  {reports.scores(metrics)}\n"
        f"predicted  {reports.predicted(prediction)}: {out}, checked, ready to upload\n"
        f"kept       {result.run}/: best/ (weights), metrics.jsonl, curves.png, tensorboard/, config.json\n"
        f"next       yt8m train {config.recipe} --help    # change a hyper-parameter, give another --run, compare"
    )
    return OK


def check(arguments: list[str]) -> int:
    """Try a configuration before a long training: shapes, memory, first loss, one batch learned by heart, rates.

    Arguments as `train`'s. Takes less than two minutes and writes nothing; without records random videos stand in.
    """
    config = _configure("check", arguments)
    if config is None:
        return OK
    from yt8m.diagnosing.sanity import check as run_check

    worst = "ok"
    for finding in run_check(config):
        show(f"{finding.verdict:<5} {finding.name:<24} {finding.value}")
        worst = "bad" if "bad" in (finding.verdict, worst) else worst
    return USER_ERROR if worst == "bad" else OK


def profile(arguments: list[str]) -> int:
    """Measure where the time of training goes, say what bounds it, and which flags to change.

    Arguments as `train`'s, with `--trace DIR` and `--json`. Takes less than two minutes and writes nothing but the trace.
    """
    flags = _configure("profile", arguments, _ProfileFlags)
    if flags is None:
        return OK
    from yt8m.commands.terminal import say
    from yt8m.diagnosing.profiling import profile as run_profile

    found = run_profile(flags.config, flags.trace, say)
    if flags.json:
        print_json(found.as_dict())
    else:
        show(reports.profiled(found))
    return OK


def tune(arguments: list[str]) -> int:
    """Search for better hyper-parameters: many runs of a recipe, chosen and pruned by Optuna.

    Arguments as `train`'s, with `--space FILE` and `--trials N`. `--run` is the directory of the whole study; stopped or killed,
    the same command goes on.
    """
    flags = _configure("tune", arguments, _TuneFlags)
    if flags is None:
        return OK
    from yt8m.commands.terminal import explain, say
    from yt8m.commands.trial_table import TuningProgress
    from yt8m.tuning.tuning import tune as run_tuning

    task = _tuning_task(flags)
    progress = TuningProgress(task)
    with _StopRequest(lambda: progress.started, say) as stop:
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
    return OK


def _tuning_task(flags: _TuneFlags) -> Any:
    """What is to be tuned, with all mistakes found that can be found before a trial."""
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
    from yt8m.commands.terminal import say
    from yt8m.training.loop import resolve
    from yt8m.tuning.jobs import leave_accelerators_alone, list_accelerators
    from yt8m.tuning.tuning import Task

    leave_accelerators_alone()
    # Broken records are the trials' own affair.
    stopping = dataclasses.replace(config, data=dataclasses.replace(config.data, on_corrupt="stop"))
    _, _, validation = resolve(stopping, say)
    if validation is None:
        raise InputError("no validation records, by which trials are compared; name them with --data.validate PATH")
    return Task(
        config=config,
        recipe=recipes.make_config(config.recipe),
        dimensions=dimensions,
        metric="segment_map" if validation.level == "segment" else "gap",
        num_trials=flags.trials,
        jobs=flags.jobs,
        seed=flags.seed,
        prune=flags.prune,
        accelerators=list_accelerators(config.distribute.strategy),
    )
