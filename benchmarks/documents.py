"""Tables that a benchmark writes into docs/benchmarks.md, each between marks of its own."""

from collections.abc import Sequence

from benchmarks.sizes import IS_QUICK, ROOT
from yt8m.files import NewFile

DOCUMENT = ROOT / "docs" / "benchmarks.md"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write(name: str, text: str, keep: bool = True) -> None:
    """Prints a benchmark's result, and puts it between the marks `<!-- NAME: start -->` and `<!-- NAME: end -->`.

    Args:
        name: as the marks have it.
        text: Markdown.
        keep: whether all was measured that the document has; what a quick form (`benchmarks.sizes`) measures is never kept.
    """
    print(text)
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    before, _, rest = DOCUMENT.read_text().partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{DOCUMENT} has no marks {start} and {end}")
    if IS_QUICK or not keep:
        return
    with NewFile(DOCUMENT) as file:
        file.write(f"{before}{start}\n\n{text}\n\n{end}{after}".encode())
