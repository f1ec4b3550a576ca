"""Whether a run learned from given records, seen from any directory."""

import shutil

import pytest

from yt8m.config import DataConfig, RunConfig
from yt8m.files import write_json
from yt8m.models import make_architecture
from yt8m.runs.learned import find_learned

TRAIN, VALIDATE = "2/video/train", "2/video/validate"


def config_of(*train: str) -> RunConfig:
    return RunConfig(model=make_architecture("logistic"), data=DataConfig(num_classes=12, train=train))


@pytest.fixture
def run(sample, tmp_path):
    """A run that was trained in one directory, beside an empty one."""
    shutil.copytree(sample, tmp_path / "there" / "data")
    (tmp_path / "here").mkdir()
    write_json(tmp_path / "run" / "environment.json", {"directory": str(tmp_path / "there")})
    return tmp_path / "run"


@pytest.mark.parametrize(
    "typed", ["data/2/video/train", "data/*/video/train", "data/2/video/train/train000{0,1}.tfrecord"]
)
def test_relative_paths_are_those_of_the_directory_of_the_training(run, tmp_path, monkeypatch, typed):
    config, there = config_of(typed), tmp_path / "there" / "data"
    for directory in ("there", "here"):
        monkeypatch.chdir(tmp_path / directory)
        common, unknown = find_learned(run, config, [str(there / VALIDATE), str(there / TRAIN)])
        assert "train0000.tfrecord" in common
        assert unknown is None
        assert find_learned(run, config, str(there / VALIDATE)) == (None, None)


def test_other_records_of_the_same_name_are_not_taken_for_them(run, tmp_path, monkeypatch):
    there, here = (tmp_path / name / "data" for name in ("there", "here"))
    shutil.copytree(there / VALIDATE, here / TRAIN)
    monkeypatch.chdir(tmp_path / "here")
    assert find_learned(run, config_of(f"data/{TRAIN}"), f"data/{TRAIN}") == (None, None)
    assert find_learned(run, config_of(f"data/{TRAIN}"), str(there / TRAIN)).common


def test_records_that_moved_with_the_run_are_found_from_here(run, tmp_path, monkeypatch):
    (tmp_path / "there").rename(tmp_path / "moved")
    monkeypatch.chdir(tmp_path / "moved")
    path = f"data/{TRAIN}"
    assert find_learned(run, config_of(path), path) == (f"{path}/train0000.tfrecord is in both", None)


@pytest.mark.parametrize("content", [None, "[]", '{"directory": 3}', "{"])
def test_a_run_that_does_not_tell_its_directory(run, tmp_path, monkeypatch, content):
    (run / "environment.json").unlink() if content is None else (run / "environment.json").write_text(content)
    there, path = tmp_path / "there" / "data", f"data/{TRAIN}"
    monkeypatch.chdir(tmp_path / "there")
    assert find_learned(run, config_of(path), path).common
    monkeypatch.chdir(tmp_path / "here")
    assert find_learned(run, config_of(path), str(there / TRAIN)) == (None, f"{path}: no such file or directory")


def test_what_cannot_be_checked_is_said(run, tmp_path, monkeypatch):
    there = tmp_path / "there" / "data"
    monkeypatch.chdir(tmp_path / "here")
    learned = find_learned(run, config_of(), str(there / TRAIN))
    assert learned.remark("runs/a") == (
        "runs/a: it could not be checked whether the run learned from these records (it does not say which records those "
        "were); if it did, the figures look better than they are"
    )
    gone = find_learned(run, config_of("gone"), str(there / TRAIN))
    assert gone == (None, "gone: no such file or directory")
    both = config_of("gone", f"data/{VALIDATE}")
    assert find_learned(run, both, str(there / TRAIN)) == (None, "gone: no such file or directory")
    assert find_learned(run, both, str(there / VALIDATE)).common, "what is left is compared"
