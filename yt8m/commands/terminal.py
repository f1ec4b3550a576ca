"""Prints lines on stderr beside a command's result. Bars are in `yt8m.commands.bars`."""

import importlib.util
import sys
import time

from tqdm import tqdm

from yt8m.commands.streams import is_muted, is_quiet


def has_bars() -> bool:
    """Whether progress is drawn: on a terminal or in a notebook, by the one process that prints."""
    return not is_quiet() and (sys.stderr.isatty() or _is_in_drawing_notebook())


def _is_in_drawing_notebook() -> bool:
    """Whether this is the kernel of a notebook with ipywidgets, which bars need."""
    interactive = sys.modules.get("IPython")
    shell = interactive and interactive.get_ipython()
    return bool(shell) and "IPKernelApp" in shell.config and importlib.util.find_spec("ipywidgets") is not None


def say(text: str) -> None:
    """Prints a remark beside a command's result, unless `--quiet` is set."""
    if not is_quiet():
        _print(text)


def explain(text: str) -> None:
    """Prints why a command ends with a status other than 0, even with `--quiet`."""
    if not is_muted():
        _print(text)


def _print(text: str) -> None:
    if has_bars():
        tqdm.write(text, file=sys.stderr)  # above the bars
    else:
        print(text, file=sys.stderr, flush=True)


def log(text: str) -> None:
    """Prints a line that begins with the time of day, like a line of a log."""
    say(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")
