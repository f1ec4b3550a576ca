"""One message for the many errors that mean too little memory."""

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from yt8m.errors import InputError

_OF_MEMORY = re.compile(
    r"\bOOM\b|out.of.memory|bad_alloc|failed to allocate|unable to allocate|Dst tensor is not initialized",
    re.IGNORECASE,
)
_OF_SIZE = re.compile(r"overflow|too many elements|more than 2\*\*63|Cannot parse tensor from proto", re.IGNORECASE)
"""Errors about shapes that fit no memory. TensorFlow raises them before it asks for memory, or when it parses a constant."""


@contextlib.contextmanager
def memory_errors(work: str, advice: str = "end what else needs it, or use a device that has more") -> Iterator[None]:
    """Turns any error that means too little memory into one InputError.

    Args:
        work: the work that needed the memory, "training" say.
        advice: how to need less, as a clause. Name only flags that every caller has.

    Raises:
        InputError: memory did not suffice. Other errors pass through.
    """
    try:
        yield
    except (tf.errors.OpError, MemoryError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError) or not _is_of_memory(error):
            raise
        raise InputError(f"{work}: memory did not suffice{_tensor(str(error))}; {advice}") from error


def _is_of_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError):
        return True
    text = str(error)
    if isinstance(error, tf.errors.ResourceExhaustedError):  # which a full disk raises, too
        return not re.search(r"No space left|quota", text)
    if isinstance(error, tf.errors.InvalidArgumentError | ValueError):
        return bool(_OF_SIZE.search(text) or _OF_MEMORY.search(text))
    return bool(_OF_MEMORY.search(text))


def _tensor(text: str) -> str:
    """The tensor that did not fit, if TensorFlow names it."""
    found = re.search(r"tensor with shape ?\[([\d,]+)\] and type (\w+)", text)
    if found:
        return f" for {found[2]} [{', '.join(found[1].split(','))}]"
    sizes = re.findall(r"\bdim \{\s*size: (\d+)", text)
    return f" for [{', '.join(sizes)}]" if sizes else ""
