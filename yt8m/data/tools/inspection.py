"""`yt8m inspect`: what record files hold, and which records cannot be used."""

import contextlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from yt8m.data.checking import Look, check_record, level_of, num_frames, starts_of, values_of, video_id
from yt8m.data.features import DEFAULT_FEATURES, Feature, in_order
from yt8m.data.ids import id_problem
from yt8m.data.layouts import AUDIOSET_CLASSES, Layout
from yt8m.data.locating import Problem, Seen, SeenRecords, looks
from yt8m.data.protos import SequenceExample, parse
from yt8m.data.records import RawRecord
from yt8m.data.schema import DEFAULT_MAX_FRAMES, DEFAULT_NUM_CLASSES, Level
from yt8m.data.survey import Survey, survey
from yt8m.data.tools.keys import KeyCounts
from yt8m.errors import InputError
from yt8m.metrics.inputs import id_text

Visit = Callable[[str, SequenceExample, Level | None, Sequence[Feature]], None]


class _Range:
    """Minimum, mean and maximum of counts."""

    def __init__(self):
        self._counts: list[int] = []

    def add(self, count: int) -> None:
        self._counts.append(count)

    def merge(self, other: "_Range") -> None:
        self._counts += other._counts

    def summary(self) -> dict[str, float] | None:
        counts = self._counts
        return {"min": min(counts), "mean": sum(counts) / len(counts), "max": max(counts)} if counts else None


class _Oddities:
    """Counts the oddities of usable records that other commands tell about."""

    def __init__(self):
        self._with_feature: Counter[str] = Counter()
        self._num_featured = self._num_unlabelled = self._num_long = self._num_unfit_ids = 0

    def add(self, example: SequenceExample, features: Sequence[str], length: int) -> None:
        """Adds a record, with the names of its features and its number of frames."""
        self._with_feature.update(features)
        self._num_featured += bool(features)
        self._num_unlabelled += "labels" not in example.context.feature
        self._num_long += length > DEFAULT_MAX_FRAMES
        self._num_unfit_ids += id_problem(id_text(video_id(example))) is not None

    def merge(self, other: "_Oddities") -> None:
        self._with_feature += other._with_feature
        self._num_featured += other._num_featured
        self._num_unlabelled += other._num_unlabelled
        self._num_long += other._num_long
        self._num_unfit_ids += other._num_unfit_ids

    def summary(self) -> dict[str, Any]:
        lacking = {name: self._num_featured - count for name, count in self._with_feature.items()}
        return {
            "lacking_features": {name: count for name, count in lacking.items() if count},
            "num_unlabelled": self._num_unlabelled,
            "num_long_videos": self._num_long,
            "num_unfit_ids": self._num_unfit_ids,
        }


def inspect(
    files: Sequence[str],
    visit: Visit = lambda *_: None,
) -> dict[str, Any]:
    """Reads record files and sums up what they hold.

    Args:
        files: paths of files.
        visit: called with the file, the record, its level, and the features of all records, for each usable record.

    Returns:
        A dict. Counts are of usable records, repeated ones included.

        * `level`: level of most of the records looked at first; `segment` if any record has ratings; None if nothing can be
          read.
        * `num_files`, `num_records`, `num_classes_seen`, `max_label`, `num_rated_segments`.
        * `num_frames`, `num_labels`: `min`, `mean` and `max`; None if there are none.
        * `features`: size by name.
        * `repeated`: records that repeat a video or a rated segment, each with `path`, `record`, `id`, `start` (of the
          segment, or None) and `first` (`path` and `record` of the earlier one).
        * `corrupt_files`: dicts of `path`, `record` (counted from 0; None for a whole file) and `reason`.
        * `lacking_features`: by name, how many records with features lack this one, if some records have it.
        * `num_unlabelled`: records without the key `labels`.
        * `num_long_videos`: videos with more than `DEFAULT_MAX_FRAMES` frames.
        * `num_unfit_ids`: ids that a submission cannot hold.
        * `keys`: what the records hold, as it is stored, also in unusable ones: dicts of `key`; `place` (`context` or `frames`);
          `kind` (`bytes`, `float`, `int64`, or None if there are no values); `num_records`; and as [least, most] `num_frames`,
          `num_values` (of the first frame) and `num_bytes` (of each bytes value), or None.
        * `has_other_keys`: whether any of them is not a key of YouTube-8M, or of a feature that is found under its own name.
        * `layouts`: number of usable records by the layout of another program (`yt8m.data.layouts`).
        * `flags`: what to type, so that `yt8m train` reads these records; empty if nothing can be used.
    """
    expected, found = expect(files), Inspection(files)
    for number, path in enumerate(files):
        found.take(number, inspect_part(path, expected, visit))
    return found.summary(expected)


@dataclass(frozen=True)
class Expected:
    """What the records looked at first lead to expect of all."""

    level: Level | None
    """The level of most of them; None if nothing can be read."""
    features: tuple[Feature, ...]
    """The known features, and others that they have."""


def expect(files: Sequence[str]) -> Expected:
    """Looks at the first records of some files."""
    seen = _seen_first(files)
    rows = (*DEFAULT_FEATURES, *(seen.features if seen else ()))
    return Expected(seen and seen.level, in_order({each.name: each for each in rows}.values()))


def inspect_part(
    path: str,
    expected: Expected,
    visit: Visit = lambda *_: None,
    first: int = 0,
    offset: int = 0,
    count: int | None = None,
) -> "Held":
    """Reads some records of a file. Arguments: see `inspect`, and `yt8m.data.locating.looks`."""
    held = Held(path, expected.features)
    for seen in looks(path, {"level": expected.level, "features": expected.features}, first, offset, count):
        if isinstance(seen, Problem):
            held.problems.append(seen)
        else:
            held.add(*seen, expected, visit)
    return held


class Held:
    """What consecutive records of a file hold.

    Attributes:
        problems: of those that cannot be used.
        records: the number, the id and the level of each usable one, and the first seconds of its rated segments.
    """

    def __init__(self, path: str, features: Sequence[Feature]):
        self._path, self._features = path, features
        self.problems: list[Problem] = []
        self.records: list[tuple[int, bytes, Level | None, frozenset[int]]] = []
        self._num_rated = 0
        self._frames, self._labels, self._oddities = _Range(), _Range(), _Oddities()
        self._classes: set[int] = set()
        self._sizes: dict[str, int] = {}
        self._keys, self._layouts = KeyCounts(), Counter[Layout]()

    def add(self, raw: RawRecord, look: Look, expected: Expected, visit: Visit) -> None:
        """Adds the next record."""
        example = look.example
        # A layout of another program, or what was taken for one, was put under other keys.
        stored = parse(SequenceExample, raw.data) if look.layout or look.problem else example
        if stored is not None:
            self._keys.add(stored)
        level = example and level_of(example, self._features)
        reason = look.problem
        if reason is None and level == "segment" and expected.level != "segment":
            reason = check_record(raw.data, level, self._features)  # this checks the ratings too
        if reason:
            self.problems.append(Problem(self._path, raw.index, reason))
            return
        if look.layout:
            self._layouts[look.layout] += 1
        self.records.append((raw.index, video_id(example), level, frozenset(starts_of(example.context))))
        visit(self._path, example, level, self._features)
        self._measure(example, level)

    def _measure(self, example: SequenceExample, level: Level | None) -> None:
        context, lists = example.context.feature, example.feature_lists.feature_list
        if level == "video":
            sizes = {each.video_name: each.size for each in self._features if each.video_name in context}
            length = 0
        else:
            sizes = {each.name: each.size for each in self._features if each.name in lists and lists[each.name].feature}
            length = num_frames(example, self._features)
            self._frames.add(length)
        self._sizes |= sizes
        self._oddities.add(example, tuple(sizes), length)
        if "labels" in context:
            values = values_of(context["labels"])
            self._labels.add(len(values))
            self._classes.update(values)
        self._num_rated += len(set(starts_of(example.context)))

    def merge(self, other: "Held") -> None:
        """Adds what later records hold, but for `problems` and `records`."""
        self._num_rated += other._num_rated
        self._frames.merge(other._frames)
        self._labels.merge(other._labels)
        self._oddities.merge(other._oddities)
        self._classes |= other._classes
        self._sizes |= other._sizes
        self._keys.merge(other._keys)
        self._layouts += other._layouts


class Inspection(Held):
    """What all records of some files hold: the parts of the files are taken in order.

    Args:
        files: all of them.
    """

    def __init__(self, files: Sequence[str]):
        super().__init__("", ())
        self._files = files
        self._repeated: list[dict[str, Any]] = []
        self._videos, self._segments = SeenRecords(files, "videos"), SeenRecords(files, "segments")
        self._levels: dict[Level | None, int] = {}

    def take(self, number: int, held: Held) -> None:
        """Adds the next part, of the file of this number."""
        self.merge(held)
        self.problems += held.problems
        for index, name, level, starts in held.records:
            self._levels[level] = self._levels.get(level, 0) + 1
            is_rated = level == "segment"
            seen = self._segments if is_rated else self._videos
            before = seen.first_of(number, index, name, starts if is_rated else None)
            if before:
                self._repeated.append(_repeated(self._files[number], index, name, before))

    def summary(self, expected: Expected) -> dict[str, Any]:
        """The result of `inspect`."""
        level = "segment" if "segment" in (expected.level, *self._levels) else expected.level
        return {
            "level": (level or next(filter(None, self._levels), None)) if self._levels else None,
            "num_files": len(self._files),
            "num_records": sum(self._levels.values()),
            "num_frames": self._frames.summary(),
            "num_labels": self._labels.summary(),
            "num_classes_seen": len(self._classes),
            "max_label": max(self._classes, default=None),
            "features": self._sizes,
            "num_rated_segments": self._num_rated,
            "repeated": self._repeated,
            "corrupt_files": [
                {"path": each.path, "record": each.record, "reason": each.reason} for each in self.problems
            ],
            **self._oddities.summary(),
            "keys": self._keys.summary(),
            "has_other_keys": self._keys.has_others(expected.features),
            "layouts": dict(self._layouts),
            "flags": self._flags(expected.features),
        }

    def _flags(self, features: Sequence[Feature]) -> str:
        held = [each.text for each in features if each.name in self._sizes or each.video_name in self._sizes]
        if not held:
            return ""
        flags = f"--data.features {' '.join(held)}"
        if self._labels.summary() is None and not self._num_rated:
            return f"{flags} --data.labels LABELS.csv"
        largest = max(self._classes, default=0)
        num_classes = AUDIOSET_CLASSES if self._layouts["AudioSet"] and largest < AUDIOSET_CLASSES else largest + 1
        if self._layouts["AudioSet"] or num_classes > DEFAULT_NUM_CLASSES:
            flags += f" --data.num-classes {num_classes}"
        return flags


def _seen_first(files: Sequence[str]) -> Survey | None:
    """What a survey sees; None if nothing can be read."""
    with contextlib.suppress(InputError):
        return survey(files)
    return None


def _repeated(path: str, record: int, name: bytes, before: Seen) -> dict[str, Any]:
    first = {"path": before.path, "record": before.record}
    text = name.decode(errors="backslashreplace")
    return {"path": path, "record": record, "id": text, "start": before.start, "first": first}
