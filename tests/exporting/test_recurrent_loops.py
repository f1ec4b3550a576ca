"""Loops for converters give what the layers' own loops give."""

import keras
import numpy as np
import pytest

from yt8m.exporting.recurrent_loops import plain_loops, recurrences
from yt8m.layers.recurrent import GRU, LSTM

COUNTS = np.array([6, 2, 0])


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("kind", [GRU, LSTM])
def test_plain_loops_give_the_same_states_and_end_with_the_block(kind, backwards):
    layer = kind(5, backwards)
    frames = keras.random.normal([len(COUNTS), COUNTS.max(), 4], seed=1)
    mask = np.arange(COUNTS.max()) < COUNTS[:, None]
    expected, own = layer(frames, mask), layer.states
    with plain_loops([layer]):
        assert layer.states is not own
        found = layer(frames, mask)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert layer.states == own


def test_recurrent_layers_are_found_in_models_inside_a_model():
    frames, mask = keras.Input((None, 3)), keras.Input((None,), dtype="bool")
    states = GRU(2, name="inner")(frames, mask)
    inner = keras.Model([frames, mask], states)
    outer = keras.Model([frames, mask], LSTM(2, name="outer")(inner([frames, mask]), mask))
    assert {layer.name for layer in recurrences(outer)} == {"inner", "outer"}
    assert recurrences(keras.Sequential([keras.layers.Dense(2)])) == []
