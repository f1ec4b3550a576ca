"""A command of `yt8m` that is sent SIGTERM, at which it saves, once whoever started it is gone: a trial, a worker.

Its standard input is a pipe that nothing is written to.
"""

import os
import runpy
import signal
import threading


def _stop_when_alone() -> None:
    os.read(0, 1)  # ends with the process at the other end of the pipe
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_when_alone, daemon=True).start()
    runpy.run_module("yt8m", run_name="__main__", alter_sys=True)
