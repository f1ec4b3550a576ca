"""Workers of one job, started by `yt8m launch`: what happens to them happens to the job."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import preloaded
import pytest
from small_runs import losses

from yt8m.distribution.launching import free_addresses
from yt8m.progress import Messages

TRAINING = [
    *("--data.num-classes=12", "--data.features=audio", "--data.shard=record", "--training.batch-size=8"),
    *("--training.log-every-steps=1", "--training.checkpoint-every-steps=5", "--training.validate-every-steps=0"),
]
SECONDS = 300


def launched(sample, run, num_steps: int, **options) -> subprocess.Popen:
    command = [sys.executable, "-m", "yt8m", "launch", "--num-workers", "2", "--", "train", "frame_logistic", *TRAINING]
    where = ["--data.train", f"{sample}/2/frame/train", "--run", run, f"--training.num-steps={num_steps}"]
    return preloaded.Popen([*command, *where], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def worker_of(launcher: subprocess.Popen, index: int) -> int:
    """The process id of a worker; Linux lists the children of a process in the order in which they were started."""
    children = Path(f"/proc/{launcher.pid}/task/{launcher.pid}/children").read_text().split()
    assert len(children) == 2
    return int(children[index])


def wait_for_checkpoint(run: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while not (run / "checkpoints" / "checkpoint").exists():
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.1)


def struck(sample, run: Path, index: int, number: signal.Signals) -> tuple[int, str, float]:
    """Trains until a checkpoint was written, and sends a worker a signal: exit status, what was said, seconds to the end."""
    launcher = launched(sample, run, num_steps=1_000_000)
    try:
        wait_for_checkpoint(run)
        os.kill(worker_of(launcher, index), number)
        since = time.monotonic()
        _, said = launcher.communicate(timeout=SECONDS)
        return launcher.returncode, said, time.monotonic() - since
    finally:
        launcher.kill()


def last_step(run: Path) -> int:
    return max(int(path.stem.split("-")[1]) for path in (run / "checkpoints").glob("ckpt-*.index"))


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_a_dead_worker_stops_the_others_within_a_minute(index, sample, tmp_path):
    """And the job goes on afterwards; of both cases this is looked at in that of the chief, who writes the checkpoints."""
    status, said, seconds = struck(sample, tmp_path / "run", index, signal.SIGKILL)
    assert status == 128 + signal.SIGKILL, said
    assert seconds < 60
    assert f"worker {index} was ended by SIGKILL; the others stop, too" in said, said
    line = rf"yt8m: worker {1 - index} of 2: another worker ended or cannot be reached .* resumes from what was saved"
    assert re.search(line, said), said
    assert "Traceback" not in said, said
    if index:
        return
    step = last_step(tmp_path / "run")
    launcher = launched(sample, tmp_path / "run", step + 5)
    _, said = launcher.communicate(timeout=SECONDS)
    assert launcher.returncode == 0, said
    assert f"going on after step {step} of {step + 5}" in said, said
    assert len(losses(tmp_path / "run")) == step + 5


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1])
def test_a_worker_that_hangs_stops_the_others_within_a_minute(index, sample, tmp_path):
    """As one whose machine or network is gone: its connections stay open, and nothing comes."""
    launcher = launched(sample, tmp_path / "run", num_steps=1_000_000)
    try:
        wait_for_checkpoint(tmp_path / "run")
        hanging, other = worker_of(launcher, index), worker_of(launcher, 1 - index)
        os.kill(hanging, signal.SIGSTOP)
        since = time.monotonic()
        while Path(f"/proc/{other}/stat").exists():  # until the launcher has asked for its exit status
            assert time.monotonic() - since < 60
            time.sleep(0.1)
        os.kill(hanging, signal.SIGKILL)
        _, said = launcher.communicate(timeout=SECONDS)
    finally:
        launcher.kill()
    assert launcher.returncode == 2, said
    assert re.search(rf"yt8m: worker {1 - index} of 2: another worker ended or cannot be reached", said), said


@pytest.mark.slow
def test_a_worker_that_is_preempted_saves_and_stops_all(sample, tmp_path):
    status, said, seconds = struck(sample, tmp_path / "run", 1, signal.SIGTERM)
    assert status == 2, said
    assert seconds < 30
    step = last_step(tmp_path / "run")
    assert f"stopped at step {step:,} of 1,000,000, which is saved" in said, said
    assert len(losses(tmp_path / "run")) == step


def stopped_launcher(sample, run: Path, stop) -> tuple[int, str]:
    """Trains until a checkpoint was written, and stops the launcher, in a session of its own; exit status, what was said."""
    launcher = launched(sample, run, num_steps=1_000_000, start_new_session=True)
    try:
        wait_for_checkpoint(run)
        workers = [worker_of(launcher, index) for index in range(2)]
        stop(launcher)
        _, said = launcher.communicate(timeout=SECONDS)
        deadline = time.monotonic() + 60
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            assert time.monotonic() < deadline, "workers are left"
            time.sleep(0.1)
        return launcher.returncode, said
    finally:
        launcher.kill()


@pytest.mark.slow
def test_one_ctrl_c_saves(sample, tmp_path):
    """A terminal sends it to every process of the launcher's group, and the launcher sends it on."""
    status, said = stopped_launcher(sample, tmp_path / "run", lambda launcher: os.killpg(launcher.pid, signal.SIGINT))
    assert status == 2, said
    step = last_step(tmp_path / "run")
    assert f"stopped at step {step:,} of 1,000,000, which is saved" in said, said
    assert len(losses(tmp_path / "run")) == step


@pytest.mark.slow
def test_workers_save_and_end_after_their_launcher(sample, tmp_path):
    stopped_launcher(sample, tmp_path / "run", lambda launcher: launcher.kill())
    assert len(losses(tmp_path / "run")) == last_step(tmp_path / "run")


def test_free_addresses_differ():
    addresses = free_addresses(5)
    assert len(set(addresses)) == 5
    assert all(re.fullmatch(r"localhost:\d+", address) for address in addresses)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--num-workers", "2"], "there is nothing to launch; write yt8m launch --num-workers 2 -- train RECIPE"),
        (["train", "sample"], "write -- before what is launched: yt8m launch --num-workers 2 -- train ..."),
        (["--", "ensemble", "a"], "ensemble is not for several workers; launch train, evaluate, predict, submit"),
        (["--num-workers", "0", "--", "train"], "--num-workers"),
        (["train", "sample"], "train"),
    ],
)
def test_what_cannot_be_launched_is_one_line(arguments, message):
    from yt8m.commands import COMMANDS
    from yt8m.errors import InputError

    with pytest.raises(InputError, match=message):
        COMMANDS["launch"](arguments)


@pytest.mark.thorough
def test_a_failing_command_fails_the_job():
    from yt8m.distribution.launching import launch

    said = Messages()
    assert launch(["train", "no_such_recipe"], 2, said) == 2
    assert any("no_such_recipe" in line for line in said.lines), said.lines


def ended(*commands: str) -> list[subprocess.Popen]:
    """Processes that have ended, and whose exit status nobody has asked for yet."""
    processes = [subprocess.Popen(["sh", "-c", command]) for command in commands]
    for process in processes:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    return processes


@pytest.mark.parametrize(
    "commands", [("exit 2", "kill -9 $$"), ("kill -9 $$", "exit 2"), ("exit 0", "exit 2", "kill -9 $$")]
)
def test_a_worker_that_a_signal_ended_is_the_reason_where_others_ended_by_the_same_look(commands):
    from yt8m.distribution.launching import _wait

    said = Messages()
    assert _wait(ended(*commands), said) == 128 + signal.SIGKILL
    assert said.lines == [f"worker {commands.index('kill -9 $$')} was ended by SIGKILL; the others stop, too"]


def test_the_first_status_counts_where_no_signal_ended_a_worker():
    from yt8m.distribution.launching import _wait

    assert _wait(ended("exit 0", "exit 3", "exit 2"), Messages()) == 3
    assert _wait(ended("exit 0", "exit 0"), Messages()) == 0
