"""Records in other forms: what is written is what an independent calculation says, complete or not there."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas
import pytest
import tensorflow as tf
from odd_texts import ODD_TEXTS
from watchers import Counts

from yt8m.cli import main
from yt8m.conversion import convert, converting, parquet, rows
from yt8m.conversion.video_level import to_video_level
from yt8m.data.engine.pieces import Piece
from yt8m.data.engine.records import Record
from yt8m.data.engine.videos import finite_video_of
from yt8m.data.features import DEFAULT_FEATURES
from yt8m.data.pipeline import read_records
from yt8m.data.records import Ratings, frame_level_record, framed, read_framing, read_offsets, video_level_record
from yt8m.data.source import Source
from yt8m.errors import InputError, RecordError
from yt8m.progress import Messages

SIZES = {"rgb": 1024, "audio": 128}


def frames(rgb=7, audio=None, seed=0):
    random = np.random.default_rng(seed)
    counts = {"rgb": rgb, "audio": rgb if audio is None else audio}
    return {name: random.integers(0, 256, (counts[name], size), np.uint8) for name, size in SIZES.items()}


def means(seed=0):
    random = np.random.default_rng(seed)
    return {name: random.normal(size=size).astype(np.float32) for name, size in SIZES.items()}


def write(path, *records):
    path.write_bytes(b"".join(map(framed, records)))
    return path


def records_of(path):
    """The serialized records, read by TensorFlow."""
    paths = sorted(path.iterdir()) if path.is_dir() else [path]
    return [data.numpy() for data in tf.data.TFRecordDataset([str(each) for each in paths])]


def dequantised(stored):
    return stored.astype(np.float64) * 4 / 255 + 4 / 512 - 2


def values(example, key):
    feature = example.features.feature[key]
    return list(getattr(feature, feature.WhichOneof("kind")).value)


def hidden(directory):
    return sorted(path.name for path in directory.iterdir() if path.name.startswith("."))


def read(record):
    data = np.frombuffer(record, np.uint8)
    source = Source(("x",), "frame", DEFAULT_FEATURES, num_classes=None, max_labels=None)
    return finite_video_of(data, source, Record("x", 0, Piece(data), 0, len(data)))


def video_level(record, deviations=False):
    return tf.train.Example.FromString(to_video_level(read(record), DEFAULT_FEATURES, deviations))


def test_means_and_deviations_of_a_data_set_are_those_of_float64(sample, tmp_path):
    split = sample / "3/frame/validate"
    result = convert(str(split), tmp_path / "out", to="video", std=True)
    originals = records_of(split)
    assert (result.num_records, result.num_files, result.num_kept) == (len(originals), 2, 0)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(path.name for path in split.iterdir())
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) == result.num_bytes
    for original, written in zip(originals, records_of(tmp_path / "out"), strict=True):
        before, after = tf.train.SequenceExample.FromString(original), tf.train.Example.FromString(written)
        assert set(after.features.feature) == {"id", "labels", "mean_rgb", "mean_audio", "std_rgb", "std_audio"}
        for key in ("id", "labels"):
            assert after.features.feature[key] == before.context.feature[key]
        for name, size in SIZES.items():
            rows = [frame.bytes_list.value[0] for frame in before.feature_lists.feature_list[name].feature]
            real = dequantised(np.frombuffer(b"".join(rows), np.uint8).reshape(-1, size))
            np.testing.assert_allclose(values(after, f"mean_{name}"), real.mean(axis=0), rtol=6e-8, atol=1e-12)
            np.testing.assert_allclose(values(after, f"std_{name}"), real.std(axis=0), rtol=6e-8, atol=1e-12)


def test_the_sample_has_the_same_means_at_video_level(sample, tmp_path):
    """They were written by other code, which sums up other numbers."""
    convert(str(sample / "2/frame/validate"), tmp_path / "out", to="video")
    theirs, ours = (
        {
            name: batch[f"mean_{name}"].numpy()[order]
            for batch in read_records(str(path), batch_size=100, num_classes=12)
            for order in [np.argsort(batch["id"].numpy())]
            for name in SIZES
        }
        for path in (sample / "2/video/validate", tmp_path / "out")
    )
    for name in SIZES:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=0, atol=3e-7)


def test_a_published_record_with_both_has_the_same_means(real_data, tmp_path):
    """The extractor's own means are of unquantised frames: quantising clips values, and moves others by 4/255 at most."""
    path = real_data / "odd/studybygh_0_out.tfrecord"
    (before,) = (tf.train.SequenceExample.FromString(data) for data in records_of(path))
    convert(str(path), tmp_path / "out", to="video")
    (after,) = (tf.train.Example.FromString(data) for data in records_of(tmp_path / "out"))
    ours, theirs = np.array(values(after, "mean_rgb")), before.context.feature["mean_rgb"].float_list.value
    rows = [frame.bytes_list.value[0] for frame in before.feature_lists.feature_list["rgb"].feature]
    stored = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, 1024)
    unclipped = ((stored > 0) & (stored < 255)).all(axis=0)
    assert unclipped.sum() > 50
    np.testing.assert_allclose(ours[unclipped], np.array(theirs)[unclipped], rtol=0, atol=4 / 255)


def test_the_bytes_are_those_of_a_deterministic_serialization():
    record = frame_level_record("abcd", [3, 700], frames(40))
    example = video_level(record)
    expected = video_level_record(
        "abcd", [3, 700], {name: np.array(values(example, f"mean_{name}"), np.float32) for name in SIZES}
    )
    assert to_video_level(read(record), DEFAULT_FEATURES, False) == expected


@pytest.mark.parametrize("length", [1, 257, 258, 301, 600])
def test_sums_of_many_large_bytes_are_exact(length):
    stored = {name: np.full((length, size), 255, np.uint8) for name, size in SIZES.items()}
    stored["rgb"][0, 0] = 0
    example = video_level(frame_level_record("abcd", None, stored), deviations=True)
    share = (length - 1) / length
    assert values(example, "mean_rgb")[0] == np.float32(255 * share * 4 / 255 + 4 / 512 - 2)
    assert values(example, "std_rgb")[0] == np.float32(np.sqrt(share * (1 - share)) * 4)
    assert set(values(example, "mean_rgb")[1:]) == {np.float32(4 + 4 / 512 - 2)}
    assert set(values(example, "std_rgb")[1:]) == {0.0}
    assert "labels" not in example.features.feature


def reencoded(record):
    """The same record with its context in two parts and a frame whose length takes one byte more than it must."""
    example = tf.train.SequenceExample.FromString(record)
    labels = tf.train.SequenceExample()
    labels.context.feature["labels"].CopyFrom(example.context.feature.pop("labels"))
    frame = b"\n\x80\x08"  # of 1024 bytes
    serialized = example.SerializeToString()
    assert frame in serialized
    return serialized + labels.SerializeToString()


def test_records_that_are_encoded_in_an_unusual_way_give_the_same():
    record = frame_level_record("abcd", [3, 5], frames(9))
    other = reencoded(record)
    assert other != record
    assert video_level(other) == video_level(record)


def test_a_stream_that_is_missing_longer_or_empty():
    stored = frames(5, 6)
    shorter = video_level(frame_level_record("abcd", [1], {name: rows[:5] for name, rows in stored.items()}))
    assert video_level(frame_level_record("abcd", [1], stored)) == shorter
    for lacking in ({"rgb": stored["rgb"]}, frames(5, 0)):
        example = video_level(frame_level_record("abcd", [1], lacking))
        assert set(example.features.feature) == {"id", "labels", "mean_rgb"}
    for empty in ({}, frames(0)):
        example = video_level(frame_level_record("abcd", [1], empty))
        assert values(example, "mean_rgb") == [0.0] * 1024
        assert values(example, "mean_audio") == [0.0] * 128


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (frame_level_record("abcd", [1], frames(9, 5)), "9 rgb and 5 audio frames; they may differ by one"),
        (frame_level_record("", [1], frames()), "unusable id"),
        (frame_level_record("abcd", [-1], frames()), "label -1 is out of range"),
        (frame_level_record("abcd", [1], {"rgb": np.zeros((3, 1023), np.uint8)}), "rgb frame 0 has 1023 bytes"),
        (video_level_record("abcd", [1], means()), "is a video-level record, frame-level was expected"),
        (b"\n\xff", "is no tf.train.Example or SequenceExample"),
        (frame_level_record("abcd", [1], frames())[:-1], "is no tf.train.Example or SequenceExample"),
    ],
)
def test_a_record_that_cannot_be_used_is_named_and_nothing_is_left(record, message, tmp_path):
    path = write(tmp_path / "x.tfrecord", frame_level_record("good", [1], frames()), record)
    with pytest.raises(RecordError, match=f"x.tfrecord, record 1: .*{message}"):
        convert(str(path), tmp_path / "some/out", to="video")
    assert [each.name for each in tmp_path.iterdir()] == ["x.tfrecord"]


@pytest.fixture
def three_files(tmp_path):
    """Files of 1, 4 and 2 records."""
    directory = tmp_path / "three"
    directory.mkdir()
    numbers = iter(range(7))
    for name, count in (("validate3", 1), ("validate5", 4), ("validate7", 2)):
        some = [next(numbers) for _ in range(count)]
        records = [video_level_record(f"v{number}", [number], means(number)) for number in some]
        write(directory / f"{name}.tfrecord", *records)
    return directory


@pytest.mark.parametrize(
    ("options", "counts"),
    [
        ({"num_shards": 1}, [7]),
        ({"num_shards": 3}, [2, 2, 3]),
        ({"num_shards": 7}, [1] * 7),
        ({"records_per_shard": 3}, [3, 3, 1]),
        ({"records_per_shard": 9}, [7]),
        ({}, [1, 4, 2]),
    ],
)
@pytest.mark.parametrize("to", ["tfrecord", "parquet"])
def test_merging_and_splitting_keep_bytes_and_order(options, counts, to, three_files, tmp_path):
    if to == "parquet":
        convert(str(three_files), tmp_path / "tables", to="parquet")
        convert(str(tmp_path / "tables"), tmp_path / "out", to="tfrecord", **options)
    else:
        convert(str(three_files), tmp_path / "out", to="tfrecord", **options)
    files = sorted((tmp_path / "out").iterdir())
    assert [len(records_of(path)) for path in files] == counts
    assert records_of(tmp_path / "out") == records_of(three_files)
    names = [f"validate{number:04d}.tfrecord" for number in range(len(counts))]
    assert [path.name for path in files] == (names if options else sorted(path.name for path in three_files.iterdir()))


def test_offsets_are_where_records_begin(three_files):
    path = str(three_files / "validate5.tfrecord")
    *offsets, end = read_offsets(path)
    assert offsets == [raw.offset for raw in read_framing(path)]
    assert end == os.path.getsize(path)
    last = list(read_framing(path, 3, offsets[3]))
    assert [(raw.index, raw.problem) for raw in last] == [(3, None)]


def random_record(random):
    """A record of any level, with keys and values that are rare."""
    level = random.choice(["video", "frame", "segment"])
    labels = None if random.random() < 0.3 else sorted(random.integers(0, 100, random.integers(0, 4)).tolist())
    name = f"video {random.integers(1000)} ä"
    if level == "video":
        record = video_level_record(
            name, labels, {key: each for key, each in means(3).items() if random.random() < 0.8}
        )
    else:
        ratings = Ratings(start_times=[5, 0], end_times=[10, 5], labels=[3, 3], scores=[1.0, 0.0])
        length = int(random.integers(6, 12))
        stored = frames(length, int(length + random.integers(0, 2)), int(random.integers(100)))
        record = frame_level_record(name, labels, stored, ratings if level == "segment" else None)
    example = tf.train.SequenceExample.FromString(record)
    context = example.context.feature
    if random.random() < 0.3:
        context["video_id"].CopyFrom(context.pop("id"))
    if random.random() < 0.3:
        context["somebody's own"].bytes_list.value.extend([b"\xff", b""])
        example.feature_lists.feature_list["captions"].feature.add().float_list.value.append(0.1)
    if random.random() < 0.3:
        context["std_rgb"].float_list.value.append(0.25)
    if level != "video" and random.random() < 0.2:
        del example.feature_lists.feature_list["audio"]
    if level == "video" and not {"mean_rgb", "mean_audio"} & set(context):
        context["mean_audio"].float_list.value.extend([0.0] * 128)
    return example.SerializeToString(deterministic=True)


@pytest.mark.parametrize("seed", range(20))
def test_parquet_gives_every_record_back(seed):
    random = np.random.default_rng(seed)
    records = [random_record(random) for _ in range(12)]
    columns = rows.columns_for(records[0])
    assert [rows.from_row(rows.to_row(record, columns)) for record in records] == records


def test_what_is_no_text_comes_back_too():
    example = tf.train.SequenceExample.FromString(frame_level_record("abcd", None, frames()))
    example.context.feature["id"].bytes_list.value[0] = b"\xff\xfe"
    record = example.SerializeToString(deterministic=True)
    assert rows.from_row(rows.to_row(record, rows.columns_for(record))) == record


@pytest.mark.parametrize("level", ["2/frame/test", "2/video/train", "3/frame/validate"])
def test_parquet_and_back_through_files(level, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "_ROW_GROUP_BYTES", 200_000)
    convert(str(sample / level), tmp_path / "tables", to="parquet")
    convert(str(tmp_path / "tables"), tmp_path / "out", to="tfrecord", records_per_shard=5)
    assert records_of(tmp_path / "out") == records_of(sample / level)


def test_a_table_is_what_the_document_says(tmp_path):
    import pyarrow.parquet

    stored = frames(6)
    ratings = Ratings(start_times=[0], end_times=[5], labels=[3], scores=[1.0])
    path = write(tmp_path / "x.tfrecord", frame_level_record("abcd", [3, 5], stored, ratings))
    convert(str(path), tmp_path / "out", to="parquet")
    table = pyarrow.parquet.read_table(tmp_path / "out/x.parquet")
    types = {field.name: str(field.type).replace("element", "item") for field in table.schema}
    assert types == {
        "id": "string",
        **dict.fromkeys(
            ("labels", *(f"segment_{key}" for key in ("start_times", "end_times", "labels"))), "list<item: int64>"
        ),
        "segment_scores": "list<item: float>",
        **dict.fromkeys(("rgb", "audio", "other"), "binary"),
    }
    (row,) = table.to_pylist()
    assert (row["id"], row["labels"], row["segment_scores"], row["other"]) == ("abcd", [3, 5], [1.0], None)
    np.testing.assert_array_equal(np.frombuffer(row["rgb"], np.uint8).reshape(-1, 1024), stored["rgb"])


def test_a_table_of_segments_has_their_columns_also_where_the_first_video_is_not_rated(tmp_path):
    import pyarrow.parquet

    ratings = Ratings(start_times=[0], end_times=[5], labels=[3], scores=[1.0])
    records = [frame_level_record("a", [3], frames(6)), frame_level_record("b", [3], frames(6), ratings)]
    convert(write(tmp_path / "x.tfrecord", *records), tmp_path / "out", to="parquet")
    rows = pyarrow.parquet.read_table(tmp_path / "out/x.parquet").to_pylist()
    assert [(row["segment_labels"], row["other"]) for row in rows] == [(None, None), ([3], None)]


def test_ids_that_look_like_something_else_are_text_in_parquet_and_in_pandas(tmp_path):
    records = [video_level_record(text, [1], means()) for text in ODD_TEXTS]
    convert(str(write(tmp_path / "x.tfrecord", *records)), tmp_path / "tables", to="parquet")
    table = pandas.read_parquet(tmp_path / "tables")
    assert table["id"].tolist() == ODD_TEXTS
    assert all(type(text) is str for text in table["id"])
    convert(str(tmp_path / "tables"), tmp_path / "back", to="tfrecord")
    assert records_of(tmp_path / "back") == records


@pytest.mark.parametrize("dtype", [str, object, "string", "category"])
def test_ids_that_pandas_wrote_come_back_as_they_were(tmp_path, dtype):
    table = pandas.DataFrame({"id": pandas.Series(ODD_TEXTS, dtype=dtype), "labels": [[1]] * len(ODD_TEXTS)})
    table.to_parquet(tmp_path / "x.parquet", index=False)
    convert(str(tmp_path / "x.parquet"), tmp_path / "out", to="tfrecord")
    assert records_of(tmp_path / "out") == [video_level_record(text, [1], {}) for text in ODD_TEXTS]


@pytest.mark.parametrize(
    "values", [[1, 2], [1.0, 1e10], [True, False], [None, 3.0], pandas.to_datetime(["2026-11-28"] * 2)]
)
def test_ids_that_became_numbers_are_refused(tmp_path, values):
    pandas.DataFrame({"id": values, "labels": [[1], [2]]}).to_parquet(tmp_path / "x.parquet", index=False)
    with pytest.raises(RecordError, match=r"x\.parquet: the column 'id' is \S+, and ids are text"):
        convert(str(tmp_path / "x.parquet"), tmp_path / "out", to="tfrecord")
    assert not (tmp_path / "out").exists()


def test_a_table_made_by_others(tmp_path):
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"id": ["abcd"], "labels": pyarrow.array([[3]], pyarrow.list_(pyarrow.int32()))})
    table = table.append_column("mean_rgb", pyarrow.array([[0.5] * 1024], pyarrow.list_(pyarrow.float64())))
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    convert(str(tmp_path / "x.parquet"), tmp_path / "out", to="tfrecord")
    assert records_of(tmp_path / "out") == [video_level_record("abcd", [3], {"rgb": np.full(1024, 0.5, np.float32)})]
    for columns, message in (
        ({"id": ["abcd"], "length": [3]}, "x.parquet: has a column 'length'; known: id, video_id, labels,"),
        ({"id": ["abcd"], "labels": ["three"]}, "x.parquet: a column has the wrong type"),
        (
            {"id": ["abcd"], "rgb": [b"abc"]},
            "x.parquet, record 0: rgb has 3 bytes, not a whole number of frames of 1024",
        ),
        ({"id": [None], "rgb": [bytes(1024)]}, "x.parquet, record 0: has no id"),
        (
            {"id": ["abcd"], "other": [b"\xff"]},
            "x.parquet, record 0: other does not hold a serialized tf.train.Sequence",
        ),
    ):
        pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "x.parquet")
        with pytest.raises(RecordError, match=message):
            convert(str(tmp_path / "x.parquet"), tmp_path / "again", to="tfrecord")
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(RecordError, match=r"x\.parquet: is not a Parquet file, or is damaged"):
        convert(str(tmp_path / "x.parquet"), tmp_path / "again", to="tfrecord")
    assert not (tmp_path / "again").exists()
    assert hidden(tmp_path) == []


def test_parquet_without_pyarrow_says_what_to_install(three_files, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(InputError, match=r"Parquet needs pyarrow, .*: pip install 'yt8m\[parquet\]'"):
        convert(str(three_files), tmp_path / "out", to="parquet")
    assert hidden(tmp_path) == []


def test_records_of_2017_get_the_key_of_2018_and_others_stay_as_they_are(tmp_path):
    current = video_level_record("abcd", [5, 3], means())
    example = tf.train.Example.FromString(video_level_record("a0OhZbhxhvk", [7, 2], means(1)))
    expected = example.SerializeToString(deterministic=True)
    example.features.feature["video_id"].CopyFrom(example.features.feature.pop("id"))
    path = write(tmp_path / "x.tfrecord", example.SerializeToString(), current)
    convert(str(path), tmp_path / "out", to="tfrecord", keys="2018")
    assert records_of(tmp_path / "out") == [expected, current]
    write(path, tf.train.Example().SerializeToString())
    with pytest.raises(RecordError, match="record 0: has no id"):
        convert(str(path), tmp_path / "again", to="tfrecord", keys="2018")


def test_real_records_of_2017(real_data, tmp_path):
    convert(str(real_data / "video_2017"), tmp_path / "out", to="tfrecord", keys="2018")
    pairs = zip(records_of(real_data / "video_2017"), records_of(tmp_path / "out"), strict=True)
    for before, after in ([tf.train.Example.FromString(data) for data in pair] for pair in pairs):
        assert values(after, "id") == values(before, "video_id")
        del after.features.feature["id"], before.features.feature["video_id"]
        assert after == before


class Stop(KeyboardInterrupt):
    """What Ctrl-C raises."""


def test_what_was_stopped_goes_on_with_the_files_that_are_missing(three_files, tmp_path, monkeypatch):
    monkeypatch.setattr(converting, "_FILES_AT_ONCE", 1)
    out, staging = tmp_path / "out", tmp_path / ".out.converting"
    arguments = {"paths": str(three_files), "out": out, "to": "tfrecord"}
    with pytest.raises(Stop):
        convert(**arguments, progress=raise_stop_after(1))
    assert not out.exists()
    kept = {path.name for path in staging.glob("*.tfrecord")}
    assert "validate3.tfrecord" in kept  # and what was complete before the thread heard of it
    (staging / ".77.tmp.validate5.tfrecord").write_bytes(b"half")  # what a kill leaves
    finished = (staging / "validate3.tfrecord").stat().st_ino
    told = Messages()
    result = convert(**arguments, progress=told)
    num_written = sum(len(records_of(path)) for path in three_files.iterdir() if path.name not in kept)
    assert (result.num_files, result.num_kept, result.num_records) == (3, len(kept), num_written)
    assert told.lines == [f"{out}: going on; {len(kept)} of 3 files are there"]
    assert (out / "validate3.tfrecord").stat().st_ino == finished
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in three_files.iterdir())
    assert records_of(out) == records_of(three_files)
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("changes", ["version", "unknown", "nothing"])
def test_what_was_stopped_goes_on_with_files_that_are_known_to_be_the_same(three_files, tmp_path, monkeypatch, changes):
    monkeypatch.setattr(converting, "_FILES_AT_ONCE", 1)
    versions = {"version": iter("ab"), "unknown": iter(["", ""]), "nothing": iter("aa")}[changes]

    def identify(paths):
        version = next(versions)
        return [[path, 10, version] for path in paths]

    monkeypatch.setattr("yt8m.conversion.staging.identify", identify)
    told = Messages()
    arguments = {"paths": str(three_files), "out": tmp_path / "out", "to": "tfrecord"}
    with pytest.raises(Stop):
        convert(**arguments, progress=raise_stop_after(1))
    result = convert(**arguments, progress=told)
    assert bool(result.num_kept) == bool(told.lines) == (changes == "nothing")
    assert records_of(tmp_path / "out") == records_of(three_files)


def test_a_second_one_at_the_same_time_is_refused(three_files, tmp_path):
    out, refused = tmp_path / "out", []

    def again(done, total):
        with pytest.raises(InputError) as error:
            convert(str(three_files), out, to="tfrecord")
        refused.append(str(error.value))

    convert(str(three_files), out, to="tfrecord", progress=Counts(again))
    assert set(refused) == {f"{out}: another yt8m convert is writing it; wait for it, or name another place"}
    assert records_of(out) == records_of(three_files)
    assert hidden(tmp_path) == []


@pytest.mark.slow
def test_room_for_the_files_that_are_missing_is_looked_for_first(tmp_path, monkeypatch):
    records = [video_level_record(f"v{index}", [1], means(index)) for index in range(4)]
    paths = [str(write(tmp_path / f"{index}.tfrecord", *records[index::2])) for index in range(2)]
    size = sum(os.path.getsize(path) for path in paths)
    out = tmp_path / "out"
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=size - 1))
    with pytest.raises(InputError, match=f"^{out}: copies of 2 files need .*; make room, or choose another --out"):
        convert(paths, out, to="tfrecord")
    assert hidden(tmp_path) == []
    assert not out.exists()
    convert(paths, tmp_path / "other", to="parquet")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=size))
    convert(paths, out, to="tfrecord")


@pytest.mark.slow
@pytest.mark.usefixtures("_signal_handlers", "_preloaded")
def test_a_killed_one_goes_on(sample, tmp_path, capsys):
    frames = str(sample / "2/frame/train")
    convert(frames, tmp_path / "whole", to="parquet", num_shards=6)
    words = ["convert", frames, "--to", "parquet", "--num-shards", "6", "--out", str(tmp_path / "out")]
    with subprocess.Popen([sys.executable, "-m", "yt8m", *words]) as process:
        staging = tmp_path / ".out.converting"
        while process.poll() is None and not list(staging.glob("[!.]*.parquet")):
            time.sleep(0.002)
        process.kill()
    assert process.returncode == -signal.SIGKILL, "it was done before it was killed; give it more to do"
    with pytest.raises(SystemExit) as ended:
        main([*words, "--verbose"])
    assert ended.value.code == 0
    assert re.search(r"out: going on; [1-5] of 6 files are there", capsys.readouterr().err)
    whole, gone_on = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("whole", "out")
    )
    assert gone_on == whole
    assert hidden(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"to": "video"}, {"to": "tfrecord", "num_shards": 2}, {"to": "parquet"}], ids=str)
def test_memory_holds_few_records_at_a_time(options, tmp_path):
    record = framed(frame_level_record("abcd", [1], frames(rgb=200, audio=200)))
    with open(tmp_path / "large.tfrecord", "wb") as file:
        for _ in range(600):
            file.write(record)
    size = (tmp_path / "large.tfrecord").stat().st_size
    tracemalloc.start()
    convert(str(tmp_path / "large.tfrecord"), tmp_path / "out", **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 130e6
    assert peak < 40e6


@pytest.mark.parametrize("change", ["another form", "a file that was written anew"])
def test_what_would_be_made_otherwise_is_made_anew(change, three_files, tmp_path, monkeypatch):
    monkeypatch.setattr(converting, "_FILES_AT_ONCE", 1)
    with pytest.raises(Stop):
        convert(str(three_files), tmp_path / "out", to="tfrecord", progress=raise_stop_after(1))
    if change == "another form":
        keys = "2018"
    else:
        keys = None
        path = three_files / "validate3.tfrecord"
        write(path, video_level_record("new", [1], means()))
        os.utime(path, (1, 1))
    result = convert(str(three_files), tmp_path / "out", to="tfrecord", keys=keys)
    assert (result.num_kept, result.num_records) == (0, 7)
    assert records_of(tmp_path / "out") == records_of(three_files)


def raise_stop_after(times: int) -> Counts:
    """Stops what it watches once more than so many counts were made."""

    def stop(done, total):
        if len(watcher.counts) > times:
            raise Stop

    watcher = Counts(stop)
    return watcher


def test_files_that_were_complete_outlast_a_broken_record(three_files, tmp_path, monkeypatch):
    monkeypatch.setattr(converting, "_FILES_AT_ONCE", 1)
    path = three_files / "validate5.tfrecord"
    content = bytearray(path.read_bytes())
    content[-10] ^= 1
    path.write_bytes(content)
    with pytest.raises(RecordError, match=r"validate5.tfrecord, record 3: its data do not match their checksum"):
        convert(str(three_files), tmp_path / "out", to="tfrecord")
    assert not (tmp_path / "out").exists()
    assert "validate5.tfrecord" not in {each.name for each in (tmp_path / ".out.converting").iterdir()}
    content[-10] ^= 1
    path.write_bytes(content)
    assert convert(str(three_files), tmp_path / "out", to="tfrecord").num_kept >= 1


def cut(path, num_bytes):
    path.write_bytes(path.read_bytes()[:-num_bytes])
    return path


MISTAKES = {
    "nothing": (lambda t: ["none.tfrecord"], ["--to", "video"], "none.tfrecord: no such file or directory"),
    "an empty directory": (
        lambda t: [t],
        ["--to", "video"],
        "the directory holds no *.tfrecord or *.pb or *.parquet or *.npz or *.npy files",
    ),
    "no form": (lambda t: [write(t / "x.tfrecord", b"")], [], "--to {video,tfrecord,parquet,npz} is missing"),
    "std of records": (lambda t: ["x"], ["--to", "tfrecord", "--std"], "--std goes with --to video"),
    "two ways to split": (
        lambda t: ["x"],
        ["--to", "tfrecord", "--num-shards", "2", "--records-per-shard", "2"],
        "--num-shards and --records-per-shard exclude each other",
    ),
    "no shards": (
        lambda t: ["x"],
        ["--to", "tfrecord", "--num-shards", "0"],
        "--num-shards is 0; it must be at least 1",
    ),
    "too many shards": (
        lambda t: [write(t / "x.tfrecord", b"")],
        ["--to", "tfrecord", "--num-shards", "2"],
        "--num-shards is 2; it must be 1 at most, the number of records",
    ),
    "means of means": (
        lambda t: [write(t / "x.tfrecord", video_level_record("abcd", [1], means()))],
        ["--to", "video"],
        "x.tfrecord, record 0: is a video-level record already",
    ),
    "cut off": (
        lambda t: [cut(write(t / "x.tfrecord", frame_level_record("abcd", [1], frames())), 3)],
        ["--to", "tfrecord"],
        "x.tfrecord, record 0: is cut off by the end of the file",
    ),
    "empty": (lambda t: [write(t / "x.tfrecord")], ["--to", "tfrecord"], "x.tfrecord: the file is empty"),
    "of one name": (
        lambda t: [write(Path(t / f"{each}.tfrecord"), b"") for each in ("x",)] + [_twin(t)],
        ["--to", "tfrecord"],
        "have the same name; give --num-shards, or convert them one by one",
    ),
}


def _twin(directory):
    (directory / "twin").mkdir()
    return write(directory / "twin/x.tfrecord", b"")


@pytest.mark.parametrize(("make", "flags", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_are_one_line_and_leave_nothing(make, flags, message, tmp_path, capfd, monkeypatch):
    from yt8m.cli import main

    monkeypatch.chdir(tmp_path)
    paths = make(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        main(["convert", *map(str, paths), *flags, "--out", "some/out", "--verbose"])
    out, err = capfd.readouterr()
    assert (ended.value.code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err
    assert sorted(tmp_path.rglob("*")) == before


def test_places_that_cannot_be_written_are_refused_before_the_work(three_files, tmp_path, monkeypatch):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").touch()
    for place in ("full", "full/mine"):
        with pytest.raises(InputError, match="exists; name a new or empty directory"):
            convert(str(three_files), tmp_path / place, to="tfrecord")
    with pytest.raises(InputError, match="the directory must be on a local disk"):
        convert(str(three_files), "gs://bucket/out", to="tfrecord")
    (tmp_path / "empty").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "ismount", lambda path: os.fspath(path) == str(tmp_path / "empty"))
        with pytest.raises(InputError, match="is a mounted disk; name a directory on it"):
            convert(str(three_files), tmp_path / "empty", to="tfrecord")
    convert(str(three_files), tmp_path / "empty", to="tfrecord")
    assert len(list((tmp_path / "empty").iterdir())) == 3


def test_a_mixture_of_tables_and_records_is_refused(three_files, tmp_path):
    convert(str(three_files), tmp_path / "tables", to="parquet")
    table, record = tmp_path / "tables/validate3.parquet", three_files / "validate5.tfrecord"
    with pytest.raises(InputError, match=r"validate3\.parquet is a Parquet file, .*validate5\.tfrecord is not"):
        convert([str(record), str(table)], tmp_path / "out", to="tfrecord")
    with pytest.raises(InputError, match=r"validate3\.parquet: is a Parquet file; convert it with --to tfrecord first"):
        convert(str(table), tmp_path / "out", to="video")
