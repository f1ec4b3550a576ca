"""Who does the work of `predict`, `ensemble` and `evaluate`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from yt8m.cluster.options import BeamOptions, Engine, chosen_beam
from yt8m.config import DEFAULT_DISTRIBUTE, DistributeConfig
from yt8m.errors import InputError

if TYPE_CHECKING:
    from yt8m.cluster.on_beam import OnBeam


def elsewhere_of(engine: Engine, beam: BeamOptions, distribute: DistributeConfig) -> "OnBeam | None":
    """Returns what does the work in place of this process; None if nothing does.

    Raises:
        InputError: the flags contradict each other, or Beam cannot be used as they say.
    """
    how = chosen_beam(engine, beam)
    if how is None:
        return None
    if distribute != DEFAULT_DISTRIBUTE:
        raise InputError(
            "--distribute.strategy and its like are for --engine local; with beam, a worker takes the devices it has"
        )
    from yt8m.cluster.on_beam import OnBeam
    from yt8m.commands.watching import WorkProgress

    return OnBeam(how, WorkProgress())


def runs_here(runs: Sequence[str], elsewhere: "OnBeam | None") -> tuple[str, ...]:
    """Returns the runs as local directories. With Beam they may lie behind an address, and are copied.

    Raises:
        InputError: there is no run behind an address, or it cannot be read.
    """
    if elsewhere is None:
        return tuple(runs)
    from yt8m.cluster.models import local_copy

    return tuple(local_copy(run) for run in runs)
