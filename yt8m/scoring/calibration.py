"""A run's calibration: functions that turn its logits into ones with fitting probabilities, and their file.

C = classes of the vocabulary.
"""

import dataclasses
import os
import typing
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from yt8m import runs
from yt8m.data.overlap import find_overlap
from yt8m.errors import InputError, quantity
from yt8m.files import digest_of_file, read_json
from yt8m.metrics.registry import Task
from yt8m.progress import Progress
from yt8m.runs.best import best_weights
from yt8m.values import Float32, PositiveFloat32, PositiveInt, fit

Method = Literal["isotonic", "platt"]
FORMAT = 1


@dataclasses.dataclass(frozen=True)
class LogitMap:
    """A strictly ascending function: ``slope * z + offset(z)``. The offset is interpolated between points.

    No two logits become equal, so the order of predictions stays.
    """

    slope: float
    """Above 0."""
    points: Sequence[float]
    """Ascending logits, at least one. The offset is constant before the first and after the last."""
    offsets: Sequence[float]
    """Offsets at the points; they never fall."""

    def __post_init__(self):
        points, offsets = np.asarray(self.points, np.float64), np.asarray(self.offsets, np.float64)
        if points.ndim != 1 or points.shape != offsets.shape or not len(points):
            raise ValueError("points and offsets are not lists of one length")
        if not (np.isfinite(points).all() and np.isfinite(offsets).all() and 0 < self.slope < np.inf):
            raise ValueError("a number is not finite, or slope is not above 0")
        if (np.diff(points) <= 0).any() or (np.diff(offsets) < 0).any():
            raise ValueError("points or offsets do not ascend")

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Calibrates logits of any shape; returns float32."""
        exact = np.asarray(logits, np.float64)
        return (self.slope * exact + np.interp(exact, self.points, self.offsets)).astype(np.float32)


IDENTITY = LogitMap(1.0, (0.0,), (0.0,))


@dataclasses.dataclass(frozen=True)
class LogitMaps:
    """A function for all classes, and separate functions for some of them."""

    pooled: LogitMap
    own: Mapping[int, LogitMap] = dataclasses.field(default_factory=dict)
    """Separate functions by class."""

    def __call__(self, logits: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Calibrates logits; returns float32.

        Args:
            logits: float of any shape.
            classes: their classes, int, of a shape that broadcasts to it.
        """
        if not self.own:
            return self.pooled(logits)
        every = np.broadcast_to(classes, logits.shape).ravel()
        order = np.argsort(every, kind="stable")
        present, starts = np.unique(every[order], return_index=True)
        flat, result = logits.ravel(), self.pooled(logits).ravel()
        for class_id, rows in zip(present.tolist(), np.split(order, starts[1:]), strict=True):
            if class_id in self.own:
                result[rows] = self.own[class_id](flat[rows])
        return result.reshape(logits.shape)


@dataclasses.dataclass(frozen=True)
class Calibration:
    """The content of a calibration file."""

    run: str
    """The run directory, as it was given."""
    weights: str
    """Digest of the run's best weights. The calibration is only for these."""
    task: Task
    """Whether it is for logits of videos or of rated segments."""
    method: Method
    num_classes: int
    """C"""
    data: Sequence[str]
    """Files of the records it was fitted on. Local paths are absolute, so that they are found from any directory."""
    maps: LogitMaps

    def __post_init__(self):
        if unknown := [class_id for class_id in self.maps.own if not 0 <= class_id < self.num_classes]:
            raise ValueError(f"class {unknown[0]} is none of {quantity(self.num_classes, 'class')}")

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Calibrates logits, float [N, C]; returns float32 [N, C]."""
        return self.maps(logits, np.arange(self.num_classes))

    @property
    def identity(self) -> list[Any]:
        """Everything that determines its results, as plain JSON values."""
        return [
            dataclasses.asdict(self.maps.pooled),
            [[key, dataclasses.asdict(own)] for key, own in self.maps.own.items()],
        ]

    def refuse_task(self, task: Task, name: str) -> None:
        """Raises InputError unless it is for this task; `name` names the predictions in the message."""
        if task != self.task:
            there, here = (_OF_TASK[each] for each in (self.task, task))
            raise InputError(
                f"--calibration: that of {self.run} is of {there}, and {name} is of {here} here; fit one to such records with "
                "yt8m calibrate --data"
            )

    def as_json(self) -> dict[str, Any]:
        """The calibration as plain JSON values, which `read` restores."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "maps"}
        own = {str(class_id): dataclasses.asdict(each) for class_id, each in sorted(self.maps.own.items())}
        return {"format": FORMAT, **values, "pooled": dataclasses.asdict(self.maps.pooled), "classes": own}


_OF_TASK: dict[Task, str] = {"video": "whole videos", "segment": "segments"}


def read(path: str | os.PathLike) -> Calibration:
    """Reads a calibration from a file.

    Raises:
        InputError: the file cannot be read, is of another version, or is no calibration.
    """
    if not os.fspath(path):
        raise InputError("--calibration is empty; name a file of yt8m calibrate")
    try:
        values = read_json(path)
    except InputError as error:
        raise InputError(f"--calibration {error}; make one with yt8m calibrate") from error
    name = f"--calibration {os.fspath(path)}"
    if not isinstance(values, dict) or "pooled" not in values:
        raise InputError(f"{name}: holds no calibration; make one with yt8m calibrate")
    version = values.get("format")
    if type(version) is not int or version != FORMAT:
        raise InputError(f"{name}: is of format {version!r:.50}, this version reads {FORMAT}; make it anew")
    try:
        return _of_values(values)
    except ValueError as error:
        raise InputError(f"{name}: cannot be used ({error}); make it anew with yt8m calibrate") from error


def _of_values(values: Mapping[str, Any]) -> Calibration:
    """Makes a calibration from JSON values. Raises ValueError that names the key with a wrong value."""
    wanted = {"run": str, "weights": str, "task": Task, "method": Method, "num_classes": PositiveInt}
    fields = {key: fit(_value(values, key), annotation, key) for key, annotation in wanted.items()}
    data = list(fit(_value(values, "data"), tuple[str, ...], "data"))
    own = {}
    for class_id, each in _object(_value(values, "classes"), "classes").items():
        if not class_id.isdecimal() or str(int(class_id)) != class_id:
            raise ValueError(f"classes has {class_id!r:.50}; it must be the number of a class")
        own[int(class_id)] = _map_of(each, f"classes.{class_id}")
    return Calibration(**fields, data=data, maps=LogitMaps(_map_of(values["pooled"], "pooled"), own))


def _map_of(values: Any, name: str) -> LogitMap:
    values = _object(values, name)
    slope = fit(_value(values, "slope", name), PositiveFloat32, f"{name}.slope")
    points, offsets = (_numbers(_value(values, key, name), f"{name}.{key}") for key in ("points", "offsets"))
    try:
        return LogitMap(slope, points, offsets)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _value(values: Mapping[str, Any], key: str, name: str = "") -> Any:
    if key not in values:
        raise ValueError(f"{name}{'.' * bool(name)}{key} is missing")
    return values[key]


def _object(values: Any, name: str) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise ValueError(f"{name} is no JSON object")
    return values


def _numbers(values: Any, name: str) -> list[float]:
    # A file with thousands of functions has a million numbers: only the wrong ones are fitted one by one.
    largest = typing.get_args(Float32)[1].most
    plain = isinstance(values, list) and all(type(each) in (int, float) for each in values)
    if plain and (np.abs(np.array(values, np.float64)) <= largest).all():
        return values
    return list(fit(values, tuple[Float32, ...], name))


def remark_fitted(file: str | os.PathLike, calibration: Calibration, files: Sequence[str], progress: Progress) -> None:
    """Gives `progress` a line if a calibration was fitted on records that are measured.

    Args:
        file: the calibration's file.
        calibration: its content.
        files: the files of the records that are measured.
        progress: gets the line.
    """
    if common := find_overlap(calibration.data, files):
        progress.message(
            f"{os.fspath(file)}: was fitted on records that are measured here ({common}); probabilities will fit others less"
        )


class Calibrations:
    """The calibrations that a user names. Each is for one run, which is recognised by its weights.

    Args:
        files: files that `yt8m calibrate` wrote.

    Raises:
        InputError: a file cannot be read, or two are for the same weights.
    """

    def __init__(self, files: Sequence[str | os.PathLike] = ()):
        self._found: dict[str, tuple[str, Calibration]] = {}
        self._unused: dict[str, str] = {}
        for path in map(os.fspath, files):
            found = read(path)
            if found.weights in self._found:
                raise InputError(
                    f"--calibration {path}: is for the same weights as {self._found[found.weights][0]}; give one of them"
                )
            self._found[found.weights] = path, found
            self._unused[path] = found.run

    def of(self, run: str | os.PathLike) -> Calibration | None:
        """The calibration of a run; None if there is none.

        Raises:
            InputError: the run has no weights, or another number of classes than the calibration.
        """
        if not self._found:
            return None
        path, found = self._found.get(digest_of_file(best_weights(run)), (None, None))
        self._unused.pop(path or "", None)
        if found and found.num_classes != (there := runs.load_config(run).data.num_classes):
            raise InputError(
                f"--calibration {path}: num_classes is {found.num_classes}, and {os.fspath(run)} has {there}; make it anew with "
                "yt8m calibrate"
            )
        return found

    def of_runs(self, runs: Sequence[str | os.PathLike]) -> list[Calibration | None]:
        """The calibrations of runs that predict together. Raises InputError if only some runs have one."""
        found = [self.of(run) for run in runs]
        if any(found) and not all(found):
            run = os.fspath(runs[found.index(None)])
            raise InputError(
                f"--calibration: none is for {run}, and the runs predict together; name one for each of them"
            )
        return found

    def refuse_unused(self, name: str | None = None) -> None:
        """Raises InputError if a calibration was never asked for.

        Args:
            name: the name of the run in the message; None = the members of an ensemble.
        """
        for path, run in self._unused.items():
            lack = f"was fitted for {run}, and {name} does not have those weights, or not any more"
            if name is None:
                lack = f"no member has the weights that it was fitted for, which {run} had"
            raise InputError(f"--calibration {path}: {lack}; fit one with yt8m calibrate, or leave it out")
