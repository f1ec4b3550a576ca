"""Models that are shown the whole video beside a segment."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import NUM_CLASSES, SMALL, make_batch

from yt8m.models import ARCHITECTURES, MIXTURE_NAME, build_for_training, has_context, list_models, streams_of
from yt8m.scoring.scorer import Scorer

QUICK = ("moe", "dbof", "netvlad", "mix_nextvlad")
"""The others are built of the same parts."""
MODELS = [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in list_models()]


def built_of(name):
    keras.utils.set_random_seed(1)
    return build_for_training(ARCHITECTURES[name](**SMALL[name]), NUM_CLASSES, with_context=True)


def batch_of(name):
    """Segments and, as if they were their videos, the same in another order."""
    own = make_batch(name)
    return own | {f"context_{key}": value[::-1] for key, value in own.items()}


@pytest.mark.thorough
@pytest.mark.parametrize("name", MODELS)
def test_the_logits_of_both_streams_are_weighed_class_by_class(name):
    built, batch = built_of(name), batch_of(name)
    model = built.predicting
    random = np.random.default_rng(3)
    weight, bias = random.normal(size=(2, NUM_CLASSES)), random.normal(size=NUM_CLASSES)
    model.get_layer(MIXTURE_NAME).set_weights([weight, bias])
    of_segment, of_video = streams_of(model)
    first = of_segment({key: batch[key] for key in of_segment.input}, training=False).numpy()
    second = of_video({key: batch[f"context_{key}"] for key in of_video.input}, training=False).numpy()
    found = model({key: batch[key] for key in model.input}, training=False)
    np.testing.assert_allclose(found, weight[0] * first + weight[1] * second + bias, atol=1e-5)
    assert found.dtype == "float32"
    own = [{id(variable) for variable in stream.variables} for stream in streams_of(model)]
    assert not own[0] & own[1], "each stream has weights of its own"


@pytest.mark.thorough
@pytest.mark.parametrize("name", MODELS)
def test_every_weight_learns_from_the_loss(name):
    built, batch = built_of(name), batch_of(name)
    batch = {key: tf.constant(batch[key]) for key in built.training.input}
    for one, other in zip(built.predicting.trainable_variables, built.training.trainable_variables, strict=True):
        assert one is other, "the optimizer's order is that of the gradients"
    with tf.GradientTape() as tape:
        outputs = tf.nest.flatten(built.training(batch, training=True))
        loss = tf.add_n([tf.reduce_sum(tf.nn.softplus(logits)) for logits in outputs])
    gradients = tape.gradient(loss, [variable.value for variable in built.training.trainable_variables])
    for variable, gradient in zip(built.training.trainable_variables, gradients, strict=True):
        assert np.isfinite(gradient).all(), variable.path
    assert sum(bool(np.any(gradient)) for gradient in gradients) > 0.9 * len(gradients)


@pytest.mark.thorough
def test_a_model_of_stages_keeps_those_of_both_streams():
    built = built_of("mix_nextvlad")
    assert len(built.training.outputs) == 1 + 2 * SMALL["mix_nextvlad"]["num_branches"]
    assert built.temperature == 3.0


@pytest.mark.thorough
def test_both_streams_start_as_a_model_without_context_was_left(tmp_path):
    plain = build_for_training(ARCHITECTURES["dbof"](**SMALL["dbof"]), NUM_CLASSES).predicting
    plain.save_weights(tmp_path / "model.weights.h5")
    built = built_of("dbof")
    for stream in streams_of(built.predicting):
        stream.load_weights(tmp_path / "model.weights.h5")
    own = make_batch("dbof")
    batch = own | {f"context_{key}": value for key, value in own.items()}
    np.testing.assert_allclose(built.predicting(batch, training=False), plain(own, training=False), atol=1e-6)
    assert has_context(built.predicting)
    assert not has_context(plain)
    assert streams_of(plain) == [plain]


def test_prediction_looks_once_at_a_video_with_many_segments():
    built, batch = built_of("dbof"), {key: tf.constant(value) for key, value in batch_of("dbof").items()}
    rows = tf.constant([0, 0, 1, 0, 2, 1, 3])
    videos = tf.constant([2, 2, 0, 2, 1, 0, 3])
    repeated = {key: tf.gather(value, videos if key.startswith("context_") else rows) for key, value in batch.items()}
    ids = tf.gather(tf.constant(["a", "b", "c", "d"]), videos)
    expected = built.predicting(repeated, training=False)
    # Only the first row of each video is looked at: the others may hold anything.
    first = np.isin(np.arange(7), [0, 2, 4, 6])
    spoilt = {
        key: tf.where(first.reshape([-1] + [1] * (len(value.shape) - 1)), value, 0) if "context" in key else value
        for key, value in repeated.items()
    }
    labels = tf.constant([[0]] * 7)
    scorer = Scorer(built.predicting)
    logits, _ = scorer._step(scorer._inputs(ids, spoilt | {"labels": labels}, size=9))
    np.testing.assert_allclose(logits[:7], expected, atol=1e-5)
