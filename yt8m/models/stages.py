"""Models with more than one output to learn from."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StagedLogits:
    """What `Architecture.build` returns of a model whose parts are trained on the labels too.

    Prediction uses `final` alone. The training loss is the loss of `final` plus that of every stage, plus, with a
    temperature T above 0, ``T ** 2 * sum over stages of KL(softmax(final / T) || softmax(stage / T))`` with `final` held
    fixed: distillation from the whole to its parts (arXiv 1806.04606).
    """

    final: Any
    """Symbolic logits [B, C], float32: what the model predicts."""
    stages: tuple[Any, ...]
    """Symbolic logits [B, C], float32, of each part."""
    temperature: float = 0.0
    """T; 0 = no distillation."""
