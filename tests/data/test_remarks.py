"""What is told, and what is refused, of records that were looked at."""

from types import SimpleNamespace

import numpy as np
import pytest
from slow_reading import edited, make_frames, write

from yt8m.data import remarks
from yt8m.data.checking import check_record
from yt8m.data.features import DEFAULT_FEATURES, KNOWN
from yt8m.data.opening import open_source
from yt8m.data.records import Ratings, frame_level_record
from yt8m.data.survey import survey
from yt8m.errors import InputError
from yt8m.progress import Messages

RATINGS = Ratings(start_times=[0], end_times=[5], labels=[3], scores=[1.0])


def video(name: str, labels=(1,), length: int = 2, features=("rgb", "audio"), ratings=None) -> bytes:
    counts = dict.fromkeys(features, length)
    return frame_level_record(name, labels, make_frames(np.random.default_rng(0), **counts), ratings)


def told(rule, *arguments) -> list[str]:
    progress = Messages()
    rule(*arguments, progress)
    return progress.lines


class TestLabels:
    def require(self, files, level="frame"):
        return told(remarks.require_labels, survey(files), level, "training")

    def test_a_file_of_a_test_split_is_refused_also_among_others(self, tmp_path):
        good = write(tmp_path / "a.tfrecord", video("a"))
        bad = [write(tmp_path / f"{name}.tfrecord", video(name, None), video(f"{name}2", None)) for name in "bc"]
        assert self.require([good]) == []
        with pytest.raises(InputError) as caught:
            self.require([good, *bad])
        assert str(caught.value) == (
            f"{bad[0]}: its records have no labels, nor have those of 1 other file, and training needs them; those of a test "
            "split are for yt8m predict alone"
        )

    def test_single_records_are_counted(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", video("a"), video("b", None), video("c", []), video("d", None))
        assert self.require([path]) == [
            f"{path}: 2 of 4 records have no labels (the first: {path}, record 1) and count as videos that have none of the "
            "classes"
        ]

    def test_a_video_may_be_labelled_as_having_none_of_the_classes(self, tmp_path):
        assert self.require([write(tmp_path / "a.tfrecord", video("a", []))]) == []

    def test_segments_are_labelled_by_their_ratings(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", video("a", None, 5, ratings=RATINGS), video("b"))
        assert self.require([path], "segment") == [f"{path}: 1 of 2 records has no rated segments and is left out"]
        assert "record 0" in self.require([path], "frame")[0]

    def test_whoever_needs_labels_asks_for_them_by_one_rule(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", video("a", None))
        assert open_source(path).files == (path,)
        with pytest.raises(InputError, match="and a score needs them"):
            open_source(path, labels_for="a score")


class TestFeatures:
    def test_training_needs_frames(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", video("a", length=0), video("b", length=0))
        with pytest.raises(InputError) as caught:
            remarks.require_frames(survey([path]))
        assert str(caught.value) == (
            f"{path}: none of 2 records has frames or their means, and training needs some; yt8m inspect tells what they hold"
        )
        remarks.require_frames(survey([write(tmp_path / "b.tfrecord", video("a", length=0), video("b"))]))

    def test_how_many_lack_what_and_the_flag_that_does_without(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", video("a", features=("rgb",)), *map(video, "bc"))
        found = survey([path])
        assert remarks.feature_remarks(found, DEFAULT_FEATURES, True) == [
            f"{path}: found rgb, audio; 1 of 3 records lacks audio, and zeros stand in for it; --data.features rgb does without "
            "it"
        ]
        assert remarks.feature_remarks(found, DEFAULT_FEATURES, False)[0].endswith("and zeros stand in for it")
        assert remarks.feature_remarks(found, (KNOWN["rgb"],), True) == []

    def test_a_run_with_audio_on_records_without(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", video("a", features=("rgb",)))
        assert remarks.feature_remarks(survey([path]), DEFAULT_FEATURES, False) == [
            f"{path}: none of 1 record has audio; zeros stand in for what the model was made for"
        ]
        assert remarks.feature_remarks(survey([path]), DEFAULT_FEATURES, False, is_training=True) == [
            f"{path}: none of 1 record has audio; the model learns from zeros; leave it out of --data.features"
        ]


def test_long_videos_are_counted_with_the_flag_that_keeps_them(tmp_path):
    path = write(
        tmp_path / "a.tfrecord", *(video(str(length), length=length, features=("audio",)) for length in (4, 5, 6, 9))
    )
    found = survey([path])
    assert remarks.length_remark(found, 5, True) == (
        f"{path}: 2 of 4 records have more than 5 frames, up to 9, and are cut off there; --data.max-frames 9 keeps them"
    )
    assert remarks.length_remark(found, 5, False).endswith("; --data.max-frames 9 in training keeps them")
    assert remarks.length_remark(found, 9, True) == ""


def test_far_too_many_classes(tmp_path):
    path = write(tmp_path / "a.tfrecord", *(video(str(label), [label]) for label in range(5)))
    found = survey([path])
    assert remarks.class_remark(found, 20) == (
        f"{path}: the labels of 5 records go up to 4, and the model has 20 classes; --data.num-classes 5 is enough for them"
    )
    assert remarks.class_remark(found, 19) == ""
    found.is_whole = False
    assert remarks.class_remark(found, 3862) == "", "five of many say nothing"


def test_a_vocabulary_of_another_size(tmp_path):
    found = survey([write(tmp_path / "2/frame/train/a.tfrecord", video("a"))])
    assert remarks.vocabulary_remark(found, 60) == ""
    vocabulary = tmp_path / "vocabulary.csv"
    vocabulary.write_text("Index,Name\n1,b\n0,a\n")
    assert remarks.vocabulary_remark(found, 2) == ""
    assert remarks.vocabulary_remark(found, 60) == (
        f"{vocabulary}: names 2 classes, and the model has 60; are they of the same vocabulary?"
    )
    vocabulary.write_text("Index,Name\n1,b\n3,a\n")  # as the ranked classes of 2019 are listed
    assert remarks.vocabulary_remark(found, 60) == ""


def test_all_that_a_run_is_told(tmp_path):
    records = [video("a", features=("audio",), length=8), video("b"), video("c", None)]
    path = write(tmp_path / "a.tfrecord", *records)
    found, source = survey([path]), open_source(path)
    wanted = SimpleNamespace(features=(), num_classes=12, max_frames=5)
    lines = told(remarks.remark, found, source, wanted, remarks.TRAINING)
    assert len(lines) == 4
    for line, part in zip(lines, ("no labels", "12 classes", "lacks rgb", "more than 5 frames"), strict=True):
        assert part in line
    assert [each for each in told(remarks.remark, found, source, wanted, "") if "labels" in each] == []


def test_single_records_of_another_form(tmp_path):
    def rename(example):
        lists = example.feature_lists.feature_list
        for _ in lists["audio"].feature:
            lists["vggish"].feature.add().int64_list.value.append(1)  # in no form of ours
        del lists["audio"]

    path = write(tmp_path / "a.tfrecord", video("a"), edited(video("b", features=("audio",)), rename), video("c"))
    wanted = SimpleNamespace(features=("audio",), num_classes=2, max_frames=5)
    (line,) = told(remarks.remark, survey([path]), open_source(path), wanted, remarks.TRAINING)
    assert line.startswith(
        f"{path}: 1 of the records looked at is of another form than the other 2, and is taken for empty ones"
    )
    assert (
        f"(the first: {path}, record 1: holds neither rgb or audio frames nor mean_rgb or mean_audio, but vggish;"
        in line
    )
    for level in (None, "frame", "segment", "video"):
        assert "but vggish" in check_record(edited(video("b", features=("audio",)), rename), level)
