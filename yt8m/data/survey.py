"""What record files hold, from a look at some of their records: no single record decides what a data set is.

All records of a small data set are looked at. Of a larger one, the first of several files and others farther on in them;
of files behind a network, a few of three files. `yt8m.data.remarks` has what is told, or refused, of what was seen.
"""

import contextlib
import functools
import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import tensorflow as tf

from yt8m.data import foreign
from yt8m.data.checking import Look, level_of, look_at, num_frames, values_of
from yt8m.data.records import EMPTY, file_size, open_file, read_framing, read_headers, read_record
from yt8m.data.schema import FEATURE_SIZES, Level, video_feature
from yt8m.data.sources import describe_error, scheme
from yt8m.errors import InputError, RecordError

MOST_BYTES = 32 << 20
"""Of local records: read and parsed within a second. A data set of no more is looked at whole."""
MOST_FILES, MOST_FILES_WHOLE = 16, 256
MOST_STRIDES, MOST_STRIDDEN_BYTES = 128, 16 << 20
"""How far a file is gone through from header to header, to look at records that are not its first: so many records, or, of
small ones, so many bytes. Each stride may be a seek of a disk."""
REMOTE_FILES, REMOTE_RECORDS, REMOTE_BYTES = 3, 8, 2 << 20
"""Of files behind a network: how many, and how many records and bytes of each."""
_REMOTE_BUFFER = 1 << 20
_RECORDS_AT_ONCE, _BYTES_AT_ONCE = 256, 4 << 20
"""Records that are checked together, at most, and their bytes from which on they are enough."""


@dataclass
class Survey:
    """What was seen. Counts are of the records looked at, less those that cannot be used."""

    files: tuple[str, ...]
    """All files, not those alone that were looked into."""
    is_whole: bool
    """Whether all records were looked at."""
    num_records: int = 0
    num_videos: int = 0
    """Records of video level."""
    num_rated: int = 0
    """Records with rated segments."""
    with_feature: Counter[str] = field(default_factory=Counter)
    """Records that have a feature, by its name at frame level."""
    num_featureless: int = 0
    """Records without any, such as videos without frames."""
    lengths: Counter[int] = field(default_factory=Counter)
    """Records by their number of frames."""
    num_unlabelled: int = 0
    """Records without the key `labels`."""
    first_unlabelled: tuple[str, int] | None = None
    """The file and the record."""
    unlabelled_files: list[str] = field(default_factory=list)
    """Files none of whose records has that key."""
    largest_label: int | None = None
    """Of videos and of ratings."""
    num_foreign: int = 0
    """Records that hold other keys than those of this data set."""
    first_foreign: RecordError | None = None
    """What there is to say of the first."""
    first_error: RecordError | None = None
    """What is wrong with the first record, or file, that cannot be used."""
    first_bare: RecordError | None = None
    """The same of the first record that holds nothing but an id and labels, which is wrong if all are so."""
    num_with_frames: int = 0
    """Records with lists of frames, if empty ones."""

    @property
    def level(self) -> Level:
        """That of most records; `segment` if they are of frames and any has ratings."""
        if self.num_videos > self.num_with_frames:
            return "video"
        return "segment" if self.num_rated else "frame"

    @property
    def features(self) -> tuple[str, ...]:
        """Those that any record has, in the order of `FEATURE_SIZES`."""
        return tuple(name for name in FEATURE_SIZES if self.with_feature[name])

    @property
    def is_usable(self) -> bool:
        """Whether any record is one of this data set."""
        return self.num_videos + self.num_with_frames > 0

    @property
    def looked_at(self) -> str:
        """`24 records`, of all; `the 24 records looked at`, of some."""
        records = f"{self.num_records} record{'' if self.num_records == 1 else 's'}"
        return records if self.is_whole else f"the {records} looked at"

    def lacking(self, feature: str) -> int:
        """Records that have features, but not this one."""
        return self.num_records - self.num_featureless - self.with_feature[feature]

    def longer_than(self, most: int) -> int:
        """Records of more frames."""
        return sum(count for length, count in self.lengths.items() if length > most)

    def add_file(self, path: str, records: Iterator[tuple[int, bytes]]) -> None:
        """Looks at records of a file, (index, serialized)."""
        before, unlabelled = self.num_records, self.num_unlabelled
        for batch in _batches(records):
            looks = look_at([data for _, data in batch])
            for (index, _), look in zip(batch, looks, strict=True):
                self._add(path, index, look)
        count = self.num_records - before
        if count and self.num_unlabelled - unlabelled == count:
            self.unlabelled_files.append(path)

    def refuse(self, error: RecordError) -> None:
        """Notes what cannot be used, in any order within a file."""
        first = self.first_error
        if first is None or (first.path == error.path and (error.record or 0) < (first.record or 0)):
            self.first_error = error

    def _add(self, path: str, index: int, look: Look) -> None:
        example = look.example
        if example is None or look.is_damaged:
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
        if level == "video":
            self.num_videos += 1
            found = [name for name in FEATURE_SIZES if video_feature(name) in context]
        else:
            self.num_with_frames += level is not None
            self.num_rated += level == "segment"
            self.lengths[num_frames(example)] += 1
            found = [name for name in FEATURE_SIZES if name in lists and lists[name].feature]
        self.with_feature.update(found)
        self.num_featureless += not found
        if "labels" not in context:
            self.num_unlabelled += 1
            self.first_unlabelled = self.first_unlabelled or (path, index)
        keys = [key for key in ("labels", "segment_labels") if key in context]
        labels = [label for key in keys for label in values_of(context[key]) if isinstance(label, int)]
        if labels:
            self.largest_label = max(*labels, self.largest_label or 0)


def survey(files: Sequence[str]) -> Survey:
    """Looks at some records of files, the same ones each time.

    That a file is broken is left to whoever reads it, unless all are: the broken ones may be left out
    (`yt8m.data.tools.salvage`).

    Args:
        files: their paths, at least one.

    Raises:
        RecordError: no file can be read and holds features of this data set; a remote one cannot be read.
        InputError: all files are empty.
    """
    states = []
    for path in files:
        status = None
        if not scheme(path):
            with contextlib.suppress(OSError):
                status = os.stat(path)
        states.append(status and (status.st_size, status.st_mtime_ns))
    return _survey(tuple(files), tuple(states))


def level_of_most(files: Sequence[str]) -> Level | None:
    """The level of a survey; None where nothing can be read."""
    with contextlib.suppress(InputError):
        return survey(files).level
    return None


@functools.lru_cache(maxsize=16)
def _survey(files: tuple[str, ...], states: tuple[tuple[int, int] | None, ...]) -> Survey:
    """`survey`, remembered as long as no local file is changed: one command asks for the same files again."""
    sizes = [state[0] for state in states if state]
    is_whole = len(sizes) == len(files) <= MOST_FILES_WHOLE and sum(sizes) <= MOST_BYTES
    result = Survey(files, is_whole)
    chosen = list(files) if is_whole else _choose(files)
    first_choice = set(chosen)
    others = (path for path in files if path not in first_choice)
    while chosen:
        for path in chosen:
            try:
                result.add_file(path, _records(path, result, MOST_BYTES if is_whole else MOST_BYTES // len(chosen)))
            except RecordError as error:
                result.refuse(error)
                if scheme(path):  # where a server is down, each further file would take as long to fail
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
    """The records that are looked at together; those before an error come before it."""
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
    """The first file, the last, and some between them, in their order."""
    most = REMOTE_FILES if any(map(scheme, files)) else MOST_FILES
    if len(files) <= most:
        return list(files)
    between = random.Random(0).sample(range(1, len(files) - 1), most - 2)
    return [files[index] for index in (0, *sorted(between), len(files) - 1)]


def _records(path: str, result: Survey, most_bytes: int) -> Iterator[tuple[int, bytes]]:
    """Records of a file that can be read, each with its index; what cannot be read is noted."""
    if scheme(path):
        yield from _remote_records(path)
        return
    try:
        if file_size(path) <= most_bytes:
            for raw in read_framing(path):
                if raw.problem is None:
                    yield raw.index, raw.data
                elif raw.problem != EMPTY:
                    result.refuse(raw.as_error(path))
        else:
            yield from _some_records(path, result, most_bytes)
    except OSError as error:
        result.refuse(RecordError(path, None, f"cannot be read ({error.strerror or error})"))


def _some_records(path: str, result: Survey, most_bytes: int) -> Iterator[tuple[int, bytes]]:
    """The first records of a large file, for half the bytes, and for the other half some of those after them."""
    size, left, number = file_size(path), most_bytes // 2, 0
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
    with open_file(path) as file:
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
    """The first records of a file behind a network. Raises RecordError."""
    num_records, num_bytes = 0, 0
    try:
        for serialized in tf.data.TFRecordDataset(path, buffer_size=_REMOTE_BUFFER).take(REMOTE_RECORDS):
            data = serialized.numpy()
            yield num_records, data
            num_records, num_bytes = num_records + 1, num_bytes + len(data)
            if num_bytes >= REMOTE_BYTES:
                return
        # TensorFlow takes a file that is shorter than a record's header for an empty one.
        broken = None if num_records else _framing_error(path)
    except tf.errors.DataLossError as error:
        raise _framing_error(path) or RecordError(path, None, f"cannot be read ({describe_error(error)})") from error
    except tf.errors.OpError as error:
        raise RecordError(path, None, f"cannot be read ({describe_error(error)})") from error
    if broken:
        raise broken


def _framing_error(path: str) -> RecordError | None:
    """The first record whose framing is broken, as an error; None if there is none, or if the file is empty."""
    with contextlib.suppress(OSError, tf.errors.OpError):
        for raw in read_framing(path):
            if raw.problem and raw.problem != EMPTY:
                return raw.as_error(path)
    return None
