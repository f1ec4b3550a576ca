"""`videos.csv`: ids and paths are always text, whatever they look like."""

import os

import pandas
import pytest
from odd_texts import ODD_TEXTS

from yt8m.data.tables.videos import VideoRow, find_videos, read_videos, videos_table
from yt8m.errors import InputError

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def written(tmp_path, rows):
    (tmp_path / "videos.csv").write_bytes(videos_table(rows))
    return tmp_path / "videos.csv"


def test_rows_come_back_by_id_in_their_order(tmp_path):
    rows = [
        VideoRow("cat", "/videos/cat.mp4", 10.5, 11, 1280, 720, DIGEST),
        VideoRow("0001", "/videos/0001.mp4", 3.0, 3, 160, 90, DIGEST, "cut off: 7.00 s are lost"),
        VideoRow("empty", "/videos/empty.mp4", problem="empty.mp4: the file is empty"),
    ]
    path = written(tmp_path, rows)
    assert list(read_videos(path).values()) == rows
    assert read_videos(tmp_path) == read_videos(path)
    assert [row.has_failed for row in rows] == [False, False, True]
    assert path.read_text().splitlines()[:2] == [
        "id,path,seconds,frames,width,height,sha256,problem",
        f"cat,/videos/cat.mp4,10.5,11,1280,720,{DIGEST},",
    ]


def test_ids_and_paths_that_look_like_something_else_stay_text(tmp_path):
    rows = [VideoRow(text, f"/videos/{text}.mp4", problem=text) for text in ODD_TEXTS]
    assert list(read_videos(written(tmp_path, rows)).values()) == rows


@pytest.mark.parametrize(
    "name", [b"caf\xe9.mp4", b"a,b.mp4", b'say "a".mp4', b"two\nlines.mp4", b"a\rb.mp4", b"100%25.mp4"]
)
def test_a_path_of_any_bytes_comes_back_and_pandas_reads_the_table(tmp_path, name):
    row = VideoRow("a", os.fsdecode(b"/videos/" + name))
    path = written(tmp_path, [row])
    assert read_videos(path) == {"a": row}
    assert pandas.read_csv(path, dtype=str)["id"].tolist() == ["a"]


def test_a_path_that_is_not_text_is_written_as_a_uri(tmp_path):
    path = written(tmp_path, [VideoRow("a", os.fsdecode(b"/a b/caf\xe9.mp4"))])
    assert path.read_text().splitlines()[1].split(",")[1] == "file:///a%20b/caf%E9.mp4"


def test_a_table_of_ids_and_relative_paths_is_enough(tmp_path):
    (tmp_path / "mine.csv").write_text("path,more,id\n../videos/cat.mp4,x,cat\n")
    assert read_videos(tmp_path / "mine.csv") == {"cat": VideoRow("cat", str(tmp_path.parent / "videos" / "cat.mp4"))}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("id,frames\na,1\n", "line 1: the header has no column 'path'"),
        ("id,path\na,b\na,c\n", "line 3: video 'a' comes a second time"),
        ("id,path\n,b\n", "line 2: the id is empty"),
        ("id,path\na,\n", "line 2: the path is empty"),
        ("id,path,frames\na,b,-1\n", "line 2: frames is '-1' and no whole number"),
        ("id,path,seconds\na,b,nan\n", "line 2: seconds is 'nan' and no number of seconds"),
        ("id,path\na,b,c\n", "line 2: the row has more fields than the 2 columns of the header"),
        ("id,path\na\n", "line 2: the row has 1 of 2 columns"),
    ],
)
def test_a_wrong_line_is_named(tmp_path, text, reason):
    (tmp_path / "videos.csv").write_text(text)
    with pytest.raises(InputError, match=reason):
        read_videos(tmp_path)


def test_the_table_is_found_from_records_below_it(tmp_path):
    path = written(tmp_path, [])
    (tmp_path / "mine" / "train").mkdir(parents=True)
    assert find_videos(tmp_path / "mine" / "train" / "a.tfrecord") == path
    assert find_videos("gs://bucket/a.tfrecord") is None
    with pytest.raises(InputError, match=r"nowhere\.csv: cannot be read as a table of videos"):
        read_videos(tmp_path / "nowhere.csv")
