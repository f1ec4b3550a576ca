"""Batches that TensorFlow gets: their memory, their signature, and errors on the way."""

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from slow_reading import make_frames, write

from yt8m.data.arrays import read_batches
from yt8m.data.engine.memory import Pool
from yt8m.data.failures import record_errors
from yt8m.data.handover import as_dataset, carried_error
from yt8m.data.opening import open_source
from yt8m.data.options import Frames, Order
from yt8m.data.pipeline import make_dataset, read_records
from yt8m.data.records import Ratings, frame_level_record, video_level_record
from yt8m.errors import InputError, RecordError


def test_memory_is_handed_over_without_a_copy():
    pool, given, got = Pool(), [], []

    def stream():
        for number in range(4):
            array = pool.empty((8, 3), np.uint8)
            array[:] = number
            given.append(array.ctypes.data)
            yield {"x": array}

    def look(array):
        got.append((array.ctypes.data, int(array[0, 0])))
        return np.int64(0)

    dataset = as_dataset(stream, {"x": tf.TensorSpec([None, 3], tf.uint8)})
    for _ in dataset.map(lambda batch: tf.numpy_function(look, [batch["x"]], tf.int64)):
        pass
    assert got == [(address, number) for number, address in enumerate(given)]


@pytest.mark.parametrize("error", [RecordError("a.tfrecord", 3, "is bad"), InputError("nothing there"), KeyError("x")])
def test_an_error_in_the_stream_comes_out_as_it_was(error):
    def stream():
        yield {"x": np.zeros(3)}
        raise error

    batches = iter(as_dataset(stream, {"x": tf.TensorSpec([3], tf.float64)}).prefetch(2))
    next(batches)
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
        next(batches)
    assert carried_error(raised.value.message) is error
    assert carried_error("another message") is None


def test_record_errors_name_the_record(tmp_path):
    record = frame_level_record("a", [1], make_frames(np.random.default_rng(0), rgb=3, audio=3))
    path = write(tmp_path / "a.tfrecord", record, record)
    content = bytearray(Path(path).read_bytes())
    content[-100] ^= 1
    Path(path).write_bytes(content)
    source = open_source(path)
    with pytest.raises(RecordError) as raised, record_errors(source):
        list(make_dataset(source, 1))
    assert str(raised.value) == f"{path}, record 1: its data do not match their checksum"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    directory, rng = tmp_path_factory.mktemp("records"), np.random.default_rng(5)
    frames = [make_frames(rng, rgb=length, audio=length) for length in (7, 12, 3, 20, 9)]
    means = {"rgb": rng.normal(size=1024).astype(np.float32), "audio": rng.normal(size=128).astype(np.float32)}
    ratings = Ratings(start_times=[0, 0], end_times=[5, 5], labels=[1, 2], scores=[1.0, 0.0])
    return {
        "frame": write(
            directory / "f.tfrecord", *(frame_level_record(f"f{n}", [n], each) for n, each in enumerate(frames))
        ),
        "video": write(directory / "v.tfrecord", *(video_level_record(f"v{n}", [n], means) for n in range(5))),
        "segment": write(
            directory / "s.tfrecord", *(frame_level_record(f"s{n}", [n], frames[n], ratings) for n in (0, 1, 3))
        ),
    }


@pytest.mark.parametrize(
    ("level", "options", "changes"),
    [
        ("frame", {}, {}),
        ("frame", {"num_frames": 4, "sampling": "uniform", "drop_remainder": True}, {}),
        ("frame", {"max_frames": 8}, {"as_means": True}),
        ("frame", {}, {"without_features": True}),
        ("video", {}, {}),
        ("video", {"drop_remainder": True}, {"without_features": True}),
        ("segment", {}, {}),
        ("segment", {"segments": "all"}, {"context": 2}),
        ("segment", {"drop_remainder": True}, {"context": "video", "context_num_frames": 6}),
        ("segment", {}, {"context": "video", "context_num_frames": 6, "as_means": True}),
    ],
)
def test_batches_have_the_types_and_shapes_that_the_dataset_promises(files, level, options, changes):
    source = dataclasses.replace(open_source(files[level], level=level), **changes)
    drop = options.pop("drop_remainder", False)
    dataset = make_dataset(source, 2, Frames(**options), Order(drop_remainder=drop))
    batches = list(dataset)
    assert batches
    for batch in batches:
        assert batch.keys() == dataset.element_spec.keys()
        for key, spec in dataset.element_spec.items():
            assert spec.is_compatible_with(batch[key]), key
            assert spec.shape[0] == (2 if drop else None)


@pytest.mark.parametrize("level", ["frame", "video", "segment"])
def test_arrays_are_what_tensorflow_gets(files, level):
    options = {"num_frames": 4} if level == "frame" else {}
    arguments = {"batch_size": 2, "shuffle": True, "seed": 3, "level": level, **options}
    ours, theirs = list(read_batches(files[level], **arguments)), list(read_records(files[level], **arguments))
    assert len(ours) == len(theirs) > 1
    for own, other in zip(ours, theirs, strict=True):
        assert own.keys() == other.keys()
        for key, value in own.items():
            assert value.dtype == other[key].numpy().dtype
            np.testing.assert_array_equal(value, other[key].numpy(), err_msg=key)


def test_each_pass_over_a_shuffled_stream_has_another_order(files):
    for stream in (read_batches(files["video"], 5, shuffle=True), read_records(files["video"], 5, shuffle=True)):
        passes = [[np.asarray(batch["id"]).tolist() for batch in stream] for _ in range(4)]
        assert len({str(each) for each in passes}) > 1
        assert all(sorted(itertools.chain(*each)) == [b"v0", b"v1", b"v2", b"v3", b"v4"] for each in passes)


def test_a_service_is_refused(files):
    with pytest.raises(InputError, match=r"only yt8m\.read_records takes a service"):
        read_batches(files["video"], service="localhost:1234")
