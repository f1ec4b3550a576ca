"""Which member of an ensemble gets which weight of a file."""

import os

import numpy as np
import pytest
from made_up import stored_at, together, videos

from yt8m.errors import InputError
from yt8m.files import write_json
from yt8m.predicting import StoredPredictions
from yt8m.predicting.asked_weights import asked_weights
from yt8m.predicting.ensembling import ensemble
from yt8m.progress import Messages

LEARNED = {"mean": "geometric", "weights": [0.5, 0.3, 0.2]}


@pytest.fixture
def given(tmp_path, monkeypatch):
    """The weights that members get from a file, and the lines that are said."""
    monkeypatch.chdir(tmp_path)

    def weights_of(given, **values):
        write_json("weights.json", LEARNED | values)
        said = Messages()
        asked = asked_weights(None, "weights.json").given_to(given, said)
        return asked.weights, said.lines

    return weights_of


def test_members_in_another_order_get_their_own_weights(given, tmp_path):
    names = ["runs/a", "runs/b", str(tmp_path / "c.csv")]
    assert given(names, members=names) == ([0.5, 0.3, 0.2], [])
    (tmp_path / "runs" / "b").mkdir(parents=True)
    (tmp_path / "link").symlink_to("runs/b")
    line = "--weights weights.json: names the members in another order; each has its own weight: c.csv 0.2, {} 0.5, link 0.3"
    a = str(tmp_path / "runs" / "a")
    assert given(["c.csv", a, "link"], members=names) == ([0.2, 0.5, 0.3], [line.format(a)])
    assert given([a + os.sep, "link", "./c.csv"], members=names) == ([0.5, 0.3, 0.2], [])


def test_other_members_get_the_weights_in_the_order_of_the_file(given):
    line = (
        "--weights weights.json: names other members, so the order decides: test/a the weight of a, "
        "b the weight of b, a the weight of c"
    )
    assert given(["test/a", "b", "a"], members=["a", "b", "c"]) == ([0.5, 0.3, 0.2], [line])


@pytest.mark.parametrize("values", [{}, {"members": None}, {"members": ["c", "b"]}, {"members": [3, 2, 1]}])
def test_a_file_that_does_not_name_its_members(given, values):
    assert given(["c", "b", "a"], **values) == ([0.5, 0.3, 0.2], [])


@pytest.mark.parametrize("combined", [{"mean": "arithmetic"}, {"mean": "logistic", "intercept": -0.5}])
def test_an_ensemble_does_not_depend_on_the_order_of_its_members(combined, tmp_path):
    paths = [str(tmp_path / name) for name in "abc"]
    for seed, path in enumerate(paths):
        stored_at(path, videos(seed=seed))
    weights = tmp_path / "weights.json"
    write_json(weights, LEARNED | combined | {"members": paths})
    said = Messages()
    ensemble(paths, stored=tmp_path / "one", weights=weights, progress=said)
    assert said.lines == []
    ensemble(paths[::-1], stored=tmp_path / "other", weights=weights, progress=said)
    assert [line.startswith(f"--weights {weights}: names the members in another order") for line in said.lines] == [
        True
    ]
    ensemble(paths[::-1], stored=tmp_path / "by_order", weights=LEARNED["weights"], mean="arithmetic")
    one, other, by_order = (together(StoredPredictions(tmp_path / name)) for name in ("one", "other", "by_order"))
    np.testing.assert_allclose(other, one, rtol=0, atol=1e-2)  # stored in half precision
    assert np.abs(by_order - one).max() > 0.1
    said.lines.clear()
    with pytest.raises(InputError, match=r"^--weights: 3 given, 2 needed"):
        ensemble(paths[1::-1], stored=tmp_path / "two", weights=weights, progress=said)
    assert said.lines == []


@pytest.fixture
def by_class(tmp_path):
    """A file of weights by class."""

    def write(*rows) -> str:
        (tmp_path / "weights.csv").write_text("\n".join(rows) + "\n")
        return str(tmp_path / "weights.csv")

    return write


@pytest.mark.parametrize("mean", ["arithmetic", "geometric"])
def test_weights_by_class_give_each_class_its_own_mean(mean, by_class, tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    members = [videos(seed=seed) for seed in range(2)]
    for path, member in zip(paths, members, strict=True):
        stored_at(path, member)
    table = by_class("class_id,first,second", "4,3,1", "1,0,5")
    said = Messages()
    made = ensemble(paths, stored=tmp_path / "mean", weights=table, mean=mean, progress=said)
    assert (made.mean, made.weights, made.weights_file, made.members) == (mean, None, table, paths)
    assert said.lines == [
        f"--weights {table}: names other members, so the order decides: {paths[0]} the weight of first, "
        f"{paths[1]} the weight of second"
    ]
    weights = np.full((6, 2), 0.5)
    weights[4], weights[1] = (0.75, 0.25), (0, 1)
    probabilities = np.stack([1 / (1 + np.exp(-together(each))) for each in members], axis=-1)
    logs = np.log(probabilities) if mean == "geometric" else probabilities
    expected = (logs * weights).sum(axis=-1)
    expected = np.exp(expected) if mean == "geometric" else expected
    found = 1 / (1 + np.exp(-together(StoredPredictions(tmp_path / "mean"))))
    np.testing.assert_allclose(found, expected, atol=2e-3)  # stored in half precision


def test_columns_of_members_in_another_order(by_class, tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    for seed, path in enumerate(paths):
        stored_at(path, videos(seed=seed))
    said = Messages()
    table = by_class(f"Index,{paths[1]},{paths[0]}", "0,1,0")
    ensemble(paths, stored=tmp_path / "mean", weights=table, progress=said)
    assert said.lines == [f"--weights {table}: names the members in another order; each has its own column"]
    found = together(StoredPredictions(tmp_path / "mean"))[:, 0]
    np.testing.assert_allclose(found, together(StoredPredictions(paths[1]))[:, 0], atol=1e-2)


TABLES = {
    "no class column": (("label,a,b", "0,1,1"), "line 1: the first column is not Index or class_id"),
    "no member": (("Index", "0"), "line 1: the header has no column of weights"),
    "a member twice": (("Index,a,a", "0,1,1"), "line 1: the header has a column twice"),
    "no row": (("Index,a,b",), "line 1: no class follows the 3 columns"),
    "a class twice": (("Index,a,b", "0,1,1", "0,2,1"), "line 3: class 0 comes a second time"),
    "below 0": (("Index,a,b", "0,1,-1"), "line 2: the b is '-1' and not a finite number of at least 0"),
    "too short": (("Index,a,b", "0,1"), "line 2: the row has 2 of 3 columns"),
    "all 0": (("Index,a,b", "0,0,0"), "line 2: all weights are 0"),
    "no such class": (("Index,a,b", "6,1,1"), "has class 6, .*/a 6 classes; leave its row out"),
    "a member more": (("Index,a,b,c", "0,1,1,1"), "3 given, 2 needed"),
}


@pytest.mark.parametrize(("rows", "message"), TABLES.values(), ids=TABLES)
def test_tables_of_weights_that_cannot_be_used(rows, message, by_class, tmp_path):
    paths = [str(tmp_path / name) for name in "ab"]
    for seed, path in enumerate(paths):
        stored_at(path, videos(seed=seed))
    with pytest.raises(InputError, match=message):
        ensemble(paths, stored=tmp_path / "mean", weights=by_class(*rows))
    assert not (tmp_path / "mean").exists()
