"""How large a model may be that is converted."""

from yt8m.errors import InputError
from yt8m.exporting.signatures import ExportedModel

_LARGEST_MESSAGE = 2**31 - 2**20
"""Protobuf's limit for one message, less some room for the graph."""


def require_size(exported: ExportedModel, of_what: str) -> None:
    """Raises InputError if the float32 weights are more than a converted graph can hold. Converters take all memory first."""
    num_bytes = sum(each.shape.num_elements() * each.dtype.size for each in exported.weights)
    if num_bytes > _LARGEST_MESSAGE:
        raise InputError(
            f"its weights have {num_bytes / 1e9:.2f} GB, and {of_what} at most 2.14; export it with --format saved-model"
        )
