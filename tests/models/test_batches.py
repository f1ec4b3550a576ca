"""Models that are called with whole batches."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import NUM_CLASSES, SMALL, make_batch, make_labels

from yt8m.models import build_model
from yt8m.models.batches import BatchModel


@pytest.fixture(scope="module")
def model() -> BatchModel:
    built = build_model("netvlad", NUM_CLASSES, **SMALL["netvlad"])
    return BatchModel(built.input, built.output, name="netvlad")


FEATURES = {key: tf.constant(value) for key, value in make_batch("netvlad").items()}
BATCH = FEATURES | {"id": tf.constant(["a", "b", "c", "d"]), "labels": tf.constant(make_labels())}


def test_what_is_no_input_is_left_alone(model):
    assert set(model.input) == set(FEATURES)
    np.testing.assert_array_equal(model(BATCH), model(FEATURES))
    compiled = tf.function(lambda batch: model(batch, training=False))
    np.testing.assert_allclose(compiled(BATCH), model(FEATURES), atol=1e-5)


def test_a_missing_input_is_named(model):
    with pytest.raises(ValueError, match="audio"):
        model({key: value for key, value in BATCH.items() if key != "audio"})


def test_it_can_be_a_layer_of_another_model(model):
    inputs = {
        name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name) for name, tensor in model.input.items()
    }
    probabilities = keras.Model(inputs, keras.ops.sigmoid(model(inputs)))
    np.testing.assert_allclose(probabilities(FEATURES), tf.sigmoid(model(FEATURES)), atol=1e-6)


@pytest.mark.thorough
def test_it_comes_back_from_its_file_and_from_its_configuration(model, tmp_path):
    model.save(tmp_path / "model.keras")
    twin = BatchModel.from_config(model.get_config())
    twin.set_weights(model.get_weights())
    for other in (keras.models.load_model(tmp_path / "model.keras"), twin):
        assert type(other) is BatchModel
        np.testing.assert_array_equal(other(BATCH), model(BATCH))
