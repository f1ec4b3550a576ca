"""What is tried, and what it is worth, without any training."""

import contextlib
import sqlite3

import optuna
import pytest
from studies import RATES

from yt8m.tuning.space import Dimension
from yt8m.tuning.study import Study

DIMENSIONS = [
    Dimension("training", "learning_rate", low=1e-4, high=1.0, log=True),
    Dimension("model", "num_clusters", low=2, high=10, step=4, integer=True),
    Dimension("model", "head", choices=("moe", "logistic")),
]


def do_trials(study, count):
    """Trials that score by the learning rate alone, lower ones higher; the values tried."""
    tried = []
    for _ in range(count):
        trial = study.ask()
        study.report(trial.number, 5, 1 - trial.values["training.learning-rate"])
        study.end(trial.number, "complete")
        tried.append(trial.values)
    return tried


@pytest.mark.slow
def test_the_seed_decides_what_is_tried_also_over_a_stop(tmp_path):
    """13 trials, as the sampler learns from the tenth on."""
    tried = {}
    for name, seed, counts in (("whole", 1, (13,)), ("parts", 1, (4, 9)), ("other", 2, (13,))):
        tried[name] = []
        for count in counts:
            with Study(tmp_path / f"{name}.db", DIMENSIONS, seed) as study:
                tried[name] += do_trials(study, count)
    assert tried["parts"] == tried["whole"] != tried["other"]
    for values in tried["whole"]:
        assert 1e-4 <= values["training.learning-rate"] <= 1
        assert values["model.num-clusters"] in (2, 6, 10)
        assert values["model.head"] in ("moe", "logistic")
    assert len({values["training.learning-rate"] for values in tried["whole"]}) == 13


@pytest.mark.thorough
def test_what_decides_the_scores_is_important(tmp_path):
    with Study(tmp_path / "study.db", DIMENSIONS, 0) as study:
        do_trials(study, 4)
        assert study.importances() == {}
        do_trials(study, 16)
        importances = study.importances()
    assert set(importances) == {each.name for each in DIMENSIONS}
    assert next(iter(importances)) == "training.learning-rate"
    assert sum(importances.values()) == pytest.approx(1)


@pytest.mark.thorough
def test_a_trial_keeps_what_is_reported_of_it(tmp_path):
    dimensions = [Dimension("training", "learning_rate", choices=RATES)]
    with Study(tmp_path / "study.db", dimensions, 0) as study:
        number = study.ask().number
        study.started(number, [12, 3.5])
        study.report(number, 5, 0.2)
        study.report(number, 10, 0.1)
        study.end(study.ask().number, "failed", "a reason")
    with Study(tmp_path / "study.db", dimensions, 0) as study:
        first, second = study.trials()
    assert (first.state, first.scores, first.score, first.step, first.process) == (
        "running",
        {5: 0.2, 10: 0.1},
        0.2,
        10,
        [12, 3.5],
    )
    assert (second.state, second.reason, second.score, second.step) == ("failed", "a reason", None, 0)


def test_a_study_of_another_optuna_says_so(tmp_path):
    """Its version stands in a table of Optuna's own, which this holds to."""
    path = tmp_path / "study.db"
    with Study(path, DIMENSIONS, 0) as study:
        assert study.remark == ""
        do_trials(study, 1)
    with Study(path, DIMENSIONS, 0) as study:
        assert study.remark == ""
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        assert database.execute("SELECT library_version FROM version_info").fetchone() == (optuna.__version__,)
        database.execute("UPDATE version_info SET library_version = '3.6.1'")
    with Study(path, DIMENSIONS, 0) as study:
        assert study.remark.startswith(
            f"{path}: was begun with Optuna 3.6.1; Optuna {optuna.__version__} chooses differently"
        )
        assert len(study.trials()) == 1
