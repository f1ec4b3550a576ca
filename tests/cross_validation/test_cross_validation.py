"""`yt8m train --folds`: all folds, their out-of-fold predictions scored as a whole, and their ensemble."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from small_runs import Watcher, assert_same_state, configure

from yt8m.cli import main
from yt8m.commands import reports
from yt8m.cross_validation import training
from yt8m.cross_validation.directory import check_folds
from yt8m.cross_validation.training import combine_folds, train_folds
from yt8m.data.folds import membership
from yt8m.data.labels import open_labelled, read_labels
from yt8m.data.schema import Fold
from yt8m.errors import InputError
from yt8m.metrics import global_average_precision
from yt8m.metrics.logits import probability
from yt8m.predicting import StoredPredictions
from yt8m.predicting.scoring import score
from yt8m.progress import Messages
from yt8m.runs import best_metrics, load_config
from yt8m.training.loop import train

COUNT = 2


@pytest.fixture(scope="module")
def config(sample, tmp_path_factory):
    """Folds of six steps on video-level records, with validation records for the ensemble."""
    return configure(tmp_path_factory.mktemp("folds") / "cv", sample, validate=True, checkpoint_every_steps=3)


@pytest.fixture(scope="module")
def trained(config):
    """The folds, stopped in the second one and gone on with, and what they made together."""
    folds = []

    class Stopping(Watcher):
        def message(self, text):
            folds.append(text)

        def stop_requested(self):
            return len(folds) > 1 and self.step == 4

    watcher = Stopping()
    stopped = train_folds(config, COUNT, watcher, watcher.stop_requested)
    assert (stopped.outcome, len(stopped.folds)) == ("stopped", 2)
    assert [fold.step for fold in stopped.folds] == [6, 4]
    done = train_folds(config, COUNT)
    assert done.outcome == "done"
    return combine_folds(config, done, Messages())


def predicted(directory):
    """The scores of each video, by id and class; the best classes only are stored."""
    stored = StoredPredictions(directory)
    return {
        video: part.dense(stored.description, np.arange(12))[row]
        for part in stored.parts()
        for row, video in enumerate(part.ids.tolist())
    }


@pytest.mark.thorough
def test_a_fold_is_the_run_that_the_flag_alone_makes(trained, config, tmp_path):
    data = dataclasses.replace(config.data, fold="1/2", validate=())
    alone = dataclasses.replace(config, run=str(tmp_path / "alone"), data=data)
    train(alone)
    assert_same_state(alone.run, f"{config.run}/fold1")
    assert load_config(f"{config.run}/fold0").data.fold == "0/2"


def test_each_video_is_predicted_by_the_fold_that_left_it_out(trained, config):
    found = predicted(f"{config.run}/out_of_fold")
    labels = read_labels(open_labelled(config.data.train, "video", 12, Messages()))
    assert {video.decode() for video in found} == labels.keys()
    for index in range(COUNT):
        left_out = membership(Fold(index, COUNT), held_out=True)
        own = [video for video in found if left_out(video)]
        scores = np.array([probability(found[video]) for video in own])
        present = np.zeros(scores.shape, bool)
        for row, video in enumerate(own):
            present[row, labels[video.decode()]] = True
        expected = best_metrics(f"{config.run}/fold{index}")
        assert global_average_precision(scores, present) == pytest.approx(expected["gap"], abs=2e-3), (
            "stored as float16"
        )
        assert len(own) == expected["num_videos"]


def test_all_are_scored_as_a_whole_and_so_is_the_ensemble(trained, config):
    whole = score(f"{config.run}/out_of_fold", config.data.train)
    assert trained.out_of_fold == {key: whole[key] for key in trained.out_of_fold}
    assert trained.out_of_fold["num_videos"] == sum(best_metrics(fold.run)["num_videos"] for fold in trained.folds)
    together = score(f"{config.run}/ensemble", config.data.validate)
    assert trained.ensemble == {key: together[key] for key in trained.ensemble}
    gaps = [best_metrics(fold.run)["gap"] for fold in trained.folds]
    assert trained.mean_and_deviation == (pytest.approx(np.mean(gaps)), pytest.approx(np.std(gaps, ddof=1)))
    written = json.loads((training.Path(config.run) / "folds.json").read_text())
    assert written["out_of_fold"] == trained.out_of_fold
    assert [fold["best"]["gap"] for fold in written["folds"]] == gaps


def test_the_text_has_every_fold_and_both_scores(trained):
    lines = reports.cross_validated(trained).splitlines()
    assert len(lines) == COUNT + 3
    assert "GAP of the folds" in lines[COUNT]
    assert "out_of_fold: all together: GAP" in lines[COUNT + 1]
    assert "mean of the folds on the validation records: GAP" in lines[COUNT + 2]


def test_the_same_command_again_trains_and_predicts_nothing(trained, config, monkeypatch):
    from yt8m.training import course

    monkeypatch.setattr(course, "take_steps", lambda *_: pytest.fail("there are steps"))
    assert combine_folds(config, train_folds(config, COUNT)).out_of_fold == trained.out_of_fold


def test_without_time_for_predicting_it_ends_and_says_so(trained, config, monkeypatch):
    limited = dataclasses.replace(config, training=dataclasses.replace(config.training, max_hours=1.0))
    monkeypatch.setattr(training, "time", SimpleNamespace(perf_counter=lambda: -3600.0))
    assert train_folds(limited, COUNT).outcome == "out of time"


def test_mistakes_are_told_before_anything_is_trained(trained, config, sample, tmp_path):
    def refused(match, count=COUNT, **data):
        run = data.pop("run", config.run)
        changed = dataclasses.replace(config, run=str(run), data=dataclasses.replace(config.data, **data))
        with pytest.raises(InputError, match=match):
            train_folds(changed, count)

    refused("2 folds at least", count=1)
    refused("no run directory", run="")
    refused("leave one of them out", fold="0/3", validate=())
    refused("holds a fold11.*give the number of before", count=1 + 1, run=more_folds(config, tmp_path))
    refused("holds a single run", run=f"{config.run}/fold0")
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "letter.txt").write_text("")
    refused("other files, such as letter.txt", run=tmp_path / "others")
    refused("what trains must not validate", run=tmp_path / "new", validate=config.data.train)
    assert not (tmp_path / "new").exists()


def more_folds(config, tmp_path):
    place = tmp_path / "more"
    place.mkdir()
    for index in range(3):
        (place / f"fold{index}").mkdir()
    (place / "fold2").rename(place / "fold11")
    return place


@pytest.mark.thorough
def test_the_command_trains_all_and_prints_them(config, sample, tmp_path, capfd):
    words = ["train", "logistic", "--data.train", *config.data.train, "--data.validate", *config.data.validate]
    words += ["--data.features", "audio", "--data.num-classes", "12", "--training.num-steps", "2", "--folds", "2"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--run", str(tmp_path / "new"), "--training.batch-size", "8", "--verbose"])
    assert ended.value.code == 0
    out = capfd.readouterr().out
    assert "/out_of_fold: all together: GAP" in out
    assert check_folds(dataclasses.replace(config, run=str(tmp_path / "new")), 2).results.exists()
