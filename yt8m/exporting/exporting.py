"""Writes a run's model to a file or directory, for other programs or for yt8m elsewhere."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from yt8m import runs
from yt8m.config import RunConfig
from yt8m.data.source import Source
from yt8m.errors import InputError
from yt8m.exporting import keras_file, litert, onnx_file
from yt8m.exporting.archives import DEFAULT_MAX_GIGABYTES, Format, Gigabytes, NumFrames, check_archive, write_archive
from yt8m.exporting.half_precision import MetricChange, halved, halved_file
from yt8m.exporting.model_card import CardFacts, card_path, check_license, model_card
from yt8m.exporting.saved_model import write_saved_model
from yt8m.exporting.signatures import ExportedModel
from yt8m.files import NewFile, check_destination, check_new
from yt8m.metrics.registry import COUNTS, primary, task_of
from yt8m.progress import SILENT, Progress
from yt8m.runs.best import best_weights
from yt8m.runs.model import build
from yt8m.runs.records import open_validation
from yt8m.runs.weights import load_weights
from yt8m.scoring.evaluation import measure_source
from yt8m.scoring.scorer import Scorer
from yt8m.traced_gradients import owned_gradients
from yt8m.values import PositiveInt, checked

DEFAULT_TOP_K = 20
_CONVERTED = {"litert": litert.convert, "onnx": onnx_file.convert}
"""The formats that a converter makes, each to the content of a file."""


@dataclass(frozen=True)
class Exported:
    """The result of an export."""

    path: str
    format: str
    num_bytes: int
    """Bytes of the files; of an archive, uncompressed."""
    signatures: tuple[str, ...]
    """Signatures of a SavedModel."""
    change: MetricChange | None
    """The effect of float16 on the metric; None without rounding, or without records to measure it on."""
    card: str
    """The model card."""


@checked
@owned_gradients()
def export(
    run: str | os.PathLike,
    out: str | os.PathLike,
    format: Format,
    *,
    float16: bool = False,
    data: Sequence[str] = (),
    top_k: PositiveInt | None = None,
    num_frames: NumFrames | None = None,
    max_gigabytes: Gigabytes | None = None,
    license: str = "",
    progress: Progress = SILENT,
) -> Exported:
    """Writes a run's best model for other programs, with a model card (docs/exporting.md).

    Args:
        run: the run directory.
        out: a new directory for `saved-model`, otherwise a file, which is replaced if it exists. It must not be one of the
            run's own files.
        format: `saved-model`, `keras`, `litert`, `onnx`, or `archive`, for `yt8m.exporting.archives.unpack`.
        float16: store the weights as float16, and measure the effect on the metric.
        data: labelled records for that measurement; empty = the run's validation split.
        top_k: classes per record in a SavedModel's answer; None = 20.
        num_frames: frames that a SavedModel, LiteRT or ONNX model uses of those it gets, at most 10 000; None = as in prediction.
        max_gigabytes: the largest allowed archive, uncompressed; 0 = any size, None = 1.
        license: the license of the weights, by Hugging Face's identifier, such as `cc-by-4.0`, for the card.
        progress: counts the videos or segments of the measurement. It gets a line if the effect could not be measured, and
            on records that are left out.

    Raises:
        InputError, RecordError: the run does not exist; an argument does not fit the format; the output cannot be written;
            the model is too large, or LiteRT or ONNX does not support it; a package is missing; or a record is unusable.
    """
    _check_flags(format, float16, data, top_k, num_frames, max_gigabytes)
    check_license(license)
    config = as_trained = runs.load_config(run)
    weights = best_weights(run)
    card = _check_places(out, format, run)
    if format == "onnx":
        onnx_file.require_packages()
        _refuse_means("--num-frames", num_frames, config)
    if format in _CONVERTED:  # LiteRT and ONNX Runtime do not compute in bfloat16
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, precision="float32"))
    limit = DEFAULT_MAX_GIGABYTES if max_gigabytes is None else max_gigabytes
    if format == "archive":  # its size is known before the work
        content = halved_file(weights) if float16 else weights.read_bytes()
        check_archive(config, content, out, limit)
    model = build(config)
    load_weights(model, weights)
    exact = _round(model) if float16 else []
    if format == "saved-model" or format in _CONVERTED:
        exported = ExportedModel(model, config, top_k or DEFAULT_TOP_K, num_frames, float16 and format == "saved-model")
    if format in _CONVERTED:  # not every model can be; fail before the measurement
        content = _convert(exported, format, run, float16)
    change = _measure_change(model, exact, run, config, data, progress) if float16 else None
    flags = _flags(float16, top_k, num_frames, license)
    about = model_card(run, as_trained, CardFacts(out, format, model.count_params(), license, flags, change))
    signatures: Sequence[str] = ()
    size = None
    if format == "archive":
        size = write_archive(config, content, out, limit)
    elif format == "keras":
        keras_file.write_keras_file(model, config, out, float16)
    elif format == "saved-model":
        signatures = write_saved_model(exported, out, about)
    else:
        _write(out, content)
    if format != "saved-model":
        _write(card, about.encode())
    return Exported(os.fspath(out), format, size or _size(Path(out)), tuple(signatures), change, os.fspath(card))


def _write(path: str | os.PathLike, content: bytes) -> None:
    with NewFile(path) as file:
        file.write(content)


def _flags(float16: bool, top_k: int | None, num_frames: int | None, license: str) -> list[str]:
    """The flags of `yt8m export` that shape the model."""
    given = {"--top-k": top_k, "--num-frames": num_frames, "--license": license or None}
    words = [word for flag, value in given.items() if value is not None for word in (flag, str(value))]
    return [*(["--float16"] if float16 else []), *words]


def _check_flags(
    format: Format, float16: bool, data: Sequence[str], top_k: object, num_frames: object, max_gigabytes: object
) -> None:
    """Raises InputError if a flag is for another format."""
    _refuse("--top-k", top_k, format, "saved-model")
    _refuse("--num-frames", num_frames, format, "saved-model", "litert", "onnx")
    _refuse("--max-gigabytes", max_gigabytes, format, "archive")
    if data and not float16:
        raise InputError("--data is for measuring the effect of --float16; add that, or leave --data out")


def _refuse(flag: str, value: object, format: Format, *formats: str) -> None:
    if value is not None and format not in formats:
        names = " and ".join(filter(None, [", ".join(formats[:-1]), formats[-1]]))
        raise InputError(f"{flag} is for --format {names}; leave it out for {format}")


def _refuse_means(flag: str, value: object, config: RunConfig) -> None:
    if value is not None and config.model.level == "video":
        raise InputError(f"{flag} is for models of frames; leave it out, as {config.model.name} takes means in ONNX")


def _check_places(out: str | os.PathLike, format: Format, run: str | os.PathLike) -> Path:
    """Returns where the card belongs. Raises InputError if the output cannot be written. Call it before the work."""
    runs.refuse_kept(out, [run])
    card = card_path(out, format)
    if format == "saved-model":
        check_new(out)
        return card
    if format == "keras":
        keras_file.check_ending(out)
    check_destination(out)
    runs.refuse_kept(card, [run])
    check_destination(card)
    return card


def _round(model: keras.Model) -> list[np.ndarray]:
    """Rounds the weights of a model to float16, and returns the former weights."""
    exact = [variable.numpy() for variable in model.variables]
    for variable, value in zip(model.variables, exact, strict=True):
        variable.assign(halved(value).astype(variable.dtype))
    return exact


def _measure_change(
    model: keras.Model, exact: list[np.ndarray], run, config: RunConfig, data: Sequence[str], progress: Progress
) -> MetricChange | None:
    """Measures the effect of rounding on the metric, if there are records."""
    try:
        source = open_validation(run, config, data, progress)
    except InputError as error:
        if data:
            raise
        progress.message(f"the effect of float16 is not measured ({error})")
        return None
    rounded = [variable.numpy() for variable in model.variables]
    with progress.working("measuring", "video"):
        after = _score(model, source, config, progress)
        _assign(model, exact)
        before = _score(model, source, config, progress)
    _assign(model, rounded)
    task = task_of(before)
    assert task is not None, "it was measured"
    key = primary(task).key
    return MetricChange(key, float(before[key]), float(after[key]), int(before[COUNTS[task].key]))


def _assign(model: keras.Model, values: Sequence[np.ndarray]) -> None:
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value)


def _score(model: keras.Model, source: Source, config: RunConfig, progress: Progress) -> dict:
    return measure_source(Scorer(model), source, config, progress).result


def _convert(exported: ExportedModel, format: Format, run, half: bool) -> bytes:
    try:
        return _CONVERTED[format](exported, half)
    except InputError as error:
        raise InputError(f"{os.fspath(run)}: {error}") from error


def _size(path: Path) -> int:
    """The size of a file, or of all files below a directory, in bytes."""
    return sum(each.stat().st_size for each in ([path] if path.is_file() else path.rglob("*")) if each.is_file())
