"""The loss that training minimises: on the labels, of the model's stages, and against a teacher."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import keras
import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.layers.penalties import SquaredNorm
from yt8m.models.registry import BuiltModel
from yt8m.training.distillation import Teacher, distillation_losses
from yt8m.training.losses import TrainingLoss, staged_losses
from yt8m.training.rematerialisation import forward_of


class ModelObjective(ABC):
    """The loss of a step: the losses of the videos, and the penalties of the model's weights.

    Args:
        model: the model that is trained, with all its outputs.
        config: whether the insides of its blocks are computed twice.

    Raises:
        InputError: see `yt8m.training.rematerialisation.forward_of`.
    """

    def __init__(self, model: keras.Model, config: RunConfig):
        self._model, self._forward = model, forward_of(model, config)
        self._regularizers = [variable.regularizer for variable in model.trainable_variables]

    @property
    def model(self) -> keras.Model:
        """The model that is trained, with all its outputs."""
        return self._model

    @abstractmethod
    def losses(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns the loss of each video, or rated segment, without the penalties of weights: float32 [B]."""

    def _other_penalties(self) -> list[tf.Tensor]:
        """Returns the terms that layers add to the loss, float32 [] each, without the squared norms of weights."""
        penalties = list(self._model.losses)
        regularizers = [each for each in self._regularizers if each]
        of_layers = len(penalties) - len(regularizers)  # penalties of weights come last, in the order of the weights
        squared = [False] * of_layers + [isinstance(each, SquaredNorm) for each in regularizers]
        return [penalty for penalty, left_out in zip(penalties, squared, strict=True) if not left_out]

    def loss_and_gradients(
        self, batch: dict[str, tf.Tensor], batch_size: int, replicas: int, pieces: int
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns this replica's share of the loss, float32 [], and of the gradients.

        The sums over the replicas are the loss and the gradients of the batch.

        Args:
            batch: this replica's share of the batch.
            batch_size: the size of the whole batch.
            replicas: number of replicas that compute together.
            pieces: number of pieces to compute the share in, one after another, to hold the activations of one at a time.
        """
        variables = [variable.value for variable in self._model.trainable_variables]
        total, sums = tf.constant(0.0), None
        split = {key: tf.split(value, pieces) for key, value in batch.items()}
        for piece in range(pieces):
            # Otherwise TensorFlow would compute the pieces at the same time.
            with tf.control_dependencies(sums or []), tf.GradientTape() as tape:
                part = {key: tf.identity(values[piece]) for key, values in split.items()}
                loss = tf.reduce_sum(self.losses(part)) / batch_size
                # Every piece on every replica has all penalties.
                loss += tf.add_n(self._other_penalties() or [0.0]) / (replicas * pieces)
            gradients = tape.gradient(loss, variables)
            sums = [kept + new for kept, new in zip(sums, gradients, strict=True)] if sums else gradients
            total += loss
        # Computes a norm and its gradient in one pass over a matrix; the tape would take several.
        for place, regularizer in enumerate(self._regularizers):
            if isinstance(regularizer, SquaredNorm):
                share = regularizer.l2 / replicas
                total += share * tf.nn.l2_loss(variables[place])
                sums[place] += share * variables[place]
        return total, sums


class Objective(ModelObjective):
    """The loss on the labels of a batch.

    Args:
        built: the model.
        config: the kind of loss, and the weight of a teacher.
        teacher: the teacher to learn from beside the labels, if any.
        ranked_classes: see `TrainingLoss`.
    """

    def __init__(
        self,
        built: BuiltModel,
        config: RunConfig,
        teacher: Teacher | None,
        ranked_classes: Sequence[int] | None = None,
    ):
        super().__init__(built.training, config)
        self._temperature = built.temperature
        self._loss = TrainingLoss(config.loss, config.data.num_classes, ranked_classes)
        self._distill, self._teacher = config.distill, teacher

    def losses(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns the loss of each video, or rated segment, without the penalties of weights: float32 [B]."""
        outputs = self._forward({key: batch[key] for key in self._model.input})
        final, *stages = tf.nest.flatten(outputs)  # a single output comes without its list
        losses = staged_losses(self._loss, final, stages, self._temperature, batch)
        if self._teacher:
            taught = distillation_losses(final, self._teacher.logits(batch), self._distill)
            losses = (1.0 - self._distill.weight) * losses + self._distill.weight * taught
        return losses
