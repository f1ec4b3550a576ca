"""A copy of an earlier commit in an environment of its own (`benchmarks/earlier/builds.py`), of a small repository."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.earlier import builds

SET_UP = f"""
echo "$2 of $(cat version) with $3"
mkdir -p "$1/bin"
ln -s {sys.executable} "$1/bin/python"
echo made >>"$1/../../times"
"""
"""Stands for the project's own, which installs TensorFlow."""


def git(repository: Path, *arguments: str) -> None:
    author = ["-c", "user.name=Somebody", "-c", "user.email=somebody@example.com"]
    subprocess.run(["git", *author, "-C", str(repository), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path) -> Path:
    """With the tags `first` and `second`, two commits."""
    place = tmp_path / "repository"
    place.mkdir()
    git(place, "init", "--quiet")
    for number, tag in enumerate(("first", "second"), 1):
        (place / "version").write_text(f"{number}\n")
        (place / "setup-environment.sh").write_text(SET_UP)
        git(place, "add", ".")
        git(place, "commit", "--quiet", "--message", tag)
        git(place, "tag", tag)
    return place


def test_a_commit_is_copied_and_set_up_once_and_runs_its_own_files(repository, tmp_path):
    folder = tmp_path / "build"
    for _ in range(2):
        build = builds.prepare("first", folder, repository)
    assert (tmp_path / "times").read_text() == "made\n"
    assert (build.source / "version").read_text() == "1\n"
    printed, spent = build.run("-c", "import os, sys; print(os.getcwd()); print(os.environ['PYTHONPATH'])")
    assert printed.splitlines() == [str(folder / "source")] * 2
    assert spent.seconds > 0
    assert spent.cpu > 0


def test_what_was_left_half_made_is_made_anew(repository, tmp_path):
    folder = tmp_path / "build"
    builds.prepare("first", folder, repository)
    (folder / "commit").unlink()
    (folder / "environment" / "bin" / "python").unlink()
    (folder / "source" / "left").touch()
    builds.prepare("second", folder, repository)
    assert sorted(path.name for path in (folder / "source").iterdir()) == ["setup-environment.sh", "version"]
    assert (folder / "source" / "version").read_text() == "2\n"


def test_a_folder_with_another_build_or_other_files_is_refused(repository, tmp_path):
    builds.prepare("first", tmp_path / "build", repository)
    with pytest.raises(SystemExit, match=r"has the build of [0-9a-f]{40}; remove it, or name another folder: --build"):
        builds.prepare("second", tmp_path / "build", repository)
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "photo.jpg").touch()
    with pytest.raises(SystemExit, match="has files that are no build"):
        builds.prepare("first", tmp_path / "own", repository)
    assert [path.name for path in (tmp_path / "own").iterdir()] == ["photo.jpg"]


def test_a_commit_that_is_not_there_is_refused(repository, tmp_path):
    with pytest.raises(SystemExit, match="has no commit fbf80e9; fetch the whole history: git fetch --unshallow"):
        builds.prepare("fbf80e9", tmp_path / "build", repository)
    assert not (tmp_path / "build").exists()


def test_a_set_up_that_fails_leaves_no_build(repository, tmp_path):
    (repository / "setup-environment.sh").write_text("exit 3\n")
    git(repository, "commit", "--all", "--message", "broken")
    with pytest.raises(SystemExit, match="the environment of HEAD could not be made"):
        builds.prepare("HEAD", tmp_path / "build", repository)
    assert not (tmp_path / "build" / "commit").exists()
