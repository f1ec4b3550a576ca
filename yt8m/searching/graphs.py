"""Graphs of near neighbours, by faiss, for indexes of more than a million rows. They find most of the nearest, not all.

HNSW by inner product, which is the cosine, as all vectors have length 1. By distance such graphs lose points, because the
features are whitened. A graph has a place for each row that it ever got; the file `NAME.npy` says which row of the index that is,
or -1 if it is gone.
"""

import functools
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.errors import InputError, quantity
from yt8m.progress import Progress
from yt8m.searching.parts import KINDS, Part

FROM_ROWS = 1_000_000
"""An index with more rows gets a graph."""
_NEIGHBOURS, _EFFORT_TO_BUILD, _EFFORT_TO_SEARCH = 32, 80, 128
_MOST_GONE = 0.2
"""The share of rows that are gone from which on a graph is made anew."""
_ROWS_AT_ONCE = 16_384


def load_faiss() -> Any | None:
    """The package; None if it is not installed."""
    try:
        import faiss
    except ImportError:
        return None
    return faiss


def updated_graphs(
    directory: Path,
    graphs: Mapping[str, Mapping[str, Any]],
    before: tuple[Sequence[Part], Sequence[np.ndarray]],
    parts: Sequence[Part],
    written: list[str],
    progress: Progress,
) -> dict[str, dict[str, Any]]:
    """Writes graphs for the kinds of rows that are many.

    Args:
        directory: the index.
        graphs: those of the index so far.
        before: the parts so far and the new one, and masks of the videos of each that stay.
        parts: all parts from now on, with the same videos in the same order.
        written: gets the names of new files, less their endings.
        progress: counts the rows, and gets a line if faiss is missing.
    """
    found = {}
    for kind in KINDS:
        count = sum(part.entry[kind] for part in parts)
        if count <= FROM_ROWS:
            continue
        faiss = load_faiss()
        if faiss is None:
            progress.message(
                f"{quantity(count, kind[:-1], ',')} are compared one by one, which takes longer; pip install 'yt8m[faiss]' and "
                "add again, and they get a graph"
            )
            continue
        graph, places = _kept(directory, graphs.get(kind), before, kind, faiss)
        size = parts[0].rows[kind].shape[1]
        if graph is None:
            graph, places = faiss.IndexHNSWFlat(size, _NEIGHBOURS, faiss.METRIC_INNER_PRODUCT), np.empty(0, np.int64)
            graph.hnsw.efConstruction = _EFFORT_TO_BUILD
        missing = np.setdiff1d(np.arange(count), places, assume_unique=False)
        with progress.working("linking neighbours", kind[:-1], total=len(missing)):
            for first in range(0, len(missing), _ROWS_AT_ONCE):
                some = missing[first : first + _ROWS_AT_ONCE]
                graph.add(_gathered(parts, kind, some))
                progress.advance(len(some))
        name = f"graph-{secrets.token_hex(8)}"
        written.append(name)
        try:
            faiss.write_index(graph, str(directory / f"{name}.faiss"))
        except RuntimeError as error:
            raise InputError(f"{directory}: the graph cannot be written; make room") from error
        np.save(directory / f"{name}.npy", np.concatenate([places, missing]))
        found[kind] = {"files": [f"{name}.faiss", f"{name}.npy"], "rows": count}
    return found


def _kept(
    directory: Path,
    graph: Mapping[str, Any] | None,
    before: tuple[Sequence[Part], Sequence[np.ndarray]],
    kind: str,
    faiss: Any,
) -> tuple[Any, np.ndarray]:
    """A graph so far, and the rows of its places from now on; None if it is to be made anew."""
    none = np.empty(0, np.int64)
    if graph is None:
        return None, none
    parts, masks = before
    stays = np.concatenate(
        [mask if kind == "videos" else mask[part.table.videos] for part, mask in zip(parts, masks, strict=True)]
    )
    rows = np.where(stays, np.cumsum(stays) - 1, -1)
    places = np.load(directory / graph["files"][1])
    places = np.where(places >= 0, rows[places], -1)
    if (places < 0).mean() > _MOST_GONE:
        return None, none
    return _read(faiss, directory / graph["files"][0]), places


@functools.lru_cache(maxsize=2)
def _read(faiss: Any, path: Path) -> Any:
    try:
        return faiss.read_index(str(path))
    except RuntimeError as error:
        raise InputError(f"{path}: is damaged; remove the index, and make it anew with --add") from error


def _gathered(parts: Sequence[Part], kind: str, rows: np.ndarray) -> np.ndarray:
    """Some rows, ascending, float32 [n, D]."""
    found, first = [], 0
    for part in parts:
        own = rows[(rows >= first) & (rows < first + part.entry[kind])] - first
        found.append(part.rows[kind][own])
        first += part.entry[kind]
    return np.concatenate(found)


def nearest_by_graph(
    directory: Path, graph: Mapping[str, Any], query: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """What `yt8m.searching.nearest.nearest` gives, nearly; None if faiss is not installed, or the graph is gone."""
    faiss = load_faiss()
    files = [directory / name for name in graph["files"]]
    if faiss is None or not all(each.exists() for each in files):  # another process may have removed them since
        return None
    index, places = _read(faiss, files[0]), np.load(files[1])
    gone = index.ntotal - graph["rows"]
    index.hnsw.efSearch = max(_EFFORT_TO_SEARCH, 2 * count)
    # Rows that are gone are found, too, and left out afterwards.
    scores, found = index.search(query[None].astype(np.float32), min(index.ntotal, count + min(gone, count)))
    rows = np.where(found[0] >= 0, places[found[0]], -1)
    return rows[rows >= 0][:count], scores[0][rows >= 0][:count]
