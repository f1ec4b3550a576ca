"""Finds out what record files hold, by a look at some of their records. No single record decides what a data set is.

In a small data set, all records are looked at. In a larger one, the first records of several files and others farther on.
Behind a network, a few records of three files. `yt8m.data.remarks` tells or refuses what was seen.
"""

import contextlib
import functools
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from yt8m.data import foreign
from yt8m.data.access.contents import open_content
from yt8m.data.access.file_access import errors_of, file_size
from yt8m.data.checking import Look, level_of, look_at, num_frames, values_of, video_id
from yt8m.data.extraction import described_features
from yt8m.data.features import KNOWN, Feature, in_order
from yt8m.data.forms import FormCounts, as_described, frame_forms, mean_forms
from yt8m.data.layouts import Layout
from yt8m.data.protos import SequenceExample
from yt8m.data.records import EMPTY, read_framing, read_headers, read_record
from yt8m.data.schema import Level
from yt8m.data.sources import describe_error, scheme
from yt8m.data.tables.video_labels import VideoLabels, read_video_labels
from yt8m.errors import InputError, RecordError

MOST_BYTES = 32 << 20
"""Bytes of local records that are read and parsed within a second. A data set of this size is looked at whole."""
MOST_FILES, MOST_FILES_WHOLE = 16, 256
MOST_STRIDES, MOST_STRIDDEN_BYTES = 128, 16 << 20
"""How far to go through a file from header to header, to reach records after the first ones: this many records, or for
small records this many bytes. Each stride may cost a disk seek."""
REMOTE_FILES, REMOTE_RECORDS, REMOTE_BYTES = 3, 8, 2 << 20
"""Files behind a network that are looked at, and records and bytes of each."""
_RECORDS_AT_ONCE, _BYTES_AT_ONCE = 256, 4 << 20
"""Most records that are checked together, and the bytes at which fewer are enough."""


@dataclass
class Survey:
    """What was seen. Counts are of the usable records looked at."""

    files: tuple[str, ...]
    """All files, also those that were not looked at."""
    is_whole: bool
    """Whether all records were looked at."""
    num_records: int = 0
    num_videos: int = 0
    """Video-level records."""
    num_rated: int = 0
    """Records with rated segments."""
    with_feature: Counter[str] = field(default_factory=Counter)
    """Number of records that have each feature, by its name at frame level. Names without a known row count in any form."""
    first_with: dict[str, tuple[str, int]] = field(default_factory=dict)
    """File and index of the first record that has each feature."""
    forms: FormCounts = field(default_factory=FormCounts)
    """The forms that features have."""
    num_featureless: int = 0
    """Records without any feature, such as videos without frames."""
    lengths: Counter[int] = field(default_factory=Counter)
    """Number of records by their number of frames."""
    num_unlabelled: int = 0
    """Records without the key `labels`."""
    first_unlabelled: tuple[str, int] | None = None
    """Its file and its index there."""
    unlabelled_files: list[str] = field(default_factory=list)
    """Files in which no record has the key `labels`."""
    largest_label: int | None = None
    """The largest class of videos' labels and of ratings."""
    num_foreign: int = 0
    """Records with keys that are not of this data set."""
    first_foreign: RecordError | None = None
    """The error for the first of them."""
    first_error: RecordError | None = None
    """The error for the first unusable record or file."""
    first_bare: RecordError | None = None
    """The error for the first record with nothing but an id and labels. It counts only if all records are like this."""
    num_with_frames: int = 0
    """Records with lists of frames, even empty ones."""
    layouts: Counter[Layout] = field(default_factory=Counter)
    """Number of records of each layout of another program."""
    labels: VideoLabels | None = None
    """Labels that count in place of those in the records."""
    described: Mapping[str, Feature] = field(default_factory=dict)
    """By name: features of an `extraction.json` beside the records."""

    @property
    def level(self) -> Level:
        """The level of most records; `segment` if they are frame-level records and any has ratings."""
        if self.num_videos > self.num_with_frames:
            return "video"
        return "segment" if self.num_rated else "frame"

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features that any record has: known ones, in another form if all have that; others in the form of most records."""
        known = [self.forms.only(name) or each for name, each in KNOWN.items() if self.with_feature[name]]
        return in_order(as_described(each, self.described) for each in [*known, *self.forms.unknown()])

    def form_of(self, name: str) -> Feature | None:
        """The feature of this name as all records with it hold it; None if they differ, or hold it in no form of ours."""
        return self.forms.only(name)

    @property
    def is_usable(self) -> bool:
        """Whether any record belongs to this data set."""
        return self.num_videos + self.num_with_frames > 0

    @property
    def looked_at(self) -> str:
        """`24 records` if all were looked at; otherwise `the 24 records looked at`."""
        records = f"{self.num_records} record{'' if self.num_records == 1 else 's'}"
        return records if self.is_whole else f"the {records} looked at"

    def lacking(self, feature: str) -> int:
        """The number of records that have features, but not this one."""
        return self.num_records - self.num_featureless - self.with_feature[feature]

    def longer_than(self, most: int) -> int:
        """The number of records with more frames than this."""
        return sum(count for length, count in self.lengths.items() if length > most)

    def add_file(self, path: str, records: Iterator[tuple[int, bytes]]) -> None:
        """Looks at a file's records, given as (index, serialized)."""
        before, unlabelled = self.num_records, self.num_unlabelled
        for batch in _batches(records):
            looks = look_at([data for _, data in batch])
            for (index, _), look in zip(batch, looks, strict=True):
                self._add(path, index, look)
        count = self.num_records - before
        if count and self.num_unlabelled - unlabelled == count:
            self.unlabelled_files.append(path)

    def refuse(self, error: RecordError) -> None:
        """Notes an unusable record or file. The order within a file does not matter."""
        first = self.first_error
        if first is None or (first.path == error.path and (error.record or 0) < (first.record or 0)):
            self.first_error = error

    def _add(self, path: str, index: int, look: Look) -> None:
        example = look.example
        if example is None:
            self.refuse(RecordError(path, index, look.problem))
            return
        lists, context = example.feature_lists.feature_list, example.context.feature
        level = level_of(example)
        if level is None:
            error = RecordError(path, index, foreign.explain(example))
            if foreign.held_keys(example):
                self.num_foreign += 1
                self.first_foreign = self.first_foreign or error
                self.refuse(error)
                return
            self.first_bare = self.first_bare or error  # a video without frames may lack the lists of frames altogether
        self.num_records += 1
        if look.layout:
            self.layouts[look.layout] += 1
        if level == "video":
            self.num_videos += 1
            forms = mean_forms(example)
            found = [name for name, each in KNOWN.items() if each.video_name in context]
        else:
            self.num_with_frames += level is not None
            self.num_rated += level == "segment"
            self.lengths[num_frames(example)] += 1
            forms = frame_forms(example)
            found = [name for name in KNOWN if name in lists and lists[name].feature]
        self.forms.add(forms)
        found += [name for name, form in forms.items() if form and name not in KNOWN]
        self.with_feature.update(found)
        self.first_with = dict.fromkeys(found, (path, index)) | self.first_with
        self.num_featureless += not found
        self._add_labels(path, index, example)

    def _add_labels(self, path: str, index: int, example: SequenceExample) -> None:
        context = example.context.feature
        keys = ("segment_labels",) if self.labels else ("labels", "segment_labels")
        stored = {key: values_of(context[key]) for key in keys if key in context}
        if self.labels and (given := self.labels.of(video_id(example))) is not None:
            stored["labels"] = given
        if "labels" not in stored:
            self.num_unlabelled += 1
            self.first_unlabelled = self.first_unlabelled or (path, index)
        labels = (self.largest_label, *(label for values in stored.values() for label in values))
        self.largest_label = max((label for label in labels if isinstance(label, int)), default=None)


def survey(files: Sequence[str], labels: str = "") -> Survey:
    """Looks at some records of files, the same ones each time.

    A broken file raises no error unless all are broken: it may be left out later (`yt8m.data.tools.salvage`).

    Args:
        files: paths, at least one.
        labels: a CSV file with labels that count in place of those in the records; empty = those in the records.

    Raises:
        RecordError: no file is readable and holds features of this data set, or a remote file cannot be read.
        InputError: all files are empty.
    """
    states = []
    for path in files:
        status = None
        if not scheme(path):
            with contextlib.suppress(OSError):
                status = os.stat(path)
        states.append(status and (status.st_size, status.st_mtime_ns))
    return _survey(tuple(files), tuple(states), read_video_labels(labels) if labels else None)


def level_of_most(files: Sequence[str]) -> Level | None:
    """The level of most records that a survey looks at; None if nothing can be read."""
    with contextlib.suppress(InputError):
        return survey(files).level
    return None


@functools.lru_cache(maxsize=16)
def _survey(
    files: tuple[str, ...], states: tuple[tuple[int, int] | None, ...], labels: VideoLabels | None = None
) -> Survey:
    """`survey`, cached until a local file changes: one command asks for the same files again."""
    sizes = [state[0] for state in states if state]
    is_whole = len(sizes) == len(files) <= MOST_FILES_WHOLE and sum(sizes) <= MOST_BYTES
    result = Survey(files, is_whole, labels=labels, described=described_features(files[0]))
    chosen = list(files) if is_whole else _choose(files)
    first_choice = set(chosen)
    others = (path for path in files if path not in first_choice)
    while chosen:
        for path in chosen:
            try:
                result.add_file(path, _records(path, result, MOST_BYTES if is_whole else MOST_BYTES // len(chosen)))
            except RecordError as error:
                result.refuse(error)
                if scheme(path):  # if a server is down, each further file would take as long to fail
                    break
        chosen = [] if result.is_usable or (result.first_error and scheme(path)) else list(islice(others, 1))
    if not result.is_usable or (result.first_error and not result.features):
        raise _nothing_usable(result)
    return result


def _nothing_usable(result: Survey) -> InputError:
    error, files = result.first_error or result.first_bare, result.files
    if error is None:
        return InputError(f"{files[0]}: the file is empty" + (f", and so are all {len(files)}" if files[1:] else ""))
    if result.num_foreign > 1 and error is result.first_foreign:
        how_many = f"all {result.num_foreign} records" + ("" if result.is_whole else " looked at")
        return RecordError(error.path, error.record, f"{error.reason}. So it is with {how_many}")
    return error


def _batches(records: Iterator[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    """Groups the records that are checked together. Records before an error come before the error."""
    batch: list[tuple[int, bytes]] = []
    size = 0
    try:
        for index, data in records:
            batch.append((index, data))
            size += len(data)
            if len(batch) == _RECORDS_AT_ONCE or size >= _BYTES_AT_ONCE:
                yield batch
                batch, size = [], 0
    except RecordError:
        yield batch
        raise
    yield batch


def _choose(files: Sequence[str]) -> list[str]:
    """Chooses the first file, the last one, and some between them, in order."""
    most = REMOTE_FILES if any(map(scheme, files)) else MOST_FILES
    if len(files) <= most:
        return list(files)
    between = random.Random(0).sample(range(1, len(files) - 1), most - 2)
    return [files[index] for index in (0, *sorted(between), len(files) - 1)]


def _records(path: str, result: Survey, most_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yields a file's readable records with their indices, and notes what cannot be read."""
    if scheme(path):
        yield from _remote_records(path)
        return
    try:
        if file_size(path) <= most_bytes:
            num_bytes = 0
            for raw in read_framing(path):
                if raw.problem is None:
                    yield raw.index, raw.data
                elif raw.problem != EMPTY:
                    result.refuse(raw.as_error(path))
                num_bytes += len(raw.data)
                if num_bytes > most_bytes:  # only what is compressed can hold more than its size
                    result.is_whole = False
                    return
        else:
            yield from _some_records(path, result, most_bytes)
    except OSError as error:
        result.refuse(RecordError(path, None, f"cannot be read ({error.strerror or error})"))


def _some_records(path: str, result: Survey, most_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Yields records of a large file: the first ones for half the bytes, and later ones for the other half."""
    left, number = most_bytes // 2, 0
    for raw in read_framing(path):
        number = raw.index + 1
        if raw.problem is None:
            yield raw.index, raw.data
            left -= len(raw.data)
        else:
            result.refuse(raw.as_error(path))
        if left <= 0:
            break
    most = number + max(MOST_STRIDES, MOST_STRIDDEN_BYTES * number // most_bytes)
    with open_content(path) as (file, size):
        if size is None:  # going back and forth in a compressed file would decompress it again and again
            return
        offsets = [offset for offset, broken in islice(read_headers(file, size), most) if not broken]
        left, places = most_bytes // 2, list(range(number, len(offsets)))
        random.Random(0).shuffle(places)
        for index in places:
            if left <= 0:
                break
            file.seek(offsets[index])
            record = read_record(file, offsets[index], size)
            if record.problem is None:
                yield index, record.data
            left -= len(record.data) or most_bytes


def _remote_records(path: str) -> Iterator[tuple[int, bytes]]:
    """Yields the first records of a file behind a network. Raises RecordError if it cannot be read."""
    num_bytes = 0
    try:
        for raw in islice(read_framing(path), REMOTE_RECORDS):
            if raw.problem == EMPTY:
                return
            if raw.problem:
                raise raw.as_error(path)
            yield raw.index, raw.data
            num_bytes += len(raw.data)
            if num_bytes >= REMOTE_BYTES:
                return
    except errors_of(path) as error:
        raise RecordError(path, None, f"cannot be read ({describe_error(error)})") from error
