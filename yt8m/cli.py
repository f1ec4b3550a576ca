"""The command `yt8m`: how its process ends.

Exit status: 0; 2 for what a user can cause, with one line on stderr; 1 for a bug of ours, with its traceback; 141 where
whoever reads the output stops reading (`| head`), as if the signal for that had ended the process.
"""

import atexit
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence

from yt8m.commands import streams
from yt8m.commands.streams import show
from yt8m.errors import BUG, USER_ERROR, InputError

BROKEN_PIPE = 128 + signal.SIGPIPE


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
        from yt8m.commands.running import run  # takes a while, in which signals are answered as later

        status = run(list(sys.argv[1:] if arguments is None else arguments))
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
