"""`make bench-search`: how long `yt8m search` takes among 100 000 videos, and how much float16 and graphs miss."""

import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import documents, processes, turns
from benchmarks.sizes import parser_of, sized
from yt8m.data.features import DEFAULT_FEATURES
from yt8m.searching import graphs
from yt8m.searching.adding import Predicted, items_of, open_records
from yt8m.searching.asking import words_of
from yt8m.searching.index import ClassText, Index, Settings, open_index
from yt8m.searching.nearest import highest, nearest
from yt8m.searching.parts import Item
from yt8m.searching.searching import say
from yt8m.searching.updating import changing, update
from yt8m.searching.vectors import Vectors, of_means

NUM_VIDEOS = sized(100_000, 2_000)
NUM_IN_GRAPH = sized(100_000, 1_000)
"""A graph takes 1.6 ms of CPU a video to make."""
NUM_LOOKS = sized(2_000, 50)
NUM_CLASSES = sized(3862, 100)
NUM_QUERIES = sized(200, 10)
ROUNDS = sized(10, 2)
COMMAND_ROUNDS = sized(5, 1)
COUNT = 10
_ROWS_AT_ONCE = 4096


def _made_items() -> Iterator[Item]:
    """Videos of two looks each, with noise, and three labels."""
    random = np.random.default_rng(0)
    looks = random.standard_normal((NUM_LOOKS, 1152), dtype=np.float32)
    chances = np.cumsum(1 / np.arange(1, NUM_CLASSES + 1))
    for number in range(NUM_VIDEOS):
        values = looks[random.integers(NUM_LOOKS, size=2)].sum(axis=0) + random.standard_normal(1152, dtype=np.float32)
        means = {"rgb": values[:1024], "audio": values[1024:]}
        labels = {int(each) for each in np.searchsorted(chances, random.random(3) * chances[-1])}
        yield Item(f"v{number:06d}", of_means(means, DEFAULT_FEATURES), labels=[(each, 1.0) for each in labels])


def _classes() -> dict[int, ClassText]:
    """Names of two words and descriptions of forty, of 2000 words."""
    random = np.random.default_rng(1)
    words = ["".join(random.choice(list("bdfgklmnprtv"), 3)) + "aeiou"[number % 5] for number in range(2000)]

    def text(count: int) -> str:
        return " ".join(random.choice(words, count))

    return {number: ClassText(text(2), text(40)) for number in range(NUM_CLASSES)}


def _make(directory: Path, items: Iterator[Item]) -> tuple[Index, float]:
    """An index of some videos, and the CPU seconds that it took."""
    start = time.process_time()
    with changing(directory) as index:
        update(directory, index, Settings(DEFAULT_FEATURES), items, classes=_classes())
    return open_index(directory), time.process_time() - start


def _of_index(index: Index) -> Iterator[Item]:
    """Its first videos once more, for another index."""
    none = np.empty(0, np.float32)
    pairs = (pair for part in index.parts for pair in zip(part.table.ids, part.rows["videos"], strict=True))
    for video, row in itertools.islice(pairs, NUM_IN_GRAPH):
        yield Item(video, Vectors(np.array(row), np.empty((0, 1152)), none, none))


def _queries(index: Index) -> tuple[np.ndarray, np.ndarray]:
    """Some videos of an index: their numbers and vectors."""
    numbers = np.random.default_rng(2).choice(index.num_rows("videos"), NUM_QUERIES, replace=False)
    places = [index.at("videos", number) for number in numbers.tolist()]
    return numbers, np.stack([place.part.rows["videos"][place.number] for place in places])


def _nearest_of_all(queries: np.ndarray, rows: Sequence[np.ndarray]) -> np.ndarray:
    """The nearest rows of each query, all at once, int64 [queries, COUNT + 1]."""
    pieces = (part[first : first + _ROWS_AT_ONCE] for part in rows for first in range(0, len(part), _ROWS_AT_ONCE))
    scores = np.concatenate([queries @ piece.astype(np.float32).T for piece in pieces], axis=1)
    return np.argpartition(-scores, COUNT, axis=1)[:, : COUNT + 1]


def _recall(index: Index, found: np.ndarray) -> float:
    """The share of the ten nearest of each query, less the video itself, that a search found [queries, COUNT + 1]."""
    numbers, queries = _queries(index)
    exact = _nearest_of_all(queries, index.rows("videos"))
    shares = [
        len((set(own) & set(other)) - {number}) / COUNT
        for number, own, other in zip(numbers.tolist(), exact.tolist(), found.tolist(), strict=True)
    ]
    return float(np.mean(shares))


def _by_graph(index: Index, query: np.ndarray, count: int) -> np.ndarray:
    return graphs.nearest_by_graph(index.directory, index.graphs["videos"], query, count)[0]


def _in_float16(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    pieces = (rows[first : first + _ROWS_AT_ONCE] for first in range(0, len(rows), _ROWS_AT_ONCE))
    return highest(np.concatenate([piece.astype(np.float32) @ query for piece in pieces]), COUNT)[0]


def _with_graph(directory: Path, index: Index) -> tuple[Index, float]:
    """Videos of another index in one with a graph."""
    usual, graphs.FROM_ROWS = graphs.FROM_ROWS, 0
    try:
        return _make(directory, _of_index(index))
    finally:
        graphs.FROM_ROWS = usual


HEADER = ["ms, median", "ms, best", "CPU ms, median", "recall@10"]


def _cells(found: Sequence[turns.Spent], recall: str = "") -> list[str]:
    best = min(each.seconds for each in found)
    cells = (turns.median(found), best, turns.median(found, "cpu"))
    return [*(f"{1000 * each:,.0f}" for each in cells), recall]


def _compared(index: Index, graph: bool) -> list[list[str]]:
    """Rows of a table: an index searched in several ways."""
    queries, rows = _queries(index)[1], index.rows("videos")
    half = np.concatenate(rows).astype(np.float16)
    ways = {
        "each compared, float32 (as `yt8m search` does)": lambda: nearest(queries[0], rows, COUNT),
        "each compared, stored as float16": lambda: _in_float16(half, queries[0]),
    }
    recalls = ["1.000", f"{_recall(index, _nearest_of_all(queries, [half])):.3f}"]
    if graph:
        ways["faiss HNSW32 (as beyond a million)"] = lambda: _by_graph(index, queries[0], COUNT)
        found = np.stack([_by_graph(index, query, COUNT + 1) for query in queries])
        recalls.append(f"{_recall(index, found):.3f}")
    spent = turns.in_turns({name: turns.timed(run) for name, run in ways.items()}, ROUNDS)
    return [[name, *_cells(spent[name], recall)] for name, recall in zip(ways, recalls, strict=True)]


def _words(index: Index) -> list[str]:
    words = words_of(index)
    text = " ".join(index.classes[number].name for number in (3, 5))
    spent = turns.in_turns({"words": turns.timed(lambda: say(index, words, text, "videos", COUNT))}, ROUNDS)["words"]
    return ["four words in the names and descriptions of labels", *_cells(spent)]


def _commands(directory: Path, index: Index) -> list[list[str]]:
    rows = []
    for name, flags in {
        "the whole command, `--like`": ["--like", "v000001"],
        "the whole command, `--text`": ["--text", index.classes[3].name],
    }.items():
        words = ["-m", "yt8m", "search", "--index", str(directory), *flags]
        rows.append([name, *_cells([processes.measured(*words)[1] for _ in range(COMMAND_ROUNDS)])])
    return rows


def measure(records: Sequence[str]) -> str:
    """The tables."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        index, seconds = _make(root / "made", _made_items())
        megabytes = sum(path.stat().st_size for path in (root / "made").iterdir()) / 1e6
        rows = [*_compared(index, graph=False), _words(index), *_commands(root / "made", index)]
        texts = [documents.table([f"{NUM_VIDEOS:,} made videos, 1152 values", *HEADER], rows)]
        texts.append(f"The index has {megabytes:,.0f} MB, and took {seconds:,.0f} s of CPU to make.")
        sources = {"made": index}
        if records:
            sources["real"] = _make(root / "real", items_of(open_records(records), 5, Predicted(), {}))[0]
        for kind, source in sources.items():
            with_graph, seconds = _with_graph(root / f"{kind}-graph", source)
            header = [f"{with_graph.num_rows('videos'):,} {kind} videos, 1152 values", *HEADER]
            texts.append(documents.table(header, _compared(with_graph, graph=True)))
            texts.append(f"This index, with its graph, took {seconds:,.0f} s of CPU to make.")
    return "\n\n".join(texts)


if __name__ == "__main__":
    parser = parser_of("benchmarks.search", __doc__)
    parser.add_argument("--records", nargs="+", default=[], help="real video-level records, for one more table")
    given = parser.parse_args()
    documents.write("search", measure(given.records), keep=bool(given.records))
