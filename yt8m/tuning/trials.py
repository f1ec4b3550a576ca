"""The trials of a study as a DataFrame."""

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING

from yt8m.errors import InputError
from yt8m.files import check_local, read_json
from yt8m.tuning.study import Study

if TYPE_CHECKING:
    import pandas


def load_trials(study: str | os.PathLike) -> "pandas.DataFrame":
    """The trials of a study, finished or not, in order.

    Args:
        study: the `--run` directory of `yt8m tune`.

    Returns:
        One row per trial: `number`; `state` (`running`, even if the next session will resume it, `complete`, `pruned` or
        `failed`); `score`, the best of its validations, and `step`, its step (NaN and missing before the first); `reason` of
        a failure; `run`, the run directory; then one column per dimension, such as `training.learning-rate`.

    Raises:
        InputError: there is no study, its database cannot be used, or Optuna is not installed (extra `tune`).
    """
    import pandas

    check_local(study, "a study")
    directory = Path(study)
    description, database = directory / "study.json", directory / "study.db"
    if not description.exists():
        raise InputError(f"{os.fspath(study)}: no study (it has no study.json); give the --run of a yt8m tune")
    flags = list(read_json(description)["space"])
    if not database.exists():
        raise InputError(f"{database}: is gone, and the trials are in it; restore it")
    with Study(database, (), seed=0) as opened:
        trials = opened.trials()
    best = [max(each.scores, key=each.scores.__getitem__, default=None) for each in trials]
    columns = {
        "number": pandas.Series([each.number for each in trials], dtype="int64"),
        "state": pandas.Series([each.state for each in trials], dtype=str),
        "score": pandas.Series([math.nan if each.score is None else each.score for each in trials], dtype="float64"),
        "step": pandas.Series(best, dtype="Int64"),
        "reason": pandas.Series([each.reason for each in trials], dtype=str),
        "run": pandas.Series([str(directory / "trials" / f"{each.number:04d}") for each in trials], dtype=str),
    }
    columns |= {flag: pandas.Series([each.values.get(flag) for each in trials]) for flag in flags}
    return pandas.DataFrame(columns)
