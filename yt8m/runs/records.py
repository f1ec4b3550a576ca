"""Opens records for a run's model: the run's own records, or given ones."""

import dataclasses
import os
from collections.abc import Sequence
from typing import Literal

from yt8m.config import RunConfig
from yt8m.data import remarks
from yt8m.data.locating import Counted
from yt8m.data.opening import source_of
from yt8m.data.schema import Fold, IndexedFold
from yt8m.data.source import Source
from yt8m.data.sources import expand_paths
from yt8m.data.survey import survey
from yt8m.data.tables.vocabulary import find_segment_classes, read_segment_class_ids
from yt8m.data.tools import salvage
from yt8m.errors import InputError, quantity
from yt8m.progress import SILENT, Progress
from yt8m.runs.learned import directory_of_training, find_learned, relative_paths


def open_data(
    config: RunConfig,
    paths: str | Sequence[str],
    segments: bool | None = None,
    progress: Progress = SILENT,
    part: Literal["all", "training", "held out"] = "all",
    labels_for: str = "",
    counted: Counted | None = "segments",
) -> Source:
    """Opens records for a run's model, at its level and with its features and classes.

    A video-level model gets the means of frame-level records. `yt8m.data.survey` finds out what the records hold.

    Args:
        config: the run's configuration.
        paths: files, directories or globs.
        segments: cut frame-level records into segments (True) or leave them whole (False). None = cut them if segments are
            rated.
        progress: gets a line on broken records that are left out (`--data.on-corrupt skip`), and the lines of
            `yt8m.data.remarks`.
        part: part of the videos to read, if the run leaves a fold out (`--data.fold`).
        labels_for: what labels are needed for, such as `training`; empty = they are not needed.
        counted: what may count only once: `videos`; or `segments`, which means videos if no segments are rated. None =
            anything may repeat. A repeating record is left out like a broken one, or else the reader reports it.

    Raises:
        InputError, RecordError: see `yt8m.data.opening.open_source`; no record can be used; or the records are whole
            videos, but the model needs segments with their videos.
    """
    data = config.data
    # Whoever predicts needs no labels, nor the file that training had them from.
    found = survey(expand_paths(paths), data.labels if labels_for else "")
    if segments is None:
        segments = found.level == "segment"
    as_means = config.model.level == "video" and found.level != "video"
    level = "segment" if segments else "frame" if as_means else config.model.level
    source = source_of(found, level, data.features, data.num_classes, data.max_labels)
    if data.segment_context and not segments:
        raise InputError(
            f"{source.files[0]}: holds whole videos, and --data.segment-context, which this run has, is of rated segments; "
            "name records of those"
        )
    if part != "held out":  # training has told about these records
        remarks.remark(found, source, data, labels_for, progress)
    if as_means and not segments:
        progress.message(
            f"{source.files[0]} ...: holds frames, of which {config.model.name} reads the means; video-level records are faster"
        )
    source = dataclasses.replace(
        source,
        as_means=as_means,
        context=data.segment_context,
        context_num_frames=data.context_num_frames,
        rated_classes=_rated_classes(source, progress) if segments else None,
        fold=None if part == "all" else Fold.parse(data.fold),
        held_out=part == "held out",
    )
    if counted == "segments" and source.level != "segment":
        counted = "videos"
    return salvage.usable_source(source, data.on_corrupt, progress, counted)


def _rated_classes(source: Source, progress: Progress) -> tuple[int, ...] | None:
    path = find_segment_classes(source.files[0], source.num_classes)
    if path is None:
        return None
    listed = read_segment_class_ids(path)
    known = tuple(class_id for class_id in listed if class_id < source.num_classes)
    if len(known) < len(listed):
        progress.message(
            f"{path}: {len(listed) - len(known)} of its {quantity(len(listed), 'class')} are not among the model's "
            f"{source.num_classes} and are left out; --data.num-classes in training says how many there are"
        )
    return known


def open_validation(
    run: str | os.PathLike,
    config: RunConfig,
    data: str | Sequence[str] = (),
    progress: Progress = SILENT,
) -> Source:
    """Opens the records to evaluate a run on: the given ones, or its validation records (with folds, the one left out).

    Raises:
        InputError, RecordError: no records are given and the run has no validation split; see `open_data`.
    """
    part = "held out" if config.data.fold and not data else "all"
    source = open_data(
        config,
        choose_paths(run, config, data, "validate", progress),
        progress=progress,
        part=part,
        labels_for="evaluation" if data else "validation",
    )
    if data and (common := find_learned(run, config, data).common):  # only after bad records are refused
        progress.message(
            f"{run}: learned from records that it is measured on here ({common}); it will do worse on others"
        )
    return source


def choose_paths(
    run: str | os.PathLike,
    config: RunConfig,
    data: str | Sequence[str],
    split: Literal["train", "validate", "test"],
    progress: Progress = SILENT,
) -> list[str]:
    """Chooses the records to work on: the given ones, or the run's own split.

    A run keeps its paths as they were typed. They may be relative to the directory of the training.

    Args:
        run: the run directory.
        config: the run's configuration.
        data: given paths.
        split: the run's split to use if no paths are given.
        progress: gets a line if relative paths are searched in another directory than that of the training.

    Raises:
        InputError: no paths are given, and the run lacks the split or its relative paths do not exist from here.
    """
    given = [data] if isinstance(data, str | os.PathLike) else list(data)
    if given:
        return given
    paths = list(getattr(config.data, split))
    if not paths:
        # An unpacked run does not say which records it was trained on.
        why = f"was trained without a {split} split" if config.data.train else "does not say where its records are"
        raise InputError(f"{run}: {why}; name the records with --data")
    relative = relative_paths(paths)
    fold = Fold.parse(config.data.fold)
    if isinstance(fold, IndexedFold) and not os.path.isabs(fold.path):
        relative.append(fold.path)
    if relative:
        _look_for(relative, run, split, progress)
    return paths


def _look_for(relative: list[str], run: str | os.PathLike, split: str, progress: Progress) -> None:
    """Says where relative paths are searched, if the run was trained in another directory."""
    here, there = os.getcwd(), directory_of_training(run)
    if here == there:
        return
    what = f"{os.fspath(run)}: its {split} records, {relative[0]}, are"
    trained = f"the directory it was trained in{f', {there}' if there else ''}"
    try:
        expand_paths(relative)
    except InputError as error:
        raise InputError(
            f"{what} named relative to {trained}, and are not there from here ({error}); go there, or name them with --data"
        ) from error
    if there:
        progress.message(f"{what} taken relative to {here}, and not to {trained}")
