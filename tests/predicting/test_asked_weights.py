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
