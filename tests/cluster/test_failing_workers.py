"""What happens to a job when bundles fail, workers are killed, or a disk is full: the result is whole, or there is none."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from job_services import end_with_its_workers_killed, wait_for

from yt8m.conversion import convert

IN_MEMORY = "--direct_running_mode in_memory"

pytestmark = pytest.mark.slow


def contents(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir()}


@pytest.mark.parametrize("where", ["reading", "keeping", "writing"])
def test_a_bundle_that_fails_twice_and_then_succeeds(beam, where, sample, tmp_path, monkeypatch, retried_bundles):
    """A failed bundle is done again, as clusters do it. It fails with some of its work done, or with all."""
    from yt8m.cluster import convert as on_beam
    from yt8m.cluster import options, writing

    tries = tmp_path / "tries"
    tries.mkdir()

    def fail():
        if len(list(tries.iterdir())) < 2:
            (tries / str(time.monotonic_ns())).touch()
            raise RuntimeError("the worker is gone")

    if where == "reading":
        read = on_beam._Converting.__call__

        def failing(self, part):
            for number, item in enumerate(read(self, part)):
                if number == 7:
                    fail()
                yield item

        monkeypatch.setattr(on_beam._Converting, "__call__", failing)
    elif where == "keeping":
        finish = writing._Keep.finish_bundle

        def failing(self):
            had_records = self._file is not None
            finish(self)
            if had_records:
                fail()

        monkeypatch.setattr(writing._Keep, "finish_bundle", failing)
    else:
        process = writing._Write.process

        def failing(self, element):
            found = list(process(self, element))
            fail()
            return found

        monkeypatch.setattr(writing._Write, "process", failing)
    source = sample / "2/frame/train"
    convert(str(source), tmp_path / "local", to="video")
    engine = on_beam.BeamConversion(options.BeamOptions(options=IN_MEMORY))
    result = convert(str(source), tmp_path / "out", to="video", engine=engine)
    assert len(list(tries.iterdir())) == 2
    assert (result.num_files, result.num_records) == (2, 64)
    assert contents(tmp_path / "out") == contents(tmp_path / "local")
    assert {path.name for path in tmp_path.iterdir()} == {"local", "out", "tries"}


def test_the_rest_of_a_slow_part_is_taken_over(beam, sample, tmp_path, monkeypatch):
    """The runner takes the second half of what is left of a part, twice, while it is read; that is read elsewhere."""
    from yt8m.cluster import convert as on_beam
    from yt8m.cluster.options import BeamOptions

    counts, read = [], on_beam._Converting.__call__

    def slow(self, part):
        number = len(counts)
        counts.append(0)
        for item in read(self, part):
            time.sleep(0.05)
            counts[number] += 1
            yield item

    monkeypatch.setattr(on_beam._Converting, "__call__", slow)
    source = sample / "2/frame/train/train0000.tfrecord"
    convert(str(source), tmp_path / "local", to="video")
    splits = json.dumps({"ConvertRecords/Read": {"timings": [0.3, 0.2], "fractions": [0.5, 0.5]}})
    engine = on_beam.BeamConversion(
        BeamOptions(options=f"--direct_running_mode multi_threading --direct_test_splits '{splits}'")
    )
    result = convert(str(source), tmp_path / "out", to="video", engine=engine)
    assert len(counts) >= 2
    assert min(counts) < 32, "the first reader went on to the end"
    assert result.num_records == 32
    assert contents(tmp_path / "out") == contents(tmp_path / "local")


HELD = """
import pathlib, sys, time
from yt8m.cluster.options import load_beam
load_beam()  # without its remarks
from yt8m.cluster import convert
from yt8m.cli import main

class Held(convert._Converting):  # Beam sends a class of the main module as it is to the workers
    reached = sys.argv.pop(1)

    def __call__(self, part):
        for number, item in enumerate(super().__call__(part)):
            yield item
            if number == 7:
                pathlib.Path(self.reached).touch()
                time.sleep(20)

convert._Converting = Held
main()
"""
"""The command, of which a worker waits within a part."""


def test_a_worker_is_killed_and_the_job_started_again(job_service, sample, tmp_path):
    """It is killed while it has a bundle. Beam's own job service may wait for ever for one that ends between two bundles."""
    flags, pool = job_service
    source, reached = sample / "2/frame/train", tmp_path / ".reached"
    convert(str(source), tmp_path / "local", to="video")
    command = ["convert", str(source), "--to", "video", "--out", str(tmp_path / "out"), *flags]

    def has_begun():
        return reached.exists() and list(tmp_path.glob(".out.converting/.beam-*/*.records"))

    end_with_its_workers_killed([sys.executable, "-c", HELD, str(reached), *command], pool, has_begun)
    reached.unlink()
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["local"]
    again = subprocess.run(
        [sys.executable, "-m", "yt8m", *command], capture_output=True, text=True, check=False, timeout=300
    )
    assert again.returncode == 0, again.stderr
    assert contents(tmp_path / "out") == contents(tmp_path / "local")
    assert {path.name for path in tmp_path.iterdir()} == {"local", "out"}


def test_ctrl_c_is_one_line_though_workers_in_processes_die_with_tracebacks(beam, sample, tmp_path):
    source, reached = sample / "2/frame/train", tmp_path / ".reached"
    convert(str(source), tmp_path / "local", to="video")
    command = ["convert", str(source), "--to", "video", "--out", str(tmp_path / "out"), "--engine", "beam"]
    command += ["--beam.options", "--direct_running_mode multi_processing --direct_num_workers 2"]
    with subprocess.Popen(
        [sys.executable, "-c", HELD, str(reached), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            wait_for(reached.exists)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal, which sends it to all processes of the command
            out, err = process.communicate(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, out) == (2, "")
    assert err.splitlines() == [
        "converting by Apache Beam, DirectRunner",
        "yt8m: stopped; the same command goes on where it stood",
    ]
    again = subprocess.run(
        [sys.executable, "-m", "yt8m", *command], capture_output=True, text=True, check=False, timeout=300
    )
    assert again.returncode == 0, again.stderr
    assert contents(tmp_path / "out") == contents(tmp_path / "local")


def test_a_broken_record_is_named_by_a_worker_in_another_process(job_service, sample, tmp_path):
    flags, _ = job_service
    path = tmp_path / "broken.tfrecord"
    content = bytearray((sample / "2/frame/train/train0000.tfrecord").read_bytes())
    content[300] ^= 1
    path.write_bytes(content)
    words = [
        sys.executable,
        "-m",
        "yt8m",
        "convert",
        str(path),
        "--to",
        "video",
        "--out",
        str(tmp_path / "out"),
        *flags,
    ]
    result = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1] == f"yt8m: {path}, record 0: its data do not match their checksum"
    assert {each.name for each in tmp_path.iterdir()} == {"broken.tfrecord"}


@pytest.mark.parametrize("free", [40_000, 400_000], ids=["a scratch file", "a new file"])
def test_a_full_disk_is_one_line(beam, free, sample, tmp_path):
    """Two processes of workers; no file of theirs may be larger than this, as on a disk with so much room."""
    program = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({free}, {free})); "
    program += "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); from yt8m.cli import main; main()"
    flags = ["--engine", "beam", "--beam.options", "--direct_running_mode multi_processing --direct_num_workers 2"]
    source = sample / "2/frame/train"
    words = ["convert", str(source), "--to", "tfrecord", "--num-shards", "1", "--out", str(tmp_path / "out"), *flags]
    result = subprocess.run(
        [sys.executable, "-c", program, *words], capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 2, result.stderr
    line = result.stderr.splitlines()[-1]
    assert "cannot be written (File too large); choose another place, or make room" in line
    assert not list(tmp_path.iterdir())
