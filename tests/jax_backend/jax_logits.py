"""Logits of every small model on Keras's JAX backend: KERAS_BACKEND=jax python jax_logits.py DIRECTORY

A process has one backend, so this is a program of its own. For each of `jax_cases.CASES` it reads
`DIRECTORY/<number>.npz` (weights by path, features by key) and writes the logits to `DIRECTORY/<number>.npy`: float32
[2, B, C], of prediction and of training.
"""

import sys
from pathlib import Path

import jax
import keras
import numpy as np
from jax_cases import CASES, WEIGHT
from small_models import NUM_CLASSES

from yt8m.models import build_model


def draw_nothing(key, *, shape, dtype, **limits):
    """In place of JAX's draws of initial weights, which are compiled for each shape; those of the file take their place."""
    return jax.numpy.asarray(np.zeros(shape, dtype))


def logits_of(variant, stored) -> np.ndarray:
    model = build_model(variant.name, NUM_CLASSES, features=variant.features, **variant.hyperparameters)
    for weight in model.weights:
        if weight.dtype != "uint32":  # dropout's counters
            weight.assign(stored[WEIGHT + weight.path])
    batch = {key: stored[key] for key in model.input}
    groups = (model.trainable_variables, model.non_trainable_variables)
    variables = [[variable.value for variable in group] for group in groups]

    @jax.jit
    def compiled(trainable, others, batch):
        return [model.stateless_call(trainable, others, batch, training=training)[0] for training in (False, True)]

    return np.stack(compiled(*variables, batch))


def main(directory: Path) -> None:
    assert keras.backend.backend() == "jax"
    jax.random.normal = jax.random.truncated_normal = jax.random.uniform = draw_nothing
    for number, variant in enumerate(CASES):
        with np.load(directory / f"{number}.npz") as stored:
            np.save(directory / f"{number}.npy", logits_of(variant, stored))
    assert "tensorflow" not in sys.modules, "models must not need it"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
