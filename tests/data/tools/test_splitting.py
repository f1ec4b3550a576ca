"""`yt8m.data.tools.splitting` on records made here: what goes where, byte for byte, and what is refused."""

import csv
import os
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from watchers import Counts

from yt8m.data.records import Ratings, frame_level_record, framed, read_framing, video_level_record
from yt8m.data.sources import find_splits
from yt8m.data.tools import splitting
from yt8m.data.tools.splitting import parse_parts, split
from yt8m.errors import InputError, RecordError

MEANS = {"audio": np.zeros(128, np.float32)}
FRAMES = {"audio": np.zeros((10, 128), np.uint8)}
HALVES = {"train": 0.5, "validate": 0.5}


def video(name, labels):
    return video_level_record(name, labels, MEANS)


def write(path, records):
    path.write_bytes(b"".join(map(framed, records)))
    return str(path)


def contents(directory):
    """The serialized records of each part, in the order of its files."""
    return {
        part.name: [raw.data for path in sorted(part.iterdir()) for raw in read_framing(str(path))]
        for part in sorted(directory.iterdir())
    }


def id_of(serialized):
    return tf.train.Example.FromString(serialized).features.feature["id"].bytes_list.value[0].decode()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two files: 20 videos, of which three have no labels and one comes three times."""
    directory = tmp_path_factory.mktemp("records")
    records = [
        video(f"v{number:02d}", None if number % 7 == 6 else [number % 3, 3 + number % 5]) for number in range(18)
    ]
    records += [video("twin", [0]), video("last", [1])]
    return [
        write(directory / "a.tfrecord", [*records[:8], video("twin", [9])]),
        write(directory / "b.tfrecord", [*records[8:], video("twin", [0])]),
    ]


def test_every_record_is_copied_once_as_it_is_and_in_its_order(made, tmp_path):
    result = split(made, HALVES, str(tmp_path / "out"), seed=1)
    parts = contents(tmp_path / "out")
    given = [raw.data for path in made for raw in read_framing(path)]
    assert Counter(parts["train"] + parts["validate"]) == Counter(given)
    for records in parts.values():
        places = [given.index(record) for record in records if id_of(record) != "twin"]
        assert places == sorted(places)
    assert result.records == {name: len(records) for name, records in parts.items()}
    assert (result.num_unlabelled, result.num_repeated, result.num_classes) == (2, 2, 9)
    assert result.num_too_rare == 1  # class 9, of the video that comes three times alone
    assert not list((tmp_path / "out").glob(".*"))


def test_no_video_is_in_two_parts(made, tmp_path):
    split(made, HALVES, str(tmp_path / "out"))
    ids = {name: set(map(id_of, records)) for name, records in contents(tmp_path / "out").items()}
    assert len(ids["train"]) + len(ids["validate"]) == 20
    assert not ids["train"] & ids["validate"]


def test_tensorflow_reads_the_shards_and_training_finds_them(made, tmp_path):
    split(made, {"train": 0.75, "validate": 0.25}, str(tmp_path / "out"))
    found = find_splits(str(tmp_path / "out"), "video")
    files = {name: tf.io.gfile.glob(f"{paths[0]}/*.tfrecord") for name, paths in found.items()}
    assert sum(len(list(tf.data.TFRecordDataset(each))) for each in files.values()) == 22
    assert {name: len(each) for name, each in files.items()} == {"train": 2, "validate": 1}


def test_the_index_says_the_same_as_the_shards(made, tmp_path):
    split(made, HALVES, str(tmp_path / "out"), seed=3)
    split(made, HALVES, str(tmp_path / "index.csv"), "index", seed=3)
    with open(tmp_path / "index.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    of_shards = {id_of(record): name for name, records in contents(tmp_path / "out").items() for record in records}
    assert {row["id"]: row["part"] for row in rows} == of_shards
    assert [row["id"] for row in rows][:3] == ["v00", "v01", "v02"]


def test_segments_are_stratified_by_what_they_are_rated_for(tmp_path):
    def rated(name, label, score):
        return frame_level_record(
            name, [99], FRAMES, Ratings(start_times=[0], end_times=[5], labels=[label], scores=[score])
        )

    records = [
        rated(f"{label}{score:.0f}{copy}", label, score) for label in (1, 2) for score in (0.0, 1.0) for copy in "ab"
    ]
    result = split([write(tmp_path / "s.tfrecord", records)], HALVES, str(tmp_path / "out"))
    assert result.num_classes == 4
    for part in contents(tmp_path / "out").values():
        assert {id_of(record)[:2] for record in part} == {"10", "11", "20", "21"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train=.9,validate=.2", "--parts are 1.1 in all; the shares must sum to 1"),
        ("train=.9,train=.1", "--parts names train twice"),
        ("train=1", "--parts gives train 1; a share must be above 0 and below 1"),
        ("train=.5,.5", "--parts has '.5'; write names with their shares, such as train=.9,validate=.1"),
        ("../train=.5,b=.5", "--parts has '../train=.5'"),
    ],
)
def test_parts_that_are_none(text, message):
    with pytest.raises(InputError, match="^" + message.replace(".", r"\.")):
        parse_parts(text)


def test_parts_may_be_any_number():
    assert parse_parts("a=.2, b=0.3,c=5e-1") == {"a": 0.2, "b": 0.3, "c": 0.5}


@pytest.mark.parametrize("form", ["shards", "index"])
@pytest.mark.parametrize(
    ("records", "shares", "message"),
    [
        ([video("a", [1])], HALVES, r"--parts names 2 parts, more than there are videos \(1\)"),
        ([video("a", [1])] * 2, HALVES, r"more than there are videos \(1: 2 records, in which one comes twice\)"),
        ([video(f"{n}", [1]) for n in range(9)], {"a": 0.999, "b": 0.001}, None),
        ([video(f"{n}", []) for n in range(9)], {"a": 0.999, "b": 0.001}, "--parts leaves b without a video of the 9"),
    ],
)
def test_parts_that_come_out_empty(form, records, shares, message, tmp_path):
    path, out = write(tmp_path / "in.tfrecord", records), tmp_path / "new" / "out"
    if message is None:  # a class brings a video there
        assert split([path], shares, str(out), form).parts == {"a": 8, "b": 1}
        return
    with pytest.raises(InputError, match=message):
        split([path], shares, str(out), form)
    assert not out.parent.exists()


def without_id():
    example = tf.train.Example.FromString(video("x", [1]))
    del example.features.feature["id"]
    return example.SerializeToString()


def test_what_cannot_be_used_is_named_and_nothing_is_left(made, tmp_path):
    nameless = write(tmp_path / "nameless.tfrecord", [video("a", [1]), without_id(), video("b", [1])])
    with pytest.raises(RecordError, match=r"nameless\.tfrecord, record 1: has no id"):
        split([nameless], HALVES, str(tmp_path / "out"))
    damaged = bytearray(Path(made[0]).read_bytes())
    damaged[-20] ^= 1
    (tmp_path / "damaged.tfrecord").write_bytes(damaged)
    with pytest.raises(RecordError, match=r"damaged\.tfrecord, record 8"):
        split([str(tmp_path / "damaged.tfrecord")], HALVES, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_a_directory_with_other_things_is_left_alone(made, tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(InputError, match="is not an empty directory"):
        split(made, HALVES, str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_room_for_the_copies_is_looked_for_before_the_records_are_read(made, tmp_path, monkeypatch):
    size = sum(os.path.getsize(path) for path in made)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=size - 1))
    with monkeypatch.context() as patched:
        patched.setattr(splitting, "_read", lambda source: pytest.fail("the records are read"))
        with pytest.raises(
            InputError, match=f"^{tmp_path}/out: copies of {len(made)} files need .*; make room, choose another"
        ):
            split(made, HALVES, str(tmp_path / "out"))
    split(made, HALVES, str(tmp_path / "index.csv"), "index")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=size))
    split(made, HALVES, str(tmp_path / "out"))


def test_an_index_that_is_there_is_left_alone(made, tmp_path):
    (tmp_path / "index.csv").write_text("mine")
    with pytest.raises(InputError, match="exists, and runs may have been trained by it"):
        split(made, HALVES, str(tmp_path / "index.csv"), "index")
    assert (tmp_path / "index.csv").read_text() == "mine"


@pytest.mark.slow
def test_a_second_one_at_the_same_time_is_refused(made, tmp_path):
    out, refused = str(tmp_path / "out"), []

    def again(done, total):
        with pytest.raises(InputError) as error:
            split(made, HALVES, out)
        refused.append(str(error.value))

    split(made, HALVES, out, progress=Counts(again))
    assert set(refused) == {f"{out}: another yt8m split is writing it; wait for it, or name another place"}
    split(made, HALVES, str(tmp_path / "alone"))
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")


def test_what_another_one_finished_since_is_left_alone(made, tmp_path, monkeypatch):
    out, read = str(tmp_path / "out"), splitting._read

    def slowly(source):
        monkeypatch.setattr(splitting, "_read", read)
        split(made, HALVES, out)
        return read(source)

    monkeypatch.setattr(splitting, "_read", slowly)
    with pytest.raises(InputError, match="is not an empty directory"):
        split(made, HALVES, out, seed=1)
    monkeypatch.undo()
    split(made, HALVES, str(tmp_path / "alone"))
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")


def test_what_stops_the_copying_leaves_nothing(made, tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        split(made, HALVES, str(tmp_path / "out"), progress=Counts(stop))
    assert not (tmp_path / "out").exists()
