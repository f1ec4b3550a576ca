"""How the engine finds segments, and puts them into batches; `test_segments` and `test_parsing` compare what it gives."""

import numpy as np
import pytest
from odd_records import chunk
from slow_reading import assert_equal, edited, make_frames, protos, segment_level, write

from yt8m.data.engine.memory import Pool, Scratch
from yt8m.data.engine.records import LocalFile
from yt8m.data.engine.segments import all_segments, find_rated, rated_batch, rebatched
from yt8m.data.records import Ratings, frame_level_record
from yt8m.data.source import Source
from yt8m.errors import RecordError

MAX_LABELS = 4


def record(name: str, *starts: int, count: int = 12, labels=(1, 2)) -> bytes:
    """A video with ratings of these segments."""
    ratings = Ratings(
        start_times=starts,
        end_times=[start + 5 for start in starts],
        labels=[number % 3 for number in range(len(starts))],
        scores=[0.5] * len(starts),
    )
    frames = make_frames(np.random.default_rng(len(name)), rgb=count, audio=count)
    return frame_level_record(name, list(labels), frames, ratings if starts else None)


class CountingFile(LocalFile):
    """Notes how many bytes each read asks for."""

    def __init__(self, path):
        super().__init__(path)
        self.sizes = []

    def read(self, begin, size, scratch):
        self.sizes.append(size)
        return super().read(begin, size, scratch)


def source_of(path, **changes) -> Source:
    return Source((path,), "segment", ("rgb", "audio"), num_classes=5, max_labels=MAX_LABELS, **changes)


def found_in(path, file=None) -> list[tuple[int, int]]:
    segments = find_rated((file or LocalFile(path)).records(), source_of(path), Scratch())
    return [(segment.record.index, segment.slot) for segment in segments]


def elements(batch) -> list[dict]:
    return [{key: values[row] for key, values in batch.items()} for row in range(len(batch["id"]))]


class TestFinding:
    def test_each_rated_segment_once_by_its_start(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", record("a", 10, 0, 10, 5), record("b"), record("c", 5))
        assert found_in(path) == [(0, 0), (0, 1), (0, 2), (2, 1)]

    def test_frames_of_rated_videos_are_not_read(self, tmp_path):
        file = CountingFile(write(tmp_path / "a.tfrecord", record("a", 0), record("b", 5, count=300)))
        assert found_in(file.path, file) == [(0, 0), (1, 1)]
        assert file.sizes == [4096, 4096]

    @pytest.mark.parametrize("place", ["in two parts", "behind the frames", "longer than what is read of it"])
    def test_contexts_that_need_the_whole_record(self, tmp_path, place):
        whole = record("a", 10, 0)
        if place == "in two parts":
            whole = record("a", 0) + chunk(1, frame_context(record("b", 10, 5)))
        elif place == "behind the frames":
            context = chunk(1, frame_context(whole))
            assert whole.startswith(context)
            whole = whole[len(context) :] + context
        else:
            whole = edited(whole, lambda example: example.context.feature["a"].bytes_list.value.append(bytes(5000)))
        path = write(tmp_path / "a.tfrecord", whole, record("c", 5))
        # Of two values of one key, the second counts.
        assert found_in(path) == [(0, 1 if place == "in two parts" else 0), (0, 2), (1, 1)]

    def test_a_video_without_ratings_is_looked_at(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", record("a", 0), record("b", labels=[7]))
        with pytest.raises(RecordError, match="record 1: label 7 is out of range"):
            found_in(path)

    def test_ratings_that_are_no_integers(self, tmp_path):
        def spoil(example):
            example.context.feature["segment_start_times"].float_list.value.append(0.0)

        path = write(tmp_path / "a.tfrecord", edited(record("a", 0), spoil))
        with pytest.raises(RecordError, match="record 0: segment_start_times are not integers"):
            found_in(path)

    def test_damage_is_named_as_such(self, tmp_path):
        path = tmp_path / "a.tfrecord"
        write(path, record("a", 0))
        content = bytearray(path.read_bytes())
        content[12] ^= 1  # the tag of the context
        path.write_bytes(content)
        with pytest.raises(RecordError, match="record 0: its data do not match their checksum"):
            found_in(str(path))


def frame_context(serialized: bytes) -> bytes:
    """The context of a record, serialized."""
    import tensorflow as tf

    return tf.train.SequenceExample.FromString(serialized).context.SerializeToString(deterministic=True)


class TestBatches:
    def test_a_video_is_read_once_for_all_its_segments_in_a_batch(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", record("a", 0, 5, 10), record("b", 5, 10))
        file, source, scratch = CountingFile(path), source_of(path), Scratch()
        segments = list(find_rated(file.records(), source, scratch))
        expected = [element for example in protos(path) for element in segment_level(example, MAX_LABELS, True)]
        mixed = [3, 0, 4, 2, 1]
        file.sizes.clear()
        batch = rated_batch([segments[place] for place in mixed], source, Pool(), scratch)
        assert_equal(elements(batch), [expected[place] for place in mixed])
        assert len(file.sizes) == 2

    def test_memory_that_is_used_again_leaves_nothing_behind(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", record("a", 0, 5, 10), record("bc", 0, count=3), record("d", 5, count=6))
        source, scratch, pool = source_of(path, context=2), Scratch(), Pool()
        examples, records = list(protos(path)), list(LocalFile(path).records())
        for _ in range(2):
            for example, one in zip(examples, records, strict=True):
                assert_equal(elements(all_segments(one, source, pool, scratch)), segment_level(example, 4, False, 2))

    def test_without_features_the_rest_is_the_same(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", record("a", 0, 10))
        (one,) = LocalFile(path).records()
        whole = elements(all_segments(one, source_of(path), Pool(), Scratch()))
        bare = elements(all_segments(one, source_of(path, without_features=True), Pool(), Scratch()))
        assert_equal(bare, [{key: each[key] for key in each if key not in ("rgb", "audio")} for each in whole])

    def test_ratings_that_contradict_each_other(self, tmp_path):
        def contradict(example):
            features = example.context.feature
            features["segment_labels"].int64_list.value[1] = 0
            features["segment_scores"].float_list.value[1] = 0.0

        path = write(tmp_path / "a.tfrecord", record("a", 0), edited(record("b", 0, 0), contradict))
        source, scratch = source_of(path), Scratch()
        segments = list(find_rated(LocalFile(path).records(), source, scratch))
        with pytest.raises(RecordError, match="record 1: rates class 0 in the segment at 0 s both present and absent"):
            rated_batch(segments, source, Pool(), scratch)


class TestRebatching:
    @pytest.mark.parametrize("batch_size", [1, 3, 4, 7, 40])
    @pytest.mark.parametrize("skip", [0, 2, 6, 18, 30])
    @pytest.mark.parametrize("drop_remainder", [False, True])
    def test_rows_stay_in_order(self, batch_size, skip, drop_remainder):
        sizes = [5, 1, 0, 12, 4, 1]
        numbers = np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1])
        parts = [{"id": np.array([b"%d" % n for n in own], object), "rgb": np.stack([own, own], 1)} for own in numbers]
        batches = list(rebatched(iter(parts), batch_size, Pool(), skip, drop_remainder))
        found = [
            (int(name), *row) for batch in batches for name, row in zip(batch["id"], batch["rgb"].tolist(), strict=True)
        ]
        left = max(sum(sizes) - skip, 0)
        count = left - left % batch_size if drop_remainder else left
        assert found == [(n, n, n) for n in range(skip, skip + count)]
        assert [len(batch["id"]) for batch in batches[:-1]] == [batch_size] * max(len(batches) - 1, 0)

    def test_nothing_is_read_ahead_of_what_a_batch_needs(self):
        asked = []

        def parts():
            for number in range(10):
                asked.append(number)
                yield {"id": np.array([b"x"] * 3, object)}

        stream = rebatched(parts(), 4, Pool())
        next(stream)
        assert asked == [0, 1]
