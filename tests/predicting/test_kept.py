"""Predictions that are kept: used again for the same records, and for no others."""

import dataclasses
import os
import shutil
from pathlib import Path

import pytest
from trained_runs import FRAMES, trained

from yt8m.config import to_dict
from yt8m.data.tools.synthetic import synthesise
from yt8m.errors import InputError
from yt8m.files import write_json
from yt8m.predicting import StoredPredictions, kept, run_predictions
from yt8m.predicting.ensembling import ensemble
from yt8m.predicting.prediction import predict
from yt8m.predicting.run_predictions import RunPredictions
from yt8m.predicting.selection import Selection
from yt8m.progress import Messages
from yt8m.runs import load_config
from yt8m.scoring.scorer import Scorer
from yt8m.submission import read_video_submission

TEST = "2/video/test"


@pytest.fixture(scope="module")
def trained_once(once_trained) -> str:
    return once_trained(model="logistic", records="2/video/train")


@pytest.fixture
def run(trained_once, tmp_path) -> str:
    """A run in which no predictions are kept yet."""
    return str(shutil.copytree(trained_once, tmp_path / "run"))


@pytest.fixture
def data(sample, tmp_path) -> Path:
    """Records without labels; `exchange` puts others of the same names and sizes in their place."""
    return Path(shutil.copytree(sample / TEST, tmp_path / "data"))


@pytest.fixture(scope="module")
def others(sample, tmp_path_factory) -> Path:
    """Records of the same names and sizes as those of the sample, of other videos."""
    directory = tmp_path_factory.mktemp("others") / "data"
    synthesise(directory, num_videos=64, num_classes=12, num_shards=2, seed=5)
    sizes = [[path.stat().st_size for path in sorted((root / TEST).iterdir())] for root in (sample, directory)]
    assert sizes[0] == sizes[1]
    return directory / TEST


def exchange(data: Path, others: Path, same_time: bool) -> None:
    """Puts other records where some were, with or without their time of change."""
    for path in data.iterdir():
        before = path.stat().st_mtime_ns
        path.write_bytes((others / path.name).read_bytes())
        os.utime(path, ns=(0, before if same_time else before + 1000))


def videos_of(submission: Path) -> list[str]:
    return [row.video_id for row in read_video_submission(submission, 12)]


def test_a_data_set_of_the_same_names_and_sizes_is_another_one(run, sample, others, tmp_path):
    for name, data in (("one", sample / TEST), ("other", others), ("again", sample / TEST)):
        ensemble([run], tmp_path / name, data=[str(data)])
    assert set(videos_of(tmp_path / "one")).isdisjoint(videos_of(tmp_path / "other"))
    assert (tmp_path / "again").read_bytes() == (tmp_path / "one").read_bytes()
    assert len(list(Path(run, "predictions").iterdir())) == 2


@pytest.mark.parametrize("same_time", [True, False], ids=["same time", "changed"])
def test_records_that_are_exchanged_are_predicted_again(run, data, others, tmp_path, same_time):
    told = Messages()
    ensemble([run], tmp_path / "before.csv", data=[str(data)])
    exchange(data, others, same_time)
    ensemble([run], tmp_path / "after.csv", data=[str(data)], progress=told)
    ensemble([run], tmp_path / "expected.csv", data=[str(others)])
    assert (tmp_path / "after.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()
    assert videos_of(tmp_path / "after.csv") != videos_of(tmp_path / "before.csv")
    assert len(list(Path(run, "predictions").iterdir())) == 2, "those of the records that are gone are removed"
    assert any(("with other ids than" if same_time else "that have changed since") in line for line in told.lines)


@pytest.mark.parametrize("same_time", [True, False], ids=["same time", "changed"])
def test_an_interrupted_prediction_does_not_go_on_with_other_records(run, data, others, tmp_path, same_time):
    left = RunPredictions(run, [str(data)], selection=Selection(top_k=20, precision="float32"))
    left.store(tmp_path / ".out.csv.predictions" / "own")
    exchange(data, others, same_time)
    predict(run, [str(data)], tmp_path / "out.csv")
    predict(run, [str(others)], tmp_path / "expected.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "expected.csv").read_bytes()


@pytest.mark.parametrize(
    ("same_time", "message"),
    [
        (True, "was made from records with other ids than .*test0000.tfrecord holds now"),
        (False, "has been changed since"),
    ],
    ids=["same time", "changed"],
)
def test_stored_predictions_of_other_records_are_refused(run, data, others, tmp_path, same_time, message):
    predict(run, [str(data)], None, stored=tmp_path / "stored")
    predict(run, [str(data)], None, stored=tmp_path / "stored")
    exchange(data, others, same_time)
    with pytest.raises(InputError, match=f"stored: .*{message}.*; give another directory, or remove it"):
        predict(run, [str(data)], None, stored=tmp_path / "stored")


def test_the_parts_of_other_ids_alone_are_made_again(run, data, others, tmp_path, monkeypatch):
    monkeypatch.setattr(run_predictions, "PART_BYTES", 1)
    RunPredictions(run, [str(data)]).store(tmp_path / "stored")
    second = sorted(data.iterdir())[1]
    before = second.stat().st_mtime_ns
    second.write_bytes((others / second.name).read_bytes())
    os.utime(second, ns=(0, before))
    read, scored = Scorer.scores, []

    def scores(scorer, source, *arguments, **options):
        scored.extend(source.files)
        return read(scorer, source, *arguments, **options)

    monkeypatch.setattr(Scorer, "scores", scores)
    stored = RunPredictions(run, [str(data)]).store(tmp_path / "stored", replace=True)
    assert scored == [str(second)]
    expected = RunPredictions(run, [str(others)]).store(tmp_path / "expected")
    assert stored.digests[1:] == expected.digests[1:]
    assert stored.digests[0] != expected.digests[0]


def test_a_part_of_other_rows_than_are_listed_is_refused(run, sample, others, tmp_path):
    for name, data in (("one", sample / TEST), ("other", others)):
        predict(run, [str(data)], None, stored=tmp_path / name)
    shutil.copy(tmp_path / "other/parts/00000.npz", tmp_path / "one/parts/00000.npz")
    with pytest.raises(InputError, match=r"one/parts/00000.npz: has other rows than predictions.json lists for it"):
        ensemble([tmp_path / "one"], tmp_path / "out.csv")


def test_predictions_of_earlier_weights_are_removed(run, sample, tmp_path):
    ensemble([run], tmp_path / "out.csv", data=[str(sample / TEST)])
    other = trained(tmp_path / "other", sample, "logistic", "2/video/validate")
    shutil.copy(Path(other, "best/model.weights.h5"), Path(run, "best/model.weights.h5"))
    told = Messages()
    ensemble([run], tmp_path / "out.csv", data=[str(sample / TEST)], progress=told)
    assert len(list(Path(run, "predictions").iterdir())) == 1
    assert "of weights or records that have changed since" in told.lines[-1]


def test_so_many_sets_are_kept(run, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "MOST_KEPT", 2)
    (Path(run) / "predictions").mkdir()
    (Path(run) / "predictions" / "notes").mkdir()
    first, second = sorted(map(str, (sample / TEST).iterdir()))
    found = []
    for number, data in enumerate(([first], [second], [first], [first, second])):
        ensemble([run], tmp_path / "out.csv", data=data)
        made = kept.kept_in_run(RunPredictions(run, data))
        os.utime(made, (number, number))
        found.append(made)
    there = {path.name for path in Path(run, "predictions").iterdir()}
    assert there == {"notes", found[2].name, found[3].name}, "the one that was used again stays"


@pytest.mark.parametrize(
    ("field", "value"), [("prediction_sampling", "consecutive"), ("prediction_num_frames", 7), ("max_frames", 20)]
)
def test_folds_that_show_frames_otherwise_do_not_predict_together(run, sample, tmp_path, field, value):
    config = load_config(run)
    for index in range(2):
        data = dataclasses.replace(config.data, fold=f"{index}/2", **({field: value} if index else {}))
        write_json(tmp_path / f"fold-{index}" / "config.json", to_dict(dataclasses.replace(config, data=data)))
    message = rf"fold-0 and the other folds differ in data\.{field}; train them alike"
    with pytest.raises(InputError, match=message):
        RunPredictions([str(tmp_path / "fold-0"), str(tmp_path / "fold-1")], [str(sample / FRAMES)])


def test_an_index_that_changed_makes_other_predictions(run, sample, tmp_path):
    index, runs = tmp_path / "index.csv", [str(tmp_path / f"fold-{part}") for part in "ab"]
    index.write_text("id,part\nx,a\ny,b\n")
    config = load_config(run)
    for part, directory in zip("ab", runs, strict=True):
        shutil.copytree(run, directory)
        data = dataclasses.replace(config.data, fold=f"{index}:{part}")
        write_json(Path(directory, "config.json"), to_dict(dataclasses.replace(config, data=data)))
    before = kept.kept_in_run(RunPredictions(runs, [str(sample / TEST)]))
    assert kept.kept_in_run(RunPredictions(runs, [str(sample / TEST)])) == before
    index.write_text("id,part\nx,b\ny,a\n")
    assert kept.kept_in_run(RunPredictions(runs, [str(sample / TEST)])) != before


def test_what_a_run_keeps_is_not_written_over(run, sample):
    with pytest.raises(InputError, match="belongs to the run"):
        predict(run, [str(sample / FRAMES)], Path(run, "predictions", "out.csv"))


def test_damaged_lists_of_parts_are_left_alone(run, sample, tmp_path):
    ensemble([run], tmp_path / "out.csv", data=[str(sample / TEST)])
    (place,) = Path(run, "predictions").iterdir()
    (place / "predictions.json").write_text("{")
    ensemble([run], tmp_path / "out.csv", data=[str(sample / FRAMES)])
    assert place.is_dir()
    with pytest.raises(InputError, match="is not JSON"):
        StoredPredictions(place)
