"""A tuning task and its result."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from yt8m.config import RunConfig
from yt8m.tuning.space import Dimension
from yt8m.tuning.study import State, Trial


@dataclass(frozen=True)
class Task:
    """What to tune."""

    config: RunConfig
    """The configuration of the recipe with the user's flags. Its `run` is the study's directory."""
    recipe: RunConfig
    """The configuration of the recipe alone."""
    dimensions: Sequence[Dimension]
    metric: str
    """The key of the metric by which trials are compared."""
    num_trials: int
    """Number of trials, including former sessions."""
    jobs: int | Literal["auto"] = "auto"
    num_records: int = 0
    """Number of training records, if trials are as long as so many epochs."""
    seed: int = 0
    prune: bool = True
    accelerators: tuple[str, ...] = ()

    def num_steps(self, config: RunConfig) -> int:
        """The number of steps of a trial."""
        training = config.training
        return training.num_steps if training.num_epochs is None else training.counted(self.num_records).num_steps


@dataclass(frozen=True)
class Tuned:
    """The result of a session."""

    directory: str
    metric: str
    """The key of the metric."""
    trials: list[Trial]
    interrupted: bool
    best: Trial | None
    command: str
    """The command that trains the best configuration."""
    report: str
    """The picture; None if no trial is complete."""

    def count(self, state: State) -> int:
        """The number of trials in a state."""
        return sum(trial.state == state for trial in self.trials)
