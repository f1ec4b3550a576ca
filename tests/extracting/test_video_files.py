"""Which files are meant by paths."""

import os

import pytest

from yt8m.errors import InputError
from yt8m.extracting.inputs import find_video_files, refuse_inside


@pytest.fixture
def tree(tmp_path):
    for name in ("b.mp4", "a.MKV", "notes.txt", ".hidden.mp4", "cats/1.webm", "cats/deep/2.mov", ".trash/3.mp4"):
        path = tmp_path / "videos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "videos"


def names(tree, *paths):
    return [os.path.relpath(each, tree) for each in find_video_files([str(path) for path in paths])]


def test_a_directory_stands_for_the_videos_below_it_its_own_first(tree):
    assert names(tree, tree) == ["a.MKV", "b.mp4", "cats/1.webm", "cats/deep/2.mov"]


def test_a_file_that_is_named_counts_whatever_its_ending_is_and_once(tree):
    assert names(tree, tree / "notes.txt", tree / "b.mp4", tree) == [
        "notes.txt",
        "b.mp4",
        "a.MKV",
        "cats/1.webm",
        "cats/deep/2.mov",
    ]


def test_a_link_is_the_file_that_it_leads_to(tree):
    (tree / "c.mp4").symlink_to(tree / "b.mp4")
    (tree / "d.mp4").symlink_to(tree / "nowhere")
    assert names(tree, tree) == ["a.MKV", "b.mp4", "d.mp4", "cats/1.webm", "cats/deep/2.mov"]


def test_globs_match_videos_and_directories_of_them(tree):
    assert names(tree, tree / "*") == ["a.MKV", "b.mp4", "cats/1.webm", "cats/deep/2.mov"]
    assert names(tree, tree / "{b,a}.*") == ["b.mp4", "a.MKV"]
    odd = tree / "take [1].mp4"
    odd.write_bytes(b"")
    assert names(tree, odd) == ["take [1].mp4"]


def test_paths_are_absolute_wherever_the_command_runs(tree, monkeypatch):
    monkeypatch.chdir(tree)
    assert find_video_files(["cats"]) == [str(tree / "cats" / "1.webm"), str(tree / "cats" / "deep" / "2.mov")]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere.mp4", "nowhere.mp4: no such file or directory"),
        ("empty", "empty: holds no videos"),
        ("*.avi", r"\*\.avi: no video matches"),
        ("https://example.org/a.mp4", "the video must be on a local disk"),
        ("", "the path of the video is empty"),
    ],
)
def test_paths_that_stand_for_nothing(tmp_path, monkeypatch, path, reason):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=reason):
        find_video_files([path])


def test_an_output_inside_the_input_is_refused(tree):
    for out, reason in ((tree, "is the directory of the videos"), (tree / "cats" / "records", "lies in ")):
        with pytest.raises(InputError, match=reason):
            refuse_inside(out, [str(tree)])
    (tree.parent / "link").symlink_to(tree)
    with pytest.raises(InputError, match="lies in "):
        refuse_inside(tree.parent / "link" / "records", [str(tree)])
    refuse_inside(tree.parent / "records", [str(tree)])
    refuse_inside(tree / "records", [str(tree / "b.mp4")])
