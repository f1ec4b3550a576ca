"""Functions of logits, by hand, and the files that keep them."""

import dataclasses
import json

import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.scoring.calibration import Calibration, Calibrations, LogitMap, LogitMaps, read

LINE, STEPS = LogitMap(0.5, (0.0,), (1.0,)), LogitMap(0.01, (-2.0, 0.0, 2.0), (-3.0, -1.0, -1.0))

LINE_VALUES = {"slope": 0.5, "points": [0.0], "offsets": [1.0]}


def made_up(**changes) -> Calibration:
    maps = LogitMaps(LINE, {2: STEPS})
    fields = {
        "run": "runs/a",
        "weights": "0" * 32,
        "task": "video",
        "method": "platt",
        "num_classes": 3,
        "data": ["a.tfrecord"],
    }
    return Calibration(**fields | {"maps": maps} | changes)


def written(path, **changes):
    path.write_text(json.dumps(made_up(**changes).as_json()))
    return path


def test_a_line_and_steps():
    np.testing.assert_allclose(LINE(np.array([[-4.0, 0.0], [2.0, 100.0]])), [[-1, 1], [2, 51]])
    found = STEPS(np.array([-10.0, -2.0, -1.0, 0.0, 1.0, 10.0], np.float32))
    np.testing.assert_allclose(found, [-3.1, -3.02, -2.01, -1.0, -0.99, -0.9], rtol=1e-6)
    assert found.dtype == np.float32


def test_classes_have_functions_of_their_own():
    calibration, logits = made_up(), np.array([[0.0, 1.0, 0.0], [-4.0, 2.0, 2.0]], np.float32)
    np.testing.assert_allclose(calibration(logits), [[1, 1.5, -1], [-1, 2, -0.98]], rtol=1e-6)
    listed = calibration.maps(np.array([[0.0, 1.0], [2.0, 0.0]]), np.array([[2, 0], [1, -1]]))
    np.testing.assert_allclose(listed, [[-1, 1.5], [2, 1]], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"slope": 0.0}, r"pooled.slope is 0.0; it must be from 1.2e-38 to 3.4e\+38"),
        ({"slope": -1}, r"pooled.slope is -1.0; it must be from 1.2e-38 to 3.4e\+38"),
        ({"slope": 1e-46}, r"pooled.slope is 1e-46; it must be from 1.2e-38 to 3.4e\+38"),
        ({"slope": 1e39}, r"pooled.slope is 1e\+39; it must be from 1.2e-38 to 3.4e\+38"),
        ({"slope": float("inf")}, "pooled.slope is inf; it must be a finite number"),
        ({"slope": True}, "pooled.slope is True; it must be a finite number"),
        ({"points": [], "offsets": []}, "pooled: points and offsets are not lists of one length"),
        ({"points": [0.0, 1.0]}, "pooled: points and offsets are not lists of one length"),
        ({"points": [1.0, 0.0], "offsets": [0.0, 1.0]}, "pooled: points or offsets do not ascend"),
        ({"points": [0.0, 1.0], "offsets": [1.0, 0.0]}, "pooled: points or offsets do not ascend"),
        ({"points": 0.0}, "pooled.points is 0.0; it must be a list"),
        ({"offsets": [float("nan")]}, "pooled.offsets has nan; it must be a finite number"),
        ({"offsets": ["none"]}, "pooled.offsets has 'none'; it must be a finite number"),
        ({"offsets": [False]}, "pooled.offsets has False; it must be a finite number"),
        ({"offsets": [-1e39]}, r"pooled.offsets has -1e\+39; it must be from -3.4e\+38 to 3.4e\+38"),
    ],
)
def test_what_does_not_ascend_is_no_function(values, reason, tmp_path):
    path = tmp_path / "calibration.json"
    values = made_up().as_json() | {"pooled": {"slope": 1.0, "points": [0.0], "offsets": [0.0]} | values}
    path.write_text(json.dumps(values))
    with pytest.raises(
        InputError, match=rf"^--calibration {path}: cannot be used \({reason}\); make it anew with yt8m calibrate"
    ):
        read(path)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"run": 3}, "run is 3; it must be text"),
        ({"weights": ["a"]}, r"weights is \['a'\]; it must be text"),
        ({"weights": None}, "weights is None; it must be text"),
        ({"task": "audio"}, "task is 'audio'; it must be one of 'video', 'segment'"),
        ({"method": "other"}, "method is 'other'; it must be one of 'isotonic', 'platt'"),
        ({"num_classes": True}, "num_classes is True; it must be a whole number"),
        ({"num_classes": 0}, "num_classes is 0; it must be at least 1"),
        ({"num_classes": 2}, "class 2 is none of 2 classes"),
        ({"data": "a.tfrecord"}, "data is 'a.tfrecord'; it must be a list"),
        ({"data": 3}, "data is 3; it must be a list"),
        ({"data": [None]}, "data has None; it must be text"),
        ({"pooled": [1, 2]}, "pooled is no JSON object"),
        ({"pooled": {"slope": 1.0, "points": [0.0]}}, "pooled.offsets is missing"),
        ({"classes": []}, "classes is no JSON object"),
        ({"classes": {"1": [1]}}, "classes.1 is no JSON object"),
        ({"classes": {"1": {"points": [0.0], "offsets": [0.0]}}}, "classes.1.slope is missing"),
        ({"classes": {"1": LINE_VALUES, "01": LINE_VALUES}}, "classes has '01'; it must be the number of a class"),
        ({"classes": {"-1": LINE_VALUES}}, "classes has '-1'; it must be the number of a class"),
        ({"classes": {"3": LINE_VALUES}}, "class 3 is none of 3 classes"),
    ],
)
def test_values_of_a_wrong_kind_are_named(changes, reason, tmp_path):
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(made_up().as_json() | changes))
    with pytest.raises(
        InputError, match=rf"^--calibration {path}: cannot be used \({reason}\); make it anew with yt8m calibrate$"
    ):
        read(path)


@pytest.mark.parametrize("key", sorted(made_up().as_json().keys() - {"format", "pooled"}))
def test_a_value_that_is_missing_is_named(key, tmp_path):
    path, values = tmp_path / "calibration.json", made_up().as_json()
    del values[key]
    path.write_text(json.dumps(values))
    with pytest.raises(InputError, match=rf"^--calibration {path}: cannot be used \({key} is missing\); make it anew"):
        read(path)


def test_an_empty_name_is_no_file():
    with pytest.raises(InputError, match=r"^--calibration is empty; name a file of yt8m calibrate$"):
        read("")


def test_a_file_gives_back_what_was_written(tmp_path):
    found = read(written(tmp_path / "calibration.json"))
    logits = np.random.default_rng(0).normal(0, 3, (5, 3)).astype(np.float32)
    np.testing.assert_array_equal(found(logits), made_up()(logits))
    assert [getattr(found, field.name) for field in dataclasses.fields(found)][:6] == [
        *("runs/a", "0" * 32, "video", "platt", 3, ["a.tfrecord"])
    ]
    assert found.identity == json.loads(json.dumps(made_up().identity))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "holds no calibration; make one with yt8m calibrate"),
        ('{"weights": [1, 2]}', "holds no calibration; make one with yt8m calibrate"),
        ('{"format": 7, "pooled": {}}', "is of format 7, this version reads 1; make it anew"),
        ('{"format": true, "pooled": {}}', "is of format True, this version reads 1; make it anew"),
        ('{"format": 1, "pooled": {"slope": 1}}', r"cannot be used \(run is missing\); make it anew"),
        ("{", "is not JSON: line 1, column 2, .*; make one with yt8m calibrate"),
        ("[" * 100_000, r"is damaged \(it is nested too deeply\); make one with yt8m calibrate"),
    ],
)
def test_files_that_hold_no_calibration(content, message, tmp_path):
    path = tmp_path / "calibration.json"
    path.write_text(content)
    with pytest.raises(InputError, match=f"^--calibration {path}: {message}"):
        read(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=rf"^--calibration {tmp_path}/none.json: cannot be read .*; make one with"):
        read(tmp_path / "none.json")


def test_of_two_for_the_same_weights_one_is_too_many(tmp_path):
    files = [written(tmp_path / name) for name in ("a.json", "b.json")]
    with pytest.raises(
        InputError, match=rf"^--calibration {files[1]}: is for the same weights as {files[0]}; give one"
    ):
        Calibrations(files)


def test_one_of_another_task():
    with pytest.raises(
        InputError,
        match=r"^--calibration: that of runs/a is of whole videos, and predictions is of segments here; fit one",
    ):
        made_up().refuse_task("segment", "predictions")
