"""The fenced blocks of the documentation, and the commands in them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
README = REPOSITORY / "README.md"
PAGES = [README, *sorted((REPOSITORY / "docs").glob("*.md"))]


@dataclass(frozen=True)
class Block:
    """What stands between two fences."""

    page: str
    """Its file's name."""
    line: int
    """Of the first fence, from 1."""
    language: str
    text: str
    before: str
    """The page up to it."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def commands(self) -> list[str]:
        """The commands of a shell block, one a line: continued lines joined, comments gone, documents that follow `<<` kept."""
        found, rest = [], self.text.splitlines()
        while rest:
            line = rest.pop(0)
            while line.endswith("\\"):
                line = f"{line[:-1].rstrip()} {rest.pop(0).lstrip()}"
            if marker := re.search(r"<<'?(\w+)'?$", line):
                end = rest.index(marker[1])
                line, rest = "\n".join([line, *rest[: end + 1]]), rest[end + 1 :]
            elif line := re.sub(r"(^|\s)#.*", "", line).strip():
                pass
            if line:
                found.append(line)
        return found


def blocks_of(page: Path) -> list[Block]:
    """All blocks of a page, in order.

    Raises:
        ValueError: a block is not closed.
    """
    found, lines = [], page.read_text().splitlines()
    place = 0
    while place < len(lines):
        if opened := re.match(r"\s*```(\w*)$", lines[place]):
            end = next((at for at in range(place + 1, len(lines)) if lines[at].strip() == "```"), None)
            if end is None:
                raise ValueError(f"{page.name}:{place + 1}: the block is not closed")
            inside = "\n".join(lines[place + 1 : end]) + "\n"
            found.append(Block(page.name, place + 1, opened[1], inside, "\n".join(lines[:place])))
            place = end
        place += 1
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def words_of(command: str) -> list[str]:
    """The words of a command, as a shell parts them, without the file that its output goes to."""
    words = shlex.split(command)
    return words[: words.index(">")] if ">" in words else words
