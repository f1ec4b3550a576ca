"""Small studies whose trials are stand-ins.

Also a program that does one, to be killed: its arguments are the directory, the number of trials and that of jobs.
"""

import dataclasses
import sys
from pathlib import Path

from yt8m.progress import Progress
from yt8m.recipes import make_config
from yt8m.tuning import processes, tuning
from yt8m.tuning.space import Dimension
from yt8m.tuning.task import Task

STAND_IN = (sys.executable, str(Path(__file__).with_name("trial_stand_in.py")))
RATES = tuple(round(0.01 * number, 2) for number in range(1, 7))


def use_stand_ins(change=setattr) -> None:
    change(processes, "PROGRAM", STAND_IN)
    change(processes, "SECONDS_BETWEEN_LOOKS", 0.05)


def task(directory, num_trials, rates=RATES, num_steps=10, **options) -> Task:
    """A study of learning rates."""
    recipe = make_config("logistic")
    training = recipe.training.in_place_of(num_steps=num_steps)
    return Task(
        config=dataclasses.replace(recipe, run=str(directory), training=training),
        recipe=recipe,
        dimensions=[Dimension("training", "learning_rate", choices=tuple(rates))],
        metric="gap",
        num_trials=num_trials,
        **{"jobs": 1, "seed": 3} | options,
    )


class Watcher(Progress):
    """Keeps what it is told."""

    def __init__(self):
        self.messages, self.ends, self.most_running = [], [], 0

    def trials_updated(self, trials, num_trials, num_steps):
        self.most_running = max(self.most_running, sum(trial.state == "running" for trial in trials))

    def trial_ended(self, trial):
        self.ends.append(trial.number)

    def message(self, text):
        self.messages.append(text)


class Releasing(Watcher):
    """Releases the running trials, which are held, from when on `when` is true of it and them."""

    def __init__(self, directory, when):
        super().__init__()
        self._trials, self._when = Path(directory) / "trials", when

    def trials_updated(self, trials, num_trials, num_steps):
        super().trials_updated(trials, num_trials, num_steps)
        running = [trial for trial in trials if trial.state == "running"]
        if self._when(self, running):
            for trial in running:
                (self._trials / f"{trial.number:04d}").mkdir(exist_ok=True)
                (self._trials / f"{trial.number:04d}" / "released").touch()


if __name__ == "__main__":
    use_stand_ins()
    tuning.tune(task(sys.argv[1], int(sys.argv[2]), jobs=int(sys.argv[3])), Watcher())
