"""Records in other forms: `yt8m convert`. Streaming, without a model; docs/data-views.md says what becomes of what."""

from yt8m.conversion.converting import Converted, convert

__all__ = ["Converted", "convert"]
