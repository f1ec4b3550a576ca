"""Prints how many trainable parameters a recipe's model has: `python -m benchmarks.parameters RECIPE`."""

import dataclasses
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from yt8m.data.schema import DEFAULT_NUM_CLASSES, FEATURE_SIZES
from yt8m.inference import build
from yt8m.recipes import make_config


def count_trainable(model: keras.Model) -> int:
    """Numbers that training changes."""
    return sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)


def count(recipe: str) -> int:
    """At the published number of classes, with all features."""
    config = make_config(recipe)
    data = dataclasses.replace(config.data, features=tuple(FEATURE_SIZES), num_classes=DEFAULT_NUM_CLASSES)
    return count_trainable(build(dataclasses.replace(config, data=data)))


if __name__ == "__main__":
    print(count(sys.argv[1]))
