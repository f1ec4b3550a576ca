"""Writes TensorBoard summaries beside scalars: the configuration as hyper-parameters, and precision against recall.

Both go to the default writer of `tf.summary`, in the format of TensorBoard's own plugins `hparams` and `pr_curve`.
"""

import numpy as np
import tensorflow as tf

from yt8m import config as configuration
from yt8m.config import RunConfig
from yt8m.metrics import counts_at
from yt8m.runs import flatten
from yt8m.scoring.evaluation import Measured

NUM_THRESHOLDS = 201
"""Number of thresholds of a curve, from 0 to 1; the plugin's own default."""

_NO_HYPERPARAMETERS = {"run", "log", "data.root", "data.train", "data.validate", "data.test"}
"""Fields that name files. Otherwise equal runs differ in them."""


def hyperparameters(config: RunConfig) -> dict[str, bool | int | float | str]:
    """Returns a configuration as TensorBoard takes it: without nesting, and with lists as text.

    Args:
        config: the complete configuration.
    """
    flat = flatten(configuration.to_dict(config))
    return {
        key: ", ".join(map(str, value)) if isinstance(value, list) else value
        for key, value in flat.items()
        if key not in _NO_HYPERPARAMETERS and value is not None
    }


def write_hyperparameters(config: RunConfig) -> None:
    """Writes a configuration. TensorBoard shows the first one of a run that was started several times."""
    from tensorboard.plugins.hparams import api  # takes half a second

    summary = api.hparams_pb(hyperparameters(config), trial_id=config.run)
    tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=0)


def write_precision_recall(step: int, measured: Measured) -> None:
    """Writes precision and recall at thresholds from 0 to 1, for the entries of `yt8m.metrics.pooled`.

    A label that is in no list counts as missed at every threshold. A class that is in no list is never predicted.

    Args:
        step: the step of the validation.
        measured: the result of the validation.
    """
    from tensorboard.plugins.pr_curve import summary as pr_curve

    taken, true_positives = counts_at(measured.pooled(), np.linspace(0, 1, NUM_THRESHOLDS))
    num_positives, num_pairs = measured.metrics.num_positives, measured.metrics.num_pairs
    false_positives, false_negatives = taken - true_positives, num_positives - true_positives
    summary = pr_curve.raw_data_pb(
        "validation",
        true_positive_counts=true_positives,
        false_positive_counts=false_positives,
        true_negative_counts=num_pairs - num_positives - false_positives,
        false_negative_counts=false_negatives,
        precision=true_positives / np.maximum(taken, 1),
        recall=true_positives / max(num_positives, 1),
        num_thresholds=NUM_THRESHOLDS,
        description="Of the best validations: all entries of the videos' 20 best classes, or all ratings of segments.",
    )
    tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=step)
