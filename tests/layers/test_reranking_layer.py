"""The layer says what `yt8m.reranking` says."""

import keras
import numpy as np
import pytest
from made_up_rerankers import made_up

from yt8m.layers.reranking import RerankedLogits


@pytest.mark.parametrize("num_members", [1, 3])
@pytest.mark.parametrize("num_candidates", [5, 40])
def test_it_is_the_same_network(num_members, num_candidates, tmp_path):
    reranker = made_up(num_members, num_candidates=num_candidates)
    inputs = [keras.Input([12]) for _ in range(num_members)]
    layer = RerankedLogits(12, reranker.weights, reranker.intercept, num_candidates, 2, (4, 3), name="reranked")
    model = keras.Model(inputs, layer(inputs))
    layer.assign(reranker)
    values = np.random.default_rng(0).normal(0, 2, (7, 12, num_members)).astype(np.float32)
    values[0, 3] = 90.0  # counts as 30
    values[1] = -90.0
    batch = [values[:, :, member] for member in range(num_members)]
    expected = reranker.logits(np.clip(values, -30, 30))
    np.testing.assert_allclose(model(batch), expected, rtol=1e-4, atol=1e-4)
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(keras.models.load_model(tmp_path / "model.keras")(batch), model(batch), atol=1e-6)
    assert not layer.trainable_weights
