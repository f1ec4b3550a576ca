"""Fits the models that see all training records at once: nearest neighbours, and kernel ridge regression.

N = training videos, D = values of a video, L = labels of a video, C = classes.
"""

import dataclasses
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from yt8m import runs
from yt8m.config import Architecture, DataConfig, RunConfig
from yt8m.data.engine.stream import prepared, read_stream
from yt8m.data.options import ALL_FRAMES, AS_STORED, EVERYTHING
from yt8m.data.schema import LABEL_PADDING
from yt8m.data.source import Source
from yt8m.errors import InputError, quantity, unknown_name
from yt8m.files import write_json
from yt8m.models.assembled import FITTED, RERANKED, KernelRidge, Neighbours
from yt8m.models.parts import SCALED
from yt8m.progress import SILENT, Progress
from yt8m.reranking.fitting import NUM_NETWORKS
from yt8m.runs.model import build
from yt8m.runs.weights import save_weights
from yt8m.scoring.evaluation import Result, measure_source
from yt8m.scoring.scorer import Scorer
from yt8m.training.leaving_one_out import FEWEST_VIDEOS, learn_networks, left_out
from yt8m.training.preparation import resolve
from yt8m.training.value_scales import Scaling

MOST_VIDEOS = {"neighbours": 1 << 20, "kernel_ridge": 1 << 14}
"""Most training videos. Neighbours take 4 bytes a value, three times while they are fitted. Kernel ridge regression solves for as
many unknowns a class as there are videos."""
_DEFAULTS = {"kernel_ridge": {"num_networks": NUM_NETWORKS}}
"""Hyper-parameters whose default in a configuration is that of older runs."""
_BATCH_SIZE = 512
_KEPT_TOGETHER = 1 << 13
"""Videos whose values are kept as one array: the C library gives so much memory back to the system when it is let go."""


@dataclass(frozen=True)
class Fit:
    """The result of fitting."""

    run: str
    """The run directory."""
    num_videos: int
    """Number of videos that it was fitted to."""
    metrics: Result | None
    """The metrics on the validation split, or on the fold that was left out; None without either."""


@dataclass(frozen=True)
class Known:
    """The training videos."""

    batches: deque[dict[str, np.ndarray]]
    """Values of some videos at a time, float32 [B, D_i] by key of the model's inputs. They are taken out as the model is fitted,
    which then holds as many values itself."""
    labels: np.ndarray
    """int32 [N, L], padded with -1."""


def fit(
    model: str,
    run: str | os.PathLike,
    data: DataConfig,
    progress: Progress = SILENT,
    **hyperparameters,
) -> Fit:
    """Fits a model to all training records, and makes a run directory of it.

    The result depends on the records and the hyper-parameters alone, and not on a seed.

    Args:
        model: `neighbours` or `kernel_ridge`.
        run: the run directory, which must be new or empty.
        data: the records, as for training; with a `fold`, that is left out and measured.
        progress: gets the lines of `yt8m.training.preparation.resolve`, and counts the videos.
        hyperparameters: those of `yt8m.models.assembled` that differ from the defaults.

    Raises:
        InputError, RecordError: the model or a hyper-parameter is unknown; the records cannot be used, or are too many; the
            directory holds other things.
    """
    if model not in FITTED:
        raise InputError(unknown_name("model that is fitted", model, sorted(FITTED)))
    runs.check_place(run)
    if runs.RunDirectory(Path(run)).has_weights:
        raise InputError(f"{run}: holds a run; give a new directory as --run")
    asked = FITTED[model](**(_DEFAULTS.get(model, {}) | hyperparameters))
    resolved = resolve(RunConfig(model=asked, data=data, run=os.fspath(run)), progress)
    with progress.working("reading", "video"):
        known = _read(resolved.train, MOST_VIDEOS[model], model, progress)
    architecture = dataclasses.replace(asked, **_sizes_of(asked, known, progress))
    config = dataclasses.replace(resolved.config, model=architecture)
    built = build(config)
    progress.message(f"{model}: fitting to {quantity(len(known.labels), 'video', ',')}")
    _scale(built, known, config.data.num_classes)
    _FITTING[type(architecture)](built, architecture, known, config.data.num_classes)
    metrics = None
    if resolved.validation:
        with progress.working("validating", "video"):
            metrics = measure_source(Scorer(built), resolved.validation, config, progress).result
    with runs.opened_run(config) as directory:
        save_weights(built, directory.best_weights)
        write_json(directory.environment, runs.describe_environment([]))
        write_json(directory.best_metrics, {"fitted": len(known.labels), **(metrics or {})})
    return Fit(os.fspath(directory.path), len(known.labels), metrics)


def _read(source: Source, most: int, model: str, progress: Progress) -> Known:
    """Reads all training videos. Raises InputError if there are none, or too many."""
    order, shares = prepared(source, AS_STORED, EVERYTHING)
    keys = [each.video_name for each in source.features]
    batches: deque[dict[str, np.ndarray]] = deque()
    read: list[dict[str, np.ndarray]] = []
    labels: list[np.ndarray] = []
    count = 0
    for batch in read_stream(source, _BATCH_SIZE, ALL_FRAMES, order, EVERYTHING, shares):
        count += len(batch["labels"])
        if count > most:
            raise InputError(
                f"{source.files[0]} ...: hold more than {quantity(most, 'video', ',')}, the most that {model} can be fitted to; "
                "name fewer files"
            )
        # Copies, as a batch's memory holds whole records.
        read.append({key: np.array(batch[key], np.float32) for key in keys})
        if count % _KEPT_TOGETHER == 0:
            batches.append(_together(read))
            read = []
        labels.append(_shortened(batch["labels"]))
        progress.advance(len(batch["labels"]))
    if not any((each != LABEL_PADDING).any() for each in labels):
        what = "label" if count else "video"
        raise InputError(f"{source.files[0]} ...: hold no {what} to fit {model} to; name other records")
    if read:
        batches.append(_together(read))
    width = max(each.shape[1] for each in labels)
    padded = [np.pad(each, ((0, 0), (0, width - each.shape[1])), constant_values=LABEL_PADDING) for each in labels]
    return Known(batches, np.concatenate(padded))


def _together(batches: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """One batch of several."""
    return {key: np.concatenate([each[key] for each in batches]) for key in batches[0]}


def _shortened(labels: np.ndarray) -> np.ndarray:
    """Labels int32 [B, L] without the columns that are padding in all rows; one column stays."""
    used = np.flatnonzero((labels != LABEL_PADDING).any(axis=0))
    return np.array(labels[:, : max(1, used.max(initial=0) + 1)], np.int32)


def _sizes_of(architecture: Architecture, known: Known, progress: Progress) -> dict[str, int]:
    """Hyper-parameters that follow from the videos. A line says if there are too few labels for what was asked."""
    sizes = {"num_videos": len(known.labels)}
    if isinstance(architecture, Neighbours):
        return sizes | {"num_labels": known.labels.shape[1]}
    labelled = np.count_nonzero((known.labels != LABEL_PADDING).any(axis=1))
    if isinstance(architecture, KernelRidge) and architecture.num_networks and labelled < FEWEST_VIDEOS:
        progress.message(f"no networks: {quantity(labelled, 'video')} with labels, and they need {FEWEST_VIDEOS}")
        return sizes | {"num_networks": 0}
    return sizes


def _scale(model: keras.Model, known: Known, num_classes: int) -> None:
    """Lets values count by what the labels say of them."""
    scaling = Scaling(model, num_classes)
    first = 0
    for batch in known.batches:
        last = first + len(next(iter(batch.values())))
        scaling.add(_sparse(known.labels[first:last], num_classes), batch)
        first = last
    scaling.assign()


def _sparse(labels: np.ndarray, num_classes: int) -> sparse.csr_matrix:
    """Labels int32 [N, L], padded with -1, as 0 and 1, float32 [N, C]."""
    rows, places = np.nonzero(labels != LABEL_PADDING)
    columns = labels[rows, places]
    ones = np.ones(len(rows), np.float32)
    found = sparse.csr_matrix((ones, (rows, columns)), (len(labels), num_classes))
    found.data[:] = 1.0  # a label that is given twice counts once
    return found


def _taken_vectors(model: keras.Model, known: Known) -> Iterator[np.ndarray]:
    """Yields the vectors by which a fitted model compares videos, float32 [B, D], and takes the values out."""
    scale = keras.Model(model.input, model.get_layer(SCALED).output)
    while known.batches:
        yield np.asarray(scale(known.batches.popleft()))


def _fit_neighbours(model: keras.Model, architecture: Neighbours, known: Known, num_classes: int) -> None:
    layer = model.get_layer("neighbours")
    vectors = _taken_vectors(model, known)
    for weight in layer.vectors:
        weight.assign(np.concatenate(list(itertools.islice(vectors, -(-weight.shape[0] // _KEPT_TOGETHER)))))
    layer.labels.assign(known.labels)
    counts = np.bincount(known.labels[known.labels != LABEL_PADDING], minlength=num_classes)
    # Half a video more with and without the class, so that no share is 0 or 1.
    layer.prior.assign(((counts + 0.5) / (len(known.labels) + 1.0)).astype(np.float32))


def _fit_kernel_ridge(model: keras.Model, architecture: KernelRidge, known: Known, num_classes: int) -> None:
    """Solves (K + ridge I) a = y - prior for every class by one Cholesky decomposition, in float32."""
    vectors = np.concatenate(list(_taken_vectors(model, known)))
    targets = _sparse(known.labels, num_classes).toarray()
    prior = targets.mean(axis=0)
    targets -= prior
    layer = model.get_layer("regression")
    kernel = np.empty((len(vectors), len(vectors)), np.float32)
    for first in range(0, len(vectors), _BATCH_SIZE):
        some = slice(first, first + _BATCH_SIZE)
        kernel[some] = layer.kernel(vectors[some], vectors)
    kernel[np.diag_indices_from(kernel)] += np.float32(architecture.ridge)
    try:
        factor = cho_factor(kernel, lower=True, overwrite_a=True, check_finite=False)
    except LinAlgError:  # such as of equal videos
        raise InputError(
            f"the regression has no solution in float32 with ridge={architecture.ridge:g}; give a larger one, such as the "
            f"default {KernelRidge().ridge:g}"
        ) from None
    coefficients = cho_solve(factor, targets, check_finite=False)
    layer.coefficients.assign(coefficients)
    layer.vectors.assign(vectors)
    layer.prior.assign(prior)
    if architecture.num_networks:
        values = left_out(factor, coefficients, targets, prior)
        model.get_layer(RERANKED).assign(
            learn_networks(values, _sparse(known.labels, num_classes), architecture.num_networks)
        )


_FITTING: dict[type[Architecture], Callable[[keras.Model, Architecture, Known, int], None]] = {
    Neighbours: _fit_neighbours,
    KernelRidge: _fit_kernel_ridge,
}
