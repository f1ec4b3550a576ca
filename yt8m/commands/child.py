"""Runs a command of `yt8m`, such as a trial or a worker, that must save and stop when its parent process ends.

Its standard input is a pipe that nothing is written to. When that pipe closes, the process sends itself SIGTERM.
"""

import os
import runpy
import signal
import threading


def _stop_when_alone() -> None:
    os.read(0, 1)  # returns when the process at the other end of the pipe ends
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_when_alone, daemon=True).start()
    runpy.run_module("yt8m", run_name="__main__", alter_sys=True)
