"""What evaluation says beside the metrics."""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from fenced import REPOSITORY, blocks_of
from trained_runs import FRAMES, trained

from yt8m import runs
from yt8m.data import survey
from yt8m.data.records import frame_level_record, framed
from yt8m.errors import InputError
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.progress import Messages
from yt8m.scoring.evaluation import evaluate
from yt8m.training.loop import train


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory) -> str:
    return trained(tmp_path_factory.mktemp("run") / "run", sample, validate=(str(sample / FRAMES),))


def test_labels_that_the_run_does_far_worse_on_are_told(run, sample, tmp_path):
    """As those of another vocabulary do; the run's own validation is what it should give."""
    other = tmp_path / "other.tfrecord"
    generator = np.random.default_rng(0)
    rows = [generator.integers(0, 256, (5, 128), np.uint8) for _ in range(8)]
    other.write_bytes(
        b"".join(framed(frame_level_record(f"v{index}", [11], {"audio": each})) for index, each in enumerate(rows))
    )
    lines = Messages()
    own = runs.best_metrics(run)["gap"]
    found = evaluate(run, [str(other)], progress=lines)["gap"]
    assert found < own / 2, "the case is one"
    assert lines.lines == [
        f"{run}: GAP {found:.4f} here, {own:.4f} in the run's own validation; are these labels of the same vocabulary, of 12 "
        "classes?"
    ]


def test_labels_that_it_does_well_on_are_not(run, sample):
    lines = Messages()
    evaluate(run, [str(sample / FRAMES)], progress=Messages())
    evaluate(run, progress=lines)
    assert lines.lines == []


def test_a_watcher_of_one_s_own_as_the_documentation_has_it(run, monkeypatch, capsys):
    (example,) = [block for block in blocks_of(REPOSITORY / "docs" / "python.md") if block.language == "python"]
    monkeypatch.chdir(Path(run).parent)
    assert example.text.count('"runs/sample"') == 1
    exec(compile(example.text.replace("runs/sample", run), str(example), "exec"), {})
    assert capsys.readouterr().out == f"evaluating: {runs.best_metrics(run)['num_videos']} videos\n"


def test_records_without_labels_are_refused(run, tmp_path):
    path = tmp_path / "test.tfrecord"
    path.write_bytes(framed(frame_level_record("a", None, {"audio": np.zeros((5, 128), np.uint8)})))
    with pytest.raises(InputError, match="its records have no labels and evaluation needs them"):
        evaluate(run, [str(path)])


def test_advice_is_of_evaluation_and_of_training_each_for_itself(run, sample, tmp_path):
    """Neither names a flag that the command has not."""
    frames = {"audio": np.zeros((5, 128), np.uint8)}
    path = tmp_path / "a.tfrecord"
    path.write_bytes(framed(frame_level_record("a", [12], frames)))
    reason = f"{path}, record 0: label 12 is out of range; the 12 classes go from 0 to 11, this one needs 13 or more"
    config = runs.load_config(run)
    data = dataclasses.replace(config.data, root="", train=(str(path),), validate=())
    config = dataclasses.replace(config, run=str(tmp_path / "new"), data=data)
    assert (
        refusal(evaluate, run, [str(path)]) == f"{reason}; another run is needed, trained with that --data.num-classes"
    )
    assert refusal(train, config) == f"{reason}; raise --data.num-classes"
    path.write_bytes(framed(frame_level_record("a", [1], frames)))
    empty = tmp_path / "b.tfrecord"
    empty.write_bytes(b"")
    data = dataclasses.replace(data, train=(str(path), str(empty)))
    reason = f"{empty}: the file is empty; fetch it again, or leave it out"
    assert refusal(evaluate, run, [str(path), str(empty)]) == reason
    assert refusal(train, dataclasses.replace(config, data=data)) == f"{reason} with --data.on-corrupt skip"


def test_best_weights_that_are_gone_are_said_to_be(run, sample, tmp_path):
    copy = shutil.copytree(run, tmp_path / "run")
    shutil.rmtree(copy / "best")
    gone = f"{copy}: best/model.weights.h5 is gone"
    assert refusal(evaluate, copy) == f"{gone}; the same `yt8m train` command restores it"
    shutil.rmtree(copy / "checkpoints")
    assert refusal(evaluate, copy) == f"{gone}; train it anew"


def refusal(work, *arguments) -> str:
    with pytest.raises(InputError) as caught:
        work(*arguments)
    return str(caught.value)


def test_videos_that_are_cut_off_are_counted_once_all_were_read(run, sample, tmp_path, monkeypatch):
    """Where the look before saw some records alone; else it has told how many."""
    monkeypatch.setattr(survey, "MOST_BYTES", 1000)
    generator = np.random.default_rng(0)
    path = tmp_path / "long.tfrecord"
    lengths = [10, 301, 20, 305, 300]
    records = [
        frame_level_record(f"v{length}", [1], {"audio": generator.integers(0, 256, (length, 128), np.uint8)})
        for length in lengths
    ]
    path.write_bytes(b"".join(map(framed, records)))
    lines = Messages()
    evaluate(run, [str(path)], progress=lines)
    assert (
        f"{path}: 2 videos of all have more than 300 frames and were cut off there; --data.max-frames in training keeps more"
        in lines.lines
    )
    lines.lines.clear()
    RunPredictions(run, [str(path)], progress=lines).store(tmp_path / "stored")
    assert sum("2 videos of all have more than 300 frames" in line for line in lines.lines) == 1
    monkeypatch.undo()
    survey._survey.cache_clear()
    lines.lines.clear()
    RunPredictions(run, [str(path)], progress=lines).store(tmp_path / "again")
    assert [line for line in lines.lines if "300 frames" in line] == [
        f"{path}: 2 of 5 records have more than 300 frames, up to 305, and are cut off there; --data.max-frames 305 in training "
        "keeps them"
    ]
