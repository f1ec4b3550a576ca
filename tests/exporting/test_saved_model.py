"""SavedModels say what the run says, through TensorFlow's own loader."""

import glob

import numpy as np
import pytest
import tensorflow as tf
from made_runs import MAX_FRAMES, NUM_CLASSES, frames_of, make_run, scored

from yt8m.data.features import KNOWN
from yt8m.data.records import frame_level_record
from yt8m.exporting.exporting import export
from yt8m.exporting.signatures import stored_values

FRAMES, VIDEOS, RATED = "2/frame/validate", "2/video/validate", "3/frame/validate"


def serialized(directory) -> tf.Tensor:
    files = sorted(glob.glob(f"{directory}/*.tfrecord"))
    return tf.constant(list(tf.data.TFRecordDataset(files).as_numpy_iterator()))


def exported(config, tmp, **arguments):
    return tf.saved_model.load(export(config.run, f"{tmp}/exported", "saved-model", **arguments).path).signatures


def test_frames_become_the_nearest_bytes_and_what_is_no_frame_zeros():
    values = [-2.0 + 2 / 256, 4 / 255 * 100.4 - 2 + 2 / 256, 4 / 255 * 100.6 - 2 + 2 / 256, 9.0, -9.0]
    frames = np.tile(np.float32(values), (2, 3, 1))
    nearest = [0, 100, 101, 255, 0]
    expected = [[nearest, [0] * 5, [0] * 5], [nearest, nearest, nearest]]
    assert stored_values(tf.constant(frames), tf.constant([1, 3]), KNOWN["rgb"]).numpy().tolist() == expected


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("saved_model")


@pytest.fixture(scope="module")
def frame_run(directory):
    return make_run(directory / "run", "frame_logistic")


@pytest.fixture(scope="module")
def frame_model(frame_run, directory):
    return exported(frame_run, directory, top_k=4)


def check_classes(answer: dict[str, tf.Tensor], expected: dict[str, np.ndarray], top_k: int) -> None:
    """The surest classes and their scores, in their order, of every row."""
    assert answer["video_id"].numpy().tolist() == expected["ids"]
    classes, scores = answer["class_indexes"].numpy(), answer["predictions"].numpy()
    assert classes.shape == scores.shape == (len(expected["ids"]), top_k)
    best = -np.sort(-expected["scores"], axis=1)[:, :top_k]
    np.testing.assert_allclose(scores, best, atol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(expected["scores"], classes, axis=1), scores, atol=1e-5)
    assert all(len(set(row)) == top_k for row in classes)


def test_serialized_records_get_the_run_s_surest_classes(frame_run, frame_model, sample):
    answer = frame_model["sequence_examples"](example_bytes=serialized(sample / FRAMES))
    check_classes(answer, scored(frame_run, sample / FRAMES), 4)


@pytest.mark.slow
def test_real_records_get_the_run_s_surest_classes(real_data, tmp_path):
    config = make_run(tmp_path / "run", "netvlad", num_classes=3862, max_frames=300)
    records = sorted(glob.glob(f"{real_data}/frame_2018/*.tfrecord"))[0]
    rows = list(tf.data.TFRecordDataset(records).take(40).as_numpy_iterator())
    path = tmp_path / "some.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in rows:
            writer.write(row)
    expected = scored(config, path)
    model = exported(config, tmp_path)
    check_classes(model["sequence_examples"](example_bytes=tf.constant(rows)), expected, 20)
    frames, counts = frames_of(config, path, 300)
    predictions = model["serving_default"](rgb_and_audio=frames, num_frames=counts)["predictions"]
    np.testing.assert_allclose(predictions, expected["scores"], atol=1e-5)


@pytest.mark.parametrize("longest", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_dequantised_frames_get_the_run_s_scores(longest, frame_run, frame_model, sample):
    frames, counts = frames_of(frame_run, sample / FRAMES, longest)
    assert longest > MAX_FRAMES or counts.min() == longest, "all videos of the sample are longer"
    shorter = make_shorter(frame_run, longest)
    predictions = frame_model["serving_default"](rgb_and_audio=tf.constant(frames), num_frames=tf.constant(counts))
    np.testing.assert_allclose(predictions["predictions"], scored(shorter, sample / FRAMES)["scores"], atol=1e-5)


def make_shorter(config, longest):
    import dataclasses

    data = dataclasses.replace(config.data, max_frames=min(longest, config.data.max_frames))
    return dataclasses.replace(config, data=data)


def test_padding_means_nothing_and_numbers_of_frames_may_be_a_column(frame_run, frame_model, sample):
    frames, _ = frames_of(frame_run, sample / FRAMES, MAX_FRAMES)
    frames = frames[:3]
    function = frame_model["serving_default"]
    alone = [
        function(rgb_and_audio=frames[row : row + 1, :count], num_frames=[count]) for row, count in enumerate((2, 9, 1))
    ]
    frames[0, 2:], frames[2, 1:] = 7.5, np.nan
    together = function(rgb_and_audio=frames, num_frames=[[2], [9], [1]])["predictions"]
    np.testing.assert_allclose(together, np.concatenate([each["predictions"] for each in alone]), atol=1e-6)


def test_no_more_frames_count_than_are_given(frame_run, frame_model, sample):
    frames, _ = frames_of(frame_run, sample / FRAMES, 4)
    function = frame_model["serving_default"]
    expected = function(rgb_and_audio=frames[:2], num_frames=[4, 4])["predictions"]
    found = function(rgb_and_audio=frames[:2], num_frames=[5, 300])["predictions"]
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("signature", ["sequence_examples", "segments"])
def test_no_records_have_no_classes(signature, frame_model):
    answer = frame_model[signature](example_bytes=tf.constant([], tf.string))
    assert answer["video_id"].shape == (0,)
    assert answer["predictions"].shape == answer["class_indexes"].shape == (0, 4)


def test_values_between_two_bytes_are_the_nearest_one_s(frame_run, frame_model, sample):
    frames, counts = frames_of(frame_run, sample / FRAMES, 4)
    near = frames + np.random.default_rng(0).uniform(-0.007, 0.007, frames.shape).astype(np.float32)
    near = np.where(frames < -1.99, -5.0, np.where(frames > 2.0, 5.0, near)).astype(np.float32)
    function = frame_model["serving_default"]
    outputs = [function(rgb_and_audio=tf.constant(each), num_frames=tf.constant(counts)) for each in (frames, near)]
    np.testing.assert_allclose(outputs[0]["predictions"], outputs[1]["predictions"], atol=1e-6)
    bare = function(rgb_and_audio=tf.constant(frames + 0.009), num_frames=tf.constant(counts))
    assert np.abs(bare["predictions"] - outputs[0]["predictions"]).max() > 1e-4, "more than half a byte does matter"


def test_mediapipe_finds_what_its_graph_names(frame_run, frame_model, directory, sample):
    """As TensorFlowSessionFromSavedModelCalculator loads it, and TensorFlowInferenceCalculator feeds it."""
    frames, _ = frames_of(frame_run, sample / FRAMES, 5)
    expected = frame_model["serving_default"](rgb_and_audio=frames[:2], num_frames=[5, 5])["predictions"]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        meta = tf.compat.v1.saved_model.load(session, ["serve"], str(directory / "exported"))
        signature = meta.signature_def["serving_default"]
        assert set(signature.inputs) == {"rgb_and_audio", "num_frames"}
        assert set(signature.outputs) == {"predictions"}
        feeds = {signature.inputs["rgb_and_audio"].name: frames[:2], signature.inputs["num_frames"].name: [[5], [5]]}
        np.testing.assert_allclose(session.run(signature.outputs["predictions"].name, feeds), expected, atol=1e-6)


def test_every_segment_gets_the_run_s_surest_classes(frame_run, frame_model, sample):
    answer = frame_model["segments"](example_bytes=serialized(sample / RATED))
    expected = scored(frame_run, sample / RATED, "all")
    check_classes(answer, expected, 4)
    np.testing.assert_array_equal(answer["segment_start"], expected["starts"])


def test_a_short_video_has_one_segment_and_one_without_frames_none(frame_model):
    frames = {"rgb": np.zeros((3, 1024), np.uint8), "audio": np.zeros((3, 128), np.uint8)}
    none = {name: values[:0] for name, values in frames.items()}
    records = [frame_level_record("none", None, none), frame_level_record("three", None, frames)]
    answer = frame_model["segments"](example_bytes=tf.constant(records))
    assert (answer["video_id"].numpy().tolist(), answer["segment_start"].numpy().tolist()) == ([b"three"], [0])


@pytest.mark.slow
def test_frames_are_sampled_as_in_prediction(tmp_path, sample):
    config = make_run(tmp_path / "run", "frame_logistic", prediction_num_frames=4)
    model = exported(config, tmp_path, top_k=100)
    assert model["sequence_examples"].structured_outputs["predictions"].shape[1] == NUM_CLASSES, "there are no more"
    expected = scored(config, sample / FRAMES)
    check_classes(model["sequence_examples"](example_bytes=serialized(sample / FRAMES)), expected, NUM_CLASSES)
    frames, counts = frames_of(config, sample / FRAMES, MAX_FRAMES)
    predictions = model["serving_default"](rgb_and_audio=frames, num_frames=counts)["predictions"]
    np.testing.assert_allclose(predictions, expected["scores"], atol=1e-5)


@pytest.mark.slow
def test_models_of_video_level_take_all_kinds_of_records_and_frames(tmp_path, sample):
    config = make_run(tmp_path / "run", "moe", features=("audio",))
    model = exported(config, tmp_path, top_k=3)
    check_classes(model["examples"](example_bytes=serialized(sample / VIDEOS)), scored(config, sample / VIDEOS), 3)
    from_frames = scored(config, sample / FRAMES)
    check_classes(model["sequence_examples"](example_bytes=serialized(sample / FRAMES)), from_frames, 3)
    check_classes(model["segments"](example_bytes=serialized(sample / RATED)), scored(config, sample / RATED, "all"), 3)
    frames, counts = frames_of(config, sample / FRAMES, MAX_FRAMES)
    predictions = model["serving_default"](rgb_and_audio=frames, num_frames=counts)["predictions"]
    np.testing.assert_allclose(predictions, from_frames["scores"], atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("context", [2, "video"])
def test_models_with_context_take_segments(context, tmp_path, sample):
    config = make_run(tmp_path / "run", "dbof", segment_context=context, context_num_frames=6)
    model = exported(config, tmp_path, top_k=3)
    assert set(model) == {"serving_default", "segments"}, "whole videos are not what it learned from"
    answer = model["segments"](example_bytes=serialized(sample / RATED))
    check_classes(answer, scored(config, sample / RATED, "all"), 3)


@pytest.mark.slow
def test_float16_weights_are_half_as_large_and_say_nearly_the_same(frame_run, frame_model, sample, tmp_path):
    paths = [
        export(frame_run.run, tmp_path / str(half), "saved-model", float16=half, top_k=4) for half in (False, True)
    ]
    variables = [
        sum(np.prod(variable.shape) * variable.dtype.size for variable in tf.saved_model.load(each.path)._trained)
        for each in paths
    ]
    assert variables[0] == 2 * variables[1]
    function = tf.saved_model.load(paths[1].path).signatures["serving_default"]
    frames, counts = frames_of(frame_run, sample / FRAMES, MAX_FRAMES)
    inputs = {"rgb_and_audio": tf.constant(frames), "num_frames": tf.constant(counts)}
    exact = frame_model["serving_default"](**inputs)["predictions"].numpy()
    rounded = function(**inputs)["predictions"].numpy()
    np.testing.assert_allclose(rounded, exact, atol=1e-2)
    assert np.abs(rounded - exact).max() > 0
