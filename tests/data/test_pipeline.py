"""Order, shuffling, sharding, resuming; and what `open_source` makes of files."""

import dataclasses
import os
from collections import Counter
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from slow_reading import assert_equal, elements_of, ids_of, make_frames, small_video, with_a_broken_record, write

from yt8m.data.failures import record_errors
from yt8m.data.opening import open_source
from yt8m.data.options import Order, Portion, grouped
from yt8m.data.pipeline import make_dataset, read_records
from yt8m.data.records import Ratings, frame_level_record, video_level_record
from yt8m.data.source import Source
from yt8m.errors import InputError, RecordError

SIZES = (5, 3, 4, 7, 2, 6)
"""Records of each file: no multiples of a batch, a shard or one another."""
NAMES = [[f"{shard}-{index}" for index in range(size)] for shard, size in enumerate(SIZES)]
IN_ORDER = list(chain.from_iterable(NAMES))
NUM_RECORDS = len(IN_ORDER)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Six files of small videos, known by their ids."""
    directory = tmp_path_factory.mktemp("shards")
    files = [
        write(directory / f"train{shard:04d}.tfrecord", *map(small_video, names)) for shard, names in enumerate(NAMES)
    ]
    return Source(tuple(files), "video", ("audio",))


@pytest.fixture(scope="module")
def frames_source(tmp_path_factory):
    """Three files of 5, 4 and 4 videos of 9 frames."""
    directory = tmp_path_factory.mktemp("frames")
    random = np.random.default_rng(0)
    files = [
        write(
            directory / f"train{shard:04d}.tfrecord",
            *(frame_level_record(f"{shard}-{index}", [1], make_frames(random, audio=9)) for index in range(count)),
        )
        for shard, count in enumerate((5, 4, 4))
    ]
    return Source(tuple(files), "frame", ("audio",))


def ratings_of(label, *starts):
    """The label is there in all these segments."""
    count = len(starts)
    return Ratings(
        start_times=starts, end_times=[start + 5 for start in starts], labels=[label] * count, scores=[1.0] * count
    )


@pytest.fixture(scope="module")
def rated_source(tmp_path_factory):
    """Two files of one and two records with 4, 3 and 2 rated segments; one of them rated for two classes."""
    directory, random = tmp_path_factory.mktemp("rated"), np.random.default_rng(2)

    def record(number, *starts):
        frames = {"audio": make_frames(random, audio=30)["audio"]}
        return frame_level_record(f"rat{number}", [1], frames, ratings_of(number + 1, *starts))

    files = (
        write(directory / "0.tfrecord", record(0, 0, 5, 10, 20)),
        write(directory / "1.tfrecord", record(1, 5, 15, 25), record(2, 0, 10)),
    )
    return Source(files, "segment", ("audio",))


@pytest.fixture(scope="module")
def many_rated(tmp_path_factory):
    """Two files of 10 videos, each with 4 rated segments."""
    directory, random = tmp_path_factory.mktemp("many"), np.random.default_rng(5)
    files = [
        write(
            directory / f"{file}.tfrecord",
            *(
                frame_level_record(f"{file}-{index}", [1], make_frames(random, audio=20), ratings_of(3, 0, 5, 10, 15))
                for index in range(10)
            ),
        )
        for file in range(2)
    ]
    return Source(tuple(files), "segment", ("audio",))


def read_ids(source, batch_size=4, take=None, **options):
    """The ids in the order of the stream; `take` batches of it."""
    dataset = make_dataset(source, batch_size, *grouped(options))
    return ids_of(dataset if take is None else dataset.take(take))


class TestOrder:
    def test_unshuffled_records_come_as_in_the_files(self, source):
        assert read_ids(source) == IN_ORDER
        # Batches are parsed side by side, and a race would show only now and then.
        for _ in range(5):
            assert read_ids(source, 1, parallel_files=3, deterministic=False) == IN_ORDER

    def test_files_come_in_the_order_given(self, source):
        reverse = Source(source.files[::-1], "video", source.features)
        assert read_ids(reverse) == list(chain.from_iterable(NAMES[::-1]))

    def test_the_last_batch_is_kept_or_dropped(self, source):
        kept = [len(batch["id"]) for batch in make_dataset(source, 4)]
        assert kept == [4] * 6 + [3]
        dropping = make_dataset(source, 4, order=Order(drop_remainder=True))
        assert dropping.element_spec["id"].shape == [4]
        assert ids_of(dropping) == IN_ORDER[:24]

    def test_repeating_goes_on_from_the_first_record(self, source):
        # 7 batches of 4 = 27 records of the first epoch and one of the second, in one batch.
        assert read_ids(source, repeat=True, take=8) == (IN_ORDER * 2)[:32]

    def test_segments_keep_the_order_of_their_videos(self, tmp_path):
        random = np.random.default_rng(1)
        rated = Ratings(start_times=[5, 0], end_times=[10, 5], labels=[1, 1], scores=[1.0, 0.0])
        records = [frame_level_record(name, [1], make_frames(random, audio=10), rated) for name in "abc"]
        dataset = read_records(write(tmp_path / "a.tfrecord", *records), 2)
        found = [(element["id"].decode(), int(element["segment_start"])) for element in elements_of(dataset)]
        assert found == [("a", 0), ("a", 5), ("b", 0), ("b", 5), ("c", 0), ("c", 5)]


class TestShuffling:
    def test_a_shuffle_is_a_permutation_by_its_seed(self, source):
        first = read_ids(source, shuffle=True, seed=1)
        assert first != IN_ORDER
        assert sorted(first) == sorted(IN_ORDER)
        assert read_ids(source, shuffle=True, seed=1) == first
        assert read_ids(source, shuffle=True, seed=2) != first

    def test_no_seed_is_seed_0_when_deterministic(self, source):
        assert read_ids(source, shuffle=True) == read_ids(source, shuffle=True, seed=0)

    def test_the_order_does_not_depend_on_threads_or_batches(self, source):
        first = read_ids(source, shuffle=True, seed=1)
        one_thread = tf.data.Options()
        one_thread.threading.private_threadpool_size = 1
        assert ids_of(make_dataset(source, 4, order=Order(shuffle=True, seed=1)).with_options(one_thread)) == first
        assert read_ids(source, batch_size=5, shuffle=True, seed=1) == first

    @pytest.mark.parametrize("parallel_files", [1, 3])
    def test_fewer_files_at_a_time(self, source, parallel_files):
        found = read_ids(source, shuffle=True, seed=1, parallel_files=parallel_files)
        assert sorted(found) == sorted(IN_ORDER)

    def test_files_are_shuffled_before_records(self, source):
        # With a buffer of one record and one file at a time, what is left is the order of the files.
        found = read_ids(source, shuffle=True, seed=1, parallel_files=1, shuffle_buffer=1)
        shards = list(dict.fromkeys(int(name.split("-")[0]) for name in found))
        assert shards != sorted(shards)
        assert found == list(chain.from_iterable(NAMES[shard] for shard in shards))

    def test_records_are_mixed_from_several_files_at_a_time(self, source):
        found = read_ids(source, shuffle=True, seed=1, parallel_files=6, shuffle_buffer=1)
        assert len({name.split("-")[0] for name in found[:6]}) == 6

    def test_every_epoch_has_an_order_of_its_own(self, source):
        stream = read_ids(source, batch_size=NUM_RECORDS, shuffle=True, seed=1, repeat=True, take=3)
        epochs = [tuple(stream[start : start + NUM_RECORDS]) for start in range(0, 3 * NUM_RECORDS, NUM_RECORDS)]
        assert all(sorted(epoch) == sorted(IN_ORDER) for epoch in epochs)
        assert len(set(epochs)) == 3

    def test_without_determinism_nothing_is_lost(self, source):
        assert sorted(read_ids(source, shuffle=True, deterministic=False)) == sorted(IN_ORDER)

    def test_rated_segments_of_a_batch_are_of_many_videos(self, many_rated):
        """20 videos of 4 segments each, all in the buffer. Of 16 segments without replacement, 14 to 16 videos are usual."""
        dataset = make_dataset(many_rated, 16, order=Order(shuffle=True, seed=1))
        batches = [batch["id"].tolist() for batch in dataset.as_numpy_iterator()]
        assert [len(batch) for batch in batches] == [16] * 5
        assert min(len(set(batch)) for batch in batches) >= 10
        assert set(Counter(chain.from_iterable(batches)).values()) == {4}
        # One after the other, 16 segments are of 4 or 5 videos.
        unshuffled = make_dataset(many_rated, 16)
        assert {len(set(batch["id"].tolist())) for batch in unshuffled.as_numpy_iterator()} <= {4, 5}


class TestShards:
    def test_by_file(self, source):
        for index in range(2):
            assert read_ids(source, shard=(index, 2)) == list(chain.from_iterable(NAMES[index::2]))

    def test_by_record_where_there_are_fewer_files(self, source):
        few = Source(source.files[:2], "video", source.features)
        for index in range(3):
            assert read_ids(few, shard=(index, 3)) == IN_ORDER[:8][index::3]

    @pytest.mark.parametrize(("num_files", "count"), [(6, 4), (2, 3)])
    def test_shuffled_shards_partition_the_records(self, source, num_files, count):
        part = Source(source.files[:num_files], "video", source.features)
        expected = Counter(chain.from_iterable(NAMES[:num_files]))
        shards = [read_ids(part, shuffle=True, seed=5, shard=(index, count)) for index in range(count)]
        assert Counter(chain.from_iterable(shards)) == expected

    def test_shards_partition_the_records_without_determinism_or_seed(self, source):
        # Six shards of five files that drew an order each would hardly ever fit together.
        few = Source(source.files[:5], "video", source.features)
        shards = [read_ids(few, shuffle=True, deterministic=False, shard=(index, 6)) for index in range(6)]
        assert Counter(chain.from_iterable(shards)) == Counter(IN_ORDER[: sum(SIZES[:5])])


WHOLE_BATCHES = {"shuffle": True, "seed": 3, "repeat": True, "drop_remainder": True}


class TestSharesOfTheSameBatches:
    """Workers that share out records see together what one reader of larger batches sees."""

    @pytest.mark.parametrize("sampling", ["random", "random_without_replacement", "uniform", "consecutive"])
    @pytest.mark.parametrize("skipped", [0, 8])
    def test_videos_and_the_frames_sampled_of_them(self, frames_source, sampling, skipped):
        options = WHOLE_BATCHES | {"num_frames": 4, "sampling": sampling}
        whole = elements_of(make_dataset(frames_source, 4, *grouped(options | {"skip_records": skipped})).take(6))
        for index in range(2):
            options |= {"shard": (index, 2), "shard_by": "record", "skip_records": skipped // 2}
            assert_equal(elements_of(make_dataset(frames_source, 2, *grouped(options)).take(6)), whole[index::2])

    @pytest.mark.parametrize("skipped", [0, 4])
    def test_rated_segments(self, rated_source, skipped):
        whole = elements_of(make_dataset(rated_source, 4, *grouped(WHOLE_BATCHES | {"skip_records": skipped})).take(5))
        for index in range(2):
            options = WHOLE_BATCHES | {"shard": (index, 2), "shard_by": "record", "skip_records": skipped // 2}
            assert_equal(elements_of(make_dataset(rated_source, 2, *grouped(options)).take(5)), whole[index::2])

    def test_by_file_each_reads_its_own(self, source):
        shards = [read_ids(source, shuffle=True, shard=(index, 2), shard_by="file") for index in range(2)]
        assert Counter(chain.from_iterable(shards)) == Counter(IN_ORDER)
        assert not set(shards[0]) & set(shards[1])

    def test_by_file_with_more_workers_than_files_is_refused(self, rated_source):
        with pytest.raises(InputError, match=r"--data.shard file: .* are 2 files for 3 workers"):
            make_dataset(rated_source, 2, portion=Portion(shard=(0, 3), shard_by="file"))

    @pytest.mark.parametrize("which", ["rated", "all"])
    def test_shares_of_segments_partition_them(self, rated_source, which):
        whole = elements_of(make_dataset(rated_source, 4, *grouped({"segments": which})))
        shares = []
        for index in range(2):
            options = {"segments": which, "shard": (index, 2), "shard_by": "record"}
            shares += elements_of(make_dataset(rated_source, 4, *grouped(options)))
        keys = [[(element["id"], int(element["segment_start"])) for element in each] for each in (whole, shares)]
        assert len(whole) == {"rated": 9, "all": 18}[which]
        assert Counter(keys[0]) == Counter(keys[1])


class TestResuming:
    @pytest.mark.parametrize("skipped", [1, 8, 30])
    def test_goes_on_with_the_same_records(self, source, skipped):
        options = {"shuffle": True, "seed": 3, "repeat": True}
        whole = read_ids(source, take=12, **options)
        rest = read_ids(source, take=4, skip_records=skipped, **options)
        assert rest == whole[skipped : skipped + 16]

    @pytest.mark.parametrize("skipped", [4, 16])
    def test_goes_on_with_the_same_sampled_frames(self, frames_source, skipped):
        # 13 records: 16 is in the second epoch.
        options = {"shuffle": True, "seed": 3, "repeat": True, "num_frames": 4, "drop_remainder": True}
        whole = elements_of(make_dataset(frames_source, 4, *grouped(options)).take(7))
        rest = elements_of(make_dataset(frames_source, 4, *grouped(options | {"skip_records": skipped})).take(3))
        assert_equal(rest, whole[skipped : skipped + 12])
        assert len({element["audio"].tobytes() for element in whole}) == len(whole)

    def test_goes_on_with_the_same_segments(self, frames_source):
        # A video of 9 frames has one whole segment; the step counts segments, so they are what is skipped.
        cut = dataclasses.replace(frames_source, level="segment")
        options = {"segments": "all", "shuffle": True, "seed": 3, "repeat": True}
        whole = elements_of(make_dataset(cut, 4, *grouped(options)).take(5))
        assert len(whole) == 20
        assert_equal(elements_of(make_dataset(cut, 4, *grouped(options | {"skip_records": 8})).take(3)), whole[8:])

    @pytest.mark.parametrize("skipped", [4, 8, 20])
    def test_goes_on_with_the_same_rated_segments(self, rated_source, skipped):
        options = {"shuffle": True, "seed": 3, "repeat": True}
        whole = elements_of(make_dataset(rated_source, 4, *grouped(options)).take(8))
        assert len({(element["id"], int(element["segment_start"])) for element in whole}) == 9
        assert_equal(
            elements_of(make_dataset(rated_source, 4, *grouped(options | {"skip_records": skipped})).take(3)),
            whole[skipped:][:12],
        )

    def test_skipped_segments_are_not_parsed(self, rated_source, tmp_path):
        """The second record's audio is of the wrong size, which only parsing finds."""
        broken = frame_level_record("vid1", [1], {"audio": np.zeros((15, 7), np.uint8)}, ratings_of(2, 0, 5))
        files = (rated_source.files[0], write(tmp_path / "broken.tfrecord", broken), rated_source.files[1])
        source = dataclasses.replace(rated_source, files=files)
        first = elements_of(make_dataset(rated_source, 1).take(9))
        count = sum(element["id"] == first[0]["id"] for element in first)
        rest = elements_of(
            make_dataset(source, 1, order=Order(repeat=True), portion=Portion(skip_records=count + 2)).take(9 - count)
        )
        assert_equal(rest, first[count:])
        with pytest.raises(tf.errors.InvalidArgumentError):
            elements_of(
                make_dataset(source, 1, order=Order(repeat=True), portion=Portion(skip_records=count + 1)).take(1)
            )

    def test_unshuffled(self, source):
        assert read_ids(source, skip_records=7) == IN_ORDER[7:]


class TestOpenSource:
    def write(self, directory):
        frames = make_frames(np.random.default_rng(0), rgb=2)
        video = video_level_record("abcd", [1], {"rgb": np.zeros(1024)})
        return (
            write(directory / "frame.tfrecord", frame_level_record("abcd", [1], frames)),
            write(directory / "video.tfrecord", video),
        )

    def test_takes_what_the_files_hold(self, tmp_path):
        frame, video = self.write(tmp_path)
        assert open_source(frame) == Source((frame,), "frame", ("rgb",))
        assert open_source([video], num_classes=7, max_labels=3) == Source((video,), "video", ("rgb",), 7, 3)

    def test_takes_what_the_caller_wants(self, tmp_path):
        frame, _ = self.write(tmp_path)
        assert open_source(frame, level="segment", features=("rgb", "audio")) == Source(
            (frame,), "segment", ("rgb", "audio")
        )

    @pytest.mark.parametrize(("level", "index"), [("video", 0), ("frame", 1), ("segment", 1)])
    def test_the_wrong_level(self, tmp_path, level, index):
        files = self.write(tmp_path)
        found = ("frame", "video")[index]
        with pytest.raises(RecordError) as caught:
            open_source(files[index], level=level)
        message = f"{files[index]}, record 0: is a {found}-level record, {level}-level was expected"
        assert str(caught.value) == message

    def test_none_of_the_features(self, tmp_path):
        for path in self.write(tmp_path):
            with pytest.raises(RecordError) as caught:
                open_source(path, features=("audio",))
            assert str(caught.value) == f"{path}, record 0: has rgb but not audio"

    def test_videos_without_frames_alone_say_nothing_of_features(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", frame_level_record("abcd", [1], {}), frame_level_record("b", [1], {}))
        with pytest.raises(RecordError, match="record 0: holds neither rgb or audio frames"):
            open_source(path)
        path = write(tmp_path / "a.tfrecord", frame_level_record("b", [1], {"rgb": np.zeros((0, 1024), np.uint8)}))
        assert open_source(path) == Source((path,), "frame", ("rgb", "audio"))


class TestMistakesOfACaller:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
            ({"batch_size": 2.5}, "batch_size is 2.5; it must be a whole number"),
            ({"num_frames": -3}, "num_frames is -3; it must be 0 or more"),
            ({"bogus": 3}, "unknown option of read_records 'bogus'; known: paths, batch_size, num_frames, "),
            ({"shufle": True}, "unknown option of read_records 'shufle'; did you mean shuffle? Known: paths, "),
            ({"max_frame": 9}, "unknown option of read_records 'max_frame'; did you mean max_frames? Known: paths, "),
            ({"max_frames": 0}, "max_frames is 0; it must be at least 1"),
            ({"level": "clip"}, "level is 'clip'; it must be one of 'frame', 'video', 'segment'"),
            ({"features": "rgb"}, "features is 'rgb'; it must be a list"),
            ({"features": ["smell"]}, "features has 'smell'; it must be rgb or audio, or one of your own as NAME:SIZE"),
            ({"segments": "none"}, "segments is 'none'; it must be one of 'rated', 'all'"),
            ({"seed": "a"}, "seed is 'a'; it must be a whole number"),
            ({"shard": (2, 2)}, "shard is (2, 2); the index of the first of 2 is 0, of the last 1"),
            ({"num_classes": 0}, "num_classes is 0; it must be at least 1"),
        ],
    )
    def test_each_is_one_line(self, source, options, message):
        with pytest.raises(InputError) as caught:
            read_records(source.files, **options)
        assert str(caught.value).startswith(message)
        assert "\n" not in str(caught.value)

    def test_numbers_of_numpy_are_numbers(self, source):
        dataset = read_records(source.files, np.int64(4), seed=np.uint8(1), shard=[np.int32(0), 2])
        assert ids_of(dataset) == list(chain.from_iterable(NAMES[::2]))


class TestReadingErrors:
    def test_a_file_cut_off_within_a_header(self, source, tmp_path):
        path = tmp_path / "cut.tfrecord"
        path.write_bytes(Path(source.files[0]).read_bytes() + b"\x10\x00\x00")
        with pytest.raises(RecordError) as caught:
            read_ids(Source((*source.files, str(path)), "video", ("audio",)))
        assert (caught.value.path, caught.value.record) == (str(path), SIZES[0])
        assert caught.value.reason.startswith("its header is cut off by the end of the file")

    def test_an_empty_file_among_others(self, source, tmp_path):
        path = tmp_path / "empty.tfrecord"
        path.touch()
        with pytest.raises(RecordError) as caught:
            read_ids(Source((*source.files, str(path)), "video", ("audio",)))
        assert (caught.value.path, caught.value.record) == (str(path), None)
        assert caught.value.reason.startswith("the file is empty")

    def test_a_file_that_vanished(self, source, tmp_path):
        path = write(tmp_path / "a.tfrecord", small_video("a"))
        gone = Source((path,), "video", ("audio",))
        os.remove(path)
        with pytest.raises(InputError) as caught, record_errors(gone):
            read_ids(gone)
        assert str(caught.value) == f"{path}: cannot be read (No such file or directory)"

    def test_errors_of_others_pass_through(self, source):
        remote = dataclasses.replace(source, files=("http://127.0.0.1/a.tfrecord",))
        for message, words in (
            (
                "Unable to perform (23): Failure writing output to destination",
                "the server ignores Range requests, by which",
            ),
            (
                "Error executing an HTTP request: HTTP response code 302",
                "the server redirects, which cannot be followed",
            ),
            ("Unable to perform (28): Timeout was reached", "Unable to perform (28): Timeout was reached"),
        ):
            for kind in (tf.errors.InternalError, tf.errors.FailedPreconditionError):
                with pytest.raises(InputError) as caught, record_errors(remote):
                    raise kind(None, None, message)
                assert str(caught.value).startswith(f"reading http://127.0.0.1/a.tfrecord ...: {words}")
                with pytest.raises(kind), record_errors(source):
                    raise kind(None, None, message)
        with pytest.raises(ZeroDivisionError), record_errors(source):
            raise ZeroDivisionError
        with pytest.raises(tf.errors.InvalidArgumentError), record_errors(source):
            raise tf.errors.InvalidArgumentError(None, None, "of a model")

    def test_damage_is_found_in_the_right_file(self, tmp_path):
        paths = with_a_broken_record(tmp_path)
        damaged = Source(tuple(paths), "video", ("audio",))
        with pytest.raises(RecordError) as caught, record_errors(damaged):
            read_ids(damaged, shuffle=True)
        assert (caught.value.path, caught.value.record) == (paths[1], 1)
