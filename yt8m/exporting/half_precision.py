"""Weights as float16: half the bytes, and what that does to the scores."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

_LARGEST = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class MetricChange:
    """What a metric was with the run's weights, and what it is with them rounded to float16."""

    metric: str
    """Its key: the primary metric of the task."""
    before: float
    after: float
    count: int
    """Videos, or rated segments, that it is of."""


def halved(values: np.ndarray) -> np.ndarray:
    """Float32 values as float16; as they are where one is too large for it (65 504), or they are no float32."""
    if values.dtype != np.float32 or np.abs(values).max(initial=0.0) > _LARGEST:
        return values
    return values.astype(np.float16)


def halved_file(weights: Path | BinaryIO) -> bytes:
    """A file of weights (`yt8m.runs.weights`) with its values `halved`; Keras makes float32 of them as it loads them."""
    import h5py

    content = io.BytesIO()  # HDF5 ends the process with a crash where the disk is full
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
