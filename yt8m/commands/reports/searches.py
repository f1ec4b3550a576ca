"""Describes what `yt8m search` found, and how it changed an index."""

from collections.abc import Iterator
from typing import Any

from yt8m.commands.reports.labels import clock
from yt8m.commands.reports.tables import printable
from yt8m.download.addresses import known_addresses, watch_url
from yt8m.errors import quantity

_MOST_NAMED = 5
_WIDEST = 60


def hits(answer: Any) -> str:
    """A line for each `yt8m.searching.searching.Hit`: score, id, seconds, labels, and a link or path if one is known."""
    if not answer.hits:
        return "nothing found"
    links = _links(answer)
    rows = [
        (
            f"{hit.score:.4f}",
            printable(hit.id),
            _seconds(answer.kind, hit),
            _shortened(_labels(hit)),
            links[number] or printable(hit.path),
        )
        for number, hit in enumerate(answer.hits)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True) if width).rstrip() for row in rows
    )


def _seconds(kind: str, hit: Any) -> str:
    if kind == "moments":
        return f"{clock(int(hit.start))}-{clock(int(hit.end))}"
    return clock(int(hit.end)) if hit.end else ""


def _labels(hit: Any) -> str:
    return ", ".join(name if weight == 1 else f"{name} {weight:.2f}" for name, weight in hit.labels)


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 4].rstrip(' ,')} ..."


def _links(answer: Any) -> list[str]:
    known = known_addresses({hit.id for hit in answer.hits if not hit.path})
    return [watch_url(known[hit.id], hit.start) if hit.id in known and not hit.path else "" for hit in answer.hits]


def hit_values(answer: Any) -> dict[str, Any]:
    """The same as JSON values, the best first."""
    links = _links(answer)
    results = [
        {
            "id": hit.id,
            "start": hit.start,
            "end": hit.end,
            "score": hit.score,
            "labels": [{"name": name, "weight": weight} for name, weight in hit.labels],
            "path": hit.path or None,
            "address": link or None,
        }
        for hit, link in zip(answer.hits, links, strict=True)
    ]
    values: dict[str, Any] = {"of": answer.kind, "results": results}
    if answer.words:
        values |= {"words": list(answer.words), "unknown_words": list(answer.unknown)}
    return values


def unknown_words(answer: Any) -> str:
    """A line about words that no class has."""
    near = f"; near are {', '.join(answer.near)}" if answer.near else ""
    return f"no class has {' or '.join(map(repr, answer.unknown))} in its name or description{near}"


def index_changed(index: str, changed: Any) -> str:
    """A line about a `yt8m.searching.updating.Changed`."""
    counts = {"added": changed.added, "replaced": changed.replaced, "removed": changed.removed}
    done = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing changed"
    moments = f" and {quantity(changed.moments, 'moment', ',')}" if changed.moments else ""
    return f"{index}: {done}; it has {quantity(changed.videos, 'video', ',')}{moments}"


def index_problems(changed: Any) -> Iterator[str]:
    """Lines about what was left out."""
    yield from changed.problems
    if changed.unknown:
        named = ", ".join(changed.unknown[:_MOST_NAMED]) + (" ..." if len(changed.unknown) > _MOST_NAMED else "")
        yield f"{quantity(len(changed.unknown), 'id', ',')} to remove not in the index: {named}"
    if changed.repeated:
        count = quantity(len(changed.repeated), "record", ",")
        yield f"{count} left out, as the id came before, such as {changed.repeated[0]!r}; the first record of an id counts"


def index_values(index: str, changed: Any) -> dict[str, Any]:
    """The same as JSON values."""
    names = ("added", "replaced", "repeated", "removed", "unknown", "problems", "videos", "moments")
    return {"index": index, **{name: getattr(changed, name) for name in names}}
