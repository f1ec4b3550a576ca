"""Ids of videos: safe, each another, and the same whatever comes later."""

import os
import string

import pytest

from yt8m.data.ids import id_problem
from yt8m.extracting.naming import give_ids, safe_name


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


def test_short_ids_are_four_letters_and_digits_of_the_name_alone():
    paths = [f"/v/{number}.mp4" for number in range(3000)]
    ids = give_ids(paths, "short")
    assert len(set(ids)) == len(paths)
    assert all(len(each) == 4 and set(each) <= set(string.ascii_letters + string.digits) for each in ids)
    assert give_ids(["/elsewhere/7.mp4"], "short") == ids[7:8]
    # Two files of one name, and one whose id is taken, have others.
    assert len(set(give_ids(["/a/7.mp4", "/b/7.mp4"], "short", ids))) == 2
    assert not set(give_ids(["/a/7.mp4", "/b/7.mp4"], "short", ids)) & set(ids)


def test_characters_of_short_ids_are_equally_frequent():
    text = "".join(give_ids([f"/v/{number}.mp4" for number in range(5000)], "short"))
    counts = [text.count(each) for each in string.ascii_letters + string.digits]
    assert min(counts) > 230  # of 322 on average, with a standard deviation of 18
    assert max(counts) < 420
