"""Several workers on this machine: `yt8m launch`."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from yt8m.distribution.cluster import as_tf_config
from yt8m.progress import Progress

_SECONDS_TO_STOP = 60.0
"""Time for workers to notice that one of them is gone, and to save."""
_SECONDS_BETWEEN_LOOKS = 0.1


def free_addresses(count: int) -> list[str]:
    """Addresses `localhost:port` with so many unused ports."""
    with contextlib.ExitStack() as stack:
        found = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in found:
            each.bind(("localhost", 0))
        return [f"localhost:{each.getsockname()[1]}" for each in found]


def launch(arguments: Sequence[str], num_workers: int, progress: Progress) -> int:
    """Runs a `yt8m` command in several processes on this machine, as one job.

    All processes get the signals of this one. When a worker fails, the others get a minute to end by themselves.

    Args:
        arguments: the command and its flags.
        num_workers: number of processes.
        progress: gets the workers' lines on stderr, and how they ended.

    Returns:
        The exit status: 0, or that of the first worker that failed; 128 plus the signal's number if a signal ended it.
    """
    addresses = free_addresses(num_workers)
    with _forwarded_signals() as (workers, received):
        for index in range(num_workers):
            workers.append(_start(arguments, addresses, index))
        for number in received:  # workers that started after the signal
            _send(workers, number)
        with _passed_on(workers, progress):
            return _wait(workers, progress)


def _start(arguments: Sequence[str], addresses: list[str], index: int) -> subprocess.Popen:
    environment = os.environ | {"TF_CONFIG": as_tf_config(addresses, index)}
    # Workers save and end when this process is gone. A terminal sends Ctrl-C to every process of a session, and a worker that
    # gets it twice stops without saving.
    command = [sys.executable, "-m", "yt8m.commands.child", *arguments]
    errors = None if index == 0 else subprocess.PIPE
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stderr=errors,
        text=True,
        errors="replace",
        start_new_session=True,
    )


@contextlib.contextmanager
def _passed_on(workers: Sequence[subprocess.Popen], progress: Progress) -> Iterator[None]:
    """Passes on the stderr of all workers but the chief, which is errors alone. The block ends when all is passed on."""

    def pass_on(worker: subprocess.Popen, index: int) -> None:
        assert worker.stderr is not None
        with worker.stderr:
            for line in worker.stderr:
                progress.message(f"[worker {index}] {line.rstrip()}")

    threads = [threading.Thread(target=pass_on, args=(workers[index], index)) for index in range(1, len(workers))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        _end(workers)
        for thread in threads:
            thread.join()


def _send(workers: Sequence[subprocess.Popen], number: int) -> None:
    for worker in workers:
        if worker.poll() is None:
            worker.send_signal(number)


def _end(workers: Sequence[subprocess.Popen]) -> None:
    for worker in workers:
        worker.kill()
        worker.wait()
        if worker.stdin:
            worker.stdin.close()


@contextlib.contextmanager
def _forwarded_signals() -> Iterator[tuple[list[subprocess.Popen], list[int]]]:
    """Forwards signals. Yields a list for the processes to forward to, and the signals so far. Ends the processes at the end."""
    workers: list[subprocess.Popen] = []
    received: list[int] = []

    def forward(number, frame):
        received.append(number)
        _send(workers, number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, forward) for number in numbers}
    try:
        yield workers, received
    finally:
        _end(workers)
        for number, handler in before.items():
            signal.signal(number, handler)


def _ended(running: Mapping[int, subprocess.Popen]) -> list[tuple[int, int]]:
    """Workers that have ended: index and exit status, the causes first.

    A worker that a signal ended takes the others with it, and on a busy machine all of them may have ended by the next look.
    """
    if all(worker.poll() is None for worker in running.values()):
        return []
    # Once more: the one that was looked at first may have ended since and be the reason why a later one did.
    ended = [(index, code) for index, worker in running.items() if (code := worker.poll()) is not None]
    return sorted(ended, key=lambda each: each[1] >= 0)


def _wait(workers: Sequence[subprocess.Popen], progress: Progress) -> int:
    status, deadline = 0, float("inf")
    running = dict(enumerate(workers))
    while running and time.monotonic() < deadline:
        ended = _ended(running)
        for index, code in ended:
            del running[index]
            if code and not status:
                status = 128 - code if code < 0 else code
                deadline = time.monotonic() + _SECONDS_TO_STOP
                if code < 0:
                    progress.message(f"worker {index} was ended by {signal.Signals(-code).name}; the others stop, too")
        if not ended:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
    if running:
        progress.message(
            f"worker {', '.join(map(str, running))} did not stop within {_SECONDS_TO_STOP:.0f} s and was ended"
        )
    return status
