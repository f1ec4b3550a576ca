"""Records in other forms: `yt8m convert`. It streams and needs no model. docs/data-views.md describes the forms."""

from yt8m.conversion.converting import Converted, convert

__all__ = ["Converted", "convert"]
