"""Files that hold nothing, and what is said where they cannot be used."""

from pathlib import Path

import pytest

from yt8m.errors import InputError


def touch(directory: Path, *names: str) -> list[str]:
    """Empty files; their paths, in this order."""
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return [str(directory / name) for name in names]


def refusal(function, *arguments) -> str:
    """The one line with which the arguments are refused."""
    with pytest.raises(InputError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert len(message.splitlines()) == 1
    return message
