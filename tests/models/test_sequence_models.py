"""What only sequence models promise: that the order matters or not, how far they see, and their published sizes."""

import numpy as np
import pytest
from small_models import NUM_CLASSES, SMALL, make_batch, parameters_of, randomise

from yt8m.errors import InputError
from yt8m.models import build_model, make_architecture
from yt8m.recipes import make_config

FULL = (6, 6, 6, 6)


def logits_in_both_orders(name, **hyperparameters):
    """Logits of videos, and of the same videos with their frames the other way round."""
    hyperparameters = SMALL[name] | {"normalise_frames": False} | hyperparameters  # the longer, the more they matter
    model = build_model(name, NUM_CLASSES, features=("audio",), **hyperparameters)
    randomise(model)
    batch = make_batch(name, FULL, features=("audio",))
    reversed_batch = batch | {"audio": np.ascontiguousarray(batch["audio"][:, ::-1])}
    return model(batch).numpy(), model(reversed_batch).numpy()


@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [
        ("lstm", {}),
        ("lstm", {"bidirectional": True}),
        ("gru", {}),
        ("gru", {"bidirectional": True}),
        ("transformer", {}),
        ("transformer", {"pooling": "first", "positions": False}),
        ("tcn", {}),
        ("tcn", {"causal": False}),
    ],
)
def test_the_order_of_frames_matters(name, hyperparameters):
    forwards, backwards = logits_in_both_orders(name, **hyperparameters)
    assert np.all(np.abs(forwards - backwards).max(axis=1) > 1e-2)


@pytest.mark.parametrize(
    ("name", "hyperparameters"),
    [
        ("attention", {}),
        ("transformer", {"pooling": "mean", "positions": False}),
        ("transformer", {"pooling": "attention", "positions": False}),
    ],
)
def test_without_positions_attention_sees_a_set_of_frames(name, hyperparameters):
    np.testing.assert_allclose(*logits_in_both_orders(name, **hyperparameters), atol=1e-5)


def test_heads_that_do_not_divide_the_width():
    with pytest.raises(InputError, match=r"num-heads is 5, which does not divide --model\.num-units 1152"):
        make_architecture("transformer", num_heads=5)


def test_the_last_block_of_a_tcn_sees_the_longest_video():
    """A block reads (k - 1) * dilation earlier frames with each of its two convolutions."""
    tcn = make_architecture("tcn")
    earlier = sum(2 * (tcn.kernel_size - 1) * 2**block for block in range(tcn.num_layers))
    assert earlier + 1 == 509
    assert earlier + 1 >= make_config("tcn").data.max_frames


MIXTURE = 3862 * 5 + 2 * 3862 / 1024
"""Of a state's unit: gates and experts, and for 1024 units the biases."""


@pytest.mark.parametrize(
    ("name", "hyperparameters", "expected"),
    [
        ("lstm", {}, 4 * 1024 * (1152 + 1025) + 4 * 1024 * (1024 + 1025) + 1024 * MIXTURE),
        ("lstm", {"bidirectional": True}, 82_562_604),
        ("gru", {}, 3 * 1200 * (1152 + 1201) + 3 * 1200 * (1200 + 1201) + 1200 * 3862 * 5 + 2 * 3862),
        ("gru", {"bidirectional": True}, 89_220_524),
        ("attention", {}, 8 * 128 * (2 * 1152 + 1) + (8 * 1152 + 1) * 1024 + 1024 * MIXTURE),
        ("attention", {"num_heads": 16}, 43_377_196),
        ("transformer", {}, 47_054_636),
        ("transformer", {"num_layers": 3}, 59_454_380),
        ("tcn", {}, 22_492_204),
    ],
)
def test_parameters_at_full_size(name, hyperparameters, expected):
    assert parameters_of(name, 3862, **hyperparameters) == expected
