"""What `make wheel` builds: what is in it, and whether it works where there is nothing else of this repository."""

import configparser
import email
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import yt8m
from yt8m.recipes import describe, list_recipes

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).resolve().parents[2]
OUTSIDE = {"build", "data", "dist", "runs", "site", "submissions", "yt8m.egg-info"}
"""What there may be beside the source."""
FILES = {
    path.relative_to(REPOSITORY).as_posix()
    for path in (REPOSITORY / "yt8m").rglob("*")
    if path.is_file() and "__pycache__" not in path.parts
}
"""All of the package, data files too."""
VERSION = yt8m.__version__


def _not_source(directory: str, names: list[str]) -> set[str]:
    if Path(directory) != REPOSITORY:
        return {"__pycache__"}
    return {name for name in names if name.startswith(".") or name in OUTSIDE}


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Path, Path]:
    """The wheel, and the source distribution that it is built from; the checkout stays as it is."""
    directory = tmp_path_factory.mktemp("built")
    shutil.copytree(REPOSITORY, directory / "source", ignore=_not_source)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", "source"]
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    wheel, source = directory / f"dist/yt8m-{VERSION}-py3-none-any.whl", directory / f"dist/yt8m-{VERSION}.tar.gz"
    assert {wheel, source} == set((directory / "dist").iterdir())
    return wheel, source


def test_the_wheel_has_the_package_and_nothing_else(built):
    about = f"yt8m-{VERSION}.dist-info"
    with zipfile.ZipFile(built[0]) as wheel:
        names = {name for name in wheel.namelist() if not name.endswith("/")}
        metadata = email.message_from_string(wheel.read(f"{about}/METADATA").decode())
        entry_points = wheel.read(f"{about}/entry_points.txt").decode().split()
        licence = wheel.read(f"{about}/licenses/LICENSE")
    assert {name for name in names if not name.startswith(about)} == FILES
    assert licence == (REPOSITORY / "LICENSE").read_bytes()
    assert entry_points == ["[console_scripts]", "yt8m", "=", "yt8m.cli:main"]
    assert (metadata["Name"], metadata["Version"], metadata["License"]) == ("yt8m", VERSION, "Apache-2.0")
    assert metadata["Requires-Python"] == ">=3.10"
    assert metadata.get_payload().strip() == (REPOSITORY / "README.md").read_text().strip()
    setup = configparser.ConfigParser()
    setup.read(REPOSITORY / "setup.cfg")
    assert set(metadata.get_all("Provides-Extra")) == set(setup["options.extras_require"])
    needed = [each for each in metadata.get_all("Requires-Dist") if "extra ==" not in each]
    assert len(needed) == len(setup["options"]["install_requires"].split())


def test_the_source_distribution_can_be_built_from_and_has_neither_tests_nor_data(built):
    with tarfile.open(built[1]) as source:
        names = {member.name.partition("/")[2] for member in source.getmembers() if member.isfile()}
    assert names >= FILES | {"LICENSE", "README.md", "pyproject.toml", "setup.cfg"}
    assert not {name.partition("/")[0] for name in names} & {"tests", "benchmarks", "data", "runs", "submissions"}


def _required(
    name: str, extras: frozenset[str] = frozenset(), seen: dict[str, frozenset[str]] | None = None
) -> set[str]:
    """A distribution and all that pip would bring with it."""
    seen = {} if seen is None else seen
    if extras <= seen.get(name, frozenset()) and name in seen:
        return set(seen)
    seen[name] = seen.get(name, frozenset()) | extras
    for line in importlib.metadata.requires(name) or []:
        requirement = Requirement(line)
        if not requirement.marker or any(requirement.marker.evaluate({"extra": extra}) for extra in {"", *extras}):
            _required(canonicalize_name(requirement.name), frozenset(requirement.extras), seen)
    return set(seen)


def _link(name: str, packages: Path, owners: Mapping[str, list[str]]) -> None:
    """Puts an installed distribution into another environment.

    A folder of its own is one link, with what Python has compiled in it; one that others have a part in is linked file by file.
    """
    for file in set(importlib.metadata.files(name) or []):  # some are listed twice
        if ".." in file.parts:
            continue
        top, *inner = file.parts
        is_its_own = inner and (top.endswith((".dist-info", ".libs")) or len({*owners.get(top, ())}) == 1)
        place, source = (top, file.locate().parents[len(inner) - 1]) if is_its_own else (file, file.locate())
        if not (packages / place).exists():
            (packages / place).parent.mkdir(parents=True, exist_ok=True)
            (packages / place).symlink_to(source)


@pytest.fixture(scope="module")
def run(built, tmp_path_factory):
    """Runs a program, from an empty directory, of an environment that has the wheel and what it requires alone.

    What it requires is linked from this environment, so that nothing is fetched.
    """
    environment, directory = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("empty")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps", built[0]]
    # With the checkout in PYTHONPATH, pip would take what lies there for installed.
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run(pip, env=variables, check=True, capture_output=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    owners = importlib.metadata.packages_distributions()
    for name in _required("yt8m") - {"yt8m"}:
        _link(name, packages, owners)
    assert not any((packages / name).exists() for name in ("pytest", "kaggle", "optuna")), "they are for extras"

    def run_program(program: str, *arguments: str) -> str:
        ended = subprocess.run(
            [environment / "bin" / program, *arguments], cwd=directory, env=variables, capture_output=True, text=True
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    where = Path(run_program("python", "-c", "import yt8m; print(yt8m.__file__)").strip())
    assert where == packages / "yt8m" / "__init__.py"
    return run_program


def test_an_installed_wheel_does_the_main_job(run):
    assert run("yt8m", "--version") == f"yt8m {VERSION}\n"
    found = json.loads(run("yt8m", "recipes", "--json"))["recipes"]
    assert {each["recipe"]: each["description"] for each in found} == {name: describe(name) for name in list_recipes()}
    run("yt8m", "synth", "sample", "--num-videos", "40", "--num-classes", "12", "--num-shards", "2")
    flags = ["--data.root", "sample", "--data.num-classes", "12", "--training.batch-size", "16"]
    run("yt8m", "submit", "logistic", "--run", "runs/logistic", "--training.num-steps", "5", *flags)
    checked = json.loads(run("yt8m", "validate", "submissions/logistic.csv", "--json"))
    assert (checked["task"], checked["num_rows"], checked["errors"]) == ("video", 8, [])
