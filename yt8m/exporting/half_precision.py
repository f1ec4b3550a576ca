"""Weights as float16, in half the bytes, and the effect on the metric."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class MetricChange:
    """A metric with the run's weights, and with the same weights as float16."""

    metric: str
    """The key of the metric: the primary metric of the task."""
    before: float
    after: float
    count: int
    """Number of videos or rated segments."""


def halved(values: np.ndarray) -> np.ndarray:
    """Float32 values as float16. Unchanged if one is too large (above 65 504), or if they are not float32."""
    if values.dtype != np.float32 or np.abs(values).max(initial=0.0) > _LARGEST:
        return values
    return values.astype(np.float16)


def halved_file(weights: Path | BinaryIO) -> bytes:
    """A weights file (`yt8m.runs.weights`) with its values `halved`. Keras converts them to float32 when it loads them."""
    import h5py

    content = io.BytesIO()  # HDF5 crashes the process if the disk is full
    with h5py.File(weights) as source, h5py.File(content, "w") as target:

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                target.create_dataset(name, data=halved(item[()]))
            else:
                target.require_group(name)
            target[name].attrs.update(item.attrs)

        source.visititems(copy)
        target.attrs.update(source.attrs)
    return content.getvalue()
