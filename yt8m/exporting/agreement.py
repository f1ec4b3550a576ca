"""Whether an exported model gives the scores of its run."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from yt8m.errors import InputError

OUTPUT = "predictions"
_HALF_TOLERANCE = 1e-2
"""Allowed difference of a probability with float16 weights."""


def require_same_scores(
    runtime: str, function: Any, inputs: Mapping[str, np.ndarray], found: np.ndarray, allowed: float
) -> None:
    """Compares what a runtime makes of some inputs with what the run's own model does.

    Args:
        runtime: its name, for the message.
        function: the run's model as a concrete function, which returns `predictions`.
        inputs: a value for each of its arguments.
        found: the runtime's probabilities for them, [B, C].
        allowed: the largest difference of a probability.

    Raises:
        InputError: the probabilities differ.
    """
    expected = function(**{name: tf.constant(value) for name, value in inputs.items()})[OUTPUT].numpy()
    difference = float(np.abs(found - expected).max())
    if not difference <= allowed:
        raise InputError(
            f"{runtime}'s scores of this model are {difference:.2g} off, more than {allowed:g}; "
            "export it with --format saved-model"
        )


def tolerance(rounding: float, half: bool) -> float:
    """The allowed difference of a probability from the run's.

    Args:
        rounding: that of the architecture, for float32 weights.
        half: whether the weights are float16.
    """
    return max(rounding, _HALF_TOLERANCE) if half else rounding
