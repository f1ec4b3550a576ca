"""Runs command lines, one after the other, in a process that refuses to load TensorFlow or Keras: a program of test_startup.py.

Reads a JSON list of command lines, each a list of words, and prints one of [status, last line, standard error] for each. The
status is `loads` if the command tried to load them. Standard error passes for a terminal.
"""

import contextlib
import io
import json
import sys

from yt8m.commands import streams
from yt8m.commands.running import run
from yt8m.errors import InputError


class Forbidden(BaseException):
    """Nothing catches it but this program."""


class Forbid:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise Forbidden(name)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def outcome(words: list[str]) -> list:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(Terminal()) as terminal:
        try:
            status = run(words)
            line = (said.getvalue().strip().splitlines() or [""])[-1]
        except InputError as error:
            status, line = 2, str(error)
        except Forbidden:
            status, line = "loads", ""
        except Exception as error:
            status, line = "raises", repr(error)
    return [status, line, terminal.getvalue()]


if __name__ == "__main__":
    sys.meta_path.insert(0, Forbid())
    streams.silence_tensorflow = lambda: None  # which would take the streams of this process
    print(json.dumps([outcome(words) for words in json.load(sys.stdin)]))
