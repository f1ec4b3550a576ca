"""The command `launch`, which runs another command in several processes."""

import inspect

from yt8m.commands.arguments import deferred, parse
from yt8m.commands.streams import switches
from yt8m.commands.watching import Explanations
from yt8m.distribution import launching
from yt8m.errors import OK, InputError
from yt8m.values import PositiveInt

LAUNCHABLE = ("train", "evaluate", "predict", "submit")


def launch(arguments: list[str]) -> int:
    """Run train, evaluate, predict or submit in several processes on this machine, as one job.

    Example: yt8m launch --num-workers 2 -- train sample --data.root data/sample --run runs/sample

    TF_CONFIG tells each process about the others, as on several machines (docs/scaling.md). If one process ends, the
    others stop within a minute. The same command then resumes from what was saved.
    """
    if "--" in arguments:
        place = arguments.index("--")
        own, command = arguments[:place], arguments[place + 1 :]
    else:
        own, command = arguments, []
    misplaced = next((word for word in own if word in LAUNCHABLE), None)
    if misplaced:
        raise InputError(f"write -- before what is launched: yt8m launch --num-workers 2 -- {misplaced} ...")
    call = parse(deferred(_launch), own, "yt8m launch", description=inspect.getdoc(launch))
    if call is None:
        return OK
    if not command:
        raise InputError("there is nothing to launch; write yt8m launch --num-workers 2 -- train RECIPE [flags]")
    if command[0] not in LAUNCHABLE:
        raise InputError(f"{command[0]} is not for several workers; launch {', '.join(LAUNCHABLE)}")
    return launching.launch([*command, *switches()], call(), Explanations())


def _launch(num_workers: PositiveInt = 2) -> int:
    """Start workers.

    Args:
        num_workers: Number of processes to start.
    """
    return num_workers
