"""Where a tf.data service listens, as users write it."""

import re

from yt8m.errors import InputError

LARGEST_PORT = (1 << 16) - 1
_ADDRESS = re.compile(r"(?:grpc://)?([\w.-]+:(\d{1,5}))", re.ASCII)


def parse_address(text: str, name: str) -> str:
    """`host:5050` of `host:5050` or `grpc://host:5050`.

    Args:
        text: what the user gave.
        name: of the flag, for the message.

    Raises:
        InputError: it is no such text.
    """
    found = _ADDRESS.fullmatch(text)
    if not found or not 1 <= int(found[2]) <= LARGEST_PORT:
        raise InputError(f"{name} is {text!r}; write HOST:PORT, as yt8m data-service prints it")
    return found[1]
