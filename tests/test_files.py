"""Files are complete or not there."""

import errno
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from yt8m.errors import InputError
from yt8m.files import (
    NewFile,
    check_destination,
    check_empty,
    check_new,
    check_room,
    make_directory,
    new_contents,
    new_directory,
    publish,
    read_json,
    remove_empty,
    remove_unfinished,
    write_json,
)


def test_a_new_file_appears_only_when_its_block_ends_well(tmp_path):
    path = tmp_path / "out.csv"
    with NewFile(path) as file:
        file.write(b"abc")
        assert not path.exists()
    assert path.read_bytes() == b"abc"
    assert list(tmp_path.iterdir()) == [path]


def test_room_is_compared_with_what_is_free_where_the_file_will_be(tmp_path, monkeypatch):
    asked = []

    def disk_usage(place):
        asked.append(place)
        return SimpleNamespace(free=2_500_000_000)

    monkeypatch.setattr(shutil, "disk_usage", disk_usage)
    check_room(tmp_path / "new" / "newer", 2_500_000_000, "two files", "or go")
    with pytest.raises(InputError) as caught:
        check_room(tmp_path / "new" / "newer", 1_234_567_890_123, "two files", "or go")
    assert str(caught.value) == (
        f"{tmp_path}/new/newer: two files need 1,234.6 GB, and 2.5 GB are free there; make room, or go"
    )
    assert asked == [tmp_path, tmp_path]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^new: two files need 2\.6 GB"):
        check_room("new", 2_600_000_000, "two files", "or go")


def test_a_new_directory_that_cannot_be_made_is_refused(tmp_path):
    check_new(tmp_path / "new" / "newer")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match=r"^/proc/new: cannot be made"):
        check_new("/proc/new")
    with pytest.raises(InputError, match="exists; name a new directory"):
        check_new(tmp_path)


def test_directories_that_are_missing_are_made_for_the_file(tmp_path):
    path = tmp_path / "new" / "newer" / "out.csv"
    check_destination(path)
    assert list(tmp_path.iterdir()) == [], "asking leaves nothing behind"
    with NewFile(path) as file:
        file.write(b"abc")
    assert path.read_bytes() == b"abc"


@pytest.mark.parametrize("there", ["", "new"])
def test_a_failing_block_leaves_no_directory_that_it_made(tmp_path, there):
    (tmp_path / there).mkdir(exist_ok=True)
    with pytest.raises(RuntimeError):
        write_new(tmp_path / "new" / "newer" / "out.csv", b"abc", RuntimeError)
    assert [path.name for path in tmp_path.rglob("*")] == [there] * bool(there)


def test_a_directory_says_what_was_made_for_it_and_only_that_is_removed(tmp_path):
    (tmp_path / "old").mkdir()
    made = make_directory(tmp_path / "old" / "new" / "newer")
    assert made == [tmp_path / "old" / "new" / "newer", tmp_path / "old" / "new"]
    assert make_directory(tmp_path / "old") == []
    (tmp_path / "old" / "new" / "file").touch()
    remove_empty(made)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "new", "old"]
    for place in (tmp_path / "old" / "new" / "file" / "newest", Path("/proc/new/newer")):
        with pytest.raises(InputError, match=r"cannot be made \(.*\); choose another place"):
            make_directory(place)


def write_new(path, content, failure):
    with NewFile(path) as file:
        file.write(content)
        raise failure


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, InputError])
def test_a_failing_block_leaves_the_old_file_and_nothing_else(tmp_path, failure):
    path = tmp_path / "out.csv"
    path.write_bytes(b"old")
    with pytest.raises(failure):
        write_new(path, b"new", failure)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written_are_refused_and_left_alone(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "directory").mkdir()
    for path, message in (
        (tmp_path / "file" / "out.csv", "cannot be written"),
        (tmp_path / "file" / "missing" / "out.csv", "cannot be written"),
        (Path("/proc/missing/out.csv"), "cannot be written"),
        (tmp_path / "directory", "this is a directory; name a file in it"),
    ):
        with pytest.raises(InputError, match=message), NewFile(path):
            raise AssertionError("the block must not run")
        with pytest.raises(InputError, match=message):
            check_destination(path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["directory", "file"]


@pytest.mark.parametrize("address", ["gs://bucket/out", "s3://bucket/out"])
def test_an_address_is_no_local_directory_with_a_colon(address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for attempt in (check_destination, make_directory, lambda path: write_json(path, {})):
        with pytest.raises(
            InputError, match=f"^{address}: the .* must be on a local disk .*; copy it to or from there$"
        ):
            attempt(address)
    assert list(tmp_path.iterdir()) == []
    make_directory("gs:/bucket")  # is one
    assert [path.name for path in tmp_path.iterdir()] == ["gs:"]


def test_an_empty_path_is_not_the_current_directory(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for attempt in (check_destination, make_directory, lambda path: write_json(path, {})):
        with pytest.raises(InputError, match=r"^the path of the .* is empty; name a place$"):
            attempt("")
    with pytest.raises(InputError, match=r"^the path of the directory is empty"), new_directory(""):
        raise AssertionError("the block must not run")
    assert [each.name for each in tmp_path.rglob("*")] == ["empty"]


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    for name in ("run/.12.tmp.exported/variables", "run/best", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    for name in (
        *("run/.12.tmp.exported/saved_model.pb", "run/.12.tmp.exported/variables/.13.tmp.data"),
        *("run/best/.14.tmp.model.weights.h5", "run/best/model.weights.h5", "elsewhere/file"),
    ):
        (tmp_path / name).touch()
    (tmp_path / "run/.15.tmp.link").symlink_to(tmp_path / "elsewhere")
    remove_unfinished(tmp_path / "run")
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"run", "run/best", "run/best/model.weights.h5", "elsewhere", "elsewhere/file"}


class FullDisk:
    """A stream whose disk has no room: buffered writes may already fail, and the last ones do at the close."""

    def __init__(self, fails_at_once):
        self.fails_at_once = fails_at_once

    def write(self, content):
        if self.fails_at_once:
            raise OSError(28, "No space left on device")

    def close(self):
        raise OSError(28, "No space left on device")


def write_to_full_disk(path, fails_at_once):
    with NewFile(path) as file:
        file._stream.close()
        file._stream = FullDisk(fails_at_once)
        file.write(b"abc")


@pytest.mark.parametrize("fails_at_once", [True, False])
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, fails_at_once):
    with pytest.raises(InputError, match=r"out\.csv: cannot be written \(No space left on device\)"):
        write_to_full_disk(tmp_path / "new" / "out.csv", fails_at_once)
    assert list(tmp_path.iterdir()) == []


def test_a_writable_destination_is_left_as_it_was(tmp_path):
    check_destination(tmp_path / "out.csv")
    assert list(tmp_path.iterdir()) == []


def test_json_round_trips_and_a_broken_file_is_named(tmp_path):
    write_json(tmp_path / "values.json", {"step": 3, "names": ["ä", "b"]})
    assert read_json(tmp_path / "values.json") == {"step": 3, "names": ["ä", "b"]}
    (tmp_path / "broken.json").write_text('{"step": ')
    with pytest.raises(InputError, match=r"broken\.json: is not JSON"):
        read_json(tmp_path / "broken.json")
    with pytest.raises(InputError, match=r"missing\.json: cannot be read"):
        read_json(tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[" * 100_000, r"is damaged \(it is nested too deeply\)"),
        ('{"a": ' * 100_000, r"is damaged \(it is nested too deeply\)"),
        (f"[1{'0' * 400}]", r"is damaged \(it holds a number of 401 digits\)"),
        (f"[-{'9' * 5000}]", r"is damaged \(it holds a number of 5000 digits\)"),
    ],
)
def test_json_that_python_cannot_hold_is_damaged(content, message, tmp_path):
    path = tmp_path / "values.json"
    path.write_text(content)
    with pytest.raises(InputError, match=f"^{path}: {message}$"):
        read_json(path)


def test_whole_numbers_stay_exact(tmp_path):
    (tmp_path / "values.json").write_text(f"[-3, 0, {2**63 + 1}, {10**300 + 7}]")
    assert read_json(tmp_path / "values.json") == [-3, 0, 2**63 + 1, 10**300 + 7]


def test_the_file_behind_a_link_is_written_and_devices_are_refused(tmp_path):
    (tmp_path / "real.csv").write_bytes(b"old")
    (tmp_path / "link.csv").symlink_to("real.csv")
    with NewFile(tmp_path / "link.csv") as file:
        file.write(b"new")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_bytes() == b"new"
    with pytest.raises(InputError, match="it is a device"):
        check_destination("/dev/null")


def test_standard_output_is_no_place_for_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"-: the file cannot be written to standard output; name a file"):
        check_destination("-")
    check_destination("./-")
    assert list(tmp_path.iterdir()) == []


def test_a_file_may_have_another_name_in_messages(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match=r"^final/out\.csv: cannot be written"),
        NewFile(tmp_path / "file/x", "final/out.csv"),
    ):
        raise AssertionError("the block must not run")


def test_a_new_directory_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "above" / "made"
    with new_directory(path) as directory:
        (directory / "file").write_text("content")
        assert not path.exists()
    assert (path / "file").read_text() == "content"
    with pytest.raises(InputError, match="exists; name a new directory"), new_directory(path):
        raise AssertionError("the block must not be entered")

    def fail(place, error):
        with new_directory(place) as directory:
            (directory / "file").write_text("content")
            raise error

    with pytest.raises(KeyboardInterrupt):
        fail(tmp_path / "other" / "half", KeyboardInterrupt)
    with pytest.raises(InputError, match=r"full: cannot be written \(No space left on device\)"):
        fail(tmp_path / "full", OSError(errno.ENOSPC, "No space left on device"))
    assert [each.name for each in tmp_path.iterdir()] == ["above"]
    assert [each.name for each in path.parent.iterdir()] == ["made"]


def fill(place):
    with new_contents(place, "yt8m some") as hidden:
        (hidden / "a" / "b").mkdir(parents=True)
        (hidden / "a" / "b" / "c").write_text("c")
        (hidden / "d").write_text("d")
        assert [each.name for each in place.iterdir()] == [hidden.name], "nothing is there before all of it"


def tree(place):
    return sorted(str(each.relative_to(place)) for each in place.rglob("*"))


def write_file(place):
    with NewFile(place) as file:
        file.write(b"new")


def write_directory(place):
    with new_directory(place) as directory:
        (directory / "file").write_text("new")


@pytest.mark.parametrize("write", [write_file, write_directory, fill])
@pytest.mark.parametrize("failure", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
@pytest.mark.parametrize("num_done", [0, 1])
def test_what_stops_the_renaming_leaves_nothing(tmp_path, monkeypatch, write, failure, num_done):
    """Of several things that get their names together, the first ones lose them again."""
    replace, renamed = os.replace, []

    def stop(source, target):
        if len(renamed) == (num_done if write is fill else 0):
            raise failure
        renamed.append(target)
        replace(source, target)

    monkeypatch.setattr("yt8m.files.publishing.os.replace", stop)
    place = tmp_path / "above" / "new"
    with pytest.raises(KeyboardInterrupt if isinstance(failure, KeyboardInterrupt) else InputError) as caught:
        write(place)
    if caught.type is InputError:
        said = f"{place}: cannot be written (No space left on device); choose another place, or make room"
        assert str(caught.value) == said
    assert tree(tmp_path) == []


@pytest.mark.parametrize("write", [write_file, write_directory, fill])
def test_what_was_there_before_the_renaming_failed_is_there_after_it(tmp_path, monkeypatch, write):
    place = tmp_path / "above" / "new"
    place.parent.mkdir()
    if write is fill:
        place.mkdir()
    elif write is write_file:
        place.write_bytes(b"old")
    before = tree(tmp_path)

    def stop(source, target):
        raise KeyboardInterrupt

    monkeypatch.setattr("yt8m.files.publishing.os.replace", stop)
    with pytest.raises(KeyboardInterrupt):
        write(place)
    assert tree(tmp_path) == before
    assert write is not write_file or place.read_bytes() == b"old"


@pytest.mark.parametrize("exists", [True, False])
def test_an_empty_directory_is_filled_all_at_once(tmp_path, exists):
    place = tmp_path / "above" / "new"
    if exists:
        place.mkdir(parents=True)
    fill(place)
    assert tree(place) == ["a", "a/b", "a/b/c", "d"]
    with pytest.raises(InputError, match=r"new is not an empty directory; name another, or remove it first$"):
        fill(place)
    with pytest.raises(InputError, match=r"d is not an empty directory"):
        check_empty(place / "d")
    assert tree(place) == ["a", "a/b", "a/b/c", "d"]


def test_what_a_killed_process_left_goes_into_nothing_new(tmp_path):
    (tmp_path / "filled" / ".incomplete" / "old").mkdir(parents=True)
    (tmp_path / "filled" / ".incomplete" / "link").symlink_to(tmp_path)
    check_empty(tmp_path / "filled")
    fill(tmp_path / "filled")
    assert tree(tmp_path / "filled") == ["a", "a/b", "a/b/c", "d"]


def test_containers_that_share_a_disk_write_under_different_names(tmp_path):
    """All of them may be process 1 of a host of the same name."""
    command = "import os, socket; os.getpid = lambda: 1; socket.gethostname = lambda: 'a/host' * 40;"
    names = {
        subprocess.run(
            [
                sys.executable,
                "-c",
                f"{command} from yt8m.files import NewFile; print(NewFile({str(tmp_path / 'x.csv')!r}).temporary.name)",
            ],
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for _ in range(2)
    }
    assert len(names) == 2
    assert all(re.fullmatch(r"\.(a-host){4}-1-[0-9a-f]{8}\.tmp\.x\.csv", name) for name in names), names


@pytest.mark.parametrize("name", ["a" * 251 + ".csv", "ä" * 125 + ".csv"])
def test_a_name_as_long_as_any_can_be_written(tmp_path, name):
    with NewFile(tmp_path / name) as file:
        file.write(b"content")
    assert os.listdir(tmp_path) == [name]


def test_a_second_process_that_fills_the_same_directory_is_refused(tmp_path):
    place = tmp_path / "new"
    with new_contents(place, "yt8m some") as hidden:
        (hidden / "file").write_text("first")
        with pytest.raises(InputError) as caught:
            fill(place)
    assert str(caught.value) == f"{place}: another yt8m some is writing it; wait for it, or name another place"
    assert (place / "file").read_text() == "first"


def test_the_directory_behind_a_link_is_filled_and_a_link_to_nothing_gets_its_file(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    fill(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert tree(tmp_path / "real") == ["a", "a/b", "a/b/c", "d"]
    (tmp_path / "dangling").symlink_to("missing")
    with pytest.raises(InputError, match="dangling: exists; name a new directory"):
        write_directory(tmp_path / "dangling")
    write_file(tmp_path / "dangling")
    assert (tmp_path / "dangling").is_symlink()
    assert (tmp_path / "missing").read_bytes() == b"new"


def test_a_name_that_the_system_refuses_is_said_in_the_caller_s_words(tmp_path):
    (tmp_path / "new").touch()
    (tmp_path / "full" / "file").mkdir(parents=True)
    with pytest.raises(InputError, match=r"^no: Is a directory$") as caught:
        publish(tmp_path / "new", tmp_path / "full", lambda error: InputError(f"no: {error.strerror}"))
    assert isinstance(caught.value.__cause__, OSError)
    assert tree(tmp_path) == ["full", "full/file", "new"]
