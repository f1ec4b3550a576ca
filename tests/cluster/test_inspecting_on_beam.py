"""`yt8m inspect --engine beam`: the result is that of the local command, whatever the records are."""

import json
import shutil

import pytest

from yt8m.data.records import read_framing
from yt8m.data.tools.inspection import inspect


@pytest.fixture
def damaged(sample, tmp_path):
    """Records of all kinds: frames, segments, some twice, some broken, one file that breaks off, one that is none."""
    source = tmp_path / "in"
    shutil.copytree(sample / "2/frame/train", source)
    first, second = sorted(source.iterdir())
    shutil.copy(second, source / "again.tfrecord")
    shutil.copy(sorted((sample / "3/frame/validate").iterdir())[0], source / "rated.tfrecord")
    content, raws = bytearray(first.read_bytes()), list(read_framing(str(first)))
    content[raws[5].offset + 400] ^= 1  # the data of record 5
    content[raws[20].offset] ^= 1  # the header of record 20: the rest of the file is lost
    first.write_bytes(content)
    (source / "zeros.tfrecord").write_bytes(bytes(50_000))
    (source / "empty.tfrecord").write_bytes(b"")
    return source


@pytest.mark.thorough
def test_the_result_is_that_of_one_process(beam, damaged, monkeypatch, status_of, capsys):
    from yt8m.cluster import reading

    original = reading.plan_file
    monkeypatch.setattr(reading, "plan_file", lambda path: original(path, piece_bytes=20_000))
    files = sorted(map(str, damaged.iterdir()))
    here = inspect(files)
    assert len(here["corrupt_files"]) == 4
    assert len(here["repeated"]) == 32
    assert here["level"] == "segment"
    assert sum(len(reading.parts_of(reading.Part(path))) for path in files) > 10
    assert status_of("inspect", damaged, "--engine", "beam", "--json") == 2
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(here))


def test_pictures_are_drawn_here_alone(beam, sample, tmp_path, status_of, capsys):
    assert status_of("inspect", sample / "2/frame/train", "--plots", tmp_path / "plots", "--engine", "beam") == 2
    assert capsys.readouterr().err.startswith("yt8m: --plots draws what one process has read; leave out --engine beam")
    assert not (tmp_path / "plots").exists()


def test_a_runner_without_a_common_disk_is_told_what_it_needs(beam, sample, status_of, capsys):
    flags = ["--engine", "beam", "--beam.runner", "FlinkRunner"]
    assert status_of("inspect", sample / "2/frame/train", *flags) == 2
    assert capsys.readouterr().err == (
        "yt8m: --beam.options has no --temp_location, and FlinkRunner's workers need a directory that all of them share\n"
    )
