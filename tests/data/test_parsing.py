"""Elements against an independent reading of the protos (`slow_reading`), level by level."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from slow_reading import (
    SIZES,
    assert_equal,
    edited,
    elements_of,
    frame_level,
    make_frames,
    protos,
    renamed_id,
    segment_level,
    video_level,
    write,
)

from yt8m.data.failures import record_errors
from yt8m.data.opening import open_source
from yt8m.data.options import Frames
from yt8m.data.pipeline import make_dataset, read_records
from yt8m.data.records import Ratings, frame_level_record, video_level_record
from yt8m.data.source import Source
from yt8m.errors import InputError, RecordError

MAX_FRAMES = 10
MAX_LABELS = 6
NUM_SAMPLED = 6
READ = {"num_classes": 20, "max_labels": MAX_LABELS}


def without_lists(record: bytes) -> bytes:
    """The record without its lists of frames: another way to write a video without frames."""
    return edited(record, lambda example: example.feature_lists.feature_list.clear())


def frame_level_videos() -> list[bytes]:
    random = np.random.default_rng(0)

    def video(name, labels=(3,), **counts):
        return frame_level_record(name, labels, make_frames(random, **counts))

    return [
        video("seven", [1, 5, 3], rgb=7, audio=7),
        video("long", rgb=13, audio=13),
        video("full", rgb=10, audio=10),
        video("over by one in rgb", rgb=11, audio=10),
        video("none", [4, 2], rgb=0, audio=0),
        without_lists(video("no lists", rgb=0, audio=0)),
        video("one", rgb=1, audio=1),
        video("short audio", rgb=6, audio=5),
        video("short rgb", rgb=5, audio=6),
        video("no audio", rgb=4),
        video("empty audio", rgb=4, audio=0),
        video("no rgb", audio=3),
        video("no labels key", None, rgb=3, audio=3),
        video("no labels", [], rgb=3, audio=3),
        video("most labels", [19, 0, 5, 4, 18, 1], rgb=2, audio=2),
        renamed_id(video("of 2017", rgb=2, audio=2)),
    ]


@pytest.fixture(scope="module")
def frame_file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("frames") / "train0000.tfrecord", *frame_level_videos())


def dataset_of(path, batch_size=5, **options):
    """The batches of a file; `options` go to `read_records`."""
    return read_records(path, batch_size, **READ, **options)


def read(path, batch_size=5, **options):
    """The elements of all batches of a file."""
    return elements_of(dataset_of(path, batch_size, **options))


def specification(dataset):
    """Shape and type by key."""
    return {key: (value.shape.as_list(), value.dtype) for key, value in dataset.element_spec.items()}


@pytest.fixture(scope="module")
def all_frames(frame_file):
    """The dataset that reads all frames."""
    return dataset_of(frame_file, max_frames=MAX_FRAMES)


@pytest.fixture(scope="module")
def sampled(frame_file):
    """The dataset that samples frames."""
    return dataset_of(frame_file, num_frames=NUM_SAMPLED, max_frames=MAX_FRAMES, seed=3)


class TestAllFrames:
    def test_equals_the_protos(self, frame_file, all_frames):
        expected = [frame_level(example, MAX_FRAMES, MAX_LABELS) for example in protos(frame_file)]
        assert_equal(elements_of(all_frames), expected)

    def test_known_videos(self, all_frames):
        """What the oracle is trusted for above, in figures."""
        found = {element["id"].decode(): element for element in elements_of(all_frames)}
        counts = {name: int(element["num_frames"]) for name, element in found.items()}
        assert counts == {
            "seven": 7,
            "long": 10,
            "full": 10,
            "over by one in rgb": 10,
            "none": 0,
            "no lists": 0,
            "one": 1,
            "short audio": 5,
            "short rgb": 5,
            "no audio": 4,
            "empty audio": 4,
            "no rgb": 3,
            "no labels key": 3,
            "no labels": 3,
            "most labels": 2,
            "of 2017": 2,
        }
        for element in found.values():
            for name in SIZES:
                assert not element[name][element["num_frames"] :].any()
        for name, feature in (("no audio", "audio"), ("empty audio", "audio"), ("no rgb", "rgb")):
            assert (found[name][feature][: counts[name]] == 127).all()
        for name in ("no labels key", "no labels"):
            assert found[name]["labels"].tolist() == [-1] * MAX_LABELS
        assert found["seven"]["labels"].tolist() == [1, 5, 3, -1, -1, -1]

    def test_shapes_and_types(self, all_frames):
        assert specification(all_frames) == {
            "id": ([None], tf.string),
            "labels": ([None, MAX_LABELS], tf.int32),
            "num_frames": ([None], tf.int32),
            "cut_frames": ([None], tf.int32),
            "rgb": ([None, MAX_FRAMES, 1024], tf.uint8),
            "audio": ([None, MAX_FRAMES, 128], tf.uint8),
        }

    def test_one_feature_of_two(self, frame_file):
        expected = [frame_level(example, MAX_FRAMES, MAX_LABELS) for example in protos(frame_file)]
        found = read(frame_file, max_frames=MAX_FRAMES, features=("audio",))
        assert all("rgb" not in element for element in found)
        for one, other in zip(found, expected, strict=True):
            if other["id"] not in (b"no audio", b"empty audio", b"short audio", b"short rgb"):
                np.testing.assert_array_equal(one["audio"], other["audio"])
                assert one["num_frames"] == other["num_frames"]
        counts = {element["id"]: element["num_frames"] for element in found}
        assert (counts[b"no audio"], counts[b"short audio"], counts[b"short rgb"]) == (0, 5, 6)

    def test_data_without_audio(self, tmp_path):
        frames = make_frames(np.random.default_rng(1), rgb=3)
        (found,) = read(write(tmp_path / "a.tfrecord", frame_level_record("abcd", [1], frames)), max_frames=4)
        assert found.keys() == {"id", "labels", "rgb", "num_frames", "cut_frames"}
        np.testing.assert_array_equal(found["rgb"][:3], frames["rgb"])

    def test_classes_of_2017(self, tmp_path):
        record = frame_level_record("abcd", [4715, 3862, 0], make_frames(np.random.default_rng(1), rgb=1))
        path = write(tmp_path / "a.tfrecord", renamed_id(record))
        (found,) = elements_of(read_records(path, max_frames=2, max_labels=3, num_classes=4716))
        assert (found["id"], found["labels"].tolist()) == (b"abcd", [4715, 3862, 0])


class TestSampledFrames:
    def test_every_row_is_a_frame_of_the_video(self, frame_file, sampled):
        found = elements_of(sampled)
        expected = [frame_level(example, MAX_FRAMES, MAX_LABELS) for example in protos(frame_file)]
        assert [element["id"] for element in found] == [element["id"] for element in expected]
        for one, other in zip(found, expected, strict=True):
            count = other["num_frames"]
            assert one["num_frames"] == (NUM_SAMPLED if count else 0)
            np.testing.assert_array_equal(one["labels"], other["labels"])
            assert one["rgb"].shape == (NUM_SAMPLED, 1024)
            assert one["audio"].shape == (NUM_SAMPLED, 128)
            real = [(other["rgb"][index].tobytes(), other["audio"][index].tobytes()) for index in range(count)]
            for row in range(one["num_frames"]):
                # As a pair: rgb and audio come from the same second.
                assert (one["rgb"][row].tobytes(), one["audio"][row].tobytes()) in real
            assert not one["rgb"][one["num_frames"] :].any()
            assert not one["audio"][one["num_frames"] :].any()

    def test_frames_are_drawn_evenly_and_with_replacement(self, tmp_path):
        frames = {"rgb": np.repeat(np.arange(4, dtype=np.uint8)[:, None], 1024, axis=1)}
        path = write(tmp_path / "a.tfrecord", frame_level_record("abcd", [1], frames))
        (found,) = read(path, num_frames=800, seed=5)
        counts = np.bincount(found["rgb"][:, 0], minlength=4)
        # Binomial(800, 1/4) has standard deviation 12.2; four of them.
        assert counts.shape == (4,)
        assert (abs(counts - 200) < 49).all()

    def test_a_seed_gives_the_same_frames_whatever_the_threads(self, frame_file, sampled):
        first = elements_of(sampled)
        one_thread = tf.data.Options()
        one_thread.threading.private_threadpool_size = 1
        one_thread.threading.max_intra_op_parallelism = 1
        assert_equal(elements_of(sampled.with_options(one_thread)), first)
        options = {"num_frames": NUM_SAMPLED, "max_frames": MAX_FRAMES, "seed": 3}
        assert_equal(read(frame_file, parallel_files=1, **options), first)

    def test_other_seeds_positions_and_epochs_give_other_frames(self, tmp_path):
        record = frame_level_record("abcd", [1], make_frames(np.random.default_rng(2), rgb=9))
        path = write(tmp_path / "a.tfrecord", record, record)
        options = {"num_frames": NUM_SAMPLED, "repeat": True, "batch_size": 4, **READ}

        def drawn(seed):
            (batch,) = read_records(path, seed=seed, **options).take(1).as_numpy_iterator()
            return [rows.tobytes() for rows in batch["rgb"]]  # two videos, two epochs

        assert len({*drawn(0), *drawn(1)}) == 8


@pytest.fixture(scope="module")
def video_file(tmp_path_factory):
    random = np.random.default_rng(0)

    def video(name, labels, *features):
        return video_level_record(name, labels, {key: random.normal(size=SIZES[key]) for key in features})

    records = [
        video("both", [7, 3], "rgb", "audio"),
        video("no audio", [1], "rgb"),
        video("no labels", None, "rgb", "audio"),
        renamed_id(video("of 2017", [19, 2, 4], "rgb", "audio")),
        video("most labels", [0, 1, 2, 3, 4, 5], "rgb", "audio"),
    ]
    return write(tmp_path_factory.mktemp("videos") / "train0000.tfrecord", *records)


@pytest.fixture(scope="module")
def videos(video_file):
    """The dataset that reads the means."""
    return dataset_of(video_file, 3)


class TestVideoLevel:
    def test_equals_the_protos(self, video_file, videos):
        expected = [video_level(example, MAX_LABELS) for example in protos(video_file)]
        assert_equal(elements_of(videos), expected)
        assert not expected[1]["mean_audio"].any()

    def test_one_feature_of_two(self, video_file):
        expected = [video_level(example, MAX_LABELS) for example in protos(video_file)]
        for element in expected:
            del element["mean_rgb"]
        assert_equal(read(video_file, features=("audio",)), expected)

    def test_shapes_and_types(self, videos):
        assert specification(videos) == {
            "id": ([None], tf.string),
            "labels": ([None, MAX_LABELS], tf.int32),
            "mean_rgb": ([None, 1024], tf.float32),
            "mean_audio": ([None, 128], tf.float32),
        }


def ratings(*rows: tuple[int, int, float]) -> Ratings:
    starts, labels, scores = zip(*rows, strict=True)
    return Ratings(start_times=starts, end_times=[start + 5 for start in starts], labels=labels, scores=scores)


def segment_level_videos() -> list[bytes]:
    random = np.random.default_rng(4)

    def video(name, rated, **counts):
        return frame_level_record(name, [1, 2, 17], make_frames(random, **counts), rated)

    unsorted = ratings((15, 7, 1.0), (0, 7, 0.0), (15, 3, 0.0), (5, 9, 1.0), (0, 2, 1.0), (15, 12, 1.0))
    return [
        video("unsorted", unsorted, rgb=23, audio=23),
        video("last is partial", ratings((20, 5, 1.0), (0, 5, 0.0)), rgb=22, audio=22),
        video("streams differ", ratings((10, 5, 1.0)), rgb=15, audio=14),
        video("unrated", None, rgb=11, audio=11),
        video("whole", ratings((5, 4, 1.0)), rgb=10, audio=10),
        video("no audio", ratings((0, 4, 1.0)), rgb=7),
        video("too short and unrated", None, rgb=4, audio=4),
        video("too short and rated", ratings((0, 6, 0.0)), rgb=3, audio=3),
        video("none", None, rgb=0, audio=0),
    ]


@pytest.fixture(scope="module")
def segment_file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("segments") / "validate0000.tfrecord", *segment_level_videos())


@pytest.fixture(scope="module")
def segments(segment_file):
    """The datasets that read the rated and all segments."""
    return {which: dataset_of(segment_file, 4, segments=which) for which in ("rated", "all")}


class TestSegments:
    @pytest.mark.parametrize("which", ["rated", "all"])
    def test_equals_the_protos(self, segment_file, segments, which):
        examples = list(protos(segment_file))
        expected = [element for example in examples for element in segment_level(example, MAX_LABELS, which == "rated")]
        assert_equal(elements_of(segments[which]), expected)

    def test_rated_segments_in_figures(self, segments):
        found = [element for element in elements_of(segments["rated"]) if element["id"] == b"unsorted"]
        assert [element["segment_start"] for element in found] == [0, 5, 15]
        assert [element["labels"][:3].tolist() for element in found] == [[7, 2, -1], [9, -1, -1], [7, 3, 12]]
        assert [element["label_scores"][:4].tolist() for element in found] == [
            [0.0, 1.0, -1.0, -1.0],
            [1.0, -1.0, -1.0, -1.0],
            [1.0, 0.0, 1.0, -1.0],
        ]

    def test_all_segments_in_figures(self, segments):
        """One for every five seconds that begin; of a video without frames, a row that has none either."""
        starts: dict[bytes, list[int]] = {}
        lengths = {}
        for element in elements_of(segments["all"]):
            starts.setdefault(element["id"], []).append(int(element["segment_start"]))
            lengths[element["id"]] = int(element["num_frames"])
        assert starts == {
            b"unsorted": [0, 5, 10, 15, 20],
            b"last is partial": [0, 5, 10, 15, 20],
            b"streams differ": [0, 5, 10],
            b"unrated": [0, 5, 10],
            b"whole": [0, 5],
            b"no audio": [0, 5],
            b"too short and unrated": [0],
            b"too short and rated": [0],
            b"none": [0],
        }
        assert lengths[b"last is partial"] == 2
        assert lengths[b"streams differ"] == 4
        assert lengths[b"too short and rated"] == 3
        assert lengths[b"none"] == 0

    def test_segment_records_as_whole_videos(self, segment_file):
        expected = [frame_level(example, 30, MAX_LABELS) for example in protos(segment_file)]
        assert_equal(read(segment_file, level="frame", max_frames=30), expected)

    def test_frame_records_cut_into_segments(self, frame_file):
        examples = list(protos(frame_file))
        expected = [element for example in examples for element in segment_level(example, MAX_LABELS, False)]
        assert_equal(read(frame_file, level="segment", segments="all"), expected)
        assert {element["id"] for element in expected} >= {b"seven", b"long", b"short rgb"}
        assert read(frame_file, level="segment") == []  # nothing is rated

    def test_a_rating_given_twice_alike_is_no_contradiction(self, tmp_path):
        record = frame_level_record("abcd", [1], make_frames(np.random.default_rng(1), rgb=6, audio=6))
        rated = frame_level_record("twice", [1], FRAMES, ratings((0, 1, 1.0), (0, 1, 1.0), (5, 1, 0.0)))
        (first, second) = read(write(tmp_path / "a.tfrecord", record, rated), level="segment")
        assert (first["labels"][:3].tolist(), second["label_scores"][:1].tolist()) == ([1, 1, -1], [0.0])

    def test_shapes_and_types(self, segments):
        assert specification(segments["rated"]) == {
            "id": ([None], tf.string),
            "segment_start": ([None], tf.int32),
            "segment_frames": ([None], tf.int32),
            "labels": ([None, MAX_LABELS], tf.int32),
            "label_scores": ([None, MAX_LABELS], tf.float32),
            "video_labels": ([None, MAX_LABELS], tf.int32),
            "num_frames": ([None], tf.int32),
            "rgb": ([None, 5, 1024], tf.uint8),
            "audio": ([None, 5, 128], tf.uint8),
        }


FRAMES = make_frames(np.random.default_rng(6), rgb=6, audio=6)
MEANS = {name: np.zeros(size) for name, size in SIZES.items()}


def cut(name: str, size: int, first: int = 0) -> dict[str, np.ndarray]:
    return FRAMES | {name: FRAMES[name][first:, :size]}


def one_short_frame(record: bytes) -> bytes:
    def shorten(example):
        values = example.feature_lists.feature_list["rgb"].feature[2].bytes_list
        values.value[0] = values.value[0][:-1]

    return edited(record, shorten)


GOOD = {
    "frame": frame_level_record("good", [1], FRAMES),
    "video": video_level_record("good", [1], MEANS),
    "segment": frame_level_record("good", [1], FRAMES, ratings((0, 1, 1.0))),
}
BROKEN = {
    "label too high": ("frame", frame_level_record("abcd", [3, 20], FRAMES), "20"),
    "label below zero": ("frame", frame_level_record("abcd", [-1], FRAMES), "-1"),
    "label too high, video level": ("video", video_level_record("abcd", [20], MEANS), "20"),
    "label below zero, video level": ("video", video_level_record("abcd", [-1, 3], MEANS), "-1"),
    "rated class too high": ("segment", frame_level_record("abcd", [1], FRAMES, ratings((0, 20, 1.0))), "20"),
    "rgb of the wrong length": ("frame", frame_level_record("abcd", [1], cut("rgb", 1000)), "1000 bytes, not 1024"),
    "audio of the wrong length": ("frame", frame_level_record("abcd", [1], cut("audio", 64)), "64 bytes, not 128"),
    "empty vectors": ("frame", frame_level_record("abcd", [1], cut("rgb", 0)), "0 bytes, not 1024"),
    "one frame of the wrong length": ("frame", one_short_frame(GOOD["frame"]), "rgb frame 2 has 1023 bytes"),
    "mean of the wrong length": (
        "video",
        video_level_record("abcd", [1], MEANS | {"audio": np.zeros(64)}),
        "64 values, not 128",
    ),
    "streams that differ by two": (
        "frame",
        frame_level_record("abcd", [1], cut("audio", 128, first=2)),
        "6 rgb and 4 audio frames",
    ),
    "streams that differ by two, segments": (
        "segment",
        frame_level_record("abcd", [1], cut("rgb", 1024, first=2), ratings((0, 1, 1.0))),
        "4 rgb and 6 audio frames",
    ),
    "segment past the end": ("segment", frame_level_record("abcd", [1], FRAMES, ratings((10, 1, 1.0))), "10 s"),
    "segment between the marks": ("segment", frame_level_record("abcd", [1], FRAMES, ratings((3, 1, 1.0))), "3 s"),
    "segment lists of unequal length": (
        "segment",
        frame_level_record(
            "abcd", [1], FRAMES, Ratings(start_times=[0, 5], end_times=[5, 10], labels=[1], scores=[1.0, 0.0])
        ),
        "different lengths",
    ),
    "a class rated both ways": (
        "segment",
        frame_level_record("abcd", [1], FRAMES, ratings((0, 1, 1.0), (0, 2, 0.0), (0, 1, 0.0))),
        "rates class 1 in the segment at 0 s both present and absent",
    ),
    "a score above one": ("segment", frame_level_record("abcd", [1], FRAMES, ratings((0, 1, 1.5))), "with 1.5"),
}


@pytest.fixture(scope="module")
def failure(tmp_path_factory):
    """How reading two files ends: `failure(level, first, second)`, each the records of a file.

    The files are written anew for every call and the dataset of a level is made once, as making it takes longest.
    """
    directory = tmp_path_factory.mktemp("broken")
    paths = (str(directory / "a.tfrecord"), str(directory / "b.tfrecord"))
    datasets = {}

    def read_all(level: str, first: list[bytes], second: list[bytes], **options) -> InputError:
        for path, records in zip(paths, (first, second), strict=True):
            write(Path(path), *records)
        source = Source(paths, level, tuple(SIZES), **READ)
        key = (level, *options.items())
        if key not in datasets:
            datasets[key] = make_dataset(source, 2, Frames(**options))
        with pytest.raises(InputError) as caught, record_errors(source):
            for _ in datasets[key]:
                pass
        assert len(str(caught.value).splitlines()) == 1
        return caught.value

    read_all.paths = paths
    return read_all


class TestBrokenRecords:
    @pytest.mark.parametrize("name", BROKEN)
    def test_is_named(self, failure, name):
        level, record, reason = BROKEN[name]
        good = GOOD[level]
        error = failure(level, [good], [good, record, good])
        assert isinstance(error, RecordError)
        assert (error.path, error.record) == (failure.paths[1], 1)
        assert reason in error.reason

    def test_wrong_length_is_noticed_when_frames_are_sampled(self, failure):
        record = frame_level_record("abcd", [1], cut("rgb", 1000))
        error = failure("frame", [GOOD["frame"], record], [GOOD["frame"]], num_frames=3)
        assert (error.path, error.record) == (failure.paths[0], 1)

    @pytest.mark.parametrize("level", ["frame", "video", "segment"])
    def test_more_labels_than_there_is_room_for(self, failure, level):
        labels = list(range(MAX_LABELS + 1))
        record = {
            "frame": frame_level_record("abcd", labels, FRAMES),
            "video": video_level_record("abcd", labels, MEANS),
            "segment": frame_level_record("abcd", [1], FRAMES, ratings(*((0, label, 1.0) for label in labels))),
        }[level]
        error = failure(level, [GOOD[level]], [record])
        reason = f"{failure.paths[1]}, record 0: has 7 labels, more than 6"
        assert str(error) == f"{reason}; another run is needed, trained with a higher --data.max-labels"

    def test_more_labels_of_a_segment_s_video_than_there_is_room_for(self, failure):
        record = frame_level_record("abcd", list(range(MAX_LABELS + 1)), FRAMES, ratings((0, 1, 1.0)))
        assert "has 7 labels, more than 6" in str(failure("segment", [GOOD["segment"]], [record]))

    def test_a_class_that_segments_are_not_ranked_for(self, tmp_path):
        record = frame_level_record("abcd", [1], FRAMES, ratings((0, 1, 1.0), (5, 4, 0.0)))
        path = write(tmp_path / "a.tfrecord", GOOD["segment"], record)
        source = Source((path,), "segment", tuple(SIZES), **READ, rated_classes=(1, 3))
        reason = "record 1: rates class 4, which is not one of the 2 classes"
        with pytest.raises(RecordError, match=reason), record_errors(source):
            elements_of(make_dataset(source, 2))
        assert len(elements_of(make_dataset(dataclasses.replace(source, rated_classes=(1, 3, 4)), 2))) == 3

    def test_float_lists_at_frame_level(self, real_data):
        path = str(real_data / "odd" / "maxkelsen_vis_aud_test.tfrecord")
        source = open_source(path)
        with pytest.raises(RecordError, match="record 0: audio holds floats"), record_errors(source):
            elements_of(make_dataset(source, 2))


class TestRealRecords:
    @pytest.mark.parametrize("pattern", ["frame_2018/*.tfrecord", "odd/studybygh_*.tfrecord"])
    def test_frame_level(self, real_data, pattern):
        paths = sorted(map(str, real_data.glob(pattern)))
        expected = [frame_level(example, 300, 64) for path in paths for example in protos(path)]
        assert len(expected) >= 2
        found = elements_of(read_records(paths))
        assert_equal(found, expected)

    @pytest.mark.parametrize("name", ["video_2017/validatea0", "video_2017/testa0", "video_2018/test0z"])
    def test_video_level(self, real_data, name):
        path = str(real_data / f"{name}.tfrecord")
        expected = [video_level(example, 64) for example in protos(path)]
        assert len(expected) > 100
        assert_equal(elements_of(read_records(path, num_classes=4716)), expected)
        assert all((element["labels"] == -1).all() for element in expected) == ("test" in name)
