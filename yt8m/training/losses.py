"""Losses of a batch of videos or rated segments, each summed over the classes.

The reported loss is always the reference's cross-entropy (`video_losses`). The minimised one may differ (`TrainingLoss`).
"""

from collections.abc import Callable, Sequence
from typing import get_args

import numpy as np
import tensorflow as tf

from yt8m.config import LossConfig, LossKind
from yt8m.data.tables.class_weights import read_class_weights
from yt8m.scoring.cross_entropy import scatter, targets_and_weights

ClassLosses = Callable[[tf.Tensor, tf.Tensor, LossConfig], tf.Tensor]
"""Takes logits, targets from 0 to 1 and hyper-parameters; returns the losses of the classes, float32 [B, C]."""

CLASS_LOSSES: dict[LossKind, ClassLosses] = {}
"""The function of each kind in `LossConfig`."""


def minimises(kind: LossKind) -> Callable[[ClassLosses], ClassLosses]:
    """Registers a function for a name of `--loss.kind`. Raises ValueError if `yt8m.config.LossKind` lacks the name."""
    if kind not in get_args(LossKind):
        raise ValueError(f"{kind!r} is no LossKind; add it in yt8m/config/training.py")

    def register(function: ClassLosses) -> ClassLosses:
        CLASS_LOSSES[kind] = function
        return function

    return register


@minimises("bce")
def cross_entropies(logits: tf.Tensor, targets: tf.Tensor, config: LossConfig) -> tf.Tensor:
    """Binary cross-entropy."""
    return _cross_entropies(logits, targets)


@tf.custom_gradient
def _cross_entropies(logits: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """As TensorFlow's, to the bit, with the gradient in three passes over the classes, where the tape takes a dozen."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return upstream * (tf.sigmoid(logits) - targets), -upstream * logits

    return tf.maximum(logits, 0.0) - logits * targets + tf.math.log1p(tf.exp(-tf.abs(logits))), gradient


@minimises("focal")
def focal_losses(logits: tf.Tensor, targets: tf.Tensor, config: LossConfig) -> tf.Tensor:
    """Focal loss: ``-(1 - p_t) ** gamma * log p_t``, where p_t is the probability of the truth (arXiv 1708.02002).

    Targets between 0 and 1 blend the losses of both truths.
    """
    gamma = config.focal_gamma
    present = tf.exp(gamma * tf.math.log_sigmoid(-logits)) * tf.nn.softplus(-logits)
    absent = tf.exp(gamma * tf.math.log_sigmoid(logits)) * tf.nn.softplus(logits)
    return targets * present + (1.0 - targets) * absent


@minimises("asymmetric")
def asymmetric_losses(logits: tf.Tensor, targets: tf.Tensor, config: LossConfig) -> tf.Tensor:
    """Asymmetric loss: focal, with a gamma each for positives and negatives (arXiv 2009.14119).

    A margin lowers the probability of negatives.
    """
    gamma_positive, gamma_negative = config.asymmetric_gamma_positive, config.asymmetric_gamma_negative
    margin = config.asymmetric_margin
    present = tf.exp(gamma_positive * tf.math.log_sigmoid(-logits)) * tf.nn.softplus(-logits)
    if margin:
        probability = tf.maximum(tf.sigmoid(logits) - margin, 1e-12)  # at 0 some powers have no finite gradient
        absent = tf.pow(probability, gamma_negative) * -tf.math.log1p(-probability)
    else:
        absent = tf.exp(gamma_negative * tf.math.log_sigmoid(logits)) * tf.nn.softplus(logits)
    return targets * present + (1.0 - targets) * absent


def divergence(teacher: tf.Tensor, student: tf.Tensor, temperature: float) -> tf.Tensor:
    """``T ** 2 * KL(softmax(teacher / T) || softmax(student / T))`` over the classes (arXiv 1806.04606): float32 [B].

    The factor keeps the size of the gradient the same for any T. No gradient flows to the teacher.
    """
    log_teacher = tf.nn.log_softmax(tf.stop_gradient(teacher) / temperature)
    log_student = tf.nn.log_softmax(student / temperature)
    return temperature**2 * tf.reduce_sum(tf.exp(log_teacher) * (log_teacher - log_student), axis=-1)


class TrainingLoss:
    """The loss that a run minimises on its labels.

    Args:
        config: the kind of loss and its hyper-parameters.
        num_classes: C.
        ranked_classes: the classes that segments are ranked for. Negatives are mined from these; None = from all.

    Raises:
        InputError: the class weights cannot be read.
    """

    def __init__(self, config: LossConfig, num_classes: int, ranked_classes: Sequence[int] | None = None):
        self._config = config
        self._ranked = np.ones(num_classes, bool)
        if ranked_classes is not None:
            self._ranked = np.isin(np.arange(num_classes), ranked_classes)
        self._class_weights = read_class_weights(config.class_weights, num_classes) if config.class_weights else None

    def __call__(self, logits: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns the loss of each video, or rated segment: float32 [B].

        Args:
            logits: float32 [B, C].
            batch: see `targets_and_weights`.
        """
        config = self._config
        targets, rated = targets_and_weights(batch, logits.shape[-1])
        factors = self._factors(logits, targets, rated, batch)
        if config.label_smoothing:
            # Keeps the number of labels: it is 1 in Szegedy et al. (arXiv 1512.00567), and any number here.
            spread = tf.reduce_mean(targets, axis=-1, keepdims=True)
            targets = (1.0 - config.label_smoothing) * targets + config.label_smoothing * spread
        losses = CLASS_LOSSES[config.kind](logits, targets, config)
        if factors is not None:
            losses *= factors
        if self._class_weights is not None:
            losses *= self._class_weights
        return tf.reduce_sum(losses, axis=-1)

    def _factors(self, logits, targets, rated, batch) -> tf.Tensor | None:
        """Returns the weight of each class's loss, without the class weights, float32 [B, C]; None = 1 for all."""
        config = self._config
        if rated is None and config.positive_weight == config.negative_weight == 1.0:
            return None
        factors = tf.where(targets == 1.0, config.positive_weight, config.negative_weight)
        if rated is not None:
            factors *= rated
            if config.mined_negatives and config.mined_negative_weight:
                factors += config.mined_negative_weight * self._mined(logits, rated, batch)
        return factors

    def _mined(self, logits: tf.Tensor, rated: tf.Tensor, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """Returns 1 for the unrated classes that count as negatives, and 0 for others: float32 [B, C]."""
        num_classes = logits.shape[-1]
        of_video = scatter(batch["video_labels"], tf.ones(tf.shape(batch["video_labels"])), num_classes)
        candidates = (rated == 0) & (of_video == 0) & self._ranked
        sureness = tf.where(candidates, tf.stop_gradient(logits), -np.inf)
        values, classes = tf.math.top_k(sureness, min(self._config.mined_negatives, num_classes))
        chosen = tf.where(tf.math.is_inf(values), -1, classes)  # there may be fewer candidates
        return scatter(chosen, tf.ones(tf.shape(chosen)), num_classes)


def staged_losses(
    loss: TrainingLoss, final: tf.Tensor, stages: Sequence[tf.Tensor], temperature: float, batch: dict[str, tf.Tensor]
) -> tf.Tensor:
    """Returns the loss of a model with stages (`yt8m.models.stages.StagedLogits`): float32 [B]."""
    total = loss(final, batch)
    for stage in stages:
        total += loss(stage, batch)
        if temperature:
            total += divergence(final, stage, temperature)
    return total
