"""Searches an index by likeness and by words."""

import difflib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from yt8m.data.tables.vocabulary import class_name
from yt8m.errors import InputError, quantity
from yt8m.searching.graphs import nearest_by_graph
from yt8m.searching.index import Found, Index
from yt8m.searching.nearest import highest, nearest
from yt8m.searching.vectors import Vectors
from yt8m.searching.words import ClassWords, Meaning

Kind = Literal["videos", "moments"]
_MOST_NAMED = 5
_MOST_COMPARED = 2000
"""Ids that are compared with a mistyped one."""


@dataclass(frozen=True)
class Hit:
    """A video, or a moment of one, that was found."""

    id: str
    start: float
    """The second it begins at; 0 for a whole video."""
    end: float | None
    """The second it ends at; None if unknown."""
    score: float
    """The cosine, from -1 to 1; for words, how well the labels say them, from 0 to 1."""
    labels: tuple[tuple[str, float], ...]
    """Its labels by name with their weights, the highest first."""
    path: str
    """The file of a video of one's own; empty if unknown."""


@dataclass(frozen=True)
class Query:
    """A vector to look for."""

    vector: np.ndarray
    """float32 [D]."""
    is_moment: bool = False
    video: Found | None = None
    """The video of it, if it is in the index."""
    row: int | None = None
    """The row of `moments`, or else of `videos`, that it is itself, if it is in the index."""


def query_of(index: Index, given: str) -> Query | None:
    """A video of the index, or a moment of it.

    Args:
        index: the index.
        given: `ID`, `ID@SECONDS`, or the path of a video file in place of the id.

    Returns:
        None if the index has no such video.

    Raises:
        InputError: the video is there, but has no such moment.
    """
    for name, second in readings(given):
        found = index.find(name) or index.find_path(name)
        if found is not None:
            return _query(index, found, second)
    return None


def readings(given: str) -> list[tuple[str, float | None]]:
    """What `ID[@SECONDS]` may mean: an id that holds @, or an id with a second."""
    name, at, seconds = given.rpartition("@")
    if not at or not name:
        return [(given, None)]
    try:
        second = float(seconds)
    except ValueError:
        return [(given, None)]
    return [(given, None), (name, second)]


def _query(index: Index, found: Found, second: float | None) -> Query:
    if second is None:
        row = index.first_row("videos", found.part) + found.number
        return Query(np.asarray(found.part.rows["videos"][found.number]), video=found, row=row)
    table = found.part.table
    own = table.moments_of(found.number)
    name = table.ids[found.number]
    if not own:
        raise InputError(
            f"--like names second {second:g} of {name}, which was added at video level and has no moments; leave out "
            f"@{second:g}, or add its frame-level record"
        )
    moment = own[_moment_at(table.starts[own.start : own.stop], table.ends[own.stop - 1], second, name)]
    row = index.first_row("moments", found.part) + moment
    return Query(np.asarray(found.part.rows["moments"][moment]), True, found, row)


def query_outside(vectors: Vectors, second: float | None, name: str) -> Query:
    """A video that is not in the index, or a moment of it.

    Args:
        vectors: the vectors of the video, made as those of the index.
        second: a second of it; None = the whole video.
        name: the video, for messages.

    Raises:
        InputError: it has no such moment, or holds nothing but zeros.
    """
    if second is None:
        return Query(vectors.video)
    if not len(vectors.starts):
        raise InputError(
            f"--like names second {second:g} of {name}, whose record is at video level; leave out @{second:g}"
        )
    place = _moment_at(vectors.starts, vectors.ends[-1], second, name)
    return Query(vectors.moments[place], True)


def _moment_at(starts: np.ndarray, end: float, second: float, name: str) -> int:
    """The place of the moment with a second. Raises InputError if the video has none."""
    if not 0 <= second < end:
        raise InputError(f"--like names second {second:g} of {name}, which goes from 0 to {end:g}")
    return int(np.searchsorted(starts, second, side="right")) - 1


def unknown_video(index: Index, given: str) -> InputError:
    """The error for a video that is not in the index. It names near ids."""
    ids = list(itertools.chain.from_iterable(part.table.ids for part in index.parts))
    name = readings(given)[-1][0]
    folded = name.casefold()
    alike = [each for each in ids if each.casefold() == folded or (len(folded) > 2 and folded in each.casefold())]
    some = alike + [each for each in ids if each[:1].casefold() == folded[:1] and abs(len(each) - len(name)) < 3]
    near = list(dict.fromkeys([*alike[:3], *difflib.get_close_matches(name, some[:_MOST_COMPARED], 3, 0.7)]))[:3]
    hint = f"; near are {', '.join(near)}" if near else ""
    return InputError(
        f"{name}: is none of the {quantity(len(ids), 'video', ',')} in {index.directory}{hint}; records that are not there are "
        "named with --data"
    )


def like(index: Index, query: Query, kind: Kind, count: int, elsewhere: bool = False) -> list[Hit]:
    """What is like a video or a moment, the most alike first, less itself.

    Args:
        index: the index.
        query: what to look for.
        kind: whole videos, or moments.
        count: how many to find.
        elsewhere: leave out the moments of the same video.

    Raises:
        InputError: the index has none of these, or the query holds nothing but zeros.
    """
    _require(index, kind)
    if not query.vector.any():
        raise InputError("--like names a video, or a moment, that holds nothing but zeros, so it is like nothing")
    left_out = _own_rows(index, query, kind, elsewhere)
    found = None
    if kind in index.graphs:
        found = nearest_by_graph(index.directory, index.graphs[kind], query.vector, count + len(left_out))
    rows, scores = found or nearest(query.vector, index.rows(kind), count + len(left_out))
    pairs = [(row, score) for row, score in zip(rows.tolist(), scores.tolist(), strict=True) if row not in left_out]
    return [_hit(index, kind, row, min(1.0, score)) for row, score in pairs[:count]]


def _own_rows(index: Index, query: Query, kind: Kind, elsewhere: bool) -> set[int]:
    if query.video is None:
        return set()
    part, number = query.video
    if kind == "videos":
        return {index.first_row("videos", part) + number}
    first = index.first_row("moments", part)
    if elsewhere:
        return {first + moment for moment in part.table.moments_of(number)}
    return {query.row} if query.is_moment and query.row is not None else set()


def _require(index: Index, kind: Kind) -> None:
    if not index.num_rows("videos"):
        raise InputError(f"{index.directory}: is empty; add videos with --add RECORDS")
    if not index.num_rows(kind):
        raise InputError(
            f"{index.directory}: has no moments, as its records are at video level; leave out @SECONDS and --of"
        )


def say(index: Index, words: ClassWords, text: str, kind: Kind, count: int) -> tuple[list[Hit], Meaning]:
    """What words describe, by its labels, the best first: the hits, and what the words mean.

    The score of a video is the mean over the words, by their rarity, of the best evidence among its labels: how much the name or
    description of the class says of the word, times the label's weight. So a video with both `Concert` and `Guitar` comes before
    one with either, for the words `concert guitar`.

    Args:
        index: the index.
        words: the words of its classes.
        text: what to look for.
        kind: whole videos, or moments, if moments have labels.
        count: how many to find. What none of the words describes is left out.

    Raises:
        InputError: the index is empty or has no labels, or no class has any of the words.
    """
    _require(index, kind)
    field = "labels" if kind == "videos" else "moment_labels"
    labels = [getattr(part.table, field) for part in index.parts]
    if not any(len(each.classes) for each in labels):
        source = "a prediction of segments" if kind == "moments" else "labelled records, or predictions"
        raise InputError(f"{index.directory}: its {kind} have no labels; add {source} with --predictions")
    meaning = words.meaning(text)
    scores = np.concatenate([_scores(each, meaning) for each in labels])
    rows, found = highest(scores, count)
    return [
        _hit(index, kind, row, score) for row, score in zip(rows.tolist(), found.tolist(), strict=True) if score > 0
    ], meaning


def _scores(labels, meaning: Meaning) -> np.ndarray:
    total = np.zeros(len(labels), np.float32)
    for share, evidence in zip(meaning.shares, meaning.evidence, strict=True):
        total += share * labels.highest(evidence)
    return total


def _hit(index: Index, kind: Kind, row: int, score: float) -> Hit:
    part, number = index.at(kind, row)
    table = part.table
    video = number if kind == "videos" else int(table.videos[number])
    labels = table.labels.of_row(video)
    if kind == "moments":
        start, end = float(table.starts[number]), float(table.ends[number])
        labels = table.moment_labels.of_row(number) or labels
    else:
        start, end = 0.0, float(table.seconds[video]) or None
    return Hit(table.ids[video], start, end, score, _named(labels, index.classes), table.paths[video])


def _named(labels: Sequence[tuple[int, float]], names: Mapping) -> tuple[tuple[str, float], ...]:
    texts = {label: names[label].name for label, _ in labels if label in names}
    return tuple((class_name(label, texts), weight) for label, weight in labels[:_MOST_NAMED])
