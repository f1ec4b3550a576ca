"""What a run takes from its data set, what it refuses of it, and what it keeps when it goes on."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from small_runs import Watcher, configure

from yt8m import runs
from yt8m.data.features import texts_of
from yt8m.data.records import framed, video_level_record
from yt8m.errors import InputError
from yt8m.training.completion import number_of_classes
from yt8m.training.loop import train
from yt8m.training.preparation import resolve


def write(path: Path, *records: bytes) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(map(framed, records)))
    return str(path)


def video(name: str, labels=(1,), features=("rgb", "audio")) -> bytes:
    sizes = {"rgb": 1024, "audio": 128}
    return video_level_record(name, labels, {each: np.zeros(sizes[each]) for each in features})


class TestNumberOfClasses:
    def test_the_vocabulary_of_the_data_set_says_it_where_no_flag_does(self, sample, tmp_path):
        watcher = Watcher()
        config, source, _ = resolve(configure(tmp_path / "run", sample, data={"num_classes": 0}), watcher)
        assert (config.data.num_classes, source.num_classes) == (12, 12)
        assert watcher.messages == [
            f"{sample / 'vocabulary.csv'}: names 12 classes, and so many the model has; --data.num-classes gives another number"
        ]

    def test_a_flag_says_it_before_the_vocabulary_which_is_told(self, sample, tmp_path):
        watcher = Watcher()
        config, _, _ = resolve(configure(tmp_path / "run", sample, data={"num_classes": 13}, validate=True), watcher)
        assert config.data.num_classes == 13
        assert watcher.messages == [
            f"{sample / 'vocabulary.csv'}: names 12 classes, and the model has 13; are they of the same vocabulary?"
        ]

    def test_without_a_vocabulary_of_all_classes_it_is_that_of_2018(self, tmp_path):
        path = write(tmp_path / "2/video/train/a.tfrecord", video("a"))
        assert number_of_classes() == number_of_classes([path]) == 3862
        (tmp_path / "vocabulary.csv").write_text(
            "Index,Name\n3,a\n7,b\n"
        )  # of the classes that segments are ranked for
        assert number_of_classes([path]) == 3862
        (tmp_path / "vocabulary.csv").write_text("Index,Name\n0,a\n1,b\n")
        assert number_of_classes([path]) == 2

    def test_vocabularies_that_contradict_each_other(self, tmp_path):
        paths = [write(tmp_path / name / "a.tfrecord", video("a")) for name in "abc"]
        (tmp_path / "b/vocabulary.csv").write_text("Index,Name\n0,a\n1,b\n")
        assert number_of_classes(paths) == 2
        (tmp_path / "a/vocabulary.csv").write_text("Index,Name\n0,a\n")
        with pytest.raises(
            InputError, match=r"\(.*a/vocabulary\.csv 1, .*b/vocabulary\.csv 2\); give --data\.num-classes"
        ):
            number_of_classes(paths)

    def test_a_vocabulary_that_cannot_be_read(self, tmp_path):
        path = write(tmp_path / "a.tfrecord", video("a"))
        (tmp_path / "vocabulary.csv").write_text("Index,Name\nzero,a\n")
        with pytest.raises(InputError, match=r"vocabulary\.csv, line 2: .*; or give --data\.num-classes"):
            number_of_classes([path])

    def test_a_run_that_goes_on_keeps_its_own(self, sample, tmp_path):
        shutil.copytree(sample / "2/video/train", tmp_path / "data/2/video/train")
        shutil.copy(sample / "vocabulary.csv", tmp_path / "data")
        paths = {"train": (str(tmp_path / "data/2/video/train"),), "num_classes": 0, "features": ()}
        config = configure(tmp_path / "run", sample, data=paths, num_steps=2)
        train(config)
        begun = runs.load_config(tmp_path / "run")
        assert (begun.data.num_classes, begun.data.features) == (12, ("rgb", "audio"))
        (tmp_path / "data/vocabulary.csv").unlink()
        assert resolve(config)[0] == begun


class TestLabelsAreLookedForFirst:
    @pytest.mark.parametrize("part", ["train", "validate"])
    def test_records_without_are_refused_before_the_run_directory_is_made(self, sample, tmp_path, part):
        unlabelled = write(tmp_path / "test.tfrecord", video("a", None), video("b", None))
        config = configure(tmp_path / "run", sample, data={part: (unlabelled,)}, validate=True)
        what = {"train": "training", "validate": "validation"}[part]
        with pytest.raises(InputError, match=f"test.tfrecord: its records have no labels and {what} needs them"):
            train(config)
        assert not (tmp_path / "run").exists()

    def test_cases(self, real_data, sample, tmp_path):
        path = str(real_data / "cases" / "unlabelled_train")
        with pytest.raises(InputError, match="have no labels and training needs them"):
            train(configure(tmp_path / "run", sample, "frame_logistic", data={"train": (path,)}))
        assert not (tmp_path / "run").exists()


def test_the_features_are_those_of_all_records(sample, tmp_path):
    path = write(tmp_path / "a.tfrecord", video("a", features=("rgb",)), video("b"), video("c"))
    watcher = Watcher()
    config, source, _ = resolve(configure("run", sample, data={"train": (path,), "features": ()}), watcher)
    assert config.data.features == texts_of(source.features) == ("rgb", "audio")
    assert [line for line in watcher.messages if "lacks" in line] == [
        f"{path}: found rgb, audio; 1 of 3 records lacks audio, and zeros stand in for it; --data.features rgb does without it"
    ]
