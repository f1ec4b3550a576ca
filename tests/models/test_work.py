"""The work of models by arithmetic, beside products counted by hand."""

import pytest
from small_models import is_frame_level

from yt8m.data.features import DEFAULT_FEATURES
from yt8m.models import list_models, make_architecture
from yt8m.models.sizes import num_parameters
from yt8m.models.work import OF_A_FRAME, work_of

BY_HAND = {
    # of a frame, at rgb 1024 and audio 128
    "frame_logistic": ({}, 0),
    "dbof": ({"num_clusters": 100}, 1152 * 100),
    "soft_dbow": ({"num_clusters": 800}, 1024 * 800 + 128 * 100),
    "netvlad": ({"num_clusters": 64}, 2 * (1024 * 64 + 128 * 32)),
    "netrvlad": ({"num_clusters": 64}, 2 * (1024 * 64 + 128 * 32)),
    "netfv": ({"num_clusters": 64}, 3 * (1024 * 64 + 128 * 32)),
    "lstm": ({"num_layers": 2, "num_units": 16}, 4 * 16 * (1152 + 16) + 4 * 16 * (16 + 16)),
    "gru": ({"num_layers": 1, "num_units": 16}, 3 * 16 * (1152 + 16)),
    "attention": ({"num_heads": 4, "num_units": 8}, 4 * (8 * 2 * 1152 + 1152)),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_the_products_of_each_frame(name):
    hyperparameters, expected = BY_HAND[name]
    model = make_architecture(name, **hyperparameters)
    few, many = (work_of(model, 10, DEFAULT_FEATURES, count).products for count in (1, 11))
    assert many - few == 10 * expected
    assert few - expected == num_parameters(model, 10, DEFAULT_FEATURES)


def test_frames_of_a_transformer_attend_to_each_other():
    model = make_architecture("transformer", num_layers=1, num_units=1152, hidden_size=100)
    of_a_frame = 4 * 1152**2 + 2 * 1152 * 100
    products = work_of(model, 10, DEFAULT_FEATURES, 7).products - num_parameters(model, 10, DEFAULT_FEATURES)
    assert products == 7 * of_a_frame + 2 * 7 * 7 * 1152


def test_every_model_of_frames_has_a_formula():
    assert set(OF_A_FRAME) == {name for name in list_models() if is_frame_level(name)}
    assert all(work_of(make_architecture(name), 10, DEFAULT_FEATURES, 5).values > 1152 for name in list_models())
