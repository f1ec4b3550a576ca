"""From video files to records, and all that may come between."""

import fcntl
import hashlib
import json
import os
import shutil

import numpy as np
import pytest
from grey_videos import Grey, grey_of, write_grey

from yt8m.data.extraction import NetworkChoice, read_extraction
from yt8m.data.protos import Example, SequenceExample
from yt8m.data.records import read_framing
from yt8m.data.tables.videos import VideoRow, read_videos
from yt8m.errors import InputError
from yt8m.extracting.extracted import Options
from yt8m.extracting.extraction import extract
from yt8m.extracting.features import features_of
from yt8m.files import NewFile
from yt8m.progress import Messages

LENGTHS = {"a": 3, "b": 2.5, "c": 5, "d": 1, "e": 4}
"""Seconds of the videos."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Videos, made once: `d` is silent, and the sound of `c` ends in its middle."""
    directory = tmp_path_factory.mktemp("videos")
    for number, (name, seconds) in enumerate(LENGTHS.items()):
        loud = {"c": 0.5, "d": None}.get(name, 1.0)
        write_grey(directory / f"{name}.mp4", seconds, first=30 + 4 * number, loud=loud)
    return directory


@pytest.fixture
def videos(made, tmp_path):
    return shutil.copytree(made, tmp_path / "videos")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "records"


def parsed(path, kind=SequenceExample):
    return [kind.FromString(raw.data) for raw in read_framing(str(path)) if not raw.problem]


def records(out, kind=SequenceExample):
    """All records of a directory, by id, in order."""
    found = [each for path in sorted(out.glob("*.tfrecord")) for each in parsed(path, kind)]
    contexts = [each.context if kind is SequenceExample else each.features for each in found]
    ids = [each.feature["id"].bytes_list.value[0].decode() for each in contexts]
    assert len(set(ids)) == len(ids)
    return dict(zip(ids, found, strict=True))


def bytes_of(out):
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.tfrecord"))}


def labels_of(out):
    return {
        video_id: list(record.context.feature["labels"].int64_list.value)
        if "labels" in record.context.feature
        else None
        for video_id, record in records(out).items()
    }


def greys(record):
    rows = record.feature_lists.feature_list["grey"].feature
    return [list(row.bytes_list.value[0]) for row in rows]


def test_a_row_a_second_of_picture_and_sound(made):
    found = features_of(made / "c.mp4", Grey())
    assert {name: (rows.shape, rows.dtype) for name, rows in found.streams.items()} == {
        "grey": ((5, 2), np.uint8),
        "loudness": ((5, 1), np.float32),
    }
    np.testing.assert_allclose(found.streams["grey"][:, 0], [grey_of(second, 38) for second in range(5)], atol=3)
    # A sine of amplitude 0.5 up to 2.5 s, then silence.
    np.testing.assert_allclose(found.streams["loudness"][:, 0], [0.354, 0.354, 0.25, 0, 0], atol=0.01)
    assert (found.num_frames, found.seconds, found.lost_seconds, found.problems) == (5, 5.0, 0.0, ())
    assert (found.info.width, found.info.height) == (64, 36)


def test_a_video_without_sound_has_no_stream_of_it(made):
    assert list(features_of(made / "d.mp4", Grey()).streams) == ["grey"]


def test_fractions_are_dropped_unless_values_are_rounded(made):
    class Between(Grey):
        def frames(self, prepared):
            return np.full((len(prepared), 2), [100.6, -9.0], np.float32)

    assert features_of(made / "d.mp4", Between()).streams["grey"].tolist() == [[100, 0]]
    rounded = features_of(made / "d.mp4", Between(), options=Options(rounding="nearest"))
    assert rounded.streams["grey"].tolist() == [[101, 0]]


def test_records_are_frame_level_ones(videos, out):
    summary = extract(str(videos), out, Grey(), choice=NetworkChoice("grey", weights="/w.h5"))
    found = records(out)
    assert list(found) == list("abcde")
    for name, record in found.items():
        expected = features_of(videos / f"{name}.mp4", Grey()).streams
        lists = record.feature_lists.feature_list
        assert set(lists) == set(expected)
        assert set(record.context.feature) == {"id"}
        rows = [row.bytes_list.value for row in lists["grey"].feature]
        assert rows == [[row.tobytes()] for row in expected["grey"]]
        if "loudness" in expected:
            rows = [row.float_list.value for row in lists["loudness"].feature]
            assert rows == expected["loudness"].tolist()
    assert summary.num_videos == summary.num_extracted == 5
    assert (summary.num_failed, summary.num_kept, summary.num_frames, summary.seconds) == (0, 0, 16, 15.5)
    assert summary.features == ("grey:2:uint8:0:255", "loudness:1:float32")
    table = read_videos(out)
    digest = hashlib.sha256((videos / "b.mp4").read_bytes()).hexdigest()
    assert table["b"] == VideoRow("b", str(videos / "b.mp4"), 2.5, 3, 64, 36, digest)
    extraction = read_extraction(out)
    assert extraction.network == NetworkChoice("grey", weights="/w.h5")
    assert extraction.identity == Grey().identity
    assert extraction.features == Grey().features
    assert sorted(os.listdir(out)) == ["extraction.json", "videos.csv", "videos0000.tfrecord"]


def test_video_level_records_are_means(videos, out):
    extract(str(videos), out, Grey(), level="video")
    found = records(out, Example)
    assert set(found["d"].features.feature) == {"id", "mean_grey"}
    rows = features_of(videos / "c.mp4", Grey()).streams
    means = {name: found["c"].features.feature[f"mean_{name}"].float_list.value for name in rows}
    # A byte stands for the middle of its level: +0.5 of 255 levels, as they are 0 to 255 here.
    np.testing.assert_allclose(means["grey"], rows["grey"].mean(axis=0) + 255 / 512, atol=1e-4)
    np.testing.assert_allclose(means["loudness"], rows["loudness"].mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("keeps_size", [False, True])
def test_the_number_of_readers_does_not_show(videos, out, keeps_size):
    write_grey(videos / "cats" / "broad.mp4", 3, size=(96, 36))
    network = Grey(keeps_size)
    extract(str(videos), out, network, jobs=1, records_per_shard=4)
    assert list(records(out)) == [*"abcde", "broad"]
    assert [len(parsed(path)) for path in sorted(out.glob("*.tfrecord"))] == [4, 2]
    again = Grey(keeps_size)
    extract(str(videos), out.parent / "again", again, jobs=4, records_per_shard=4)
    assert bytes_of(out.parent / "again") == bytes_of(out)
    assert max(again.batches) == 8
    assert network.num_frames == again.num_frames == 19


def test_a_stopped_extraction_goes_on_and_ends_with_the_same_bytes(videos, out):
    extract(str(videos), out.parent / "whole", Grey(), records_per_shard=2)
    for fails_after, records_then in ((0, None), (8, ["a", "b"])):
        with pytest.raises(KeyboardInterrupt):
            extract(str(videos), out, Grey(fails_after=fails_after), jobs=1, records_per_shard=2)
        assert out.exists() == bool(records_then)
    assert list(records(out)) == records_then
    table = read_videos(out)
    assert list(table) == list("abcde")
    assert [row.id for row in table.values() if not row.has_failed] == records_then
    assert table["e"].problem == "not extracted yet"
    rest, messages = Grey(), Messages()
    extract(str(videos), out, rest, records_per_shard=2, progress=messages)
    assert messages.lines == [f"{out}: going on; 2 of 5 videos are there"]
    assert rest.num_frames == 10
    assert bytes_of(out) == bytes_of(out.parent / "whole")
    assert not (out / ".extracting").exists()


class Killed(BaseException):
    """Ends the process here and now, as far as the directory shows."""


@pytest.mark.parametrize("moment", ["videos0000.tfrecord", "videos.csv", "extraction.json"])
def test_a_kill_between_any_two_files_loses_nothing(videos, out, monkeypatch, moment):
    extract(str(videos), out.parent / "whole", Grey(), records_per_shard=2)
    entered, leave = NewFile.__enter__, NewFile.__exit__
    counts = {}

    def enter(self):
        name = self._path.name
        counts[name] = counts.get(name, 0) + 1
        if name == moment and counts[name] == (1 if name.endswith("tfrecord") else 2):
            raise Killed
        return entered(self)

    monkeypatch.setattr(NewFile, "__enter__", enter)
    with pytest.raises(Killed):
        extract(str(videos), out, Grey(), jobs=1, records_per_shard=2)
    monkeypatch.setattr(NewFile, "__enter__", entered)
    monkeypatch.setattr(NewFile, "__exit__", leave)
    (out / ".extracting" / ".77.tmp.half.part").write_bytes(b'{"row": {')
    (out / ".77.tmp.videos0000.tfrecord").write_bytes(b"half")
    rest = Grey()
    extract(str(videos), out, rest, records_per_shard=2)
    assert bytes_of(out) == bytes_of(out.parent / "whole")
    assert rest.num_frames < 16
    assert (out / "videos.csv").read_bytes() == (out.parent / "whole" / "videos.csv").read_bytes()
    assert sorted(os.listdir(out))[:2] == ["extraction.json", "videos.csv"]


@pytest.mark.parametrize("moment", ["videos0000.tfrecord", "videos.csv", "extraction.json"])
def test_a_stop_while_files_are_written_is_a_stop(videos, out, monkeypatch, moment):
    extract(str(videos), out.parent / "whole", Grey(), records_per_shard=2)
    leave, counts = NewFile.__exit__, []

    def stopped(self, kind, error, traceback):
        leave(self, kind, error, traceback)
        counts.append(self._path.name)
        if counts.count(moment) == (1 if moment.endswith("tfrecord") else 2) and self._path.name == moment:
            raise KeyboardInterrupt

    monkeypatch.setattr(NewFile, "__exit__", stopped)
    with pytest.raises(KeyboardInterrupt):
        extract(str(videos), out, Grey(), jobs=1, records_per_shard=2)
    monkeypatch.undo()
    extract(str(videos), out, Grey(), records_per_shard=2)
    assert bytes_of(out) == bytes_of(out.parent / "whole")
    assert (out / "videos.csv").read_bytes() == (out.parent / "whole" / "videos.csv").read_bytes()


def test_videos_that_are_added_later_fill_the_last_file_and_change_no_id(videos, out):
    late = videos.parent / "late.mp4"
    (videos / "c.mp4").rename(late)
    extract(str(videos), out, Grey(), records_per_shard=3)
    first = bytes_of(out)
    late.rename(videos / "c.mp4")
    write_grey(videos / "more" / "a.mp4", 2)
    network = Grey()
    summary = extract(str(videos), out, network, records_per_shard=3)
    assert (summary.num_extracted, summary.num_kept, network.num_frames) == (2, 4, 7)
    assert bytes_of(out)["videos0000.tfrecord"] == first["videos0000.tfrecord"]
    assert list(records(out)) == ["a", "b", "d", "e", "c", "more_a"]
    assert [len(parsed(path)) for path in sorted(out.glob("*.tfrecord"))] == [3, 3]


def test_a_video_that_changed_is_extracted_again_in_its_place(videos, out):
    extract(str(videos), out, Grey())
    before = greys(records(out)["b"])
    write_grey(videos / "b.mp4", 2.5, first=100)
    os.utime(videos / "c.mp4", (1, 1))  # nothing but its time has changed
    network = Grey()
    extract(str(videos), out, network)
    assert network.num_frames == 3
    assert list(records(out)) == list("abcde")
    assert greys(records(out)["b"]) != before
    assert read_extraction(out).files["c"].modified == 10**9


def test_a_video_that_was_moved_keeps_its_id_and_its_record(videos, out):
    extract(str(videos), out, Grey())
    (videos / "cats").mkdir()
    (videos / "b.mp4").rename(videos / "cats" / "b.mp4")
    network = Grey()
    extract(str(videos), out, network)
    assert network.num_frames == 0
    assert list(records(out)) == list("abcde")
    assert read_videos(out)["b"].path == str(videos / "cats" / "b.mp4")


def test_records_that_someone_removed_are_made_again(videos, out):
    extract(str(videos), out, Grey(), records_per_shard=2)
    (out / "videos0001.tfrecord").unlink()
    extract(str(videos), out, Grey(), records_per_shard=2)
    assert sorted(records(out)) == list("abcde")


@pytest.mark.parametrize("number", [0, 2, 4])
def test_a_row_that_someone_removed_is_made_again(videos, out, number):
    extract(str(videos), out, Grey())
    before = bytes_of(out)
    table = (out / "videos.csv").read_text().splitlines(keepends=True)
    del table[1 + number]
    (out / "videos.csv").write_text("".join(table))
    summary = extract(str(videos), out, Grey())
    assert (summary.num_failed, summary.num_extracted) == (0, 1)
    assert sorted(read_videos(out)) == list("abcde")
    assert bytes_of(out) == before


def test_a_table_that_someone_removed_is_made_again(videos, out):
    extract(str(videos), out, Grey())
    table, before = read_videos(out), bytes_of(out)
    (out / "videos.csv").unlink()
    summary = extract(str(videos), out, Grey())
    assert (summary.num_failed, summary.num_extracted) == (0, 5)
    assert read_videos(out) == table
    assert bytes_of(out) == before


def test_records_without_a_row_stay_if_their_videos_are_not_given(videos, out):
    extract(str(videos), out, Grey())
    (out / "videos.csv").write_text("id,path\n")
    summary = extract([str(videos / "a.mp4")], out, Grey())
    assert (summary.num_videos, summary.num_extracted) == (1, 1)
    assert sorted(records(out)) == list("abcde")
    assert list(read_videos(out)) == ["a"]


def test_labels_are_in_the_records_and_may_change_without_extraction(videos, out):
    table = videos.parent / "labels.csv"
    table.write_text("path,labels\na.mp4,cat;dog\nb,dog\nc,\n")
    messages = Messages()
    extract(str(videos), out, Grey(), labels=str(table), records_per_shard=2, progress=messages)
    assert labels_of(out) == {"a": [0, 1], "b": [1], "c": [], "d": None, "e": None}
    assert len(messages.lines) == 1
    assert "does not name 2 videos" in messages.lines[0]
    assert (out / "vocabulary.csv").read_text() == "Index,Name\n0,cat\n1,dog\n"
    rows = {name: greys(record) for name, record in records(out).items()}
    table.write_text("path,labels\na.mp4,dog\nb,dog;ant\nc,\nd,cat\n")
    network = Grey()
    extract(str(videos), out, network, labels=str(table), records_per_shard=2)
    assert labels_of(out) == {"a": [1], "b": [1, 2], "c": [], "d": [0], "e": None}
    assert network.num_frames == 0
    assert {name: greys(record) for name, record in records(out).items()} == rows
    # Without the flag, labels stay.
    extract(str(videos), out, Grey(), records_per_shard=2)
    assert labels_of(out)["b"] == [1, 2]


def test_bad_videos_do_not_end_the_others_and_are_listed(videos, out):
    (videos / "empty.mp4").write_bytes(b"")
    (videos / "text.mp4").write_text("no video")
    (videos / "nowhere.mp4").symlink_to(videos / "gone")
    whole = (videos / "e.mp4").read_bytes()
    (videos / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    summary = extract(str(videos), out, Grey())
    assert list(records(out)) == list("abcde")
    table = read_videos(out)
    failed = {name: row.problem for name, row in table.items() if row.has_failed}
    assert set(failed) == {"cut", "empty", "nowhere", "text_"}
    assert failed["empty"] == "is empty (0 bytes)"
    assert failed["nowhere"] == "no such file"
    assert all(failed.values())
    assert summary.num_failed == 4
    assert summary.problems[str(videos / "empty.mp4")] == "is empty (0 bytes)"
    # Mended, it is extracted, and its problem is gone.
    shutil.copy(videos / "a.mp4", videos / "empty.mp4")
    assert extract(str(videos), out, Grey()).num_extracted == 1
    assert read_videos(out)["empty"].problem == ""


def test_if_all_videos_are_bad_the_table_tells_why(tmp_path, out):
    (tmp_path / "a.mp4").write_bytes(b"")
    summary = extract(str(tmp_path / "a.mp4"), out, Grey())
    assert (summary.num_failed, summary.num_frames) == (1, 0)
    assert read_videos(out)["a"].problem == "is empty (0 bytes)"
    assert not list(out.glob("*.tfrecord"))


@pytest.fixture
def cut(made, tmp_path):
    """A video that ends early: as a Matroska file it can be read without an index at its end."""
    path = write_grey(tmp_path / "cut.mkv", 12)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    return path


def test_a_video_that_is_cut_off_is_kept_and_told_or_refused(cut, out):
    summary = extract(str(cut), out, Grey())
    row = read_videos(out)["cut"]
    assert 4 <= row.frames <= 9
    assert row.seconds < 10
    assert "s are missing" in row.problem
    assert (summary.num_failed, summary.num_damaged) == (0, 1)
    assert len(greys(records(out)["cut"])) == row.frames
    # Asked again, it is not read again; refused, its record is taken out.
    network = Grey()
    extract(str(cut), out, network)
    assert network.num_frames == 0
    summary = extract(str(cut), out, Grey(), on_corrupt="refuse")
    assert (summary.num_failed, summary.num_damaged) == (1, 0)
    assert read_videos(out)["cut"].has_failed
    assert not list(out.glob("*.tfrecord"))
    assert extract(str(cut), out.parent / "other", Grey(), on_corrupt="refuse").num_failed == 1


def test_a_long_video_ends_at_max_frames(videos, out):
    summary = extract(str(videos), out, Grey(), max_frames=2)
    assert {name: row.frames for name, row in read_videos(out).items()} == dict(a=2, b=2, c=2, d=1, e=2)
    assert {name: row.seconds for name, row in read_videos(out).items()} == LENGTHS
    assert summary.num_cut == 4
    loudness = records(out)["c"].feature_lists.feature_list["loudness"].feature
    assert len(loudness) == 2


def test_what_decides_the_records_must_be_the_same(videos, out):
    extract(str(videos / "d.mp4"), out, Grey())
    before = bytes_of(out)

    class Newer(Grey):
        version = 2

    for network, options, reason in (
        (Newer(), {}, "the network grey has other weights now"),
        (Grey(), {"max_frames": 3}, "--max-frames was all and is 3"),
        (Grey(), {"rounding": "nearest"}, "--rounding was truncate and is nearest"),
        (Grey(), {"level": "video"}, "--level was frame and is video"),
    ):
        with pytest.raises(InputError, match=f"holds records made in another way: {reason}; name another directory"):
            extract(str(videos), out, network, **options)
    assert bytes_of(out) == before


def test_a_directory_that_holds_other_things_is_left_alone(videos, out):
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds other things, such as notes\.txt"):
        extract(str(videos), out, Grey())
    assert os.listdir(out) == ["notes.txt"]
    with pytest.raises(InputError, match=r"notes\.txt: is a file"):
        extract(str(videos), out / "notes.txt", Grey())
    with pytest.raises(InputError, match="is the directory of the videos"):
        extract(str(videos), videos, Grey())


def test_an_output_in_the_directory_of_videos_is_refused(videos):
    with pytest.raises(InputError, match="lies in"):
        extract(str(videos), videos / "records", Grey())
    assert not (videos / "records").exists()


def test_only_one_command_writes_to_a_directory(videos, out):
    out.mkdir()
    descriptor = os.open(out, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(InputError, match="another yt8m extract is writing to it"):
            extract(str(videos), out, Grey())
    finally:
        os.close(descriptor)
    assert os.listdir(out) == []


@pytest.mark.parametrize("ending", [".part", ".tfrecord", "videos.csv"])
def test_a_full_disk_leaves_nothing_half_written_and_the_rest_goes_on(videos, out, monkeypatch, ending):
    write = NewFile.write
    counts = []

    def full(self, content):
        counts.append(self._path.name)
        if self._path.name.endswith(ending) and sum(name.endswith(ending) for name in counts) == 4:
            raise self.unwritable(OSError(28, "No space left on device"))
        write(self, content)

    monkeypatch.setattr(NewFile, "write", full)
    with pytest.raises(InputError, match=r"cannot be written .No space left on device"):
        extract(str(videos), out, Grey(), jobs=1, records_per_shard=2)
    assert not [path for path in out.rglob("*") if ".tmp." in path.name]
    monkeypatch.undo()
    extract(str(videos), out, Grey(), records_per_shard=2)
    assert list(records(out)) == list("abcde")


def test_a_full_disk_at_the_start_leaves_no_directory(videos, out, monkeypatch):
    def full(self, content):
        raise self.unwritable(OSError(28, "No space left on device"))

    monkeypatch.setattr(NewFile, "write", full)
    with pytest.raises(InputError, match="No space left on device"):
        extract(str(videos), out, Grey())
    assert not out.exists()


def test_a_network_that_fails_ends_the_work_and_keeps_what_was_done(videos, out):
    with pytest.raises(InputError, match=r"^broken$"):
        extract(str(videos), out, Grey(fails_after=8, error=InputError("broken")), jobs=1)
    rest = Grey()
    extract(str(videos), out, rest)
    assert rest.num_frames == 10
    assert list(records(out)) == list("abcde")


def test_a_value_that_cannot_be_stored_is_no_byte(made):
    class Bad(Grey):
        def frames(self, prepared):
            return np.full((len(prepared), 2), np.nan, np.float32)

    with pytest.raises(InputError, match="the network gives grey a value that is NaN"):
        features_of(made / "a.mp4", Bad())


def test_names_that_are_no_text_or_alike_have_ids_of_their_own(made, tmp_path, out):
    names = [b"caf\xe9.mp4", b"a,b.mp4", b"a b.mp4", b'say "a".mp4', b"two\nlines.mp4", "\u732b.mp4".encode()]
    (tmp_path / "odd").mkdir()
    for name in names:
        shutil.copy(made / "d.mp4", os.path.join(os.fsencode(tmp_path / "odd"), name))
    extract(str(tmp_path / "odd"), out, Grey())
    ids = ["odd_a_b", "odd_a_b_2", "caf_", "say__a_", "two_lines", "\u732b"]
    assert sorted(records(out)) == sorted(ids)
    table = read_videos(out)
    assert sorted(os.fsencode(os.path.basename(row.path)) for row in table.values()) == sorted(names)
    again = Grey()
    extract(str(tmp_path / "odd"), out, again)
    assert again.num_frames == 0


def test_short_ids(videos, out):
    extract(str(videos), out, Grey(), naming="short")
    assert all(len(each) == 4 and each[0] == "_" for each in records(out))
    assert set(read_videos(out)) == set(records(out))


def test_progress_counts_seconds_of_video_and_videos(videos, out):
    from yt8m.progress import Progress

    class Log(Progress):
        def __init__(self):
            self.count, self.totals, self.notes = 0, [], []

        def advance(self, count, total=None):
            self.count += count
            self.totals.append(total)

        def note(self, text):
            self.notes.append(text)

    log = Log()
    (videos / "bad.mp4").write_bytes(b"x")
    extract(str(videos), out, Grey(), jobs=1, progress=log)
    assert log.count == log.totals[-1] == 16
    assert log.notes == [f"{count} of 6 videos" for count in range(7)]


def test_damaged_files_of_an_extraction_are_told(videos, out):
    extract(str(videos), out, Grey())
    values = json.loads((out / "extraction.json").read_text())
    (out / "extraction.json").write_text(json.dumps({**values, "version": 9}))
    with pytest.raises(InputError, match="another version of yt8m wrote it"):
        extract(str(videos), out, Grey())
    (out / "extraction.json").write_text("{}")
    with pytest.raises(InputError, match=r"extraction\.json: is damaged"):
        extract(str(videos), out, Grey())
    (out / "extraction.json").write_text(json.dumps(values))
    content = (out / "videos0000.tfrecord").read_bytes()
    (out / "videos0000.tfrecord").write_bytes(content[:-5])
    with pytest.raises(InputError, match=r"videos0000\.tfrecord.*remove the file"):
        extract(str(videos), out, Grey())
