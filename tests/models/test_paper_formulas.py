"""Every model as it is documented: its inputs, its size, and its logits by its paper's formula.

The slow functions of the `paper_*.py` beside this file compute the formula in float64.
"""

import itertools
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from small_models import NUM_CLASSES, SMALL, VARIANTS, Variant, make_batch, parameters_of, randomise

from yt8m.models import build_model, list_models, make_architecture

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("paper_*.py"))
TABLES = [getattr(import_module(module), "ORACLES", {}) for module in MODULES]
ORACLES = {name: oracle for table in TABLES for name, oracle in table.items()}

CASES = [
    *VARIANTS,
    *(Variant("logistic", {"normalise": kind}) for kind in ("none", "l2", "rms")),
    *(Variant("moe", {"probability_gating": gating, "num_mixtures": 3}) for gating in (False, True)),
    *(
        Variant("dbof", SMALL["dbof"] | {"pooling": pooling, "activation": activation})
        for pooling, activation in itertools.product(("max", "mean"), ("relu6", "relu", "sigmoid"))
    ),
]


def test_every_model_has_one_formula():
    assert sorted(ORACLES) == list_models(), "a paper_*.py beside this file must have it in its ORACLES"
    assert sum(map(len, TABLES)) == len(ORACLES)


def weights_by_path(model) -> dict[str, np.ndarray]:
    """The weights of a model in float64, dropout's counters left out."""
    found = {weight.path: weight.numpy() for weight in model.weights if weight.dtype != "uint32"}
    assert len(found) == sum(weight.dtype != "uint32" for weight in model.weights), "two weights have one path"
    return {path: value.astype(np.float64) for path, value in found.items()}


def set_apart(model, architecture) -> None:
    """Changes random weights so that videos differ much: what is the same for all would prove nothing."""
    for weight in model.weights:
        if len(weight.shape) > 1:
            # Gates and ReLU6 reach their ends, and what is pooled to L2 norm 1 is not lost in the layer after it. ReLU has
            # no end: probabilities of 1 would have no logit.
            bounded = getattr(architecture, "activation", "") != "relu"
            weight.assign((6.0 if weight.path == "hidden/kernel" and bounded else 3.0) * weight.numpy())
        elif weight.path.endswith("output_bn/moving_variance"):  # of vectors of norm 1
            weight.assign(0.1 * weight.numpy())
        elif getattr(architecture, "normalise_frames", False):  # the statistics of frames of norm 1
            if weight.path.endswith("input_bn/moving_mean"):
                weight.assign(weight.numpy() * weight.shape[0] ** -0.5)
            elif weight.path.endswith("input_bn/moving_variance"):
                weight.assign(weight.numpy() / weight.shape[0])


def assert_as_documented(model, variant, batch, logits) -> None:
    """The name, the inputs, the type and shape of the logits, and the number of weights."""
    assert model.name == variant.name
    assert {key: tensor.dtype for key, tensor in model.input.items()} == {
        key: value.dtype.name for key, value in batch.items()
    }
    assert model.output.shape == (None, NUM_CLASSES)
    assert logits.shape == (4, NUM_CLASSES)
    assert logits.dtype.name == "float32"
    counters = sum(int(np.prod(weight.shape)) for weight in model.weights if weight.dtype == "uint32")  # dropout's
    expected = parameters_of(variant.name, NUM_CLASSES, variant.features, **variant.hyperparameters)
    assert model.count_params() - counters == expected


@pytest.mark.parametrize(
    "variant",
    # Of the two features alone, audio is the quick one.
    [pytest.param(each, marks=pytest.mark.slow) if each.features == ("rgb",) else each for each in CASES],
    ids=str,
)
def test_a_model_is_as_documented_and_its_logits_are_those_of_the_paper_s_formula(variant):
    """For videos of 6, 3, 1 and 0 frames, whose padding holds random bytes."""
    model = build_model(variant.name, NUM_CLASSES, features=variant.features, **variant.hyperparameters)
    architecture = make_architecture(variant.name, **variant.hyperparameters)
    randomise(model)
    set_apart(model, architecture)
    batch = make_batch(variant.name, features=variant.features)
    logits = model(batch)
    assert_as_documented(model, variant, batch, logits)
    expected = ORACLES[variant.name](weights_by_path(model), batch, architecture)
    assert expected.shape == (4, NUM_CLASSES)
    spread = np.abs(expected[:3] - expected[:3].mean(axis=0)).max()
    assert spread > 0.05, "a difference of 1e-4 must be a small one"
    np.testing.assert_allclose(logits, expected, rtol=0, atol=1e-4)
