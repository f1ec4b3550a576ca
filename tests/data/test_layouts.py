"""Records in the layouts of other programs are read as they are."""

from pathlib import Path

import numpy as np
import pytest
from other_layouts import audioset, flat, floats_of, frames_of, mediapipe, write_bare
from refused import refusal
from slow_reading import edited, write

import yt8m
from yt8m.commands import reports
from yt8m.data.checking import check_record
from yt8m.data.engine import videos
from yt8m.data.engine.records import Record
from yt8m.data.features import KNOWN, parse_features, texts_of
from yt8m.data.identity import read_ids
from yt8m.data.locating import usable_records
from yt8m.data.opening import open_source
from yt8m.data.options import Portion
from yt8m.data.pipeline import make_dataset
from yt8m.data.records import frame_level_record, framed, read_framing, read_offsets
from yt8m.data.remarks import feature_remarks
from yt8m.data.source import Source
from yt8m.data.sources import expand_paths
from yt8m.data.survey import survey
from yt8m.data.tools.inspection import inspect
from yt8m.errors import InputError, RecordError


def batch_of(paths, **options) -> dict[str, np.ndarray]:
    """All records as one batch."""
    (batch,) = yt8m.read_batches(paths, 100, **options)
    return batch


def labels_in(batch) -> list[list[int]]:
    return [[label for label in row if label >= 0] for row in batch["labels"].tolist()]


def features_found(*paths: str) -> tuple[str, ...]:
    return texts_of(survey(paths).features)


class TestAudioSet:
    @pytest.fixture
    def path(self, tmp_path) -> str:
        records = [audioset(f"video-{i:05d}", [i, 526], frames_of(i, 10 - i, 128)) for i in range(3)]
        return write(tmp_path / "aa.tfrecord", *records)

    def test_it_is_read_as_audio(self, path):
        batch = batch_of(path)
        assert batch["id"].tolist() == [b"video-00000", b"video-00001", b"video-00002"]
        assert labels_in(batch) == [[0, 526], [1, 526], [2, 526]]
        assert batch["num_frames"].tolist() == [10, 9, 8]
        assert set(batch) == {"id", "labels", "num_frames", "cut_frames", "audio"}
        for i in range(3):
            assert (batch["audio"][i, : 10 - i] == frames_of(i, 10 - i, 128)).all()
            assert not batch["audio"][i, 10 - i :].any()

    def test_it_is_read_without_parsing_the_frames(self, path, monkeypatch):
        monkeypatch.setattr(videos, "check_record", lambda *_, **__: pytest.fail("the record was parsed"))
        assert batch_of(path, num_classes=527)["num_frames"].tolist() == [10, 9, 8]

    def test_labels_of_other_vocabularies_are_refused(self, path):
        assert "label 526 is out of range; the 100 classes" in refusal(batch_of_100, path)

    def test_inspecting_tells_its_keys_and_what_to_type(self, path):
        report = inspect([path])
        assert (report["features"], report["layouts"]) == ({"audio": 128}, {"AudioSet": 3})
        assert {each["key"]: (each["kind"], each["num_frames"]) for each in report["keys"]} == {
            "audio_embedding": ("bytes", [8, 10]),
            "video_id": ("bytes", None),
            "labels": ("int64", None),
            "start_time_seconds": ("float", None),
            "end_time_seconds": ("float", None),
        }
        assert report["flags"] == "--data.features audio --data.num-classes 527"
        lines = reports.inspected(report).splitlines()
        assert "keys of 3 records" in lines
        assert "  audio_embedding     8 to 10 frames of 1 bytes value of 128 bytes, in 3 records" in lines
        assert lines[-1] == f"they are read with {report['flags']} (3 as AudioSet's records)"

    def test_the_feature_is_audio_and_has_no_other_name(self, path):
        def open_by_key() -> None:
            open_source(path, features=("audio_embedding:128",))

        assert refusal(open_by_key).endswith("has audio but not audio_embedding")

    def test_both_keys_in_one_record(self, tmp_path):
        """The key of YouTube-8M counts, unless it holds nothing."""

        def add(example):
            example.feature_lists.feature_list["audio"].feature.add().bytes_list.value.append(b"a" * 128)

        def add_nothing(example):
            example.feature_lists.feature_list["audio"].SetInParent()

        record = audioset("one", [1], frames_of(0, 5, 128))
        path = write(tmp_path / "a.tfrecord", edited(record, add), edited(record, add_nothing))
        assert batch_of(path)["num_frames"].tolist() == [1, 5]

    def test_a_line_counts_records_without_it(self, tmp_path):
        both = frame_level_record("b", [1], {"rgb": frames_of(1, 4, 1024), "audio": frames_of(1, 4, 128)})
        only = frame_level_record("c", [1], {"rgb": frames_of(1, 4, 1024)})
        path = write(tmp_path / "a.tfrecord", audioset("a", [1], frames_of(0, 5, 128)), both, only)
        found = survey([path])
        assert dict(found.with_feature) == {"rgb": 2, "audio": 2}
        lines = feature_remarks(found, found.features, True)
        assert [line.split(": ", 1)[1].split(",")[0] for line in lines] == ["found rgb"] * 2
        assert "1 of 3 records lacks audio" in lines[1]


def batch_of_100(path: str) -> None:
    batch_of(path, num_classes=100)


class TestExamplesWithFrames:
    @pytest.mark.parametrize("joined", [False, True])
    def test_they_are_read_as_lists_of_frames(self, tmp_path, joined):
        streams = [{"rgb": frames_of(i, 4 + i, 1024), "audio": frames_of(i, 4 + i, 128)} for i in range(3)]
        records = [flat(f"v{i}", [i], joined=joined, **each) for i, each in enumerate(streams)]
        path = write(tmp_path / "a.tfrecord", *records)
        assert survey([path]).level == "frame"
        batch = batch_of(path)
        assert batch["id"].tolist() == [b"v0", b"v1", b"v2"]
        assert labels_in(batch) == [[0], [1], [2]]
        assert batch["num_frames"].tolist() == [4, 5, 6]
        for i, each in enumerate(streams):
            for name, frames in each.items():
                assert (batch[name][i, : 4 + i] == frames).all()

    def test_one_frame_of_a_feature_that_most_records_tell(self, tmp_path):
        records = [
            flat(name, [1], clip=frames_of(length, length, 6)) for name, length in zip("abc", (3, 1, 2), strict=True)
        ]
        path = write(tmp_path / "a.tfrecord", *records)
        assert features_found(path) == ("clip:6",)
        batch = batch_of(path)
        assert batch["num_frames"].tolist() == [3, 1, 2]
        assert (batch["clip"][1, 0] == frames_of(1, 1, 6)).all()
        assert inspect([path])["num_records"] == 3

    def test_texts_and_means_are_no_frames(self, tmp_path):
        def add_title(example):
            example.context.feature["title"].bytes_list.value.append(b"five!")

        with_title = edited(frame_level_record("a", [1], {"rgb": frames_of(0, 3, 1024)}), add_title)
        path = write(tmp_path / "a.tfrecord", with_title)
        assert features_found(path) == ("rgb",)
        means = tmp_path / "b.tfrecord"
        record = edited(flat("a", [1], rgb=frames_of(0, 3, 1024)), lambda each: None)

        def add_means(example):
            example.context.feature["mean_rgb"].float_list.value.extend([0.5] * 1024)

        assert survey([write(means, edited(record, add_means))]).level == "video"

    def test_frames_of_another_length_are_refused(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", flat("a", [1], rgb=frames_of(0, 3, 1000), audio=frames_of(0, 3, 128)))
        with pytest.raises(RecordError, match="rgb has 1000 bytes a frame, not 1024 bytes"):
            batch_of(path, features=("rgb", "audio"))

    def test_floats_are_refused_with_what_to_do(self, tmp_path):
        def as_floats(example):
            example.context.feature["rgb"].float_list.value.extend([0.5] * 2048)

        path = write(tmp_path / "a.tfrecord", edited(flat("a", [1]), as_floats))
        message = refusal(survey, [path])
        assert "of a tf.train.Example, only bytes are read, one value a frame; write them so" in message

    def test_inspecting(self, tmp_path):
        record = flat("a", [1], rgb=frames_of(0, 3, 1024), audio=frames_of(0, 3, 128))
        report = inspect([write(tmp_path / "a.tfrecord", record)])
        assert report["layouts"] == {"Example": 1}
        rgb = next(each for each in report["keys"] if each["key"] == "rgb")
        assert (rgb["place"], rgb["num_values"], rgb["num_bytes"]) == ("context", [3, 3], [1024, 1024])
        assert report["flags"] == "--data.features rgb audio"


MEDIAPIPE = ("rgb:1024:float32", "audio:128:float32")
LABELS = "id,labels\n/videos/a.mp4,1 2\nb.mp4,0\nc,\n"


class TestMediaPipe:
    @pytest.fixture
    def directory(self, tmp_path) -> Path:
        return write_bare(tmp_path / "videos", "a", "b", "c")

    @pytest.fixture
    def labels(self, tmp_path) -> str:
        path = tmp_path / "labels.csv"
        path.write_text(LABELS)
        return str(path)

    def test_a_directory_of_files_is_read(self, directory, labels):
        batch = batch_of(str(directory), labels=labels)
        assert batch["id"].tolist() == [b"/videos/a.mp4", b"/videos/b.mp4", b"/videos/c.mp4"]
        assert labels_in(batch) == [[1, 2], [0], []]
        assert batch["num_frames"].tolist() == [3, 4, 5]
        for i in range(3):
            assert (batch["rgb"][i, : 3 + i] == floats_of(i, 3 + i, 1024)).all()
            assert (batch["audio"][i, : 3 + i] == floats_of(i, 3 + i, 128)).all()

    def test_one_file_without_labels(self, directory):
        batch = batch_of(str(directory / "b.pb"))
        assert (batch["id"].tolist(), labels_in(batch)) == ([b"/videos/b.mp4"], [[]])
        assert features_found(str(directory / "b.pb")) == MEDIAPIPE

    def test_the_same_in_tfrecords(self, directory, tmp_path):
        bare = batch_of(str(directory))
        records = [path.read_bytes() for path in sorted(directory.glob("*.pb"))]
        in_file = batch_of(write(tmp_path / "a.tfrecord", *records))
        assert bare.keys() == in_file.keys()
        assert all((bare[key] == in_file[key]).all() for key in bare)

    def test_other_prefixes_are_features_of_that_name(self, tmp_path):
        record = mediapipe("a", CLIP=floats_of(0, 4, 7), RGB=floats_of(0, 4, 16))
        path = write(tmp_path / "a.tfrecord", record)
        assert features_found(path) == ("rgb:16:float32", "clip:7:float32")
        assert (batch_of(path)["clip"][0, :4] == floats_of(0, 4, 7)).all()

    def test_a_list_of_ours_beside_its_floats(self, tmp_path):
        """A record with audio as we have it, and rgb as MediaPipe has it."""

        def add(example):
            for frame in frames_of(0, 4, 128):
                example.feature_lists.feature_list["audio"].feature.add().bytes_list.value.append(frame.tobytes())

        record = edited(mediapipe("a", RGB=floats_of(0, 4, 1024)), add)
        batch = batch_of(write(tmp_path / "a.tfrecord", record))
        assert (batch["rgb"][0, :4] == floats_of(0, 4, 1024)).all()
        assert (batch["audio"][0, :4] == frames_of(0, 4, 128)).all()

    def test_ids_and_labels_under_mediapipes_keys(self, tmp_path):
        def add(example):
            example.context.feature["clip/media_id"].bytes_list.value.append(b"key")
            example.context.feature["clip/label/index"].int64_list.value.extend([3, 5])

        path = write(tmp_path / "a.tfrecord", edited(mediapipe("/a.mp4", RGB=floats_of(0, 4, 1024)), add))
        batch = batch_of(path)
        assert (batch["id"].tolist(), labels_in(batch)) == ([b"key"], [[3, 5]])
        assert read_ids([path]) == [b"key"]

    def test_streams_of_other_lengths_are_refused(self, tmp_path):
        record = mediapipe("a", RGB=floats_of(0, 4, 1024), AUDIO=floats_of(0, 9, 128))
        assert check_record(record, features=MEDIAPIPE) == "4 rgb and 9 audio frames; they may differ by one"
        path = write(tmp_path / "a.tfrecord", record)
        with pytest.raises(RecordError, match="4 rgb and 9 audio frames"):
            batch_of(path)

    def test_inspecting_a_directory(self, directory):
        report = inspect(expand_paths(str(directory)))
        assert (report["num_records"], report["layouts"]) == (3, {"MediaPipe": 3})
        assert report["flags"] == "--data.features rgb:1024:float32 audio:128:float32 --data.labels LABELS.csv"
        rgb = next(each for each in report["keys"] if each["key"] == "RGB/feature/floats")
        assert (rgb["num_records"], rgb["num_frames"], rgb["num_values"]) == (3, [3, 5], [1024, 1024])

    def test_a_data_service_refuses_it_and_labels_from_a_file(self, directory, labels, tmp_path):
        service = Portion(service="localhost:1", job_name="a")

        def open_for_service(paths, **options) -> None:
            make_dataset(open_source(paths, **options), 2, portion=service)

        assert "holds MediaPipe's records, which a data service does not read" in refusal(
            open_for_service, str(directory)
        )
        ours = frame_level_record("a", [1], {"rgb": frames_of(0, 4, 1024)})
        path = write(tmp_path / "a.tfrecord", ours)
        labels_of_ours = tmp_path / "ours.csv"
        labels_of_ours.write_text("id,labels\na,1\n")
        with pytest.raises(InputError, match="a data service does not read labels from a file"):
            open_for_service(path, labels=str(labels_of_ours))
        bare = tmp_path / "a.pb"
        bare.write_bytes(ours)
        assert "is one record without the framing of a TFRecord file" in refusal(open_for_service, str(bare))


class TestFilesOfOneRecord:
    @pytest.fixture
    def path(self, tmp_path) -> str:
        path = tmp_path / "features.pb"
        path.write_bytes(frame_level_record("a", [1], {"rgb": frames_of(0, 4, 1024)}))
        return str(path)

    def test_they_are_read_as_files_of_one_framed_record(self, path):
        content = Path(path).read_bytes()
        (raw,) = read_framing(path)
        assert (raw.data, raw.problem) == (content, None)
        assert list(read_offsets(path)) == [0, len(framed(content))]
        assert read_ids([path]) == [b"a"]
        assert usable_records([path], open_source(path).expectations).whole == [path]

    def test_what_is_no_record_is_no_such_file(self, tmp_path):
        path = tmp_path / "a.pb"
        path.write_bytes(b"\x0a\x05" + b"nothing of the kind" * 9)
        assert (
            refusal(survey, [str(path)]) == f"{path}: the file is not a TFRecord file, or its first header is damaged"
        )

    def test_one_that_changes_while_it_is_read(self, path):
        batches = iter(yt8m.read_batches([path], 1))
        source = open_source(path)
        Path(path).write_bytes(Path(path).read_bytes()[:-9])
        with pytest.raises(RecordError):
            next(batches)
        assert source.files == (path,)

    def test_a_directory_of_both_kinds_stands_for_its_tfrecords(self, path, tmp_path):
        other = write(tmp_path / "b.tfrecord", frame_level_record("b", [1], {"rgb": frames_of(0, 4, 1024)}))
        assert expand_paths(str(tmp_path)) == [other]
        assert expand_paths(str(tmp_path / "*.pb")) == [path]


class TestOtherSizes:
    """`--feature_sizes 2048` of the starter code."""

    @pytest.fixture
    def path(self, tmp_path) -> str:
        return write(
            tmp_path / "a.tfrecord", *(frame_level_record(name, [1], {"rgb": frames_of(0, 4, 2048)}) for name in "ab")
        )

    @pytest.mark.parametrize("features", [(), ("rgb:2048",)])
    def test_they_are_read_with_and_without_the_flag(self, path, features):
        batch = batch_of(path, features=features)
        assert batch["rgb"].shape == (2, 300, 2048)
        assert (batch["rgb"][1, :4] == frames_of(0, 4, 2048)).all()

    def test_inspecting_tells_the_flag(self, path):
        report = inspect([path])
        assert (report["num_records"], report["flags"]) == (2, "--data.features rgb:2048")
        assert not report["has_other_keys"]

    def test_another_size_is_refused_with_the_flag(self, path):
        def open_as_known() -> None:
            open_source(path, features=("rgb",))

        assert "not 1024 bytes a frame; --data.features rgb:2048 in training reads it" in refusal(open_as_known)


class TestUnreadableRecords:
    def test_inspecting_tells_their_keys_once(self, tmp_path):
        def of_numbers(example):
            del example.feature_lists.feature_list["rgb"]
            for _ in range(3):
                example.feature_lists.feature_list["vggish"].feature.add().int64_list.value.extend([1, 2])

        record = edited(frame_level_record("a", [1], {"rgb": frames_of(0, 3, 1024)}), of_numbers)
        report = inspect([write(tmp_path / "a.tfrecord", record, record)])
        assert (report["num_records"], report["flags"]) == (0, "")
        vggish = next(each for each in report["keys"] if each["key"] == "vggish")
        assert vggish == {
            "key": "vggish",
            "place": "frames",
            "kind": "int64",
            "num_records": 2,
            "num_frames": [3, 3],
            "num_values": [2, 2],
            "num_bytes": None,
        }
        lines = reports.inspected(report).splitlines()
        assert lines[-1].count("write them as rgb and audio") == 1
        assert lines[-1].endswith("So it is with 1 more of its records")


class TestCases:
    """Files that users met."""

    @pytest.mark.parametrize(
        ("case", "features", "count"),
        [
            ("audioset_like", ("audio",), 40),
            ("flat_example", ("rgb", "audio"), 8),
            ("mediapipe_like/features.tfrecord", MEDIAPIPE, 1),
            ("mediapipe_like/features.pb", MEDIAPIPE, 1),
        ],
    )
    def test_they_are_read(self, real_data, case, features, count):
        path = str(real_data / "cases" / case)
        batch = batch_of(path)
        assert len(batch["id"]) == count
        assert features_found(*expand_paths(path)) == features
        assert set(batch) == {
            "id",
            "labels",
            "num_frames",
            "cut_frames",
            *(each.name for each in parse_features(features)),
        }
        assert inspect(expand_paths(path))["num_records"] == count


def test_the_key_of_audioset_belongs_to_audio():
    assert KNOWN["audio"].frame_keys == ("audio_embedding",)


def outcome(read, *arguments):
    """What a reader makes of a record: the id, the labels and the frames, or the reason of its error."""
    try:
        video = read(*arguments)
    except RecordError as error:
        return error.reason
    return video.id, list(video.labels), {name: frames.tolist() for name, frames in video.streams.items()}


def by_protobuf(data, source, record):
    """The slow way of the engine alone."""
    problem = check_record(data.tobytes(), **source.expectations)
    if problem:
        raise record.error(problem)
    return videos._parsed(data.tobytes(), source)


@pytest.mark.parametrize(
    ("record", "features"),
    [
        (audioset("video", [1, 5], frames_of(0, 3, 4)), ("audio:4",)),
        (flat("video", [1, 5], rgb=frames_of(0, 3, 4), audio=frames_of(0, 3, 4)), ("rgb:4", "audio:4")),
        (
            mediapipe("/videos/a.mp4", RGB=floats_of(0, 3, 4), CLIP=floats_of(0, 3, 4)),
            ("rgb:4:float32", "clip:4:float32"),
        ),
    ],
    ids=["audioset", "flat", "mediapipe"],
)
def test_changed_records_are_read_as_protobuf_reads_them_or_refused(record, features):
    source = Source((), "frame", parse_features(features), num_classes=10, max_labels=4)
    random, seen = np.random.default_rng(1), set()
    for _ in range(1500):
        changed = bytearray(record)
        for place in random.integers(len(record), size=random.integers(1, 4)):
            changed[place] = random.integers(256)
        if random.integers(4) == 0:
            begin, end = sorted(random.integers(len(record), size=2))
            del changed[begin:end]
        data = np.frombuffer(bytes(changed), np.uint8)
        place = Record("a.tfrecord", 0, None, 12, len(data))
        found = outcome(videos.video_of, data, source, place)
        assert found == outcome(by_protobuf, data, source, place), bytes(changed).hex()
        seen.add(type(found))
    assert seen == {str, tuple}
