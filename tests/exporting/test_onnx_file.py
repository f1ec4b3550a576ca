"""ONNX files say what the run says, in ONNX Runtime."""

import logging
import sys

import numpy as np
import onnx
import pytest
import tensorflow as tf
from made_runs import MAX_FRAMES, NUM_CLASSES, frames_of, make_run, scored
from onnx import TensorProto, helper
from small_models import is_frame_level
from test_litert import probabilities, video_batch

from yt8m.config import Architecture
from yt8m.data.pipeline import read_records
from yt8m.errors import InputError
from yt8m.exporting import limits, onnx_file
from yt8m.exporting.exporting import export
from yt8m.exporting.onnx_file import open_session
from yt8m.models import list_models
from yt8m.progress import Messages
from yt8m.runs.model import load_run

FRAMES, VIDEOS = "2/frame/validate", "2/video/validate"


def exported(config, path, **arguments):
    return open_session(export(config.run, path, "onnx", **arguments).path)


@pytest.fixture(scope="module")
def frame_run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("onnx") / "run", "frame_logistic")


@pytest.fixture(scope="module")
def frame_path(frame_run):
    return export(frame_run.run, f"{frame_run.run}.onnx", "onnx").path


@pytest.fixture(scope="module")
def frame_session(frame_path):
    return open_session(frame_path)


@pytest.mark.thorough
def test_records_get_the_run_s_scores(frame_run, frame_session, sample):
    frames, counts = frames_of(frame_run, sample / FRAMES, MAX_FRAMES)
    found = frame_session.run(["predictions"], {"rgb_and_audio": frames, "num_frames": counts})[0]
    np.testing.assert_allclose(found, scored(frame_run, sample / FRAMES)["scores"], atol=1e-5)


@pytest.mark.thorough
def test_a_file_says_what_it_takes_and_uses_onnx_s_operations_alone(frame_path, frame_session):
    onnx.checker.check_model(onnx.load(frame_path), full_check=True)
    shapes = {each.name: each.shape for each in [*frame_session.get_inputs(), *frame_session.get_outputs()]}
    assert shapes == {
        "rgb_and_audio": ["videos", "frames", 1152],
        "num_frames": ["videos"],
        "predictions": ["videos", NUM_CLASSES],
    }
    assert {each.domain for each in onnx.load(frame_path).opset_import} <= {"", "ai.onnx.ml"}


@pytest.mark.parametrize("length", [1, 4, MAX_FRAMES, 14])
def test_any_number_of_frames_is_taken_and_padding_means_nothing(length, frame_run, frame_session):
    counts = (length, 1, 0)
    batch, frames = video_batch(counts, length)
    batch = {
        key: each[:, :MAX_FRAMES] if each.ndim == 3 else np.minimum(each, MAX_FRAMES) for key, each in batch.items()
    }
    found = frame_session.run(["predictions"], {"rgb_and_audio": frames, "num_frames": np.int32(counts)})[0]
    np.testing.assert_allclose(found, probabilities(load_run(frame_run.run), batch), atol=1e-5)


@pytest.mark.thorough
def test_a_model_of_video_level_takes_means_as_records_hold_them(tmp_path, sample):
    config = make_run(tmp_path / "run", "moe")
    session = exported(config, tmp_path / "model.onnx")
    assert {each.name: each.shape for each in session.get_inputs()} == {
        "mean_rgb": ["videos", 1024],
        "mean_audio": ["videos", 128],
    }
    rows = list(read_records(str(sample / VIDEOS), level="video", num_classes=NUM_CLASSES))
    means = {name: np.concatenate([row[name].numpy() for row in rows]) for name in ("mean_rgb", "mean_audio")}
    found = session.run(["predictions"], means)[0]
    np.testing.assert_allclose(found, scored(config, sample / VIDEOS)["scores"], atol=1e-5)
    with pytest.raises(InputError, match="--num-frames is for models of frames; leave it out, as moe takes means"):
        export(config.run, tmp_path / "other.onnx", "onnx", num_frames=3)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in list_models() if name not in ("frame_logistic", "moe")])
def test_every_other_model_gives_the_run_s_scores(name, tmp_path, sample):
    config = make_run(tmp_path / "run", name, features=("audio",))
    session = exported(config, tmp_path / "model.onnx")
    if is_frame_level(name):
        batch, frames = video_batch()
        inputs = {"rgb_and_audio": frames, "num_frames": batch["num_frames"]}
        expected = probabilities(load_run(config.run), batch)
    else:
        rows = list(read_records(str(sample / VIDEOS), level="video", num_classes=NUM_CLASSES))
        inputs = {"mean_audio": np.concatenate([row["mean_audio"].numpy() for row in rows])}
        expected = scored(config, sample / VIDEOS)["scores"]
    np.testing.assert_allclose(session.run(["predictions"], inputs)[0], expected, atol=1e-5)


@pytest.mark.slow
def test_a_model_with_the_whole_video_as_context_takes_both(tmp_path):
    config = make_run(tmp_path / "run", "frame_logistic", segment_context="video", context_num_frames=7)
    session = exported(config, tmp_path / "model.onnx")
    segment, segment_frames = video_batch((5, 4), 5)
    video, video_frames = video_batch((7, 2), 7)
    inputs = {
        "rgb_and_audio": segment_frames,
        "num_frames": segment["num_frames"],
        "context_rgb_and_audio": video_frames,
        "context_num_frames": video["num_frames"],
    }
    batch = segment | {f"context_{key}": value for key, value in video.items()}
    expected = probabilities(load_run(config.run), batch)
    np.testing.assert_allclose(session.run(["predictions"], inputs)[0], expected, atol=1e-5)


@pytest.mark.thorough
def test_float16_files_are_half_as_large_and_say_nearly_the_same(tmp_path):
    config = make_run(tmp_path / "run", "moe", num_classes=200)
    told, made = Messages(), {}
    for half in (False, True):
        made[half] = export(config.run, tmp_path / f"{half}.onnx", "onnx", float16=half, progress=told)
    assert made[True].num_bytes < 0.52 * made[False].num_bytes
    random = np.random.default_rng(0)
    inputs = {
        f"mean_{key}": random.normal(0, 0.5, (4, size)).astype(np.float32)
        for key, size in (("rgb", 1024), ("audio", 128))
    }
    exact, rounded = (open_session(each.path).run(None, inputs)[0] for each in made.values())
    np.testing.assert_allclose(rounded, exact, atol=1e-2)
    assert np.abs(rounded - exact).max() > 0
    assert len(told.lines) == 1
    assert "not measured" in told.lines[0], "the run has no validation records"


@pytest.mark.thorough
def test_what_onnx_has_not_is_named_and_nothing_is_written(tmp_path, caplog):
    config = make_run(tmp_path / "run", "frame_logistic", prediction_num_frames=3, prediction_sampling="random")
    with pytest.raises(
        InputError, match=r"run: the model cannot be converted to ONNX \(ONNX has no .*Random.*saved-model"
    ):
        export(config.run, tmp_path / "model.onnx", "onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert not [each for each in caplog.records if each.name.startswith("tf2onnx")]
    assert logging.getLogger("tf2onnx").level == logging.NOTSET


@pytest.mark.parametrize("package", ["tf2onnx", "onnxruntime"])
def test_a_missing_package_is_named_before_the_work(package, frame_run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"--format onnx needs {package}.*pip install 'yt8m\[onnx\]'"):
        export(frame_run.run, tmp_path / "model.onnx", "onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.thorough
def test_a_file_that_gives_other_scores_is_refused(frame_run, tmp_path, monkeypatch):
    monkeypatch.setattr(Architecture, "rounding", 1e-12)
    with pytest.raises(InputError, match=r"ONNX Runtime's scores of this model are .* off, more than 1e-12"):
        export(frame_run.run, tmp_path / "model.onnx", "onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("kind", "what"), [("onnx", "a file of ONNX"), ("litert", "a model for LiteRT")])
def test_what_protobuf_cannot_hold_is_refused_before_it_is_converted(frame_run, tmp_path, monkeypatch, kind, what):
    monkeypatch.setattr(limits, "_LARGEST_MESSAGE", 50_000)
    with pytest.raises(InputError, match=rf"its weights have 0.00 GB, and {what} at most 2.14"):
        export(frame_run.run, tmp_path / "model", kind)


@pytest.mark.parametrize(
    ("function", "values", "expected"),
    [
        (tf.math.log1p, [-0.999, -0.5, -1e-9, 0.0, 1e-10, 3e-8, 1e-4, 2.0, 1e9], np.log1p),
        (tf.math.erfc, [-3.0, -0.4, 0.0, 1e-6, 0.7, 2.5], None),
    ],
)
def test_functions_that_onnx_lacks_are_composed(function, values, expected):
    given = np.float32(values)
    model = onnx_file._translated(tf.function(lambda x: {"y": function(x)}), [tf.TensorSpec([None], tf.float32, "x")])
    found = open_session(model.SerializeToString()).run(None, {"x": given})[0]
    exact = expected(given.astype(np.float64)) if expected else tf.math.erfc(tf.constant(values, tf.float64)).numpy()
    np.testing.assert_allclose(found, exact, rtol=1e-6, atol=0 if expected else 2e-7)


def test_operations_of_no_standard_are_found_inside_loops():
    inner = helper.make_graph([helper.make_node("Unheard", ["a"], ["b"])], "inner", [], [])
    loop = helper.make_node("Loop", ["n", "", "x"], ["y"], body=inner)
    outer = helper.make_graph([loop], "outer", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])], [])
    assert onnx_file._missing(outer) == {"Unheard"}
