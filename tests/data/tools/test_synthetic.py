"""The sample data set: its layout, its records, and what makes it hard."""

import csv
import hashlib
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf
from watchers import Counts

from yt8m.data.features import DEFAULT_FEATURES, Feature
from yt8m.data.quantisation import dequantise, quantise
from yt8m.data.records import read_framing
from yt8m.data.tools.inspection import inspect
from yt8m.data.tools.synthetic import rate_segments, synthesise
from yt8m.data.tools.synthetic_videos import make_video, make_world
from yt8m.errors import InputError

SPLITS = {"train": 64, "validate": 13, "test": 13}


def make_videos(number: int, num_classes: int = 60, seed: int = 0, features=DEFAULT_FEATURES):
    world = make_world(num_classes, np.random.default_rng(seed), features)
    return world, [make_video(str(index), world, np.random.default_rng([seed, index])) for index in range(number)]


def read(directory: Path) -> list[tf.train.SequenceExample]:
    paths = sorted(directory.glob("*.tfrecord"))
    return [tf.train.SequenceExample.FromString(raw.data) for path in paths for raw in read_framing(str(path))]


def values(record: tf.train.SequenceExample, key: str) -> list:
    feature = record.context.feature[key]
    return list(getattr(feature, feature.WhichOneof("kind")).value)


def ids(records) -> list[str]:
    return [values(record, "id")[0].decode() for record in records]


def digests(directory: Path) -> dict[str, str]:
    files = [path for path in sorted(directory.rglob("*")) if path.is_file()]
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_quantisation_of_hand_computed_values():
    stored = np.array([0, 127, 128, 255], np.uint8)
    expected = [-1.9921875, 127 * 4 / 255 - 1.9921875, 128 * 4 / 255 - 1.9921875, 2.0078125]
    np.testing.assert_allclose(dequantise(stored), expected, rtol=0, atol=1e-6)
    assert quantise(np.array([-9.0, -1.9921875, 0.0, 2.0078125, 9.0])).tolist() == [0, 0, 127, 255, 255]
    every_byte = np.arange(256, dtype=np.uint8)
    assert quantise(dequantise(every_byte)).tolist() == every_byte.tolist()


def test_layout(sample):
    shards = {
        f"{kind}/{split}/{split}{shard:04d}.tfrecord"
        for kind, splits in {"2/frame": SPLITS, "2/video": SPLITS, "3/frame": ("validate", "test")}.items()
        for split in splits
        for shard in range(2)
    }
    assert set(digests(sample)) == shards | {"vocabulary.csv", "segment_label_ids.csv"}


@pytest.mark.parametrize("split", SPLITS)
def test_every_record_is_sound(sample, split):
    for kind, level in {"2/frame": "frame", "2/video": "video"}.items():
        report = inspect([str(path) for path in sorted((sample / kind / split).iterdir())])
        assert (report["level"], report["num_records"], report["corrupt_files"]) == (level, SPLITS[split], [])
        if split == "test":
            assert report["num_labels"] is None
        else:
            assert 0 <= report["max_label"] < 12
            assert report["num_labels"]["min"] >= 1


def test_ids_are_four_characters_and_unique(sample):
    found = [each for split in SPLITS for each in ids(read(sample / "2/frame" / split))]
    assert len(set(found)) == len(found) == 90
    assert all(len(each) == 4 and each.isalnum() for each in found)


def test_levels_hold_the_same_videos(sample):
    frame_level, video_level = (read(sample / kind / "validate") for kind in ("2/frame", "2/video"))
    assert ids(frame_level) == ids(video_level) == ids(read(sample / "3/frame/validate"))
    for frames, means in zip(frame_level, video_level, strict=True):
        assert values(frames, "labels") == values(means, "labels") == sorted(set(values(frames, "labels")))
        for name in ("rgb", "audio"):
            rows = frames.feature_lists.feature_list[name].feature
            stored = np.array([np.frombuffer(row.bytes_list.value[0], np.uint8) for row in rows], np.float64)
            expected = (stored * 4 / 255 + 4 / 512 - 2).mean(axis=0)
            np.testing.assert_allclose(values(means, f"mean_{name}"), expected, atol=1e-5)


def test_test_splits_say_nothing(sample):
    for kind in ("2/frame", "2/video", "3/frame"):
        for record in read(sample / kind / "test"):
            assert not {"labels", "segment_labels", "segment_start_times"} & set(record.context.feature)


def test_ratings_have_the_official_form(sample):
    report = inspect([str(path) for path in sorted((sample / "3/frame/validate").iterdir())])
    assert (report["level"], report["corrupt_files"]) == ("segment", [])
    rows = (sample / "segment_label_ids.csv").read_text().split()
    assert rows[0] == "Index"
    allowed = {int(row) for row in rows[1:]}
    assert allowed < set(range(12))
    for record in read(sample / "3/frame/validate"):
        starts = values(record, "segment_start_times")
        assert len(starts) in (3, 4, 5)
        assert values(record, "segment_end_times") == [start + 5 for start in starts]
        assert set(values(record, "segment_labels")) <= allowed
        assert set(values(record, "segment_scores")) <= {0.0, 1.0}


def test_ratings_follow_what_is_shown():
    world, videos = make_videos(200)
    classes, scores, main_shares, unsorted = np.arange(0, 60, 2), [], [], 0
    mistaken, glimpses = [], []
    for index, video in enumerate(videos):
        ratings = rate_segments(video, world, classes, np.random.default_rng(index))
        mistaken.append(not set(ratings.labels) & set(video.labels))
        for start, label, score in zip(ratings.start_times, ratings.labels, ratings.scores, strict=True):
            num_shown = list(video.activity[start : start + 5]).count(label)
            assert (num_shown >= 3) == (score == 1.0)
            if not score and not mistaken[-1]:
                glimpses.append(num_shown > 0)
        scores += ratings.scores
        main_shares.append(max(map(ratings.labels.count, ratings.labels)) / len(ratings.labels))
        unsorted += list(ratings.start_times) != sorted(ratings.start_times)
    assert 0.48 < np.mean(scores) < 0.64  # of the real ratings, 132 442 of 237 788
    assert np.mean(main_shares) > 0.8
    few = np.mean([not set(video.labels) & set(classes.tolist()) for video in videos])
    assert few + 0.1 < np.mean(mistaken) < few + 0.3, "a video in five, and those without a ranked class"
    assert np.mean(glimpses) > 0.5
    assert unsorted > 100


def test_vocabulary(sample):
    with (sample / "vocabulary.csv").open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert ",".join(header) == (
        "Index,TrainVideoCount,KnowledgeGraphId,Name,WikiUrl,Vertical1,Vertical2,Vertical3,WikiDescription"
    )
    indices = [int(row[0]) for row in rows]
    assert sorted(indices) == list(range(12))
    assert indices != sorted(indices)
    counts = np.zeros(12, int)
    for record in read(sample / "2/frame/train"):
        counts[values(record, "labels")] += 1
    assert {int(row[0]): int(row[1]) for row in rows} == dict(enumerate(counts))
    assert any(not row[3] for row in rows)
    assert any("\n" in row[8] and '"' in row[8] for row in rows)


@pytest.mark.thorough
def test_same_seed_same_bytes(sample, tmp_path):
    def make(name, seed):
        synthesise(tmp_path / name, num_videos=64, num_classes=12, num_shards=2, seed=seed)
        return digests(tmp_path / name)

    assert make("again", 1) == digests(sample)
    other = make("other", 2)
    assert other.keys() == digests(sample).keys()
    assert not set(other.values()) & set(digests(sample).values())


@pytest.mark.thorough
def test_labels_have_a_long_tail():
    _, videos = make_videos(600)
    counts = np.bincount([label for video in videos for label in video.labels], minlength=60)
    assert counts.sum() / len(videos) == pytest.approx(3.0, abs=0.3)
    assert counts[:6].sum() > 0.4 * counts.sum()
    assert counts[30:].sum() < 0.3 * counts.sum()
    assert counts[:10].mean() > 5 * counts[50:].mean()


def test_lengths_and_values_resemble_the_real_ones():
    _, videos = make_videos(60)
    lengths = [len(video.activity) for video in videos]
    assert min(lengths) >= 30
    assert max(lengths) <= 120
    assert np.mean(lengths) == pytest.approx(60, abs=8)
    rgb = np.concatenate([dequantise(video.frames["rgb"]) for video in videos])
    assert abs(rgb.mean()) < 0.05
    assert 0.5 < rgb.std() <= 1.0
    assert (np.abs(rgb) > 1.99).mean() < 0.07


def test_real_frames_have_such_values(real_data):
    (record, *_) = read(real_data / "frame_2018")
    rows = record.feature_lists.feature_list["rgb"].feature
    rgb = dequantise(np.array([np.frombuffer(row.bytes_list.value[0], np.uint8) for row in rows]))
    assert abs(rgb.mean()) < 0.05
    assert rgb.std() == pytest.approx(1.0, abs=0.05)


def test_every_label_is_shown_in_runs_and_not_all_the_time():
    _, videos = make_videos(100)
    for video in videos:
        assert set(video.activity[video.activity >= 0]) == set(video.labels)
        changes = np.flatnonzero(np.diff(video.activity)) + 1
        assert min(map(len, np.split(video.activity, changes))) >= 5
    assert 0.1 < np.mean(np.concatenate([video.activity for video in videos]) < 0) < 0.5


def test_appearances_say_nothing_on_average_and_are_unique():
    world, _ = make_videos(0)
    looks = [world.scenes[pairs[:, 0]] + world.objects[pairs[:, 1]] for pairs in world.appearances]
    np.testing.assert_allclose(np.mean(looks, axis=1), 0, atol=1e-6)
    pairs = [tuple(pair) for appearances in world.appearances for pair in appearances]
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("storage", ["uint8", "float16", "float32"])
def test_a_further_feature_follows_the_classes_and_leaves_the_others_as_they_are(storage):
    world, videos = make_videos(12)
    assert world.further == {}
    feature = Feature("depth", 64, storage)
    world, further = make_videos(12, features=(*DEFAULT_FEATURES, feature))
    for before, after in zip(videos, further, strict=True):
        assert list(after.frames) == ["rgb", "audio", "depth"]
        assert after.labels == before.labels
        np.testing.assert_array_equal(after.activity, before.activity)
        for name in ("rgb", "audio"):
            np.testing.assert_array_equal(after.frames[name], before.frames[name])
        assert after.frames["depth"].shape == (len(after.activity), 64)
        assert after.frames["depth"].dtype == storage
        depth, shown = dequantise(after.frames["depth"], feature), after.activity >= 0
        vectors = world.further[feature][after.activity[shown]]
        likeness = np.mean(depth[shown] * vectors)
        assert likeness > 0.15, "0.3 of the class's vector, whose values have the variance 1"


@pytest.mark.parametrize(("num_videos", "num_classes", "num_shards"), [(1, 1, 1), (2, 2, 5), (6, 3862, 2)])
def test_small_and_odd_sizes(tmp_path, num_videos, num_classes, num_shards):
    watcher = Counts()
    summary = synthesise(tmp_path / "sample", num_videos, num_classes, num_shards, progress=watcher)
    files = [str(path) for path in sorted((tmp_path / "sample").rglob("*.tfrecord"))]
    assert summary["num_videos"]["train"] == num_videos
    assert (summary["num_classes"], summary["num_files"]) == (num_classes, len(files))
    assert summary["num_bytes"] == sum(Path(path).stat().st_size for path in files)
    total = sum(summary["num_videos"].values())
    assert watcher.counts == [(count, total) for count in range(1, total + 1)]
    assert inspect([path for path in files if "/frame/" in path])["corrupt_files"] == []


def test_the_default_sample_fits_in_300_megabytes(sample):
    size = sum(path.stat().st_size for path in sample.rglob("*.tfrecord"))
    assert size / 64 * 2000 < 300e6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_videos": 0}, "--num-videos is 0"),
        ({"num_classes": 0}, "--num-classes is 0"),
        ({"num_shards": -1}, "--num-shards is -1"),
        ({"seed": -1}, "--seed is -1"),
        ({"num_videos": 62**4}, "--num-videos is"),
    ],
)
def test_arguments_out_of_range(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        synthesise(tmp_path / "sample", **arguments)
    assert not (tmp_path / "sample").exists()


def test_a_directory_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="not an empty directory"):
        synthesise(tmp_path, num_videos=1, num_classes=1)
    with pytest.raises(InputError, match="not an empty directory"):
        synthesise(tmp_path / "thesis.tex", num_videos=1, num_classes=1)
    with pytest.raises(InputError, match=r"^gs://bucket/sample: the sample must be on a local disk"):
        synthesise("gs://bucket/sample", num_videos=1, num_classes=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("existed", [True, False])
def test_a_failure_leaves_nothing_half_written(tmp_path, existed):
    directory = tmp_path / "sample"
    if existed:
        directory.mkdir()

    def fail(done, total):
        if done == 5:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        synthesise(directory, num_videos=10, num_classes=3, progress=Counts(fail))
    assert list(tmp_path.rglob("*")) == ([directory] if existed else [])
    synthesise(directory, num_videos=1, num_classes=3, num_shards=1)
    assert sorted(path.name for path in directory.iterdir()) == ["2", "3", "segment_label_ids.csv", "vocabulary.csv"]


@pytest.mark.parametrize("which", ["2/video/validate/validate0000.tfrecord", "vocabulary.csv"])
@pytest.mark.parametrize("when", ["write", "close"])
def test_a_full_disk_is_one_line_that_names_the_file(tmp_path, monkeypatch, which, when):
    def fail(*_):
        raise OSError(28, "No space left on device")

    def open_on_full_disk(path, mode):
        stream = path.open(mode)
        if re.sub(r"\.[^/]*\.tmp\.", "", str(path)).endswith(which):
            stream.close()
            stream = SimpleNamespace(write=fail if when == "write" else len, close=fail)
        return stream

    monkeypatch.setattr("yt8m.files.publishing.open", open_on_full_disk, raising=False)
    with pytest.raises(InputError) as caught:
        synthesise(tmp_path / "sample", num_videos=2, num_classes=3)
    assert str(caught.value).startswith(f"{tmp_path / 'sample' / which}: cannot be written (No space left on device)")
    assert list(tmp_path.iterdir()) == []
