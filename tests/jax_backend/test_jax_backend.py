"""The same weights and videos give the same logits on Keras's TensorFlow and JAX backends.

JAX needs NumPy 2 and TensorFlow 2.16 needs NumPy 1, so `make test-newest` runs this, in an environment of its own.
"""

import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import small_models
from jax_cases import CASES, WEIGHT
from small_models import NUM_CLASSES, make_batch, randomise

from yt8m.models import build_model, list_models


def tensorflow_logits(variant, path: Path) -> np.ndarray:
    """Logits of a model with random weights, float32 [2, B, C]: of prediction, of training. Its weights go into a file."""
    model = build_model(variant.name, NUM_CLASSES, features=variant.features, **variant.hyperparameters)
    randomise(model)
    batch = make_batch(variant.name, features=variant.features)
    weights = {WEIGHT + weight.path: weight.numpy() for weight in model.weights if weight.dtype != "uint32"}
    np.savez(path, **weights, **batch)
    return np.stack([model(batch, training=training).numpy() for training in (False, True)])


@pytest.fixture(scope="module")
def logits(tmp_path_factory) -> list[tuple[np.ndarray, np.ndarray]]:
    """Of each case on TensorFlow and on JAX."""
    assert keras.backend.backend() == "tensorflow"
    directory = tmp_path_factory.mktemp("jax")
    expected = [tensorflow_logits(variant, directory / f"{number}.npz") for number, variant in enumerate(CASES)]
    program = Path(__file__).with_name("jax_logits.py")
    paths = os.pathsep.join(str(Path(path).parent) for path in (program, small_models.__file__))
    # Each model is compiled to run once.
    flags = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    settings = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags, "PYTHONPATH": paths}
    result = subprocess.run(
        [sys.executable, str(program), str(directory)], env=os.environ | settings, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    return [(wanted, np.load(directory / f"{number}.npy")) for number, wanted in enumerate(expected)]


def test_every_model_is_compared():
    assert {variant.name for variant in CASES} == set(list_models())


@pytest.mark.parametrize("number", range(len(CASES)), ids=[str(variant) for variant in CASES])
def test_logits_are_the_same_on_both_backends(logits, number):
    tensorflow, jax = logits[number]
    assert jax.dtype == np.float32
    np.testing.assert_allclose(jax[0], tensorflow[0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(jax[1], tensorflow[1], rtol=1e-4, atol=1e-4, err_msg="in training")
