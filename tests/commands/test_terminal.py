"""What a person sees meanwhile."""

import contextlib
import dataclasses
import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import termios
import time

import pytest

from yt8m import recipes
from yt8m.commands import streams, terminal, watching
from yt8m.config import RunConfig

TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def log(capsys):
    """What was written to a stderr that is no terminal, since it was asked for last."""
    return lambda: capsys.readouterr().err


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands; `clock[0] += 1` is a second."""
    seconds = [1000.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: seconds[0])
    return seconds


@pytest.fixture
def quiet():
    streams.set_switches("--quiet")
    yield
    streams.set_switches()


def configuration(steps: int) -> RunConfig:
    config = recipes.make_config("sample")
    return dataclasses.replace(config, training=dataclasses.replace(config.training, num_steps=steps))


def train(steps: int = 100, at_every_step=lambda: None) -> None:
    """Tells a `TrainingProgress` of a training with one validation."""
    progress = watching.TrainingProgress()
    progress.training_started(configuration(steps), 0)
    for step in range(1, steps + 1):
        at_every_step()
        progress.steps_done(step, 5.0 / step, 350.0)
    progress.validated(steps, {"gap": 0.5, "map": 0.25, "hit_at_1": 0.75, "loss": 0.125}, True)
    progress.close()


def work(count: int) -> None:
    """Counts a part of a piece of work, and of one whose size is not known."""
    progress = watching.WorkProgress()
    with progress.working("compressing", "B", total=2):
        progress.advance(count)
    with progress.working("evaluating", "video"):
        progress.advance(count)


def test_a_bar_is_there_while_something_is_done(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    seen = sys.stderr.getvalue
    progress = watching.WorkProgress()
    assert seen() == ""  # what fails before is a line of its own
    progress.start("compressing", "B", total=4_000_000)
    assert "compressing:   0%" in seen()
    assert "0.00/4.00M" in seen()
    progress.advance(4_000_000)
    progress.end()
    assert seen().rpartition("\r")[2].strip() == ""
    assert not seen().endswith("\n")


def test_a_download_s_bar_has_bytes_rate_and_remaining_time(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = watching.WorkProgress()
    progress.start("2/frame/train", "B", 500_000, 2_000_000)
    time.sleep(0.11)  # tqdm draws ten times a second
    progress.advance(500_000)
    assert re.search(r"2/frame/train:  50%.*1\.00M/2\.00M \[00:00<00:00, [\d.]+MB/s\]", sys.stderr.getvalue())
    progress.end()


def test_what_is_counted_is_told_in_words(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = watching.WorkProgress()
    progress.start("evaluating", "video")
    progress.advance(64)
    assert re.search(r"evaluating: (0|64) videos \[00:00, ([\d.]+|\?) videos/s\]", sys.stderr.getvalue())


def test_a_rate_below_one_is_how_long_one_takes(log, clock):
    progress = watching.WorkProgress()
    progress.start("making videos", "video", total=100)
    for _ in range(3):
        progress.advance(1)
        clock[0] += 5
    assert log().endswith("making videos: 3/100 videos, 3.33 s a video, 05:23 left\n")


def test_in_a_log_training_is_a_line_every_ten_seconds_and_the_last_step(log, clock):
    def a_second():
        clock[0] += 1

    train(96, a_second)
    written = log()
    lines = written.split("\n")[:-1]
    steps = [int(match[1]) for line in lines if (match := re.search(r"step (\d+)/96, loss", line))]
    assert steps == [1, 11, 21, 31, 41, 51, 61, 71, 81, 91, 96]
    assert all(re.match(rf"{TIME} \S", line) for line in lines)
    assert lines[-1].endswith("validation at step 96: GAP 0.5000, MAP 0.2500, Hit@1 0.7500, loss 0.125 (best so far)")
    assert not re.search(r"[\r\x1b]|[#█]|\d%", written)


def test_in_a_log_what_is_counted_is_a_line_every_ten_seconds(log, clock):
    progress = watching.WorkProgress()
    progress.start("evaluating", "video")
    for _ in range(25):
        clock[0] += 1
        progress.advance(200)
    lines = [re.fullmatch(rf"{TIME} (.*)", line)[1] for line in log().splitlines()]
    assert lines == [
        "evaluating: 2000 videos, 200 videos/s, 00:10 so far",
        "evaluating: 4000 videos, 200 videos/s, 00:20 so far",
    ]


def test_in_a_log_what_ends_is_a_line_every_ten_seconds_with_what_is_left(log, clock):
    progress = watching.WorkProgress()
    progress.start("making videos", "video", total=100)
    for _ in range(25):
        progress.advance(1)
        clock[0] += 1
    lines = [re.fullmatch(rf"{TIME} (.*)", line)[1] for line in log().splitlines()]
    assert lines == [
        "making videos: 11/100 videos, 1.1 videos/s, 01:20 left",
        "making videos: 21/100 videos, 1.05 videos/s, 01:15 left",
    ]


def test_in_a_log_a_line_ends_with_a_note(log, clock):
    progress = watching.WorkProgress()
    progress.start("extracting", "second")
    progress.note("0 of 3 videos")
    progress.advance(5, 20)
    progress.note("1 of 3 videos")
    clock[0] += 10
    progress.advance(15, 40)
    progress.end()
    assert log().rstrip().endswith("extracting: 20/40 seconds, 2 seconds/s, 00:10 left, 1 of 3 videos")


def test_a_bar_has_a_note_and_a_total_that_comes_late(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = watching.WorkProgress()
    progress.start("extracting", "second")
    progress.note("1 of 3 videos")
    time.sleep(0.11)
    progress.advance(10, 40)
    progress.end()
    assert re.search(r"extracting:  25%.*10/40 \[.*, 1 of 3 videos\]", sys.stderr.getvalue())


def test_what_is_done_soon_leaves_no_line_in_a_log(log):
    work(1)
    assert log() == ""


@pytest.mark.parametrize("tell", [terminal.say, terminal.explain])
def test_a_remark_is_a_line_above_the_bar(tell, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = watching.WorkProgress()
    progress.start("evaluating", "video", total=4)
    progress.advance(1)
    tell("a remark")
    before, _, after = sys.stderr.getvalue().rpartition("a remark\n")
    cleared = before.rpartition("\r")[0].rpartition("\r")[2]
    assert before.endswith("\r")
    assert cleared.strip() == ""
    assert after.startswith("\revaluating:  25%")
    progress.end()


LINES_OF_STDERR = """
import os, threading
from yt8m.commands import streams
streams.silence_tensorflow()
os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\\nINFO: ours\\n")
os.write(2, b"I0000 00:00:17.1 1 cpu.cc:2] theirs\\nlast\\n")
os.dup2(1, 2)  # nothing more comes
for thread in threading.enumerate():
    if thread is not threading.main_thread():
        thread.join()
"""


def test_tensorflow_s_log_lines_are_taken_out_and_no_others():
    done = subprocess.run([sys.executable, "-c", LINES_OF_STDERR], capture_output=True, text=True, check=True)
    assert done.stderr == "INFO: ours\nlast\n"


@pytest.mark.usefixtures("quiet")
@pytest.mark.parametrize("stderr", [io.StringIO, Terminal])
def test_quiet_leaves_out_all_but_why_the_status_is_not_0(stderr, monkeypatch):
    monkeypatch.setattr(sys, "stderr", stderr())
    train()
    work(1)
    terminal.say("a remark")
    assert sys.stderr.getvalue() == ""
    terminal.explain("stopped at step 5")
    assert sys.stderr.getvalue() == "stopped at step 5\n"


@contextlib.contextmanager
def window(monkeypatch):
    """A terminal as stderr: sets its number of columns, and returns what was written to it since."""
    master, slave = os.openpty()
    os.set_blocking(master, False)
    stderr = os.fdopen(slave, "w", buffering=1)
    monkeypatch.setattr(sys, "stderr", stderr)

    def resize(columns: int, rows: int = 24) -> str:
        written = ""
        with contextlib.suppress(BlockingIOError):
            written = os.read(master, 1 << 20).decode()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        return written

    yield resize
    stderr.close()
    os.close(master)


def test_a_bar_fits_a_narrow_terminal_also_one_that_is_made_narrower(monkeypatch):
    progress = watching.TrainingProgress()
    with window(monkeypatch) as resize:
        resize(50)
        progress.training_started(configuration(8), 0)
        for columns, steps in ((50, range(1, 5)), (30, range(5, 9))):
            resize(columns)
            for step in steps:
                time.sleep(0.11)  # tqdm draws ten times a second
                progress.steps_done(step, 0.5, 350.0)
            drawn = [part for part in re.split(r"[\r\n]+", resize(columns)) if part.strip()]
            del drawn[:1]  # it has blanks over the longer one before
            assert len(drawn) >= 2
            assert all(part.startswith("sample: ") and len(part) <= columns for part in drawn), drawn
        progress.close()


@pytest.mark.parametrize(("columns", "most"), [(0, 79), (40, 39)])
def test_a_bar_is_drawn_on_a_terminal_that_does_not_know_its_size(columns, most, monkeypatch):
    with window(monkeypatch) as resize:
        resize(columns, rows=0)
        progress = watching.WorkProgress()
        progress.start("making videos", "video", total=4)
        drawn = [part for part in re.split(r"[\r\n]+", resize(columns, rows=0)) if part.strip()]
        progress.end()
    assert len(drawn) == 1
    assert drawn[0].startswith("making videos:   0%")
    assert len(drawn[0]) <= most
