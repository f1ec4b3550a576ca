"""`make bench-search`: how long `yt8m search` takes among 100 000 videos, and how much float16 and graphs miss."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
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
from yt8m.searching.searching import like, query_of, say
from yt8m.searching.updating import changing, update
from yt8m.searching.vectors import Vectors, of_means

NUM_VIDEOS = sized(100_000, 2_000)
NUM_LOOKS = sized(2_000, 50)
NUM_CLASSES = sized(3862, 100)
NUM_QUERIES = sized(200, 10)
ROUNDS = sized(20, 2)
COMMAND_ROUNDS = sized(5, 1)
COUNT = 10
_ROWS_AT_ONCE = 4096


def _made_items() -> Iterator[Item]:
    """Videos of two looks each, with noise, and three labels."""
    random = np.random.default_rng(0)
    looks = random.standard_normal((NUM_LOOKS, 1152), dtype=np.float32)
    chances = 1 / np.arange(1, NUM_CLASSES + 1)
    for number in range(NUM_VIDEOS):
        values = looks[random.integers(NUM_LOOKS, size=2)].sum(axis=0) + random.standard_normal(1152, dtype=np.float32)
        means = {"rgb": values[:1024], "audio": values[1024:]}
        labels = random.choice(NUM_CLASSES, 3, replace=False, p=chances / chances.sum())
        yield Item(f"v{number:06d}", of_means(means, DEFAULT_FEATURES), labels=[(int(each), 1.0) for each in labels])


def _classes() -> dict[int, ClassText]:
    """Names of two words and descriptions of forty, of 2000 words."""
    random = np.random.default_rng(1)
    words = ["".join(random.choice(list("bdfgklmnprtv"), 3)) + "aeiou"[number % 5] for number in range(2000)]

    def text(count: int) -> str:
        return " ".join(random.choice(words, count))

    return {number: ClassText(text(2), text(40)) for number in range(NUM_CLASSES)}


def _make(directory: Path, items: Iterator[Item]) -> tuple[Index, float]:
    """An index of some videos, and the seconds that it took."""
    start = time.perf_counter()
    with changing(directory) as index:
        update(directory, index, Settings(DEFAULT_FEATURES), items, classes=_classes())
    return open_index(directory), time.perf_counter() - start


def _of_index(index: Index) -> Iterator[Item]:
    """Its videos once more, for another index."""
    none = np.empty(0, np.float32)
    for part in index.parts:
        for video, row in zip(part.table.ids, part.rows["videos"], strict=True):
            yield Item(video, Vectors(np.array(row), np.empty((0, 1152)), none, none))


def _in_float16(rows: Sequence[np.ndarray]) -> Callable[[np.ndarray, int], np.ndarray]:
    """Exact search in rows that are stored as float16."""
    half = np.concatenate(rows).astype(np.float16)

    def find(query: np.ndarray, count: int) -> np.ndarray:
        pieces = [half[first : first + _ROWS_AT_ONCE] for first in range(0, len(half), _ROWS_AT_ONCE)]
        return highest(np.concatenate([piece.astype(np.float32) @ query for piece in pieces]), count)[0]

    return find


def _recall(index: Index, find: Callable[[np.ndarray, int], np.ndarray]) -> float:
    """The share of the ten nearest, less the video itself, that a search finds."""
    rows = index.rows("videos")
    numbers = np.random.default_rng(2).choice(index.num_rows("videos"), NUM_QUERIES, replace=False)
    found = []
    for number in numbers.tolist():
        query = np.asarray(index.at("videos", number).part.rows["videos"][index.at("videos", number).number])
        exact, other = (
            set(each.tolist()) - {number} for each in (nearest(query, rows, COUNT + 1)[0], find(query, COUNT + 1))
        )
        found.append(len(exact & other) / COUNT)
    return float(np.mean(found))


def _by_graph(index: Index) -> Callable[[np.ndarray, int], np.ndarray]:
    return lambda query, count: graphs.nearest_by_graph(index.directory, index.graphs["videos"], query, count)[0]


def _with_graph(directory: Path, index: Index) -> tuple[Index, float]:
    """The same videos in an index with a graph."""
    usual, graphs.FROM_ROWS = graphs.FROM_ROWS, 0
    try:
        return _make(directory, _of_index(index))
    finally:
        graphs.FROM_ROWS = usual


def _compared(index: Index, with_graph: Index) -> list[list[str]]:
    """Rows of a table: milliseconds of an answer, and recall@10."""
    query = query_of(index, "v000001") or query_of(index, next(iter(index.parts[0].table.ids)))
    half, graph = _in_float16(index.rows("videos")), _by_graph(with_graph)
    ways = {
        "each compared, float32 (as `yt8m search` does)": (lambda: like(index, query, "videos", COUNT), None),
        "each compared, stored as float16": (lambda: half(query.vector, COUNT), half),
        "faiss HNSW32 (as beyond a million)": (lambda: graph(query.vector, COUNT), graph),
    }
    spent = turns.in_turns({name: turns.timed(run) for name, (run, _) in ways.items()}, ROUNDS)
    recalls = {name: 1.0 if find is None else _recall(index, find) for name, (_, find) in ways.items()}
    return [[name, *_milliseconds(spent[name]), f"{recalls[name]:.3f}"] for name in ways]


def _milliseconds(found: Sequence[turns.Spent]) -> tuple[str, str]:
    return f"{1000 * turns.median(found):,.0f}", f"{1000 * min(each.seconds for each in found):,.0f}"


def _words(index: Index) -> list[str]:
    words = words_of(index)
    text = " ".join(index.classes[number].name for number in (3, 5))
    spent = turns.in_turns({"words": turns.timed(lambda: say(index, words, text, "videos", COUNT))}, ROUNDS)["words"]
    return ["words: four in the names and descriptions of labels", *_milliseconds(spent), ""]


def _commands(directory: Path, index: Index) -> list[list[str]]:
    rows = []
    for name, flags in {
        "the whole command, `--like`": ["--like", "v000001"],
        "the whole command, `--text`": ["--text", index.classes[3].name],
    }.items():
        words = ["-m", "yt8m", "search", "--index", str(directory), *flags]
        spent = [processes.measured(*words)[1] for _ in range(COMMAND_ROUNDS)]
        cpu = f"{1000 * turns.median(spent, 'cpu'):,.0f} of CPU"
        rows.append([name, *_milliseconds(spent), cpu])
    return rows


def measure(records: Sequence[str]) -> str:
    """The tables."""
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        index, seconds = _make(root / "made", _made_items())
        with_graph, seconds_of_graph = _with_graph(root / "made-graph", index)
        megabytes = sum(path.stat().st_size for path in (root / "made").iterdir()) / 1e6
        rows = [*_compared(index, with_graph), _words(index), *_commands(root / "made", index)]
        header = [f"{NUM_VIDEOS:,} made videos, 1152 values", "ms, median", "ms, best", "recall@10"]
        text = documents.table(header, rows)
        text += f"\n\nMaking the index took {seconds:,.0f} s and {megabytes:,.0f} MB, with a graph {seconds_of_graph:,.0f} s."
        if records:
            source = open_records(records)
            real, _ = _make(root / "real", items_of(source, 5, Predicted(), {}))
            real_graph, _ = _with_graph(root / "real-graph", real)
            count = real.num_rows("videos")
            header = [f"{count:,} real videos, rgb and audio", "ms, median", "ms, best", "recall@10"]
            text += f"\n\n{documents.table(header, _compared(real, real_graph))}"
    return text


if __name__ == "__main__":
    parser = parser_of("benchmarks.search", __doc__)
    parser.add_argument("--records", nargs="+", default=[], help="real video-level records, for a second table")
    given = parser.parse_args()
    documents.write("search", measure(given.records), keep=bool(given.records))
