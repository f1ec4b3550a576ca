"""`yt8m synth`: writes a small sample data set from a seed, in the official layout.

::

    DIR/2/frame/{train,validate,test}/train0000.tfrecord ...   frame level, 2018 format
    DIR/2/video/{train,validate,test}/train0000.tfrecord ...   the same videos, video level
    DIR/3/frame/{validate,test}/validate0000.tfrecord ...      the same videos again, with rated segments in validate
    DIR/vocabulary.csv                                         one row for each class, columns as in the official file
    DIR/segment_label_ids.csv                                  the classes that segments are rated for

`yt8m.data.tools.synthetic_videos` says what the videos show, and why.
"""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.data.features import DEFAULT_FEATURES, Feature, parse_features
from yt8m.data.quantisation import dequantise
from yt8m.data.records import Ratings, frame_level_record, framed, video_level_record
from yt8m.data.schema import SEGMENT_FRAMES, is_present
from yt8m.data.tables.text import write_table
from yt8m.data.tables.vocabulary import VOCABULARY_COLUMNS, VOCABULARY_FILE
from yt8m.data.tools.synthetic_videos import (
    Video,
    World,
    make_video,
    make_world,
)
from yt8m.errors import InputError
from yt8m.files import NewFile, check_local, new_contents
from yt8m.progress import SILENT, Progress

DEFAULT_NUM_VIDEOS = 2000
DEFAULT_NUM_CLASSES = 60
DEFAULT_NUM_SHARDS = 8

_HELD_OUT_SHARE = 0.2
"""Size of validate, and of test, as a share of train."""

_SEGMENT_CLASS_SHARE = 0.5
_POSITIVE_RATINGS = 0.8
"""Share of positive ratings of a video with enough positive segments. Over all videos it is a little above half."""
_MISTAKEN_VIDEOS = 0.2
"""Share of videos rated for a class that they lack but that resembles one of their classes."""

_ID_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_ID_LENGTH = 4

# Purposes of random streams. Streams with different purposes are independent.
_WORLD, _IDS, _VIDEO, _RATINGS, _VOCABULARY = range(5)


def synthesise(
    directory: str | Path,
    num_videos: int = DEFAULT_NUM_VIDEOS,
    num_classes: int = DEFAULT_NUM_CLASSES,
    num_shards: int = DEFAULT_NUM_SHARDS,
    seed: int = 0,
    progress: Progress = SILENT,
    features: Sequence[str | Feature] = DEFAULT_FEATURES,
) -> dict[str, Any]:
    """Writes the sample data set. The same arguments give the same bytes.

    All files appear together at the end, so a failed or killed call leaves no partial sample.

    Args:
        directory: the target; made if missing, otherwise it must be empty.
        num_videos: videos in the train split, at least 1. Validate and test each have a fifth of this number.
        num_classes: classes in the vocabulary, at least 1.
        num_shards: files in each split, at least 1. A split with fewer videos has one video in each file.
        seed: 0 or more.
        progress: counts the videos written.
        features: the features to write, as texts (`yt8m.data.features`) or rows.

    Returns:
        ``directory``, ``num_videos`` {split: n}, ``num_classes``, ``num_segment_classes``, ``num_files`` (files of records)
        and ``num_bytes`` (bytes of records).

    Raises:
        InputError: an argument is out of range, the directory is not empty or cannot be written, or the disk is full.
    """
    rows = parse_features(features, "--features")
    if not rows:
        raise InputError("--features is empty; name one or more, such as rgb or clip:512:float32")
    held_out = max(1, round(_HELD_OUT_SHARE * num_videos))
    sizes = {"train": num_videos, "validate": held_out, "test": held_out}
    _check_arguments(directory, num_classes, num_shards, seed, sizes)
    with new_contents(directory, "yt8m synth") as hidden:
        summary = _Sample(Path(directory), hidden, num_classes, num_shards, seed, sizes, progress, rows).write()
    return {"directory": str(directory), **summary}


def _check_arguments(
    directory: str | Path, num_classes: int, num_shards: int, seed: int, sizes: dict[str, int]
) -> None:
    check_local(directory, "the sample")
    for flag, value in {"videos": sizes["train"], "classes": num_classes, "shards": num_shards}.items():
        if value < 1:
            raise InputError(f"--num-{flag} is {value}; it must be at least 1")
    if seed < 0:
        raise InputError(f"--seed is {seed}; it must be 0 or more")
    if sum(sizes.values()) > len(_ID_ALPHABET) ** _ID_LENGTH:
        raise InputError(f"--num-videos is {sizes['train']}; there are ids for ten million at most")


class _Sample:
    """The state of one call: the random streams, and the counts for the vocabulary."""

    def __init__(
        self,
        directory: Path,
        hidden: Path,
        num_classes: int,
        num_shards: int,
        seed: int,
        sizes: dict[str, int],
        progress: Progress,
        features: Sequence[Feature] = DEFAULT_FEATURES,
    ):
        self.directory, self.hidden, self.num_shards, self.seed = directory, hidden, num_shards, seed
        self.sizes, self.progress, self.features = sizes, progress, features
        self.world: World = make_world(num_classes, self._random(_WORLD), features)
        self.video_counts = np.zeros(num_classes, np.int64)
        choices = self._random(_VOCABULARY).permutation(max(1, int(num_classes * 0.75)))
        self.segment_classes = np.sort(choices[: max(1, round(_SEGMENT_CLASS_SHARE * num_classes))])
        self.num_done = self.num_files = self.num_bytes = 0

    def _random(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, *purpose])

    def write(self) -> dict[str, Any]:
        total = sum(self.sizes.values())
        numbers = self._random(_IDS).choice(len(_ID_ALPHABET) ** _ID_LENGTH, size=total, replace=False)
        first = 0
        with self.progress.working("making videos", "video", total=total):
            for split, size in self.sizes.items():
                shards = np.array_split(numbers[first : first + size], min(self.num_shards, size))
                for shard, shard_numbers in enumerate(shards):
                    self._write_shard(split, f"{split}{shard:04d}.tfrecord", shard_numbers)
                first += size
        self._write_vocabulary()
        self._write_csv("segment_label_ids.csv", ("Index",), [(index,) for index in self.segment_classes])
        return {
            "num_videos": dict(self.sizes),
            "num_classes": len(self.video_counts),
            "num_segment_classes": len(self.segment_classes),
            "num_files": self.num_files,
            "num_bytes": self.num_bytes,
        }

    def _write_shard(self, split: str, name: str, id_numbers: Sequence[int]) -> None:
        kinds = ["2/frame", "2/video"] + (["3/frame"] if split != "train" else [])
        with contextlib.ExitStack() as stack:
            files = {}
            for kind in kinds:
                files[kind] = stack.enter_context(self._new_file(f"{kind}/{split}/{name}"))
            for number in id_numbers:
                video = make_video(_video_id(int(number)), self.world, self._random(_VIDEO, self.num_done))
                for kind, record in self._records(split, video).items():
                    content = framed(record)
                    files[kind].write(content)
                    self.num_bytes += len(content)
                self.num_done += 1
                self.progress.advance(1)
        self.num_files += len(files)

    def _new_file(self, name: str) -> NewFile:
        """Opens a file in the hidden directory. Messages show its final name."""
        return NewFile(self.hidden / name, shown=self.directory / name)

    def _records(self, split: str, video: Video) -> dict[str, bytes]:
        labels = None if split == "test" else video.labels
        frames = {each.name: video.frames[each.name] for each in self.features}
        means = {
            each.name: dequantise(frames[each.name], each).mean(axis=0, dtype=np.float64).astype(np.float32)
            for each in self.features
        }
        records = {
            "2/frame": frame_level_record(video.video_id, labels, frames),
            "2/video": video_level_record(video.video_id, labels, means),
        }
        if split == "train":
            self.video_counts[video.labels] += 1
        elif split == "validate":
            ratings = rate_segments(video, self.world, self.segment_classes, self._random(_RATINGS, self.num_done))
            records["3/frame"] = frame_level_record(video.video_id, labels, frames, ratings)
        else:
            records["3/frame"] = records["2/frame"]
        return records

    def _write_vocabulary(self) -> None:
        rows = [_vocabulary_row(index, int(count)) for index, count in enumerate(self.video_counts)]
        order = self._random(_VOCABULARY, 1).permutation(len(rows))
        self._write_csv(VOCABULARY_FILE, VOCABULARY_COLUMNS, [rows[index] for index in order])

    def _write_csv(self, name: str, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        columns = {column: [row[place] for row in rows] for place, column in enumerate(header)}
        with self._new_file(name) as file:
            file.write(write_table(columns))


def rate_segments(video: Video, world: World, segment_classes: np.ndarray, random: np.random.Generator) -> Ratings:
    """Makes four or five ratings of a video, in no order, most of them for one class.

    A segment is positive for a class if most of its five frames show it. The class is chosen as if a machine had proposed
    it, which is sometimes wrong: then the video lacks the class, but the class shares a scene or an object with one of the
    video's labels. A video without any of `segment_classes` always gets such a class.
    """
    starts = np.arange(0, len(video.activity) - SEGMENT_FRAMES + 1, SEGMENT_FRAMES)  # raters saw only whole segments
    seconds = video.activity[starts[:, None] + np.arange(SEGMENT_FRAMES)]
    rated_labels = np.intersect1d(video.labels, segment_classes)
    others = np.setdiff1d(segment_classes, video.labels)
    if len(others) and (not len(rated_labels) or random.random() < _MISTAKEN_VIDEOS):
        similar = others[[_resemble(class_id, video.labels, world) for class_id in others]]
        rated_labels = random.choice(similar if len(similar) else others, size=1)
    counts = {label: (seconds == label).sum(axis=1) for label in random.permutation(rated_labels)}
    shown = {label: is_present(count / SEGMENT_FRAMES) for label, count in counts.items()}
    main = max(shown, key=lambda label: shown[label].sum())

    num_ratings = min(int(random.integers(4, 6)), len(starts))
    positive = [(start, main, 1.0) for start in random.permutation(starts[shown[main]])]
    positive += [(start, label, 1.0) for label in shown if label != main for start in starts[shown[label]]]
    glimpses = [random.permutation(starts[~shown[main] & ((counts[main] > 0) == seen)]) for seen in (True, False)]
    negative = [(start, main, 0.0) for start in np.concatenate(glimpses)]
    num_positive = min(round(_POSITIVE_RATINGS * num_ratings), len(positive))
    rows = positive[:num_positive] + negative[: num_ratings - num_positive]
    rows = [rows[index] for index in random.permutation(len(rows))]
    return Ratings(
        start_times=[int(start) for start, _, _ in rows],
        end_times=[int(start) + SEGMENT_FRAMES for start, _, _ in rows],
        labels=[int(label) for _, label, _ in rows],
        scores=[score for _, _, score in rows],
    )


def _resemble(class_id: int, labels: Sequence[int], world: World) -> bool:
    """Whether a class shares a scene or an object with one of the labels."""
    own, theirs = world.appearances[class_id], world.appearances[labels].reshape(-1, 2)
    return bool((own[:, None] == theirs).any())


def _video_id(number: int) -> str:
    characters = []
    for _ in range(_ID_LENGTH):
        number, digit = divmod(number, len(_ID_ALPHABET))
        characters.append(_ID_ALPHABET[digit])
    return "".join(characters)


def _vocabulary_row(index: int, count: int) -> tuple:
    name = "" if index % 7 == 5 else f"Class {index}"
    description = f"Class {index} of the sample."
    if index % 5 == 3:
        description = f'Class {index}, also called "number {index}", is part of the sample.\nIt has a second line.'
    return (index, count, f"/m/{index:05d}", name, f"https://example.org/{index}", "Sample", "", "", description)
