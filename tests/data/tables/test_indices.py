"""Indices of videos: ids are any bytes, and always text in the file."""

import csv
import io

from odd_texts import ODD_TEXTS

from yt8m.data.folds import membership
from yt8m.data.schema import IndexedFold
from yt8m.data.tables.indices import index_of, read_index

AWKWARD = [b"\xff\xfe", b"a,b", b'say "a"', b"two\nlines", b"two\r\nlines", b"a\rb", "\ufeffx".encode()]


def test_an_id_that_looks_like_something_else_comes_back_as_it_was(tmp_path):
    index = {text.encode(): ("a", "b")[number % 2] for number, text in enumerate(ODD_TEXTS)}
    (tmp_path / "index.csv").write_bytes(index_of(list(index), list(index.values())))
    assert read_index(tmp_path / "index.csv") == index
    rows = list(csv.reader(io.StringIO((tmp_path / "index.csv").read_text(), newline="")))
    assert rows == [["id", "part"], *([video_id.decode(), part] for video_id, part in index.items())]


def test_ids_of_any_bytes_come_back(tmp_path):
    ids = [*AWKWARD, *(bytes([byte]) for byte in range(1, 256)), b"first"]
    (tmp_path / "index.csv").write_bytes(index_of(ids, ["train"] * len(ids)))
    assert list(read_index(tmp_path / "index.csv")) == ids


def test_blank_lines_and_a_byte_order_mark_do_not_matter(tmp_path):
    (tmp_path / "index.csv").write_bytes(b"\xef\xbb\xbfid,part\r\n\r\n0001,a\r\n1,b\r\n\r\n")
    assert read_index(tmp_path / "index.csv") == {b"0001": "a", b"1": "b"}


def test_a_fold_keeps_the_videos_of_such_ids(tmp_path):
    index = {text: ("in", "out")[number % 2] for number, text in enumerate(ODD_TEXTS)}
    (tmp_path / "index.csv").write_bytes(index_of([text.encode() for text in index], list(index.values())))
    keep = membership(IndexedFold(str(tmp_path / "index.csv"), "in"), held_out=True)
    assert [keep(text.encode()) for text in index] == [part == "in" for part in index.values()]
