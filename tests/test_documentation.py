"""The documentation's site, as `make docs` builds it."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import yt8m
import yt8m.beam
import yt8m.metrics
from yt8m.commands import COMMANDS
from yt8m.commands.results import json_schema
from yt8m.recipes import list_recipes

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = sorted(path.stem for path in (REPOSITORY / "docs").glob("*.md"))


def build(repository: Path, site: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)],
        cwd=repository,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("site")
    built = build(REPOSITORY, directory)
    assert built.returncode == 0, built.stderr
    assert "WARNING" not in built.stderr
    return directory


@pytest.mark.thorough
def test_the_readme_is_the_home_page_and_leads_to_every_page(site):
    home = (site / "index.html").read_text()
    assert "Two commands on a fresh Debian or Ubuntu" in home
    navigation = home.partition("md-sidebar--primary")[2].partition("md-sidebar--secondary")[0]
    assert set(re.findall(r'href="([\w-]+)/"', navigation)) == set(PAGES)
    article = home.partition("<article")[2].partition("</article>")[0]
    assert set(re.findall(r'href="([\w-]+)/"', article)) == set(PAGES)
    assert 'href="notebooks/yt8m.ipynb"' in article
    assert (site / "notebooks/yt8m.ipynb").read_bytes() == (REPOSITORY / "notebooks/yt8m.ipynb").read_bytes()


@pytest.mark.thorough
def test_the_pages_are_in_four_parts(site):
    home = (site / "index.html").read_text()
    tabs = re.findall(r'class="md-tabs__link"[^>]*>\s*([^<]*?)\s*</a>', home)
    assert tabs == ["Start", "Guides", "Reference", "How it is made"]


@pytest.mark.thorough
def test_the_flags_are_those_of_the_commands(site):
    """In its own words, as `yt8m COMMAND --help` has them."""
    page = html.unescape((site / "flags/index.html").read_text())
    assert set(re.findall(r'<h2 id="yt8m-([\w-]+)">', page)) == {*COMMANDS}
    parts = dict(re.findall(r'<h2 id="yt8m-([\w-]+)">(.*?)(?=<h2 |</article>)', page, re.DOTALL))
    for name, flags in {"evaluate": ["--run", "--classes"], "train": ["--model.num-clusters", "--folds"]}.items():
        assert {f"<code>{flag}</code>" for flag in flags} <= set(re.findall(r"<code>--[^<]*</code>", parts[name]))
    assert "<code>--model.num-clusters</code>" not in parts["tune"]
    assert "<code>--trials</code>" in parts["tune"]
    assert (
        "A directory for classes.csv and classes.png, with the average precision of every class." in parts["evaluate"]
    )


@pytest.mark.thorough
def test_the_functions_are_those_of_the_package(site):
    page = (site / "api/index.html").read_text()
    shown = set(re.findall(r'<h3 id="[\w.]+" class="doc doc-heading">\s*(?:<[^>]*>\s*)*(yt8m[\w.]*)', page))
    names = {f"yt8m.{name}" for name in yt8m.__all__ if name not in ("__version__", "metrics")}
    names |= {f"yt8m.beam.{name}" for name in yt8m.beam.__all__}
    assert shown == names | {f"yt8m.metrics.{name}" for name in yt8m.metrics.__all__}


@pytest.mark.thorough
def test_the_results_are_those_of_the_commands(site):
    page = html.unescape((site / "json/index.html").read_text())
    assert set(re.findall(r'<h2 id="yt8m-([\w-]+)">', page)) == {*COMMANDS}
    (row,) = re.findall(r"<tr>\s*<td><code>averaged</code></td>(.*?)</tr>", page, re.DOTALL)
    words = " ".join(re.sub(r"<[^>]*>", " ", row).split())
    assert words == "list of string The checkpoints and files that were averaged."
    assert json.loads((site / "json-schema.json").read_text()) == json_schema()


@pytest.mark.thorough
def test_the_recipes_have_the_sizes_of_their_runs(site):
    """`netvlad` has 321 541 224 parameters; the sample run, of 9 134 904, has the sizes that docs/runs.md shows."""
    cells = re.findall(r"<td>(.*?)</td>", (site / "recipes/index.html").read_text().replace("\n", ""))
    rows = {cells[place]: cells[place + 1 : place + 9] for place in range(0, len(cells), 9)}
    assert [re.sub("<.*?>", "", name) for name in rows] == list_recipes()
    assert rows["<code>netvlad</code>"][:5] == ["frame", "321.5 M", "1.29", "9.00", "14.15"]
    assert float(rows["<code>netvlad</code>"][5]) > 16 * 321.5e6 / 1e9
    assert rows["<code>netvlad</code>"][7] == "300,000"
    held = dict(
        re.findall(
            r"^\| `(best|checkpoints)/` .* \| ([\d ]+) \|", (REPOSITORY / "docs/runs.md").read_text(), re.MULTILINE
        )
    )
    best, checkpoints = (int(held[name].replace(" ", "")) * 1000 for name in ("best", "checkpoints"))
    assert best == pytest.approx(4 * 9_134_904, rel=0.01)
    assert best + checkpoints == pytest.approx(28 * 9_134_904, rel=0.01)


@pytest.mark.thorough
def test_a_link_says_the_title_of_a_page_and_not_the_name_of_its_file(site):
    texts = [re.findall(r"<a href=[^>]*>([^<]*)</a>", page.read_text()) for page in site.rglob("index.html")]
    assert not [text for page in texts for text in page if text.endswith(".md")]


@pytest.mark.thorough
def test_nothing_is_fetched_from_elsewhere(site):
    pages = [page.read_text() for page in site.rglob("*.html")]
    assert len(pages) == len(PAGES) + 2  # the home page, and that of what is not there
    fetched = [tag for page in pages for tag in re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", page)]
    assert fetched
    assert not [tag for tag in fetched if "//" in tag]


def test_a_page_that_the_readme_does_not_list_and_a_link_to_nowhere_are_errors(tmp_path):
    for name in ("README.md", "mkdocs.yml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    for name in ("docs", "notebooks"):
        shutil.copytree(REPOSITORY / name, tmp_path / name)
    for name in ("api", "flags", "recipes", "json"):  # made from the code, which takes seconds
        (tmp_path / f"docs/{name}.md").write_text(f"# {name}\n")
    (tmp_path / "docs/forgotten.md").write_text("# Forgotten\n\n[a part](metrics.md#that-is-not-there)\n")
    built = build(tmp_path, tmp_path / "site")
    assert built.returncode == 1
    warnings = re.findall(r"^WARNING.*(?:\n .*)*", built.stderr, re.MULTILINE)
    assert len(warnings) == 2, built.stderr
    assert 'not included in the "nav" configuration:\n  - forgotten.md' in warnings[0]
    assert "does not contain an anchor '#that-is-not-there'" in warnings[1]


FINDINGS = sorted((REPOSITORY / "findings").iterdir())


@pytest.mark.parametrize("path", FINDINGS, ids=lambda path: path.stem)
def test_a_finding_says_what_it_is_and_pins_what_it_runs(path):
    """They are run by hand, as they need the network; that they may be is seen here."""
    text = path.read_text()
    assert path.suffix == ".sh"
    assert os.access(path, os.X_OK)
    assert text.startswith("#!/usr/bin/env bash\n# ")
    assert re.findall(r"^# (Guessed|Happened|Versions|Why it matters): ", text, re.MULTILINE) == [
        "Guessed",
        "Happened",
        "Versions",
        "Why it matters",
    ]
    assert "\nset -euo pipefail\nplace=$(mktemp -d)\n" in text
    installed = re.findall(r'^"\$place/venv/bin/pip" install (.*)$', text, re.MULTILINE)
    named = [each for line in installed for each in line.split() if not each.startswith(("-", '"'))]
    assert named
    assert all(re.fullmatch(r"[\w-]+==[\w.]+", each) for each in named)
    assert "yt8m" not in text.replace("YouTube-8M", "")
