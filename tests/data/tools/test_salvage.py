"""Broken records are left out, counted, and nothing else is."""

import numpy as np
import pytest

from yt8m.data.opening import open_source
from yt8m.data.pipeline import make_dataset
from yt8m.data.records import frame_level_record, framed
from yt8m.data.tools.salvage import usable_source, without_broken_records
from yt8m.errors import InputError
from yt8m.progress import Messages


def write(path, *video_ids, labels=(1,)):
    frames = {"rgb": np.zeros((4, 1024), np.uint8), "audio": np.zeros((4, 128), np.uint8)}
    records = [framed(frame_level_record(video_id, labels, frames)) for video_id in video_ids]
    path.write_bytes(b"".join(records))
    return [len(record) for record in records]


def ids(source):
    return [each.decode() for batch in make_dataset(source, 4) for each in batch["id"].numpy()]


def test_good_files_are_used_as_they_are(tmp_path):
    write(tmp_path / "a.tfrecord", "aaaa", "bbbb")
    source = open_source(tmp_path, num_classes=3)
    salvaged, losses = without_broken_records(source)
    assert salvaged == source
    assert (losses.problems, losses.num_records, losses.summary) == ([], 0, "all records can be used")


def test_what_surrounds_a_broken_record_is_kept(tmp_path):
    sizes = write(tmp_path / "a.tfrecord", "aaaa", "bbbb", "cccc")
    content = bytearray((tmp_path / "a.tfrecord").read_bytes())
    content[sizes[0] + 100] ^= 4  # in bbbb
    (tmp_path / "a.tfrecord").write_bytes(content)
    write(tmp_path / "b.tfrecord", "dddd", "eeee")
    write(tmp_path / "c.tfrecord", "ffff", labels=(7,))  # of a larger vocabulary
    sizes = write(tmp_path / "d.tfrecord", "gggg", "hhhh")
    (tmp_path / "d.tfrecord").write_bytes((tmp_path / "d.tfrecord").read_bytes()[: sizes[0] + 50])
    salvaged, losses = without_broken_records(open_source(tmp_path, num_classes=3))
    assert ids(salvaged) == ["aaaa", "cccc", "dddd", "eeee", "gggg"]  # in the order of the files
    assert [(problem.path, problem.record) for problem in losses.problems] == [
        (str(tmp_path / "a.tfrecord"), 1),
        (str(tmp_path / "c.tfrecord"), 0),
        (str(tmp_path / "d.tfrecord"), 1),
    ]
    assert (losses.num_records, losses.num_cut_files, losses.num_whole_files) == (2, 1, 0)
    assert losses.summary == (
        "left out as broken: 2 records, the rest of 1 file from a broken record on; "
        f"the first: {tmp_path / 'a.tfrecord'}, record 1: its data do not match their checksum"
    )


def test_files_that_are_lost_as_a_whole_are_counted_apart(tmp_path):
    (tmp_path / "a.tfrecord").write_bytes(b"")
    (tmp_path / "b.tfrecord").write_text("these are notes and no records\n")
    size = write(tmp_path / "c.tfrecord", "cccc")[0]
    (tmp_path / "c.tfrecord").write_bytes((tmp_path / "c.tfrecord").read_bytes()[: size // 2])  # in its first record
    write(tmp_path / "d.tfrecord", "dddd", "eeee")
    salvaged, losses = without_broken_records(open_source(tmp_path, num_classes=3))
    assert ids(salvaged) == ["dddd", "eeee"]
    assert (losses.num_records, losses.num_cut_files, losses.num_whole_files) == (0, 0, 3)
    summary = f"left out as broken: 3 whole files; the first: {tmp_path / 'a.tfrecord'}: the file is empty"
    assert losses.summary == summary


def test_a_header_that_is_cut_off_is_no_record_of_its_own(tmp_path):
    sizes = write(tmp_path / "a.tfrecord", "aaaa", "bbbb", "cccc")
    (tmp_path / "a.tfrecord").write_bytes((tmp_path / "a.tfrecord").read_bytes()[: sizes[0] + sizes[1] + 7])
    salvaged, losses = without_broken_records(open_source(tmp_path, num_classes=3))
    assert ids(salvaged) == ["aaaa", "bbbb"]
    assert (losses.num_records, losses.num_cut_files, losses.num_whole_files) == (0, 1, 0)


def test_skipping_says_what_was_left_out_and_stopping_changes_nothing(tmp_path):
    write(tmp_path / "a.tfrecord", "aaaa", labels=(7,))
    write(tmp_path / "b.tfrecord", "bbbb")
    source, told = open_source(tmp_path, num_classes=3), Messages()
    assert usable_source(source, "stop", told) is source
    assert told.lines == []
    assert ids(usable_source(source, "skip", told)) == ["bbbb"]
    assert len(told.lines) == 1
    assert told.lines[0].startswith(
        f"left out as broken: 1 record; the first: {tmp_path / 'a.tfrecord'}, record 0: label 7"
    )


def test_a_full_disk_is_one_line(tmp_path, monkeypatch):
    size = write(tmp_path / "a.tfrecord", "aaaa", "bbbb")[0]
    (tmp_path / "a.tfrecord").write_bytes((tmp_path / "a.tfrecord").read_bytes()[: size + 50])
    source = open_source(tmp_path, num_classes=3)

    def fail(self, content):
        raise self.unwritable(OSError(28, "No space left on device"))

    monkeypatch.setattr("yt8m.files.NewFile.write", fail)
    with pytest.raises(
        InputError, match=r"yt8m-salvaged-.*0000\.tfrecord: cannot be written \(No space left on device"
    ):
        without_broken_records(source)


def test_nothing_usable_is_an_error(tmp_path):
    write(tmp_path / "a.tfrecord", "aaaa", labels=(7,))
    with pytest.raises(InputError, match="no record can be used; left out as broken: 1 record;"):
        without_broken_records(open_source(tmp_path, num_classes=3))
