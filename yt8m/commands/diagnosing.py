"""The commands that look into a training before it begins: `check` and `profile`."""

from dataclasses import dataclass
from typing import Annotated

import tyro

from yt8m.commands import reports
from yt8m.commands.configuring import configure
from yt8m.commands.flags import Json, print_json, shown
from yt8m.commands.streams import show
from yt8m.config import RunConfig
from yt8m.errors import OK, USER_ERROR


@dataclass(frozen=True)
class ProfileFlags:
    """What `profile` takes beside a configuration."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    trace: Annotated[str, shown("DIR", "(default: none, and nothing is written)")] = ""
    """A directory to leave a profile in that TensorBoard shows."""
    json: Json = False
    """Print one JSON object."""


def check(arguments: list[str]) -> int:
    """Try a configuration before a long training: shapes, memory, first loss, one batch learned by heart, rates.

    Arguments as `train`'s. Takes less than two minutes and writes nothing; without records random videos stand in.
    """
    config = configure("check", arguments)
    if config is None:
        return OK
    from yt8m.diagnosing.sanity import check as run_check

    worst = "ok"
    for finding in run_check(config):
        show(f"{finding.verdict:<5} {finding.name:<24} {finding.value}")
        worst = "bad" if "bad" in (finding.verdict, worst) else worst
    return USER_ERROR if worst == "bad" else OK


def profile(arguments: list[str]) -> int:
    """Measure where the time of training goes, say what bounds it, and which flags to change.

    Arguments as `train`'s, with `--trace DIR` and `--json`. Takes less than two minutes and writes nothing but the trace.
    """
    flags = configure("profile", arguments, ProfileFlags)
    if flags is None:
        return OK
    from yt8m.commands.watching import WorkProgress
    from yt8m.diagnosing.profiling import profile as run_profile

    found = run_profile(flags.config, flags.trace, WorkProgress())
    if flags.json:
        print_json(found.as_dict())
    else:
        show(reports.profiled(found))
    return OK
