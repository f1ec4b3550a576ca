"""`yt8m profile`: what is measured, and what is said of it."""

import dataclasses
import time

import pytest
import tensorflow as tf
from small_runs import configure

from yt8m.commands import reports
from yt8m.data.engine.pieces import PieceFile
from yt8m.data.engine.records import LocalFile
from yt8m.data.opening import open_source
from yt8m.data.records import framed, read_framing
from yt8m.data.source import Source
from yt8m.diagnosing import profiling
from yt8m.diagnosing.profiling import Profile, Timing, profile
from yt8m.distribution.rates import ProductRates
from yt8m.errors import InputError, RecordError
from yt8m.progress import Messages
from yt8m.recipes import make_config
from yt8m.training.loop import train

STAGES = ["read", "input", "transfer", "compute", "loop"]


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(profiling, "NUM_ROUNDS", 1)
    monkeypatch.setattr(profiling, "WINDOW_SECONDS", 0.01)


def with_delay(records, seconds):
    """A disk that takes its time for every record."""

    def read(file, first=0):
        for found in records(file, first):
            in_a_run = isinstance(found, list)
            for record in found if in_a_run else [found]:
                time.sleep(seconds)
                yield [record] if in_a_run else record

    return read


@pytest.mark.slow
@pytest.mark.usefixtures("fast")
def test_a_starved_training_is_bound_by_its_input(sample, tmp_path, monkeypatch):
    """Eight records take 80 ms, the step of a model this small about one."""
    for kind, name in ((LocalFile, "records"), (PieceFile, "runs")):
        monkeypatch.setattr(kind, name, with_delay(getattr(kind, name), 0.01))
    found = profile(configure(tmp_path / "run", sample))
    assert found.bound == "input"
    for name in ("read", "input", "loop"):
        assert getattr(found.times, name) > 0.01, "a part of it, as batches may lie ready where the machine was busy"
    assert found.advice[0].flag == "--data.train", "two files, where eight could be read at a time"
    assert not (tmp_path / "run").exists(), "it writes nothing"


@pytest.mark.slow
def test_a_training_on_one_frame_of_each_video_is_bound_by_its_input(sample, tmp_path, monkeypatch):
    """All of a record of some 200 frames is read for one of them; the model is a product with a matrix of [128, 12]."""
    monkeypatch.setattr(profiling, "NUM_ROUNDS", 1)
    data = {"num_frames": 1}
    found = profile(configure(tmp_path / "run", sample, "frame_logistic", data=data, batch_size=64))
    assert found.bound == "input"


@pytest.mark.slow
@pytest.mark.usefixtures("fast")
def test_a_heavy_training_is_bound_by_its_computation(sample, tmp_path):
    """17 million weights, of which Adam keeps two more each, for eight videos of 128 numbers."""
    config = configure(tmp_path / "run", sample, "moe", {"num_mixtures": 16}, data={"num_classes": 3862})
    found = profile(config)
    assert found.bound == "compute"
    assert found.advice[0].flag in ("--training.precision", "--training.xla"), "the former where it has bfloat16"
    assert found.rates.float32 > 0
    assert found.rates.bfloat16 > 0


@pytest.mark.thorough
@pytest.mark.usefixtures("fast")
def test_every_stage_is_measured_and_a_trace_left_for_tensorboard(sample, tmp_path):
    told = Messages()
    trace = tmp_path / "new" / "trace"
    found = profile(configure(tmp_path / "run", sample), str(trace), told)
    assert list(found.timings) == STAGES
    for timing in found.timings.values():
        assert 0 < timing.least <= timing.median <= timing.most
    assert told.lines
    (written,) = trace.glob("plugins/profile/*/*.xplane.pb")
    assert b"step_num" in written.read_bytes()
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("fast")
def test_segments_and_their_videos(sample, tmp_path):
    data = {"train": (str(sample / "3/frame/validate"),), "segment_context": "video", "context_num_frames": 4}
    found = profile(configure(tmp_path / "run", sample, "frame_logistic", data=data))
    assert found.unit == "segments"
    assert "segments_per_second" in found.as_dict()["stages"]["input"]


def test_how_many_segments_come_of_a_record(sample):
    source = open_source(str(sample / "3/frame/validate"), level="segment", num_classes=12)
    num_records, num_segments = 0, 0
    for record in read_framing(source.files[0]):
        features = tf.train.SequenceExample.FromString(record.data).context.feature
        num_segments += len(set(features["segment_start_times"].int64_list.value))
        num_records += 1
    assert num_segments > num_records > 1
    assert profiling.segments_per_record(source) == num_segments / num_records


def test_a_broken_record_is_named_where_segments_are_counted(sample, tmp_path):
    whole = next((sample / "3/frame/validate").glob("*.tfrecord")).read_bytes()
    path = tmp_path / "a.tfrecord"
    path.write_bytes(whole + framed(b"no proto"))
    with pytest.raises(RecordError, match=r"is no tf\.train\.Example or SequenceExample"):
        profiling.segments_per_record(open_source(str(path)))


@pytest.mark.slow
@pytest.mark.usefixtures("fast")
def test_a_teacher_that_computes(sample, tmp_path):
    teacher = configure(tmp_path / "teacher", sample, "frame_logistic", num_steps=1)
    train(teacher)
    config = configure(tmp_path / "run", sample, "frame_logistic")
    config = dataclasses.replace(config, distill=dataclasses.replace(config.distill, teacher=teacher.run))
    assert list(profile(config).timings) == STAGES


@pytest.mark.thorough
@pytest.mark.usefixtures("fast")
def test_fewer_videos_than_a_batch_come_again(sample, tmp_path):
    data = {"fold": "0/2", "shuffle_buffer": 1}
    found = profile(configure(tmp_path / "run", sample, data=data, batch_size=100))
    assert found.config.training.batch_size == 100
    assert list(found.timings) == STAGES


@pytest.mark.usefixtures("fast")
def test_what_is_wrong_with_records_is_told_by_their_place(sample, tmp_path):
    whole = (sample / "2/video/train/train0000.tfrecord").read_bytes()
    broken = tmp_path / "broken.tfrecord"
    broken.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    with pytest.raises(RecordError, match=r"broken\.tfrecord, record 0: its data do not match their checksum"):
        profile(configure(tmp_path / "run", sample, data={"train": (str(broken),)}))


def test_a_trace_that_cannot_be_written_is_refused_before_the_work(sample, tmp_path, monkeypatch):
    monkeypatch.setattr(profiling, "_measure_parts", lambda *arguments: pytest.fail("it was measured"))
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="cannot be made"):
        profile(configure(tmp_path / "run", sample), str(file / "trace"))


def made_up(devices, **milliseconds) -> Profile:
    timings = {name: Timing(1.5, each / 1e3, each / 2e3, each / 500) for name, each in milliseconds.items()}
    source = Source(("a", "b"), "frame", ("rgb",))
    rates = ProductRates(2e11, 5e11) if devices == ("CPU:0",) else None
    return Profile(make_config("netvlad"), source, devices, timings, "", rates)


def test_the_report_of_a_device_with_memory_of_its_own():
    found = made_up(("GPU:0", "GPU:1"), read=10.0, input=20.0, transfer=4.0, compute=160.0, loop=200.0)
    header, *rows, start, blank, verdict, first, _, _, last = reports.profiled(found).splitlines()
    assert header.split() == ["stage", "videos/s", "ms", "a", "step", "least", "to", "most", "share"]
    assert [row.split()[:7] for row in rows] == [
        # batches of 80
        ["read", "8,000", "10.00", "5.00", "to", "20.00", "5"],
        ["input", "4,000", "20.00", "10.00", "to", "40.00", "10"],
        ["transfer", "20,000", "4.00", "2.00", "to", "8.00", "2"],
        ["compute", "500", "160.00", "80.00", "to", "320.00", "80"],
        ["loop", "400", "200.00", "100.00", "to", "400.00", "100"],
    ]
    assert start.startswith("steps of 80 videos on GPU:0, GPU:1; before the first, 1.5 s to fill the buffers and 1.3 s")
    assert not blank
    assert verdict == "bound by compute: of a step's 200.00 ms, the computation alone takes 80 %, the input alone 10 %"
    assert first.startswith("  --training.precision mixed_bfloat16 (now float32): ")
    assert last == "  --data.num-frames 150 (now 300): less to compute"


def test_the_report_of_a_cpu_which_copies_nothing():
    lines = reports.profiled(
        made_up(("CPU:0",), read=9.0, input=90.0, transfer=0.1, compute=9.0, loop=100.0)
    ).splitlines()
    assert lines[3].split() == ["transfer", *"----", "nothing", "is", "copied:", "the", "device", "is", "the", "CPU"]
    assert lines[7] == "matrix products: 200 GFLOP/s in float32, 500 in bfloat16"
    assert lines[9].startswith("bound by input: ")
    assert lines[9].endswith("; the same cores do both")


def test_the_report_of_a_machine_that_other_work_slowed_down():
    times = {"read": 10.0, "input": 20.0, "transfer": 4.0, "loop": 100.0}
    quiet, busy = (reports.profiled(made_up(("GPU:0",), **times, compute=compute)) for compute in (100.0, 200.0))
    assert "measure again" in busy
    assert "measure again" not in quiet


def test_plain_values_of_the_measurement():
    found = made_up(("CPU:0",), read=10.0, input=20.0, transfer=4.0, compute=160.0, loop=200.0).as_dict()
    assert found["stages"]["compute"] == {
        "videos_per_second": 500.0,
        "milliseconds_a_step": 160.0,
        "least_milliseconds": 80.0,
        "most_milliseconds": 320.0,
        "share": 0.8,
    }
    assert (found["recipe"], found["batch_size"], found["bound_by"]) == ("netvlad", 80, "compute")
    assert (found["compile_seconds"], found["first_batch_seconds"]) == (1.34, 1.5)
    assert found["advice"][0]["flag"] == "--training.precision"
    assert found["operations_per_second"] == {"float32": 2e11, "bfloat16": 5e11}
    assert found["plausible"]
    assert found["trace"] is None
