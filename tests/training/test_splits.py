"""Which records train and which validate."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from small_runs import Watcher, configure

from yt8m.config import RunConfig
from yt8m.data.records import framed, video_level_record
from yt8m.errors import InputError, RecordError
from yt8m.progress import Messages
from yt8m.runs import open_run
from yt8m.training.loop import train
from yt8m.training.preparation import resolve
from yt8m.training.splits import choose_splits


def shards(directory: Path, name: str, count: int, below: str = "") -> tuple[str, ...]:
    """Files of two video-level records each, whose ids no other file has."""
    paths = [directory / below / f"{name}{index:04d}.tfrecord" for index in range(count)]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        records = (video_level_record(f"{path.stem}-{index}", [1], {"audio": np.zeros(128)}) for index in range(2))
        path.write_bytes(b"".join(map(framed, records)))
    return tuple(map(str, paths))


def asking(root, tmp_path, **data) -> RunConfig:
    """A configuration for the data set of a directory."""
    defaults = {"root": str(root), "train": (), "validate": ()}
    return configure(tmp_path / "run", root, data=defaults | data)


def chosen(root, tmp_path, **data):
    """The training, validation and test paths, and what was told."""
    told = Messages()
    found = choose_splits(asking(root, tmp_path, **data), told)
    return found.train, found.validate, found.test, told.lines


def refusal(root, tmp_path, **data) -> str:
    with pytest.raises(InputError) as caught:
        choose_splits(asking(root, tmp_path, **data))
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


@pytest.mark.parametrize("below", ["", "validate", "2/video/validate"])
def test_where_only_validation_records_are_at_hand_they_are_cut_and_that_is_told(tmp_path, below):
    root = tmp_path / "root"
    files = shards(root, "validate", 13, below)
    told = f"{root}: holds validation records and none to train on; 11 of the 13 files train, and the last 2 validate, "
    assert chosen(root, tmp_path) == (files[:11], files[11:], (), [f"{told}from {files[11]} on"])
    watcher = Watcher()
    train(dataclasses.replace(asking(root, tmp_path), run=str(tmp_path / "run")), watcher)
    assert watcher.messages[0].startswith(told)


def test_a_split_that_is_named_is_all_there_is_of_it(tmp_path):
    root = tmp_path / "root"
    validate, own = shards(root, "validate", 13), shards(tmp_path, "own", 2)
    assert chosen(root, tmp_path, train=own) == (own, validate, (), [])
    assert refusal(root, tmp_path, validate=validate) == (
        f"{root}: holds no training records, and its validation records are cut in two only where neither kind is named; "
        "name some with --data.train PATH, or leave out --data.validate"
    )
    test = shards(root, "test", 1)
    given, (last,) = shards(root, "train", 3), shards(tmp_path, "other", 1)
    assert chosen(root, tmp_path) == (given, validate, test, [])
    assert chosen(root, tmp_path, validate=(last,)) == (given, (last,), test, [])


def test_one_file_cannot_be_cut(tmp_path):
    (only,) = shards(tmp_path / "root", "validate", 1)
    assert f"only one file of them, {only}; name others with --data.train" in refusal(tmp_path / "root", tmp_path)


def test_a_fold_cuts_validation_records_itself(tmp_path):
    root = tmp_path / "root"
    files = shards(root, "validate", 13)
    told = f"{root}: holds validation records and none to train on; they train, less the fold"
    assert chosen(root, tmp_path, fold="0/6") == (files, files, (), [told])
    assert "leave out --data.validate" in refusal(root, tmp_path, fold="0/6", validate=files)
    own = shards(root, "train", 2)
    assert chosen(root, tmp_path, fold="0/6") == (own, own, (), [])


def test_what_trains_does_not_validate(tmp_path):
    root = tmp_path / "root"
    train, validate = shards(root, "train", 3, "train"), shards(root, "validate", 3, "validate")
    assert chosen(root, tmp_path)[:2] == ((str(root / "train"),), (str(root / "validate"),))
    for data in ({"train": validate[:1]}, {"validate": (*validate, train[2])}, {"train": (str(root / "*" / "*"),)}):
        message = refusal(root, tmp_path, **data)
        assert message.split(" is in both, ")[0] in (*train, *validate)
        assert "what trains must not validate: name other records with --data.train or --data.validate, or " in message
    Path(train[0]).write_bytes(Path(train[0]).read_bytes() + Path(validate[1]).read_bytes())
    assert refusal(root, tmp_path).startswith(f"video validate0001-0 is in {train[0]} and in {validate[1]}, and what")
    with pytest.raises(InputError, match="must not validate"):
        resolve(asking(root, tmp_path))


@pytest.mark.thorough
def test_what_validates_twice_is_refused_before_there_is_a_run_directory(tmp_path):
    root = tmp_path / "root"
    own, (a, b) = shards(root, "train", 2, "train"), shards(root, "validate", 2, "validate")
    Path(b).write_bytes(Path(b).read_bytes() + Path(a).read_bytes())
    with pytest.raises(RecordError) as caught:
        train(asking(root, tmp_path))
    assert str(caught.value) == (
        f"{b}, record 2: holds video 'validate0000-0' again, which {a}, record 0, holds; each may be there once, so leave "
        "one of the two out"
    )
    assert not (tmp_path / "run").exists()
    Path(own[0]).write_bytes(2 * Path(own[0]).read_bytes())
    watcher = Watcher()
    train(asking(root, tmp_path, on_corrupt="skip"), watcher)
    assert any(line.startswith("left out 2 records of what came before") for line in watcher.messages)


def test_test_records_that_are_named_and_not_there_are_found_before_the_training(tmp_path):
    root = tmp_path / "root"
    own, test = shards(root, "train", 2), shards(root, "test", 1)
    assert refusal(root, tmp_path, test=(f"{root}/tests",)) == f"{root}/tests: no such file or directory"
    assert chosen(root, tmp_path, test=test) == (own, (), test, [])


def test_an_initial_run_that_learned_from_what_validates_is_told(tmp_path):
    root = tmp_path / "root"
    own, validate = shards(tmp_path, "own", 2), shards(root, "validate", 2)
    other = shards(tmp_path, "other", 1)
    for name, paths, fold in (
        ("all", (*own, *validate), ""),
        ("own", own, ""),
        ("other", other, ""),
        ("fold", own, "0/2"),
    ):
        open_run(configure(tmp_path / name, root, data={"train": paths, "fold": fold}))

    def told(initial: str, **data) -> list[str]:
        told = Messages()
        config = asking(root, tmp_path, train=own, **data)
        training = dataclasses.replace(config.training, initial_run=str(tmp_path / initial))
        choose_splits(dataclasses.replace(config, training=training), told)
        return told.lines

    (message,) = told("all")
    start = f"--training.initial-run {tmp_path}/all: learned from records that validate here ({validate[0]} is in both)"
    assert message.startswith(start)
    assert told("own") == told("fold") == told("other", fold="0/2") == told("fold", fold="0/2") == []
    for initial, fold in (("fold", "1/2"), ("own", "0/2")):
        (message,) = told(initial, fold=fold)
        assert f"({own[0]} is in both)" in message


def test_real_records(real_data, tmp_path):
    told = Messages()
    found = choose_splits(asking(real_data / "video_2018", tmp_path), told)
    names = [f"validate{index:04d}.tfrecord" for index in range(36)]
    assert [Path(path).name for path in found.train] == names[:30]
    assert [Path(path).name for path in found.validate] == names[30:]
    assert [Path(path).name for path in found.test] == ["test0z.tfrecord"]
    assert len(told.lines) == 1
