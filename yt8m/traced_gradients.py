"""Frees TensorFlow's graphs that have hand-written gradients.

TensorFlow registers such a gradient under a new name for each graph, for ever. The gradient knows the graph, and the graph the
weights: so a process would keep the weights of every model that it ever trained or scored
(`findings/tensorflow-keeps-what-a-custom-gradient-saw.sh`). Here gradients are forgotten when nobody can ask for them any more.

On several devices of one process, other parts of TensorFlow keep the weights as well.
"""

import contextlib
import re
import weakref
from collections.abc import Callable, Iterator

_OF_ONE_GRAPH = re.compile(r"CustomGradient-\d+")


@contextlib.contextmanager
def owned_gradients(owner: object = None) -> Iterator[None]:
    """Gradients that are registered in the block are forgotten when nothing refers to the owner any more.

    Args:
        owner: a model, say. The block is the body of a traced function that uses it. None = they are forgotten at the end of
            the block, so no function that is traced in it may be called later.
    """
    before = set(_registry())
    try:
        yield
    finally:
        names = [name for name in [*_registry()] if name not in before and _OF_ONE_GRAPH.fullmatch(name)]
        if owner is None:
            for name in names:
                _registry().pop(name, None)
        elif names:
            held = vars(owner).setdefault("traced_gradients", _Gradients())
            held.functions += [gradient for name in names if (gradient := _weakened(name))]


class _Gradients:
    """What an owner holds. The functions refer to graphs, and some to the owner: so no table of ours may hold them."""

    def __init__(self):
        self.functions: list[Callable] = []


def _weakened(name: str) -> Callable | None:
    """Leaves a weak reference to a gradient in the registry. Returns the gradient; None if it is forgotten already."""
    registered = _registry()
    entry = registered.get(name)
    if entry is None:  # its owner, in a block inside this one, is no more
        return None
    gradient = entry["type"]
    reference = weakref.ref(gradient, lambda _: registered.pop(name, None))
    entry["type"] = lambda *arguments: reference()(*arguments)
    return gradient


def _registry() -> dict[str, dict]:
    """TensorFlow's gradients by name. If a release has them elsewhere, memory is not freed, and all else goes on."""
    try:
        from tensorflow.python.framework import ops

        return ops.gradient_registry._registry
    except (ImportError, AttributeError):
        return {}
