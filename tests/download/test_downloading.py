"""A whole partition from a server that misbehaves."""

import hashlib
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from misbehaving_server import NAMES, NUMBERS, PARTITION, QUICK, Fault, make_files
from watchers import Counts

from yt8m.data.access.retries import Patience
from yt8m.download.downloading import Download
from yt8m.download.transfer import Partial, partial_path
from yt8m.errors import InputError


@pytest.fixture
def directory(tmp_path) -> Path:
    """Of the record files."""
    return tmp_path / "out" / PARTITION


def local(directory: Path, name: str) -> Path:
    return directory / f"train{NUMBERS[name]:04d}.tfrecord"


def assert_complete(directory: Path, served, without: tuple[str, ...] = ()) -> None:
    """All files but some are there as the server has them, and nothing else is."""
    expected = {local(directory, name): served.content(name) for name in NAMES if name not in without}
    assert {path: path.read_bytes() for path in directory.glob("[!.]*")} == expected


def left_of(directory: Path, name: str, content: bytes) -> None:
    """As a killed process leaves it."""
    directory.mkdir(parents=True, exist_ok=True)
    partial_path(local(directory, name)).write_bytes(content)


def test_files_and_lists_arrive_under_their_local_names(served, download, directory, tmp_path):
    result = download()
    assert_complete(directory, served)
    assert (tmp_path / "out" / "vocabulary.csv").read_bytes() == served.files["/vocabulary.csv"]
    assert not (tmp_path / "out" / "segment_label_ids.csv").exists()
    records = sum(len(served.content(name)) for name in NAMES)
    assert result.num_bytes == records + len(served.files["/vocabulary.csv"])
    assert (len(result.fetched), result.num_present, result.missing) == (7, 0, {})
    assert all(sent.first == 0 for sent in served.log)
    assert len(served.record_gets) == len(NAMES)


def test_segment_classes_come_with_segments(served, download, tmp_path):
    partition = "3/frame/validate"
    served.files |= make_files(1000, ("validateab",), partition)
    download(partition)
    assert (tmp_path / "out" / "segment_label_ids.csv").read_bytes() == served.files["/segment_label_ids.csv"]
    found = (tmp_path / "out" / partition / "validate0001.tfrecord").read_bytes()
    assert found == served.files[f"/{partition}/validateab.tfrecord"]


def test_a_server_of_ones_own_need_not_have_the_lists(served, download, directory, tmp_path):
    del served.files["/vocabulary.csv"]
    download()
    assert_complete(directory, served)
    assert not (tmp_path / "out" / "vocabulary.csv").exists()


def test_what_is_no_list_is_not_kept(served, download, directory, tmp_path):
    served.files["/vocabulary.csv"] = b"<html>Log in</html>"
    with pytest.raises(InputError, match=r"vocabulary\.csv \(it is not a CSV file"):
        download()
    assert_complete(directory, served)
    assert not (tmp_path / "out" / "vocabulary.csv").exists()


def test_a_second_run_downloads_nothing(served, download, directory):
    download()
    served.log.clear()
    result = download()
    assert (result.fetched, result.num_bytes, result.num_present) == ([], 0, len(NAMES))
    assert [sent.path for sent in served.log] == ["/2/download_plans/frame_train.json"]
    assert_complete(directory, served)


def test_shards_together_are_the_whole(served, download, directory):
    for part in (1, 2, 3):
        served.log.clear()
        download(shard=(part, 3))
        for sent in served.record_gets:
            name = sent.path.rpartition("/")[2]
            assert int(hashlib.md5(name.encode()).hexdigest(), 16) % 3 == part - 1
    assert_complete(directory, served)


def test_an_empty_shard_is_told(download):
    with pytest.raises(InputError, match="none of 6 files is in it"):
        [download(shard=(part, 40)) for part in range(1, 41)]


def test_dropped_connections_are_taken_up_where_they_broke(served, download, directory):
    path = served.path_of("trainpj")
    served.faults[path] = [Fault(drop=20_000), Fault(drop=7), Fault(drop=0), Fault(drop=10_000)]
    download()
    assert_complete(directory, served)
    size = len(served.content("trainpj"))
    spans = [(sent.first, sent.count) for sent in served.gets("trainpj")]
    assert spans == [(0, 20_000), (20_000, 7), (20_007, 0), (20_007, 10_000), (30_007, size - 30_007)]


def test_any_number_of_drops_is_survived_while_bytes_arrive(served, download, directory):
    served.always = Fault(drop=5_000)
    served.faults = {path: [Fault()] for path in served.files if not path.endswith(".tfrecord")}
    download(jobs=2)
    assert_complete(directory, served)
    assert sum(sent.count for sent in served.record_gets) == sum(len(served.content(name)) for name in NAMES)


def test_a_server_that_ignores_ranges(served, download, directory):
    path = served.path_of("trainaa")
    served.faults[path] = [Fault(drop=20_000), Fault(whole=True, drop=30_000), Fault(whole=True)]
    download()
    assert_complete(directory, served)
    assert [sent.first for sent in served.gets("trainaa")] == [0, 0, 0]


def test_a_server_that_gives_less_of_a_range_than_was_asked_for(served, download, directory):
    served.faults[served.path_of("trainaa")] = [Fault(drop=20_000), Fault(most=10_000), Fault(most=15_000)]
    download()
    assert_complete(directory, served)
    assert [sent.first for sent in served.gets("trainaa")] == [0, 20_000, 30_000, 45_000]


def test_stalls_count_as_lost_connections(served, download, directory):
    served.faults[served.path_of("trainaB")] = [Fault(stall=30_000), Fault(stall=0)]
    download(patience=Patience(timeout=0.3, attempts=20, first_wait=0.001, longest_wait=0.01))
    assert_complete(directory, served)
    assert {sent.first for sent in served.gets("trainaB")} == {0, 30_000}


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_bursts_of_failures_are_waited_out(served, download, directory, status):
    for path in served.files:
        served.faults[path] = [Fault(status=status)] * 3
    download()
    assert_complete(directory, served)


def test_a_file_that_is_not_there_does_not_keep_the_others_from_coming(served, download, directory):
    served.faults[served.path_of("trainZ9")] = [Fault(status=404)]
    served.faults[served.path_of("train00")] = [Fault(status=403)]
    with pytest.raises(InputError) as raised:
        download()
    assert "2 of 7 files cannot be downloaded" in str(raised.value)
    assert "trainZ9.tfrecord (404 Not Found)" in str(raised.value)
    assert "train00.tfrecord (403 Forbidden)" in str(raised.value)
    assert_complete(directory, served, without=("trainZ9", "train00"))
    assert len(served.gets("trainZ9")) == 1
    assert len(download().fetched) == 2
    assert_complete(directory, served)


def test_wrong_bytes_are_fetched_once_more_from_the_start(served, download, directory):
    served.faults[served.path_of("trainpj")] = [Fault(drop=10_000), Fault(wrong=40_000)]
    download()
    assert_complete(directory, served)
    assert [sent.first for sent in served.gets("trainpj")] == [0, 10_000, 0]


def test_bytes_that_stay_wrong_are_an_error_that_names_the_file(served, download, directory):
    served.faults[served.path_of("trainpj")] = [Fault(wrong=1), Fault(wrong=1)]
    with pytest.raises(InputError, match=r"1 of 7 files cannot be downloaded: trainpj\.tfrecord \(its md5 is"):
        download()
    assert_complete(directory, served, without=("trainpj",))


def test_a_server_that_is_gone_is_given_up_and_what_came_is_kept(served, download, directory):
    for name in NAMES:
        served.faults[served.path_of(name)] = [Fault(drop=20_000)]
    served.always = Fault(status=500)
    for path in ("/2/download_plans/frame_train.json", "/vocabulary.csv"):
        served.faults[path] = [Fault()]
    with pytest.raises(InputError, match=r"[23] of 7 .*the server does not answer, so [34] more were not tried"):
        download(jobs=2)
    assert not list(directory.glob("*.tfrecord"))
    kept = {path.stem: path.stat().st_size for path in directory.glob("*.part")}
    assert 20_000 in kept.values()
    served.always = Fault()
    served.faults.clear()
    served.log.clear()
    download()
    assert_complete(directory, served)
    assert {name: served.gets(name)[0].first for name in NAMES} == {
        name: kept.get(local(directory, name).name, 0) for name in NAMES
    }


def test_what_a_killed_run_left_is_not_fetched_again(served, download, directory):
    content = served.content("trainaa")
    left_of(directory, "trainaa", content[:33_333])
    left_of(directory, "trainaB", served.content("trainaB"))  # killed before it was renamed
    result = download()
    assert_complete(directory, served)
    assert [(sent.first, sent.count) for sent in served.gets("trainaa")] == [(33_333, len(content) - 33_333)]
    assert served.gets("trainaB") == []
    whole = sum(len(content) for path, content in served.files.items() if path.endswith(".tfrecord"))
    came = whole - 33_333 - len(served.content("trainaB")) + len(served.files["/vocabulary.csv"])
    assert result.num_bytes == came


@pytest.mark.parametrize("extra", [0, 5])
def test_a_partial_file_of_other_bytes_is_fetched_anew(served, download, directory, extra):
    content = served.content("trainaa")
    left_of(directory, "trainaa", bytes(len(content) + extra))
    download()
    assert_complete(directory, served)
    assert [sent.first for sent in served.gets("trainaa")] == [len(content) + extra, 0]


def test_a_damaged_file_is_noticed_and_replaced(served, download, directory):
    download()
    path = local(directory, "trainpj")
    path.write_bytes(path.read_bytes()[:-1])
    served.log.clear()
    assert len(download().fetched) == 1
    assert_complete(directory, served)
    assert [sent.path for sent in served.record_gets] == [served.path_of("trainpj")]


def test_files_from_elsewhere_are_checked_and_kept(served, download, directory):
    directory.mkdir(parents=True)
    for name in NAMES:
        local(directory, name).write_bytes(served.content(name))
    local(directory, "trainaa").write_bytes(b"something else")
    assert download().num_present == len(NAMES) - 1
    assert [sent.path for sent in served.record_gets] == [served.path_of("trainaa")]
    assert_complete(directory, served)


def test_room_is_looked_for_before_anything_is_written(served, download, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    sizes = sum(len(served.content(name)) for name in NAMES) + len(served.files["/vocabulary.csv"])
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(0, 0, sizes - 1))
    with pytest.raises(InputError, match="kB are free there; make room, choose another --out"):
        download()
    assert not (tmp_path / "out").exists()
    assert served.record_gets == []
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(0, 0, sizes))
    download()


def test_what_is_there_needs_no_room(served, download, directory, monkeypatch):
    usage = namedtuple("usage", "total used free")
    sizes = sum(len(served.content(name)) for name in NAMES) + len(served.files["/vocabulary.csv"])
    left_of(directory, "trainaa", served.content("trainaa")[:30_000])
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(0, 0, sizes - 30_000))
    download()
    assert_complete(directory, served)


def test_a_server_that_tells_no_sizes(served, download, directory):
    served.tells_sizes = False
    download()
    assert_complete(directory, served)


def test_who_watches_is_told_of_each_piece_and_of_all_bytes(served, download, directory):
    content = served.content("trainaa")
    left_of(directory, "trainaa", content[:1000])
    watcher = Counts()
    download(progress=watcher)
    assert watcher.works == [("asking for sizes", "file"), (PARTITION, "B")]
    num_bytes = sum(len(served.content(name)) for name in NAMES) + len(served.files["/vocabulary.csv"])
    assert (len(NAMES) + 1, len(NAMES) + 1) in watcher.counts
    assert (watcher.counts[-1], watcher.is_open) == ((num_bytes, num_bytes), False)


def test_the_survey_knows_all_sizes_and_writes_nothing(served, tmp_path):
    with Download(PARTITION, tmp_path / "out", base_url=served.url, patience=QUICK) as downloading:
        survey = downloading.survey()
    assert survey.num_unknown == 0
    assert survey.num_bytes == sum(len(served.content(name)) for name in NAMES) + len(served.files["/vocabulary.csv"])
    assert not (tmp_path / "out").exists()


def test_a_thread_needs_one_connection(served, download, directory):
    download(jobs=1)
    assert served.connections == 1, "it serves for the plan, the sizes and all files"


def test_of_many_files_some_tell_the_sum(served, tmp_path, monkeypatch):
    """Files of s, s + 1000, ... bytes, of which every second is asked for: the first, the third and the fifth."""
    monkeypatch.setattr("yt8m.download.downloading._SIZES_ASKED", 3)
    monkeypatch.setattr("yt8m.download.downloading.local_name", lambda name: f"{NAMES.index(name[:7])}.tfrecord")
    with Download(PARTITION, tmp_path / "out", base_url=served.url, patience=QUICK) as downloading:
        survey = downloading.survey()
        assert survey.num_unknown == 3
        vocabulary = len(served.files["/vocabulary.csv"])
        assert survey.num_bytes == vocabulary + 50_000 + 52_000 + 54_000 + 3 * 52_000
        downloading.run(survey)
    assert survey.num_bytes == vocabulary + sum(len(served.content(name)) for name in NAMES)


def test_a_full_disk_ends_the_run_with_what_to_do(served, download, monkeypatch):
    def full(file, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("yt8m.download.transfer._write_all", full)
    with pytest.raises(InputError, match=r"\.part: cannot be written \(No space left on device\); make room"):
        download()


def test_two_processes_do_not_write_one_file(served, download, directory):
    directory.mkdir(parents=True)
    with (
        Partial(local(directory, "trainaa")),
        pytest.raises(InputError, match="another process is downloading this file"),
    ):
        download()
    download()
    assert_complete(directory, served)


@pytest.mark.parametrize("status", [404, 500])
def test_without_a_plan_nothing_is_written(served, download, tmp_path, status):
    served.faults["/2/download_plans/frame_train.json"] = [Fault(status=status)] * 10
    with pytest.raises(InputError, match=f"frame_train.json: the list of files cannot be downloaded \\({status} "):
        download()
    assert not (tmp_path / "out").exists()


def test_a_server_that_is_not_there(download, tmp_path):
    with pytest.raises(InputError, match=r"cannot be downloaded \(Connection refused\); check the address") as raised:
        download(base_url="http://127.0.0.1:9")
    assert "\n" not in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_all_files_missing_leaves_no_directory(served, download, tmp_path):
    for path in list(served.files):
        if not path.endswith(".json"):
            del served.files[path]
    with pytest.raises(InputError, match="6 of 7 files cannot be downloaded"):
        download()
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("out", ["gs://bucket/data", "file"])
def test_places_that_are_no_directory(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    with pytest.raises(InputError, match=f"{out}: .*--out"):
        Download(PARTITION, out)


@pytest.mark.parametrize(
    "options", [{"jobs": 0}, {"jobs": 65}, {"mirror": "mars"}, {"shard": (2, 1)}, {"shard": (0, 1)}]
)
def test_options_that_there_are_not(options, tmp_path):
    with pytest.raises(InputError):
        Download(PARTITION, tmp_path, **options)
