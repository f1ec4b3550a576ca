"""`yt8m download` as a process: killed, interrupted, given what it cannot use."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from misbehaving_server import NAMES, NUMBERS, PARTITION, Fault, make_files, serve

from yt8m.commands import watching

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def large():
    """Six files of 2 MB."""
    with serve(make_files(2_000_000)) as server:
        server.seconds_a_block = 0.005
        yield server


def start(*arguments) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "yt8m", "download", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "NO_PROXY": "127.0.0.1"},
    )


def run(*arguments) -> tuple[int, str, str]:
    process = start(*arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def wait_for(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def part_bytes(out: Path) -> int:
    """Of all that is there of record files, complete or not."""
    sizes = []
    for path in out.rglob("train????.*"):
        with contextlib.suppress(FileNotFoundError):  # renamed meanwhile
            sizes.append(path.stat().st_size)
    return sum(sizes)


def assert_complete(out: Path, server) -> None:
    for name in NAMES:
        assert (out / PARTITION / f"train{NUMBERS[name]:04d}.tfrecord").read_bytes() == server.content(name)
    assert not list(out.rglob("*.part"))


@pytest.mark.thorough
def test_a_killed_run_loses_nothing(large, tmp_path):
    out = tmp_path / "out"
    process = start(PARTITION, "--out", out, "--base-url", large.url, "--jobs", 3)
    wait_for(lambda: part_bytes(out) > 3_000_000)
    process.kill()
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    there = part_bytes(out)
    partial = {path.stem: path.stat().st_size for path in out.rglob("*.part")}
    complete = {path.name for path in out.rglob("*.tfrecord")}
    assert len(partial) in (1, 2, 3)
    with serve(large.files) as again:  # with a log of its own
        status, stdout, stderr = run(PARTITION, "--out", out, "--base-url", again.url)
        assert (status, stderr) == (0, "")
        assert f"{6 - len(complete)} files fetched" in stdout
        assert_complete(out, again)
        for name in NAMES:
            local = f"train{NUMBERS[name]:04d}.tfrecord"
            assert [sent.first for sent in again.gets(name)] == ([] if local in complete else [partial.get(local, 0)])
        whole = sum(len(again.content(name)) for name in NAMES)
        assert there + sum(sent.count for sent in again.record_gets) == whole


@contextlib.contextmanager
def stalled(out: Path, server):
    """A process whose two connections brought a million bytes each, all of them in its files, and bring nothing more."""
    server.always = Fault(stall=1_000_000)
    server.faults = {path: [Fault()] for path in server.files if not path.endswith(".tfrecord")}
    process = start(PARTITION, "--out", out, "--base-url", server.url, "--jobs", 2)
    try:
        wait_for(lambda: part_bytes(out) == 2_000_000)
        yield process
    finally:
        process.kill()
        process.communicate(timeout=60)


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_ends_without_waiting_for_the_server_and_says_what_to_do(large, tmp_path, number):
    with stalled(tmp_path / "out", large) as process:
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=15)  # the server is silent for longer
    assert (process.returncode, stdout) == (2, "")
    assert stderr == "yt8m: stopped; the same command goes on where it stood\n"


def test_a_missing_file_ends_with_status_2_and_its_name(large, tmp_path):
    large.seconds_a_block = 0.0
    del large.files[large.path_of("train99")]
    status, stdout, stderr = run(PARTITION, "--out", tmp_path / "out", "--base-url", large.url)
    assert (status, stdout) == (2, "")
    last = stderr.splitlines()[-1]
    assert "1 of 7 files cannot be downloaded: train99.tfrecord (404 Not Found); run the same command" in last
    assert len(list((tmp_path / "out").rglob("*.tfrecord"))) == 5


def test_a_dry_run_lists_and_writes_nothing(large, tmp_path):
    out = tmp_path / "out"
    status, stdout, stderr = run(PARTITION, "--out", out, "--base-url", large.url, "--dry-run")
    assert (status, stderr) == (0, "")
    lines = stdout.splitlines()
    assert f"{out}/{PARTITION}/train0939.tfrecord  {large.url}/{PARTITION}/trainpj.tfrecord  2.00 MB" in lines
    assert lines[-1] == f"{out}/{PARTITION}: 7 files to fetch, 12.02 MB; 0 complete"
    assert len(lines) == 8
    assert not out.exists()
    assert large.record_gets == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["2/frame/trian", "--out", "x"], "unknown partition '2/frame/trian'; did you mean 2/frame/train?"),
        ([PARTITION], "--out DIR is missing"),
        ([PARTITION, "--out", "x", "--shard", "5,3"], "--shard is '5,3'; it must be X,Y"),
        ([PARTITION, "--out", "x", "--mirror", "mars"], "--mirror is 'mars'; it must be one of 'us', 'eu', 'asia'"),
        ([PARTITION, "--out", "x", "--jobs", "0"], "--jobs is 0; it must be from 1 to 64"),
        ([PARTITION, "--out", "x", "--base-url", "host"], "--base-url is 'host'; it must be an address such as"),
        ([PARTITION, "--out", __file__], "this is not a directory"),
    ],
)
def test_mistakes_are_one_line(arguments, message, tmp_path, monkeypatch, capfd):
    from yt8m.cli import main

    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["download", *arguments])
    out, err = capfd.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert message in err
    assert not list(tmp_path.iterdir())


TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def test_without_a_terminal_progress_is_a_line_now_and_then(capsys):
    progress = watching.WorkProgress(0.0)
    with progress.working("2/frame/train", "B", 500_000, 2_000_000):
        progress.advance(1_000_000, 3_000_000)
        progress.advance(100_000)
    with progress.working("2/frame/train", "B", 500_000):
        progress.advance(1_100_000)
    first, second, third = capsys.readouterr().err.splitlines()
    assert re.fullmatch(rf"{TIME} 2/frame/train: 1\.50M/3\.00MB, .*B/s, [\d:]+ left", first)
    assert re.fullmatch(rf"{TIME} 2/frame/train: 1\.60M/3\.00MB, .*B/s, [\d:]+ left", second)
    assert re.fullmatch(rf"{TIME} 2/frame/train: 1\.60MB, .*B/s, [\d:]+ so far", third)
