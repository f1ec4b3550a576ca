"""Processes of Python that begin with TensorFlow loaded, which takes five seconds of CPU.

`Popen` starts `python -m MODULE`, `python FILE` and `python -c CODE` as forks of a process that has loaded it and waits. They
are processes like any other: with an environment, streams, a session and signals of their own, and children of the test's
process, which waits for them itself. What such a process starts in turn is a fork of it. Other programs, and Python with other
flags, start as ever. The fixture `_preloaded` puts it in the place of `subprocess.Popen`.

Not for tests of loading TensorFlow, of its log, or of memory.
"""

import atexit
import contextlib
import ctypes
import gc
import inspect
import io
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import warnings
from typing import Any

LOADED = ("tensorflow", "keras", "tensorboard.plugins.hparams.api", "tensorboard.plugins.pr_curve.summary")
OWN_PACKAGES = ("yt8m", "benchmarks")
"""What a process loads itself, as any other does."""
DECIDED_AT_START = ("PYTHON", "KERAS_")
"""How variables begin that count before the first line of a program; a process with other values of these is no fork."""
SET_AFTERWARDS = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
"""Those of them that a fork can follow."""
DEATH_OF_PARENT, SUBREAPER = 1, 36
"""Options of `prctl`."""

_threads: int | None = None
"""Of libraries when this process began, if it is a fork."""
_server: "tuple[subprocess.Popen, socket.socket] | None" = None
_start = subprocess.Popen


def _set(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _deciding(environment) -> dict[str, str]:
    return {
        name: value
        for name, value in environment.items()
        if name.startswith(DECIDED_AT_START) and name not in SET_AFTERWARDS
    }


class Popen(_start):
    """`subprocess.Popen`, whose processes of Python have TensorFlow."""

    def _execute_child(self, *arguments, **keywords):
        given = inspect.signature(_start._execute_child).bind(self, *arguments, **keywords).arguments
        if not _can_be_fork(given):
            return super()._execute_child(*arguments, **keywords)
        pipes = [given[name] for name in ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")]
        streams = [own if own >= 0 else number for number, own in enumerate((pipes[0], pipes[3], pipes[5]))]
        program = {
            "words": [os.fspath(word) for word in given["args"]][1:],
            "environment": dict(os.environ if given["env"] is None else given["env"]),
            "directory": os.path.abspath(given["cwd"] or os.getcwd()),
            "in_new_session": bool(given["start_new_session"]),
        }
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = _fork_of_server(program, streams) if _threads is None else _fork_here(program, streams)
        self._child_created = True
        self._close_pipe_fds(*pipes)
        return None


def _can_be_fork(given: dict[str, Any]) -> bool:
    words = given["args"]
    if isinstance(words, str) or os.fspath(words[0]) != sys.executable or len(words) < 2:
        return False
    first = os.fspath(words[3 if words[1] == "-W" else 1])
    is_known = first in ("-m", "-c") or first.endswith(".py")
    can_fork = _threads is None or _threads == _count_threads()  # more of them once TensorFlow was used
    is_plain = not any(given[name] for name in ("preexec_fn", "pass_fds", "shell"))
    return (
        is_known
        and can_fork
        and is_plain
        and (given["env"] is None or _deciding(given["env"]) == _deciding(os.environ))
    )


def _count_threads() -> int:
    """Threads of libraries, which a fork would not have."""
    return len(os.listdir("/proc/self/task")) - threading.active_count()


def _fork_of_server(program: dict[str, Any], streams: list[int]) -> int:
    """Has the server fork: the process id. The process in between ends at once, so that this one is the next parent."""
    global _server
    if _server is None or _server[0].poll() is not None:
        ours, theirs = socket.socketpair()
        # Its own streams are the null device, or whoever reads a test's would wait for it.
        process = _start(
            [sys.executable, __file__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        theirs.close()
        _server = process, ours
        atexit.register(_end_server)
    _set(SUBREAPER, 1)
    try:
        content = json.dumps(program).encode()
        socket.send_fds(_server[1], [len(content).to_bytes(8, "big")], streams)
        _server[1].sendall(content)
        return int.from_bytes(_received(_server[1], 8), "big")
    finally:
        _set(SUBREAPER, 0)


def _end_server() -> None:
    _server[1].close()
    _server[0].wait()


def _received(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        more = connection.recv(size - len(content))
        if not more:
            raise EOFError
        content += more
    return content


def _serve(connection: socket.socket) -> dict[str, Any]:
    """Forks until the tests end. Returns in each fork, with its program."""
    while True:
        size, streams, _, _ = socket.recv_fds(connection, 8, 3)
        if not size:
            os._exit(0)
        program = json.loads(_received(connection, int.from_bytes(size, "big")))
        inside, outside = os.pipe()
        if not (between := os.fork()):
            between = os.getpid()
            if child := os.fork():
                os.write(outside, child.to_bytes(8, "big"))
                os._exit(0)
            connection.close()
            _take_streams(streams)
            for number in (inside, outside):
                os.close(number)
            while os.getppid() == between:
                time.sleep(0.001)
            return program
        os.waitpid(between, 0)
        connection.sendall(os.read(inside, 8))
        for number in (inside, outside, *streams):
            os.close(number)


def _take_streams(streams: list[int]) -> None:
    """Makes open files the standard streams, and Python's too."""
    copies = [os.dup(number) for number in streams]
    for number, copy in enumerate(copies):
        os.dup2(copy, number)
        os.close(copy)
    for number in streams:
        if number > 2:
            with contextlib.suppress(OSError):
                os.close(number)
    for number, (name, mode) in enumerate((("stdin", "rb"), ("stdout", "wb"), ("stderr", "wb"))):
        buffer = open(number, mode, closefd=False)  # noqa: SIM115
        errors = "backslashreplace" if name == "stderr" else "strict"
        text = io.TextIOWrapper(buffer, "utf-8", errors, line_buffering=name == "stderr" or os.isatty(number))
        setattr(sys, name, text)
        setattr(sys, f"__{name}__", text)


def _fork_here(program: dict[str, Any], streams: list[int]) -> int:
    """Forks this process, which has not used TensorFlow: the process id."""
    if child := os.fork():
        return child
    status = 1
    try:
        _take_streams(streams)
        for number in range(3, 256):
            with contextlib.suppress(OSError):
                os.close(number)
        _run(program)
        status = 0
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(status & 255)  # what this process is to do at its end is no concern of the child


def _run(program: dict[str, Any]) -> None:
    """Does what a new process would."""
    global _threads
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.set_wakeup_fd(-1)
    if program["in_new_session"]:
        os.setsid()
    paths = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ.clear()
    os.environ.update(program["environment"])
    os.chdir(program["directory"])
    sys.path[1:] = [
        *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)),
        *(path for path in sys.path[1:] if path not in paths),
    ]
    tempfile.tempdir = None  # it follows the environment, once
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    for name in [name for name in sys.modules if name.partition(".")[0] in OWN_PACKAGES]:
        del sys.modules[name]
    _threads, subprocess.Popen = _count_threads(), Popen
    _run_words(program["words"])


def _run_words(words: list[str]) -> None:
    """Runs what stands after `python`."""
    if words[0] == "-W":
        warnings.simplefilter(words[1])
        words = words[2:]
    kind, *rest = words if words[0] in ("-m", "-c") else ["", *words]
    sys.argv = ["-c", *rest[1:]] if kind == "-c" else rest
    sys.path[0] = os.getcwd() if kind else os.path.dirname(os.path.abspath(rest[0]))
    if kind == "-m":
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif kind == "-c":
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        runpy.run_path(rest[0], run_name="__main__")


def main() -> None:
    """Loads TensorFlow and waits."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    for name in LOADED:
        with contextlib.suppress(ImportError):
            __import__(name)
    sys.modules["preloaded"] = sys.modules["__main__"]
    gc.collect()
    gc.freeze()
    program = _serve(connection)
    _set(DEATH_OF_PARENT, signal.SIGKILL)
    _run(program)


if __name__ == "__main__":
    main()
