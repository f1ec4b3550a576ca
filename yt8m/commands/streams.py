"""Handles standard streams that are closed, broken, or full of TensorFlow's log."""

import contextlib
import logging
import os
import re
import stat
import sys
import threading

_LOG_LINE = re.compile(
    rb"^(WARNING: All log messages before absl|Additional GRPC error information|:\{\"created\"|"
    rb"INFO: (Created|Initialized) TensorFlow Lite |[IWE]\d{4} \d\d:|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWE] )"
)


def open_closed_streams() -> None:
    """Opens the null device in place of every closed standard stream (`yt8m train ... >&-`).

    Otherwise the next file to be opened would get the number of the closed stream, and everything that is printed.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            _send_to_null(number)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", closefd=False))


_muted = False
_switches: tuple[str, ...] = ()


def mute() -> None:
    """Prints only errors from now on, as every worker but the chief does."""
    global _muted
    _muted = True


def is_muted() -> bool:
    """Whether only errors are printed."""
    return _muted


def set_switches(*names: str) -> None:
    """Sets the switches given anywhere on the command line. With `--quiet`, only results and errors are printed."""
    global _switches
    _switches = names


def switches() -> tuple[str, ...]:
    """The switches that `set_switches` set."""
    return _switches


def is_quiet() -> bool:
    """Whether neither progress nor remarks are printed."""
    return _muted or "--quiet" in _switches


def show(text: str, end: str = "\n") -> None:
    """Prints a result and flushes the standard output.

    Raises:
        OSError: the result cannot be written. The error names the standard output.
    """
    if _muted:
        return
    try:
        print(text, end=end, flush=True)
    except OSError as error:
        error.filename = "standard output"
        raise


def abandon_broken_streams() -> None:
    """Points streams that can no longer be written to the null device; otherwise Python would complain when it ends."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                _send_to_null(stream.fileno())
                stream.flush()


def leave_closed_terminal() -> None:
    """Points the streams of a closed terminal to the null device: every write to that terminal would fail."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            if stat.S_ISCHR(os.fstat(stream.fileno()).st_mode):  # isatty is false for a closed terminal
                _send_to_null(stream.fileno())


def _send_to_null(number: int) -> None:
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def silence_tensorflow() -> None:
    """Keeps TensorFlow's log off the terminal; call it before TensorFlow is imported.

    Some of its C++ parts always log to file descriptor 2. The lines there that look like log lines are removed. Everything
    else, such as the last message of a crash, passes.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    terminal = os.dup(2)
    reader, writer = os.pipe()
    os.dup2(writer, 2)
    os.close(writer)
    # Python's own stderr goes directly to the terminal: bars and error lines must not wait for the thread.
    sys.stderr = os.fdopen(os.dup(terminal), "w", buffering=1)

    def forward() -> None:
        with os.fdopen(reader, "rb") as lines:
            for line in lines:
                if not _LOG_LINE.match(line):
                    with contextlib.suppress(OSError):  # the terminal may be gone
                        os.write(terminal, line)

    threading.Thread(target=forward, daemon=True).start()
