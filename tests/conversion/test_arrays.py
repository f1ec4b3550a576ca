"""Arrays to records and back: every value is where an independent reader finds it, and what cannot be stored is named."""

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
import tensorflow as tf
from watchers import Counts

from yt8m.cli import main
from yt8m.conversion import convert, converting
from yt8m.data.ids import file_name_of, safe_id
from yt8m.data.pipeline import read_records
from yt8m.data.records import Ratings, frame_level_record, framed, video_level_record
from yt8m.errors import InputError
from yt8m.progress import Messages


def records_of(directory):
    """The records of a directory's files, parsed by TensorFlow."""
    paths = sorted(map(str, directory.rglob("*.tfrecord")))
    return [tf.train.SequenceExample.FromString(data.numpy()) for data in tf.data.TFRecordDataset(paths)]


def bytes_of(directory):
    return [data.numpy() for data in tf.data.TFRecordDataset(sorted(map(str, directory.rglob("*.tfrecord"))))]


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray(array))


def frames_of(example, name):
    """A feature's frames as a list of lists, by TensorFlow's messages alone."""
    kinds = {"bytes_list": lambda frame: frame.bytes_list.value[0], "float_list": lambda frame: frame.float_list.value}
    return [list(kinds[frame.WhichOneof("kind")](frame)) for frame in example.feature_lists.feature_list[name].feature]


def id_of(example):
    return example.context.feature["id"].bytes_list.value[0].decode()


def labels_of(example):
    return list(example.context.feature["labels"].int64_list.value) if "labels" in example.context.feature else None


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_directories_of_npy_are_features_of_videos(place):
    save(place / "in/clip/b.npy", np.array([[0.5, -1.25], [2, 3]], np.float32))
    save(place / "in/clip/a.npy", np.array([[1, 2]], np.float64))
    save(place / "in/sound/b.npy", np.array([[7, 8, 9], [1, 2, 3]], np.uint8))
    save(place / "in/sound/a.npy", np.array([[4, 5, 6]], np.uint8))
    (place / "labels.csv").write_text("id,labels\nb,3 700\na,\nunused,1\n")
    result = convert("in", "out/train", labels="labels.csv")
    assert (result.num_files, result.num_records, result.clipped) == (1, 2, {})
    assert [path.name for path in (place / "out/train").iterdir()] == ["train0000.tfrecord"]
    first, second = records_of(place / "out")
    assert [(id_of(each), labels_of(each)) for each in (first, second)] == [("a", []), ("b", [3, 700])]
    assert frames_of(first, "clip") == [[1.0, 2.0]]
    assert frames_of(second, "clip") == [[0.5, -1.25], [2.0, 3.0]]
    assert frames_of(first, "sound") == [[4, 5, 6]]
    assert frames_of(second, "sound") == [[7, 8, 9], [1, 2, 3]]


def test_what_was_made_is_read_as_any_records(place):
    random = np.random.default_rng(0)
    arrays = {f"v{number}": random.normal(size=(4 + number, 8)).astype(np.float32) for number in range(3)}
    for name, array in arrays.items():
        save(place / f"clip/{name}.npy", array)
    convert("clip", "out")
    (batch,) = read_records("out", batch_size=3)
    for row, name in enumerate(batch["id"].numpy()):
        expected = arrays[name.decode()]
        assert batch["num_frames"][row] == len(expected)
        np.testing.assert_array_equal(batch["clip"].numpy()[row, : len(expected)], expected)


def test_vectors_become_video_level_records(place):
    save(place / "clip/a.npy", np.array([0.5, -1.5, 3], np.float64))
    convert("clip", "out")
    (record,) = records_of(place / "out")
    assert id_of(record) == "a"
    assert list(record.context.feature["mean_clip"].float_list.value) == [0.5, -1.5, 3.0]
    assert not record.feature_lists.feature_list
    assert "labels" not in record.context.feature


def level_nearest_to(value, low, high):
    """The byte whose value is nearest: byte q stands for q * (high - low) / 255 + (high - low) / 512 + low."""
    values = [q * (high - low) / 255 + (high - low) / 512 + low for q in range(256)]
    return min(range(256), key=lambda q: abs(values[q] - value))


@pytest.mark.parametrize(("text", "low", "high"), [("clip:5", -2, 2), ("clip:5:uint8:-1:0.5", -1, 0.5)])
def test_quantised_values_are_the_nearest_levels_and_those_beyond_are_counted(text, low, high, place):
    random = np.random.default_rng(1)
    inside = random.uniform(low, high, (20, 5))
    values = np.concatenate([inside, [[high + 1, high + 9, low - 1, low, high]]]).astype(np.float32)
    save(place / "clip/a.npy", values)
    result = convert("clip", "out", quantise=True, features=(text,))
    (record,) = records_of(place / "out")
    expected = [[level_nearest_to(value, low, high) for value in row] for row in values.tolist()]
    assert frames_of(record, "clip") == expected
    assert expected[-1][:3] == [255, 255, 0]
    assert result.clipped == {"clip": (3, 105)}


def test_all_bytes_come_back_through_floats(place):
    stored = np.arange(256, dtype=np.uint8).reshape(2, 128)
    record = frame_level_record("a", [1], {"audio": stored})
    (place / "x.tfrecord").write_bytes(framed(record))
    convert("x.tfrecord", "floats", to="npz", dequantise=True)
    with np.load("floats/x/a.npz") as file:
        np.testing.assert_allclose(file["audio"], stored * (4 / 255) + 4 / 512 - 2, atol=3e-7)
        assert file["audio"].dtype == np.float32
    result = convert("floats", "out", quantise=True)
    assert bytes_of(place / "out") == [record]
    assert result.clipped == {"audio": (0, 256)}


def random_records():
    random = np.random.default_rng(2)
    ratings = Ratings(start_times=[0], end_times=[5], labels=[3], scores=[1.0])
    some = {"rgb": random.integers(0, 256, (6, 1024), np.uint8), "audio": random.integers(0, 256, (7, 128), np.uint8)}
    own = {
        "clip": random.normal(size=(6, 3)).astype(np.float32),
        "half": random.normal(size=(6, 4)).astype(np.float16),
        "mine": random.integers(0, 256, (6, 5), np.uint8),
    }
    others = tf.train.SequenceExample.FromString(frame_level_record("with / more", [5, 3], some))
    others.context.feature["somebody's own"].bytes_list.value.extend([b"\xff", b""])
    others.feature_lists.feature_list["captions"].feature.add().int64_list.value.append(4)
    return {
        "frames": [
            frame_level_record("a", [3, 1], some | own),
            frame_level_record("-b.c", None, own),
            frame_level_record("ä", [], {"rgb": some["rgb"]}),
            others.SerializeToString(deterministic=True),
        ],
        "no frames": [frame_level_record("a", [1], some), frame_level_record("b", [1], {})],
        "ratings": [frame_level_record("a", [3], some, ratings), frame_level_record("b", [3], some)],
        "means": [video_level_record("a", [1], {"rgb": random.normal(size=1024).astype(np.float32)})],
        "means of others": [video_level_record("a", None, {"clip": np.array([0.5, 2], np.float32)})],
    }


@pytest.mark.parametrize("to", ["npz", "parquet"])
@pytest.mark.parametrize("kind", list(random_records()))
def test_records_come_back_byte_for_byte(kind, to, place):
    records = random_records()[kind]
    (place / "in").mkdir()
    (place / "in/train0003.tfrecord").write_bytes(b"".join(map(framed, records)))
    convert("in", "there", to=to)
    convert("there", "back", to="tfrecord")
    assert sorted(bytes_of(place / "back")) == sorted(records)


def test_records_of_other_programs_become_arrays_and_ours(place):
    """MediaPipe's keys, with a path as the id: what is read is what another reader of protobuf finds."""
    example = tf.train.SequenceExample()
    example.context.feature["clip/data_path"].bytes_list.value.append(b"videos/x.mp4")
    for row in ([0.5, 1.0], [2.0, 3.0]):
        example.feature_lists.feature_list["RGB/feature/floats"].feature.add().float_list.value.extend(row)
    (place / "x.tfrecord").write_bytes(framed(example.SerializeToString()))
    convert("x.tfrecord", "there", to="npz")
    (path,) = (place / "there/x").iterdir()
    assert path.name == "videos_x.mp4.npz"
    with np.load(path) as file:
        assert (str(file["id"]), file["rgb"].tolist()) == ("videos/x.mp4", [[0.5, 1.0], [2.0, 3.0]])
    convert("there", "back")
    (record,) = records_of(place / "back")
    assert (id_of(record), frames_of(record, "rgb")) == ("videos/x.mp4", [[0.5, 1.0], [2.0, 3.0]])
    assert record.context.feature["clip/data_path"] == example.context.feature["clip/data_path"]


def test_npz_files_hold_arrays_by_feature(place):
    records = random_records()["frames"]
    (place / "x.tfrecord").write_bytes(b"".join(map(framed, records)))
    # Bytes do not say that they are halves.
    features = ("rgb", "audio", "clip:3:float32", "half:4:float16", "mine:5")
    result = convert("x.tfrecord", "out", to="npz", features=features)
    assert (result.num_files, result.num_records) == (1, 4)
    names = sorted(path.name for path in (place / "out/x").iterdir())
    assert names == ["-b.c.npz", "a.npz", "with___more.npz", "ä.npz"]
    assert result.num_bytes == sum(path.stat().st_size for path in (place / "out/x").iterdir())
    with np.load(place / "out/x/a.npz", allow_pickle=False) as file:
        assert set(file.files) == {"id", "labels", "rgb", "audio", "clip", "half", "mine"}
        assert (str(file["id"]), file["labels"].tolist()) == ("a", [3, 1])
        assert (file["rgb"].shape, file["audio"].shape, file["half"].dtype) == ((6, 1024), (7, 128), np.float16)
        parsed = tf.train.SequenceExample.FromString(records[0])
        assert file["clip"].tolist() == frames_of(parsed, "clip")
        assert file["mine"].tolist() == frames_of(parsed, "mine")
        assert [row.tobytes() for row in file["half"]] == [bytes(frame) for frame in frames_of(parsed, "half")]
    convert("x.tfrecord", "tables", to="parquet", features=features)
    types = {field.name: str(field.type).replace("element", "item") for field in read_schema("tables/x.parquet")}
    own = {"clip": "float", "half": "halffloat", "mine": "uint8"}
    assert {name: types[name] for name in own} == {
        name: f"list<item: list<item: {kind}>>" for name, kind in own.items()
    }
    for there in ("out", "tables"):
        convert(there, f"{there}-back", to="tfrecord")
        assert sorted(bytes_of(place / f"{there}-back")) == sorted(records)


def test_npz_of_others_and_float16(place):
    (place / "in").mkdir()
    with zipfile.ZipFile("in/a.npz", "w") as archive:
        for name, array in {"clip": np.array([[0.1, 2]], ">f4"), "file": np.array([[1.5]], np.float16)}.items():
            with archive.open(f"{name}.npy", "w") as member:
                np.save(member, array)
    convert("in", "out", features=("clip:2:float16", "file:1:float16"), num_shards=1)
    (record,) = records_of(place / "out")
    clip, file = (record.feature_lists.feature_list[name].feature[0].bytes_list.value[0] for name in ("clip", "file"))
    assert np.frombuffer(clip, "<f2").tolist() == [float(np.float16(0.1)), 2.0]
    assert np.frombuffer(file, "<f2").tolist() == [1.5]


def test_means_of_arrays(place):
    save(place / "clip/a.npy", np.array([[1, 2], [2, 5]], np.float32))
    convert("clip", "out", to="video", std=True)
    (record,) = records_of(place / "out")
    assert list(record.context.feature["mean_clip"].float_list.value) == [1.5, 3.5]
    assert list(record.context.feature["std_clip"].float_list.value) == [0.5, 1.5]


def test_shards_of_a_stated_size_under_official_names(place):
    for number in range(5):
        save(place / f"clip/v{number}.npy", np.full((2, 3), number, np.float32))
    result = convert("clip", "mine/validate", records_per_shard=2)
    files = sorted((place / "mine/validate").iterdir())
    assert [path.name for path in files] == [f"validate000{number}.tfrecord" for number in range(3)]
    assert (result.num_files, [id_of(each) for each in records_of(place / "mine")]) == (3, [f"v{n}" for n in range(5)])
    convert("clip", "other", num_shards=1)
    assert [path.name for path in (place / "other").iterdir()] == ["records0000.tfrecord"]


def test_ids_are_file_names_made_safe(place):
    assert safe_id("my video, 1:2") == "my_video__1_2"
    assert [file_name_of(each) for each in (".a/b\\c", "a b", "ok")] == ["_a_b_c", "a_b", "ok"]
    save(place / "clip/my video.npy", np.ones((1, 2), np.float32))
    (place / "labels.csv").write_text("id,labels\nmy video,4\n")
    told = Messages()
    convert("clip", "out", labels="labels.csv", progress=told)
    (record,) = records_of(place / "out")
    assert (id_of(record), labels_of(record)) == ("my_video", [4])
    assert told.lines == [
        "1 file name cannot be ids: 'my video' becomes 'my_video'; an id has no comma, colon, space, quote or control character"
    ]
    save(place / "clip/my_video.npy", np.ones((1, 2), np.float32))
    with pytest.raises(
        InputError, match=r"my video\.npy and .*my_video\.npy: both videos would have the id 'my_video'"
    ):
        convert("clip", "again")


def test_videos_that_lack_a_feature_are_counted(place):
    save(place / "in/clip/a.npy", np.ones((1, 2), np.float32))
    save(place / "in/clip/b.npy", np.ones((1, 2), np.float32))
    save(place / "in/sound/b.npy", np.ones((1, 3), np.float32))
    told = Messages()
    convert("in", "out", progress=told)
    assert told.lines == ["1 of 2 videos have no sound"]
    assert [frames_of(each, "sound") for each in records_of(place / "out")] == [[], [[1.0, 1.0, 1.0]]]


def table_of(columns):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(columns), "t.parquet")


def read_schema(path):
    import pyarrow.parquet

    return pyarrow.parquet.read_schema(path)


def test_tables_with_lists(place):
    import pyarrow

    clip = pyarrow.array([[[0.5, 1], [2, 3]], None, [[4, 5]]], pyarrow.list_(pyarrow.list_(pyarrow.float64(), 2)))
    mine = pyarrow.array([[[1, 2, 3], [4, 5, 6]], [[7, 8, 9]], []], pyarrow.list_(pyarrow.list_(pyarrow.uint8())))
    table_of({"id": ["a", "b, c", "d"], "labels": [[1], [], None], "clip": clip, "mine": mine})
    convert("t.parquet", "out", to="tfrecord")
    records = records_of(place / "out")
    assert [(id_of(each), labels_of(each)) for each in records] == [("a", [1]), ("b, c", []), ("d", None)]
    assert [frames_of(each, "clip") for each in records] == [[[0.5, 1], [2, 3]], [], [[4, 5]]]
    assert [frames_of(each, "mine") for each in records] == [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9]], []]
    vectors = pyarrow.array([[0.5, 1], [2, 3], [4, 5]], pyarrow.list_(pyarrow.float32()))
    table_of({"id": ["a", "b", "c"], "clip": vectors})
    (place / "labels.csv").write_text("id,labels\na,1\nb,2\nc,3 4\n")
    convert("t.parquet", "means", labels="labels.csv", records_per_shard=2)
    means = records_of(place / "means")
    assert [list(each.context.feature["mean_clip"].float_list.value) for each in means] == [[0.5, 1], [2, 3], [4, 5]]
    assert [labels_of(each) for each in means] == [[1], [2], [3, 4]]


ONES = np.ones((3, 4), np.float32)


def with_value(value, dtype=np.float32):
    array = np.ones((3, 4), dtype)
    array[1, 2] = value
    return array


def zipped(**arrays):
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


BAD = {
    "nan": ({"clip/a.npy": with_value(np.nan)}, [], "clip/a.npy: frame 1 has a value that is NaN or infinite"),
    "infinite": ({"clip/a.npy": with_value(-np.inf)}, ["--quantise"], "clip/a.npy: frame 1 has a value that is NaN or"),
    "nan in a vector": ({"clip/a.npy": with_value(np.nan)[1]}, [], "clip/a.npy: has a value that is NaN or infinite"),
    "too large": ({"clip/a.npy": with_value(1e300, float)}, [], "clip/a.npy: has 1e+300, which float32 cannot hold"),
    "too large for half": (
        {"clip/a.npy": with_value(7e4)},
        ["--features", "clip:4:float16"],
        "clip/a.npy: has 70000, which float16 cannot hold",
    ),
    "type": (
        {"clip/a.npy": ONES.astype(int)},
        [],
        "clip/a.npy: holds int64; it must be uint8, float16, float32 or float64",
    ),
    "shape": ({"clip/a.npy": ONES[None]}, [], "clip/a.npy: has the shape (1, 3, 4); it must be (T, D)"),
    "no number": ({"clip/a.npy": np.float32(1)}, [], "clip/a.npy: has the shape (); it must be (T, D)"),
    "size": (
        {"clip/a.npy": ONES, "clip/b.npy": ONES[:, 1:]},
        [],
        "clip/b.npy: has 3 values a frame, and clip/a.npy has 4",
    ),
    "size of features": (
        {"clip/a.npy": ONES},
        ["--features", "clip:5:float32"],
        "clip/a.npy: has 4 values a frame, and --features says 5",
    ),
    "levels": (
        {"clip/a.npy": ONES, "clip/b.npy": ONES[0]},
        [],
        "clip/b.npy: has the shape (4,), a vector a video, (D,), and clip/a.npy has frames, (T, D); convert them apart",
    ),
    "unequal": (
        {"in/clip/a.npy": ONES, "in/sound/a.npy": np.ones((5, 2), np.float32)},
        [],
        "in/clip/a.npy, in/sound/a.npy: 3 clip and 5 sound frames; they may differ by one",
    ),
    "bytes as floats": (
        {"clip/a.npy": ONES.astype(np.uint8)},
        ["--features", "clip:4:float32"],
        "clip/a.npy: holds uint8, and clip:4:float32 is stored as floats",
    ),
    "floats as bytes": (
        {"clip/a.npy": ONES},
        ["--features", "clip:4"],
        "clip/a.npy: holds float32, and clip:4 is stored as bytes; give --quantise, or --features clip:4:float32",
    ),
    "quantised floats": (
        {"clip/a.npy": ONES},
        ["--quantise", "--features", "clip:4:float32"],
        "--quantise stores bytes, and --features has clip:4:float32; give clip:4",
    ),
    "quantised vectors": (
        {"clip/a.npy": ONES[0]},
        ["--quantise"],
        "clip/a.npy: is a vector a video, and --quantise is for frames",
    ),
    "vectors of bytes": (
        {"clip/a.npy": ONES[0].astype(np.uint8)},
        [],
        "clip/a.npy: holds bytes; vectors are stored as floats",
    ),
    "objects": ({"clip/a.npy": np.array([{}])}, [], "clip/a.npy: is not a .npy file of numbers, or is damaged ("),
    "damaged": (
        {"clip/a.npy": b"\x93NUMPY\x01\x00v\x00{'descr'"},
        [],
        "clip/a.npy: is not a .npy file of numbers, or is damaged (",
    ),
    "empty": ({"clip/a.npy": b""}, [], "clip/a.npy: is not a .npy file of numbers, or is damaged ("),
    "damaged zip": ({"in/a.npz": b"PK\x03\x04"}, [], "in/a.npz: is not a .npz file of numbers, or is damaged ("),
    "name": ({"id/a.npy": ONES}, [], "id: the directory of .npy files names their feature, and 'id' is no name of one"),
    "unknown feature": (
        {"clip/a.npy": ONES, "sound/a.npy": ONES},
        ["--features", "rgb"],
        "--features has rgb, and no directory of .npy files has this name: clip, sound",
    ),
    "unknown array": ({"in/a.npz": zipped(clip=ONES)}, ["--features", "rgb"], "in/a.npz: has no array rgb, but clip"),
    "array of no feature": (
        {"in/a.npz": zipped(segment_x=ONES)},
        [],
        "in/a.npz: has an array 'segment_x', which cannot be a feature's name",
    ),
    "nan in npz": (
        {"in/a.npz": zipped(clip=with_value(np.nan))},
        [],
        "in/a.npz: clip frame 1 has a value that is NaN or infinite",
    ),
    "label outside": (
        {"in/a.npz": zipped(clip=ONES, labels=np.array([1, -4]))},
        [],
        "in/a.npz: label -4 is out of range",
    ),
    "labels of floats": (
        {"in/a.npz": zipped(clip=ONES, labels=np.array([1.5]))},
        [],
        "in/a.npz: labels holds float64 of the shape (1,); it must be a list of integers",
    ),
    "an id of bytes": (
        {"in/a.npz": zipped(clip=ONES, id=np.array(b"a"))},
        [],
        "in/a.npz: id holds |S1 of the shape (); it must be one text",
    ),
    "label outside in a file": (
        {"clip/a.npy": ONES, "labels.csv": b"id,labels\na,1 -2\n"},
        ["--labels", "labels.csv"],
        "labels.csv, line 2: '-2' among the labels is no class id, a whole number from 0 to 2147483646",
    ),
    "not labelled": (
        {"clip/a.npy": ONES, "labels.csv": b"id,labels\nb,1\n"},
        ["--labels", "labels.csv"],
        "labels.csv: has no row for the video 'a'; add one, with empty labels if it has none",
    ),
    "labelled twice": (
        {"in/a.npz": zipped(clip=ONES, labels=np.array([1])), "labels.csv": b"id,labels\na,1\n"},
        ["--labels", "labels.csv"],
        "in/a.npz: holds labels itself; leave out --labels",
    ),
    "two of a video": (
        {"in/x/a.npz": zipped(clip=ONES), "in/y/a.npz": zipped(clip=ONES)},
        [],
        "in/x/a.npz and in/y/a.npz are of the same video",
    ),
    "mixed": (
        {"in/a.npz": zipped(clip=ONES), "b.npy": ONES},
        [],
        "in/a.npz is an .npz file, b.npy is not; convert them separately",
    ),
    "std of vectors": ({"clip/a.npy": ONES[0]}, ["--to", "video"], "clip/a.npy: holds a vector a video already"),
    "dequantised records": (
        {"clip/a.npy": ONES},
        ["--dequantise"],
        "--dequantise goes with --to npz, which writes arrays",
    ),
}


@pytest.mark.parametrize(("files", "flags", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_stored_is_named_and_nothing_is_left(files, flags, message, place, capfd):
    for name, content in files.items():
        if isinstance(content, bytes):
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        else:
            save(place / name, content)
    paths = list(dict.fromkeys(name.split("/")[0] for name in files if not name.endswith(".csv")))
    before = sorted(place.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        main(["convert", *paths, *flags, "--out", "some/out", "--verbose"])
    out, err = capfd.readouterr()
    assert (ended.value.code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err
    assert sorted(place.rglob("*")) == before


BAD_TABLES = {
    "uneven": ([[[1.0, 2], [3]]], "t.parquet, record 0: clip frame 1 has 1 value, and frame 0 has 2"),
    "null": ([[[1.0, None]]], "t.parquet, record 0: clip has a value that is missing (null)"),
    "no frame": ([[[1.0], None]], "t.parquet, record 0: clip has a frame that is missing (null)"),
    "integers": ([[1]], "t.parquet, record 0: clip holds int64; it must be uint8, float16, float32 or float64"),
    "no row": ([], "t.parquet: holds no records"),
    "nan": ([[[1.0], [float("nan")]]], "t.parquet, record 0: clip frame 1 has a value that is NaN or infinite"),
    "texts": ([["x"]], "t.parquet: has a column 'clip'; known: id, video_id, labels,"),
}


@pytest.mark.parametrize(("column", "message"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_tables_that_cannot_be_stored(column, message, place):
    import pyarrow

    column = pyarrow.array(column, None if column else pyarrow.list_(pyarrow.float32()))
    table_of({"id": pyarrow.array(["a"] * len(column), pyarrow.string()), "clip": column})
    with pytest.raises(InputError) as error:
        convert("t.parquet", "out", to="tfrecord")
    assert str(error.value).startswith(message)
    assert [path.name for path in place.iterdir()] == ["t.parquet"]


def test_tables_without_a_feature_that_was_asked_for(place):
    table_of({"id": ["a"], "clip": [[[1.0]]]})
    with pytest.raises(InputError, match=r"t\.parquet: has no column rgb or audio, but clip"):
        convert("t.parquet", "out", to="tfrecord", features=("rgb", "audio"))


def test_a_row_that_differs_is_named(place):
    table_of({"id": ["a", "b"], "clip": [[[1.0]], [[1.0, 2]]]})
    with pytest.raises(
        InputError, match=r"t\.parquet, record 1: clip has 2 values a frame, and t\.parquet, record 0, has 1"
    ):
        convert("t.parquet", "out", to="tfrecord")


def test_labels_in_the_table_and_in_a_file_are_refused(place):
    table_of({"id": ["a"], "labels": [[1]], "clip": [[[1.0]]]})
    (place / "labels.csv").write_text("id,labels\na,1\n")
    with pytest.raises(InputError, match=r"t\.parquet: has a column labels; leave out --labels, or the column"):
        convert("t.parquet", "out", labels="labels.csv")


def test_files_of_npz_need_names_of_their_own(place):
    records = [frame_level_record(name, [1], {"rgb": np.ones((1, 1024), np.uint8)}) for name in ("a b", "a:b")]
    (place / "x.tfrecord").write_bytes(b"".join(map(framed, records)))
    with pytest.raises(
        InputError, match=r"x\.tfrecord, record 1: its file would be a_b\.npz, as that of record 0; give"
    ):
        convert("x.tfrecord", "out", to="npz")
    assert [path.name for path in place.iterdir()] == ["x.tfrecord"]
    convert("x.tfrecord", "out", to="npz", records_per_shard=1)
    assert sorted(str(path.relative_to(place)) for path in place.glob("out/*/*")) == [
        "out/records0000/a_b.npz",
        "out/records0001/a_b.npz",
    ]


class Stop(KeyboardInterrupt):
    """What Ctrl-C raises."""


@pytest.mark.parametrize("to", ["tfrecord", "npz"])
def test_what_was_stopped_goes_on_if_files_and_flags_are_the_same(to, place, monkeypatch):
    monkeypatch.setattr(converting, "_FILES_AT_ONCE", 1)
    for number in range(6):
        save(place / f"in/clip/v{number}.npy", np.full((2, 3), number, np.float32))
        save(place / f"in/sound/v{number}.npy", np.full((2, 2), number, np.float32))

    def stop(done, total):
        if len(watcher.counts) > 1:
            raise Stop

    watcher = Counts(stop)
    arguments = {"paths": "in", "out": "out", "to": to, "records_per_shard": 2}
    with pytest.raises(Stop):
        convert(**arguments, progress=watcher)
    assert not (place / "out").exists()
    # The second file of the first video decides, too, and so do flags.
    os.utime(place / "in/sound/v0.npy", (1, 1))
    (place / "labels.csv").write_text("id,labels\n" + "".join(f"v{number},{number}\n" for number in range(6)))
    kept = len([path for path in (place / ".out.converting").iterdir() if path.name.startswith("records")])
    result = convert(**arguments)
    assert result.num_kept == kept - 1
    assert result.num_files == 3


def test_zip_members_have_no_time(place):
    (place / "x.tfrecord").write_bytes(framed(random_records()["frames"][0]))
    convert("x.tfrecord", "out", to="npz")
    with zipfile.ZipFile("out/x/a.npz") as archive:
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_command_says_what_was_clipped(place, capsys):
    save(place / "clip/a.npy", np.array([[5, 1], [0, -9]], np.float32))
    with pytest.raises(SystemExit) as ended:
        main(["convert", "clip", "--quantise", "--out", "out", "--verbose"])
    assert ended.value.code == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("out: records written: 1; files: 1, ")
    assert second == "clip: 2 of 4 values beyond the range of its bytes, clipped"


def test_memory_holds_few_videos_at_a_time(place):
    array, features = np.zeros((75, 4096), np.float32), ("clip:4096:uint8:-1:1",)
    for number in range(30):
        save(place / f"clip/v{number}.npy", array)
    convert("clip/v0.npy", "warm", quantise=True, features=features)
    tracemalloc.start()
    convert("clip", "out", quantise=True, features=features)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 30 * array.nbytes > 36e6
    assert peak < 16e6


@pytest.mark.parametrize("level", ["2/frame/test", "2/video/train", "3/frame/validate"])
def test_a_data_set_comes_back_from_npz(level, sample, place):
    there = convert(str(sample / level), "there", to="npz")
    back = convert("there", "back")
    assert sorted(path.name for path in (place / "there").iterdir()) == sorted(
        path.stem for path in (sample / level).iterdir()
    )
    assert there.num_records == back.num_records == len(bytes_of(sample / level))
    assert sorted(bytes_of(place / "back")) == sorted(bytes_of(sample / level))


def test_floats_of_a_range_of_ones_own_come_back(place):
    stored = np.random.default_rng(3).integers(0, 256, (20, 7), np.uint8)
    stored[0, :2] = 0, 255
    record = frame_level_record("a", None, {"clip": stored})
    (place / "x.tfrecord").write_bytes(framed(record))
    features = ("clip:7:uint8:-0.1:1000",)
    convert("x.tfrecord", "floats", to="npz", dequantise=True, features=features)
    with np.load("floats/x/a.npz") as file:
        np.testing.assert_allclose(file["clip"], stored * (1000.1 / 255) + 1000.1 / 512 - 0.1, rtol=1e-6)
    result = convert("floats", "out", quantise=True, features=features)
    assert bytes_of(place / "out") == [record]
    assert result.clipped == {"clip": (0, 140)}


@pytest.mark.parametrize("ending", [".npy", ".npz"])
def test_damaged_files_end_in_records_or_in_one_line(ending, place):
    random = np.random.default_rng(4)
    content = io.BytesIO()
    np.save(content, ONES)
    content = content.getvalue() if ending == ".npy" else zipped(clip=ONES, id=np.array("a"), labels=np.array([1]))
    path, refused, num_converted = place / f"a{ending}", [], 0
    for case in range(200):
        damaged = bytearray(content)
        for position in random.integers(len(content), size=random.integers(1, 3)):
            damaged[position] ^= 1 << random.integers(8)
        path.write_bytes(damaged[: random.integers(len(content))] if case % 5 == 0 else damaged)
        try:
            convert(str(path), f"out{case}", features=("clip:4:float32",))
            num_converted += 1
        except InputError as error:
            refused.append(str(error))
    assert all(each.startswith(str(path)) and "\n" not in each for each in refused)
    assert len(refused) > 50
    assert num_converted > 5
