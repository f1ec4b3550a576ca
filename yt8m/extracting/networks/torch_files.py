"""Reads the tensors of an old PyTorch file (`torch.save` before version 1.6) by NumPy alone, and runs nothing of it.

Such a file is a row of pickles, and an ordinary unpickler calls whatever a pickle names. This one knows four names, which stand
for an ordered dictionary, a tensor and two kinds of storage, and refuses all others.
"""

import collections
import io
import math
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from yt8m.errors import InputError

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_MOST_BYTES = 1 << 30


class _Storage(NamedTuple):
    """Values in a row, which come after the pickles."""

    key: str
    dtype: np.dtype
    size: int


class _Tensor(NamedTuple):
    """A view of a storage; sizes and steps in values."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Kind(NamedTuple):
    """A kind of storage. It cannot be called."""

    dtype: np.dtype


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
    """What takes the place of PyTorch's function; gradients and hooks are left out."""
    return _Tensor(storage, offset, shape, strides)


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "FloatStorage"): _Kind(np.dtype("<f4")),
    ("torch", "LongStorage"): _Kind(np.dtype("<i8")),
}


class _Reader(pickle.Unpickler):
    """An unpickler for whom only `_ALLOWED` exists."""

    def find_class(self, module: str, name: str) -> Any:
        """What a name stands for."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which no file of weights needs")
        return _ALLOWED[module, name]

    def persistent_load(self, pid: Any) -> _Storage:
        """What a reference to a storage stands for."""
        match pid:
            case ("storage", _Kind(dtype), str(key), str(), int(size), None) if size >= 0:
                return _Storage(key, dtype, size)
        raise pickle.UnpicklingError("it has a reference of an unknown form")


def read_torch_file(path: Path) -> dict[str, np.ndarray]:
    """The tensors by name.

    Raises:
        InputError: the file cannot be read, has another form, is cut off, or holds anything but tensors in a dictionary.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise InputError(f"{path}: it has more than {_MOST_BYTES} bytes; no such file of weights is known")
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return _tensors(io.BytesIO(content))
    except Exception as error:  # a damaged pickle raises nearly anything
        text = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path}: is no file of weights that can be read ({text or type(error).__name__}); install its package again"
        ) from error


def _tensors(file: io.BytesIO) -> dict[str, np.ndarray]:
    if _Reader(file).load() != _MAGIC:
        raise ValueError("it does not begin as PyTorch's files do")
    if _Reader(file).load() != _PROTOCOL:
        raise ValueError("it has another version of the format")
    system = _Reader(file).load()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise ValueError("its bytes are in another order")
    named = _Reader(file).load()
    if not isinstance(named, dict) or not all(_is_sound(name, tensor) for name, tensor in named.items()):
        raise ValueError("it holds something else than tensors by name")
    storages = {tensor.storage.key: tensor.storage for tensor in named.values()}
    values = {}
    for key in _Reader(file).load():
        storage = storages[key]
        count = int.from_bytes(file.read(8), "little")
        if count != storage.size:
            raise ValueError(f"storage {key} has {count} values instead of {storage.size}")
        content = file.read(count * storage.dtype.itemsize)
        if len(content) < count * storage.dtype.itemsize:
            raise ValueError("it is cut off")
        values[key] = np.frombuffer(content, storage.dtype)
    return {name: _view(tensor, values[tensor.storage.key]) for name, tensor in named.items()}


def _is_sound(name: Any, tensor: Any) -> bool:
    """Whether a tensor has a name, and is of a storage that is large enough."""
    if not isinstance(name, str) or not isinstance(tensor, _Tensor) or not isinstance(tensor.storage, _Storage):
        return False
    sizes = (tensor.offset, *tensor.shape, *tensor.strides)
    if len(tensor.shape) != len(tensor.strides) or not all(isinstance(each, int) and each >= 0 for each in sizes):
        return False
    last = sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    count = math.prod(tensor.shape)
    return count == 0 or (count <= tensor.storage.size and tensor.offset + last < tensor.storage.size)


def _view(tensor: _Tensor, values: np.ndarray) -> np.ndarray:
    steps = tuple(stride * values.itemsize for stride in tensor.strides)
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps, writeable=False)
