"""What models that predict frames see of them, and what becomes of their weights."""

import numpy as np
import pytest
from keras import ops

from yt8m.config import PretrainConfig
from yt8m.errors import InputError
from yt8m.layers.forecasting import HiddenFrames, Whitening
from yt8m.models import build_for_pretraining, build_model, layers_of, make_architecture
from yt8m.models.pretraining import PREDICTED, REAL, VISIBLE

SMALL = {
    "transformer": {"num_layers": 2, "num_units": 24, "num_heads": 2, "hidden_size": 16, "dropout": 0.0},
    "tcn": {"num_layers": 2, "num_units": 8},
    "lstm": {"num_layers": 2, "num_units": 8},
    "gru": {"num_layers": 1, "num_units": 8, "bidirectional": True},
    "netvlad": {"num_clusters": 4, "hidden_size": 6},
    "attention": {"num_heads": 2, "num_units": 4, "hidden_size": 6},
}
LENGTH = 13


@pytest.fixture(scope="module")
def batch():
    frames = np.random.default_rng(0).integers(0, 256, (3, LENGTH, 128), np.uint8)
    return {"audio": frames, "num_frames": np.array([LENGTH, 9, 0], np.int32)}


def built(name, **options):
    return build_for_pretraining(make_architecture(name, **SMALL[name]), ("audio",), PretrainConfig(**options))


def changed(batch, places):
    """The batch with other frames at some places [T] or [B, T]."""
    places = np.broadcast_to(places, batch["audio"].shape[:2])
    return batch | {"audio": np.where(places[:, :, None], 255 - batch["audio"], batch["audio"])}


@pytest.mark.parametrize("name", ["transformer", "tcn", "lstm"])
def test_forecasts_depend_on_no_later_frame(batch, name):
    model, seen = built(name), 5
    first, second = model(batch), model(changed(batch, np.arange(LENGTH) > seen))
    assert len(first[PREDICTED]) == 3
    assert VISIBLE not in first
    for one, other in zip(first[PREDICTED], second[PREDICTED], strict=True):
        np.testing.assert_allclose(one[:, : seen + 1], other[:, : seen + 1], atol=1e-5)
        assert np.abs(ops.convert_to_numpy(one - other))[0, seen + 1 :].max() > 1e-3, "the change must be seen"


@pytest.mark.parametrize("name", ["transformer", "gru", "netvlad", "attention"])
def test_hidden_frames_are_not_seen(batch, name):
    model = built(name, task="masked")
    first = model(batch)
    hidden = np.asarray(first[REAL]) & ~np.asarray(first[VISIBLE])
    assert 0.2 < hidden[0].mean() < 0.5
    (one,), (other,) = first[PREDICTED], model(changed(batch, hidden))[PREDICTED]
    np.testing.assert_allclose(one, other, atol=1e-5)
    (other,) = model(changed(batch, np.asarray(first[VISIBLE])))[PREDICTED]
    assert np.abs(ops.convert_to_numpy(one - other))[0].max() > 1e-3
    assert len(one.shape) == (2 if name in ("netvlad", "attention") else 3)


@pytest.mark.parametrize("name", SMALL)
def test_layers_before_the_head_are_those_of_the_model(name):
    pretrained, model = layers_of(built(name)), layers_of(build_model(name, 5, features=("audio",), **SMALL[name]))
    before = set(model) - {"head", "probability_gating"}
    assert before <= set(pretrained)
    for each in before:
        shapes = [[variable.shape for variable in layers[each].weights] for layers in (pretrained, model)]
        assert shapes[0] == shapes[1], each
    assert "head" not in pretrained


REFUSED = {
    "pools": ("netvlad", {}, "next", "netvlad pools the frames; use --pretrain.task masked"),
    "sees later frames": ("tcn", {"causal": False}, "next", "tcn reads later frames, too; use --pretrain.task masked"),
    "means of videos": ("moe", {}, "auto", "moe reads the means of videos"),
    "branches": ("mix_nextvlad", {}, "auto", "mix_nextvlad has no single vector"),
    "no layers": (
        "frame_logistic",
        {"normalise_frames": True},
        "auto",
        "frame_logistic has no weights before its head",
    ),
}


@pytest.mark.parametrize(("name", "hyperparameters", "task", "message"), REFUSED.values(), ids=REFUSED)
def test_models_that_cannot(name, hyperparameters, task, message):
    with pytest.raises(InputError, match=message):
        build_for_pretraining(make_architecture(name, **hyperparameters), ("audio",), PretrainConfig(task=task))


def test_whitened_values_have_no_correlation():
    random = np.random.default_rng(0)
    rows = (random.normal(size=(2000, 5)) @ random.normal(size=(5, 5)) + 3.0).astype(np.float32)
    layer = Whitening()
    layer.build((None, None, 5))
    layer.fit(rows.mean(axis=0), np.cov(rows.T, bias=True))
    found = np.asarray(layer(rows[None])).reshape(-1, 5)
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(np.cov(found.T, bias=True), np.eye(5), atol=1e-2)


def test_a_value_that_never_changes_is_not_blown_up():
    layer = Whitening()
    layer.build((None, None, 2))
    layer.fit(np.array([1.0, 2.0]), np.diag([4.0, 0.0]))
    np.testing.assert_allclose(layer(np.array([[[3.0, 2.1]]], np.float32)), [[[1.0, 0.1 / 0.004**0.5]]], rtol=1e-4)


def test_pieces_are_hidden_at_random_in_training_and_always_the_same_otherwise():
    layer, mask = HiddenFrames(0.3, 4), np.ones((200, 24), bool)
    mask[0, 10:] = False
    visible = np.asarray(layer(mask, training=True))
    pieces = visible[1:].reshape(-1, 4)
    assert np.all(pieces == pieces[:, :1])
    assert 1 - pieces.mean() == pytest.approx(0.3, abs=0.04)
    assert not visible[0, 10:].any(), "padding is not visible"
    assert np.any(visible != np.asarray(layer(mask, training=True)))
    still = np.asarray(layer(mask))
    np.testing.assert_array_equal(still, layer(mask))
    np.testing.assert_array_equal(np.flatnonzero(~still[1]), [*range(4, 8), *range(16, 20)])
