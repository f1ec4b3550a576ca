"""Graphs of neighbours for large indexes, here from 40 rows on."""

import sys

import numpy as np
import pytest
from searching_records import video_record

from yt8m.progress import Messages
from yt8m.searching import graphs
from yt8m.searching.asking import search as ask
from yt8m.searching.index import open_index
from yt8m.searching.keeping import add_to_index
from yt8m.searching.nearest import nearest


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(graphs, "FROM_ROWS", 40)


def videos(first, count):
    """Around 20 looks."""
    random = np.random.default_rng(0)
    looks = random.standard_normal((20, 1024))
    for number in range(first, first + count):
        yield video_record(f"v{number}", looks[number % 20] + np.random.default_rng(number).standard_normal(1024))


@pytest.fixture
def index(tmp_path, records):
    add_to_index(tmp_path / "index", [records("a", *videos(0, 120))])
    return tmp_path / "index"


def recall(index) -> float:
    """The share of the ten nearest that a graph finds, over a third of the videos."""
    opened = open_index(index)
    rows = np.concatenate(opened.rows("videos"))
    found = []
    for query in rows[::3]:
        exact = set(nearest(query, opened.rows("videos"), 10)[0].tolist())
        close = graphs.nearest_by_graph(opened.directory, opened.graphs["videos"], query, 10)[0].tolist()
        assert len(close) == len(set(close)) == 10
        assert 0 <= min(close) <= max(close) < len(rows)
        found.append(len(exact & set(close)) / 10)
    return float(np.mean(found))


@pytest.mark.thorough
def test_a_graph_finds_what_is_there_as_the_index_changes(index, records):
    assert recall(index) > 0.98
    first = open_index(index).graphs["videos"]["files"][0]
    add_to_index(index, [records("b", *videos(120, 20))])
    assert recall(index) > 0.98
    add_to_index(index, [records("c", *videos(10, 10))], remove=["v0", "v1"])
    assert recall(index) > 0.98
    assert open_index(index).graphs["videos"]["files"][0] != first
    answer = ask(index, "v7", count=5)
    assert "v7" not in {hit.id for hit in answer.hits}
    assert all(int(hit.id[1:]) % 20 == 7 for hit in answer.hits)
    assert len({path.suffix for path in index.iterdir() if path.name.startswith("graph")}) == 2


def test_a_graph_is_made_anew_once_much_is_gone_and_goes_with_the_rows(index):
    add_to_index(index, remove=[f"v{number}" for number in range(60)])
    assert recall(index) > 0.98
    add_to_index(index, remove=[f"v{number}" for number in range(60, 100)])
    assert open_index(index).graphs == {}
    assert not list(index.glob("graph*"))


def test_without_faiss_all_rows_are_compared_and_a_line_says_so(index, records, monkeypatch):
    before = [hit.id for hit in ask(index, "v7", count=5).hits]
    monkeypatch.setitem(sys.modules, "faiss", None)
    exact = [hit.id for hit in ask(index, "v7", count=5).hits]
    assert len(set(exact) & set(before)) >= 4
    told = Messages()
    add_to_index(index, [records("b", *videos(120, 3))], progress=told)
    assert told.lines == [
        "123 videos are compared one by one, which takes longer; pip install 'yt8m[faiss]' and add again, and they get a graph"
    ]
    assert open_index(index).graphs == {}


def test_a_damaged_graph_is_told(index):
    path = index / open_index(index).graphs["videos"]["files"][0]
    path.write_bytes(b"no graph")
    graphs._read.cache_clear()
    with pytest.raises(ValueError, match="is damaged; remove the index"):
        ask(index, "v7")
