"""Makes a run's predictions for records, part by part, so that it can resume after a stop."""

import contextlib
import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from yt8m import runs
from yt8m.config import RunConfig, to_dict
from yt8m.data import failures
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
from yt8m.metrics.registry import Task, task_of
from yt8m.predicting import Description, Part, PredictionStore, StoredPredictions
from yt8m.predicting.counts import Counts, counts_of, tell
from yt8m.predicting.elsewhere import Elsewhere, RunWork
from yt8m.predicting.folds import folds_of, identity_of_fold
from yt8m.predicting.grouping import PART_BYTES, groups_of
from yt8m.predicting.parts import in_file_order
from yt8m.predicting.scored import no_rows, rows_of
from yt8m.predicting.selection import USUAL, Selection, ranked_classes
from yt8m.predicting.stored import concatenated, store
from yt8m.progress import SILENT, Progress
from yt8m.runs.best import best_weights
from yt8m.runs.records import choose_paths, open_data
from yt8m.scoring.calibration import Calibrations
from yt8m.submission.coverage import all_ranked_remark

if TYPE_CHECKING:
    from yt8m.distribution.devices import Devices
    from yt8m.scoring.scorer import Scorer


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
        self._counts = Counts()
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
        return list(groups_of(self._sources[0].files, part_bytes or PART_BYTES))

    def store(
        self,
        directory: str | os.PathLike,
        progress: Progress = SILENT,
        part_bytes: int | None = None,
        replace: bool = False,
        elsewhere: Elsewhere | None = None,
    ) -> StoredPredictions:
        """Makes the predictions, or the missing parts of them.

        Args:
            directory: the directory to store them in. Parts of the same predictions there are kept.
            progress: counts the videos, or segments, after each batch.
            part_bytes: bytes of records for a part; None = `PART_BYTES`.
            replace: whether to replace other predictions there, and parts of records with other ids.
            elsewhere: makes them; None = this process, on its devices.

        Raises:
            InputError, RecordError: a record cannot be used; a video occurs twice; the directory holds other things or cannot be
                written.
        """
        groups = self._groups(part_bytes)
        if elsewhere:
            into = self.open_store(directory, part_bytes=part_bytes, replace=replace)
            return self._store_elsewhere(elsewhere, into, groups, replace)
        devices = self._devices
        self._counts = Counts()
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
        counts = devices.together(lambda: self._counts)
        devices.on_chief(lambda: self._tell(sum(counts, Counts())))
        return StoredPredictions(directory, self.name)

    def work(self, groups: Sequence[tuple[str, ...]] | None = None) -> RunWork:
        """What whoever makes the predictions elsewhere has to know; `groups` are the files of each part."""
        return RunWork(
            runs=tuple(os.fspath(run) for run in self.runs),
            config=self.config,
            sources=tuple(self._sources),
            calibrations=tuple(self._calibrations),
            description=self.description,
            is_submitted=self._submitted,
            groups=tuple(self._groups() if groups is None else groups),
            needs_ids=needs_ids(self.made_from["files"]),
        )

    def _store_elsewhere(
        self, elsewhere: Elsewhere, into: PredictionStore, groups: list[tuple[str, ...]], replace: bool
    ) -> StoredPredictions:
        self._compare_ids(into, groups, replace)
        counts = Counts()
        if missing := into.missing():
            counts = elsewhere.predict(self.work(groups), missing, into, self._progress)
        with failures.record_errors(self._sources[0]):
            into.finish()
        self._tell(counts)
        return StoredPredictions(into.directory, self.name)

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

    def _tell(self, counts: Counts) -> None:
        tell(counts, self.name, self._sources[0], self.config.data.max_frames, self._progress)

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
                self._counts += counts_of(batch)
                parts.append(rows_of(batch, self.description))
                progress.advance(len(batch.ids))
        part = concatenated(parts) if parts else no_rows(self.description)
        return part if len(scorers) == 1 else in_file_order(part, files)


def _learned_segments(run: str | os.PathLike, config: RunConfig) -> bool:
    """Whether a run was trained on rated segments. Its validation tells, or else its training records if local."""
    if task := task_of(runs.best_metrics(run)):
        return task == "segment"
    if any(map(scheme, config.data.train)):
        return False
    with contextlib.suppress(InputError):  # the records may be gone
        return survey(expand_paths(config.data.train)).level == "segment"
    return False
