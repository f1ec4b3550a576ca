"""Reads submissions of both tasks, one row at a time, and finds their errors."""

import math
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from yt8m.data.ids import (
    LONGEST_ID,
    RULE,
    UNFIT,
    id_problem,
)
from yt8m.data.schema import DEFAULT_NUM_CLASSES, LARGEST_NUM_CLASSES, SEGMENT_FRAMES
from yt8m.errors import quantity
from yt8m.metrics.segments import DEFAULT_MAX_SEGMENTS
from yt8m.submission.files import LineError, Report, check_task, read_fields, stop_at_error
from yt8m.submission.segments import LONGEST_START
from yt8m.submission.video import MAX_PAIRS

_LARGEST_SCORE = float(np.finfo(np.float32).max)
_SPACE, _COLON, _ZERO = b" :0"
_HASH_FACTOR = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that nothing is lost modulo 2**64, and without a pattern: 2**64 divided by the golden ratio."""


@dataclass(frozen=True, slots=True)
class VideoRow:
    """A video of a submission."""

    line: int
    """The number of the line in the file, from 1."""
    video_id: str
    classes: list[int]
    """Predicted classes, at most 20, all different."""
    scores: list[float]
    """The score of each class, descending."""


def read_video_submission(
    path: str | os.PathLike, num_classes: int = DEFAULT_NUM_CLASSES, report: Report = stop_at_error
) -> Iterator[VideoRow]:
    """Yields the rows of a submission for the video task. Only the ids stay in memory.

    Args:
        path: the CSV file.
        num_classes: classes go from 0 to num_classes - 1.
        report: called with an error for every row that breaks a rule. Such rows are left out. The default raises it.

    Raises:
        LineError: the header is not for this task, or `report` raises.
        InputError: the file cannot be read.
    """
    check_task(path, "video")
    first_lines: dict[str, int] = {}
    for line, video_id, pairs in read_fields(path, report):
        if not video_id:
            report(LineError(os.fspath(path), line, "the video's id is empty; start the line with it"))
            continue
        problem = id_problem(video_id)
        if problem:
            report(LineError(os.fspath(path), line, f"video {video_id[:60]!r}: the id {problem}; {RULE}"))
            continue
        if video_id in first_lines:
            reason = f"video {video_id!r} was on line {first_lines[video_id]} already; keep one of the two"
            report(LineError(os.fspath(path), line, reason))
            continue
        first_lines[video_id] = line
        try:
            classes, scores = _parse_pairs(pairs.decode())
            _check_pairs(classes, scores, num_classes)
        except ValueError as error:
            report(LineError(os.fspath(path), line, f"video {video_id!r}: {error}"))
            continue
        yield VideoRow(line, video_id, classes, scores)


def _parse_pairs(text: str) -> tuple[list[int], list[float]]:
    """``class score class score ...`` as two lists. Raises ValueError with the reason."""
    if not text:
        return [], []
    tokens = text.split(" ")
    if len(tokens) % 2:
        raise ValueError(
            f"{len(tokens)} values are not a whole number of class and score pairs; complete the last pair"
        )
    # Python's own parsing also accepts underscores between digits, other scripts' digits and other kinds of spaces.
    if text.isascii() and "_" not in text:
        try:
            return list(map(int, tokens[::2])), list(map(float, tokens[1::2]))
        except ValueError:
            pass
    for kind, parse, values in (("class", int, tokens[::2]), ("score", float, tokens[1::2])):
        for value in values:
            try:
                parse(value.replace("_", "?") if value.isascii() else "?")
            except ValueError:
                raise ValueError(
                    f"{value[:40]!r} is not a {kind}; write pairs of a class and a score, with one space between values"
                ) from None
    raise AssertionError("unreachable: some value did not parse")


def say_classes(unknown: int, num_classes: int) -> str:
    """Names the range of classes, and the flag for more."""
    known = f"classes go from 0 to {num_classes - 1}"
    if not num_classes <= unknown < LARGEST_NUM_CLASSES:
        return known
    return f"{known}, those of 2017 to {LARGEST_NUM_CLASSES - 1}: --num-classes {LARGEST_NUM_CLASSES}"


def _check_pairs(classes: list[int], scores: list[float], num_classes: int) -> None:
    """Raises ValueError with the reason if a video's predictions break a rule."""
    if len(classes) > MAX_PAIRS:
        raise ValueError(f"{len(classes)} predictions; keep the best {MAX_PAIRS}")
    if not classes:
        return
    if not all(map(math.isfinite, scores)) or max(scores) > _LARGEST_SCORE or min(scores) < -_LARGEST_SCORE:
        broken = next(score for score in scores if not abs(score) <= _LARGEST_SCORE)
        raise ValueError(f"a score is {broken}; scores must be finite float32 numbers")
    if min(classes) < 0 or max(classes) >= num_classes:
        unknown = next(class_id for class_id in classes if not 0 <= class_id < num_classes)
        raise ValueError(f"class {unknown} does not exist; {say_classes(unknown, num_classes)}")
    if len(set(classes)) < len(classes):
        twice = next(class_id for index, class_id in enumerate(classes) if class_id in classes[:index])
        raise ValueError(f"class {twice} is predicted twice; list it once")
    if scores != sorted(scores, reverse=True):
        place = next(index for index in range(1, len(scores)) if scores[index] > scores[index - 1])
        raise ValueError(f"score {scores[place]} follows {scores[place - 1]}; sort by descending score")


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """A class of a submission."""

    line: int
    """The number of the line in the file, from 1."""
    class_id: int
    ids: np.ndarray
    """The videos of the segments, bytes [N], best first."""
    starts: np.ndarray
    """The first seconds of the segments, int64 [N]."""


def read_segment_submission(
    path: str | os.PathLike,
    classes: Collection[int] = range(DEFAULT_NUM_CLASSES),
    max_segments: int = DEFAULT_MAX_SEGMENTS,
    report: Report = stop_at_error,
) -> Iterator[SegmentRow]:
    """Yields the rows of a submission for the segment task, one class at a time.

    Args:
        path: the CSV file.
        classes: the classes that may have a row.
        max_segments: the largest number of segments per class.
        report: called with an error for every row that breaks a rule. Such rows are left out. The default raises it.

    Raises:
        LineError: the header is not for this task, or `report` raises.
        InputError: the file cannot be read.
    """
    check_task(path, "segment")
    allowed = set(classes)
    first_lines: dict[int, int] = {}
    for line, text, segments in read_fields(path, report):
        try:
            class_id = _parse_class(text, allowed)
            if class_id in first_lines:
                raise ValueError(f"class {class_id} was on line {first_lines[class_id]} already; keep one of the two")
            first_lines[class_id] = line
            ids, starts = _parse_segments(segments)
            _check_segments(segments, ids, starts, max_segments)
        except ValueError as error:
            report(LineError(os.fspath(path), line, str(error)))
            continue
        yield SegmentRow(line, class_id, ids, starts)


def _parse_class(text: str, allowed: Collection[int]) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"{text[:40]!r} is not a class; start the line with a class id")
    if int(text) not in allowed:
        raise ValueError(
            f"class {int(text)} is not one of the {quantity(len(allowed), 'class')} of the task; remove the line"
        )
    return int(text)


def _parse_segments(line: bytes) -> tuple[np.ndarray, np.ndarray]:
    """``id:start id:start ...`` as ids, bytes [N], and starts, int64 [N]. Raises ValueError with the reason.

    It parses all tokens at once: it splits each at its last colon, and adds up the digits by place.
    """
    if not line:
        return np.empty(0, "S1"), np.empty(0, np.int64)
    text = np.frombuffer(line, np.uint8)
    ends = np.append(np.flatnonzero(text == _SPACE), text.size)
    begins = np.concatenate(([0], ends[:-1] + 1))
    colons = np.concatenate(([-1], np.flatnonzero(text == _COLON)))
    num_colons = len(colons) - 1
    colons = colons[np.searchsorted(colons, ends) - 1]
    id_lengths, num_digits = colons - begins, ends - colons - 1
    broken = (id_lengths < 1) | (id_lengths > LONGEST_ID) | (num_digits < 1) | (num_digits > LONGEST_START)
    starts = np.zeros(len(ends), np.int64)
    if not broken.any():
        broken = (num_digits > 1) & (text[colons + 1] == _ZERO)
        for place in range(num_digits.max()):
            present = num_digits > place
            digits = np.where(present, text[ends - 1 - np.minimum(place, num_digits - 1)].astype(np.int64) - _ZERO, 0)
            broken |= (digits < 0) | (digits > 9)
            starts += digits * 10**place
    if broken.any():
        token = int(np.argmax(broken))
        shown = line[begins[token] : ends[token]].decode()[:40]
        raise ValueError(
            f"{shown!r} is not a segment; write id:start, with the start in whole seconds and one space between segments"
        )
    if num_colons > len(ends) or b'"' in line or not line.isascii():
        _check_ids_of(line)
    columns = np.arange(id_lengths.max())
    characters = text[np.minimum(begins[:, None] + columns, text.size - 1)]
    characters[columns >= id_lengths[:, None]] = 0
    return characters.view(f"S{len(columns)}")[:, 0], starts


def _check_ids_of(line: bytes) -> None:
    """Raises ValueError with the reason if a segment's id is not allowed in a submission."""
    text = line.decode()
    if text.count(":") == text.count(" ") + 1 and not UNFIT.search(text.replace(" ", "").replace(":", "")):
        return
    for token in text.split(" "):
        problem = id_problem(token.rpartition(":")[0])
        if problem:
            raise ValueError(f"segment {token[:60]!r}: the id {problem}; {RULE}")


def _check_segments(line: bytes, ids: np.ndarray, starts: np.ndarray, max_segments: int) -> None:
    """Raises ValueError with the reason if a class's segments break a rule."""
    if len(starts) > max_segments:
        raise ValueError(f"{len(starts)} segments; keep the best {max_segments}")
    if (starts % SEGMENT_FRAMES).any():
        start = starts[starts % SEGMENT_FRAMES != 0][0]
        raise ValueError(f"a segment starts at {start} s; segments start at multiples of {SEGMENT_FRAMES} s")
    if not _may_repeat(ids, starts):
        return
    seen: set[bytes] = set()
    twice = next((token for token in line.split(b" ") if token in seen or seen.add(token)), None)
    if twice is not None:
        raise ValueError(f"segment {twice.decode()!r} is listed twice; list it once")


def _may_repeat(ids: np.ndarray, starts: np.ndarray) -> bool:
    """Whether two segments have the same hash. This is certain if a segment is listed twice, and very rare otherwise."""
    num_words = -(-ids.itemsize // 8)
    words = ids.astype(f"S{8 * num_words}").view(np.uint64).reshape(len(ids), num_words)
    hashes = starts.astype(np.uint64)
    for place in range(num_words):
        hashes = hashes * _HASH_FACTOR + words[:, place]  # modulo 2**64
    hashes.sort()
    return bool((hashes[1:] == hashes[:-1]).any())
