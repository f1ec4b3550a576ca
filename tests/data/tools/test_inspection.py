"""Every kind of broken record is found, named and explained; everything the data set allows passes."""

import os

import numpy as np
import pytest
import tensorflow as tf

from yt8m.commands import reports
from yt8m.data.checking import check_record
from yt8m.data.locating import locate, usable_records
from yt8m.data.records import Ratings, frame_level_record, framed, video_level_record
from yt8m.data.tools.inspection import inspect

BOTH = ("rgb", "audio")
EXPECTED = {"level": "frame", "features": BOTH, "num_classes": 12}
RATINGS = Ratings(start_times=[5, 0], end_times=[10, 5], labels=[3, 3], scores=[1.0, 0.0])


def frames(rgb: int = 10, audio: int | None = None) -> dict[str, np.ndarray]:
    return {"rgb": np.zeros((rgb, 1024), np.uint8), "audio": np.zeros((rgb if audio is None else audio, 128), np.uint8)}


def means(**sizes: int) -> dict[str, np.ndarray]:
    return {name: np.zeros(size, np.float32) for name, size in (sizes or {"rgb": 1024, "audio": 128}).items()}


def segment_record(**columns) -> bytes:
    """A record with two ratings, some of whose columns are replaced (None removes one)."""
    example = tf.train.SequenceExample.FromString(frame_level_record("abcd", [3], frames(), RATINGS))
    context = example.context.feature
    for key, values in columns.items():
        del context[f"segment_{key}"]
        if values is not None:
            kind = "bytes" if isinstance(values[0], bytes) else "float" if isinstance(values[0], float) else "int64"
            getattr(context[f"segment_{key}"], f"{kind}_list").value.extend(values)
    return example.SerializeToString()


def with_context(key: str, **lists) -> bytes:
    """A good frame-level record, one of whose context keys is replaced: `with_context("id", int64_list=[3])`."""
    example = tf.train.SequenceExample.FromString(frame_level_record("abcd", [3], frames()))
    example.context.feature.pop(key, None)
    for kind, values in lists.items():
        getattr(example.context.feature[key], kind).value.extend(values)
    return example.SerializeToString()


def write(path, *records: bytes) -> list[int]:
    """Writes a file; returns where its records begin, and its size."""
    path.write_bytes(b"".join(framed(record) for record in records))
    return [0, *np.cumsum([len(framed(record)) for record in records]).tolist()]


def flip(path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def small(name: str) -> bytes:
    return frame_level_record(name, [3], frames(4))


@pytest.mark.parametrize(
    ("record", "level"),
    [
        (frame_level_record("abcd", [3, 5], frames()), "frame"),
        (frame_level_record("abcd", None, frames()), "frame"),
        (frame_level_record("abcd", [3], {"rgb": frames()["rgb"]}), "frame"),
        (frame_level_record("abcd", [3], frames(10, 9)), "frame"),
        (frame_level_record("abcd", [3], frames(9, 10)), "frame"),
        (frame_level_record("abcd", [3], frames(0)), "frame"),
        (frame_level_record("abcd", [3], frames(10, 0)), "frame"),
        (frame_level_record("abcd", [3], frames(), RATINGS), "frame"),
        (frame_level_record("abcd", [3], frames(), RATINGS), "segment"),
        (frame_level_record("abcd", None, frames()), "segment"),
        (segment_record(end_times=None), "segment"),
        (segment_record(start_times=[5, 5], end_times=[10, 10], scores=[1.0, 1.0]), "segment"),
        (video_level_record("abcd", [3], means()), "video"),
        (video_level_record("abcd", None, means(rgb=1024)), "video"),
        (with_context("id", bytes_list=[b"abcd"]), "frame"),
    ],
)
def test_what_the_data_set_allows_passes(record, level):
    assert check_record(record, level, BOTH, 12) is None


def test_the_id_of_2017_passes():
    example = tf.train.Example()
    example.features.feature["video_id"].bytes_list.value.append(b"a0OhZbhxhvk")
    example.features.feature["mean_rgb"].float_list.value.extend([0.0] * 1024)
    assert check_record(example.SerializeToString(), "video", BOTH, 4716) is None


@pytest.mark.parametrize(
    ("record", "level", "reason"),
    [
        (video_level_record("abcd", [3], means()), "frame", "is a video-level record, frame-level was expected"),
        (small("abcd"), "video", "is a frame-level record, video-level was expected"),
        (b"\xff\xff\xff", "frame", "is no tf.train.Example or SequenceExample"),
        (with_context("id"), "frame", "has no id (neither id nor video_id)"),
        (with_context("id", bytes_list=[b""]), "frame", "has an unusable id; it must be one text that is not empty"),
        (with_context("id", int64_list=[7]), "frame", "has an unusable id; it must be one text that is not empty"),
        (
            with_context("id", bytes_list=[b"a", b"b"]),
            "frame",
            "has an unusable id; it must be one text that is not empty",
        ),
        (with_context("labels", bytes_list=[b"3"]), "frame", "labels are not integers"),
        (
            with_context("labels", int64_list=[3, 12]),
            "frame",
            "label 12 is out of range; the 12 classes go from 0 to 11, this one needs 13 or more",
        ),
        (
            with_context("labels", int64_list=[-1]),
            "frame",
            "label -1 is out of range; the 12 classes go from 0 to 11",
        ),
        (
            frame_level_record("a", [3], {"rgb": np.zeros((3, 1000), np.uint8)}),
            "frame",
            "rgb frame 0 has 1000 bytes, not 1024",
        ),
        (frame_level_record("a", [3], frames(10, 8)), "frame", "10 rgb and 8 audio frames; they may differ by one"),
        (video_level_record("a", [3], means(rgb=1024, audio=299)), "video", "mean_audio has 299 values, not 128"),
        (
            video_level_record("a", [3], {"rgb": np.full(1024, np.nan)}),
            "video",
            "mean_rgb has a value that is NaN or infinite",
        ),
    ],
)
def test_a_record_that_cannot_be_used_is_explained(record, level, reason):
    assert (check_record(record, level, BOTH, 12) or "").startswith(reason)


def test_the_frame_with_the_wrong_length_is_named():
    example = tf.train.SequenceExample.FromString(frame_level_record("abcd", [3], frames(20)))
    example.feature_lists.feature_list["rgb"].feature[12].bytes_list.value[0] = bytes(1000)
    assert check_record(example.SerializeToString(), "frame", BOTH, 12) == "rgb frame 12 has 1000 bytes, not 1024"
    assert check_record(example.SerializeToString(), "frame", ("audio",), 12) is None


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"scores": [1.0]}, "has segment lists of different lengths: 2 segment_start_times"),
        ({"scores": None}, "has segment lists of different lengths"),
        ({"start_times": None}, "has segment lists of different lengths: 0 segment_start_times"),
        ({"labels": None}, "has segment lists of different lengths"),
        ({"labels": [b"a", b"b"]}, "segment_labels are not integers"),
        ({"start_times": [0.0, 5.0]}, "segment_start_times are not integers"),
        ({"scores": [1, 0]}, "segment_scores are not floats"),
        ({"labels": [3, 12]}, "segment label 12 is out of range"),
        ({"start_times": [5, 3]}, "has a segment at 3 s; segments start at multiples of 5 s"),
        ({"start_times": [5, -5]}, "has a segment at -5 s"),
        ({"start_times": [5, 10]}, "has a segment at 10 s, past the end of its 10 frames"),
        ({"end_times": [10, 10]}, "has a segment from 0 to 10 s; segments last 5 s"),
        ({"scores": [1.0, float("nan")]}, "rates class 3 in the segment at 0 s with nan"),
        (
            {"start_times": [5, 5], "end_times": [10, 10]},
            "rates class 3 in the segment at 5 s both present and absent",
        ),
    ],
)
def test_ratings_that_cannot_be_used_are_explained(columns, reason):
    assert (check_record(segment_record(**columns), "segment", BOTH, 12) or "").startswith(reason)


def test_damaged_protos_never_raise():
    generator = np.random.default_rng(0)
    good = frame_level_record("abcd", [3], frames(2), RATINGS)
    for _ in range(2000):
        damaged = bytearray(good)
        for position in generator.integers(len(good), size=2):
            damaged[position] = generator.integers(256)
        reason = check_record(bytes(damaged), "segment", BOTH, 12)
        assert reason is None or "\n" not in reason


def test_locating_the_first_broken_record(tmp_path):
    names = [tmp_path / f"{letter}.tfrecord" for letter in "abc"]
    paths = [str(name) for name in names]
    for name in names:
        offsets = write(name, *(small(f"{name.stem}{index}") for index in range(4)))

    def found(**options):
        error = locate(paths, EXPECTED, **options)
        return error and (error.path, error.record)

    assert found() is None
    flip(names[1], offsets[2] + 100)
    assert found() == (paths[1], 2)
    names[2].write_bytes(names[2].read_bytes()[: offsets[3] + 50])
    assert found() == (paths[1], 2)
    # What TensorFlow says of data, and of a file that is cut off.
    assert found(byte_offset=offsets[2] + 12) == (paths[1], 2)
    assert found(byte_offset=offsets[3]) == (paths[2], 3)


@pytest.mark.parametrize("damage", ["data", "header", "checksum", "cut"])
def test_the_offset_in_tensorflows_message_leads_to_the_record(tmp_path, damage):
    healthy, path = tmp_path / "a.tfrecord", tmp_path / "b.tfrecord"
    write(healthy, *(small(f"a{index}") for index in range(9)))
    offsets = write(path, *(small(f"bb{index}") for index in range(4)))
    if damage == "cut":
        os.truncate(path, offsets[2] + 50)
    else:
        flip(path, {"data": offsets[2] + 500, "header": offsets[2] + 1, "checksum": offsets[3] - 1}[damage])
    with pytest.raises(tf.errors.DataLossError) as raised:
        list(tf.data.TFRecordDataset(str(path)))
    byte_offset = int(str(raised.value).split("record at ")[1].split()[0].rstrip("'"))
    error = locate([str(healthy), str(path)], EXPECTED, byte_offset=byte_offset)
    assert (error.path, error.record) == (str(path), 2)


def test_healthy_files_are_not_read_when_the_offset_is_known(tmp_path, monkeypatch):
    from yt8m.data import locating

    paths = [tmp_path / f"{index}.tfrecord" for index in range(5)]
    for index, path in enumerate(paths):
        offsets = write(path, *(small("x" * (index + 1) + str(number)) for number in range(3)))
    flip(paths[4], offsets[1] + 100)
    read = []
    original = locating.read_framing
    monkeypatch.setattr(locating, "read_framing", lambda path, *_: read.append(path) or original(path))
    names = [str(path) for path in paths]
    error = locate(names, EXPECTED, byte_offset=offsets[1] + 12)
    assert (error.path, error.record) == (names[4], 1)
    assert read == [names[4]]


def test_usable_records_of_a_mixed_lot(tmp_path):
    paths = {name: tmp_path / f"{name}.tfrecord" for name in ("good", "flipped", "header", "text", "gone")}
    for name in ("good", "flipped", "header"):
        offsets = write(paths[name], *(small(f"abc{index}") for index in range(4)))
    flip(paths["flipped"], offsets[1] + 100)
    flip(paths["header"], offsets[2])
    paths["text"].write_text("this is not a record\n")
    usable = usable_records([str(path) for path in paths.values()], EXPECTED)
    assert usable.whole == [str(paths["good"])]
    assert usable.partial == {
        str(paths["flipped"]): [0, 2, 3],
        str(paths["header"]): [0, 1],
        str(paths["text"]): [],
        str(paths["gone"]): [],
    }
    assert [problem.ends_file for problem in usable.problems] == [False, True, True, True]
    problems = {(problem.path, problem.record): problem.reason for problem in usable.problems}
    assert problems[str(paths["flipped"]), 1] == "its data do not match their checksum"
    assert "the next record cannot be found" in problems[str(paths["header"]), 2]
    assert problems[str(paths["text"]), None].startswith("the file is not a TFRecord file")
    assert problems[str(paths["gone"]), None].startswith("cannot be read")


def test_inspecting_what_was_written(tmp_path):
    write(
        tmp_path / "a.tfrecord",
        frame_level_record("aaaa", [1, 7], frames(4)),
        frame_level_record("bbbb", [7], frames(10), RATINGS),
    )
    assert inspect([str(tmp_path / "a.tfrecord")]) == {
        "level": "segment",
        "num_files": 1,
        "num_records": 2,
        "num_frames": {"min": 4, "mean": 7.0, "max": 10},
        "num_labels": {"min": 1, "mean": 1.5, "max": 2},
        "num_classes_seen": 2,
        "max_label": 7,
        "features": {"rgb": 1024, "audio": 128},
        "num_rated_segments": 2,
        "repeated": [],
        "corrupt_files": [],
        "lacking_features": {},
        "num_unlabelled": 0,
        "num_long_videos": 0,
        "num_unfit_ids": 0,
        "keys": [
            *(
                held(name, "frames", "bytes", 2, [1, 1], size, [4, 10])
                for name, size in (("audio", [128] * 2), ("rgb", [1024] * 2))
            ),
            held("id", "context", "bytes", 2, [1, 1], [4, 4]),
            held("labels", "context", "int64", 2, [1, 2]),
            held("segment_end_times", "context", "int64", 1, [2, 2]),
            held("segment_labels", "context", "int64", 1, [2, 2]),
            held("segment_scores", "context", "float", 1, [2, 2]),
            held("segment_start_times", "context", "int64", 1, [2, 2]),
        ],
        "has_other_keys": False,
        "layouts": {},
        "flags": "--data.features rgb audio",
    }


def held(key, place, kind, num_records, num_values, num_bytes=None, num_frames=None) -> dict:
    """What an inspection tells of a key."""
    names = ("key", "place", "kind", "num_records", "num_frames", "num_values", "num_bytes")
    return dict(zip(names, (key, place, kind, num_records, num_frames, num_values, num_bytes), strict=True))


KEYS = ("keys", "has_other_keys", "layouts", "flags")
ODDITIES = ("lacking_features", "num_unlabelled", "num_long_videos", "num_unfit_ids")


def told(path) -> tuple[list, list[str]]:
    """The counts of what other commands tell, and the lines below the table."""
    report = inspect([str(path)])
    lines = reports.inspected(report).splitlines()
    return [report[name] for name in ODDITIES], lines[len(report) - len(ODDITIES) - len(KEYS) :]


def test_what_other_commands_tell_is_counted(tmp_path):
    write(
        tmp_path / "a.tfrecord",
        frame_level_record("a", [1], frames(300)),
        frame_level_record("b,c", None, {"rgb": frames(301)["rgb"]}),
        frame_level_record("d" * 256, [2], {"rgb": frames(302)["rgb"]}),
        frame_level_record("e", None, {}),
    )
    counts, lines = told(tmp_path / "a.tfrecord")
    assert counts == [{"audio": 2}, 2, 2, 2], "a video without frames lacks no single feature"
    assert [line.split(",")[0].split(";")[0].split(":")[0] for line in lines] == [
        "2 of the records lack audio",
        "2 of the records have no labels",
        "2 of the records have more than 300 frames",
        "2 of the records have an id that cannot stand in a submission",
    ]
    write(
        tmp_path / "b.tfrecord",
        video_level_record("a", [1], means()),
        video_level_record("b c", None, {"rgb": means()["rgb"]}),
    )
    counts, lines = told(tmp_path / "b.tfrecord")
    assert counts == [{"mean_audio": 1}, 1, 0, 1]
    assert [line[:26] for line in lines] == [
        "1 of the records lacks mea",
        "1 of the records has no la",
        "1 of the records has an id",
    ]


def test_nothing_is_told_of_what_is_the_same_with_all(tmp_path):
    write(tmp_path / "a.tfrecord", *(video_level_record(name, None, {"rgb": means()["rgb"]}) for name in "ab"))
    assert told(tmp_path / "a.tfrecord") == ([{}, 2, 0, 0], [])


def test_inspecting_mixed_and_broken_files(tmp_path):
    frame, video, empty = (tmp_path / f"{name}.tfrecord" for name in ("frame", "video", "empty"))
    write(frame, small("abcd"), frame_level_record("efgh", [3], frames(10, 5)))
    write(video, video_level_record("abcd", [3], means()))
    empty.write_bytes(b"")
    report = inspect([str(frame), str(video), str(empty)])
    assert (report["level"], report["num_files"], report["num_records"]) == ("frame", 3, 1)
    assert report["corrupt_files"] == [
        {"path": str(frame), "record": 1, "reason": "10 rgb and 5 audio frames; they may differ by one"},
        {"path": str(video), "record": 0, "reason": "is a video-level record, frame-level was expected"},
        {"path": str(empty), "record": None, "reason": "the file is empty"},
    ]


@pytest.mark.slow
def test_the_real_validation_split(real_data):
    report = inspect([str(path) for path in sorted((real_data / "video_2018").glob("validate*.tfrecord"))])
    assert (report["level"], report["num_files"], report["corrupt_files"]) == ("video", 36, [])
    assert 10_300 < report["num_records"] < 10_700
    assert report["num_frames"] is None
    assert report["num_labels"]["mean"] == pytest.approx(3.0, abs=0.05)
    assert report["max_label"] < 3862
    assert report["features"] == {"mean_rgb": 1024, "mean_audio": 128}


def test_real_records_without_labels(real_data):
    report = inspect([str(real_data / "video_2018" / "test0z.tfrecord")])
    assert (report["num_records"], report["num_labels"], report["max_label"]) == (305, None, None)
    report = inspect([str(real_data / "video_2017" / "testa0.tfrecord")])
    assert (report["num_records"], report["corrupt_files"]) == (163, [])


def test_real_records_of_2017_need_their_vocabulary(real_data):
    path = str(real_data / "video_2017" / "validatea0.tfrecord")
    expected = {"level": "video", "features": BOTH, "num_classes": 3862}
    assert locate([path], expected | {"num_classes": 4716}) is None
    assert locate([path], expected).reason.endswith(
        "is out of range; the 3862 classes go from 0 to 3861, those of 2017 need 4716"
    )


def test_real_frames(real_data):
    report = inspect([str(path) for path in sorted((real_data / "frame_2018").glob("*.tfrecord"))])
    assert (report["level"], report["num_records"]) == ("frame", 2)
    assert report["num_frames"] == {"min": 170, "mean": 217.5, "max": 265}


def test_records_that_others_made(real_data):
    report = inspect([str(path) for path in sorted((real_data / "odd").glob("studybygh*.tfrecord"))])
    assert (report["level"], report["num_records"], report["corrupt_files"]) == ("frame", 2, [])
    report = inspect([str(real_data / "odd" / "maxkelsen_vis_aud_test.tfrecord")])
    assert report["num_records"] == 0
    assert [problem["record"] for problem in report["corrupt_files"]] == [0, 1, 2]
    assert {problem["reason"].split(";")[0] for problem in report["corrupt_files"]} == {"audio holds floats"}


def test_what_is_wrong_with_many_records_of_a_file_is_said_once():
    problems = [
        {"path": "a", "record": 0, "reason": "is odd"},
        {"path": "a", "record": 1, "reason": "is even"},
        {"path": "a", "record": 2, "reason": "is odd"},
        {"path": "b", "record": 4, "reason": "is odd"},
        {"path": "a", "record": 6, "reason": "is odd"},
    ]
    assert reports.inspected({"level": None, "repeated": [], "corrupt_files": problems}).splitlines()[3:] == [
        "a, record 0: is odd. So it is with 2 more of its records",
        "a, record 1: is even",
        "b, record 4: is odd",
    ]


def test_a_report_lists_the_first_problems_and_counts_the_others(tmp_path):
    for number in range(23):
        write(tmp_path / f"{number:02d}.tfrecord", video_level_record(f"v{number}", [3], means(rgb=1000 + number)))
    write(tmp_path / "good.tfrecord", *(video_level_record("same", [3], means()) for _ in range(23)))
    lines = reports.inspected(inspect([str(path) for path in sorted(tmp_path.iterdir())])).splitlines()
    assert "corrupt_files       23" in lines
    assert "repeated            22" in lines
    listed = lines[lines.index("corrupt_files       23") + 1 :]
    assert len(listed) == 2 * 21
    assert listed[19:21] == [f"{tmp_path}/19.tfrecord, record 0: mean_rgb has 1019 values, not 1024", "... and 3 more"]
    first = f"{tmp_path}/good.tfrecord, record"
    assert listed[21] == f"{first} 1: holds video 'same' again, which {first} 0, holds"
    assert listed[41:] == ["... and 2 more"]


def test_what_to_type_for_features_of_another_data_set(tmp_path):
    stored = frame_level_record("a", [1], {"clip": np.ones((3, 5), np.float32)})
    path = tmp_path / "a.tfrecord"
    path.write_bytes(framed(stored))
    assert (
        reports.inspected(inspect([str(path)])).splitlines()[-1] == "they are read with --data.features clip:5:float32"
    )
