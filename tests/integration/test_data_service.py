"""`yt8m data-service` with all its processes, some of which are killed, and training that reads through it."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import preloaded
import pytest
from running_service import REPOSITORY, SECONDS_TO_START, children_of, running_service

from yt8m import runs
from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.data.opening import open_source
from yt8m.data.options import grouped
from yt8m.data.pipeline import make_dataset
from yt8m.data.records import framed, video_level_record
from yt8m.data.service import epochs as data_service
from yt8m.data.service.epochs import find_workers
from yt8m.data.source import Source
from yt8m.models import make_architecture
from yt8m.progress import Progress
from yt8m.training.loop import train


def ids_of(batches) -> list[bytes]:
    return [video_id for batch in batches for video_id in batch["id"].numpy()]


def configure(sample, run, service: str, num_steps: int) -> RunConfig:
    """A run on the sample, of which 8 steps are an epoch."""
    return RunConfig(
        run=str(run),
        model=make_architecture("logistic"),
        data=DataConfig(train=(str(sample / "2/video/train"),), num_classes=12, service=service),
        training=TrainingConfig(num_steps=num_steps, batch_size=8, log_every_steps=1),
    )


def steps_of(run) -> list[int]:
    return [row["step"] for row in runs.read_metrics(runs.RunDirectory(Path(run)))]


@pytest.fixture(scope="module")
def service():
    """A dispatcher and two workers."""
    with running_service("--port", 0) as running:
        yield running


@pytest.fixture(scope="module")
def many_files(tmp_path_factory):
    """30 files of 20 videos."""
    directory, means = tmp_path_factory.mktemp("many"), {"audio": np.zeros(128)}
    for shard in range(30):
        records = [video_level_record(f"{shard}-{index}", [0], means) for index in range(20)]
        (directory / f"{shard}.tfrecord").write_bytes(b"".join(map(framed, records)))
    files = sorted(map(str, directory.iterdir()))
    return Source(tuple(files), "video", ("audio",))


@pytest.mark.slow
class TestTwoWorkers:
    def test_they_are_where_it_says(self, service):
        assert service.dispatcher.startswith("localhost:")
        assert sorted(find_workers(service.dispatcher)) == sorted(service.workers)
        assert len(service.workers) == len(service.worker_pids) == 2

    def test_each_record_comes_once_an_epoch_in_another_order(self, sample, service, monkeypatch):
        monkeypatch.chdir(sample)  # where no worker is
        source = open_source("2/video/train")
        options = {"shuffle": True, "seed": 1, "repeat": True, "drop_remainder": True}
        stream = ids_of(make_dataset(source, 7, *grouped(options | {"service": service.dispatcher})).take(19))
        first, second = stream[:64], stream[64:128]
        assert len(set(first)) == 64
        assert sorted(first) == sorted(second) == sorted(ids_of(make_dataset(source, 64)))
        assert first != second

    def test_training_goes_on_through_it_and_without_it(self, sample, service, tmp_path):
        run = tmp_path / "run"
        for through, num_steps in ((service.dispatcher, 12), (f"grpc://{service.dispatcher}", 20), ("", 28)):
            assert train(configure(sample, run, through, num_steps)).step == num_steps
        assert steps_of(run) == list(range(1, 29))

    @pytest.mark.usefixtures("_preloaded")
    def test_two_processes_train_through_it(self, sample, service, tmp_path):
        run = tmp_path / "run"
        words = ["train", "logistic", "--run", run, "--data.train", sample / "2/video/train", "--data.num-classes", 12]
        words += ["--training.batch-size", 8, "--training.num-steps", 20, "--training.log-every-steps", 1]
        command = [sys.executable, "-m", "yt8m", "launch", "--num-workers", 2, "--", *words]
        process = subprocess.run(
            [*map(str, command), "--data.service", service.dispatcher],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            timeout=SECONDS_TO_START,
        )
        assert process.returncode == 0, process.stderr
        assert steps_of(run) == list(range(1, 21))

    def test_training_survives_a_worker(self, sample, service, tmp_path):
        victim, addresses = service.worker_pids[0], sorted(find_workers(service.dispatcher))

        class Killer(Progress):
            def steps_done(self, step, loss, videos_per_second):
                if step >= 12 and victim in service.worker_pids:
                    os.kill(victim, signal.SIGKILL)

        assert train(configure(sample, tmp_path / "run", service.dispatcher, 60), Killer()).step == 60
        assert steps_of(tmp_path / "run") == list(range(1, 61))
        assert victim not in service.worker_pids
        assert sorted(find_workers(service.dispatcher)) == addresses  # it is back where it was, or there were three

    def test_nothing_comes_twice_when_a_worker_dies_and_the_next_pass_is_whole(self, many_files, service):
        one_pass = make_dataset(
            many_files, 4, *grouped({"shuffle": True, "shuffle_buffer": 30, "seed": 1, "service": service.dispatcher})
        )
        batches = iter(one_pass)
        before = ids_of(itertools.islice(batches, 5))
        os.kill(service.worker_pids[0], signal.SIGKILL)
        found = before + ids_of(batches)
        # What it had is lost with it, which is nothing where it had not begun.
        assert len(before) < len(found) == len(set(found)) <= 600
        again = ids_of(one_pass)
        assert len(again) == len(set(again)) == 600


@pytest.mark.slow
class TestApart:
    def test_a_dispatcher_goes_on_from_its_journal(self, many_files, tmp_path):
        flags = ("--role", "dispatcher", "--work-dir", tmp_path / "journal")
        with running_service(*flags, "--port", 0) as first:
            port = first.dispatcher.rpartition(":")[2]
            with running_service("--role", "worker", "--dispatcher", first.dispatcher, "--port", 0) as elsewhere:
                assert (first.workers, len(elsewhere.workers)) == ([], 2)
                options = {"shuffle": True, "shuffle_buffer": 30, "seed": 1, "service": first.dispatcher}
                batches = iter(make_dataset(many_files, 4, *grouped(options)))
                found = ids_of(itertools.islice(batches, 5))
                first.end(signal.SIGKILL)
                with running_service(*flags, "--port", port):
                    found += ids_of(batches)
                assert len(found) == len(set(found)) == 600
                status, err = elsewhere.end()
                assert (status, err) == (2, "loading TensorFlow for 2 workers\nyt8m: stopped\n")


@pytest.mark.slow
class TestEnding:
    """SIGTERM ends the workers of `TestApart`."""

    def test_a_signal_ends_all_processes(self):
        with running_service("--port", 0, "--num-workers", 1) as running:
            assert len(running.worker_pids) == 1
            assert running.end(signal.SIGINT) == (2, "loading TensorFlow for 1 worker\nyt8m: stopped\n")

    def test_workers_do_not_outlive_a_kill_and_a_training_that_waits_for_input_can_be_stopped(self, sample, tmp_path):
        run = tmp_path / "run"
        with running_service("--port", 0, "--num-workers", 1) as running:
            flags = ("--data.train", sample / "2/video/train", "--data.num-classes", 12, "--training.batch-size", 8)
            flags += ("--training.log-every-steps", 1, "--run", run, "--data.service", running.dispatcher)
            training = preloaded.Popen(
                [sys.executable, "-m", "yt8m", "train", "logistic", *map(str, flags)],
                stderr=subprocess.PIPE,
                text=True,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            )
            try:
                wait_until(lambda: len(steps_of(run)) > 3)
                assert len(running.worker_pids) == 1
                running.end(signal.SIGKILL)  # asserts that the worker is gone
                wait_until(lambda: steps_of(run) == (time.sleep(3), steps_of(run))[1])
                training.send_signal(signal.SIGINT)
                lines = iter(training.stderr.readline, "")
                assert any("Ctrl-C again to stop at once, without saving" in line for line in lines)
                training.send_signal(signal.SIGINT)
                assert training.communicate(timeout=60)[1] == "yt8m: stopped\n"
                assert training.returncode == 2
            finally:
                training.kill()
                training.communicate()


def wait_until(condition) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


class TestMistakes:
    """Each is one line, and nothing is started."""

    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch):
        monkeypatch.setattr(data_service, "ANSWER_SECONDS", 0.5)
        yield
        assert not [
            pid for pid in children_of(os.getpid()) if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]

    @pytest.fixture
    def taken(self):
        """A port that somebody listens at and says nothing."""
        with socket.create_server(("", 0)) as server:
            yield server.getsockname()[1]

    def assert_refused(self, outcome, message):
        assert (outcome.status, outcome.out, outcome.err) == (2, "", f"yt8m: {message}\n")

    def test_a_port_that_is_taken(self, yt8m, taken):
        message = f"port {taken} cannot be had (Address already in use); choose others with --port"
        self.assert_refused(yt8m("data-service", "--port", taken), message)
        # Of the second of the two workers.
        self.assert_refused(yt8m("data-service", "--port", taken - 2), message)

    def test_a_dispatcher_that_does_not_answer(self, yt8m, taken):
        outcome = yt8m("data-service", "--role", "worker", "--dispatcher", f"localhost:{taken}")
        reason = "no tf.data service answers there; start one with yt8m data-service"
        self.assert_refused(outcome, f"--dispatcher localhost:{taken}: {reason}")

    def test_names_of_no_machine(self, yt8m):
        for flags, shown in (
            (("--host", "no.invalid", "--port", 0), "--host no.invalid"),
            (("--role", "worker", "--dispatcher", "no.invalid:5050"), "--dispatcher no.invalid:5050"),
        ):
            outcome = yt8m("data-service", *flags)
            assert (outcome.status, outcome.out) == (2, "")
            assert outcome.err.startswith(f"yt8m: {shown}: there is no machine of this name (")

    def test_a_journal_at_an_address(self, yt8m):
        outcome = yt8m("data-service", "--port", 0, "--work-dir", "gs://bucket/journal")
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("yt8m: gs://bucket/journal: ")

    def test_a_journal_where_nothing_can_be_written(self, yt8m):
        outcome = yt8m("data-service", "--port", 0, "--work-dir", "/proc/journal")
        assert (outcome.status, outcome.out) == (2, "")
        assert outcome.err.startswith("yt8m: /proc/journal: cannot be made")

    def test_training_without_a_service(self, yt8m, sample, taken, tmp_path):
        flags = ("--data.train", sample / "2/video/train", "--data.num-classes", 12, "--run", tmp_path / "run")
        outcome = yt8m("train", "logistic", *flags, "--data.service", f"localhost:{taken}")
        reason = "no tf.data service answers there; start one with yt8m data-service"
        self.assert_refused(outcome, f"--data.service localhost:{taken}: {reason}")
        assert not (tmp_path / "run").exists()
