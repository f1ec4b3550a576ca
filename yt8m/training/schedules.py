"""Computes the learning rate of every step."""

import math

import tensorflow as tf

from yt8m.config import TrainingConfig
from yt8m.errors import quantity


def learning_rate_at(config: TrainingConfig, step: tf.Tensor) -> tf.Tensor:
    """Returns the learning rate of a step, float32 [].

    It is ``learning_rate`` times the factor of the schedule, and times ``(step + 1) / warmup_steps`` during warm-up. Factors:

    - exponential: ``decay ** (examples seen / decay_examples)``, the exponent rounded down unless the decay is smooth;
    - cosine: ``(1 + cos(pi * t)) / 2``, t from 0 at the end of warm-up to 1 at the last step (arXiv 1608.03983, one cycle);
    - constant: 1.

    Args:
        config: the schedule.
        step: int64 [], counted from 0.
    """
    done = tf.cast(step, tf.float32)
    rate = tf.constant(config.learning_rate, tf.float32)
    if config.schedule == "exponential":
        decays = done * (config.batch_size / config.learning_rate_decay_examples)
        if not config.learning_rate_smooth_decay:
            decays = tf.floor(decays)
        rate *= tf.pow(tf.constant(config.learning_rate_decay, tf.float32), decays)
    elif config.schedule == "cosine":
        cooling = max(1, config.num_steps - config.warmup_steps)
        progress = tf.clip_by_value((done - config.warmup_steps) / cooling, 0.0, 1.0)
        rate *= (1.0 + tf.cos(math.pi * progress)) / 2.0
    if config.warmup_steps:
        rate *= tf.minimum(1.0, (done + 1.0) / config.warmup_steps)
    return rate


def warmup_remark(config: TrainingConfig) -> str | None:
    """Returns a remark if warm-up lasts until the end of the training or longer; None if it is shorter."""
    if config.warmup_steps < config.num_steps:
        return None
    largest = config.learning_rate * config.num_steps / config.warmup_steps
    return (
        f"the warm-up takes {quantity(config.warmup_steps, 'step')} and training ends after {config.num_steps}, so the "
        f"learning rate only rises, to {largest:.3g} at most; lower --training.warmup-steps or raise --training.num-steps"
    )
