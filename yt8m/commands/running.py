"""Runs the command that a command line names."""

import inspect

from yt8m import __version__
from yt8m.commands import COMMANDS, RUN_FIRST, TAKE_WORDS, loading, streams
from yt8m.commands.arguments import deferred, parse
from yt8m.commands.flags import SWITCHES
from yt8m.commands.streams import show
from yt8m.distribution import cluster
from yt8m.errors import OK, InputError, unknown_name

_NEEDS_NO_TENSORFLOW = frozenset(
    ["clean", "compare", "completion", "download", "note", "recipes", "runs", "validate", "upload", "unpack"]
)


def _help() -> str:
    commands = "\n".join(f"  {name:<12} {inspect.getdoc(each).splitlines()[0]}" for name, each in COMMANDS.items())
    return (
        "usage: yt8m COMMAND ...\n\nTrain, evaluate and submit on YouTube-8M and features in its format.\n\n"
        f"{commands}\n\n"
        "`yt8m COMMAND --help` has an example and the flags. --version.\n"
        "Anywhere: --quiet leaves out progress and remarks, --verbose shows TensorFlow's log.\n"
        "Start here: make submit, or yt8m synth data/sample"
    )


def run(arguments: list[str]) -> int:
    """Runs a command line.

    Args:
        arguments: the words after `yt8m`.

    Returns:
        The exit status.

    Raises:
        InputError: a mistake of the user's.
    """
    verbose = "--verbose" in arguments
    streams.set_switches(*(switch for switch in SWITCHES if switch in arguments))
    arguments = [argument for argument in arguments if argument not in SWITCHES]
    if not arguments or arguments[0] in ("-h", "--help"):
        show(_help())
        return OK
    if arguments[0] == "--version":
        show(f"yt8m {__version__}")
        return OK
    name, *rest = arguments
    if name.startswith("-"):
        raise InputError(f"{name} comes before the command; write yt8m COMMAND {name} (see yt8m --help)")
    if name not in COMMANDS:
        raise InputError(unknown_name("command", name, list(COMMANDS)))
    wants_help = any(argument in ("-h", "--help") for argument in rest)
    if name not in _NEEDS_NO_TENSORFLOW and not wants_help and not verbose:
        streams.silence_tensorflow()
    worker = cluster.from_environment()
    if worker and not worker.is_chief:
        streams.mute()
    if wants_help or not loading.is_wanted(rest):
        return _call(name, rest)
    from yt8m.commands.watching import WorkProgress

    with loading.announced(WorkProgress()):
        return _call(name, rest)


def _call(name: str, arguments: list[str]) -> int:
    """Runs a command with its arguments. Returns the exit status."""
    command = COMMANDS[name]
    if name in TAKE_WORDS:
        return command(arguments)
    if name in RUN_FIRST:
        arguments = _with_run(name, arguments)
    call = parse(deferred(command), arguments, f"yt8m {name}")
    return OK if call is None else call()


def _with_run(command: str, arguments: list[str]) -> list[str]:
    """Puts `--run` before a run that stands in the first place. Raises InputError if the flag is given beside it."""
    if not arguments or arguments[0].startswith("-"):
        return arguments
    if any(argument.partition("=")[0] == "--run" for argument in arguments):
        raise InputError(f"{arguments[0]}: a run, and --run is given too; name runs once (see yt8m {command} --help)")
    return ["--run", *arguments]
