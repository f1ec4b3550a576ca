"""Runs a tf.data service: the dispatcher in this process, each worker in its own process."""

import contextlib
import multiprocessing
import os
import signal
import socket
import threading
import time
from multiprocessing.connection import Connection, wait
from typing import Literal

import tensorflow as tf

from yt8m.data.service.epochs import find_workers, require_host
from yt8m.data.sources import FILE_SYSTEMS, describe_error, prepare_file_systems
from yt8m.errors import InputError
from yt8m.files import make_directory
from yt8m.progress import SILENT, Progress
from yt8m.values import LARGEST_PORT, parse_address

Role = Literal["both", "dispatcher", "worker"]

_SECONDS_TO_START = 300.0
"""Workers that load TensorFlow in parallel on a busy machine take tens of seconds."""
_SECONDS_TO_END = 5.0
_SECONDS_BEFORE_A_RESTART = 1.0

# A process with TensorFlow's threads cannot be forked.
_spawning = multiprocessing.get_context("spawn")


class Servers:
    """A dispatcher, workers, or both. This is a context manager: leaving it ends them all.

    Args:
        role: which of them to run.
        num_workers: number of workers, if any.
        host: name by which others reach this machine; empty = `localhost`. For workers of a dispatcher on another machine,
            empty = the address that this machine has towards it.
        port: the dispatcher's port; workers take the ports after it. 0 = any free ports.
        dispatcher: the dispatcher's address, for workers without a dispatcher here.
        work_dir: directory of the dispatcher's journal, from which a restarted dispatcher goes on; empty = no journal.
        progress: gets a line on slow steps, and on each restart of a worker.

    Attributes:
        dispatcher: the dispatcher's address, once it runs.

    Raises:
        InputError: the arguments do not fit together; on entering: a port is taken, or the dispatcher does not answer.
    """

    def __init__(
        self,
        role: Role,
        num_workers: int,
        host: str,
        port: int,
        dispatcher: str,
        work_dir: str,
        progress: Progress = SILENT,
    ):
        if role == "worker" and not dispatcher:
            raise InputError("whose workers? Name their dispatcher with --dispatcher HOST:PORT")
        if role != "worker" and dispatcher:
            raise InputError(f"--dispatcher {dispatcher} is for workers alone; add --role worker")
        if role == "worker" and work_dir:
            raise InputError(f"--work-dir {work_dir} is for the dispatcher; leave it out with --role worker")
        num_workers = num_workers if role != "dispatcher" else 0
        if port and port + num_workers > LARGEST_PORT:
            raise InputError(f"--port {port}: there are no {num_workers} ports above it for the workers")
        self.dispatcher = parse_address(dispatcher, "--dispatcher") if dispatcher else ""
        self._role, self._host, self._port, self._num_workers = role, host, port, num_workers
        self._work_dir, self._progress = work_dir, progress
        self._server: tf.data.experimental.service.DispatchServer | None = None
        self._workers: dict[int, multiprocessing.process.BaseProcess] = {}
        """By port."""

    def __enter__(self) -> "Servers":
        if self._host:
            require_host(self._host, f"--host {self._host}")
        try:
            if self._role == "worker":
                find_workers(self.dispatcher, least=0, name="--dispatcher")
                self._host = self._host or _own_address(self.dispatcher)
            else:
                self._host = self._host or "localhost"
                self._start_dispatcher()
            self._start_workers()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._stop()

    @property
    def workers(self) -> list[str]:
        """The addresses of the workers started here."""
        return [f"{self._host}:{port}" for port in self._workers]

    def keep_running(self) -> None:
        """Restarts each worker that ends, at its address. Never returns.

        The dispatcher waits for the restart: an epoch is over when every worker says so.
        """
        while self._workers:
            ended = wait([worker.sentinel for worker in self._workers.values()])
            time.sleep(_SECONDS_BEFORE_A_RESTART)  # a worker that fails at once would restart all the time
            for port, worker in self._workers.items():
                if worker.sentinel in ended:
                    self._progress.message(f"worker {self._host}:{port} ended ({_how(worker)}); it is started again")
                    self._workers[port], _ = self._start_worker(port)
        threading.Event().wait()

    def _start_dispatcher(self) -> None:
        _require_free(self._port)
        if self._work_dir:
            make_directory(self._work_dir)
            self._work_dir = os.path.abspath(self._work_dir)  # workers read it too
        api = tf.data.experimental.service
        try:
            self._server = api.DispatchServer(
                api.DispatcherConfig(
                    port=self._port, work_dir=self._work_dir or None, fault_tolerant_mode=bool(self._work_dir)
                )
            )
        except tf.errors.OpError as error:
            where = f"--work-dir {self._work_dir}" if self._work_dir else f"--port {self._port}"
            raise InputError(f"{where}: the dispatcher cannot start ({describe_error(error)})") from error
        self.dispatcher = f"{self._host}:{self._server.target.rpartition(':')[2]}"

    def _start_workers(self) -> None:
        ports = (
            range(self._port + 1, self._port + 1 + self._num_workers) if self._port else _free_ports(self._num_workers)
        )
        for port in ports:
            _require_free(port)
        if ports:
            self._progress.message(f"loading TensorFlow for {len(ports)} worker{'s' * (len(ports) > 1)}")
        starting = {}
        for port in ports:
            self._workers[port], starting[port] = self._start_worker(port)
        end = time.monotonic() + _SECONDS_TO_START
        for port, ready in starting.items():
            worker = self._workers[port]
            if ready not in wait([ready, worker.sentinel], max(0.0, end - time.monotonic())):
                raise InputError(f"a worker does not start ({_how(worker)}); --verbose shows TensorFlow's log")

    def _start_worker(self, port: int) -> tuple[multiprocessing.process.BaseProcess, Connection]:
        """Starts a worker; returns it, and a connection that is readable once it runs."""
        receiver, sender = _spawning.Pipe(duplex=False)
        # The name that others use for this machine need not work here, so a dispatcher in this process goes by localhost.
        dispatcher = self.dispatcher if self._server is None else f"localhost:{self.dispatcher.rpartition(':')[2]}"
        worker = _spawning.Process(target=_work, args=(dispatcher, f"{self._host}:{port}", port, sender), daemon=True)
        worker.start()
        return worker, receiver

    def _stop(self) -> None:
        for worker in self._workers.values():
            worker.terminate()
        for worker in self._workers.values():
            worker.join(_SECONDS_TO_END)
            if worker.is_alive():
                worker.kill()
        if self._server is not None:
            self._server.stop()


def _work(dispatcher: str, address: str, port: int, ready: Connection) -> None:
    """Runs a worker's process. It serves until its parent process ends in any way."""
    threading.Thread(target=_end_with_parent, daemon=True).start()  # a server waits for its dispatcher for ever
    # Ctrl-C reaches all processes of a terminal. The parent ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(InputError):  # without the package, nobody reads such files
        prepare_file_systems(f"{scheme}://" for scheme in FILE_SYSTEMS)
    api = tf.data.experimental.service
    server = api.WorkerServer(api.WorkerConfig(dispatcher_address=dispatcher, worker_address=address, port=port))
    ready.send(address)
    threading.Event().wait()
    del server


def _end_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os.kill(os.getpid(), signal.SIGKILL)  # server.stop() would wait for readers


def _how(worker: multiprocessing.process.BaseProcess) -> str:
    """Says how a process ended."""
    if worker.exitcode is None:
        return "it takes too long"
    return f"exit status {worker.exitcode}" if worker.exitcode >= 0 else signal.Signals(-worker.exitcode).name


def _require_free(port: int) -> None:
    """Raises InputError if the port cannot be bound. TensorFlow would share it with the process that has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ignore connections of an earlier service
        try:
            probe.bind(("", port))
        except OSError as error:
            raise InputError(f"port {port} cannot be had ({error.strerror}); choose others with --port") from error


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("", 0))
        return [probe.getsockname()[1] for probe in probes]


def _own_address(dispatcher: str) -> str:
    """The address that this machine has towards the dispatcher's machine."""
    host, _, port = dispatcher.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((host, int(port)))  # sends nothing
        return probe.getsockname()[0]
