"""What a look at some records says of all, and what is told or refused of it."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from refused import refusal, touch
from slow_reading import edited, make_frames, renamed_id, small_video, write

from yt8m.data import survey as module
from yt8m.data.checking import check_record
from yt8m.data.features import DEFAULT_FEATURES, texts_of
from yt8m.data.records import Ratings, frame_level_record, framed, video_level_record
from yt8m.data.sources import expand_paths
from yt8m.data.survey import survey
from yt8m.data.tools.inspection import inspect
from yt8m.errors import RecordError


def form(files) -> tuple:
    """Level and features."""
    found = survey(files)
    return found.level, texts_of(found.features)


FRAMES = make_frames(np.random.default_rng(0), rgb=2, audio=2)
NO_FRAMES = make_frames(np.random.default_rng(0), rgb=0, audio=0)
MEANS = {"rgb": np.zeros(1024), "audio": np.zeros(128)}
RATINGS = Ratings(start_times=[0], end_times=[5], labels=[3], scores=[1.0])
UNKNOWN_FIELD = b"\x0a\x02\x7a\x00"  # in the map of what is said of the whole video
"""Put behind a record: protobuf passes over it, though TensorFlow's parsers refuse the record."""
NO_FIELD = b"\x0a\x02\x7a"
"""Put behind a record: its length goes beyond the end."""
NO_PROTO = "is no tf.train.Example or SequenceExample"


class TestLevelAndFeatures:
    @pytest.mark.parametrize(
        ("record", "level", "features"),
        [
            (video_level_record("abcd", [1], MEANS), "video", ("rgb", "audio")),
            (video_level_record("abcd", None, {"audio": MEANS["audio"]}), "video", ("audio",)),
            (renamed_id(video_level_record("abcd", [1], MEANS)), "video", ("rgb", "audio")),
            (frame_level_record("abcd", [1], FRAMES), "frame", ("rgb", "audio")),
            (frame_level_record("abcd", None, {"rgb": FRAMES["rgb"]}), "frame", ("rgb",)),
            (frame_level_record("abcd", [1], {**FRAMES, "audio": NO_FRAMES["audio"]}), "frame", ("rgb",)),
            (renamed_id(frame_level_record("abcd", [1], FRAMES)), "frame", ("rgb", "audio")),
            (frame_level_record("abcd", [1], FRAMES, RATINGS), "segment", ("rgb", "audio")),
        ],
    )
    def test_levels_and_features(self, tmp_path, record, level, features):
        assert form([write(tmp_path / "a.tfrecord", record)]) == (level, features)

    def test_videos_without_frames_are_passed_over(self, tmp_path):
        bare = edited(frame_level_record("a", [1], {}), lambda example: example.ClearField("feature_lists"))
        records = [bare, frame_level_record("b", [1], NO_FRAMES), frame_level_record("c", [1], FRAMES)]
        expected = ("frame", ("rgb", "audio"))
        assert form([write(tmp_path / "a.tfrecord", *records)]) == expected
        assert form([write(tmp_path / "b.tfrecord", records[1], bare)]) == ("frame", ())

    def test_empty_files_are_passed_over(self, tmp_path):
        files = [*touch(tmp_path, "a.tfrecord", "b.tfrecord"), write(tmp_path / "c.tfrecord", small_video("x"))]
        assert form(files) == ("video", ("audio",))

    def test_empty_files(self, tmp_path):
        files = touch(tmp_path, "a.tfrecord", "b.tfrecord", "c.tfrecord")
        assert refusal(survey, files[:1]) == f"{files[0]}: the file is empty"
        assert refusal(survey, files) == f"{files[0]}: the file is empty, and so are all 3"

    @pytest.mark.parametrize(
        ("content", "record", "reason"),
        [
            (b"this is no TFRecord file, but it is long\n", None, "the file is not a TFRecord file, or its"),
            (
                gzip.compress(gzip.compress(framed(small_video("a")), mtime=0), mtime=0),
                None,
                "the file is compressed twice",
            ),
            (
                gzip.compress(framed(small_video("a")), mtime=0)[:60],
                0,
                "cannot be decompressed, as the gzip stream is cut",
            ),
            (b"short", 0, "its header is cut off by the end of the file, at byte 5"),
            (framed(small_video("a"))[:50], 0, "is cut off by the end of the file: it should end at"),
            (framed(small_video("a"))[:-5] + b"?" * 5, 0, "its data do not match their checksum"),
            (framed(frame_level_record("a", [1], NO_FRAMES)) + b"?" * 20, 1, "its header does not match its checksum"),
            (framed(b"\xff\xff\xff"), 0, "is no tf.train.Example or SequenceExample"),
            (framed(video_level_record("a", [1], {})), 0, "holds neither rgb or audio frames nor mean_rgb or mean_a"),
        ],
    )
    def test_files_that_cannot_be_used(self, tmp_path, content, record, reason):
        path = tmp_path / "a.tfrecord"
        path.write_bytes(content)
        with pytest.raises(RecordError) as caught:
            form([str(path)])
        assert (caught.value.path, caught.value.record) == (str(path), record)
        assert caught.value.reason.startswith(reason)
        assert len(str(caught.value).splitlines()) == 1

    def test_broken_files_say_nothing_of_the_others(self, tmp_path):
        broken = [b"this is no TFRecord file, but it is long\n", b"short", framed(b"\xff\xff\xff"), b""]
        for number, content in enumerate(broken):
            (tmp_path / f"{number}.tfrecord").write_bytes(content)
        (tmp_path / "good.tfrecord").write_bytes(framed(small_video("a")))
        *files, good = expand_paths(tmp_path)
        assert form([*files, "/none", good]) == form([good])
        assert refusal(survey, files).startswith(f"{files[0]}: the file is not a TFRecord file")

    def test_a_missing_file(self, tmp_path):
        path = f"{tmp_path}/a.tfrecord"
        assert refusal(survey, [path]) == f"{path}: cannot be read (No such file or directory)"

    @pytest.mark.parametrize(
        ("pattern", "level"),
        [
            ("video_2017/*.tfrecord", "video"),
            ("video_2018/validate000*.tfrecord", "video"),
            ("video_2018/test0z.tfrecord", "video"),
            ("frame_2018/*.tfrecord", "frame"),
            ("odd/studybygh_*.tfrecord", "frame"),
        ],
    )
    def test_real_records(self, real_data, pattern, level):
        paths = expand_paths(str(real_data / pattern))
        for path in paths:
            assert form([path]) == (level, ("rgb", "audio"))


def frames(name: str, labels=(1,), length: int = 2, features=("rgb", "audio"), ratings=None) -> bytes:
    counts = dict.fromkeys(features, length)
    return frame_level_record(name, labels, make_frames(np.random.default_rng(0), **counts), ratings)


class TestAllRecordsDecide:
    def test_a_first_record_that_lacks_a_feature_does_not_take_it_from_the_others(self, tmp_path):
        records = [frames("a", features=("rgb",)), frames("b"), frames("c", length=0), frames("d", features=("audio",))]
        found = survey([write(tmp_path / "a.tfrecord", *records)])
        assert texts_of(found.features) == ("rgb", "audio")
        assert (found.num_records, found.num_featureless) == (4, 1)
        assert (found.lacking("rgb"), found.lacking("audio")) == (1, 1)

    def test_one_record_with_ratings_makes_segments_of_all(self, tmp_path):
        found = survey([write(tmp_path / "a.tfrecord", frames("a"), frames("b", ratings=RATINGS))])
        assert (found.level, found.num_rated, found.largest_label) == ("segment", 1, 3)

    def test_most_records_say_which_level_it_is(self, tmp_path):
        of_video = video_level_record("a", [1], MEANS)
        path = write(tmp_path / "a.tfrecord", of_video, frames("b"), frames("c"))
        assert survey([path]).level == "frame"
        report = inspect([path])
        assert (report["level"], report["num_records"]) == ("frame", 2)
        assert [each["record"] for each in report["corrupt_files"]] == [0]

    def test_damaged_records_decide_nothing(self, tmp_path):
        sound = write(tmp_path / "sound.tfrecord", frames("a", features=("rgb",)))
        harmed = write(tmp_path / "a.tfrecord", frames("b", None, ratings=RATINGS) + NO_FIELD)
        means = write(tmp_path / "b.tfrecord", *(video_level_record(name, [9], MEANS) + NO_FIELD for name in "cd"))
        found = survey([harmed, means, sound])
        assert (found.level, texts_of(found.features), found.num_records, found.num_rated) == ("frame", ("rgb",), 1, 0)
        assert (found.num_videos, found.num_unlabelled, found.unlabelled_files, found.largest_label) == (0, 0, [], 1)
        assert found.first_error.reason == NO_PROTO

    def test_what_protobuf_passes_over_is_passed_over(self, tmp_path):
        records = [frames("b", None, ratings=RATINGS), frames("c", [4], features=("rgb",))]
        expected = survey([write(tmp_path / "a.tfrecord", *records)])
        found = survey([write(tmp_path / "a.tfrecord", *(record + UNKNOWN_FIELD for record in records))])
        assert found == expected
        assert (found.num_records, found.num_rated, found.largest_label, found.first_error) == (2, 1, 4, None)

    def test_without_a_sound_record_each_is_damaged_as_it_is_alone(self, tmp_path):
        records = [
            frames("b", ratings=RATINGS) + NO_FIELD,
            video_level_record("c", [9], MEANS) + NO_FIELD,
            frames("d", ratings=RATINGS) + NO_FIELD,
        ]
        paths = [write(tmp_path / f"{place}.tfrecord", record) for place, record in enumerate(records)]
        reasons = 3 * [NO_PROTO]
        assert [inspect([path])["corrupt_files"][0]["reason"] for path in paths] == reasons
        assert [each["reason"] for each in inspect(paths)["corrupt_files"]] == reasons
        sound = write(tmp_path / "sound.tfrecord", frames("a"))
        assert [each["reason"] for each in inspect([*paths, sound])["corrupt_files"]] == reasons
        assert refusal(survey, paths) == f"{paths[0]}, record 0: {reasons[0]}"

    def test_the_first_of_what_is_wrong_in_a_file_is_named(self, tmp_path):
        """Framing is read before the records are parsed."""
        path = tmp_path / "a.tfrecord"
        path.write_bytes(framed(frames("a") + NO_FIELD) + framed(frames("b"))[:-3])
        assert f", record 0: {NO_PROTO}" in refusal(survey, [str(path)])

    def test_labels_lengths_and_classes(self, tmp_path):
        a = write(tmp_path / "a.tfrecord", frames("a", [7, 2]), frames("b", None, 4), frames("c", [], 3))
        b = write(tmp_path / "b.tfrecord", frames("d", None, 9))
        found = survey([a, b])
        assert found.is_whole
        assert (found.num_unlabelled, found.first_unlabelled, found.unlabelled_files) == (2, (a, 1), [b])
        assert found.lengths == {2: 1, 3: 1, 4: 1, 9: 1}
        assert [found.longer_than(most) for most in (1, 3, 4, 9)] == [4, 2, 1, 0]
        assert found.largest_label == 7
        assert survey([b]).largest_label is None

    def test_what_is_changed_is_looked_at_again(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", frames("a"))
        assert survey([path]) is survey([path])
        write(tmp_path / "a.tfrecord", frames("a", None, 3))
        assert survey([path]).num_unlabelled == 1

    def test_a_large_data_set_is_looked_at_in_many_files_and_not_at_their_beginning_alone(self, tmp_path, monkeypatch):
        size = len(frames("v00-00"))
        monkeypatch.setattr(module, "MOST_FILES", 4)
        monkeypatch.setattr(module, "MOST_BYTES", 4 * 6 * size)
        files = [
            write(
                tmp_path / f"{number}.tfrecord",
                *(frames(f"v{number:02d}-{place:02d}") for place in range(12)),
            )
            for number in range(9)
        ]
        looked_at = []
        add = module.Survey._add
        monkeypatch.setattr(
            module.Survey,
            "_add",
            lambda self, path, index, data: (looked_at.append((path, index)), add(self, path, index, data)),
        )
        found = survey(files)
        assert (found.is_whole, found.num_records) == (False, 24)
        by_file = {path: [index for each, index in looked_at if each == path] for path in files}
        assert [len(indices) for indices in by_file.values() if indices] == [6, 6, 6, 6]
        assert all(by_file[files[place]] for place in (0, -1)), "the first and the last file"
        for indices in filter(None, by_file.values()):
            assert indices[:3] == [0, 1, 2]
            assert len(set(indices)) == 6
            assert max(indices) > 5, "the others are farther on"
        before = list(looked_at)
        looked_at.clear()
        module._survey.cache_clear()
        survey(files)
        assert looked_at == before, "the same ones each time"

    def test_of_files_behind_a_network_a_few_records_of_three(self, tmp_path, monkeypatch):
        files = [
            f"file://{write(tmp_path / f'{number}.tfrecord', *map(small_video, 'abcdefghijkl'))}" for number in range(7)
        ]
        found = survey(files)
        assert (found.is_whole, found.num_records) == (False, 24)
        monkeypatch.setattr(module, "REMOTE_BYTES", 1)
        module._survey.cache_clear()
        assert survey(files).num_records == 3

    def test_where_the_files_that_were_chosen_are_broken_others_are_looked_at(self, tmp_path, monkeypatch):
        monkeypatch.setattr(module, "MOST_BYTES", 100)
        monkeypatch.setattr(module, "MOST_FILES", 2)
        files = [str(tmp_path / f"{number}.tfrecord") for number in range(5)]
        for path in files:
            Path(path).write_bytes(b"short")
        write(Path(files[3]), small_video("a"))
        assert form(files) == ("video", ("audio",))


def bare_features(name: str):
    """An edit that gives a record another program's lists of frames."""

    def edit(example):
        del example.feature_lists.feature_list["rgb"]
        example.feature_lists.feature_list[name].feature.add().bytes_list.value.append(b"x" * 128)

    return edit


def of_numbers(name: str):
    """An edit that makes the values of these frames integers: a form that no feature has."""

    def edit(example):
        for frame in example.feature_lists.feature_list[name].feature:
            frame.int64_list.value.append(1)

    return edit


class TestRecordsOfOtherForms:
    @pytest.mark.parametrize("name", ["vggish", "VGGISH/feature/timestamp"])
    def test_they_are_named_once_with_their_keys_and_what_to_do(self, tmp_path, name):
        record = edited(edited(frames("a", features=("rgb",)), bare_features(name)), of_numbers(name))
        message = refusal(survey, [write(tmp_path / "a.tfrecord", record, record, record)])
        assert (
            "a.tfrecord, record 0: holds neither rgb or audio frames nor mean_rgb or mean_audio, "
            f"but {name}; write them as rgb and audio, lists of bytes"
        ) in message
        assert message.endswith("yt8m inspect tells what each key holds. So it is with all 3 records")
        assert message.count("holds neither") == 1

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("audio_embedding", "audio holds int64s; frame-level features are one bytes value a second"),
            ("RGB/feature/floats", "rgb holds int64s; frame-level features are one bytes value a second"),
        ],
    )
    def test_known_keys_that_hold_something_else_are_broken(self, tmp_path, name, problem):
        record = edited(edited(frames("a", features=("rgb",)), bare_features(name)), of_numbers(name))
        files = [write(tmp_path / "a.tfrecord", record)]
        found = survey(files)
        assert (found.level, found.num_foreign) == ("frame", 0)
        assert check_record(record) == problem

    def test_one_bare_proto(self, tmp_path):
        path = tmp_path / "a.pb"
        path.write_bytes(edited(edited(frames("a"), bare_features("vggish")), of_numbers("vggish")))
        path.write_bytes(edited(path.read_bytes(), lambda example: example.feature_lists.feature_list.pop("audio")))
        assert refusal(survey, [str(path)]).startswith(f"{path}, record 0: holds neither rgb or audio frames")
        path.write_bytes(frames("a"))
        assert survey([str(path)]).features == DEFAULT_FEATURES
