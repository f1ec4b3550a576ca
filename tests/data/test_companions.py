"""Files at the root of extracted records go along with copies of the records."""

import numpy as np
import pytest

from yt8m.conversion import convert
from yt8m.data.companions import COMPANIONS, take_along
from yt8m.data.extraction import Extraction, NetworkChoice, find_extraction, write_extraction
from yt8m.data.features import Feature
from yt8m.data.records import frame_level_record, framed
from yt8m.data.tables.videos import VideoRow, find_videos, read_videos, videos_table
from yt8m.data.tools.splitting import split
from yt8m.errors import InputError


@pytest.fixture
def records(tmp_path):
    """Eight records, as extraction leaves them."""
    place = tmp_path / "records"
    place.mkdir()
    videos = [framed(frame_level_record(f"v{n}", [n % 2], {"own": np.full((3, 4), n, np.float32)})) for n in range(8)]
    (place / "videos0000.tfrecord").write_bytes(b"".join(videos))
    own = Feature("own", 4, "float32")
    write_extraction(place / "extraction.json", Extraction(NetworkChoice("x:own"), {"name": "x:own"}, (own,)))
    (place / "videos.csv").write_bytes(videos_table([VideoRow(f"v{n}", f"/films/v{n}.mp4", 3.0, 3) for n in range(8)]))
    (place / "vocabulary.csv").write_text("Index,Name\n0,Zero\n1,One\n")
    return place


def test_parts_and_copies_have_the_files_that_tell_what_they_are(records, tmp_path):
    split([str(records)], {"train": 0.5, "validate": 0.5}, str(tmp_path / "parts"), "shards", 0)
    convert([str(records)], tmp_path / "copies", to="tfrecord", num_shards=2)
    convert([str(records)], tmp_path / "means", to="video")
    for place, part in (("parts", "train/train0000.tfrecord"), ("copies", ""), ("means", "")):
        root = tmp_path / place
        for name in COMPANIONS:
            assert (root / name).read_bytes() == (records / name).read_bytes()
        path = root / part if part else next(root.glob("*.tfrecord"))
        assert find_extraction(path) == root / "extraction.json"
        assert read_videos(find_videos(path))["v3"].path == "/films/v3.mp4"


def test_other_records_take_nothing_along(records, tmp_path):
    (records / "extraction.json").unlink()
    split([str(records)], {"train": 0.5, "validate": 0.5}, str(tmp_path / "parts"), "shards", 0)
    assert sorted(each.name for each in (tmp_path / "parts").iterdir()) == ["train", "validate"]
    assert take_along(records / "videos0000.tfrecord", tmp_path, tmp_path) == []


def test_a_place_that_cannot_be_written_is_named(records, tmp_path):
    with pytest.raises(InputError, match=r"nowhere/extraction\.json"):
        take_along(records / "videos0000.tfrecord", tmp_path / "nowhere", tmp_path / "nowhere")
