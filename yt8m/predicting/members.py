"""Opens the members of an ensemble (runs, stored predictions and submissions) and aligns their rows."""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from yt8m.data.ids import check_submittable
from yt8m.errors import InputError
from yt8m.files import refuse_inputs
from yt8m.predicting import Predictions, StoredPredictions
from yt8m.predicting.combining import Combined, check_descriptions, check_members
from yt8m.predicting.elsewhere import Elsewhere
from yt8m.predicting.kept import keep, kept_in_run
from yt8m.predicting.listed import ListedPredictions, SubmissionList, describe_lists
from yt8m.predicting.listed_segments import SegmentList, rows_of_segments
from yt8m.predicting.listed_videos import VideoList, rows_of_videos
from yt8m.predicting.prediction import AskedPrior
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.predicting.selection import Selection
from yt8m.predicting.stored import is_stored
from yt8m.progress import SILENT, Progress, Remarks
from yt8m.runs import RunDirectory
from yt8m.runs.unlike import describe_place, is_archive
from yt8m.scoring.calibration import Calibrations
from yt8m.submission import Task, detect_task, read_segment_class_ids

if TYPE_CHECKING:
    from yt8m.distribution.devices import Devices

Member = StoredPredictions | RunPredictions | SubmissionList | ListedPredictions
"""A member before all of them are predictions for the same rows."""

_LARGE_LIST = 50 << 20
"""Size in bytes from which a submission takes seconds to read."""


@dataclass(frozen=True, kw_only=True)
class RunMembers:
    """How members that are runs predict; see `RunPredictions`."""

    data: Sequence[str] = ()
    """The records; none = no member may be a run."""
    task: Task | None = None
    segment_classes: str | os.PathLike | None = None
    submitted: bool = False
    calibrations: Sequence[str | os.PathLike] = ()
    """Files, each for one of the runs."""
    devices: "Callable[[], Devices] | None" = None


def open_members(
    members: Sequence[str | os.PathLike],
    of_runs: RunMembers = RunMembers(),
    mean: Combined = "geometric",
    progress: Progress = SILENT,
) -> list[Member]:
    """Opens stored predictions, lists and runs, and checks that they fit together as far as is known before predicting.

    Args:
        members: run directories, directories of stored predictions, or submissions.
        of_runs: the records for runs, and how they predict.
        mean: the mean or other combination to make.
        progress: gets a line on the broken records that are left out, if a run is to skip them, and on rows that lists lack.

    Returns:
        One object for each member. Lists stay `SubmissionList`s if there are runs: the rows are known once the runs predicted.

    Raises:
        InputError, RecordError: a member is none of these, is a run without records to predict, or is given twice; members
            have different tasks or classes, or are stored for different rows; a run's predictions cannot be kept in its
            directory; a list breaks the rules or has other rows.
    """
    _refuse_twice(members)
    remarks = Remarks(progress)  # says remarks that several members share once
    asked, classes = Calibrations(of_runs.calibrations), of_runs.segment_classes
    of_run = functools.partial(
        RunPredictions,
        data=of_runs.data,
        task=of_runs.task,
        selection=Selection(segment_classes=classes),
        submitted=of_runs.submitted,
        calibrations=asked,
        devices=of_runs.devices,
        progress=remarks,
    )
    opened = [_open_member(member, of_run if of_runs.data else None, of_runs.task, mean, remarks) for member in members]
    asked.refuse_unused()
    lists = [member for member in opened if isinstance(member, SubmissionList)]
    describe_lists(opened, read_segment_class_ids(classes) if classes and len(lists) == len(opened) else None)
    check_descriptions(opened)
    there = [member for member in opened if isinstance(member, StoredPredictions)]
    if there:
        check_members(there)
    runs = [member for member in opened if isinstance(member, RunPredictions)]
    for run in runs:
        run.open_store(kept_in_run(run), replace=True)
        for each in lists:
            _refuse_stranger(each, run)
    return opened if runs else _aligned(opened, remarks)


def _refuse_twice(members: Sequence[str | os.PathLike]) -> None:
    typed: dict[str, str] = {}
    for member in map(os.fspath, members):
        place = os.path.realpath(member)
        if place in typed:
            other = "" if typed[place] == member else f", as {typed[place]}"
            raise InputError(
                f"{member}: is a member already{other}; leave it out, or count it more by its weight (yt8m ensemble --weights)"
            )
        typed[place] = member


def _open_member(
    path: str | os.PathLike,
    of_run: Callable[[str | os.PathLike], RunPredictions] | None,
    task: Task | None,
    mean: Combined,
    progress: Progress,
) -> Member:
    """Opens a member. `of_run` opens a run; it is None if there are no records to predict."""
    if os.path.isfile(path) and not is_archive(path):
        return _open_list(path, task, mean, progress)
    if is_stored(path):
        return StoredPredictions(path)
    if not RunDirectory(Path(path)).config.is_file():
        known = describe_place(path) or (
            "is neither a run nor stored predictions nor a submission; make predictions with yt8m predict --store DIR"
        )
        raise InputError(f"{path}: {known}")
    if of_run is None:
        raise InputError(f"{path}: is a run; name the records to predict with --data, or give stored predictions")
    return of_run(path)


def _open_list(path: str | os.PathLike, task: Task | None, mean: Combined, progress: Progress) -> SubmissionList:
    found = detect_task(path)
    if task and found != task:
        raise InputError(
            f"{os.fspath(path)}: is a submission for the {found} task, and --task is {task}; give one for that"
        )
    if os.path.getsize(path) > _LARGE_LIST:
        progress.message(f"{os.fspath(path)}: reading")
    return VideoList(path, ranked=mean == "rank") if found == "video" else SegmentList(path)


def _refuse_stranger(listed: SubmissionList, run: RunPredictions) -> None:
    """Raises InputError before a run predicts if the list has none of the videos in the first file."""
    first, known = run.first_videos(), set(listed.video_ids)
    if first and known.isdisjoint(first):
        name = first[0].decode("utf-8", "backslashreplace")
        raise InputError(
            f"{listed.name}: has none of the videos of the first file that {run.name} is to predict, such as {name!r}; give "
            "a submission for the same records"
        )


def make_members(
    members: Sequence[Member], progress: Progress, elsewhere: Elsewhere | None = None
) -> list[Predictions]:
    """Returns the members as predictions for the same rows. Missing predictions of runs are made and kept in the runs.

    Args:
        members: the members.
        progress: counts the videos, or segments, of runs.
        elsewhere: makes what is missing; None = this process.

    Raises:
        InputError, RecordError: a record cannot be used, or a list has other rows.
    """
    made = [_make_member(each, progress, elsewhere) if isinstance(each, RunPredictions) else each for each in members]
    return _aligned(made, progress)


def _make_member(member: RunPredictions, progress: Progress, elsewhere: Elsewhere | None) -> StoredPredictions:
    place = kept_in_run(member)
    if not is_stored(place):
        progress.message(f"{member.name}: predicting, kept in {place}")
    return keep(member, progress, elsewhere)


def _aligned(members: Sequence[Predictions | SubmissionList], progress: Progress) -> list[Predictions]:
    """Aligns the lists among the members with the rows of the others, or with all rows of any list."""
    rows = next((member for member in members if not isinstance(member, SubmissionList)), None)
    if rows is None:
        of_videos = isinstance(members[0], VideoList)
        rows = rows_of_videos(members) if of_videos else rows_of_segments(members)
    return [member.aligned(rows, progress) if isinstance(member, SubmissionList) else member for member in members]


def refuse_inputs_as(out: str | os.PathLike | None, members: Sequence[Member]) -> None:
    """Raises InputError if the file to write would replace a member or a file that a member is made from."""
    for member in members if out is not None else ():
        if isinstance(member, RunPredictions):
            member.refuse(out)
        elif not isinstance(member, StoredPredictions):
            refuse_inputs(out, [member.path])


def refuse_places_from_the_end(members: Sequence[Member], count: int) -> None:
    """Raises InputError if last segments are to be left out but no member knows how long videos are."""
    if count and all(isinstance(member, ListedPredictions) for member in members):
        raise InputError(
            f"--skip-last-segments {count}: lists do not say how long videos are; leave the flag out, or add a run or stored "
            "predictions (with a weight of 0, say)"
        )


def check_videos(prior: AskedPrior | None, members: Sequence[Predictions | Member]) -> None:
    """Raises InputError if a prior lacks a video of the members, as far as both are known."""
    for member in members if prior else ():
        if isinstance(member, RunPredictions):
            prior.check_videos(member.first_videos())
        elif isinstance(member, SubmissionList):
            prior.check_videos(member.video_ids)
        else:
            for part in member.rows():
                prior.check_videos(part.ids.tolist())


def check_first_ids(members: Sequence[Predictions | Member]) -> None:
    """Raises InputError if a known id cannot stand in a submission. Ids of lists come from one, and are not checked."""
    for member in members:
        if isinstance(member, RunPredictions):
            member.check_first_ids()
        elif not isinstance(member, SubmissionList):
            for part in member.rows():
                check_submittable(dict.fromkeys(part.ids.tolist()), member.name)
