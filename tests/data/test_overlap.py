"""What two lists of record files have in common."""

import os
import shutil

import numpy as np
import pytest
from slow_reading import make_frames, renamed_id, small_video, write

from yt8m.data import overlap
from yt8m.data.overlap import find_overlap
from yt8m.data.records import frame_level_record, framed


@pytest.fixture
def shards(tmp_path) -> list[str]:
    """Four files of three videos each, all of one size: x00, x01, x02, x10 ..."""
    return [
        write(tmp_path / f"{shard}.tfrecord", *(small_video(f"x{shard}{index}") for index in range(3)))
        for shard in range(4)
    ]


def test_files_of_other_videos_have_nothing_in_common(shards):
    assert len({os.path.getsize(path) for path in shards}) == 1
    assert find_overlap(shards[:2], shards[2:]) is None
    assert find_overlap([], shards) is None


def test_a_file_is_found_whatever_it_is_called(shards, tmp_path):
    symbolic, hard, copy = (str(tmp_path / name) for name in ("symbolic", "hard", "copy"))
    os.symlink(tmp_path, tmp_path / "linked")
    os.symlink(shards[1], symbolic)
    os.link(shards[1], hard)
    shutil.copyfile(shards[1], copy)
    assert find_overlap(shards, shards[1:2]) == f"{shards[1]} is in both"
    for other in (symbolic, hard, str(tmp_path / "linked" / "1.tfrecord"), os.path.relpath(shards[1])):
        assert find_overlap(shards[:2], [shards[3], other]) == f"{shards[1]} and {other} are one file"
    assert find_overlap(shards[:2], [shards[3], copy]) == f"{shards[1]} and {copy} hold the same records"


@pytest.mark.parametrize("record", [small_video("x21"), renamed_id(small_video("x21"))])
def test_a_video_that_comes_again_is_found_by_its_id(shards, tmp_path, record):
    other = write(tmp_path / "other.tfrecord", *map(small_video, "abcdef"), record)
    assert find_overlap(shards, [other]) == f"video x21 is in {shards[2]} and in {other}"
    assert find_overlap([other], shards) == f"video x21 is in {other} and in {shards[2]}"


def test_videos_and_their_frames_are_the_same_videos(shards, tmp_path):
    record = frame_level_record("x01", [1], make_frames(np.random.default_rng(0), rgb=2, audio=2))
    other = write(tmp_path / "frames.tfrecord", record)
    assert find_overlap(shards, [other]) == f"video x01 is in {shards[0]} and in {other}"


def test_of_many_bytes_the_first_videos_are_compared(shards, tmp_path, monkeypatch):
    early = write(tmp_path / "early.tfrecord", small_video("a"), small_video("x30"), *map(small_video, "bcdef"))
    late = write(tmp_path / "late.tfrecord", *map(small_video, "ghijkl"), small_video("x30"))
    monkeypatch.setattr(overlap, "_MOST_BYTES", 1)
    assert find_overlap(shards, [early]) == f"video x30 is in {shards[3]} and in {early}"
    assert find_overlap(shards, [late]) is None
    monkeypatch.setattr(overlap, "_MOST_FILES", 2)
    assert find_overlap(shards, [early]) is None, "the first and the third of the four are looked at"
    assert find_overlap(shards[1:], [early]) == f"video x30 is in {shards[3]} and in {early}"


def test_what_cannot_be_read_is_left_to_whoever_reads_it(shards, tmp_path):
    content = framed(small_video("a"))
    broken = [b"", b"no records at all, but text", content[:40], framed(b"\xff\xff\xff") + content]
    others = []
    for number, each in enumerate(broken):
        others.append(str(tmp_path / f"broken{number}"))
        (tmp_path / f"broken{number}").write_bytes(each)
    remote = ["s3://bucket/a.tfrecord", "http://127.0.0.1:1/a.tfrecord"]
    missing = [str(tmp_path / "missing"), str(tmp_path)]
    assert find_overlap(shards, [*others, *remote, *missing]) is None
    assert find_overlap([*remote, *shards], remote[1:]) == f"{remote[1]} is in both"
