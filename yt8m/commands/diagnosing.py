"""The commands that examine a training before it begins: `check` and `profile`."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated

import tyro

from yt8m.commands import reports
from yt8m.commands.configuring import JsonFlags, configure
from yt8m.commands.flags import Json, print_json, shown
from yt8m.commands.places import require_training
from yt8m.commands.streams import show
from yt8m.config import RunConfig
from yt8m.errors import OK, USER_ERROR


@dataclass(frozen=True)
class ProfileFlags:
    """The flags of `profile` beside a configuration."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    trace: Annotated[str, shown("DIR", "(default: none, and nothing is written)")] = ""
    """A directory for a profile that TensorBoard can show."""
    json: Json = False
    """Print one JSON object."""


def check(arguments: list[str]) -> int:
    """Try a configuration before a long training: shapes, memory, first loss, one batch learned by heart, rates.

    Takes the arguments of `train`. Needs less than two minutes and writes nothing. Without records it uses random videos.
    """
    flags = configure("check", arguments, JsonFlags)
    if flags is None:
        return OK
    require_training(flags.config)
    from yt8m.diagnosing.sanity import check as run_check

    worst, found = "ok", []
    for finding in run_check(flags.config):
        found.append(dataclasses.asdict(finding))
        if not flags.json:
            show(f"{finding.verdict:<5} {finding.name:<24} {finding.value}")
        worst = "bad" if "bad" in (finding.verdict, worst) else worst
    if flags.json:
        print_json({"findings": found})
    return USER_ERROR if worst == "bad" else OK


def profile(arguments: list[str]) -> int:
    """Measure where the time of training goes, what limits it, and which flags to change.

    Takes the arguments of `train`, and `--trace DIR` and `--json`. Needs less than two minutes and writes only the trace.
    """
    flags = configure("profile", arguments, ProfileFlags)
    if flags is None:
        return OK
    require_training(flags.config)
    from yt8m.commands.watching import WorkProgress
    from yt8m.diagnosing.profiling import profile as run_profile

    found = run_profile(flags.config, flags.trace, WorkProgress())
    if flags.json:
        print_json(found.as_dict())
    else:
        show(reports.profiled(found))
    return OK
