"""The base class of all models' hyper-parameters."""

import fnmatch
import functools
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from yt8m.config.fields import flag
from yt8m.data.features import Feature
from yt8m.values import Range, fit_fields

_RANGES = {
    "num_*": Range(least=1),
    "*_size": Range(least=1),
    "dropout": Range(least=0, below=1),
    "l2": Range(least=0),
}
"""Ranges by name, so that a new model need not repeat them."""


class Architecture(ABC):
    """The hyper-parameters of one model and how to build it; subclasses are frozen dataclasses in `yt8m.models`."""

    __slots__ = ()

    name: ClassVar[str]
    """The name that users type."""
    level: ClassVar[Literal["frame", "video"]]
    """The kind of records that it reads."""
    rounding: ClassVar[float] = 1e-5
    """How far apart a probability may be if two programs add the same float32 values in different orders."""

    def __post_init__(self):
        """Checks the hyper-parameters.

        Raises:
            InputError: one has the wrong type or is out of range.
        """
        fit_fields(self, self.value_types(), functools.partial(flag, "model"))

    @classmethod
    def value_types(cls) -> dict[str, Any]:
        """The annotation of each hyper-parameter. A bare `int` or `float` gets the range that belongs to its name, if any."""
        wanted = {}
        for name, annotation in typing.get_type_hints(cls, include_extras=True).items():
            if typing.get_origin(annotation) is ClassVar:
                continue
            ranges = [values for pattern, values in _RANGES.items() if fnmatch.fnmatch(name, pattern)]
            bare = annotation in (int, float)
            wanted[name] = Annotated[annotation, ranges[0]] if ranges and bare else annotation
        return wanted

    def check_features(self, features: Sequence[Feature]) -> None:
        """Raises InputError if the hyper-parameters do not fit these features."""
        del features  # most models take any

    @property
    def is_causal(self) -> bool:
        """Whether the states of `frame_states` can be made from no later frames."""
        return False

    def frame_states(self, features: Mapping[str, Any], causal: bool) -> tuple[Any, Any] | None:
        """Builds a state of each frame, [B, T, H], and the mask, bool [B, T], for pretraining.

        Args:
            features: see `build`.
            causal: make a state from the frame and earlier ones alone.

        Returns:
            None if the model has no states of frames, because it pools them.
        """
        del features, causal
        return None

    @property
    def block_names(self) -> tuple[str, ...]:
        """The layers that end the blocks between which `--training.rematerialise` keeps values, in order; empty = it cannot."""
        return ()

    @abstractmethod
    def build(self, features: Mapping[str, Any], num_classes: int) -> Any:
        """Builds symbolic logits [B, num_classes], float32, from symbolic inputs, which have the batch's keys."""
