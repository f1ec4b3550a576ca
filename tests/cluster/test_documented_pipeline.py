"""docs/clusters.md: its pipeline as it is printed, and its first command with the sample's paths.

Its other commands name a job service, a cluster or a bucket. `test_failing_workers.py` has a job service of its own.
"""

import pytest
from fenced import REPOSITORY, blocks_of

from yt8m.data.records import read_framing

BLOCKS = blocks_of(REPOSITORY / "docs" / "clusters.md")


@pytest.mark.slow
def test_the_pipeline_copies_records_in_their_order(beam, sample, tmp_path, monkeypatch):
    (program,) = (block.text for block in BLOCKS if block.language == "python")
    files = sorted((sample / "2/video/train").glob("*.tfrecord"))[:2]
    for name, file in zip("ab", files, strict=True):
        (tmp_path / f"{name}.tfrecord").write_bytes(file.read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "clusters.md", "exec"), {"__name__": "__main__"})
    assert {path.name for path in (tmp_path / "copies").iterdir()} == {"copy-0000.tfrecord", "copy-0001.tfrecord"}
    for number, file in enumerate(files):
        copied = tmp_path / f"copies/copy-{number:04d}.tfrecord"
        assert copied.read_bytes() == file.read_bytes()
        assert len(list(read_framing(str(copied)))) > 1


@pytest.mark.slow
def test_the_first_command(beam, sample, tmp_path, monkeypatch, status_of):
    command = next(block for block in BLOCKS if block.language == "sh").commands()[0]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "DATA").symlink_to(sample)
    (tmp_path / "means").mkdir()
    assert command.startswith("yt8m convert ")
    assert status_of(*command.split()[1:]) == 0
    assert list((tmp_path / "means/train").glob("train*.tfrecord"))
