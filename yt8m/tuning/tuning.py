"""`yt8m tune`: runs the trials of a study and draws the report."""

from collections.abc import Callable
from pathlib import Path

from yt8m.metrics.registry import find
from yt8m.progress import SILENT, Progress
from yt8m.recipes.command_line import in_shell, train_command
from yt8m.tuning import report
from yt8m.tuning.directory import opened_study
from yt8m.tuning.processes import import_psutil
from yt8m.tuning.session import Session
from yt8m.tuning.space import with_values
from yt8m.tuning.task import Task, Tuned


def tune(task: Task, progress: Progress = SILENT, stop_requested: Callable[[], bool] = lambda: False) -> Tuned:
    """Runs the missing trials and draws the report.

    Args:
        task: what to tune.
        progress: gets the progress and lines on events.
        stop_requested: whether to stop; called twice a second. Running trials then save, and the next session resumes them.

    Raises:
        InputError: the directory holds another study or other things; another session uses it; the first trials all failed;
            or the database or the disk failed.
    """
    import_psutil()
    with opened_study(task) as study:
        if study.remark:
            progress.message(study.remark)
        session = Session(task, study, progress, stop_requested)
        interrupted = session.run()
        trials = study.trials()
        best = max((each for each in trials if each.state == "complete"), key=lambda each: each.score, default=None)
        command = picture = ""
        if best:
            config = with_values(task.config, task.dimensions, best.values)
            words = train_command(config, task.recipe, str(Path(task.config.run) / "best"))
            command = in_shell(["yt8m", *words])
            picture = str(Path(task.config.run) / "report.png")
            report.plot(trials, task.dimensions, study.importances(), find(task.metric).title, Path(picture))
        return Tuned(task.config.run, task.metric, trials, interrupted, best, command, picture)
