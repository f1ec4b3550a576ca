"""Optimizers with clipping, weight decay and moving averages, for the replica context of the loop.

Keras's own optimizers go over every weight about ten times a step, and all-reduce the gradients only after clipping. Here the
gradients are already summed over the replicas, and TensorFlow's fused kernels update a weight and its moments in one pass. Each
replica updates its own copy. The copies stay equal because all replicas get the same gradients.
"""

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence

import keras
import tensorflow as tf

from yt8m.config import TrainingConfig
from yt8m.training.layer_groups import factors_of_variables
from yt8m.training.schedules import learning_rate_at

BETA_1, BETA_2 = 0.9, 0.999

Slots = list[tf.Variable]


class Optimizer(ABC):
    """The base of all optimizers. Create them in the strategy's scope.

    Args:
        variables: the trainable variables, in the order of the gradients.
        config: learning rate, clipping, decay.
        factors: a factor on the learning rate of each variable; None = 1 for all.
    """

    def __init__(
        self, variables: Sequence[tf.Variable], config: TrainingConfig, factors: Sequence[float] | None = None
    ):
        self._variables, self._config = list(variables), config
        self._factors = list(factors) if factors else [1.0] * len(self._variables)
        self.averages = self._make_slots(tf.convert_to_tensor) if config.ema_decay else []

    @property
    @abstractmethod
    def slots(self) -> dict[str, Slots]:
        """The state to save beside `averages`, by name."""

    @abstractmethod
    def _update(self, gradients: Sequence[tf.Tensor], rates: Sequence[tf.Tensor], updates: tf.Tensor) -> None:
        """Updates the variables, each at its own rate. `updates` counts from 1, float32 []."""

    def apply(self, gradients: Sequence[tf.Tensor], step: tf.Tensor) -> tf.Tensor:
        """Updates the weights. Call it in replica context, with gradients already summed over the replicas.

        Args:
            gradients: one for each variable.
            step: int64 [], counted from 0.

        Returns:
            The gradients' global norm before clipping, float32 [].
        """
        norm = tf.linalg.global_norm(gradients)
        if self._config.clip_norm:
            scale = self._config.clip_norm / tf.maximum(norm, self._config.clip_norm)
            gradients = [gradient * scale for gradient in gradients]
        learning_rate = learning_rate_at(self._config, step)
        updates = tf.cast(step, tf.float32) + 1.0
        rates = [learning_rate if factor == 1.0 else learning_rate * factor for factor in self._factors]
        if self._config.weight_decay:
            self._decay_matrices(rates)
        self._update(gradients, rates, updates)
        if self.averages:
            self._update_averages(updates)
        return norm

    @contextlib.contextmanager
    def averaged_weights(self) -> Iterator[None]:
        """Sets the variables to their moving averages for the block, if there are any. Not for replica context."""
        weights = [tf.identity(variable) for variable in self._variables] if self.averages else []
        for variable, average in zip(self._variables, self.averages, strict=False):
            variable.assign(average)
        try:
            yield
        finally:
            for variable, weight in zip(self._variables, weights, strict=False):
                variable.assign(weight)

    def _make_slots(self, initial: Callable[[tf.Variable], tf.Tensor]) -> Slots:
        return [tf.Variable(initial(variable), trainable=False) for variable in self._variables]

    def _decay_matrices(self, rates: Sequence[tf.Tensor]) -> None:
        """Decoupled weight decay (arXiv 1711.05101)."""
        for variable, rate in zip(self._variables, rates, strict=True):
            if len(variable.shape) > 1:
                share = rate * self._config.weight_decay
                tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=share, delta=variable)

    def _update_averages(self, updates: tf.Tensor) -> None:
        # Early averages would be dominated by the initial weights, so the decay starts low.
        decay = tf.minimum(self._config.ema_decay, (1.0 + updates) / (10.0 + updates))
        for average, variable in zip(self.averages, self._variables, strict=True):
            delta = tf.convert_to_tensor(average) - tf.convert_to_tensor(variable)
            tf.raw_ops.ResourceApplyGradientDescent(var=average.handle, alpha=1.0 - decay, delta=delta)


class Adam(Optimizer):
    """Adam (arXiv 1412.6980, algorithm 1). Epsilon is added to the uncorrected root, as in the text below it."""

    def __init__(self, variables, config, factors=None):
        super().__init__(variables, config, factors)
        self.first_moments = self._make_slots(tf.zeros_like)
        self.second_moments = self._make_slots(tf.zeros_like)

    @property
    def slots(self) -> dict[str, Slots]:
        """Both moments."""
        return {"first_moments": self.first_moments, "second_moments": self.second_moments}

    def _update(self, gradients, rates, updates):
        beta_1_power, beta_2_power = tf.pow(BETA_1, updates), tf.pow(BETA_2, updates)
        for variable, first, second, gradient, rate in zip(
            self._variables, self.first_moments, self.second_moments, gradients, rates, strict=True
        ):
            tf.raw_ops.ResourceApplyAdam(
                var=variable.handle,
                m=first.handle,
                v=second.handle,
                beta1_power=beta_1_power,
                beta2_power=beta_2_power,
                lr=rate,
                beta1=BETA_1,
                beta2=BETA_2,
                epsilon=self._config.epsilon,
                grad=gradient,
            )


class Momentum(Optimizer):
    """Stochastic gradient descent: ``v = momentum * v + gradient; w = w - rate * v``. With momentum 0, no v is kept."""

    def __init__(self, variables, config, factors=None):
        super().__init__(variables, config, factors)
        self.velocities = self._make_slots(tf.zeros_like) if config.momentum else []

    @property
    def slots(self) -> dict[str, Slots]:
        """The velocities."""
        return {"velocities": self.velocities}

    def _update(self, gradients, rates, updates):
        if not self.velocities:
            for variable, gradient, rate in zip(self._variables, gradients, rates, strict=True):
                tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
            return
        for variable, velocity, gradient, rate in zip(self._variables, self.velocities, gradients, rates, strict=True):
            tf.raw_ops.ResourceApplyMomentum(
                var=variable.handle,
                accum=velocity.handle,
                lr=rate,
                grad=gradient,
                momentum=self._config.momentum,
            )


class Adafactor(Optimizer):
    """Adafactor without momentum (arXiv 1804.04235, algorithms 4 and 5): sublinear memory for matrices.

    It uses the paper's constants: decay ``1 - updates ** -0.8``, clipping threshold 1, epsilons 1e-30 and 1e-3. The learning
    rate is relative: it is multiplied by the root mean square of the variable.
    """

    SMALLEST_SQUARE, SMALLEST_SCALE, CLIPPING = 1e-30, 1e-3, 1.0

    def __init__(self, variables, config, factors=None):
        super().__init__(variables, config, factors)
        # A matrix has the means of its rows and of its columns. Everything else has the whole second moment, in rows.
        self.rows = self._make_slots(lambda value: tf.zeros(value.shape[:-1] if len(value.shape) > 1 else value.shape))
        self.columns = self._make_slots(
            lambda value: tf.zeros([*value.shape[:-2], value.shape[-1]] if len(value.shape) > 1 else [0])
        )

    @property
    def slots(self) -> dict[str, Slots]:
        """The factors of the second moments."""
        return {"rows": self.rows, "columns": self.columns}

    def _update(self, gradients, rates, updates):
        decay = 1.0 - tf.pow(updates, -0.8)
        for variable, row, column, gradient, rate in zip(
            self._variables, self.rows, self.columns, gradients, rates, strict=True
        ):
            squares = tf.square(gradient) + self.SMALLEST_SQUARE
            if len(variable.shape) > 1:
                rows = self._blend(row, tf.reduce_mean(squares, axis=-1), decay)
                columns = self._blend(column, tf.reduce_mean(squares, axis=-2), decay)
                mean = tf.reduce_mean(rows, axis=-1, keepdims=True)
                direction = gradient * tf.math.rsqrt(rows / mean)[..., None] * tf.math.rsqrt(columns)[..., None, :]
            else:
                direction = gradient * tf.math.rsqrt(self._blend(row, squares, decay))
            direction /= tf.maximum(1.0, _root_mean_square(direction) / self.CLIPPING)
            relative = rate * tf.maximum(self.SMALLEST_SCALE, _root_mean_square(tf.convert_to_tensor(variable)))
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=relative, delta=direction)

    @staticmethod
    def _blend(slot: tf.Variable, value: tf.Tensor, decay: tf.Tensor) -> tf.Tensor:
        blended = decay * tf.convert_to_tensor(slot) + (1.0 - decay) * value
        tf.raw_ops.AssignVariableOp(resource=slot.handle, value=blended)
        return blended


def _root_mean_square(values: tf.Tensor) -> tf.Tensor:
    return tf.sqrt(tf.reduce_mean(tf.square(values)))


OPTIMIZERS: dict[str, type[Optimizer]] = {"adam": Adam, "adamw": Adam, "sgd": Momentum, "adafactor": Adafactor}


def make_optimizer(
    variables: Sequence[tf.Variable], config: TrainingConfig, factors: Sequence[float] | None = None
) -> Optimizer:
    """Makes the optimizer that `--training.optimizer` names. Call it in the strategy's scope. Arguments: see `Optimizer`."""
    return OPTIMIZERS[config.optimizer](variables, config, factors)


def optimizer_of(model: keras.Model, config: TrainingConfig) -> Optimizer:
    """Makes the optimizer of a model's trainable variables, after `yt8m.training.layer_groups.freeze`."""
    trainable = [variable.value for variable in model.trainable_variables]
    return make_optimizer(trainable, config, factors_of_variables(model, config))
