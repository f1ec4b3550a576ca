"""The trials of a study as a DataFrame."""

import numpy as np
import pandas
import pytest

from yt8m.errors import InputError
from yt8m.files import write_json
from yt8m.tuning.space import Dimension
from yt8m.tuning.study import Study
from yt8m.tuning.trials import load_trials

DIMENSIONS = [
    Dimension("training", "learning_rate", choices=(0.1, 0.01, 0.001)),
    Dimension("model", "num_clusters", low=2, high=10, step=4, integer=True),
    Dimension("training", "initial_run", choices=("null", "1e10", "0001")),
]


@pytest.fixture
def directory(tmp_path):
    """A study of four trials: complete, pruned, failed, and one that runs."""
    with Study(tmp_path / "study.db", DIMENSIONS, 0) as study:
        for scores, state in (({5: 0.2, 10: 0.4, 15: 0.3}, "complete"), ({5: 0.1}, "pruned"), ({}, "failed"), ({}, "")):
            number = study.ask().number
            for step, score in scores.items():
                study.report(number, step, score)
            if state:
                study.end(number, state, "NA" if state == "failed" else "")
    write_json(tmp_path / "study.json", {"space": {each.name: {} for each in DIMENSIONS}})
    return tmp_path


def test_a_row_a_trial(directory):
    table = load_trials(directory)
    names = ["training.learning-rate", "model.num-clusters", "training.initial-run"]
    assert list(table) == ["number", "state", "score", "step", "reason", "run", *names]
    assert table["number"].tolist() == [0, 1, 2, 3]
    assert table["state"].tolist() == ["complete", "pruned", "failed", "running"]
    np.testing.assert_array_equal(table["score"], [0.4, 0.1, np.nan, np.nan])
    assert table["step"].tolist() == [10, 5, pandas.NA, pandas.NA]
    assert table["reason"].tolist() == ["", "", "NA", ""]
    assert table["run"].tolist() == [str(directory / "trials" / f"000{number}") for number in range(4)]
    with Study(directory / "study.db", DIMENSIONS, 0) as study:
        tried = [trial.values for trial in study.trials()]
    assert table[names].to_dict("records") == [{name: values[name] for name in names} for values in tried]
    assert all(type(text) is str for text in table["training.initial-run"])
    assert (table["model.num-clusters"].dtype, table["training.learning-rate"].dtype) == ("int64", "float64")


def test_a_study_without_a_trial_has_columns(tmp_path):
    with Study(tmp_path / "study.db", DIMENSIONS, 0):
        pass
    write_json(tmp_path / "study.json", {"space": {"model.head": {}}})
    table = load_trials(tmp_path)
    assert (len(table), list(table)[-1]) == (0, "model.head")


def test_reading_changes_nothing(directory):
    before = {path: path.read_bytes() for path in directory.iterdir()}
    load_trials(directory)
    assert {path: path.read_bytes() for path in directory.iterdir()} == before


def test_what_is_no_study_is_refused(directory, tmp_path):
    with pytest.raises(InputError, match=r"nothing: no study \(it has no study\.json\); give the --run of a yt8m tune"):
        load_trials(tmp_path / "nothing")
    (directory / "study.db").write_bytes(b"no database")
    with pytest.raises(InputError, match=r"study\.db: cannot be used \(file is not a database\)"):
        load_trials(directory)
    (directory / "study.db").unlink()
    with pytest.raises(InputError, match=r"study\.db: is gone, and the trials are in it; restore it"):
        load_trials(directory)
    assert not (directory / "study.db").exists()
    (directory / "study.json").write_text("{")
    with pytest.raises(InputError, match=r"study\.json: is not JSON"):
        load_trials(directory)
    with pytest.raises(InputError, match="must be on a local disk"):
        load_trials("gs://bucket/study")
