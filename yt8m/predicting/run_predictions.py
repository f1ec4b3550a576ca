"""Makes a run's predictions for records, part by part, so that it can resume after a stop."""

import contextlib
import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from yt8m import runs
from yt8m.config import RunConfig, to_dict
from yt8m.data import failures, remarks
from yt8m.data.access.file_access import file_size
from yt8m.data.endings import refuse_broken_ends
from yt8m.data.identity import digest_of, identify, needs_ids, read_ids
from yt8m.data.ids import check_submittable
from yt8m.data.repeats import Once
from yt8m.data.schema import WHOLE, Level, Share
from yt8m.data.source import Source
from yt8m.data.sources import expand_paths, scheme
from yt8m.data.survey import survey
from yt8m.data.tables.vocabulary import find_segment_classes
from yt8m.errors import InputError
from yt8m.files import digest_of_file
from yt8m.metrics import top_k_predictions
from yt8m.metrics.registry import Task, task_of
from yt8m.predicting import Description, Part, PredictionStore, StoredPredictions
from yt8m.predicting.folds import folds_of, identity_of_fold
from yt8m.predicting.parts import in_file_order
from yt8m.predicting.selection import USUAL, Selection, ranked_classes
from yt8m.predicting.stored import concatenated, store
from yt8m.progress import SILENT, Progress
from yt8m.runs.best import best_weights
from yt8m.runs.records import choose_paths, open_data
from yt8m.scoring.calibration import Calibrations
from yt8m.submission.coverage import all_ranked_remark

if TYPE_CHECKING:
    from yt8m.distribution.devices import Devices
    from yt8m.scoring.scorer import Scored, Scorer

PART_BYTES = 256 << 20
"""Bytes of records for one part of stored predictions: about 1000 videos at frame level."""
_REMOTE_FILES_A_PART = 8


class RunPredictions:
    """Predictions of a run for records, before they are made.

    Args:
        run: a run directory; or the runs of several folds, each of which predicts the videos that it left out.
        data: files, directories or globs; none = the run's test split, or for folds their training records.
        devices: opens the devices to compute on, before the first prediction; None = TensorFlow's choice, without other workers.
        task: the task; None = `segment` for records with rated segments, else `video`.
        selection: the classes to keep, and their precision; with calibrations it is float32.
        submitted: whether they become a submission. An id that cannot stand in one is then refused as soon as it is read.
        calibrations: the given files. Each run uses its own among them.
        progress: gets a line on the broken records that are left out, if the run is to skip them, and one on predictions that are
            made again.

    Raises:
        InputError, RecordError: there is no such run or file, or the runs are not folds of one training.
    """

    def __init__(
        self,
        run: str | os.PathLike | Sequence[str | os.PathLike],
        data: str | Sequence[str] = (),
        *,
        task: Task | None = None,
        selection: Selection = USUAL,
        submitted: bool = False,
        calibrations: Calibrations | None = None,
        devices: "Callable[[], Devices] | None" = None,
        progress: Progress = SILENT,
    ):
        self._open_devices, self._progress = devices, progress
        self._submitted, self._once = submitted, Once()
        self._num_short = self._num_without_frames = self._num_cut = 0
        self.runs = [run] if isinstance(run, str | os.PathLike) else list(run)
        self.name = " + ".join(map(os.fspath, self.runs))
        configs = [runs.load_config(each) for each in self.runs]
        self._models = [[config.training.precision, to_dict(config)["model"]] for config in configs]
        self.config = configs[0]
        self._folds = folds_of(self.runs, configs)
        self.paths = choose_paths(self.runs[0], self.config, data, "train" if self._folds else "test", progress)
        self._weights = [best_weights(each) for each in self.runs]
        self._calibrations = (calibrations or Calibrations()).of_runs(self.runs)
        source = self._open_source(task, configs)
        self._sources = [dataclasses.replace(source, fold=fold, held_out=True) for fold in self._folds] or [source]
        self.segment_classes = self._find_segment_classes(selection) if source.level == "segment" else None
        self.description = self._describe(source.level, selection)
        for each in filter(None, self._calibrations):
            each.refuse_task(self.description.task, self.name)

    def _open_source(self, task: Task | None, configs: Sequence[RunConfig]) -> Source:
        config, progress = self.config, self._progress
        if task is None and config.data.segment_context:
            task = "segment"  # such a model only predicts segments
        source = open_data(config, self.paths, None if task is None else task == "segment", progress, counted="videos")
        if task is None and source.level == "frame" and any(map(_learned_segments, self.runs, configs)):
            progress.message(
                f"{source.files[0]} ...: holds no rated segments, from which {self.name} learned, so whole videos are predicted; "
                "--task segment ranks their segments"
            )
        refuse_broken_ends(source)  # checks all files now, not part by part
        return source

    def _find_segment_classes(self, selection: Selection) -> str | os.PathLike | None:
        """Returns the list of the ranked classes. Without a list, returns None and says that all are ranked."""
        first, num_classes = expand_paths(self.paths)[0], self.config.data.num_classes
        found = selection.segment_classes or find_segment_classes(first, num_classes)
        if not found:
            self._progress.message(all_ranked_remark(first, num_classes))
        return found

    def _describe(self, level: Level, selection: Selection) -> Description:
        num_classes, class_ids = self.config.data.num_classes, selection.class_ids
        if level == "segment":
            class_ids = ranked_classes(self.segment_classes, self.runs[0], num_classes)
        elif class_ids is None and not selection.top_k:
            class_ids = range(num_classes)
        return Description(
            task="segment" if level == "segment" else "video",
            num_classes=num_classes,
            classes=None if class_ids is None else tuple(class_ids),
            top_k=min(selection.top_k, num_classes) if class_ids is None else None,
            # Within a step of a calibration only a hundredth of the logit is left, which float16 would round away.
            precision="float32" if any(self._calibrations) else selection.precision,
        )

    @functools.cached_property
    def _devices(self) -> "Devices":
        from yt8m.distribution.devices import alone  # loads TensorFlow, which finding mistakes does not need

        return (self._open_devices or alone)()

    def refuse(self, out: str | os.PathLike) -> None:
        """Raises InputError if the file to write would replace a file of the runs or records to read."""
        runs.refuse_kept(out, self.runs, inputs=self._sources[0].files)

    @functools.cached_property
    def made_from(self) -> dict[str, Any]:
        """What determines the predictions, as plain JSON values, apart from the ids of the records of each part."""
        data, source = self.config.data, self._sources[0]
        calibrations = [each.identity for each in self._calibrations if each]
        return {
            "weights": [digest_of_file(path) for path in self._weights],
            "models": self._models,
            # All named files: they determine which broken ones are left out.
            "files": identify(expand_paths(self.paths)),
            "features": list(data.features),
            "frames": [data.prediction_num_frames, data.prediction_sampling, data.max_frames],
            "context": [source.context, source.context_num_frames],
            "folds": [identity_of_fold(fold) for fold in self._folds],
        } | ({"calibrations": calibrations} if calibrations else {})

    @property
    def num_parts(self) -> int:
        """Number of parts that the predictions are stored in."""
        return len(self._groups())

    @functools.cached_property
    def _ids_of_first_file(self) -> list[bytes]:
        source = self._sources[0]
        with failures.record_errors(source):
            return read_ids(source.files[:1])

    def first_videos(self) -> list[bytes]:
        """Returns the ids of the videos in the first file, without predicting. Raises as `store`."""
        return self._ids_of_first_file

    def check_first_ids(self) -> None:
        """Raises InputError if one of the first ids cannot stand in a submission."""
        check_submittable(self.first_videos(), self._sources[0].files[0])

    def open_store(
        self, directory: str | os.PathLike, *, part_bytes: int | None = None, replace: bool = False
    ) -> PredictionStore:
        """Opens the store for the predictions; see `store`. Nothing is written yet.

        Raises:
            InputError: the directory holds other things or cannot be written.
        """
        num_parts = len(self._groups(part_bytes))
        return PredictionStore(directory, self.description, self.made_from, num_parts, replace, self.name)

    def _groups(self, part_bytes: int | None = None) -> list[tuple[str, ...]]:
        return list(_groups(self._sources[0].files, part_bytes or PART_BYTES))

    def store(
        self,
        directory: str | os.PathLike,
        progress: Progress = SILENT,
        part_bytes: int | None = None,
        replace: bool = False,
    ) -> StoredPredictions:
        """Makes the predictions, or the missing parts of them.

        Args:
            directory: the directory to store them in. Parts of the same predictions there are kept.
            progress: counts the videos, or segments, after each batch.
            part_bytes: bytes of records for a part; None = `PART_BYTES`.
            replace: whether to replace other predictions there, and parts of records with other ids.

        Raises:
            InputError, RecordError: a record cannot be used; a video occurs twice; the directory holds other things or cannot be
                written.
        """
        devices, groups = self._devices, self._groups(part_bytes)
        self._num_short = self._num_without_frames = self._num_cut = 0
        into = devices.on_chief(lambda: self.open_store(directory, part_bytes=part_bytes, replace=replace))
        devices.on_chief(lambda: self._compare_ids(into, groups, replace))
        missing = devices.on_chief(into.missing)
        from yt8m.runs.model import load_run
        from yt8m.scoring.scorer import Scorer

        with devices.strategy.scope():
            of_runs = zip(self.runs, self._calibrations, strict=True) if missing else ()
            scorers = [Scorer(load_run(run), devices, calibration) for run, calibration in of_runs]
        if 1 < devices.num_workers <= len(missing):
            own = set(missing[devices.worker :: devices.num_workers])
            devices.together(lambda: self._make(scorers, groups, own, into, progress))
        elif devices.num_workers > 1:
            for number in missing:
                self._make_together(scorers, groups[number], number, into, progress)

        def maker(files: tuple[str, ...]) -> Callable[[], Part]:
            return lambda: self._part(scorers, files, progress)

        def finish() -> None:
            with failures.record_errors(self._sources[0]):
                store(map(maker, groups), into, progress, lambda number: self._ids(groups[number]))

        devices.on_chief(finish)
        counts = devices.together(lambda: (self._num_short, self._num_without_frames, self._num_cut))
        devices.on_chief(lambda: self._tell_counts(*map(sum, zip(*counts, strict=True))))
        return StoredPredictions(directory, self.name)

    def _ids(self, files: Sequence[str]) -> str:
        """Returns a digest of the ids of some files' records; empty if the files' versions are enough."""
        if not needs_ids(self.made_from["files"]):
            return ""
        with failures.record_errors(self._sources[0]):
            return digest_of(read_ids(files))

    def _compare_ids(self, into: PredictionStore, groups: list[tuple[str, ...]], replace: bool) -> None:
        """Refuses or discards parts made from records with other ids than the files hold now.

        The ids are compared because a copy can look like another file.
        """
        missing = set(into.missing())
        there = [number for number in range(len(groups)) if number not in missing]
        other = [number for number in there if into.records(number) != self._ids(groups[number])]
        if not other:
            return
        files = groups[other[0]]
        what = f"{into.directory}: was made from records with other ids than {files[0]} holds now"
        if not replace:
            raise InputError(f"{what}; give another directory, or remove it")
        self._progress.message(f"{what}; predicting them again")
        into.discard(other)

    def _tell_counts(self, num_short: int, num_without_frames: int, num_cut: int) -> None:
        """Reports frames that were cut off, segments shorter than five seconds, and videos without segments."""
        if cut := remarks.cut_remark(survey(self._sources[0].files), num_cut, self.config.data.max_frames):
            self._progress.message(cut)
        if num_short:
            segments = "1 segment has" if num_short == 1 else f"{num_short} segments have"
            self._progress.message(
                f"{self.name}: {segments} fewer than five frames, as the last of a video or the only one; "
                "what there is of them is ranked"
            )
        if num_without_frames:
            videos = "1 video has" if num_without_frames == 1 else f"{num_without_frames} videos have"
            self._progress.message(f"{self.name}: {videos} no frames, so no segment, and nothing of that is ranked")

    def _make(self, scorers: list["Scorer"], groups: list, numbers: set[int], into: PredictionStore, progress) -> None:
        """Makes some parts, as one of several workers that each make different ones."""
        for number in sorted(numbers):
            into.write(number, self._part(scorers, groups[number], progress), self._ids(groups[number]))

    def _make_together(self, scorers: list["Scorer"], files: tuple[str, ...], number: int, into, progress) -> None:
        """Makes a part together with the other workers, which each score a share of it."""
        shares = self._devices.together(lambda: self._part(scorers, files, progress, self._devices.shard))
        self._devices.on_chief(lambda: into.write(number, in_file_order(concatenated(shares), files), self._ids(files)))

    def _part(
        self,
        scorers: list["Scorer"],
        files: tuple[str, ...],
        progress: Progress,
        shard: Share = WHOLE,
    ) -> Part:
        parts = []
        for scorer, source in zip(scorers, self._sources, strict=True):
            source = dataclasses.replace(source, files=files)
            for batch in scorer.scores(source, self.config, segments="all", shard=shard):
                with failures.record_errors(self._sources[0]):
                    self._once.add(batch.ids, batch.segment_starts)
                if self._submitted:
                    check_submittable(batch.ids, files[0] if len(files) == 1 else f"{files[0]} ...")
                self._num_short += batch.num_short
                self._num_cut += batch.num_cut
                self._num_without_frames += batch.num_without_frames
                parts.append(self._rows(batch))
                progress.advance(len(batch.ids))
        part = concatenated(parts or [self._rows(_nothing(self.config.data.num_classes))])
        return part if len(scorers) == 1 else in_file_order(part, files)

    def _rows(self, batch: "Scored") -> Part:
        ids = np.array(batch.ids, np.bytes_)
        if self.description.classes is None:
            classes, logits = top_k_predictions(batch.logits, self.description.top_k)
            return Part(ids, logits, batch.segment_starts, classes)
        return Part(ids, batch.logits[:, list(self.description.classes)], batch.segment_starts)


def _nothing(num_classes: int) -> "Scored":
    """Returns a batch without rows."""
    from yt8m.scoring.scorer import Scored

    empty = np.empty((0, num_classes), np.float32)
    return Scored([], empty, empty.astype(np.int32), empty[:, 0], np.empty(0, np.int32))


def _learned_segments(run: str | os.PathLike, config: RunConfig) -> bool:
    """Whether a run was trained on rated segments. Its validation tells, or else its training records if local."""
    if task := task_of(runs.best_metrics(run)):
        return task == "segment"
    if any(map(scheme, config.data.train)):
        return False
    with contextlib.suppress(InputError):  # the records may be gone
        return survey(expand_paths(config.data.train)).level == "segment"
    return False


def _groups(files: Sequence[str], part_bytes: int) -> Iterator[tuple[str, ...]]:
    """Yields groups of consecutive files of about `part_bytes` each, or of a fixed number of remote files."""
    if any(scheme(path) for path in files):
        yield from (
            tuple(files[first : first + _REMOTE_FILES_A_PART]) for first in range(0, len(files), _REMOTE_FILES_A_PART)
        )
        return
    ends = itertools.accumulate(file_size(path) for path in files)
    for _, group in itertools.groupby(zip(files, ends, strict=True), lambda each: (each[1] - 1) // part_bytes):
        yield tuple(path for path, _ in group)
