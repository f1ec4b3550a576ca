"""Says how stored predictions differ from those that are wanted, by their descriptions in JSON's form."""

from collections.abc import Mapping, Sequence
from typing import Any


def refusal(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Says in a clause what a directory holds instead of the wanted predictions, and what to do.

    Args:
        found: the contents of its `predictions.json`.
        wanted: the contents that it would get.
    """
    key = next((key for key in wanted if found.get(key) != wanted[key]), "")
    if key in ("classes", "top_k") and (held := _columns(found)) and (asked := _columns(wanted)) and held != asked:
        # A mean keeps the classes that its members have.
        remedy = "" if "members" in wanted["made_from"] else f"give --store-top-k {found.get('top_k') or 0}, or "
        return f"holds {held} of each video, and {asked} are asked for; {remedy or 'give '}another directory"
    return (
        f"holds predictions of another kind or from elsewhere ({_difference(found, wanted)}); give another directory, or "
        "remove it"
    )


def _columns(values: Mapping[str, Any]) -> str | None:
    """The classes that are kept for a video; None for a list of some classes."""
    classes, num_classes = values.get("classes"), values["num_classes"]
    if values["task"] != "video":
        return None
    if classes is None:
        return f"the {values.get('top_k')} most probable classes"
    return f"all {num_classes} classes" if classes == list(range(num_classes)) else None


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Describes the first difference, as precisely as it can be named."""
    for key in dict.fromkeys([*wanted, *found]):
        there, here = found.get(key), wanted.get(key)
        if there == here:
            continue
        if key == "made_from" and isinstance(there, Mapping):
            return _difference(there, here)
        if key == "calibrations":
            return (
                f"made with {'another' if there and here else 'a'} calibration"
                if there
                else "made without a calibration"
            )
        if key == "files":
            return f"files differ{_first_difference(there or [], here or [])}"
        if isinstance(there, list | Mapping) or isinstance(here, list | Mapping):
            return f"{key} differ"
        return f"{key} is {there} there, {here} here"
    return "something is missing"


def _first_difference(there: Sequence[Sequence[Any]], here: Sequence[Sequence[Any]]) -> str:
    """Describes the first difference of two lists of files, which begin with their paths; empty if one begins the other."""
    for one, other in zip(there, here, strict=False):
        if one[0] != other[0]:
            return f": {one[0]} there, {other[0]} here"
        if one != other:
            return f": {one[0]} has been changed since"
    return ""
