"""One battery for every registered model, at small hyper-parameters.

test_paper_formulas.py looks at their inputs, logits and sizes.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_models import (
    BOTH,
    NUM_CLASSES,
    SMALL,
    frame_level_models,
    make_batch,
    make_labels,
    randomise,
    without_dropout,
)

from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.models import build_model, hyperparameters_of, list_models, make_architecture
from yt8m.models.registry import build_for_training
from yt8m.models.sizes import COUNTS
from yt8m.runs.model import precision
from yt8m.training.objective import Objective
from yt8m.training.optimizers import Adam

every_model = pytest.mark.parametrize("name", list_models())
every_frame_model = pytest.mark.parametrize("name", frame_level_models())

FULL = (6, 6, 6, 6)
"""Frames of four videos without padding."""


@pytest.fixture(scope="module")
def models() -> dict[str, keras.Model]:
    """Every model with random weights, for tests that do not change them."""
    built = {name: build_model(name, NUM_CLASSES, **SMALL[name]) for name in list_models()}
    for model in built.values():
        randomise(model)
    return built


@pytest.fixture
def model(models, name) -> keras.Model:
    """The model `name` with random weights, for tests that change them: they are put back."""
    state = state_of(models[name])
    yield models[name]
    put_back(models[name], state)


def state_of(model) -> list[np.ndarray]:
    """All variables: weights, running statistics, dropout's counters (which `get_weights` leaves out)."""
    return [variable.numpy() for variable in model.variables]


def put_back(model, state) -> None:
    for variable, value in zip(model.variables, state, strict=True):
        variable.assign(value)


def logits_of(model, batch, **arguments) -> np.ndarray:
    return model(batch, **arguments).numpy()


def objective_of(name, features=BOTH, **hyperparameters) -> Objective:
    """What the loop minimises, with a model with fresh weights: also the losses of its stages, if it has any."""
    architecture = make_architecture(name, **SMALL[name] | hyperparameters)
    config = RunConfig(model=architecture, data=DataConfig(num_classes=NUM_CLASSES))
    return Objective(build_for_training(architecture, NUM_CLASSES, features), config, teacher=None)


def labelled_batch(name, *arguments, **named) -> dict[str, tf.Tensor]:
    batch = make_batch(name, *arguments, **named) | {"labels": make_labels()}
    return {key: tf.constant(value) for key, value in batch.items()}


def loss_and_gradients(objective, batch):
    """Of a step on one device: float32 [], and the gradients of `objective.model.trainable_variables`."""
    return objective.loss_and_gradients(batch, batch_size=4, replicas=1, pieces=1)


def test_every_model_s_parameters_are_counted():
    assert sorted(COUNTS) == list_models(), "yt8m/models/sizes.py has the formulas"


@every_frame_model
def test_bytes_of_padded_frames_never_matter(model, name):
    padded = make_batch(name)
    mask = np.arange(6) < padded["num_frames"][:, None]
    cleared = {key: value if value.ndim == 1 else value * mask[:, :, None] for key, value in padded.items()}
    before = state_of(model)
    for training in (False, True):
        outputs, states = [], []
        for batch in (padded, cleared):
            put_back(model, before)
            outputs.append(logits_of(model, batch, training=training))
            states.append(state_of(model))
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
    changed["rgb"][:, :3] ^= 128
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
def test_videos_of_one_frame_or_none_give_finite_logits(model, name):
    before = state_of(model)
    for num_frames, length in (((0, 0, 0), 1), ((0, 0, 0), 3), ((1, 1, 1), 1), ((1, 0, 1), 3)):
        put_back(model, before)
        batch = make_batch(name, num_frames, length)
        for training in (True, False):  # in this order: training moves the statistics that prediction uses
            assert np.isfinite(logits_of(model, batch, training=training)).all(), (num_frames, length, training)


@every_model
def test_saved_and_loaded_models_say_the_same(models, name, tmp_path):
    batch, model = make_batch(name), models[name]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    # Keras makes the model from its configuration, as JSON.
    assert loaded.to_json() == model.to_json()
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
def test_a_step_in_low_precision_has_finite_float32_gradients(name):
    features = ("audio",)
    with precision("mixed_bfloat16"):
        objective = objective_of(name, features)
    randomise(objective.model)
    loss, gradients = loss_and_gradients(objective, labelled_batch(name, features=features))
    assert np.isfinite(loss)
    for variable, gradient in zip(objective.model.trainable_variables, gradients, strict=True):
        assert gradient.dtype == tf.float32, variable.path
        assert np.isfinite(gradient).all(), variable.path


@every_model
def test_every_weight_has_a_finite_gradient_that_is_not_zero(name):
    objective = objective_of(name)
    _, gradients = loss_and_gradients(objective, labelled_batch(name))
    for variable, gradient in zip(objective.model.trainable_variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert np.isfinite(gradient).all(), variable.path
        assert np.any(gradient), variable.path


@pytest.mark.slow
@every_model
def test_one_batch_can_be_learned_by_heart(name):
    keras.utils.set_random_seed(1)
    features = ("audio",)  # the small one is enough, and several times faster
    objective = objective_of(name, features, **without_dropout(name))
    batch = labelled_batch(name, FULL, features=features)
    variables = [variable.value for variable in objective.model.trainable_variables]
    optimizer = Adam(variables, TrainingConfig(learning_rate=0.03, batch_size=4, clip_norm=0.0))

    @tf.function
    def learn(steps):
        losses = tf.TensorArray(tf.float32, steps)
        for step in tf.range(steps):
            loss, gradients = loss_and_gradients(objective, batch)
            optimizer.apply(gradients, tf.cast(step, tf.int64))
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


@pytest.mark.parametrize("name", [name for name in list_models() if "dropout" in hyperparameters_of(name)])
def test_dropout_acts_in_training_only(name):
    model = build_model(name, NUM_CLASSES, features=("audio",), **SMALL[name] | {"dropout": 0.5})
    randomise(model)
    batch = make_batch(name, FULL, features=("audio",))
    np.testing.assert_array_equal(logits_of(model, batch), logits_of(model, batch))
    assert np.any(logits_of(model, batch, training=True) != logits_of(model, batch, training=True))


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
