"""Resumes a run from its directory without losing its best weights.

A run with best weights has checkpoints: the first one is written before the first validation. Without checkpoints the run cannot
be resumed, and starting it again would replace its better weights.
"""

import math

from yt8m import runs
from yt8m.errors import InputError
from yt8m.files import read_json
from yt8m.metrics.registry import score_of
from yt8m.progress import Progress
from yt8m.runs import RunDirectory
from yt8m.runs.checkpoints import Checkpoints
from yt8m.training.trainer import Trainer


def restore(checkpoints: Checkpoints, trainer: Trainer, run: RunDirectory, validates: bool, progress: Progress) -> None:
    """Restores the newest readable state, the same one on every worker.

    Args:
        checkpoints: the checkpoints of the run.
        trainer: gets the state.
        run: the run directory.
        validates: whether there are validation records.
        progress: gets a line on anything that is missing or must be repeated.

    Raises:
        InputError: states were saved but none can be read; the checkpoints are gone but the best weights are not; the workers
            find different states.
    """
    devices = trainer.devices
    found = checkpoints.restore(progress)
    step = int(trainer.step.numpy())
    steps = devices.gather(step)
    if len(set(steps)) > 1:
        raise InputError(
            f"{run.path}: the workers find different states there (of steps {', '.join(map(str, steps))}); name a directory that "
            "all of them share with --run"
        )
    if not found:
        devices.on_chief(lambda: _refuse_to_begin_anew(run, progress))
    trainer.kept_score, is_gone = devices.on_chief(lambda: _best_of(run, step, progress))
    if is_gone and (trainer.best.numpy() > -math.inf or step >= trainer.config.training.num_steps):
        _take_newest(trainer, run, step, validates, progress)
    if devices.is_chief:
        checkpoints.remove_unfinished()
        runs.forget_after(run, step, validated=not trainer.validation_pending.numpy())


def _refuse_to_begin_anew(run: RunDirectory, progress: Progress) -> None:
    if run.best_weights.exists():
        raise InputError(
            f"{run.path}: {run.checkpoints.name}/ is gone, without which training cannot go on, and to begin anew would replace "
            f"the best weights that are kept; start from them with --training.initial-run {run.path} and another --run, or "
            f"delete {run.path}"
        )
    rows = runs.read_metrics(run)
    if rows:
        progress.message(
            f"{run.path}: has metrics up to step {rows[-1]['step']} and no checkpoint; it begins anew, without them"
        )


def _best_of(run: RunDirectory, step: int, progress: Progress) -> tuple[float, bool]:
    """Returns the score of best weights from a step to be repeated, -inf for others; and whether there are none."""
    if not run.best_weights.exists():
        return -math.inf, True
    metrics = read_json(run.best_metrics) if run.best_metrics.exists() else {}
    score = score_of(metrics)
    if score is None or metrics.get("step", 0) <= step:
        return -math.inf, False
    progress.message(
        f"{run.path}: the best weights are of step {metrics['step']}, after the newest checkpoint, of step {step}; they stay "
        f"until a validation is as good as theirs ({score:.4f})"
    )
    return score, False


def _take_newest(trainer: Trainer, run: RunDirectory, step: int, validates: bool, progress: Progress) -> None:
    """Makes the newest weights the best ones if those are gone."""
    progress.message(f"{run.path}: the best weights are gone; those of step {step}, the newest, take their place")
    trainer.best.assign(-math.inf)
    if validates:
        trainer.validation_pending.assign(True)
        return
    with trainer.kept_weights():
        if trainer.devices.is_chief:
            trainer.save_weights(run)
