"""Functions of logits, by hand, and the files that keep them."""

import dataclasses
import json

import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.scoring.calibration import Calibration, Calibrations, LogitMap, LogitMaps, read

LINE, STEPS = LogitMap(0.5, (0.0,), (1.0,)), LogitMap(0.01, (-2.0, 0.0, 2.0), (-3.0, -1.0, -1.0))


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
    "values",
    [
        {"slope": 0.0},
        {"slope": float("inf")},
        {"points": [], "offsets": []},
        {"points": [0.0, 1.0]},
        {"points": [1.0, 0.0], "offsets": [0.0, 1.0]},
        {"points": [0.0, 1.0], "offsets": [1.0, 0.0]},
        {"offsets": [float("nan")]},
        {"offsets": ["none"]},
    ],
)
def test_what_does_not_ascend_is_no_function(values, tmp_path):
    path = tmp_path / "calibration.json"
    values = made_up().as_json() | {"pooled": {"slope": 1.0, "points": [0.0], "offsets": [0.0]} | values}
    path.write_text(json.dumps(values))
    with pytest.raises(
        InputError, match=rf"^--calibration {path}: cannot be used \(.*\); make it anew with yt8m calibrate"
    ):
        read(path)


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
        ('{"format": 1, "pooled": {"slope": 1}}', r"cannot be used \("),
        (json.dumps(made_up().as_json() | {"task": "audio"}), r"cannot be used \(it does not say what it is for\)"),
        (json.dumps(made_up().as_json() | {"num_classes": 2}), r"cannot be used \(class 2 is none of 2 classes\)"),
        ("{", r"is no JSON .*; make one with yt8m calibrate|.*make one with yt8m calibrate"),
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
