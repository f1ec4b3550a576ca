"""What users get wrong: each is one line that names the file and the record, status 2, and nothing half-written."""

import contextlib
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from yt8m.commands import models
from yt8m.data.records import frame_level_record, framed, read_framing, video_level_record

HEADER_BYTES = 12


def records_of(path: Path) -> list[int]:
    """Where the records of a file begin."""
    content, offsets, position = path.read_bytes(), [], 0
    while position < len(content):
        offsets.append(position)
        position += HEADER_BYTES + struct.unpack("<Q", content[position : position + 8])[0] + 4
    return offsets


def frames(length: int = 6, **sizes: int) -> dict[str, np.ndarray]:
    return {name: np.zeros((length, size), np.uint8) for name, size in (sizes or {"rgb": 1024, "audio": 128}).items()}


def write(path: Path, *records: bytes) -> Path:
    path.write_bytes(b"".join(framed(record) for record in records))
    return path


GOOD = frame_level_record("good", [3], frames())


@pytest.fixture
def train_split(sample, tmp_path) -> Path:
    """A copy of the sample's training files, to be damaged."""
    return Path(shutil.copytree(sample / "2/frame/train", tmp_path / "train"))


@pytest.fixture
def train(yt8m, short_flags, tmp_path):
    """Runs `yt8m train frame_logistic` on some files."""

    def run(*paths, flags=()):
        data = ("--data.num-frames", "8", "--data.max-labels", "8", "--data.train", *paths)
        return yt8m("train", "frame_logistic", *short_flags, *data, "--run", tmp_path / "run", *flags)

    return run


def assert_refused(outcome, *parts) -> None:
    assert outcome.status == 2, outcome.err
    assert outcome.out == ""
    last = outcome.err.splitlines()[-1]
    assert "Traceback" not in outcome.err
    for part in parts:
        assert str(part) in last


def flip(path: Path, position: int) -> None:
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def test_a_truncated_shard(train, train_split, tmp_path):
    path = train_split / "train0001.tfrecord"
    offsets = records_of(path)
    os.truncate(path, offsets[-1] + 1000)
    assert_refused(train(train_split), f"{path}, record {len(offsets) - 1}: is cut off by the end of the file")
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


@pytest.mark.parametrize("length", [1, 11])
def test_a_shard_cut_off_within_a_header(train, train_split, length):
    """TensorFlow takes it for the end of the file."""
    path = train_split / "train0001.tfrecord"
    offsets = records_of(path)
    os.truncate(path, offsets[-1] + length)
    message = f"{path}, record {len(offsets) - 1}: its header is cut off by the end of the file, at byte"
    assert_refused(train(train_split), message, "--data.on-corrupt skip")


def test_a_flipped_byte(train, train_split):
    path = train_split / "train0000.tfrecord"
    flip(path, records_of(path)[4] + 5000)
    assert_refused(train(train_split), f"{path}, record 4: its data do not match their checksum")


@pytest.mark.thorough
def test_skipping_broken_records_trains_and_counts_them(train, train_split):
    first, second = (train_split / f"train000{index}.tfrecord" for index in (0, 1))
    flip(first, records_of(first)[4] + 5000)
    os.truncate(second, records_of(second)[-1] + 1000)
    outcome = train(train_split, flags=("--data.on-corrupt", "skip"))
    assert outcome.status == 0, outcome.err
    lost = "left out as broken: 1 record, the rest of 1 file from a broken record on"
    assert f"{lost}; the first: {first}, record 4: its data" in outcome.err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 2), (None, 1)])
def test_a_stop_that_a_library_takes_for_a_mistake_of_a_command_is_one(yt8m, monkeypatch, number, status):
    def recipes() -> int:
        """A command."""
        with contextlib.suppress(KeyboardInterrupt):
            if number:
                signal.raise_signal(number)
        raise ValueError("None values not supported.")

    monkeypatch.setattr(models, "recipes", recipes)
    outcome = yt8m("recipes")
    assert (outcome.status, outcome.err == "yt8m: stopped\n") == (status, status == 2)


def test_ctrl_c_while_the_commands_are_still_loaded(yt8m, monkeypatch):
    class Slow:
        def find_spec(self, name, path, target=None):
            if name == "yt8m.commands.running":
                signal.raise_signal(signal.SIGINT)

    monkeypatch.delitem(sys.modules, "yt8m.commands.running", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Slow(), *sys.meta_path])
    outcome = yt8m("recipes")
    assert (outcome.status, outcome.out, outcome.err) == (2, "", "yt8m: stopped\n")


@pytest.mark.slow
@pytest.mark.usefixtures("_preloaded")
def test_copies_of_usable_records_are_gone_when_the_process_is(train_split, short_flags, tmp_path):
    path = train_split / "train0000.tfrecord"
    flip(path, records_of(path)[4] + 5000)
    (tmp_path / "temporary").mkdir()
    command = [sys.executable, "-m", "yt8m", "train", "frame_logistic", *short_flags, "--training.num-steps", "1000000"]
    command += ["--data.train", str(train_split), "--data.on-corrupt", "skip", "--run", str(tmp_path / "run")]
    process = subprocess.Popen(
        command,
        env={**os.environ, "TMPDIR": str(tmp_path / "temporary")},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "temporary").glob("yt8m-salvaged-*/*.tfrecord")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list((tmp_path / "temporary").glob("yt8m-salvaged-*/*.tfrecord"))
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert (
        "stopped" in errors.splitlines()[-1]
    )  # at once, or after a step where the machine was slow to send the signal
    # Where Python may write what it compiles, it does so beside the code that TensorFlow generates there.
    assert [path.name for path in (tmp_path / "temporary").iterdir() if path.name != "__pycache__"] == []


def test_nothing_left_after_skipping(train, tmp_path):
    path = write(tmp_path / "a.tfrecord", frame_level_record("abcd", [99], frames()))
    outcome = train(path, flags=("--data.on-corrupt", "skip"))
    assert_refused(outcome, path, "no record can be used; left out as broken: 1 record; the first:")


def test_a_file_that_is_no_tfrecord(train, tmp_path):
    path = tmp_path / "notes.tfrecord"
    path.write_text("this is not a record\n" * 10)
    assert_refused(train(path), path, "not a TFRecord file")
    assert not (tmp_path / "run").exists()


def test_an_empty_file(train, train_split, tmp_path):
    path = tmp_path / "empty.tfrecord"
    path.write_bytes(b"")
    assert_refused(train(path), f"{path}: the file is empty")


@pytest.mark.thorough
def test_an_empty_file_among_others(train, train_split):
    path = train_split / "train0001.tfrecord"
    path.write_bytes(b"")
    assert_refused(train(train_split), f"{path}: the file is empty")
    outcome = train(train_split, flags=("--data.on-corrupt", "skip"))
    assert outcome.status == 0, outcome.err
    assert f"left out as broken: 1 whole file; the first: {path}: the file is empty" in outcome.err


@pytest.mark.thorough
def test_a_broken_first_file_can_be_left_out(train, train_split):
    path = train_split / "train0000.tfrecord"
    path.write_text("these are notes and no records\n")
    assert_refused(train(train_split), f"{path}: the file is not a TFRecord file", "--data.on-corrupt skip")
    outcome = train(train_split, flags=("--data.on-corrupt", "skip"))
    assert outcome.status == 0, outcome.err
    assert f"left out as broken: 1 whole file; the first: {path}: the file is not" in outcome.err


def test_a_glob_that_matches_nothing(train, tmp_path):
    assert_refused(train(tmp_path / "none*.tfrecord"), "none*.tfrecord: no file matches")
    assert not (tmp_path / "run").exists()


def test_records_of_the_wrong_level(train, yt8m, tiny_run, sample):
    data = sample / "2/video/train"
    message = f"{data / 'train0000.tfrecord'}, record 0: is a video-level record, frame-level was expected"
    assert_refused(train(data), message)
    assert_refused(yt8m("evaluate", "--run", tiny_run, "--data", data), message)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (frame_level_record("abcd", [3], frames(rgb=1000, audio=128)), "rgb frame 0 has 1000 bytes, not 1024"),
        (frame_level_record("abcd", [3], {**frames(), **frames(9, audio=128)}), "6 rgb and 9 audio frames"),
        (frame_level_record("abcd", [12], frames()), "label 12 is out of range"),
        (frame_level_record("abcd", [-1], frames()), "label -1 is out of range"),
        (video_level_record("abcd", [3], {"rgb": np.zeros(1024, np.float32)}), "is a video-level record"),
        (b"\xff\xff\xff", "is no tf.train.Example or SequenceExample"),
    ],
)
def test_a_record_among_good_ones_is_named(train, tmp_path, record, reason):
    path = write(tmp_path / "mixed.tfrecord", GOOD, GOOD, record, GOOD)
    assert_refused(train(path), f"{path}, record 2: ", reason)


@pytest.mark.thorough
def test_more_labels_than_there_is_room_for(train, tmp_path):
    path = write(tmp_path / "many.tfrecord", GOOD, frame_level_record("abcd", list(range(9)), frames()))
    assert_refused(train(path), f"{path}, record 1: has 9 labels, more than 8; raise --data.max-labels")
    outcome = train(path, flags=("--data.on-corrupt", "skip"))
    assert (outcome.status, "left out as broken: 1 record; " in outcome.err) == (0, True), outcome.err


def test_float_lists_at_frame_level(train, real_data):
    path = real_data / "odd" / "maxkelsen_vis_aud_test.tfrecord"
    flags = "--data.num-classes", "100"
    assert_refused(
        train(path, flags=flags), f"{path}, record ", ": audio holds floats; frame-level features are one bytes"
    )
    hint = "rgb has 1024 floats a frame, not 1024 bytes a frame; --data.features rgb:1024:float32 in training reads it"
    assert_refused(train(path, flags=(*flags, "--data.features", "rgb")), f"{path}, record 0: {hint}")


@pytest.mark.thorough
def test_a_run_directory_of_another_configuration(train, train_split):
    assert train(train_split).status == 0
    outcome = train(train_split, flags=("--model.l2", "0.5", "--training.seed", "5"))
    assert_refused(outcome, "another configuration", "model.l2 1e-08 there, 0.5 here", "training.seed 0 there, 5 here")


@pytest.mark.slow
def test_what_a_broken_validation_interrupts_is_kept(train, train_split, sample, tmp_path):
    """And gone on with once the records are mended: the steps are not done again."""
    validation = Path(shutil.copytree(sample / "2/frame/validate", tmp_path / "validate"))
    path = validation / "validate0000.tfrecord"
    intact = path.read_bytes()
    flip(path, records_of(path)[1] + 5000)
    flags = ("--data.validate", validation)
    assert_refused(train(train_split, flags=flags), f"{path}, record 1")
    assert list((tmp_path / "run" / "checkpoints").glob("ckpt-6.index"))
    path.write_bytes(intact)
    outcome = train(train_split, flags=flags)
    assert outcome.status == 0, outcome.err
    assert "going on after step 6 of 12" in outcome.err
    assert "validation at step 6" in outcome.err


def test_a_recipe_must_be_named(yt8m):
    assert_refused(yt8m("train"), "no recipe; write yt8m train RECIPE [flags]")


def test_a_run_directory_with_other_files(train, train_split, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("")
    assert_refused(train(train_split), "is a directory with other files")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("place", ["/dev/full/run", "/proc/run"])
def test_a_place_that_cannot_be_written(train, yt8m, tiny_run, train_split, place):
    outcome = train(train_split, flags=("--run", place))
    assert_refused(outcome, place)
    assert_refused(yt8m("predict", "--run", tiny_run, "--out", f"{place}/out.csv"), place, "cannot be written")


@pytest.mark.thorough
def test_a_failed_prediction_leaves_no_file(yt8m, tiny_run, tmp_path):
    path = write(tmp_path / "mixed.tfrecord", GOOD, frame_level_record("abcd", [3], frames(rgb=1000, audio=128)))
    (tmp_path / "old").mkdir()
    for directory in (tmp_path / "old", tmp_path / "new" / "newer"):
        outcome = yt8m("predict", "--run", tiny_run, "--data", path, "--out", directory / "submission.csv")
        assert_refused(outcome, f"{path}, record 1: ")
    assert sorted(tmp_path.iterdir()) == [path, tmp_path / "old"]
    assert list((tmp_path / "old").iterdir()) == []


@pytest.mark.thorough
def test_a_non_finite_loss_names_step_and_learning_rate(train, train_split):
    outcome = train(train_split, flags=("--training.learning-rate", "1e30", "--training.clip-norm", "0"))
    assert_refused(outcome, "the loss of step", "at learning rate 1e+30", "Try a lower --training.learning-rate")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["Id,Predictions", "abcd,3 0.5"], "line 1: the header is"),
        (["VideoId,LabelConfidencePairs", "abcd,3 0.5", "abcd,3 0.5"], "line 3:"),
        (["VideoId,LabelConfidencePairs", "abcd,3 nan"], "line 2:"),
        (["VideoId,LabelConfidencePairs", "abcd,5000 0.5"], "line 2:"),
        (["VideoId,LabelConfidencePairs", "abcd,3 0.1 4 0.5"], "line 2:"),
    ],
)
def test_a_broken_submission(yt8m, sample, tmp_path, lines, message):
    path = tmp_path / "broken.csv"
    path.write_text("\n".join(lines) + "\n")
    checked = yt8m("validate", path)
    assert (checked.status, checked.out) == (2, "")
    assert checked.err.startswith(f"{path}: {message}")
    assert len(checked.err.splitlines()) == 1
    assert_refused(yt8m("score", path, "--data", sample / "2/frame/validate"), path, message.split(":")[0])


@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_an_odd_submission_is_valid_and_warned_of(yt8m, tmp_path, flags):
    path = tmp_path / "odd.csv"
    path.write_text("VideoId,LabelConfidencePairs\nabcd,3 1.5\nefgh,\n")
    checked = yt8m("validate", path, *flags)
    assert (checked.status, len(checked.out.splitlines())) == (0, 1)
    first, second = checked.err.splitlines()
    assert first.startswith(f"{path}: remark: line 3: video 'efgh' has no predictions")
    assert second.startswith(f"{path}: remark: line 2: video 'abcd' has a score of 1.5")


def test_a_data_set_without_labels_cannot_be_scored(yt8m, tiny_run, sample):
    data = sample / "2/frame/test"
    assert_refused(yt8m("evaluate", "--run", tiny_run, "--data", data), data / "test0000.tfrecord", "label")


@pytest.mark.slow
def test_skipping_covers_validation_evaluation_and_prediction(train, yt8m, train_split, sample, tmp_path):
    validate = Path(shutil.copytree(sample / "2/frame/validate", tmp_path / "validate"))
    path = validate / "validate0000.tfrecord"
    flip(path, records_of(path)[2] + 5000)
    whole = len(records_of(path)) + len(records_of(validate / "validate0001.tfrecord"))
    lost = f"left out as broken: 1 record; the first: {path}, record 2: its data do not match their checksum"
    flags = ("--data.validate", validate, "--data.on-corrupt", "skip")
    outcome = train(train_split, flags=flags)
    assert outcome.status == 0, outcome.err
    assert "all records can be used" in outcome.err
    assert lost in outcome.err
    evaluated = yt8m("evaluate", "--run", tmp_path / "run", "--json")
    assert (evaluated.status, evaluated.json["num_videos"]) == (0, whole - 1)
    assert lost in evaluated.err
    predicted = yt8m("predict", "--run", tmp_path / "run", "--data", validate, "--out", tmp_path / "out.csv")
    assert (predicted.status, predicted.out) == (0, f"{tmp_path / 'out.csv'}: {whole - 1} videos, video task\n")
    assert lost in predicted.err


def test_a_damaged_configuration_is_named_once(yt8m, tmp_path):
    (tmp_path / "config.json").write_text('{"model": ')
    outcome = yt8m("evaluate", "--run", tmp_path)
    assert_refused(outcome, f"yt8m: {tmp_path / 'config.json'}: is not JSON")
    assert outcome.err.count("config.json") == 1


OUTPUTS = {
    "a page on a run's configuration": ["report", "RUN", "--data", "RECORDS", "--out", "RUN/config.json"],
    "a page on records": ["report", "RUN", "--data", "RECORDS", "--out", "RECORDS"],
    "a submission on weights": ["predict", "--run", "RUN", "--data", "RECORDS", "--out", "RUN/best/model.weights.h5"],
    "a submission on records": ["predict", "--run", "RUN", "--data", "RECORDS", "--out", "RECORDS"],
    "a mean on records": ["ensemble", "RUN", "--data", "RECORDS", "--out", "RECORDS"],
    "a picture on a run's curves": ["show", "ID", "--data", "RECORDS", "--run", "RUN", "--out", "RUN/curves.png"],
    "a picture on records": ["show", "ID", "--data", "RECORDS", "--out", "RECORDS"],
}


@pytest.mark.parametrize("words", OUTPUTS.values(), ids=OUTPUTS)
def test_no_output_replaces_what_is_read(words, yt8m, tiny_run, sample, tmp_path):
    records = tmp_path / "validate0000.png"  # `show` writes no other files
    shutil.copy(next((sample / "2/frame/validate").iterdir()), records)
    shutil.copytree(tiny_run, tmp_path / "run")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    first = tf.train.SequenceExample.FromString(next(read_framing(str(records))).data)
    video_id = first.context.feature["id"].bytes_list.value[0].decode()
    named = {"RUN": str(tmp_path / "run"), "RECORDS": str(records), "ID": video_id}
    outcome = yt8m(*(re.sub("RUN|RECORDS|^ID$", lambda found: named[found[0]], word) for word in words))
    assert outcome.status == 2
    assert re.search(
        r"is one of the files that are read; name|belongs to the run .*; name", outcome.err.splitlines()[-1]
    )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_what_submit_lacks_after_the_training_is_said_before_it(yt8m, sample, short_flags, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("yt8m.training.loop.train", lambda *_: pytest.fail("something is trained"))
    train, validate = sample / "2/video/train", sample / "2/video/validate"
    both = ("--data.train", train, "--data.validate", validate)
    for flags, message in (
        (both[:2], "no validate records, on which yt8m submit measures the run after the training; name them with"),
        (
            both,
            "no test records, on which yt8m submit predicts after the training; name them with --data.test PATH, or",
        ),
        ((*both, "--data.test", "none"), "none: no such file or directory"),
    ):
        outcome = yt8m("submit", "logistic", *short_flags, *flags, "--run", "runs/mine")
        assert (outcome.status, outcome.out) == (2, "")
        assert message in outcome.err
    Path("submissions").touch()
    outcome = yt8m("submit", "logistic", *short_flags, "--data.root", sample, "--run", "runs/mine")
    assert "submissions/mine.csv: cannot be written" in outcome.err
    assert not Path("runs").exists()


def test_inspection_ends_with_2_where_a_record_cannot_be_used(yt8m, sample, tmp_path):
    whole = next((sample / "2/video/test").glob("*.tfrecord")).read_bytes()
    (tmp_path / "a.tfrecord").write_bytes(whole)
    (tmp_path / "b.tfrecord").write_bytes(whole)
    outcome = yt8m("inspect", tmp_path)
    assert (outcome.status, outcome.err) == (0, ""), "videos that come twice can be used"
    assert f"{tmp_path / 'b.tfrecord'}, record 0: holds video" in outcome.out
    (tmp_path / "b.tfrecord").write_bytes(whole[:-3])
    assert yt8m("inspect", tmp_path, "--json").status == 2
