"""Models that are fitted at once give the run's scores in other runtimes, although large terms cancel in theirs."""

import numpy as np
import pytest
import tensorflow as tf
from made_runs import NUM_CLASSES, scored
from test_litert import check_litert, probabilities, video_batch

from yt8m.config import DataConfig
from yt8m.data.pipeline import read_records
from yt8m.exporting import litert
from yt8m.exporting.exporting import export
from yt8m.exporting.onnx_file import open_session
from yt8m.layers.kernels import bent_logits
from yt8m.models import make_architecture
from yt8m.models.assembled import EnsembleOfModels, KernelRidge
from yt8m.runs import load_config
from yt8m.runs.model import load_run
from yt8m.training.fitting import fit


def test_litert_bends_values_as_tensorflow_does():
    """Its own softplus ends at 88, and (1 - p) / 0.002 is up to 500; of exp(-20) its log1p is 0."""
    values = np.float32([[-0.3, -0.01, 0.0, 1e-4, 0.002, 0.1, 0.17, 0.5, 0.83, 0.9, 0.998, 1.0, 1.2]])
    function = tf.function(lambda p: {"logits": bent_logits(p)}, input_signature=[tf.TensorSpec(values.shape)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()], tf.Module())
    runner = litert.load(converter.convert()).get_signature_runner()
    found, expected = runner(p=values)["logits"], function(tf.constant(values))["logits"]
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    inside = values[0, 5:10]  # where the logit is not bent
    np.testing.assert_allclose(found[0, 5:10], np.log(inside / (1 - inside)), rtol=1e-4)


def test_an_ensemble_is_as_exact_as_its_least_exact_member():
    exact, cancelling = make_architecture("logistic"), KernelRidge()
    both = EnsembleOfModels(members=(exact, cancelling), weights=(0.5, 0.5))
    assert exact.rounding < cancelling.rounding == both.rounding


@pytest.fixture(scope="module", params=[0, 3])
def fitted(request, sample, tmp_path_factory):
    """A run of `kernel_ridge`, without networks and with them."""
    run = tmp_path_factory.mktemp("fitted") / "run"
    data = DataConfig(train=[str(sample / "2/video/train")], num_classes=NUM_CLASSES)
    fit("kernel_ridge", run, data, num_networks=request.param)
    return run


@pytest.mark.thorough
def test_onnx_gives_the_scores_of_kernel_ridge(fitted, sample, tmp_path):
    records, config = sample / "2/video/validate", load_config(fitted)
    export(config.run, tmp_path / "model.onnx", "onnx")
    rows = list(read_records(str(records), level="video", num_classes=NUM_CLASSES))
    means = {name: np.concatenate([row[name].numpy() for row in rows]) for name in ("mean_rgb", "mean_audio")}
    found = open_session(tmp_path / "model.onnx").run(["predictions"], means)[0]
    np.testing.assert_allclose(found, scored(config, records)["scores"], atol=config.model.rounding)


@pytest.mark.thorough
def test_litert_gives_the_scores_of_kernel_ridge(fitted, tmp_path):
    config = load_config(fitted)
    export(config.run, tmp_path / "model.tflite", "litert")
    batch, frames = video_batch((300, 3), 300)
    expected, inputs = probabilities(load_run(fitted), batch), {"num_frames": batch["num_frames"]}
    check_litert(tmp_path / "model.tflite", expected, config.model.rounding, rgb_and_audio=frames, **inputs)
