"""LiteRT files say what the run says, in LiteRT's own runtime."""

import re
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from made_runs import MAX_FRAMES, make_run
from small_models import make_batch

from yt8m.config import Architecture
from yt8m.data.features import DEFAULT_FEATURES
from yt8m.data.graph.parsing import means_of_frames
from yt8m.data.quantisation import dequantise
from yt8m.errors import InputError
from yt8m.exporting import agreement, exporting, litert
from yt8m.exporting.exporting import export
from yt8m.models import list_models
from yt8m.progress import Messages
from yt8m.runs.model import load_run

COUNTS = (MAX_FRAMES, 3, 1, 0)


def video_batch(counts=COUNTS, length=MAX_FRAMES):
    """Bytes of random videos, 0 past the last frame as in a batch, and the same dequantised, with other things there."""
    batch = make_batch("netvlad", counts, length)
    real = np.arange(length)[None, :, None] < np.array(counts)[:, None, None]
    batch |= {name: batch[name] * real for name in ("rgb", "audio")}
    frames = np.concatenate([dequantise(batch[name]) for name in ("rgb", "audio")], axis=2)
    return batch, np.where(real, frames, 1.25).astype(np.float32)


def probabilities(model: keras.Model, batch) -> np.ndarray:
    """Of the run's own model."""
    if "num_frames" not in model.input:
        batch = means_of_frames(DEFAULT_FEATURES)({key: tf.constant(value) for key, value in batch.items()})
    return tf.sigmoid(model({key: batch[key] for key in model.input})).numpy()


def check_litert(path, expected, tolerance=1e-5, **inputs) -> None:
    """Compares LiteRT's answers, one video at a time, with the run's, and looks for operations of other runtimes."""
    content = path.read_bytes()
    assert not re.search(rb"Flex[A-Z]\w{2}", content), (
        "an operation of TensorFlow's own runtime, by its name in the file"
    )
    call = litert.load(content).get_signature_runner("serving_default")
    for row, scores in enumerate(expected):
        answer = call(**{name: value[row : row + 1] for name, value in inputs.items()})
        np.testing.assert_allclose(answer["predictions"], scores[None], atol=tolerance)


def check_model(name, directory, **data) -> None:
    config = make_run(directory / "run", name, **data)
    export(config.run, directory / "model.tflite", "litert")
    batch, frames = video_batch()
    expected = probabilities(load_run(config.run), batch)
    check_litert(directory / "model.tflite", expected, rgb_and_audio=frames, num_frames=batch["num_frames"])


@pytest.mark.thorough
def test_litert_gives_the_run_s_scores(tmp_path):
    check_model("frame_logistic", tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in list_models() if name != "frame_logistic"])
def test_every_model_gives_the_run_s_scores_in_litert(name, tmp_path):
    check_model(name, tmp_path, features=("audio",))


@pytest.mark.slow
def test_a_model_with_the_whole_video_as_context_takes_both(tmp_path):
    config = make_run(tmp_path / "run", "frame_logistic", segment_context="video", context_num_frames=7)
    export(config.run, tmp_path / "model.tflite", "litert")
    segment, segment_frames = video_batch((5, 4), 5)
    video, video_frames = video_batch((7, 2), 7)
    batch = segment | {f"context_{key}": value for key, value in video.items()}
    inputs = {
        "rgb_and_audio": segment_frames,
        "num_frames": segment["num_frames"],
        "context_rgb_and_audio": video_frames,
        "context_num_frames": video["num_frames"],
    }
    check_litert(tmp_path / "model.tflite", probabilities(load_run(config.run), batch), **inputs)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "precision"), [("netvlad", "float32"), ("frame_logistic", "mixed_bfloat16")])
def test_float16_files_are_half_as_large_and_say_nearly_the_same(name, precision, tmp_path):
    config = make_run(tmp_path / "run", name, precision)
    told = Messages()
    sizes = [
        export(config.run, tmp_path / f"{half}.tflite", "litert", float16=half, num_frames=6, progress=told).num_bytes
        for half in (False, True)
    ]
    assert sizes[1] < 0.6 * sizes[0]
    assert len(told.lines) == 1
    assert "not measured" in told.lines[0], "the run has no validation records"
    batch, frames = video_batch((6, 2), 6)
    exact, rounded = (
        litert.load((tmp_path / f"{half}.tflite").read_bytes()).get_signature_runner() for half in (False, True)
    )
    expected = probabilities(load_run(config.run), batch)
    for row in range(2):
        inputs = {"rgb_and_audio": frames[row : row + 1], "num_frames": batch["num_frames"][row : row + 1]}
        atol = 1e-5 if precision == "float32" else 3e-2
        np.testing.assert_allclose(exact(**inputs)["predictions"], expected[row : row + 1], atol=atol)
        np.testing.assert_allclose(rounded(**inputs)["predictions"], exact(**inputs)["predictions"], atol=1e-2)


@pytest.mark.slow
def test_tensorflow_s_own_interpreter_does_where_litert_s_is_not_installed(tmp_path, monkeypatch):
    config = make_run(tmp_path / "run", "frame_logistic", features=("audio",))
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    export(config.run, tmp_path / "model.tflite", "litert")
    monkeypatch.delattr(tf.lite, "Interpreter")
    with pytest.raises(InputError, match=r"pip install 'yt8m\[litert\]'"):
        export(config.run, tmp_path / "other.tflite", "litert")
    assert not (tmp_path / "other.tflite").exists()


@pytest.mark.thorough
def test_what_litert_has_not_is_named_and_nothing_is_written(tmp_path):
    config = make_run(tmp_path / "run", "frame_logistic", prediction_num_frames=3, prediction_sampling="random")
    with pytest.raises(
        InputError, match=r"run: the model cannot be converted to LiteRT \(LiteRT has no .*Random.*saved-model"
    ):
        export(config.run, tmp_path / "model.tflite", "litert")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.mark.thorough
def test_a_conversion_that_gives_other_scores_is_refused(tmp_path, monkeypatch):
    config = make_run(tmp_path / "run", "frame_logistic")
    monkeypatch.setattr(Architecture, "rounding", 1e-12)
    monkeypatch.setattr(agreement, "_HALF_TOLERANCE", 1e-12)
    monkeypatch.setattr(exporting, "_measure_change", lambda *_: pytest.fail("the scores are measured first"))
    for float16 in (False, True):
        with pytest.raises(InputError, match=r"LiteRT's scores of this model are .* off, more than 1e-12"):
            export(config.run, tmp_path / "model.tflite", "litert", float16=float16)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
