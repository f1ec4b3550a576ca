"""The verdict and the advice, from times made by hand."""

import dataclasses

import pytest
from small_runs import configure

from yt8m.commands.arguments import parse
from yt8m.data.source import Source
from yt8m.diagnosing.bottleneck import StepTimes, advise, bound_by
from yt8m.distribution.rates import ProductRates
from yt8m.recipes import make_config

STARVED = StepTimes(read=0.09, input=0.1, transfer=0.0, compute=0.01, loop=0.1)
PARSING = StepTimes(read=0.02, input=0.1, transfer=0.0, compute=0.01, loop=0.1)
COPYING = StepTimes(read=0.01, input=0.02, transfer=0.1, compute=0.01, loop=0.1)
HEAVY = StepTimes(read=0.01, input=0.01, transfer=0.0, compute=0.1, loop=0.1)
EVEN = StepTimes(read=0.02, input=0.05, transfer=0.0, compute=0.05, loop=0.1)
FRAMES = Source(tuple(f"train{number}.tfrecord" for number in range(20)), "frame", ("rgb",))


def flags(times, config, source):
    return [advice.flag for advice in advise(times, config, source)]


def of(flag, times, config, source):
    return next(advice for advice in advise(times, config, source) if advice.flag == flag)


def changed(config, section, **values):
    return dataclasses.replace(config, **{section: dataclasses.replace(getattr(config, section), **values)})


@pytest.mark.parametrize(
    ("milliseconds", "bound"),
    [
        # input, transfer, compute, loop
        ((100, 1, 20, 100), "input"),  # side by side: the device waits four fifths of the time
        ((20, 1, 100, 100), "compute"),  # side by side: the input is hidden
        ((80, 0, 20, 100), "input"),  # one after the other, on the same cores
        ((20, 0, 80, 100), "compute"),
        ((50, 0, 50, 100), "balanced"),  # the same cores: half the time each
        ((50, 1, 50, 52), "balanced"),  # side by side: neither can gain alone
        ((55, 0, 45, 100), "balanced"),
        ((5, 60, 10, 61), "input"),  # copying to the device is what takes long
        ((60, 5, 39, 100), "input"),  # a lead of 21 % of the step
        ((60, 5, 41, 100), "balanced"),  # of 19 %
        ((41, 5, 60, 100), "balanced"),
        ((39, 5, 60, 100), "compute"),
        ((1, 0, 300, 150), "compute"),  # another load came and went while the parts were measured
    ],
)
def test_what_the_loop_waits_for(milliseconds, bound):
    whole, transfer, compute, loop = milliseconds
    assert bound_by(StepTimes(read=0, input=whole, transfer=transfer, compute=compute, loop=loop)) == bound


@pytest.mark.parametrize(
    ("milliseconds", "plausible"),
    [((100, 1, 100, 100), True), ((120, 1, 20, 100), True), ((1, 1, 130, 100), False), ((1, 130, 1, 100), False)],
)
def test_no_part_can_take_longer_than_all_together(milliseconds, plausible):
    whole, transfer, compute, loop = milliseconds
    assert StepTimes(read=0, input=whole, transfer=transfer, compute=compute, loop=loop).plausible == plausible


def test_slow_reading_is_for_files_and_readers():
    config = make_config("netvlad")
    found = flags(STARVED, config, FRAMES)
    assert found == ["--data.parallel-files", "--data.no-deterministic", "--data.num-frames", "--data.service"]
    files = of("--data.parallel-files", STARVED, config, FRAMES)
    assert (files.present, files.value) == ("8", "16")
    few = changed(config, "data", parallel_files=16, deterministic=False)
    assert of("--data.parallel-files", STARVED, few, FRAMES).value == "20", "there are no more files"
    assert "--data.no-deterministic" not in flags(STARVED, few, FRAMES)


def test_a_service_that_cannot_keep_up_needs_workers():
    config = changed(make_config("netvlad"), "data", service="reader0:5050")
    assert flags(STARVED, config, FRAMES) == ["--data.num-frames", "yt8m data-service --role worker --dispatcher"]
    assert of("yt8m data-service --role worker --dispatcher", STARVED, config, FRAMES).value == "reader0:5050"


def test_fewer_files_than_are_read_at_a_time():
    two = dataclasses.replace(FRAMES, files=("a", "b"))
    advice = of("--data.train", STARVED, make_config("netvlad"), two)
    assert (advice.present, advice.value) == ("2 files", "MORE-FILES")
    assert "8 files" in advice.reason
    one = dataclasses.replace(FRAMES, files=("a",))
    assert of("--data.train", STARVED, make_config("netvlad"), one).present == "1 file"


def test_records_behind_a_network():
    remote = dataclasses.replace(FRAMES, files=tuple(f"gs://bucket/{name}" for name in FRAMES.files))
    first = advise(STARVED, make_config("netvlad"), remote)[0]
    assert (first.flag, first.present) == ("--data.train", "gs://")


def test_slow_parsing_is_for_fewer_frames_first():
    config = make_config("netvlad")
    frames = advise(PARSING, config, FRAMES)[0]
    assert (frames.flag, frames.present, frames.value) == ("--data.num-frames", "300", "150")
    every = changed(config, "data", num_frames=0, max_frames=360)
    frames = advise(PARSING, every, FRAMES)[0]
    assert (frames.present, frames.value) == ("0: all, up to 360", "180")
    assert "--data.num-frames" not in flags(PARSING, changed(config, "data", num_frames=5), FRAMES)


def test_slow_copying_is_for_fewer_frames_alone():
    assert flags(COPYING, make_config("netvlad"), FRAMES) == ["--data.num-frames"]


def test_video_level_models_show_no_frames():
    videos = dataclasses.replace(FRAMES, level="video")
    for times in (STARVED, PARSING, HEAVY, EVEN):
        assert "--data.num-frames" not in flags(times, make_config("moe"), videos)
    means = dataclasses.replace(FRAMES, as_means=True)
    first = advise(PARSING, make_config("moe"), means)[0]
    assert (first.flag, first.value, first.present) == ("--data.train", "VIDEO-LEVEL-RECORDS", "train0.tfrecord")


def test_segments_show_frames_of_their_video():
    config = make_config("transformer_segments")
    segments = dataclasses.replace(FRAMES, level="segment", context="video")
    context = of("--data.context-num-frames", HEAVY, config, segments)
    assert (context.present, context.value) == ("30", "15")
    assert "--data.num-frames" not in flags(HEAVY, config, segments)


def test_slow_computation():
    config = make_config("netvlad")
    found = flags(HEAVY, config, FRAMES)
    assert found == ["--training.precision", "--training.xla", "--training.batch-size", "--data.num-frames"]
    batch = of("--training.batch-size", HEAVY, config, FRAMES)
    assert (batch.present, batch.value) == ("80", "160")
    quick = changed(config, "training", precision="mixed_bfloat16", xla=True)
    assert flags(HEAVY, quick, FRAMES) == ["--training.batch-size", "--data.num-frames"]
    synchronised = changed(config, "training", synchronised_batch_normalisation=True)
    assert "--training.xla" not in flags(HEAVY, synchronised, FRAMES), "they exclude each other"


@pytest.mark.parametrize(
    ("bfloat16", "present", "advised"),
    [
        (5e11, "float32", "mixed_bfloat16"),
        (2.2e11, "float32", None),  # other work would eat the gain
        (2.2e11, "mixed_bfloat16", None),
        (5e10, "float32", None),
        (5e10, "mixed_bfloat16", "float32"),
    ],
)
def test_the_precision_follows_what_the_processor_does(bfloat16, present, advised):
    config = changed(make_config("netvlad"), "training", precision=present)
    found = [each for each in advise(HEAVY, config, FRAMES, ProductRates(2e11, bfloat16)) if "precision" in each.flag]
    assert [(each.value, each.present) for each in found] == ([(advised, present)] if advised else [])
    assert all("200 GFLOP/s in float32" in each.reason for each in found)


@pytest.mark.parametrize(("pieces", "value"), [(2, "1"), (4, "2"), (5, "1"), (15, "5")])
def test_fewer_pieces_of_a_batch_that_are_still_equal(pieces, value):
    config = changed(make_config("netvlad"), "training", batch_size=60, gradient_accumulation=pieces)
    advice = of("--training.gradient-accumulation", HEAVY, config, FRAMES)
    assert (advice.present, advice.value) == (str(pieces), value)


def test_a_teacher_that_computes_in_every_step(tmp_path):
    stored = tmp_path / "teacher.csv"
    stored.touch()
    config = make_config("netvlad")
    taught, from_file = (changed(config, "distill", teacher=str(path)) for path in (tmp_path, stored))
    assert of("--distill.teacher", HEAVY, taught, FRAMES).present == str(tmp_path)
    assert "--distill.teacher" not in flags(HEAVY, from_file, FRAMES)
    segments = dataclasses.replace(FRAMES, level="segment")
    assert "--distill.teacher" not in flags(HEAVY, taught, segments), "a file has no segments"


def test_something_for_each_side_where_neither_leads():
    assert flags(EVEN, make_config("netvlad"), FRAMES) == [
        *("--data.num-frames", "--data.parallel-files"),
        *("--training.precision", "--training.xla"),
    ]


@pytest.mark.parametrize("times", [STARVED, PARSING, HEAVY], ids=["starved", "parsing", "heavy"])
def test_what_is_advised_can_be_typed_and_changes_something(times, tmp_path):
    config = configure(tmp_path / "run", tmp_path, "dbof", batch_size=6, gradient_accumulation=3)
    typed = [
        [advice.flag, advice.value] if advice.value else [advice.flag]
        for advice in advise(times, config, FRAMES)
        if not advice.value.isupper()
    ]
    assert typed
    for arguments in typed:
        assert parse(type(config), arguments, "yt8m train dbof", default=config) != config
