"""What is tuned, and how that ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from yt8m.config import RunConfig
from yt8m.tuning.space import Dimension
from yt8m.tuning.study import State, Trial


@dataclass(frozen=True)
class Task:
    """What is to be done."""

    config: RunConfig
    """Of the recipe with the user's flags; its `run` is the study's directory."""
    recipe: RunConfig
    """The recipe alone."""
    dimensions: Sequence[Dimension]
    metric: str
    """The key of the one by which trials are compared."""
    num_trials: int
    """In all, with those of former sessions."""
    jobs: int | Literal["auto"] = "auto"
    seed: int = 0
    prune: bool = True
    accelerators: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tuned:
    """How a session ended."""

    directory: str
    metric: str
    """Its key."""
    trials: list[Trial]
    interrupted: bool
    best: Trial | None
    command: str
    """That trains the best trial's configuration, as it is typed."""
    report: str
    """The picture; none where nothing was complete."""

    def count(self, state: State) -> int:
        """Trials in a state."""
        return sum(trial.state == state for trial in self.trials)
