"""The configuration of pretraining: what models of frames learn from records without labels."""

import functools
from dataclasses import dataclass
from typing import Annotated, Literal

from yt8m.config.fields import Positive, flag
from yt8m.values import PositiveInt, Range, fit_fields


@dataclass(frozen=True, kw_only=True, slots=True)
class PretrainConfig:
    """What to predict of the frames, and how it is judged."""

    task: Literal["auto", "next", "masked"] = "auto"
    """next: the frames after each frame, from it and earlier ones. masked: hidden frames, from the others.
    auto: next if the model has states of frames that read no later ones; masked otherwise."""
    loss: Literal["regression", "contrastive"] = "regression"
    """regression: squared errors of the whitened values. contrastive:
    which of many frames is the right one (arXiv 1807.03748)."""
    num_ahead: Annotated[int, Range(least=1, most=100)] = 3
    """next: so many frames ahead, each by a layer of its own."""
    masked_share: Annotated[float, Range(above=0, below=1)] = 0.3
    """masked: share of the frames that are hidden."""
    masked_length: PositiveInt = 4
    """masked: frames that are hidden in one piece, as neighbours are alike."""
    temperature: Positive = 0.1
    """contrastive: the cosines are divided by this."""
    whitening_batches: PositiveInt = 20
    """Training batches, one pass at most, to compute the mean and the covariance of the frames from, before the first step."""

    def __post_init__(self):
        fit_fields(self, name_of=functools.partial(flag, "pretrain"))
