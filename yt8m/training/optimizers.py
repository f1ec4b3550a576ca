"""Adam with everything around it (schedule, clipping, weight decay, moving average), for the loop's replica context.

Keras's own optimizers go over every weight about ten times a step and leave the all-reduce of gradients until after
clipping. Here the gradients come in already summed over the replicas, and TensorFlow's fused kernel updates a weight and
its two moments in one pass. It acts on the replica's own copy; as all replicas get the same gradients, the copies stay equal.
"""

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf

from yt8m.config import TrainingConfig

BETA_1, BETA_2 = 0.9, 0.999


def learning_rate_at(config: TrainingConfig, step: tf.Tensor) -> tf.Tensor:
    """The learning rate of a step, float32 [].

    ``learning_rate * decay ** (examples seen / decay_examples)``, the exponent rounded down unless the decay is smooth,
    times ``(step + 1) / warmup_steps`` during warm-up.

    Args:
        config: the schedule.
        step: int64 [], counted from 0.
    """
    decays = tf.cast(step, tf.float32) * (config.batch_size / config.learning_rate_decay_examples)
    if not config.learning_rate_smooth_decay:
        decays = tf.floor(decays)
    rate = config.learning_rate * tf.pow(tf.constant(config.learning_rate_decay, tf.float32), decays)
    if config.warmup_steps:
        rate *= tf.minimum(1.0, (tf.cast(step, tf.float32) + 1.0) / config.warmup_steps)
    return rate


class Adam:
    """Adam (arXiv 1412.6980) with decoupled weight decay (arXiv 1711.05101) and a moving average of the weights.

    Create it in the strategy's scope.

    Args:
        variables: the trainable variables, in the order the gradients will have.
        config: learning rate, clipping, decay.
    """

    def __init__(self, variables: Sequence[tf.Variable], config: TrainingConfig):
        def slots(initial):
            return [tf.Variable(initial(variable), trainable=False) for variable in variables]

        self._variables, self._config = list(variables), config
        self.first_moments = slots(tf.zeros_like)
        self.second_moments = slots(tf.zeros_like)
        self.averages = slots(tf.convert_to_tensor) if config.ema_decay else []

    def apply(self, gradients: Sequence[tf.Tensor], step: tf.Tensor) -> tf.Tensor:
        """Updates the weights; call it in replica context with gradients already summed over the replicas.

        Args:
            gradients: one a variable.
            step: int64 [], counted from 0.

        Returns:
            The gradients' global norm before clipping, float32 [].
        """
        norm = tf.linalg.global_norm(gradients)
        if self._config.clip_norm:
            scale = self._config.clip_norm / tf.maximum(norm, self._config.clip_norm)
            gradients = [gradient * scale for gradient in gradients]
        learning_rate = learning_rate_at(self._config, step)
        if self._config.weight_decay:
            self._decay_matrices(learning_rate * self._config.weight_decay)
        updates = tf.cast(step, tf.float32) + 1.0
        beta_1_power, beta_2_power = tf.pow(BETA_1, updates), tf.pow(BETA_2, updates)
        for variable, first, second, gradient in zip(
            self._variables, self.first_moments, self.second_moments, gradients, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=beta_1_power,
                beta2_power=beta_2_power,
                lr=learning_rate,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=self._config.epsilon,
                grad=gradient,
            )
        if self.averages:
            self._update_averages(updates)
        return norm

    @contextlib.contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """A context in which the variables have their moving averages; outside replica context. Nothing without EMA."""
        weights = [tf.identity(variable) for variable in self._variables] if self.averages else []
        for variable, average in zip(self._variables, self.averages, strict=False):
            variable.assign(average)
        try:
            yield
        finally:
            for variable, weight in zip(self._variables, weights, strict=False):
                variable.assign(weight)

    def _decay_matrices(self, rate: tf.Tensor) -> None:
        for variable in self._variables:
            if len(variable.shape) > 1:
                tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=variable)

    def _update_averages(self, updates: tf.Tensor) -> None:
        # The average of few weights would remember the initial ones, so the decay starts low.
        decay = tf.minimum(self._config.ema_decay, (1.0 + updates) / (10.0 + updates))
        for average, variable in zip(self.averages, self._variables, strict=True):
            delta = tf.convert_to_tensor(average) - tf.convert_to_tensor(variable)
            tf.raw_ops.ResourceApplyGradientDescent(var=average.handle, alpha=1.0 - decay, delta=delta)
