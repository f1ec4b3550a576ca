"""Labels over time, as a table."""

import pytest

from yt8m.data.tables.timed_labels import TimedLabel, read_timed_labels, write_timed_labels
from yt8m.errors import InputError

HEADER = "video,start,end,class,name,probability\n"


def test_what_is_written_is_read(tmp_path):
    labels = [
        TimedLabel("a,b", None, None, 3, 'Guitar "x"', 0.123457),
        TimedLabel("a,b", 0.0, 5.0, 3, "null", 1.0),
        TimedLabel("\udcff二", 5.0, 7.25, 0, "", 0.0),
    ]
    path = tmp_path / "x.csv"
    path.write_bytes(write_timed_labels(labels))
    assert path.read_bytes().startswith(HEADER.encode() + b'"a,b",,,3,"Guitar ""x""",0.123457\n')
    assert read_timed_labels(path) == labels
    path.write_bytes(write_timed_labels([]))
    assert read_timed_labels(path) == []


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",0,5,1,x,0.5", "the video is empty"),
        ("a,0,,1,x,0.5", "the end is '' and not a time in seconds, or empty with the other one"),
        ("a,x,5,1,x,0.5", "the start is 'x' and not a time"),
        ("a,5,5,1,x,0.5", "the label ends before it begins"),
        ("a,0,5,-1,x,0.5", "the class is '-1' and not a class id"),
        ("a,0,5,1,x,1.5", "the probability is '1.5' and not a number from 0 to 1"),
        ("a,0,5,1,x,nan", "the probability is 'nan'"),
        ("a,0,5,1,x", "the row has 5 of 6 columns"),
        ("a,0,5,1,x,0.5,6", "the row has more fields than the 6 columns"),
    ],
)
def test_bad_rows_are_named(row, reason, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text(f"{HEADER}a,,,1,x,0.5\n{row}\n")
    with pytest.raises(InputError, match=rf"x\.csv, line 3: {reason}"):
        read_timed_labels(path)
    path.write_text("video,start\n")
    with pytest.raises(InputError, match="the header has no column 'end'"):
        read_timed_labels(path)
