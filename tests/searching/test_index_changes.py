"""An index that grows and shrinks, beside one made anew; killed, full, damaged, and used by others at once."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from searching_records import VOCABULARY, video_record

from yt8m.errors import InputError
from yt8m.files import locked
from yt8m.searching import parts, updating
from yt8m.searching.asking import search as ask
from yt8m.searching.index import open_index
from yt8m.searching.keeping import add_to_index
from yt8m.searching.nearest import highest, nearest
from yt8m.searching.tables import Labels, Texts


@pytest.fixture
def index(tmp_path):
    return tmp_path / "index"


def random_video(video_id, seed, labels=None) -> bytes:
    return video_record(video_id, np.random.default_rng(seed).standard_normal(1024), labels)


def contents(index) -> dict[str, tuple[bytes, list]]:
    """Each video with its vector and labels."""
    found = {}
    for part in open_index(index).parts:
        for number, video in enumerate(part.table.ids):
            assert video not in found
            found[video] = (part.rows["videos"][number].tobytes(), part.table.labels.of_row(number))
    return found


def files_of(index) -> set[str]:
    return {path.name for path in index.iterdir()}


@pytest.mark.thorough
def test_a_growing_index_equals_one_made_at_once(index, records, tmp_path):
    random = np.random.default_rng(3)
    expected: dict[str, bytes] = {}
    for step in range(12):
        wanted = {
            f"v{number}": int(random.integers(1 << 30)) for number in random.integers(0, 60, random.integers(1, 15))
        }
        gone = [video for video in sorted(expected) if random.random() < 0.2]
        new = {video: random_video(video, seed, [seed % 7]) for video, seed in wanted.items()}
        changed = add_to_index(index, [records(f"step{step}", *new.values())], remove=gone)
        assert changed.removed == len(gone)
        expected = {video: record for video, record in expected.items() if video not in gone}
        assert changed.replaced == len(expected.keys() & new.keys())
        assert changed.added == len(new.keys() - expected.keys())
        expected |= new
        assert changed.videos == len(expected)
    add_to_index(tmp_path / "anew", [records("all", *expected.values())])
    assert contents(index) == contents(tmp_path / "anew")
    opened = open_index(index)
    assert len(opened.parts) <= 6
    named = {path.name for part in opened.parts for path in parts.paths_of(index, part.entry["name"])}
    assert files_of(index) == {"index.json", f"{opened.classes_file}.json", f"{opened.classes_file}.npz", *named}


def test_the_nearest_are_those_of_a_slow_search(index, records):
    for step in range(4):
        path = records(
            f"a{step}", *(random_video(f"{step}-{number}", 100 * step + number) for number in range(10 * (4 - step)))
        )
        add_to_index(index, [path])
    opened = open_index(index)
    assert len(opened.parts) > 1
    rows = np.concatenate(opened.rows("videos")).astype(np.float64)
    query = opened.rows("videos")[1][2]
    scores = rows @ query
    order = sorted(range(len(rows)), key=lambda row: (-scores[row], row))
    found, cosines = nearest(query, opened.rows("videos"), 7)
    assert found.tolist() == order[:7]
    np.testing.assert_allclose(cosines, scores[order[:7]], atol=1e-6)
    assert nearest(query, opened.rows("videos"), 1000)[0].tolist() == order


def test_equal_scores_come_in_order():
    assert highest(np.array([1, 3, 2, 3, 2, 2], np.float32), 4)[0].tolist() == [1, 3, 2, 4]
    assert highest(np.empty(0, np.float32), 4)[0].tolist() == []


def test_a_record_that_comes_twice_is_told_and_the_first_one_counts(search, records, index):
    path = records("twice", random_video("a", 1), random_video("b", 2), random_video("a", 3))
    status, added, err = search("--add", path)
    assert (status, added["added"], added["repeated"]) == (0, 2, ["a"])
    assert "1 record left out, as the id came before, such as 'a'" in err
    once = contents(index)
    add_to_index(index, [records("once", random_video("a", 1))])
    assert contents(index) == once


def test_removing_tells_of_ids_that_are_not_there(search, records, index):
    search("--add", records("a", random_video("a", 1), random_video("b", 2)))
    status, removed, err = search("--remove", "a", "x", "a")
    assert (status, removed["removed"], removed["videos"], removed["unknown"]) == (2, 1, 1, ["x"])
    assert "1 id to remove not in the index: x" in err
    assert search("--remove", "b")[1]["videos"] == 0
    assert "is empty" in search("--text", "guitar")[2]
    assert "none of the 0 videos" in search("--like", "a")[2]
    assert search("--add", records("a", random_video("a", 1)))[1]["videos"] == 1


def test_a_failed_or_killed_change_leaves_the_index_as_it_was(index, records, monkeypatch):
    add_to_index(index, [records("a", *(random_video(f"v{number}", number) for number in range(5)))])
    before, names = contents(index), files_of(index)
    path = records("b", random_video("w", 7), random_video("v1", 8))
    for place, name in ((updating, "write_json"), (updating, "updated_graphs"), (parts, "packed")):
        with monkeypatch.context() as patched:
            patched.setattr(
                place, name, lambda *arguments: (_ for _ in ()).throw(OSError(28, "No space left on device"))
            )
            with pytest.raises((InputError, OSError), match=r"No space left|cannot be written"):
                add_to_index(index, [path], remove=["v2"])
        assert contents(index) == before
        assert files_of(index) == names
    broken = records("c", random_video("w", 7)) + ""
    with open(broken, "ab") as file:
        file.write(random_video("v1", 8)[:-3])
    with pytest.raises(InputError, match="record 1"):
        add_to_index(index, [broken])
    assert contents(index) == before
    assert files_of(index) == names


KILLED = """
import os, sys, signal
from yt8m.searching import updating
from yt8m.searching.keeping import add_to_index
write = updating.write_json
updating.write_json = lambda *arguments: os.kill(os.getpid(), signal.SIGKILL)
add_to_index(sys.argv[1], [sys.argv[2]])
"""


@pytest.mark.thorough
def test_what_a_killed_process_left_is_removed_by_the_next(index, records):
    add_to_index(index, [records("a", random_video("a", 1))])
    before, names = contents(index), files_of(index)
    killed = subprocess.run([sys.executable, "-c", KILLED, index, records("b", random_video("b", 2))])
    assert killed.returncode == -signal.SIGKILL
    assert contents(index) == before
    assert files_of(index) > names
    add_to_index(index, [records("b", random_video("b", 2))])
    assert len(files_of(index)) <= len(names) + 3
    assert contents(index).keys() == {"a", "b"}


@pytest.mark.thorough
def test_two_changes_at_once_are_refused_and_readers_are_not(index, records):
    path = records("a", random_video("a", 1))
    add_to_index(index, [path])
    opened = open_index(index)
    with locked(index, "busy"), pytest.raises(InputError, match="another yt8m search changes this index; wait for it"):
        add_to_index(index, [path])
    ended = threading.Event()

    def change() -> None:
        for step in range(8):
            add_to_index(
                index, [records(f"b{step}", *(random_video(f"{step}-{number}", number) for number in range(8)))]
            )
        ended.set()

    thread = threading.Thread(target=change)
    thread.start()
    deadline = time.monotonic() + 30
    while not ended.is_set() and time.monotonic() < deadline:
        found = ask(index, "a", count=100) if open_index(index).num_rows("videos") > 1 else None
        assert found is None or len(found.hits) % 8 == 0
    thread.join()
    assert opened.num_rows("videos") == 1
    assert opened.rows("videos")[0][0].any()  # as it was, though its files are gone


def damage(index, what: str) -> None:
    header = json.loads((index / "index.json").read_text())
    part = index / header["parts"][0]["name"]
    if what == "text":
        (index / "index.json").write_text("{")
    elif what == "empty":
        (index / "index.json").write_text("{}")
    elif what == "list":
        (index / "index.json").write_text("[]")
    elif what == "version":
        (index / "index.json").write_text(json.dumps(header | {"format": 2}))
    elif what == "cut":
        os.truncate(part.with_suffix(".videos.f32"), 100)
    elif what == "missing":
        part.with_suffix(".npz").unlink()
    elif what == "table":
        part.with_suffix(".npz").write_bytes(b"PK\x03\x04 no table")
    elif what == "classes":
        (index / f"{header['classes']}.json").write_text("[1]")


@pytest.mark.parametrize("what", ["text", "empty", "list", "version", "cut", "missing", "table", "classes"])
def test_a_damaged_index_is_one_line(search, records, index, what):
    search("--add", records("a", random_video("a", 1, [1])))
    damage(index, what)
    status, out, err = search("--text", "guitar")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert {"text": "is not JSON", "version": "of format 2, this version reads 1"}.get(what, "make it anew") in err


def test_a_directory_with_other_things_becomes_no_index(search, records, tmp_path):
    path = records("a", random_video("a", 1))
    status, _, err = search("--add", path, index=tmp_path / "data")
    assert status == 2
    assert "holds no index, but" in err
    assert not (tmp_path / "data" / "index.json").exists()
    for words in (["--like", "a"], ["--remove", "a"], ["--add", "no.tfrecord"]):
        status, _, err = search(*words, index=tmp_path / "none")
        assert (status, err.count("\n")) == (2, 1)
        assert not (tmp_path / "none").exists()


def test_records_that_cannot_be_compared_are_refused(search, records, index, tmp_path):
    path = records("a", random_video("a", 1, [1]))
    extraction = {
        "version": 1,
        "network": {"name": "efficientnet-lite0", "folder": None, "weights": None, "pca": None},
        "identity": {"name": "efficientnet-lite0", "sha256": "1"},
        "features": ["rgb"],
        "options": {"level": "video", "max_frames": None, "rounding": "truncate"},
        "files": {},
    }
    (tmp_path / "data" / "extraction.json").write_text(json.dumps(extraction))
    assert search("--add", path)[0] == 0
    before = contents(index)
    extraction["identity"]["sha256"] = "2"
    (tmp_path / "data" / "extraction.json").write_text(json.dumps(extraction))
    assert "by efficientnet-lite0 with other weights; keep an index for each network" in search("--add", path)[2]
    extraction["network"]["name"] = "keras:EfficientNetV2B0"
    (tmp_path / "data" / "extraction.json").write_text(json.dumps(extraction))
    assert "extracted by keras:EfficientNetV2B0, and the videos of" in search("--add", path)[2]
    assert "keep an index for each network" in search("--like", "b", "--data", path)[2]
    (tmp_path / "data" / "extraction.json").unlink()
    assert search("--add", path)[0] == 0
    from yt8m.data.records import framed, video_level_record

    other = records("other", framed(video_level_record("b", None, {"rgb": np.ones(512, np.float32)})))
    assert "has rgb:512, and" in search("--add", other)[2]
    (tmp_path / "data" / "vocabulary.csv").write_text(VOCABULARY.replace("Guitar,", "Piano,"))
    vocabulary = tmp_path / "data" / "vocabulary.csv"
    assert "class 1 is 'Piano' in the vocabulary, and 'Guitar'" in search("--add", path, "--vocabulary", vocabulary)[2]
    assert contents(index) == before


def test_further_features_of_records_are_left_out(search, records, index):
    from yt8m.data.records import framed, video_level_record

    search("--add", records("a", random_video("a", 1)))
    ones = {"rgb": np.ones(1024, np.float32), "audio": np.ones(128, np.float32)}
    assert search("--add", records("b", framed(video_level_record("b", None, ones))))[1]["added"] == 1
    np.testing.assert_allclose(np.frombuffer(contents(index)["b"][0], "<f4"), np.full(1024, 1 / 32), rtol=1e-6)


def test_a_window_is_that_of_the_whole_index(search, records):
    from searching_records import frame_record

    path = records("a", frame_record("a", "AAABBB"))
    assert search("--add", path, "--window", "3")[1]["moments"] == 2
    assert "--window is 2, and" in search("--add", path, "--window", "2")[2]
    assert search("--add", path)[1]["moments"] == 2


def test_texts_are_found_whole_alone():
    texts = Texts.of(["ab", "b", "", "abc", "bcab", "é", "c\udcff"])
    assert list(texts) == ["ab", "b", "", "abc", "bcab", "é", "c\udcff"]
    for number, text in enumerate(texts):
        assert texts.find(text) == number
    assert [texts.find(each) for each in ("a", "bb", "cab", "abb", "\xa9")] == [None] * 5
    assert list(texts.take(np.array([1, 0, 1, 0, 1, 0, 0], bool))) == ["ab", "", "bcab"]


def test_the_highest_evidence_of_each_list():
    random = np.random.default_rng(0)
    lists = [(random.integers(0, 9, n).tolist(), random.random(n).tolist()) for n in (3, 0, 1, 5, 0)]
    evidence = random.random(7).astype(np.float32)  # classes 7 and 8 are beyond
    slow = [max([evidence[c] * w for c, w in zip(*pair, strict=True) if c < 7], default=0.0) for pair in lists]
    np.testing.assert_allclose(Labels.of(lists).highest(evidence), slow, rtol=1e-6)
