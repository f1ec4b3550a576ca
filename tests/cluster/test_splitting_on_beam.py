"""`yt8m split --engine beam`: the files are those of the local command."""

import shutil

import pytest


def contents(directory):
    return {path.relative_to(directory): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize("split", ["2/frame/train", pytest.param("3/frame/validate", marks=pytest.mark.slow)])
def test_the_parts_are_those_of_one_process(beam, split, sample, tmp_path, monkeypatch, status_of, capsys):
    from yt8m.cluster import reading

    original = reading.plan_file
    monkeypatch.setattr(reading, "plan_file", lambda path: original(path, piece_bytes=20_000))
    source = tmp_path / "in"
    shutil.copytree(sample / split, source)
    shutil.copy(sorted(source.iterdir())[0], source / "again.tfrecord")  # the records of a video stay together
    said = {}
    for engine in ("local", "beam"):
        words = ["split", source, "--parts", "one=.7,two=.3", "--out", tmp_path / engine, "--engine", engine]
        assert status_of(*words) == 0
        said[engine] = capsys.readouterr().out.replace(str(tmp_path / engine), "OUT")
    assert said["beam"] == said["local"]
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    assert {path.parent.name for path in contents(tmp_path / "beam")} == {"one", "two"}
    assert {path.name for path in tmp_path.iterdir()} == {"in", "local", "beam"}


@pytest.mark.slow
def test_an_index_is_that_of_one_process_and_an_error_leaves_nothing(beam, sample, tmp_path, status_of, capsys):
    source = tmp_path / "in"
    shutil.copytree(sample / "2/frame/train", source)
    for engine in ("local", "beam"):
        words = ["split", source, "--parts", "one=.5,two=.5", "--as", "index", "--out", tmp_path / f"{engine}.csv"]
        assert status_of(*words, "--engine", engine) == 0
    assert (tmp_path / "beam.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    path = sorted(source.iterdir())[1]
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(content)
    capsys.readouterr()
    words = ["split", source, "--parts", "one=.5,two=.5", "--out", tmp_path / "out", "--engine", "beam"]
    assert status_of(*words) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"yt8m: {path}, record 0: its data do not match their checksum"
    assert not (tmp_path / "out").exists()
