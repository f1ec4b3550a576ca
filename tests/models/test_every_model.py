"""One battery for every registered model, at small hyper-parameters."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import (
    BOTH,
    COUNTS,
    NUM_CLASSES,
    SMALL,
    VARIANTS,
    frame_level_models,
    make_batch,
    make_labels,
    num_parameters,
    randomise,
)

from yt8m.config import TrainingConfig
from yt8m.inference import precision
from yt8m.models import build_model, list_models
from yt8m.training.losses import video_losses
from yt8m.training.optimizers import Adam

every_model = pytest.mark.parametrize("name", list_models())
every_frame_model = pytest.mark.parametrize("name", frame_level_models())
every_variant = pytest.mark.parametrize("variant", VARIANTS, ids=str)

FULL = (6, 6, 6, 6)
"""Frames of four videos without padding."""


@pytest.fixture(scope="module")
def models() -> dict[str, keras.Model]:
    """Every model with random weights, for tests that do not change them."""
    built = {name: build_model(name, NUM_CLASSES, **SMALL[name]) for name in list_models()}
    for model in built.values():
        randomise(model)
    return built


def logits_of(model, batch, **arguments) -> np.ndarray:
    return model(batch, **arguments).numpy()


def training_loss(model, batch, labels):
    """What the loop minimises."""
    losses = video_losses(model(batch, training=True), {"labels": labels})
    return tf.reduce_mean(losses) + tf.add_n(model.losses or [0.0])


def test_every_model_s_parameters_are_counted():
    assert sorted(COUNTS) == list_models(), "small_models.py has the formulas"


@every_variant
def test_inputs_logits_and_size_are_as_documented(variant):
    model = build_model(variant.name, NUM_CLASSES, features=variant.features, **variant.hyperparameters)
    assert model.name == variant.name
    batch = make_batch(variant.name, features=variant.features)
    assert {key: tensor.dtype for key, tensor in model.input.items()} == {
        key: value.dtype.name for key, value in batch.items()
    }
    logits = model(batch)
    assert model.output.shape == (None, NUM_CLASSES)
    assert logits.shape == (4, NUM_CLASSES)
    assert logits.dtype.name == "float32"
    assert np.isfinite(logits).all()
    counters = sum(int(np.prod(weight.shape)) for weight in model.weights if weight.dtype == "uint32")  # dropout's
    expected = num_parameters(variant.name, NUM_CLASSES, variant.features, **variant.hyperparameters)
    assert model.count_params() - counters == expected


@every_frame_model
@pytest.mark.parametrize("training", [False, True])
def test_bytes_of_padded_frames_never_matter(name, training):
    padded = make_batch(name)
    mask = np.arange(6) < padded["num_frames"][:, None]
    cleared = {key: value if value.ndim == 1 else value * mask[:, :, None] for key, value in padded.items()}
    outputs, states = [], []
    for batch in (padded, cleared):
        keras.utils.set_random_seed(1)  # of dropout
        model = build_model(name, NUM_CLASSES, **SMALL[name])
        randomise(model)
        outputs.append(logits_of(model, batch, training=training))
        states.append([variable.numpy() for variable in model.non_trainable_variables])
    np.testing.assert_array_equal(*outputs)
    for first, second in zip(*states, strict=True):
        np.testing.assert_array_equal(first, second)


@every_frame_model
def test_more_padding_changes_nothing(models, name):
    batch = make_batch(name)
    longer = {
        key: value if value.ndim == 1 else np.pad(value, [(0, 0), (0, 5), (0, 0)], constant_values=9)
        for key, value in batch.items()
    }
    np.testing.assert_allclose(logits_of(models[name], longer), logits_of(models[name], batch), atol=1e-5, rtol=1e-5)


@every_frame_model
def test_a_video_s_frames_do_matter(models, name):
    batch = make_batch(name)
    changed = batch | {"rgb": batch["rgb"].copy()}
    changed["rgb"][:3, 0] ^= 128
    difference = np.abs(logits_of(models[name], changed) - logits_of(models[name], batch)).max(axis=1)
    assert np.all(difference[:3] > 1e-4)
    assert difference[3] == 0.0, "the first frame of a video without frames is padding"


@every_model
def test_videos_do_not_influence_each_other(models, name):
    batch = make_batch(name)
    together = logits_of(models[name], batch)
    alone = [logits_of(models[name], {key: value[row : row + 1] for key, value in batch.items()}) for row in range(4)]
    np.testing.assert_allclose(np.concatenate(alone), together, atol=1e-5, rtol=1e-5)


@every_frame_model
@pytest.mark.parametrize("num_frames", [(0, 0, 0), (1, 1, 1), (1, 0, 1)])
def test_videos_of_one_frame_or_none_give_finite_logits(name, num_frames):
    model = build_model(name, NUM_CLASSES, **SMALL[name])
    for length in (1, 3):
        batch = make_batch(name, num_frames, length)
        for training in (True, False):  # in this order: training moves the statistics that prediction uses
            assert np.isfinite(logits_of(model, batch, training=training)).all()


@every_model
def test_saved_and_loaded_models_say_the_same(models, name, tmp_path):
    batch, model = make_batch(name), models[name]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(logits_of(loaded, batch), logits_of(model, batch))

    model.save_weights(tmp_path / "model.weights.h5")
    fresh = build_model(name, NUM_CLASSES, **SMALL[name])
    fresh.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(logits_of(fresh, batch), logits_of(model, batch))


@every_model
def test_low_precision_gives_float32_scores_near_the_exact_ones(models, name):
    with precision("mixed_bfloat16"):
        model = build_model(name, NUM_CLASSES, **SMALL[name])
    assert keras.config.dtype_policy().name == "float32", "the precision of one model must not leak"
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    model.set_weights(models[name].get_weights())
    batch = make_batch(name)
    logits = model(batch)
    assert logits.dtype.name == "float32"
    exact = logits_of(models[name], batch)
    np.testing.assert_allclose(logits, exact, atol=0.1)
    np.testing.assert_allclose(tf.sigmoid(logits), tf.sigmoid(exact), atol=0.02)


@every_model
def test_every_weight_has_a_finite_gradient_that_is_not_zero(name):
    model = build_model(name, NUM_CLASSES, **SMALL[name])
    with tf.GradientTape() as tape:
        loss = training_loss(model, make_batch(name), make_labels())
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    for variable, gradient in zip(variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
        assert np.any(gradient), variable.path


@every_model
def test_one_batch_can_be_learned_by_heart(name):
    keras.utils.set_random_seed(1)
    features = ("audio",)  # the small one is enough, and several times faster
    model = build_model(name, NUM_CLASSES, features=features, **SMALL[name])
    batch, labels = make_batch(name, FULL, features=features), make_labels()
    variables = [variable.value for variable in model.trainable_variables]
    optimizer = Adam(variables, TrainingConfig(learning_rate=0.03, batch_size=4, clip_norm=0.0))

    @tf.function
    def learn(steps):
        losses = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            with tf.GradientTape() as tape:
                loss = training_loss(model, batch, labels)
            optimizer.apply(tape.gradient(loss, variables), tf.cast(step, tf.int64))
            losses = losses.write(step, loss)
        return losses.stack()

    losses = learn(tf.constant(100)).numpy()
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.05 * losses[0]


def test_frame_logistic_is_logistic_on_the_mean_frame():
    frame_model = build_model("frame_logistic", NUM_CLASSES)
    video_model = build_model("logistic", NUM_CLASSES, normalise="none")
    randomise(frame_model)
    video_model.set_weights(frame_model.get_weights())
    batch = make_batch("frame_logistic", (6, 3, 1, 2))
    means = {}
    for key in BOTH:
        frames = batch[key].astype(np.float64) * 4 / 255 + 4 / 512 - 2
        rows = [video[:count].mean(axis=0) for video, count in zip(frames, batch["num_frames"], strict=True)]
        means[f"mean_{key}"] = np.stack(rows).astype(np.float32)
    np.testing.assert_allclose(logits_of(frame_model, batch), logits_of(video_model, means), atol=1e-5)


def test_dropout_acts_in_training_only():
    for name in ("logistic", "moe", "netvlad"):
        model = build_model(name, NUM_CLASSES, **SMALL[name] | {"dropout": 0.5})
        randomise(model)
        batch = make_batch(name, FULL)
        np.testing.assert_array_equal(logits_of(model, batch), logits_of(model, batch))
        assert np.any(logits_of(model, batch, training=True) != logits_of(model, batch, training=True))


def test_a_compiled_model_says_the_same(models):
    """XLA needs static shapes and operations it knows; NetVLAD with all its gates has the most kinds of layers."""
    batch = make_batch("netvlad")
    compiled = tf.function(lambda inputs: models["netvlad"](inputs, training=False), jit_compile=True)
    np.testing.assert_allclose(compiled(batch), logits_of(models["netvlad"], batch), atol=1e-4, rtol=1e-4)


def test_two_clusters():
    model = build_model("netvlad", 5, num_clusters=2, hidden_size=4, features=("audio",))
    logits = model({"audio": np.zeros((1, 2, 128), np.uint8), "num_frames": np.array([2], np.int32)})
    assert np.all(np.isfinite(logits))


def test_the_order_of_features_does_not_matter_at_video_level():
    models = [build_model("logistic", 3, features=order) for order in (("rgb", "audio"), ("audio", "rgb"))]
    models[1].set_weights(models[0].get_weights())
    random = np.random.default_rng(0)
    batch = {
        "mean_rgb": random.normal(size=(2, 1024)).astype("f"),
        "mean_audio": random.normal(size=(2, 128)).astype("f"),
    }
    np.testing.assert_allclose(models[0](batch), models[1]({key: batch[key] for key in models[1].input}), rtol=1e-4)
