"""clips.csv: what is written comes back, and what is wrong is told with its line."""

import csv
import io
import os

import pytest
from odd_texts import ODD_TEXTS

from yt8m.data.tables.clips import CLIPS_FILE, Clip, read_clips, write_clips
from yt8m.errors import InputError

HEADER = "video,start,end,cluster,labels,scene,second\n"


def clip(video="abcd", start=0.0, end=4.0, cluster=0, labels=(), scene=0, second=1.0) -> Clip:
    return Clip(video, start, end, cluster, labels, scene, second)


def test_clips_come_back_as_they_were(tmp_path):
    clips = [
        clip(labels=("Concert", 'Say "a", b; c')),
        clip(start=4.0, end=9.5, cluster=3, scene=1, second=7.125),
        *(clip(video=text, labels=("Guitar",)) for text in ODD_TEXTS),
        clip(video=os.fsdecode(b"\xff,\xfe")),
    ]
    (tmp_path / CLIPS_FILE).write_bytes(write_clips(clips))
    assert read_clips(tmp_path / CLIPS_FILE) == clips
    assert read_clips(tmp_path) == clips


def test_the_file_is_plain_csv(tmp_path):
    content = write_clips([clip("a,b", 0, 4.16, 2, ("Concert", "Rock | roll"), 1, 2)]).decode()
    assert list(csv.reader(io.StringIO(content))) == [
        ["video", "start", "end", "cluster", "labels", "scene", "second"],
        ["a,b", "0.0", "4.16", "2", "Concert|Rock / roll", "1", "2.0"],
    ]


def test_times_have_milliseconds(tmp_path):
    (tmp_path / CLIPS_FILE).write_bytes(write_clips([clip(start=1 / 3, end=4 / 3)]))
    assert read_clips(tmp_path)[0].start == 0.333


def test_no_clips_are_a_header(tmp_path):
    (tmp_path / CLIPS_FILE).write_bytes(write_clips([]))
    assert (tmp_path / CLIPS_FILE).read_text() == HEADER
    assert read_clips(tmp_path) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a,0,4,0,,0", "the row has 6 of 7 columns"),
        ("a,0,4,0,,0,1,2", "the row has more fields than the 7 columns"),
        (",0,4,0,,0,1", "the video is empty"),
        ("a,zero,4,0,,0,1", "the start is 'zero' and not a time in seconds"),
        ("a,0,inf,0,,0,1", "the end is 'inf' and not a time in seconds"),
        ("a,-1,4,0,,0,1", "the start is '-1' and not a time in seconds"),
        ("a,0,4,first,,0,1", "the cluster is 'first' and not a whole number from 0 on"),
        ("a,0,4,0,,-1,1", "the scene is '-1' and not a whole number from 0 on"),
        ("a,4,4,0,,0,1", "the clip ends before it begins"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, reason):
    (tmp_path / CLIPS_FILE).write_text(f"{HEADER}good,0,1,0,,0,0\n{row}\n")
    with pytest.raises(InputError, match=r"clips\.csv, line 3: ") as caught:
        read_clips(tmp_path)
    assert reason in str(caught.value)


def test_a_file_that_is_no_table_of_clips_is_told(tmp_path):
    (tmp_path / CLIPS_FILE).write_text("id,path\n")
    with pytest.raises(InputError, match="no column 'video'"):
        read_clips(tmp_path)
    with pytest.raises(InputError, match="cannot be read as clips"):
        read_clips(tmp_path / "missing.csv")
