"""Ids of videos: safe, each another, and the same whatever comes later."""

import os
import re
import string

import pytest

from yt8m.data.extraction import FileState
from yt8m.data.ids import PUBLISHED, id_problem
from yt8m.data.tables.videos import VideoRow
from yt8m.errors import InputError
from yt8m.extracting import naming
from yt8m.extracting.naming import give_ids, ids_of, safe_name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("holiday", "holiday"),
        ("my holiday, day 1", "my_holiday__day_1"),
        ('say "hi": a@b', "say__hi___a_b"),
        ("two\nlines\r", "two_lines_"),
        ("-v", "_v"),
        (".hidden", "_hidden"),
        ("", "_"),
        (os.fsdecode(b"caf\xe9"), "caf_"),
        ("cafe\u0301", "caf\u00e9"),  # as macOS writes it
        ("\U0001f408", "\U0001f408"),
        ("x" * 300, "x" * 120),
        ("\u732b" * 100, "\u732b" * 40),
    ],
)
def test_names_made_safe(name, expected):
    assert safe_name(name) == expected
    assert id_problem(expected) is None


def test_files_of_one_name_have_their_directory_before_it():
    paths = ["/v/cats/1.mp4", "/v/dogs/1.mkv", "/v/dogs/2.mp4"]
    assert give_ids(paths, "name") == ["cats_1", "dogs_1", "2"]


def test_files_of_one_name_in_directories_of_one_name_are_numbered():
    paths = ["/a/x/1.mp4", "/b/x/1.mp4", "/c/x/1.mp4", "/c/x/1.mkv", "/1.mp4"]
    assert give_ids(paths, "name") == ["x_1", "x_1_2", "x_1_3", "x_1_4", "1"]


def test_names_that_are_made_alike_stay_apart():
    assert give_ids(["/v/a b.mp4", "/v/a,b.mp4", "/v/a_b.mp4"], "name") == ["v_a_b", "v_a_b_2", "v_a_b_3"]


def test_ids_that_were_given_stay_with_their_videos():
    first = give_ids(["/v/cats/1.mp4"], "name")
    assert first == ["1"]
    assert give_ids(["/v/birds/1.mp4", "/v/birds/2.mp4"], "name", first) == ["birds_1", "2"]


def test_short_ids_are_four_characters_of_the_name_alone():
    paths = [f"/v/{number}.mp4" for number in range(3000)]
    ids = give_ids(paths, "short")
    assert len(set(ids)) == len(paths)
    assert all(re.fullmatch("_[A-Za-z0-9]{3}", each) for each in ids)
    assert give_ids(["/elsewhere/7.mp4"], "short") == ids[7:8]
    # Two files of one name, and one whose id is taken, have others.
    assert len(set(give_ids(["/a/7.mp4", "/b/7.mp4"], "short", ids))) == 2
    assert not set(give_ids(["/a/7.mp4", "/b/7.mp4"], "short", ids)) & set(ids)


def test_characters_of_short_ids_are_equally_frequent():
    text = "".join(give_ids([f"/v/{number}.mp4" for number in range(5000)], "short"))
    counts = [text.count(each) for each in string.ascii_letters + string.digits]
    assert min(counts) > 170  # of 242 on average, with a standard deviation of 15
    assert max(counts) < 315


def test_no_id_has_the_form_of_the_data_sets_own():
    assert give_ids(["/v/film.mp4", "/v/0001.mp4", "/v/a/film.mp4"], "name") == ["v_film_", "0001_", "a_film_"]
    assert give_ids(["/v/films.mp4", "/v/caf\u00e9.mp4"], "name") == ["films", "caf\u00e9"]
    assert not any(map(PUBLISHED.fullmatch, give_ids([f"/v/{number}.mp4" for number in range(3000)], "short")))


def test_there_are_not_short_ids_for_all(monkeypatch):
    monkeypatch.setattr(naming, "_MOST_SHORT", 3)
    with pytest.raises(InputError, match="--ids short is for up to 3 videos"):
        give_ids(["/v/1.mp4", "/v/2.mp4"], "short", ["_abc", "_abd"])


def test_files_that_a_table_knows_keep_their_ids(tmp_path):
    (tmp_path / "new").mkdir()
    for name, size in (("a", 3), ("b", 4), ("c", 5), ("d", 6)):
        (tmp_path / "new" / f"{name}.mp4").write_bytes(b"x" * size)
    (tmp_path / "link").symlink_to(tmp_path / "new")
    paths = [str(tmp_path / "new" / f"{name}.mp4") for name in "cbad"]
    rows = {
        "A": VideoRow("A", str(tmp_path / "link" / "a.mp4")),  # the same file by another way
        "B": VideoRow("B", "/gone/b.mp4"),  # moved
        "C": VideoRow("C", "/gone/c.mp4"),  # another size now
        "d": VideoRow("d", str(tmp_path / "new" / "a.mp4" / "..")),
    }
    states = {"B": FileState(4, 0), "C": FileState(9, 0)}
    assert list(ids_of(paths, "name", rows, states).items()) == list(zip(paths, ["c", "B", "A", "new_d"], strict=True))
