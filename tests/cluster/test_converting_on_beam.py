"""`yt8m convert --engine beam`: the bytes are those of the local command, whatever the runner does."""

import json
import re
import shutil
import tempfile

import numpy as np
import pytest

from yt8m.conversion import convert
from yt8m.conversion.shards import Part
from yt8m.data.records import framed, read_framing, video_level_record
from yt8m.errors import InputError
from yt8m.progress import Messages

IN_MEMORY = "--direct_running_mode in_memory"


def contents(directory):
    return {
        path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()
    }


@pytest.fixture
def convert_on_beam(beam, status_of):
    def run(source, out, *flags, options=""):
        given = ["--beam.options", options] if options else []
        return status_of("convert", source, "--out", out, *flags, "--engine", "beam", *given)

    return run


def hidden(directory):
    return [path.name for path in directory.iterdir() if path.name.startswith(".")]


@pytest.fixture
def small_parts(monkeypatch):
    """Every file is read in parts of some records."""
    from yt8m.cluster import reading

    original = reading.plan_file
    monkeypatch.setattr(reading, "plan_file", lambda path: original(path, piece_bytes=40_000))


@pytest.mark.parametrize(
    "flags",
    [
        ["--to", "video", "--std"],
        ["--to", "tfrecord", "--num-shards", "5"],
        pytest.param(["--to", "parquet", "--records-per-shard", "9"], marks=pytest.mark.slow),
        pytest.param(["--to", "npz"], marks=pytest.mark.slow),
    ],
)
def test_the_files_are_those_of_the_local_command(
    beam, flags, sample, tmp_path, small_parts, capsys, convert_on_beam, status_of
):
    source = sample / "3/frame/validate"
    assert status_of("convert", source, "--out", tmp_path / "local", *flags) == 0
    said = capsys.readouterr().out
    assert convert_on_beam(source, tmp_path / "beam", *flags) == 0
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    assert capsys.readouterr().out == said.replace(str(tmp_path / "local"), str(tmp_path / "beam"))
    assert hidden(tmp_path) == []


@pytest.mark.thorough
def test_a_bundle_that_is_done_three_times_leaves_one_file(beam, sample, tmp_path, small_parts, convert_on_beam):
    """As if two attempts had ended, and nobody had heard of it."""
    source = sample / "2/frame/train"
    convert(str(source), tmp_path / "local", to="video")
    options = f"{IN_MEMORY} --direct_runner_bundle_repeat 2"
    assert convert_on_beam(source, tmp_path / "beam", "--to", "video", options=options) == 0
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")
    assert hidden(tmp_path) == []


@pytest.mark.thorough
def test_a_broken_record_ends_the_job_with_one_line_and_leaves_nothing(beam, sample, tmp_path, capsys, convert_on_beam):
    shutil.copytree(sample / "2/frame/train", tmp_path / "in")
    path = sorted((tmp_path / "in").iterdir())[1]
    raw = list(read_framing(str(path)))[3]
    content = bytearray(path.read_bytes())
    content[raw.offset + 500] ^= 1
    path.write_bytes(content)
    assert convert_on_beam(tmp_path / "in", tmp_path / "out", "--to", "video") == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line == f"yt8m: {path}, record 3: its data do not match their checksum"
    assert [each.name for each in tmp_path.iterdir()] == ["in"]


@pytest.mark.thorough
def test_a_stopped_job_goes_on_with_the_files_that_are_missing(beam, sample, tmp_path):
    """The job is stopped while it writes the second file; the next makes that one alone."""
    from yt8m.cluster.convert import BeamConversion
    from yt8m.cluster.options import BeamOptions

    source = sample / "2/frame/train"
    convert(str(source), tmp_path / "local", to="video")

    class Stopped(BeamConversion):
        def write(self, work, shards, directory, progress):
            assert super().write(work, shards[:1], directory, progress)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(str(source), tmp_path / "out", to="video", engine=Stopped(BeamOptions(options=IN_MEMORY)))
    assert hidden(tmp_path) == [".out.converting"]
    assert not (tmp_path / "out").exists()
    scratch = tmp_path / ".out.converting/.beam-0"  # as a killed process leaves it
    scratch.mkdir()
    (scratch / "0.records").write_bytes(b"half")
    progress = Messages()
    result = convert(
        str(source),
        tmp_path / "out",
        to="video",
        engine=BeamConversion(BeamOptions(options=IN_MEMORY)),
        progress=progress,
    )
    assert (result.num_kept, result.num_records) == (1, 32)
    assert progress.lines[0].endswith("going on; 1 of 2 files are there")
    assert contents(tmp_path / "out") == contents(tmp_path / "local")


def test_a_job_to_a_place_that_another_writes_to_is_refused(beam, sample, tmp_path, capsys, convert_on_beam):
    from yt8m.files import hidden_directory

    with hidden_directory(tmp_path / ".out.converting", "busy"):
        assert convert_on_beam(sample / "2/frame/train", tmp_path / "out", "--to", "video") == 2
    assert "another yt8m convert is writing it" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.thorough
def test_values_beyond_a_range_are_counted_once_and_kinds_must_agree(beam, tmp_path, capsys):
    """Arrays: what is known of one video decides about others, wherever these are read."""
    random = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for number in range(6):
        np.savez(tmp_path / f"in/v{number}.npz", clip=random.normal(scale=1.5, size=(3, 8)).astype(np.float32))
    flags = {"quantise": True, "features": ("clip:8",), "records_per_shard": 4}
    from yt8m.cluster.convert import BeamConversion
    from yt8m.cluster.options import BeamOptions

    here = convert(str(tmp_path / "in"), tmp_path / "local", **flags)
    there = convert(
        str(tmp_path / "in"), tmp_path / "beam", engine=BeamConversion(BeamOptions(options=IN_MEMORY)), **flags
    )
    assert there.clipped == here.clipped
    assert here.clipped["clip"][0] > 0
    assert contents(tmp_path / "beam") == contents(tmp_path / "local")


def test_features_that_workers_took_differently_are_refused(beam):
    from yt8m.cluster.convert import _SumNotes
    from yt8m.data.features import Feature

    total = _SumNotes()
    first = total.add_input(total.create_accumulator(), ({"clip": (1, 10)}, (Feature("clip", 8), Feature("text", 4))))
    second = total.add_input(total.create_accumulator(), ({"clip": (2, 10)}, (Feature("clip", 8, storage="float32"),)))
    clipped, ways = total.extract_output(total.merge_accumulators([first, second]))
    assert clipped == {"clip": (3, 20)}
    assert ways == {"clip": {"clip:8", "clip:8:float32"}, "text": {"text:4"}}


def test_records_are_written_in_order_and_never_twice(beam, tmp_path):
    """The two transforms in a pipeline of one's own."""
    import yt8m.beam

    records = [video_level_record(f"v{number}", [number], {}) for number in range(7)]
    for number, some in enumerate((records[:4], records[4:])):
        (tmp_path / f"{number}.tfrecord").write_bytes(b"".join(map(framed, some)))
    (tmp_path / "scratch").mkdir()
    files = [str(tmp_path / f"{number}.tfrecord") for number in range(2)]
    with beam.Pipeline("FnApiRunner") as pipeline:
        (
            pipeline
            | yt8m.beam.ReadRecords(files)
            | beam.Map(lambda each: ("mine" if each[1] % 2 else "others", (-each[0], each[1]), each[2]))
            | yt8m.beam.WriteRecords(str(tmp_path), str(tmp_path / "scratch"))
        )
    written = {
        name: [raw.data for raw in read_framing(str(tmp_path / f"{name}.tfrecord"))] for name in ("mine", "others")
    }
    assert written == {
        "mine": [records[5], records[1], records[3]],
        "others": [records[4], records[6], records[0], records[2]],
    }
    with pytest.raises(Exception, match="two records have the order"), beam.Pipeline("FnApiRunner") as pipeline:
        (
            pipeline
            | beam.Create([("x", (1,), b"a"), ("x", (1,), b"b")])
            | yt8m.beam.WriteRecords(str(tmp_path), str(tmp_path / "scratch"))
        )
    assert not (tmp_path / "x.tfrecord").exists()


def _damaged(tmp_path):
    """Seven records, of which the third has a wrong checksum; and two, of which the second is cut off."""
    records = [video_level_record(f"v{number}", [number], {}) for number in range(9)]
    first, second = b"".join(map(framed, records[:7])), b"".join(map(framed, records[7:]))
    place = sum(len(framed(each)) for each in records[:2]) + 20
    (tmp_path / "0.tfrecord").write_bytes(first[:place] + bytes([first[place] ^ 1]) + first[place + 1 :])
    (tmp_path / "1.tfrecord").write_bytes(second[:-5])
    return records, [str(tmp_path / f"{number}.tfrecord") for number in range(2)]


@pytest.mark.thorough
def test_broken_records_are_left_out_and_counted_where_one_asks_for_it(beam, tmp_path):
    import yt8m.beam

    records, files = _damaged(tmp_path)
    (tmp_path / "scratch").mkdir()
    pipeline = beam.Pipeline("FnApiRunner")
    (
        pipeline
        | yt8m.beam.ReadRecords(files, on_corrupt="skip")
        | beam.Map(lambda each: ("all", each[:2], each[2]))
        | yt8m.beam.WriteRecords(str(tmp_path), str(tmp_path / "scratch"))
    )
    result = pipeline.run()
    result.wait_until_finish()
    found = [raw.data for raw in read_framing(str(tmp_path / "all.tfrecord"))]
    assert found == [*records[:2], *records[3:8]]
    (counter,) = result.metrics().query(beam.metrics.MetricsFilter().with_name("left_out"))["counters"]
    assert counter.committed == 2
    stopping = beam.Pipeline("FnApiRunner")
    stopping | yt8m.beam.ReadRecords(files)
    with pytest.raises(Exception, match=r"0\.tfrecord, record 2: its data do not match their checksum"):
        stopping.run()
    with pytest.raises(InputError, match="unknown on_corrupt 'skp'; did you mean skip"):
        yt8m.beam.ReadRecords(files, on_corrupt="skp")


def test_the_rest_of_a_part_begins_with_its_record_where_one_was_left_out(beam, tmp_path):
    """The runner gives the records from the fifth on to another worker; the third was left out."""
    from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker

    from yt8m.cluster.reading import ReadParts, _sound_contents

    records, files = _damaged(tmp_path)
    read = ReadParts(_sound_contents)
    halves = [
        list(read.process(("key", Part(files[0])), OffsetRestrictionTracker(OffsetRange(*ends))))
        for ends in ((0, 4), (4, 7))
    ]
    assert halves == [
        [("key", number, records[number]) for number in (0, 1, 3)],
        [("key", number, records[number]) for number in (4, 5, 6)],
    ]


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["a\\nb", "x [while running y"])
@pytest.mark.parametrize("options", [IN_MEMORY, "--direct_running_mode multi_threading --direct_num_workers 2"])
def test_a_message_is_whole_whatever_the_file_is_called(convert_on_beam, tmp_path, capsys, name, options):
    records = [framed(video_level_record("v", [1], {}))]
    path = tmp_path / "in" / f"{name}.tfrecord"
    path.parent.mkdir()
    path.write_bytes(records[0][:-5] + b"wrong")
    assert convert_on_beam(path, tmp_path / "out", "--to", "tfrecord", options=options) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == f"yt8m: {path}, record 0: its data do not match their checksum"
    assert {each.name for each in tmp_path.iterdir()} == {"in"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--pickle_library dill", r"--beam.options '--pickle_library dill': Beam refuses \(.*dill.*\)"),
        ("--type_check_strictness ALL_REQUIRED", r"--beam.options '--type_check_strictness .*': Beam refuses \(.*\)"),
    ],
)
def test_options_that_beam_refuses_only_later_are_one_line(
    convert_on_beam, sample, tmp_path, tmp_path_factory, monkeypatch, capsys, options, said
):
    scratch = tmp_path_factory.mktemp("scratch")  # of this test alone: others run beside it
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    assert convert_on_beam(sample / "2/frame/train", tmp_path / "out", "--to", "video", options=options) == 2
    assert re.fullmatch(f"yt8m: {said}; leave out what it names", capsys.readouterr().err.splitlines()[-1])
    assert not list(tmp_path.iterdir())
    assert not list(scratch.iterdir())


def test_an_address_that_no_file_system_knows_is_one_line(beam, status_of, sample, capsys):
    words = ["--engine", "beam", "--beam.options", "--temp_location foo://x/y"]
    assert status_of("inspect", sample / "2/frame/train", *words) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("yt8m: foo://x/y: cannot be listed (Unable to get filesystem")


@pytest.mark.thorough
def test_beam_prints_nothing_beside_the_result(beam, status_of, sample, tmp_path, capfd):
    options = f"--profile_cpu --profile_location {tmp_path / 'profiles'}"
    words = ["--to", "video", "--out", tmp_path / "out", "--json", "--engine", "beam", "--beam.options", options]
    assert status_of("convert", sample / "2/frame/train", *words) == 0
    assert json.loads(capfd.readouterr().out)["num_records"] == 64


@pytest.fixture
def shelf(beam, tmp_path):
    """A place behind an address, `shelf://`, as Beam's file systems have it: files are in a directory here."""
    from apache_beam.io.filesystem import FileMetadata
    from apache_beam.io.localfilesystem import LocalFileSystem

    root = tmp_path / "shelf"
    root.mkdir()

    def here(path):
        return path.replace("shelf:/", str(root)) if path.startswith("shelf://") else path

    class Shelf(LocalFileSystem):
        @classmethod
        def scheme(cls):
            return "shelf"

        def _list(self, directory):
            for each in super()._list(here(directory)):
                yield FileMetadata(each.path.replace(str(root), "shelf:/"), each.size_in_bytes, None)

        def exists(self, path):
            return super().exists(here(path))

        def create(self, path, *args, **others):
            return super().create(here(path), *args, **others)

        def open(self, path, *args, **others):
            return super().open(here(path), *args, **others)

        def rename(self, sources, destinations):
            super().rename(list(map(here, sources)), list(map(here, destinations)))

        def delete(self, paths):
            super().delete(list(map(here, paths)))

    yield root
    Shelf.scheme = classmethod(lambda cls: "shelf-of-another-test")


@pytest.mark.thorough
def test_files_go_to_an_address_and_a_stopped_job_goes_on_there(shelf, sample, tmp_path, capsys, convert_on_beam):
    from yt8m.cluster.convert import BeamConversion
    from yt8m.cluster.options import BeamOptions

    source = sample / "2/frame/train"
    local = convert(str(source), tmp_path / "local", to="video")

    class Stopped(BeamConversion):
        def write(self, work, shards, directory, progress):
            assert super().write(work, shards[:1], directory, progress)
            raise KeyboardInterrupt

    out, names = "shelf://bucket/out", sorted(contents(tmp_path / "local"))
    with pytest.raises(KeyboardInterrupt):
        convert(str(source), out, to="video", engine=Stopped(BeamOptions(options=IN_MEMORY)))
    assert sorted(contents(shelf)) == ["bucket/out/.converting/conversion.json", f"bucket/out/.converting/{names[0]}"]
    result = convert(str(source), out, to="video", engine=BeamConversion(BeamOptions(options=IN_MEMORY)))
    assert (result.num_kept, result.num_records, result.num_bytes) == (1, 32, local.num_bytes)
    assert contents(shelf / "bucket/out") == contents(tmp_path / "local")
    assert convert_on_beam(source, out, "--to", "video") == 2
    assert convert_on_beam(source, "shelf://bucket/npz", "--to", "npz") == 2
    used, npz = (line for line in capsys.readouterr().err.splitlines() if line.startswith("yt8m: "))
    assert used == "yt8m: shelf://bucket/out: exists; name a new or empty directory"
    assert npz.startswith("yt8m: shelf://bucket/npz: --to npz writes directories")
