"""Lines on stderr beside a command's result. Bars are in `yt8m.commands.bars`."""

import importlib.util
import sys
import time

from tqdm import tqdm

from yt8m.commands.streams import is_muted, is_quiet


def has_bars() -> bool:
    """Whether progress is drawn: for somebody who looks on, by the one process that speaks."""
    return not is_quiet() and (sys.stderr.isatty() or _is_in_drawing_notebook())


def _is_in_drawing_notebook() -> bool:
    """Whether this is the kernel of a notebook, and ipywidgets is there, without which a notebook has no bars."""
    interactive = sys.modules.get("IPython")
    shell = interactive and interactive.get_ipython()
    return bool(shell) and "IPKernelApp" in shell.config and importlib.util.find_spec("ipywidgets") is not None


def say(text: str) -> None:
    """Tells the user something beside a command's result; not with `--quiet`."""
    if not is_quiet():
        _print(text)


def explain(text: str) -> None:
    """Tells the user why a command ends with another status than 0, also with `--quiet`."""
    if not is_muted():
        _print(text)


def _print(text: str) -> None:
    if has_bars():
        tqdm.write(text, file=sys.stderr)  # above the bars that are drawn
    else:
        print(text, file=sys.stderr, flush=True)


def log(text: str) -> None:
    """Says something with the time of day, as lines of a log have it."""
    say(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}")
