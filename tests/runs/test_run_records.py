"""The records that a run names itself."""

import dataclasses

import pytest

from yt8m.config import DataConfig, RunConfig
from yt8m.errors import InputError
from yt8m.files import write_json
from yt8m.models import make_architecture
from yt8m.progress import Messages
from yt8m.runs.records import choose_paths


def config_of(model: str, **data) -> RunConfig:
    return RunConfig(model=make_architecture(model), data=DataConfig(num_classes=12, **data))


def test_records_that_are_given_come_before_the_run_s_own():
    config = config_of("moe", validate=("/v1", "/v2"), test=("s3://t",))
    assert choose_paths("run", config, (), "validate") == ["/v1", "/v2"]
    assert choose_paths("run", config, (), "test") == ["s3://t"]
    assert choose_paths("run", config, ["mine"], "test") == ["mine"]
    assert choose_paths("run", config, "mine", "validate") == ["mine"], "a path is not a list of letters"


@pytest.mark.parametrize("split", ["validate", "test"])
def test_no_records_at_all_is_an_error(split):
    with pytest.raises(InputError, match=f"runs/a: was trained without a {split} split; .* --data"):
        choose_paths("runs/a", config_of("moe", train=("t",)), (), split)
    with pytest.raises(InputError, match="runs/a: does not say where its records are; name the records with --data"):
        choose_paths("runs/a", config_of("moe"), (), split)  # as of one that was unpacked


@pytest.fixture
def run(tmp_path):
    """A run that was trained in one directory, and another directory with some of the same names."""
    for name in ("there/data", "here/data", "nowhere"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("there/data/a.tfrecord", "here/data/a.tfrecord", "there/data/b.tfrecord"):
        (tmp_path / name).touch()
    (tmp_path / "there" / "index.csv").touch()
    write_json(tmp_path / "run" / "environment.json", {"directory": str(tmp_path / "there")})
    return tmp_path / "run"


@pytest.mark.parametrize("path", ["data", "data/a.tfrecord", "data/{a,a}.tfrecord", "da*/a.*"])
def test_relative_paths_are_told_where_they_are_not_those_of_the_training(run, tmp_path, monkeypatch, path):
    told = Messages()
    config = config_of("moe", validate=(f"{tmp_path}/there/data", path))
    monkeypatch.chdir(tmp_path / "there")
    assert choose_paths(run, config, (), "validate", told) == [f"{tmp_path}/there/data", path]
    monkeypatch.chdir(tmp_path / "here")
    choose_paths(run, config, ("mine",), "validate", told)
    assert told.lines == []
    choose_paths(run, config, (), "validate", told)
    assert told.lines == [
        f"{run}: its validate records, {path}, are taken relative to {tmp_path}/here, and not to the directory it was "
        f"trained in, {tmp_path}/there"
    ]


def test_relative_paths_that_are_not_here_are_named_as_such(run, tmp_path, monkeypatch):
    config = config_of("moe", test=("data/b.tfrecord",))
    told = "its test records, data/b.tfrecord, are named relative to the directory it was trained in"
    for directory in ("here", "nowhere"):
        monkeypatch.chdir(tmp_path / directory)
        with pytest.raises(InputError) as caught:
            choose_paths(run, config, (), "test")
        assert str(caught.value) == (
            f"{run}: {told}, {tmp_path}/there, and are not there from here (data/b.tfrecord: no such file or directory); "
            "go there, or name them with --data"
        )
    (run / "environment.json").unlink()
    with pytest.raises(InputError, match=f"^{run}: {told}, and are not there from here"):
        choose_paths(run, config, (), "test")


def test_an_index_of_folds_is_one_of_them(run, tmp_path, monkeypatch):
    config = config_of("moe", validate=(f"{tmp_path}/there/data",), fold="index.csv:one")
    monkeypatch.chdir(tmp_path / "there")
    choose_paths(run, config, (), "validate")
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match=r"its validate records, index\.csv, are named relative to"):
        choose_paths(run, config, (), "validate")
    choose_paths(run, dataclasses.replace(config, data=dataclasses.replace(config.data, fold="0/2")), (), "validate")
