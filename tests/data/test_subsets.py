"""A fixed part of the records, drawn by a seed."""

import gzip
from collections import Counter

import numpy as np
import pytest

from yt8m.data import subsets
from yt8m.data.engine.stream import items_of
from yt8m.data.records import framed, video_level_record
from yt8m.data.schema import Fold
from yt8m.data.source import Source
from yt8m.data.subsets import subset_of
from yt8m.progress import Messages


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Files of 10, 20 and 30 records."""
    paths = []
    for name, count in zip("abc", (10, 20, 30), strict=True):
        path = tmp_path_factory.mktemp("records") / f"{name}.tfrecord"
        videos = (video_level_record(f"{name}{place:02d}", (1,), {"audio": np.zeros(128)}) for place in range(count))
        path.write_bytes(b"".join(map(framed, videos)))
        paths.append(str(path))
    return Source(tuple(paths), "video", ("audio",))


def ids_of(source) -> list[str]:
    """By the reader that evaluation has."""
    from yt8m.data.engine.stream import prepared, read_stream
    from yt8m.data.options import Frames, Order, Portion

    order, shares = prepared(source, Order(), Portion())
    batches = read_stream(source, 7, Frames(), order, Portion(), shares)
    return [each.decode() if isinstance(each, bytes) else str(each) for batch in batches for each in batch["id"]]


def test_the_same_seed_draws_the_same_videos_and_another_one_others(source):
    everything = ids_of(source)
    drawn = [ids_of(subset_of(source, 15, seed)) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(len(each) == len(set(each)) == 15 for each in drawn)
    assert [each for each in everything if each in set(drawn[0])] == drawn[0], "in the order of the records"


def test_every_video_is_as_likely_as_another(source):
    found = Counter(each for seed in range(300) for each in ids_of_positions(subset_of(source, 6, seed)))
    assert len(found) == 60
    assert max(found.values()) < 30 + 5 * np.sqrt(30), "30 are expected of each"


def ids_of_positions(source):
    return [(path, place) for path, places in zip(source.files, source.chosen, strict=True) for place in places]


def test_as_many_as_there_are_is_all(source):
    assert subset_of(source, 60, 0) is source
    assert subset_of(source, 100, 0) is source


def test_files_are_drawn_in_groups(source, monkeypatch):
    monkeypatch.setattr(subsets, "_FILES_AT_ONCE", 1)
    drawn = [subset_of(source, 12, seed) for seed in range(8)]
    assert all(len(ids_of(each)) == 12 for each in drawn)
    assert min(len(each.files) for each in drawn) == 1, "one file can have enough"


def test_of_a_fold(source):
    fold = Source(source.files, "video", ("audio",), fold=Fold(0, 2), held_out=True)
    left = ids_of(fold)
    drawn = ids_of(subset_of(fold, 5, 0))
    assert len(drawn) == 5
    assert set(drawn) < set(left)


def test_compressed_files_are_read_from_their_beginning(source, tmp_path):
    paths = []
    for path in source.files:
        paths.append(tmp_path / f"{path[-10]}.tfrecord.gz")
        with open(path, "rb") as file:
            paths[-1].write_bytes(gzip.compress(file.read()))
    packed = Source(tuple(map(str, paths)), "video", ("audio",))
    messages = Messages()
    drawn = subset_of(packed, 5, 0, messages)
    assert len(ids_of(drawn)) == 5
    assert [message.partition(" ...: ")[2] for message in messages.lines] == [
        "reading up to 5 videos, to draw those to validate on; such files are counted only by reading"
    ]
    assert max(place for places in drawn.chosen for place in places) <= 5
    assert subset_of(packed, 60, 0) is packed


def test_a_place_in_the_chosen_items(source):
    """Going on from a position counts the chosen records alone."""
    drawn = subset_of(source, 15, 3)
    each = [sum(map(len, items_of(drawn)(file, 0))) for file in range(len(drawn.files))]
    assert sum(each) == 15
    assert sum(map(len, items_of(drawn)(len(each) - 1, 2))) == each[-1] - 2
