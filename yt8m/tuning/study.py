"""An Optuna study in a SQLite file. It chooses and prunes trials, and survives a kill."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from yt8m.errors import InputError, not_installed
from yt8m.tuning.space import Dimension

State = Literal["running", "complete", "pruned", "failed"]

TRIALS_TO_COMPARE = 5
"""Complete trials that pruning and importances need."""

_NAME = "yt8m"


@dataclass(frozen=True)
class Trial:
    """A stored trial."""

    number: int
    state: State
    values: Mapping[str, Any]
    """Values by dimension."""
    scores: Mapping[int, float]
    """Validation scores by step."""
    reason: str = ""
    """The reason of a failure."""
    process: Sequence[float] = field(default=())
    """The `TrialProcess.identity` of the newest process."""

    @property
    def score(self) -> float | None:
        """The best score, which belongs to the best weights."""
        return max(self.scores.values(), default=None)

    @property
    def step(self) -> int:
        """The step of the newest score; 0 before the first."""
        return max(self.scores, default=0)


class Study:
    """The trials of one space.

    The next trial depends on the seed, its number and the scores so far. So a killed study continues as it would have.

    Args:
        path: the SQLite file; made if missing.
        dimensions: the dimensions of the space.
        seed: seed of the choices.

    Raises:
        InputError: Optuna is not installed, or the file is not Optuna's.
    """

    def __init__(self, path: Path, dimensions: Sequence[Dimension], seed: int):
        try:
            import optuna
        except ImportError as error:
            raise not_installed("tuning", "Optuna", "tune", error) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._path, self._seed = optuna, path, seed
        self._distributions = {each.name: self._distribution(each) for each in dimensions}
        self._storage = None
        self._known: list[Trial] | None = None
        """Cached trials; None after a change."""
        self._begun: dict[int, Any] = {}
        self._begun_with = _library_version(path)
        with self._errors():
            self._storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
            self._study = optuna.create_study(
                storage=self._storage,
                study_name=_NAME,
                direction="maximize",
                load_if_exists=True,
                pruner=optuna.pruners.MedianPruner(n_startup_trials=TRIALS_TO_COMPARE),
            )

    def __enter__(self) -> "Study":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    @property
    def remark(self) -> str:
        """A remark on a study that another version of Optuna began; otherwise empty."""
        now = self._optuna.__version__
        if not self._begun_with or self._begun_with.split(".")[0] == now.split(".")[0]:
            return ""
        return (
            f"{self._path}: was begun with Optuna {self._begun_with}; Optuna {now} chooses differently, so further trials "
            "differ from those that the seed gives there"
        )

    def close(self) -> None:
        """Closes the file."""
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()

    @contextlib.contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns errors of the database into one line."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (SQLAlchemyError, self._optuna.exceptions.StorageInternalError) as error:
            reason = str(getattr(error.__cause__, "orig", None) or getattr(error, "orig", None) or error).splitlines()[
                0
            ]
            self.close()
            raise InputError(f"{self._path}: cannot be used ({reason}); make room, or give another --run") from error

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        """Like `_errors`, for changes to trials. Nobody else may change them at the same time."""
        self._known = None
        with self._errors():
            yield

    def _distribution(self, dimension: Dimension) -> Any:
        kinds = self._optuna.distributions
        if dimension.choices:
            return kinds.CategoricalDistribution(dimension.choices)
        if dimension.integer:
            low, high = int(dimension.low), int(dimension.high)
            return kinds.IntDistribution(low, high, log=dimension.log, step=int(dimension.step or 1))
        return kinds.FloatDistribution(dimension.low, dimension.high, log=dimension.log, step=dimension.step)

    def ask(self) -> Trial:
        """Makes a new trial, in the state `running`."""
        number = len(self.trials())
        with self._changing():
            seed = int(np.random.SeedSequence([self._seed, number]).generate_state(1)[0])
            self._study.sampler = self._optuna.samplers.TPESampler(seed=seed)
            self._begun[number] = self._study.ask(fixed_distributions=self._distributions)
        return self.trial(number)

    def started(self, number: int, process: Sequence[float]) -> None:
        """Stores the process of a running trial."""
        with self._changing():
            self._running(number).set_user_attr("process", list(process))

    def report(self, number: int, step: int, score: float) -> bool:
        """Stores a running trial's score. Returns whether to prune: it is below the median of the others at that step."""
        with self._changing():
            trial = self._running(number)
            trial.report(score, step)
            return trial.should_prune()

    def end(self, number: int, state: State, reason: str = "") -> None:
        """Ends a running trial.

        Args:
            number: the trial.
            state: `complete` (with its best score), `pruned` or `failed`.
            reason: the reason of a failure.
        """
        states, score = self._optuna.trial.TrialState, self.trial(number).score
        with self._changing():
            if reason:
                self._running(number).set_user_attr("reason", reason)
            if state == "complete":
                self._study.tell(number, score)
            else:
                self._study.tell(number, state={"pruned": states.PRUNED, "failed": states.FAIL}[state])

    def trials(self) -> list[Trial]:
        """All trials, in order."""
        if self._known is None:
            with self._errors():
                self._known = [self._plain(each) for each in self._study.get_trials(deepcopy=False)]
        return list(self._known)

    def trial(self, number: int) -> Trial:
        """The trial with a number."""
        return self.trials()[number]

    def importances(self) -> dict[str, float]:
        """The share of the scores' differences that each dimension explains, largest first; empty with too few trials."""
        complete = [each for each in self.trials() if each.state == "complete"]
        if len(complete) < TRIALS_TO_COMPARE or len({each.score for each in complete}) < 2:
            return {}
        with self._errors():
            return self._optuna.importance.get_param_importances(self._study)

    def _running(self, number: int) -> Any:
        """Optuna's object for a trial, even if an earlier process began it."""
        if number not in self._begun:
            study = self._storage.get_study_id_from_name(_NAME)
            trial = self._storage.get_trial_id_from_study_id_trial_number(study, number)
            self._begun[number] = self._optuna.trial.Trial(self._study, trial)
        return self._begun[number]

    def _plain(self, trial: Any) -> Trial:
        states: dict[str, State] = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}
        attributes = trial.user_attrs
        return Trial(
            number=trial.number,
            state=states.get(trial.state.name, "running"),
            values=dict(trial.params),
            scores=dict(trial.intermediate_values),
            reason=attributes.get("reason", ""),
            process=attributes.get("process", ()),
        )


def _library_version(path: Path) -> str:
    """The version of Optuna that made a file; empty for a new or unreadable file. Optuna has no public way to ask."""
    if not path.exists():
        return ""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path)) as database:
        found = database.execute("SELECT library_version FROM version_info").fetchone()
        return str(found[0]) if found else ""
    return ""
