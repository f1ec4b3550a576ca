"""What every model's hyper-parameters have in common."""

import fnmatch
import functools
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from yt8m.config.fields import flag
from yt8m.values import Range, fit_fields

_RANGES = {
    "num_*": Range(least=1),
    "*_size": Range(least=1),
    "dropout": Range(least=0, below=1),
    "l2": Range(least=0),
}
"""Of hyper-parameters with such names, so that a new model need not say them again."""


class Architecture(ABC):
    """The hyper-parameters of one model and how to build it; subclasses are frozen dataclasses in `yt8m.models`."""

    __slots__ = ()

    name: ClassVar[str]
    """What users type."""
    level: ClassVar[Literal["frame", "video"]]
    """The records it reads."""

    def __post_init__(self):
        """Checks the hyper-parameters.

        Raises:
            InputError: one is of the wrong type or out of its range.
        """
        fit_fields(self, self.value_types(), functools.partial(flag, "model"))

    @classmethod
    def value_types(cls) -> dict[str, Any]:
        """The annotation of each hyper-parameter; the range is told by the name where the annotation has none."""
        wanted = {}
        for name, annotation in typing.get_type_hints(cls, include_extras=True).items():
            ranges = [values for pattern, values in _RANGES.items() if fnmatch.fnmatch(name, pattern)]
            bare = annotation in (int, float)
            wanted[name] = Annotated[annotation, ranges[0]] if ranges and bare else annotation
        return wanted

    @abstractmethod
    def build(self, features: Mapping[str, Any], num_classes: int) -> Any:
        """Symbolic inputs, by batch key, to symbolic logits [B, num_classes], float32."""
