"""docs/troubleshooting.md quotes what is really printed."""

import re
from functools import cache

import pytest
from fenced import REPOSITORY
from test_command_lines import SOURCES, strings_of

PAGE = (REPOSITORY / "docs" / "troubleshooting.md").read_text()
MESSAGES = re.findall(r"^### `(.*)`$", PAGE, re.MULTILINE)
PLACE = "\0"
"""What is filled in."""


@cache
def printed() -> list[str]:
    """What the package and the set-up can print, what is filled in left as a `PLACE`."""
    strings = [text for path in SOURCES for text in strings_of(path.read_text())]
    strings.append((REPOSITORY / "setup-environment.sh").read_text())
    return [text.replace("{}", PLACE) for text in strings]


def clauses_of(message: str) -> list[list[str]]:
    """The clauses of a quoted message, which may be put together from several strings; of each, what is constant in it."""
    found = []
    for clause in re.split("; |: ", message):
        parts = [part.strip() for part in re.split(r"<[\w ]+>", clause)]
        parts = [part for part in parts if re.search("[A-Za-z]", part)]
        if parts:
            found.append(parts)
    return found


def is_printed(parts: list[str]) -> bool:
    """Whether one string has all parts, in order, with nothing but what is filled in between them."""
    between = rf"[^\w]*{PLACE}(?:.{{,3}}{PLACE})*[^\w]*"
    pattern = between.join(map(re.escape, parts))
    return any(re.search(pattern, text) for text in printed())


@pytest.mark.parametrize("message", MESSAGES)
def test_a_quoted_message_is_printed(message):
    clauses = clauses_of(message)
    assert sum(len(part) for parts in clauses for part in parts) >= 20
    assert [parts for parts in clauses if not is_printed(parts)] == []


def test_a_message_that_nothing_prints_is_noticed():
    assert not is_printed(["holds a run of another colour ("])
    assert not is_printed(["holds a run of another configuration (", ") and goes on"])
    assert is_printed(["holds a run of another configuration (", ")"])


def test_messages_are_quoted_once_and_explained():
    assert len(MESSAGES) > 40
    assert len({*MESSAGES}) == len(MESSAGES)
    assert PAGE.count("\n### ") == len(MESSAGES)
    for message in MESSAGES:
        explanation = PAGE.partition(f"### `{message}`\n\n")[2].partition("\n")[0]
        assert explanation[:1].isupper() or explanation[:1] in "[`" or explanation.startswith(("pip", "tensorflow-io"))
