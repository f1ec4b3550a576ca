"""Builds the model of a run, or loads its best weights."""

import contextlib
import os
from collections.abc import Iterator

import keras

from yt8m import models, runs
from yt8m.config import RunConfig
from yt8m.errors import InputError
from yt8m.layers.normalisation import synchronised_statistics
from yt8m.runs.best import best_weights
from yt8m.runs.weights import load_weights
from yt8m.traced_gradients import owned_gradients


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Makes layers built in the block compute in this precision (`float32` or `mixed_bfloat16`)."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def build(config: RunConfig) -> keras.Model:
    """Builds the model of a run with fresh weights."""
    return build_for_training(config).predicting


def build_for_training(config: RunConfig) -> models.BuiltModel:
    """Builds the model of a run with fresh weights and with all outputs that training needs."""
    assert config.data.features, "the features are resolved before a model is built"
    synchronised = config.training.synchronised_batch_normalisation
    with precision(config.training.precision), synchronised_statistics(synchronised), owned_gradients():
        if config.pretrain:
            model = models.build_for_pretraining(config.model, config.data.features, config.pretrain)
            return models.BuiltModel(model, model, temperature=0.0)
        return models.build_for_training(
            config.model, config.data.num_classes, config.data.features, config.data.segment_context == "video"
        )


def require_classes(run: str | os.PathLike, config: RunConfig) -> None:
    """Raises InputError if a run was pretrained alone."""
    if config.pretrain:
        raise InputError(
            f"{run}: was pretrained without labels, so it knows no classes; train from it with --training.initial-run {run} and "
            "another --run"
        )


def load_run(run: str | os.PathLike) -> keras.Model:
    """Loads the best model of a run directory, or the last one if the run had no validation records.

    Raises:
        InputError: there is no run, no model was saved yet, it does not fit the configuration, or it was pretrained alone.
    """
    config = runs.load_config(run)
    require_classes(run, config)
    weights = best_weights(run)
    model = build(config)
    load_weights(model, weights)
    return model
