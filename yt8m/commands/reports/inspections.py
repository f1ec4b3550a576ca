"""Describes what record files hold, for `yt8m inspect`."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from yt8m.commands.reports.tables import capped, table
from yt8m.data.features import KNOWN
from yt8m.data.layouts import NAMES
from yt8m.data.schema import DEFAULT_MAX_FRAMES
from yt8m.errors import RecordError, quantity

_ODDITIES = (
    "lacking_features",
    "num_unlabelled",
    "num_long_videos",
    "num_unfit_ids",
    "keys",
    "has_other_keys",
    "layouts",
    "flags",
)
"""Findings of `yt8m inspect` that get lines of their own if they are not empty."""


def inspected(report: Mapping[str, Any]) -> str:
    """Describes what `yt8m.data.tools.inspection.inspect` found.

    Lists the first reasons why records of a file cannot be used, and the first records that occur twice. Adds a line for each
    thing that other commands would remark on.
    """
    rows: list[tuple[str, Any]] = []
    for name, value in report.items():
        if name in _ODDITIES:
            continue
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {round(each, 2)}" for key, each in value.items())
        rows.append((name, "-" if value in (None, "") else value))
    problems, repeated = report["corrupt_files"], report["repeated"]
    counts = {"repeated": len(repeated), "corrupt_files": len({problem["path"] for problem in problems})}
    rows = [(name, counts[name] or "none") if name in counts else (name, value) for name, value in rows]
    lines = capped(_problems(problems)) + capped([_repeated(each) for each in repeated])
    return "\n".join([table(rows), *_oddities(report), *_keys(report), *lines])


def _keys(report: Mapping[str, Any]) -> list[str]:
    """Returns lines on what the records hold, and what to type, unless they hold what the records of YouTube-8M do."""
    if not report.get("has_other_keys"):
        are_usual = all(name.removeprefix("mean_") in KNOWN for name in report.get("features") or ())
        return [] if are_usual or not report.get("flags") else [f"they are read with {report['flags']}"]
    keys = report["keys"]
    width = max(len(each["key"]) for each in keys)
    lines = [f"keys of {quantity(max(each['num_records'] for each in keys), 'record')}"]
    lines += [f"  {each['key']:{width}}  {_held(each)}" for each in keys]
    layouts = [f"{count} as {NAMES[name]}" for name, count in report["layouts"].items()]
    if report["flags"]:
        lines.append(f"they are read with {report['flags']}" + (f" ({', '.join(layouts)})" if layouts else ""))
    return lines


def _held(key: Mapping[str, Any]) -> str:
    """Says what a key holds, and in how many records."""
    kind = {"bytes": "bytes value", "float": "float", "int64": "integer", None: "value"}[key["kind"]]
    text = _extent(key["num_values"], kind)
    if key["num_bytes"]:
        text += f" of {_extent(key['num_bytes'], 'byte')}"
    if key["num_frames"]:
        text = f"{_extent(key['num_frames'], 'frame')} of {text}"
    return f"{text}, in {quantity(key['num_records'], 'record')}"


def _extent(extent: Sequence[int], noun: str) -> str:
    least, most = extent
    return quantity(most, noun) if least == most else f"{least} to {quantity(most, noun)}"


def _oddities(report: Mapping[str, Any]) -> list[str]:
    """Returns a line for each remark on usable records."""
    from yt8m.data.ids import LONGEST_ID, RULE

    lines = [
        f"{count} of the records {'lacks' if count == 1 else 'lack'} {name}, which others have; zeros stand in for it"
        for name, count in report.get("lacking_features", {}).items()
    ]
    count = report.get("num_unlabelled", 0)
    if count and report["num_labels"]:
        lines.append(
            f"{count} of the records {_have(count)} no labels, which others have; training takes "
            f"{'it' if count == 1 else 'each'} for a video of none of the classes"
        )
    if count := report.get("num_long_videos", 0):
        lines.append(
            f"{count} of the records {_have(count)} more than {DEFAULT_MAX_FRAMES} frames, and training cuts whole videos "
            "off there; --data.max-frames keeps more"
        )
    if count := report.get("num_unfit_ids", 0):
        lines.append(
            f"{count} of the records {_have(count)} an id that cannot stand in a submission: {RULE}, "
            f"and has at most {LONGEST_ID} bytes"
        )
    return lines


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _repeated(found: Mapping[str, Any]) -> str:
    first, start = found["first"], found["start"]
    what = f"video {found['id']!r}" if start is None else f"the segment at {start} s of video {found['id']!r}"
    reason = f"holds {what} again, which {first['path']}, record {first['record']}, holds"
    return str(RecordError(found["path"], found["record"], reason))


def _problems(problems: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns a line for each problem of a file or its records, with the first record that has it."""
    firsts: dict[tuple[str, str], Mapping[str, Any]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for problem in problems:
        kind = problem["path"], problem["reason"]
        firsts.setdefault(kind, problem)
        counts[kind] += 1
    return [
        str(RecordError(**first))
        + (f". So it is with {counts[kind] - 1} more of its records" if counts[kind] > 1 else "")
        for kind, first in firsts.items()
    ]


def plotted(drawn: Sequence[str], reasons: Mapping[str, str]) -> str:
    """Lists the pictures that were drawn, a line each, and says why others were not."""
    return "\n".join(
        [*(f"{path}: drawn" for path in drawn), *(f"{name}: not drawn: {why}" for name, why in reasons.items())]
    )
