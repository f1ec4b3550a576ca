"""Broken records are left out, counted, and nothing else is."""

import numpy as np
import pytest

from yt8m.data.pipeline import make_dataset, open_source
from yt8m.data.records import frame_level_record, framed
from yt8m.data.salvage import without_broken_records
from yt8m.errors import InputError


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
    assert (losses.num_files, losses.num_records, losses.summary) == (0, 0, "all records can be used")


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
    assert sorted(ids(salvaged)) == ["aaaa", "cccc", "dddd", "eeee", "gggg"]
    assert (losses.num_files, losses.num_records) == (3, 3)
    assert [(problem.path, problem.record) for problem in losses.problems] == [
        (str(tmp_path / "a.tfrecord"), 1),
        (str(tmp_path / "c.tfrecord"), 0),
        (str(tmp_path / "d.tfrecord"), 1),
    ]
    assert losses.summary.startswith("left out 3 records of 3 files that cannot be used, the first: ")


def test_nothing_usable_is_an_error(tmp_path):
    write(tmp_path / "a.tfrecord", "aaaa", labels=(7,))
    with pytest.raises(InputError, match="nothing is left to train on"):
        without_broken_records(open_source(tmp_path, num_classes=3))
