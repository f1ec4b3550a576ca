"""Copies of commits, with the packages that they pin, and running programs in them."""

import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from benchmarks import processes
from benchmarks.sizes import ROOT
from benchmarks.turns import Spent

EXTRAS = "report"
"""The set-up wants one at least; this is the smallest."""


@dataclass(frozen=True)
class Build:
    """A version of this project that can be run."""

    python: str
    """The interpreter of its environment."""
    source: Path
    """Its checkout, or a copy of a commit's files."""

    def run(self, *command: str) -> tuple[str, Spent]:
        """What a Python program prints with this version, and what its whole process took."""
        # Not only the working directory: a script's own directory would come in its place.
        return processes.measured(
            *command, python=self.python, place=self.source, environment={"PYTHONPATH": str(self.source)}
        )

    def yt8m(self, *arguments: str) -> tuple[str, Spent]:
        """What a command prints, and what its whole process took."""
        return self.run("-m", "yt8m", *arguments)


PRESENT = Build(sys.executable, ROOT)


def prepare(commit: str, folder: Path, repository: Path = ROOT) -> Build:
    """Makes a build of a commit in a folder, which is kept: the next time nothing is to be done.

    Args:
        commit: as git has it.
        folder: gets `source/`, `environment/` and, at the end, the file `commit`.
        repository: where the commit is.

    Raises:
        SystemExit: the commit is not there, the folder holds something else, or the set-up fails.
    """
    folder = folder.resolve()
    build, mark = Build(str(folder / "environment" / "bin" / "python"), folder / "source"), folder / "commit"
    name = _git(repository, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}").decode().strip()
    if not name:
        raise SystemExit(f"{repository} has no commit {commit}; fetch the whole history: git fetch --unshallow")
    if mark.exists():
        if mark.read_text() != name:
            raise SystemExit(
                f"{folder} has the build of {mark.read_text()}; remove it, or name another folder: --build"
            )
        return build
    if folder.exists() and {path.name for path in folder.iterdir()} - {"source", "environment"}:
        raise SystemExit(f"{folder} has files that are no build; name another folder: --build")
    shutil.rmtree(build.source, ignore_errors=True)
    with tarfile.open(fileobj=BytesIO(_git(repository, "archive", "--format=tar", name))) as archive:
        archive.extractall(build.source, filter="data")
    command = ["sh", "setup-environment.sh", str(folder / "environment"), EXTRAS, "constraints.txt"]
    # What it says is no part of the result.
    ended = subprocess.run(command, cwd=build.source, stdout=sys.stderr)
    if ended.returncode:
        raise SystemExit(f"the environment of {commit} could not be made in {folder}; see the lines above")
    mark.write_text(name)
    return build


def _git(repository: Path, *arguments: str) -> bytes:
    """What git prints; nothing if it fails."""
    return subprocess.run(["git", "-C", str(repository), *arguments], stdout=subprocess.PIPE).stdout
