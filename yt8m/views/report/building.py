"""`yt8m report`: scores runs and writes the page."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from yt8m import runs
from yt8m.config import DistributeConfig, RunConfig
from yt8m.data.source import Source
from yt8m.data.tables.videos import find_videos
from yt8m.data.tables.vocabulary import find_vocabulary, read_class_names
from yt8m.distribution.strategies import open_devices
from yt8m.errors import InputError, quantity
from yt8m.files import NewFile
from yt8m.progress import SILENT, Progress
from yt8m.runs.best import best_weights
from yt8m.runs.listing import find_runs
from yt8m.runs.model import load_run
from yt8m.runs.records import choose_paths, open_validation
from yt8m.runs.unlike import is_run
from yt8m.scoring.scorer import Scorer
from yt8m.views.browse.reading import ids_on
from yt8m.views.report import page
from yt8m.views.report.examples import browsed_pages, known_pages
from yt8m.views.report.measuring import RunResult, measure_run
from yt8m.views.templates import require_jinja


@dataclass(frozen=True)
class Report:
    """The result of `report`."""

    path: str
    results: Sequence[RunResult]
    """The runs, in the order of the arguments."""


@dataclass(frozen=True)
class _OpenedRun:
    name: str
    config: RunConfig
    paths: tuple[str, ...]
    source: Source


def report(
    run: Sequence[str | os.PathLike],
    data: Sequence[str] = (),
    out: str | os.PathLike | None = None,
    progress: Progress = SILENT,
    *,
    vocabulary: str | os.PathLike | None = None,
    browse: str | os.PathLike | None = None,
    distribute: DistributeConfig | None = None,
) -> Report:
    """Scores runs on labelled records and writes a page about them.

    Args:
        run: run directories, or directories of runs, one or more. Of the latter, all runs with weights are scored.
        data: files, directories or globs; empty = each run's own validation split.
        out: the HTML file; None = `report.html` in the first directory.
        progress: counts the videos or segments, and gets remarks, for example on runs scored on different records.
        vocabulary: a `vocabulary.csv` with class names; None = the one at the root of the first run's data set. Without any,
            classes are called `class 17`.
        browse: a page of `yt8m browse`, which the example videos on it link to; None = only those with a known YouTube address
            have a link.
        distribute: the devices; None = automatic. Of several workers, worker 0 writes the page.

    Raises:
        InputError, RecordError: as in `yt8m.scoring.evaluation.evaluate`; a run is named twice; runs have different
            vocabularies or tasks; the page cannot be written; or Jinja is not installed. All errors but broken records come
            before the work.
    """
    names = _runs_in(run, progress)
    _require_different(names)
    require_jinja()
    if browse is not None:
        ids_on(browse)  # a mistake is told before the work
    devices = open_devices(distribute)
    with devices.lost_workers(), progress.working("scoring", "video"):
        configurations = [runs.load_config(name) for name in names]
        _require_one_vocabulary(names, configurations)
        opened = [_open(name, config, data, progress) for name, config in zip(names, configurations, strict=True)]
        _require_one_task(opened)
        class_names = _class_names(opened[0].source, vocabulary)
        path = Path(out) if out is not None else Path(run[0]) / "report.html"
        if devices.is_chief:
            inputs = [file for each in opened for file in each.source.files]
            own = [runs.RunDirectory(Path(name)).report for name in names]
            runs.check_output(path, names, inputs=inputs, but=own)
        results = []
        for each in opened:
            with devices.strategy.scope():
                model = load_run(each.name)
            scorer, num_parameters = Scorer(model, devices), model.count_params()
            results.append(
                measure_run(each.name, each.config, each.paths, each.source, scorer, num_parameters, progress)
            )
        found = remarks(results)
        for remark in found:
            progress.message(remark)
        if browse is None and (hint := _at_hand(opened[0].source, path)):
            progress.message(hint)
        if devices.is_chief:
            links = known_pages(results) | (browsed_pages(results, browse, path) if browse is not None else {})
            with NewFile(path) as file:
                file.write(page.render(results, class_names, found, links).encode())
    return Report(str(path), results)


def _at_hand(source: Source, path: Path) -> str:
    """Says how the page can lead to the videos, if their files are at hand; empty if they are not."""
    table = find_videos(source.files[0])
    if table is None:
        return ""
    own = path.with_name("videos.html")
    return (
        f"{table}: names the video files; yt8m browse {table.parent} --out {own} makes a page of them, and --browse {own} lets "
        "the examples lead there"
    )


def _runs_in(places: Sequence[str | os.PathLike], progress: Progress) -> list[str]:
    """Returns run directories, with the runs in directories that are none."""
    found: list[str] = []
    for place in map(os.fspath, places):
        below = [] if "://" in place or not os.path.isdir(place) or is_run(Path(place)) else find_runs(place)
        with_weights = [os.fspath(each) for each in below if runs.RunDirectory(each).best_weights.is_file()]
        if with_weights:
            left_out = (
                f", {len(below) - len(with_weights)} without weights are left out" if below[len(with_weights) :] else ""
            )
            progress.message(f"{place}: {quantity(len(with_weights), 'run')}{left_out}")
        found += with_weights or [place]
    return found


def _require_different(names: Sequence[str]) -> None:
    if not names:
        raise InputError("no run; name one or more: yt8m report RUN [RUN ...]")
    places = Counter(os.path.realpath(name) for name in names)
    for name in names:
        if places[os.path.realpath(name)] > 1:
            raise InputError(f"{name}: is named twice; name each run once")


def _open(name: str, config: RunConfig, data: Sequence[str], progress: Progress) -> _OpenedRun:
    best_weights(name)
    paths = choose_paths(name, config, data, "validate")
    return _OpenedRun(name, config, tuple(paths), open_validation(name, config, data, progress))


def _require_one_vocabulary(names: Sequence[str], configurations: Sequence[RunConfig]) -> None:
    """Raises InputError unless all runs have equally many classes."""
    here, *others = (config.data.num_classes for config in configurations)
    for name, there in zip(names[1:], others, strict=True):
        if here != there:
            raise InputError(f"{name}: has {quantity(there, 'class')}, and {names[0]} {here}; report them apart")


def _require_one_task(opened: Sequence[_OpenedRun]) -> None:
    """Raises InputError unless all runs are scored on the same kind of records."""
    first = opened[0]
    for other in opened[1:]:
        kinds = ["rated segments" if each.source.level == "segment" else "whole videos" for each in (first, other)]
        if kinds[0] != kinds[1]:
            raise InputError(
                f"{other.name}: is scored on {kinds[1]}, and {first.name} on {kinds[0]}; report them apart, or name records "
                "for all of them with --data"
            )


def _class_names(source: Source, vocabulary: str | os.PathLike | None) -> dict[int, str]:
    found = vocabulary or find_vocabulary(source.files[0])
    return read_class_names(found) if found else {}


def remarks(results: Sequence[RunResult]) -> list[str]:
    """Remarks for the reader: runs that were scored on other records than the first one."""
    first = results[0]
    what = "segments" if first.is_segments else "videos"
    other = [result for result in results if result.records != first.records]
    if not other:
        return []
    counts = ", ".join(f"{result.name} on {result.records.count}" for result in [first, *other])
    return [f"scored on different {what}, so their figures cannot be compared: {counts}; --data names the same for all"]
