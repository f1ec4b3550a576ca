"""The learning rate by hand."""

import pytest
import tensorflow as tf

from yt8m.config import TrainingConfig
from yt8m.training.schedules import learning_rate_at, warmup_remark

SCHEDULES = {
    "stairs": ({}, {0: 0.1, 9: 0.1, 10: 0.05, 19: 0.05, 20: 0.025, 30: 0.0125}),
    "smooth": ({"learning_rate_smooth_decay": True}, {0: 0.1, 5: 0.1 * 0.5**0.5, 10: 0.05, 20: 0.025}),
    "warm-up": ({"warmup_steps": 4}, {0: 0.025, 1: 0.05, 2: 0.075, 3: 0.1, 4: 0.1, 10: 0.05}),
    "no decay": ({"learning_rate_decay": 1.0}, {0: 0.1, 10_000_000: 0.1}),
    "constant": ({"schedule": "constant", "warmup_steps": 2}, {0: 0.05, 1: 0.1, 50: 0.1, 10_000_000: 0.1}),
    "cosine": ({"schedule": "cosine", "num_steps": 12}, {0: 0.1, 3: 0.0853553, 6: 0.05, 9: 0.0146447, 12: 0.0}),
    "cosine after warm-up": (
        {"schedule": "cosine", "num_steps": 16, "warmup_steps": 4},
        {0: 0.025, 3: 0.1, 4: 0.1, 10: 0.05, 16: 0.0, 99: 0.0},
    ),
}


@pytest.mark.parametrize(("changes", "rates"), SCHEDULES.values(), ids=SCHEDULES)
def test_the_schedule_by_hand(changes, rates):
    """Batches of 8 and a decay every 80 examples: every tenth step."""
    base = {"learning_rate": 0.1, "learning_rate_decay": 0.5, "learning_rate_decay_examples": 80, "batch_size": 8}
    config = TrainingConfig(**base | changes)
    for step, rate in rates.items():
        assert float(learning_rate_at(config, tf.constant(step, tf.int64))) == pytest.approx(rate, rel=1e-5, abs=1e-9)


def test_the_published_schedule_decays_at_the_right_step():
    """Gated NetVLAD: batch 80, times 0.8 every 4 million examples, which is every 50 000 steps."""
    config = TrainingConfig(
        learning_rate=2e-4, learning_rate_decay=0.8, learning_rate_decay_examples=4_000_000, batch_size=80
    )
    for decays in range(1, 7):
        before, after = (
            float(learning_rate_at(config, tf.constant(50_000 * decays + offset, tf.int64))) for offset in (-1, 0)
        )
        assert before == pytest.approx(2e-4 * 0.8 ** (decays - 1), rel=1e-5)
        assert after == pytest.approx(2e-4 * 0.8**decays, rel=1e-5)


@pytest.mark.parametrize(("warmup_steps", "largest"), [(100, "0.1"), (400, "0.025")])
def test_a_warm_up_that_lasts_to_the_end_is_remarked_on(warmup_steps, largest):
    config = TrainingConfig(learning_rate=0.1, schedule="constant", num_steps=100, warmup_steps=warmup_steps)
    assert f"only rises, to {largest} at most" in warmup_remark(config)
    assert float(learning_rate_at(config, tf.constant(99, tf.int64))) == pytest.approx(float(largest))


def test_a_warm_up_that_ends_before_is_not():
    assert warmup_remark(TrainingConfig(num_steps=100, warmup_steps=99)) is None
