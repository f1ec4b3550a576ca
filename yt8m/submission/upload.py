"""Submits a file to the leaderboard: checks, compresses and uploads it, and waits for the score."""

import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from yt8m.data.schema import DEFAULT_NUM_CLASSES
from yt8m.errors import InputError
from yt8m.metrics.segments import DEFAULT_MAX_SEGMENTS
from yt8m.progress import SILENT, Progress
from yt8m.submission.files import Task, detect_task
from yt8m.submission.leaderboard import Leaderboard, Submission, UnansweredError
from yt8m.submission.validation import Validation, validate


@dataclass(frozen=True, slots=True)
class Competition:
    """The submissions that a competition accepts."""

    task: Task
    num_classes: int


COMPETITIONS = {
    "youtube8m": Competition("video", 4716),
    "youtube8m-2018": Competition("video", 3862),
    "youtube8m-2019": Competition("segment", 3862),
}
"""The competitions of YouTube-8M on Kaggle. For others, the file's header tells the task; they have the newest vocabulary."""

_MAX_ERRORS = 3
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A submitted file."""

    submission: Submission | None
    """The submission as Kaggle listed it last; None if Kaggle was not asked, or did not answer."""
    reference: int
    """Kaggle's number of the submission; 0 = unknown."""
    num_bytes: int
    """Bytes of the archive."""
    address: str
    """The page that lists the submission."""


class PollDelays(NamedTuple):
    """Seconds between two checks for the score: the first wait, and the longest."""

    first: float
    longest: float


POLL_DELAYS = PollDelays(2, 30)


def check_for(
    path: str | os.PathLike,
    competition: str,
    num_classes: int | None = None,
    segment_classes_path: str | os.PathLike | None = None,
    max_segments: int = DEFAULT_MAX_SEGMENTS,
) -> Validation:
    """Validates a submission by the rules of a competition. See `validate` for the arguments.

    Args:
        path: the CSV file.
        competition: the name on Kaggle. An unknown competition accepts both tasks.
        num_classes: None = the competition's number.
        segment_classes_path: a `segment_label_ids.csv`.
        max_segments: the largest number of segments per class.

    Raises:
        InputError: the file is for the other task, is invalid (the message has the first errors), or cannot be read.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        raise InputError(f"{os.fspath(path)}: is not a plain file; give a CSV file, which can be read twice")
    known = COMPETITIONS.get(competition)
    if known and (task := detect_task(path)) != known.task:
        raise InputError(
            f"{os.fspath(path)}: is a submission for the {task} task; {competition} takes the {known.task} task"
        )
    classes = num_classes or (known.num_classes if known else DEFAULT_NUM_CLASSES)
    found = validate(path, classes, segment_classes_path, max_segments, _MAX_ERRORS)
    if found.errors:
        raise InputError(
            f"{os.fspath(path)}: is not valid, and was not uploaded: {'; '.join(found.errors)} (yt8m validate shows more)"
        )
    return found


def upload(
    path: str | os.PathLike,
    leaderboard: Leaderboard,
    message: str | None = None,
    wait: float = 600,
    progress: Progress = SILENT,
    show_progress: bool = False,
    poll_delays: PollDelays = POLL_DELAYS,
) -> Uploaded:
    """Submits a file that passed `check_for`.

    It first asks for earlier submissions, so that problems with the token or the rules show before the file is compressed and
    uploaded. The archive is made beside the file and always removed.

    Args:
        path: the CSV file.
        leaderboard: the leaderboard of the competition.
        message: the description on Kaggle; None = the file's name.
        wait: seconds to wait for the score; 0 = do not wait.
        progress: counts the compressed bytes, and gets lines on each step.
        show_progress: whether the client draws a bar of the upload on stderr.
        poll_delays: seconds between checks for the score.

    Returns:
        The submission, scored, or still pending after the wait.

    Raises:
        InputError: as in `Leaderboard`, or Kaggle could not score the submission.
    """
    path = Path(path)
    message = message or path.name
    address = f"{leaderboard.address}/submissions"
    earlier = {each.reference for each in leaderboard.submissions()}

    def is_new(each: Submission) -> bool:
        return each.reference not in earlier and (each.file_name, each.message) == (archive.name, message)

    with _archive(path, progress) as archive:
        num_bytes = archive.stat().st_size
        try:
            reference = leaderboard.submit(os.fspath(archive), message, show_progress)
        except UnansweredError as error:
            reference = _reference_after(error, leaderboard, is_new, address)

    def is_ours(each: Submission) -> bool:
        return each.reference == reference if reference else is_new(each)

    submission = None
    if wait > 0:
        progress.message(f"submitted; waiting up to {wait:g} s for the score (it stays submitted if you stop this)")
        submission = _wait_for_score(leaderboard, is_ours, wait, poll_delays, progress)
    if submission and submission.status == "error":
        raise InputError(f"{path}: was submitted, and could not be scored ({submission.problem}); see {address}")
    return Uploaded(submission, submission.reference if submission else reference, num_bytes, address)


def _reference_after(
    error: UnansweredError, leaderboard: Leaderboard, is_new: Callable[[Submission], bool], address: str
) -> int:
    """The number of a submission whose answer was lost. Submitting again would use the day's quota twice."""
    try:
        arrived = next(filter(is_new, leaderboard.submissions()), None)
    except InputError:
        raise UnansweredError(f"{error}; first look at {address} whether it was submitted") from error
    if arrived is None:
        raise error
    return arrived.reference


def _wait_for_score(
    leaderboard: Leaderboard,
    is_ours: Callable[[Submission], bool],
    wait: float,
    delays: PollDelays,
    progress: Progress,
) -> Submission | None:
    deadline = time.monotonic() + wait
    delay = delays.first
    while True:
        try:
            found = next(filter(is_ours, leaderboard.submissions()), None)
        except InputError as error:  # the file is submitted all the same
            progress.message(f"the score could not be asked for: {error}")
            return None
        left = deadline - time.monotonic()
        if left <= 0 or (found and found.status != "pending"):
            return found
        time.sleep(min(delay, left))
        delay = min(1.5 * delay, delays.longest)


@contextmanager
def _archive(path: Path, progress: Progress) -> Iterator[Path]:
    """Zips a file to `NAME.zip` in a temporary directory beside it, for the duration of the block."""
    try:
        directory = tempfile.TemporaryDirectory(prefix=".yt8m-upload-", dir=path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    with directory as folder:
        archive = Path(folder) / f"{path.name}.zip"
        try:
            _compress(path, archive, progress)
        except OSError as error:
            raise _unwritable(path, error) from error
        yield archive


def _compress(path: Path, archive: Path, progress: Progress) -> None:
    entry = zipfile.ZipInfo.from_file(path, path.name, strict_timestamps=False)
    entry.compress_type = zipfile.ZIP_DEFLATED
    with (
        zipfile.ZipFile(archive, "w") as file,
        path.open("rb") as source,
        file.open(entry, "w") as packed,
        progress.working("compressing", "B", total=entry.file_size),
    ):
        while chunk := source.read(_CHUNK_BYTES):
            packed.write(chunk)
            progress.advance(len(chunk))


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path}: cannot be compressed beside it ({error.strerror}); make room, or copy it elsewhere")
