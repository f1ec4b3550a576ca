"""What mkdocs does beside its own: README.md is the home page, and its list of pages the navigation."""

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

DOCUMENTS = Path(__file__).parent
README = DOCUMENTS.parent / "README.md"
ELSEWHERE = ("notebooks/yt8m.ipynb",)
"""Files that README.md links and that do not lie in docs."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Makes the navigation; pages that it lacks are a warning of mkdocs, and so an error of `mkdocs build --strict`."""
    config.nav = [{"Home": "index.md"}, *pages()]
    return config


def pages() -> list[str]:
    """The pages in the order of the table at the end of README.md."""
    table = README.read_text().partition("\n## Where to read on\n")[2]
    return re.findall(r"^\| \[[^]]*\]\(docs/([\w-]+\.md)\)", table, re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what does not lie in docs."""
    files.append(File.generated(config, "index.md", content=README.read_text()))
    for name in ELSEWHERE:
        files.append(File.generated(config, name, abs_src_path=str(README.parent / name)))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Lets links lead to where they lead in the repository, and say a page's title where they say the name of its file."""
    if page.file.src_uri == "index.md":
        markdown = markdown.replace("](docs/", "](")
    return re.sub(r"\[(?:docs/)?([\w-]+\.md)\](?=\(\1)", lambda link: f"[{title(link[1])}]", markdown)


def title(name: str) -> str:
    """The heading of a page in docs; the name of one that is not there, of which mkdocs warns."""
    page = DOCUMENTS / name
    return page.read_text().partition("\n")[0].lstrip("# ") if page.is_file() else name
