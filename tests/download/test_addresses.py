"""YouTube addresses of ids, from a server on this machine; what is kept, and what `yt8m report` makes of it."""

import csv
import json
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from misbehaving_server import QUICK, Fault, serve

from yt8m.cli import main
from yt8m.data.records import framed, video_level_record
from yt8m.data.tables.videos import VideoRow, videos_table
from yt8m.download import address_cache, addresses
from yt8m.download.addresses import Lookup, known_addresses, watch_url
from yt8m.errors import InputError

FOUND = {"XE00": "dQw4w9WgXcQ", "INu4": "-_abcdefgh9", "0z9A": "AAAAAAAAAAA"}
ERROR_PAGE = b"<?xml version='1.0' encoding='UTF-8'?><Error><Code>AccessDenied</Code></Error>"


def path_of(video: str) -> str:
    return f"/2/j/i/{video[:2]}/{video}.js"


@pytest.fixture
def server():
    """Three videos: the forms of a call that scripts write."""
    forms = {"XE00": 'i("%s","%s");', "INu4": "i( '%s', '%s' )\n", "0z9A": 'window.i ("%s", "%s") ;'}
    with serve(
        {path_of(video): (forms[video] % (video, youtube)).encode() for video, youtube in FOUND.items()}
    ) as served:
        yield served


@pytest.fixture
def find(server, tmp_path):
    """Looks ids up with a cache of the test's own, impatiently."""

    def run(*ids, paths=None, **options):
        options = {"base_url": server.url, "patience": QUICK, "rate": 1000.0, **options}
        with Lookup(tmp_path / "cache", **options) as lookup:
            return lookup.find(ids, paths or {})

    return run


@pytest.fixture
def yt8m(server, tmp_path, capfd, _signal_handlers):
    """`yt8m id`, called in this process: its status, stdout and stderr."""

    def run(*arguments, url=True):
        where = ["--base-url", server.url] if url else []
        with pytest.raises(SystemExit) as ended:
            main(
                ["id", *map(str, arguments), "--cache", str(tmp_path / "cache"), "--rate", "1000", *where, "--verbose"]
            )
        out, err = capfd.readouterr()
        return ended.value.code, out, err

    return run


def asked(server) -> list[str]:
    return sorted(Path(sent.path).stem for sent in server.log)


def states(found) -> dict[str, str]:
    return {each.id: each.state for each in found}


def test_every_form_of_the_answer_is_read_in_the_order_of_the_ids(find):
    found = find("INu4", "XE00", "INu4", "0z9A")
    assert [(each.id, each.youtube_id) for each in found] == [
        (video, FOUND[video]) for video in ("INu4", "XE00", "0z9A")
    ]
    assert found[1].url == "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
    assert watch_url("dQw4w9WgXcQ", 65.9) == "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=65s"


def test_what_is_known_is_not_asked_again(find, server, tmp_path):
    find("XE00", "gone")
    server.log.clear()
    assert states(find("XE00", "gone", "INu4")) == {"XE00": "found", "gone": "gone", "INu4": "found"}
    assert asked(server) == ["INu4"]
    assert known_addresses(["gone", "XE00", "more"], tmp_path / "cache") == {"XE00": FOUND["XE00"]}


def test_a_video_that_is_gone_is_asked_for_again_on_demand(find, server):
    find("back", "gone")
    server.files[path_of("back")] = b'i("back","BBBBBBBBBBB");'
    assert states(find("back")) == {"back": "gone"}
    assert states(find("back", "gone", again=True)) == {"back": "found", "gone": "gone"}
    assert states(find("back")) == {"back": "found"}


@pytest.mark.parametrize(
    "fault",
    [Fault(status=404), Fault(status=410), Fault(status=403, body=ERROR_PAGE), Fault(status=400, body=ERROR_PAGE[38:])],
)
def test_what_says_that_a_video_is_gone(find, server, fault):
    server.faults[path_of("Gone")] = [fault]
    assert states(find("Gone")) == {"Gone": "gone"}


def test_an_error_page_that_comes_as_an_answer_says_so_too(find, server):
    server.files[path_of("Gone")] = ERROR_PAGE
    assert states(find("Gone")) == {"Gone": "gone"}


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"<html><Error>log in</html>", "something else than an address"),
        (b"", "something else than an address"),
        (b'i("XE00","dQw4w9WgXcQ");', "'XE00'"),
        (b'i("Fail","dQw4w9WgXcQ-long");', "no address"),
        (b'i("Fail");', "something else"),
    ],
)
def test_what_says_nothing_of_a_video_is_told_and_not_kept(find, server, answer, problem):
    server.files[path_of("Fail")] = answer
    (found,) = find("Fail")
    assert found.state == "failed"
    assert problem in found.problem
    server.log.clear()
    find("Fail")
    assert asked(server) == ["Fail"]


def test_a_proxy_that_forbids_everything_makes_no_video_gone(find, server):
    server.always = Fault(status=403, body=b"<html>Forbidden</html>")
    assert states(find("XE00", "INu4")) == {"XE00": "failed", "INu4": "failed"}


def test_what_fails_for_a_while_is_asked_for_again(find, server):
    server.faults[path_of("XE00")] = [Fault(status=503), Fault(drop=3), Fault(status=429)]
    assert states(find("XE00")) == {"XE00": "found"}
    assert len(server.log) == 4


def test_a_server_that_does_not_answer_is_left_alone_soon(find, server):
    server.always = Fault(status=500)
    found = find(*(f"{number:04d}" for number in range(50)), jobs=2)
    assert {each.state for each in found} == {"failed"}
    assert len(set(asked(server))) <= 6
    assert found[-1].problem == "not asked, as the server does not answer"


def test_ids_of_2017_are_addresses_and_others_are_told(find, server):
    found = find("dQw4w9WgXcQ", "12345", "", "a,b", 'q"q"', "é000", "../..")
    assert states(found).pop("dQw4w9WgXcQ") == "found"
    assert [each.state for each in found[1:]] == ["invalid"] * 6
    assert server.log == []


def test_videos_of_ones_own_have_their_paths(find, server):
    found = find("XE00", "trip_1", paths={"trip_1": "films/trip 1.mp4", "XE00": "films/x.mp4"})
    assert [(each.state, each.path, each.url) for each in found] == [
        ("own", "films/x.mp4", ""),
        ("own", "films/trip 1.mp4", ""),
    ]
    assert server.log == []


def test_a_mistyped_id_of_ones_own_is_said_to_be_in_no_table(find, server):
    (address,) = find("trip_2", paths={"trip_1": "films/trip 1.mp4"})
    assert address.state == "invalid"
    assert address.problem.startswith("is not in the table of videos, and is no id of the data set")
    assert server.log == []


def test_the_rate_holds_for_all_threads_together(find):
    start = time.monotonic()
    find("XE00", "INu4", "0z9A", "gone", rate=20.0, jobs=4)
    assert time.monotonic() - start >= 3 / 20


def test_two_processes_may_keep_answers_at_once(tmp_path):
    def fill(first: int) -> None:
        with address_cache.AddressCache(tmp_path) as cache:
            for number in range(first, first + 20):
                cache.add(f"{number:04d}", None)

    threads = [threading.Thread(target=fill, args=(first,)) for first in (0, 10, 1000)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with address_cache.AddressCache(tmp_path) as cache:
        assert len(cache.known(f"{number:04d}" for number in range(2000))) == 50


def test_a_damaged_cache_is_told_and_hinders_nobody_who_only_looks(tmp_path):
    path = tmp_path / "addresses.sqlite"
    path.write_bytes(b"no database, but long enough for one: " * 100)
    with pytest.raises(InputError, match=r"addresses\.sqlite.*remove it, or name another directory with --cache"):
        Lookup(tmp_path)
    assert known_addresses(["XE00"], tmp_path) == {}
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(InputError, match="version 7"):
        Lookup(tmp_path)


def test_looking_makes_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "none"))
    assert known_addresses(["XE00"]) == {}
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert address_cache.cache_directory() == tmp_path / ".cache" / "yt8m"


def test_the_command_prints_lines_json_and_a_table(yt8m, tmp_path):
    status, out, _ = yt8m("XE00", "gone", "--out", tmp_path / "found.csv")
    assert status == 0
    assert out.splitlines() == [
        "XE00  https://www.youtube.com/watch?v=dQw4w9WgXcQ",
        "gone  the video is gone",
        "2 ids: 1 found, 1 gone",
    ]
    with open(tmp_path / "found.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["id"], row["state"], row["youtube_id"]) for row in rows] == [
        ("XE00", "found", FOUND["XE00"]),
        ("gone", "gone", ""),
    ]
    status, out, err = yt8m("XE00", "no id", "--json", url=False)
    assert status == 2
    assert err == "1 of 2 ids without an answer: 'no id': is no id of the data set, which has four letters or digits\n"
    found = json.loads(out)
    assert found["counts"] == {"found": 1, "invalid": 1}
    assert found["videos"][0]["address"] == "https://www.youtube.com/watch?v=dQw4w9WgXcQ"


def test_nobody_is_asked_for_the_ids_of_extracted_records(yt8m, server, tmp_path):
    """Short ids of one's own videos look like the data set's."""
    records = [video_level_record(video, [1], {}) for video in ("XE00", "INu4")]
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.tfrecord").write_bytes(b"".join(map(framed, records)))
    (tmp_path / "extraction.json").write_text("{}")
    status, _, err = yt8m("--data", tmp_path / "train")
    assert status == 2
    assert "a.tfrecord: holds videos of your own, and no videos.csv beside it has the id XE00; give the one of" in err
    rows = [VideoRow(video, f"/films/{video}.mp4") for video in ("XE00", "INu4")]
    for place, flags in ((tmp_path / "other.csv", ["--videos", tmp_path / "other.csv"]), (tmp_path / "videos.csv", [])):
        place.write_bytes(videos_table(rows))
        status, out, err = yt8m("--data", tmp_path / "train", *flags, "--json")
        assert status == 0, err
        assert {each["id"]: each["path"] for each in json.loads(out)["videos"]} == {row.id: row.path for row in rows}
    assert server.log == []


def test_ids_come_from_records_and_from_submissions_of_both_tasks(yt8m, server, tmp_path):
    records = [video_level_record(video, [1], {}) for video in ("XE00", "INu4", "XE00")]
    (tmp_path / "a.tfrecord").write_bytes(b"".join(map(framed, records)))
    (tmp_path / "videos.csv").write_text("VideoId,LabelConfidencePairs\n0z9A,3 0.5\nXE00,1 0.25\n")
    (tmp_path / "segments.csv").write_text("Class,Segments\n3,0z9A:5 INu4:0 INu4:5\n7,XE00:0\n")
    for flags, expected in (
        (["--data", tmp_path / "a.tfrecord"], ["INu4", "XE00"]),
        (["--submission", tmp_path / "videos.csv"], ["0z9A", "XE00"]),
        (["--submission", tmp_path / "segments.csv", "gone"], ["0z9A", "INu4", "XE00", "gone"]),
    ):
        status, out, err = yt8m(*flags, "--json")
        assert status == 0, err
        assert sorted(each["id"] for each in json.loads(out)["videos"]) == expected


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ([], "no ids; name some, or records with --data"),
        (["--data"], "--data is followed by no path"),
        (["--submission", "no.csv"], "no.csv"),
        (["XE00", "--out", "."], "this is a directory"),
        (["XE00", "--base-url", "somewhere"], "--base-url is 'somewhere'"),
        (["XE00", "--jobs", "0"], "--jobs is 0"),
    ],
)
def test_what_the_command_cannot_use_is_one_line(yt8m, flags, problem):
    status, out, err = yt8m(*flags, url=False)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert problem in err


def test_a_stopped_lookup_keeps_its_answers(find, server, monkeypatch):
    class Stop(addresses.Progress):
        def advance(self, count, total=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        find("XE00", "INu4", "0z9A", jobs=1, progress=Stop())
    server.log.clear()
    find("XE00")
    assert server.log == []
