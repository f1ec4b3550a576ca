"""Templates of pages, by Jinja. They escape everything that they are not told is safe."""

from pathlib import Path
from typing import Any

from yt8m.errors import not_installed


def require_jinja() -> Any:
    """The package `jinja2`. Raises InputError if it is not installed."""
    try:
        import jinja2
    except ImportError as error:
        raise not_installed("the page", "Jinja", "report", error) from None
    return jinja2


def template_of(directory: Path, name: str) -> Any:
    """A template, as `jinja2.Template`. A name in it that is not given is an error.

    Args:
        directory: the directory of the template.
        name: its file.

    Raises:
        InputError: Jinja is not installed.
    """
    jinja2 = require_jinja()
    options = {"trim_blocks": True, "lstrip_blocks": True, "undefined": jinja2.StrictUndefined}
    return jinja2.Environment(loader=jinja2.FileSystemLoader(directory), autoescape=True, **options).get_template(name)
