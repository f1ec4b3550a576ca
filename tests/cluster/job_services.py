"""Beam's own job service on this machine, with workers in processes of their own, and a runner that does failed bundles again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.fixture
def retried_bundles(beam, monkeypatch):
    """Failed bundles are done again, up to three times, as clusters do it; Beam's runner of this machine does not."""
    from apache_beam.runners.portability.fn_api_runner.fn_runner import BundleManager

    once = BundleManager.process_bundle

    def up_to_four_times(self, *args, **others):
        for _ in range(3):
            with contextlib.suppress(RuntimeError):
                return once(self, *args, **others)
        return once(self, *args, **others)

    monkeypatch.setattr(BundleManager, "process_bundle", up_to_four_times)


@pytest.fixture(scope="module")
def job_service(beam, tmp_path_factory):
    """Beam's own job service on this machine, and a pool that starts workers; the options for both, and the pool's process."""
    # The pool starts `python`.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    log = (tmp_path_factory.mktemp("services") / "log").open("w")
    service, pool = free_port(), free_port()
    commands = [
        ["apache_beam.runners.portability.local_job_service_main", "--port", str(service)],
        ["apache_beam.runners.worker.worker_pool_main", "--service_port", str(pool)],
    ]
    processes = [
        subprocess.Popen([sys.executable, "-m", *words], env=environment, stdout=log, stderr=log) for words in commands
    ]
    try:
        for port in (service, pool):
            wait_for(lambda port=port: is_listening(port))
        options = (
            f"--job_endpoint localhost:{service} --environment_type EXTERNAL --environment_config localhost:{pool}"
        )
        yield ["--engine", "beam", "--beam.runner", "PortableRunner", "--beam.options", options], processes[1]
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(30)
        log.close()


def free_port():
    with socket.create_server(("localhost", 0)) as server:
        return server.getsockname()[1]


def is_listening(port):
    with socket.socket() as client:
        return client.connect_ex(("localhost", port)) == 0


def wait_for(condition, seconds=90):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def workers_of(pool):
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(path.read_text().rsplit(")", 1)[1].split()[1]) == pool.pid:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def end_with_its_workers_killed(words, pool, is_time):
    """Starts the command, kills the workers of the pool when it is time, and checks that the command says so in one line."""
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            wait_for(is_time, 200)
            for worker in workers_of(pool):
                os.kill(worker, signal.SIGKILL)
            out, err = process.communicate(timeout=240)
        finally:
            process.kill()
    assert (process.returncode, out) == (2, ""), err
    assert err.splitlines()[-1].startswith("yt8m: --beam.runner PortableRunner: the job failed ("), err
