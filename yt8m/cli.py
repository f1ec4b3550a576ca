"""The command `yt8m`: which command is meant, and how the process ends.

Exit status: 0; 2 for what a user can cause, with one line on stderr; 1 for a bug of ours, with its traceback; 141 where
whoever reads the output stops reading (`| head`), as if the signal for that had ended the process.
"""

import atexit
import contextlib
import inspect
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from yt8m import __version__, streams
from yt8m.arguments import deferred, parse
from yt8m.commands import COMMANDS, TAKE_WORDS
from yt8m.commands.flags import BUG, OK, SWITCHES, USER_ERROR
from yt8m.distribution import cluster
from yt8m.errors import InputError, unknown_name
from yt8m.streams import show

BROKEN_PIPE = 128 + signal.SIGPIPE

_NEEDS_NO_TENSORFLOW = ("completion", "download", "recipes", "validate", "upload", "unpack")


def _help() -> str:
    commands = "\n".join(f"  {name:<12} {inspect.getdoc(each).splitlines()[0]}" for name, each in COMMANDS.items())
    return (
        "usage: yt8m COMMAND ...\n\nTrain, evaluate and submit on YouTube-8M and features in its format.\n\n"
        f"{commands}\n\n"
        "`yt8m COMMAND --help` has an example and the flags. --version.\n"
        "Anywhere: --quiet leaves out progress and remarks, --verbose shows TensorFlow's log.\n"
        "Start here: make submit, or yt8m synth data/sample"
    )


def _run(arguments: list[str]) -> int:
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
    command = COMMANDS[name]
    if name in TAKE_WORDS:
        return command(rest)
    call = parse(deferred(command), rest, f"yt8m {name}")
    return OK if call is None else call()


class _Interrupt:
    """Handles signals as Python does Ctrl-C, and knows that it did."""

    def __init__(self):
        self.raised = False

    def __call__(self, number, frame):
        self.raised = True
        raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs a command and ends the process with its exit status."""
    interrupt = _Interrupt()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # half-written files are removed on the way out
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup
            signal.signal(number, interrupt)
    streams.open_closed_streams()
    try:
        status = _run(list(sys.argv[1:] if arguments is None else arguments))
        show("", end="")
    except InputError as error:
        status = _refuse(str(error))
    except BrokenPipeError:
        status = BROKEN_PIPE
    except OSError as error:
        what = error.strerror or str(error)
        status = _refuse(f"{error.filename}: {what}" if error.filename else what)
    except KeyboardInterrupt:
        status = _refuse("stopped")
    except Exception:
        status = _refuse("stopped") if interrupt.raised else _report_bug()  # Keras catches what is raised in it, say
    _leave(status)


def _refuse(message: str) -> int:
    with contextlib.suppress(OSError):  # nobody may read it
        print(f"yt8m: {message}", file=sys.stderr)
    return USER_ERROR


def _report_bug() -> int:
    traceback.print_exc()
    print("yt8m: this is a bug of ours; please report it with the lines above", file=sys.stderr)
    return BUG


def _leave(status: int) -> None:
    streams.abandon_broken_streams()
    if "tensorflow_io" in sys.modules:
        # Its S3 client aborts the interpreter when that shuts down, so the interpreter does not; but what is to be
        # removed at the end is removed.
        atexit._run_exitfuncs()
        streams.abandon_broken_streams()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    main()
