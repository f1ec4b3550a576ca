"""Prints how many trainable parameters a recipe's model has: `python -m benchmarks.parameters RECIPE`."""

import dataclasses
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from benchmarks.sizes import IS_QUICK, parser_of
from yt8m.config import RunConfig
from yt8m.data.features import KNOWN
from yt8m.data.schema import DEFAULT_NUM_CLASSES
from yt8m.recipes import make_config
from yt8m.runs.model import build

QUICK_BATCH = 8


def count_trainable(model: keras.Model) -> int:
    """Numbers that training changes."""
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def at_published_size(recipe: str) -> RunConfig:
    """A recipe for the published number of classes and all features; with `--quick`, in batches of a few videos."""
    config = make_config(recipe)
    data = dataclasses.replace(config.data, features=tuple(KNOWN), num_classes=DEFAULT_NUM_CLASSES)
    training = dataclasses.replace(config.training, batch_size=QUICK_BATCH) if IS_QUICK else config.training
    return dataclasses.replace(config, data=data, training=training)


def count(recipe: str) -> int:
    """Of the model at its published size."""
    return count_trainable(build(at_published_size(recipe)))


if __name__ == "__main__":
    parser = parser_of("benchmarks.parameters", __doc__)
    parser.add_argument("recipe")
    print(count(parser.parse_args().recipe))
