"""PCA with whitening: fitted to one's own frames, stored, loaded and applied.

D = values of a network, K = values that are kept, n = frames.
"""

import hashlib
import io
import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.data.features import Feature
from yt8m.errors import InputError
from yt8m.extracting.networks.network import Network
from yt8m.files import NewFile, sha256_of

MOST_VALUES = 1024
"""Values that are kept at most, as many as the rgb of YouTube-8M has."""
FRAMES_PER_VALUE = 2
"""Fewer frames than this for each kept value leave the last ones to chance."""
EPSILON = 1e-4
"""What is added to each variance before its root is taken, as in the PCA of YouTube-8M: values that hardly vary stay small."""

_ROWS = 256
_FORM = 1


@dataclass(frozen=True)
class Projection:
    """(x - mean) @ matrix, a PCA whose whitening is in the matrix."""

    mean: np.ndarray
    """float32 [D]."""
    matrix: np.ndarray
    """float32 [D, K]."""

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Projects rows, float32 [B, D], to float32 [B, K]."""
        return (values.astype(np.float32) - self.mean) @ self.matrix


class PcaFit:
    """Fits a PCA in one pass. It holds D x D sums, whatever the number of frames.

    The same frames in the same order give the same file, however they are divided among calls.

    Args:
        network: gives the values. It must have no PCA yet.

    Attributes:
        num_frames: frames so far.
    """

    def __init__(self, network: Network):
        if isinstance(network, Whitened) or not network.can_be_whitened:
            raise InputError(f"network {network.name} has a PCA already; fit one to a network without")
        self._network = network
        size = network.picture.size
        self.num_frames = 0
        self._mean = np.zeros(size)
        self._scatter = np.zeros((size, size))
        self._rest = np.zeros((0, size), np.float32)

    def add(self, values: np.ndarray) -> None:
        """Takes further frames, float32 [B, D], from the network's `frames`."""
        rows = np.concatenate([self._rest, values])
        whole = len(rows) // _ROWS * _ROWS
        for start in range(0, whole, _ROWS):
            self._merge(rows[start : start + _ROWS])
        self._rest = rows[whole:].copy()
        self.num_frames += len(values)

    def save(self, path: str | os.PathLike, num_values: int = MOST_VALUES) -> str:
        """Writes the PCA as one .npz file, which `load_network` takes as `pca`.

        Args:
            path: the new file.
            num_values: K; the network's own number if that is less.

        Returns:
            The sha256 of the file.

        Raises:
            InputError: there are too few frames, or the file cannot be written.
        """
        kept = min(num_values, len(self._mean))
        if not 1 <= kept <= MOST_VALUES:
            raise InputError(f"a PCA keeps from 1 to {MOST_VALUES} values, not {num_values}")
        needed = kept * FRAMES_PER_VALUE
        if self.num_frames < needed:
            enough = self.num_frames // FRAMES_PER_VALUE
            fewer = f", or keep {enough} values (--pca-values {enough})" if enough else ""
            raise InputError(
                f"a PCA of {kept} values needs {needed:,} frames, one a second, and the videos have {self.num_frames:,}; give "
                f"more videos{fewer}"
            )
        if len(self._rest):
            self._merge(self._rest)
            self._rest = self._rest[:0]
        variances, components = _components(self._scatter / (self.num_frames - 1), kept)
        arrays = {
            "form": np.int64(_FORM),
            "network": np.frombuffer(_text_of(self._network.identity), np.uint8),
            "num_frames": np.int64(self.num_frames),
            "mean": self._mean.astype(np.float32),
            "variances": variances,
            "components": components.astype(np.float32),
            "epsilon": np.float64(EPSILON),
        }
        content = io.BytesIO()
        np.savez(content, **arrays)  # without a time of writing, so equal arrays give equal files
        with NewFile(path) as file:
            file.write(content.getvalue())
        return hashlib.sha256(content.getvalue()).hexdigest()

    def _merge(self, rows: np.ndarray) -> None:
        """Joins the mean and scatter of some rows to those of all before, by Chan's formula, in float64."""
        before, count = self._merged, len(rows)
        rows = rows.astype(np.float64)
        mean = rows.mean(axis=0)
        centred, apart = rows - mean, mean - self._mean
        self._merged = before + count
        self._scatter += centred.T @ centred
        self._scatter += np.outer(apart, apart) * (before * count / self._merged)
        self._mean += apart * (count / self._merged)

    _merged = 0
    """Frames in the sums."""


def _components(covariance: np.ndarray, kept: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest variances, float64 [K], and their directions, float64 [K, D], each with its largest part positive."""
    variances, vectors = np.linalg.eigh(covariance)
    variances, vectors = variances[::-1][:kept].clip(0.0), vectors.T[::-1][:kept]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    return variances, vectors * np.sign(largest)


class Whitened(Network):
    """A network whose values are whitened: K bytes a frame from -2 to 2, under a name of their own.

    Args:
        network: gives the values.
        path: the file of a PCA.

    Raises:
        InputError: the file cannot be read, is no such file, or was fitted to another network.
    """

    can_be_whitened = False

    def __init__(self, network: Network, path: str | os.PathLike):
        if not network.can_be_whitened:
            raise InputError(f"network {network.name} has a PCA of its own; leave --pca out")
        self._network = network
        self.name, self.sound, self.batch_size = network.name, network.sound, network.batch_size
        self._projection = _load(Path(path), network)
        self.picture = Feature(f"{network.picture.name}_pca", self._projection.matrix.shape[1])
        self._digest = sha256_of(path)

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return self._network.prepare(pixels)

    def frames(self, prepared: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return self._projection(self._network.frames(prepared))

    @property
    def identity(self) -> dict[str, Any]:
        """See `Network`."""
        return {**self._network.identity, "pca": self._digest}


def _load(path: Path, network: Network) -> Projection:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            found = {name: stored[name] for name in stored.files}
        form, identity = int(found["form"]), json.loads(found["network"].tobytes())
        mean, components = found["mean"], found["components"]
        scale = np.sqrt(found["variances"] + found["epsilon"])
        matrix = (components / scale[:, None]).T.astype(np.float32)
        is_whole = form == _FORM and mean.shape == (components.shape[1],) and np.isfinite(matrix).all()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, KeyError, TypeError, EOFError, IndexError, AttributeError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: is no PCA that yt8m extract --fit-pca wrote, or damaged") from error
    if not is_whole:
        raise InputError(f"{path}: is no PCA that yt8m extract --fit-pca wrote, or of a later version")
    if identity != network.identity:
        other = identity.get("name") if isinstance(identity, dict) else None
        which = f"to {other}" if other != network.name else f"to {other} with other files"
        raise InputError(f"{path}: was fitted {which}, not to this {network.name}; fit another")
    return Projection(mean.astype(np.float32), matrix)


def _text_of(identity: dict[str, Any]) -> bytes:
    return json.dumps(identity, sort_keys=True).encode()
