"""The way from files of videos to a page: `make own`, `make vlog`, and all lines of the pages on it."""

import csv
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from fenced import BLOCKS, words_of
from test_makefile import lines_of

from yt8m.data.tables.timed_labels import read_timed_labels

sys.path.append(str(Path(__file__).parents[1] / "labelling"))
from webvtt_parsing import parse_webvtt

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
NUM_VIDEOS = {"24": "10"}
"""How many videos a page makes, and how many are made here."""
FEWER = ["--num-videos", "30"]
"""Of `make own`, which makes 60: most of its time goes to the network that looks at their frames."""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Where both targets leave what they make."""
    return tmp_path_factory.mktemp("own")


@pytest.fixture
def run_lines(yt8m, place, monkeypatch):
    """Runs the command lines of a target, or other lines, in that place; what the last one printed."""
    monkeypatch.chdir(place)

    def run(lines):
        for line in lines:
            outcome = yt8m(*line[1:])
            assert outcome.status == 0, f"{shlex.join(line)}: {outcome.err}"
        return outcome.out

    return run


def all_lines_of(target, done=()):
    """All command lines of a target, but those whose result another target made before."""
    import subprocess

    ended = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [shlex.split(line) for line in ended.stdout.replace("\\\n", "").splitlines() if "/yt8m " in line]
    return [line for line in lines if line not in done]


def test_own_ends_with_a_gap_that_chance_has_not(run_lines, place):
    make, *others = all_lines_of("own")
    printed = run_lines([make + FEWER, *others])
    gap = float(re.search(r"^gap +([\d.]+)$", printed, re.MULTILINE)[1])
    assert gap > 0.85  # names drawn by chance have some .35
    rows = read_timed_labels(place / "data/own/labels-over-time.csv")
    assert {row.name for row in rows} <= {"disc", "square", "stripes", "checks", "hum", "whistle"}
    chapters = sorted((place / "data/own/chapters").iterdir())
    assert len(chapters) == 3
    assert any(parse_webvtt(path.read_text()) for path in chapters)


def test_vlog_makes_a_page_from_nothing(run_lines, place):
    run_lines(all_lines_of("vlog", done=all_lines_of("own")))
    page = (place / "data/vlog/index.html").read_text()
    videos = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    assert len(videos) == 10
    for video in videos:
        assert video["strip"][0].startswith("data:image/jpeg;base64,")
        assert video["spans"]
        assert len(video["clips"]) > 1
        assert all(clip["related"] for clip in video["clips"])
    with open(place / "data/vlog/clips/clips.csv") as file:
        assert len(list(csv.DictReader(file))) == sum(len(video["clips"]) for video in videos)


@pytest.mark.parametrize("page", ["own-videos.md", "browsing.md"])
def test_the_lines_of_a_page(page, run_lines, place):
    lines = [
        [NUM_VIDEOS.get(word, word) for word in words_of(command)]
        for block in BLOCKS
        if block.page == page and block.language == "sh"
        for command in block.commands()
        if command.startswith("yt8m ")
    ]
    assert lines
    run_lines(lines)
    for words in lines:
        if "browse" in words and "--out" in words:
            assert (place / words[words.index("--out") + 1]).stat().st_size > 50_000


def test_make_prints_what_it_runs():
    assert shutil.which("make")
    assert lines_of("own")[-1][1] == "evaluate"
