"""Records whose bytes are in memory make the batches that their files do."""

import numpy as np
import pytest
from slow_reading import make_frames, write

from yt8m.data.engine.files import open_records
from yt8m.data.engine.memory import Scratch
from yt8m.data.engine.order import UNDIVIDED
from yt8m.data.engine.pieces import held
from yt8m.data.engine.stream import batches_of, read_stream
from yt8m.data.options import Frames, Order, Portion
from yt8m.data.records import Ratings, frame_level_record, read_framing, video_level_record
from yt8m.data.source import Source
from yt8m.errors import RecordError


@pytest.fixture(params=["video", "frame", "segment"])
def source(request, tmp_path) -> Source:
    random = np.random.default_rng(2)
    records = []
    for number in range(11):
        if request.param == "video":
            means = {"rgb": random.normal(size=1024), "audio": random.normal(size=128)}
            records.append(video_level_record(f"v{number}", [number], means))
            continue
        rated = Ratings(start_times=[0, 5], end_times=[5, 10], labels=[1, number], scores=[1.0, 0.0])
        frames = make_frames(random, rgb=12, audio=12)
        ratings = rated if request.param == "segment" else None
        records.append(frame_level_record(f"v{number}", [number], frames, ratings))
    path = write(tmp_path / "a.tfrecord", *records)
    return Source((path,), request.param, ("rgb", "audio"), 20)


def in_memory(path: str):
    return held([(path, raw.index, raw.data) for raw in read_framing(path)])


@pytest.mark.parametrize("segments", ["rated", "all"])
@pytest.mark.parametrize("num_frames", [0, 4])
def test_batches_are_those_of_the_files(source, segments, num_frames):
    frames = Frames(num_frames=num_frames, sampling="uniform", max_frames=20, segments=segments)
    given = list(batches_of(in_memory(source.files[0]), source, 4, frames))
    read = list(read_stream(source, 4, frames, Order(seed=0), Portion(processes=0), UNDIVIDED))
    assert len(given) == len(read) > 2
    for ours, theirs in zip(given, read, strict=True):
        assert ours.keys() == theirs.keys()
        for key in ours:
            np.testing.assert_array_equal(ours[key], theirs[key])


def test_records_know_where_they_are_from(source):
    (path,) = source.files
    for record, other in zip(in_memory(path), open_records(path, source.level).records(), strict=True):
        assert (record.path, record.index, record.size) == (path, other.index, other.size)
        assert record.read(Scratch()).tobytes() == other.read(Scratch()).tobytes()
    broken = held([(path, 7, b"no proto at all")])
    with pytest.raises(RecordError, match=f"^{path}, record 7: "):
        list(batches_of(broken, source, 4, Frames()))
