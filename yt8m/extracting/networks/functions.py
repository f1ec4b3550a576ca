"""`module:function`: a function of the user's own as a network."""

import hashlib
import importlib
import inspect
import os
import re
import sys
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.data.features import KNOWN, MOST_VALUES, Feature, may_be_name
from yt8m.errors import InputError, unknown_name
from yt8m.extracting.networks.log_mel import LogMel
from yt8m.extracting.networks.network import Network

_PROBED_HEIGHT, _PROBED_WIDTH = 90, 160
"""The grey frame that a new function is tried with."""


class FunctionNetwork(Network):
    """A function from frames, uint8 [B, H, W, 3], to values, float [B, D].

    The feature has the function's name and stores floats, because nothing is known of their range. Frames have the video's
    own size. A function with an attribute `frame_size = (height, width)` gets them in that size instead.

    Args:
        name: `module:function`. The module may lie in the current directory.

    Raises:
        InputError: there is no such function, it fails on a grey frame, or it returns something else.
    """

    batch_size = 8

    def __init__(self, name: str):
        self.name = name
        self._function = _import(name)
        self._size = self._frame_size()
        self._lock = threading.Lock()
        self._num_values: int | None = None
        self._num_values = self._try().shape[1]
        self.picture = Feature(_feature_name(name), self._num_values, "float32")
        self.sound = LogMel()

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """See `Network`."""
        from yt8m.extracting.networks.resizing import shrink

        return pixels if self._size is None else shrink(pixels, *self._size)

    def frames(self, prepared: np.ndarray) -> np.ndarray:
        """See `Network`. One call at a time, as the function may not be made for several."""
        with self._lock:
            try:
                values = np.asarray(self._function(prepared))
            except Exception as error:
                raise InputError(f"network {self.name}: {_told(error, self._function)}") from error
        wanted = (len(prepared), self._num_values or "D")
        shown = f"[{', '.join(map(str, values.shape))}] of {values.dtype}"
        if values.ndim != 2 or len(values) != len(prepared) or self._num_values not in (None, values.shape[1]):
            raise InputError(f"network {self.name}: returned {shown}; it must be [{wanted[0]}, {wanted[1]}] of floats")
        if not 1 <= values.shape[1] <= MOST_VALUES or values.dtype.kind not in "fiu":
            raise InputError(
                f"network {self.name}: returned {shown}; it must be numbers, from 1 to {MOST_VALUES} for each frame"
            )
        values = values.astype(np.float32)
        if not np.isfinite(values).all():
            bad = int(np.argmin(np.isfinite(values).all(axis=1)))
            raise InputError(f"network {self.name}: returned NaN or infinity for frame {bad} of a batch")
        return values

    @property
    def identity(self) -> dict[str, Any]:
        """See `Network`. The file that defines the function counts; what that imports does not."""
        source = inspect.getsourcefile(inspect.unwrap(self._function)) if inspect.isroutine(self._function) else None
        source = source or getattr(sys.modules[self.name.partition(":")[0]], "__file__", None)
        digest = hashlib.sha256(Path(source).read_bytes()).hexdigest() if source and Path(source).is_file() else None
        return {"name": self.name, "files": {} if digest is None else {os.path.basename(source): digest}}

    def _frame_size(self) -> tuple[int, int] | None:
        size = getattr(self._function, "frame_size", None)
        if size is None:
            return None
        whole = isinstance(size, tuple | list) and all(isinstance(each, int) and each > 0 for each in size)
        if not whole or len(size) != 2:
            raise InputError(f"network {self.name}: its frame_size is {size!r}; it must be (height, width) in pixels")
        return size[0], size[1]

    def _try(self) -> np.ndarray:
        height, width = self._size or (_PROBED_HEIGHT, _PROBED_WIDTH)
        return self.frames(np.full((1, height, width, 3), 128, np.uint8))


def _import(name: str) -> Callable[[np.ndarray], Any]:
    module_name, _, path = name.partition(":")
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", module_name) or not path.isidentifier():
        raise InputError(f"network {name!r}: it must be MODULE:FUNCTION, as in my_networks:describe")
    here = os.getcwd()
    sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        if isinstance(error, ModuleNotFoundError) and module_name.startswith(f"{error.name}"):
            where = f"neither {here} nor the installed packages have it"
            raise InputError(f"network {name}: there is no module {module_name} ({where})") from error
        raise InputError(f"network {name}: its module cannot be imported ({_kind_and_text(error)})") from error
    finally:
        sys.path.remove(here)
    function = getattr(module, path, None)
    if function is None:
        names = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        raise InputError(f"network {name}: {unknown_name('function', path, names)}")
    if not callable(function):
        raise InputError(f"network {name}: {path} is {type(function).__name__}, and no function")
    return function


def _feature_name(name: str) -> str:
    """The function's name, unless it would be taken for something else."""
    own = name.partition(":")[2]
    taken = (*KNOWN, LogMel.feature.name)
    if own in taken or not may_be_name(own):
        raise InputError(
            f"network {name}: its feature would be called {own}, which records cannot have or which stands for something "
            "else; rename the function"
        )
    return own


def _told(error: Exception, function: Callable) -> str:
    """What a function raised, and the line of its file that did."""
    lines = traceback.extract_tb(error.__traceback__)
    source = inspect.getsourcefile(function) if inspect.isroutine(function) else None
    own = [each for each in lines if each.filename == source] or lines[1:]
    where = f" in {own[-1].filename}, line {own[-1].lineno}" if own else ""
    return f"raised {_kind_and_text(error)}{where}"


def _kind_and_text(error: Exception) -> str:
    text = " ".join(str(error).split())
    text = text if len(text) <= 300 else f"{text[:300]}..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
