"""Models with more than one output to learn from."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StagedLogits:
    """The result of `Architecture.build` for a model whose parts also learn from the labels.

    Prediction uses `final` alone. The training loss is the loss of `final` plus that of every stage, plus, with a
    temperature T above 0, ``T ** 2 * sum over stages of KL(softmax(final / T) || softmax(stage / T))`` with `final` held
    fixed: distillation from the whole to its parts (arXiv 1806.04606).
    """

    final: Any
    """The model's prediction: symbolic logits [B, C], float32."""
    stages: tuple[Any, ...]
    """The prediction of each part: symbolic logits [B, C], float32."""
    temperature: float = 0.0
    """T; 0 = no distillation."""
