"""What benchmarks measure in turns, and what they make of it."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import data, turns
from benchmarks.earlier import work
from benchmarks.turns import Spent

REPOSITORY = Path(__file__).resolve().parents[2]


def test_everything_is_measured_once_in_each_round_and_the_first_round_does_not_count(monkeypatch, capsys):
    monkeypatch.setattr(turns, "UNCOUNTED", 1)
    calls = []

    def measure(name):
        calls.append(name)
        return Spent(float(len(calls)), 0.0)

    found = turns.in_turns({name: lambda name=name: measure(name) for name in ("raw", "ours")}, rounds=2)
    assert calls == ["raw", "ours"] * 3
    assert found == {"raw": [Spent(3, 0), Spent(5, 0)], "ours": [Spent(4, 0), Spent(6, 0)]}


def test_ratios_are_taken_within_a_round():
    raw, ours = [Spent(1, 8), Spent(10, 8), Spent(4, 8)], [Spent(2, 1), Spent(40, 2), Spent(4, 4)]
    # By rounds .5, .25 and 1, while the medians 4 and 4 would give 1; and 8, 4 and 2.
    assert turns.times_less(raw, ours) == 0.5
    assert turns.times_less(raw, ours, "cpu") == 4
    # 400 videos in 4 s and in 2 CPU seconds.
    assert turns.rate_cells(raw, ours, 400) == ("100", "0.50", "5,000.0", "4.00")


def test_work_is_timed_by_both_clocks(monkeypatch):
    seconds, cpu = iter([10.0, 12.5]), iter([1.0, 5.0])
    monkeypatch.setattr(work.time, "perf_counter", lambda: next(seconds))
    monkeypatch.setattr(work, "cpu_seconds", lambda: next(cpu))
    done = []
    assert turns.timed(lambda: done.append(1))() == Spent(2.5, 4.0)
    assert done == [1]


def test_peak_memory_is_that_of_the_process():
    code = (
        "from benchmarks.turns import peak_megabytes; before = peak_megabytes(); "
        "len(b'x' * 100_000_000); print(peak_megabytes() - before)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert float(ended.stdout) == pytest.approx(100, abs=5)


def test_files_are_linked_to_in_turn(tmp_path):
    files = [tmp_path / name for name in ("a", "b")]
    for path in files:
        path.write_text(path.name)
    links = data.linked(list(map(str, files)), 3, tmp_path)
    assert [Path(link).read_text() for link in links] == ["a", "b", "a"]
    assert all(link.endswith(".tfrecord") for link in links)
