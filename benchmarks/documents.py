"""Tables that a benchmark writes into docs/benchmarks.md, each between marks of its own."""

from collections.abc import Sequence
from pathlib import Path

from yt8m.files import NewFile

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "benchmarks.md"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(name: str, text: str) -> None:
    """Prints a benchmark's result, and puts it between the marks `<!-- NAME: start -->` and `<!-- NAME: end -->`."""
    print(text)
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    before, _, rest = DOCUMENT.read_text().partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{DOCUMENT} has no marks {start} and {end}")
    with NewFile(DOCUMENT) as file:
        file.write(f"{before}{start}\n\n{text}\n\n{end}{after}".encode())
