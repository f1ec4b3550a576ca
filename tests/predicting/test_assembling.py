"""An ensemble as a run directory: the same predictions as by its members, from every command."""

import dataclasses
import json

import numpy as np
import pytest
from trained_runs import trained

from yt8m.config import DataConfig
from yt8m.errors import InputError
from yt8m.exporting.exporting import export
from yt8m.predicting import StoredPredictions
from yt8m.predicting.assembling import assemble, check_assembling
from yt8m.predicting.ensembling import ensemble, weigh
from yt8m.predicting.prediction import predict
from yt8m.runs import load_config
from yt8m.runs.model import load_run
from yt8m.scoring.evaluation import evaluate
from yt8m.training.fitting import fit
from yt8m.views.report.building import report

TRAIN, VALIDATE = "2/video/train", "2/video/validate"


@pytest.fixture(scope="module")
def members(sample, once_trained, tmp_path_factory) -> list[str]:
    """A trained run and a fitted one."""
    place = tmp_path_factory.mktemp("members")
    first = once_trained(model="logistic", records=TRAIN)
    data = DataConfig(train=(str(sample / TRAIN),), num_classes=12, features=("audio",))
    return [first, fit("neighbours", place / "neighbours", data).run]


@pytest.fixture(scope="module")
def learned(members, sample, tmp_path_factory):
    return weigh(members, [str(sample / VALIDATE)], tmp_path_factory.mktemp("weights") / "weights.json")


@pytest.fixture(scope="module")
def assembled(members, learned, tmp_path_factory) -> str:
    """With weights that leave none out."""
    run = tmp_path_factory.mktemp("ensembles") / "run"
    return assemble(
        check_assembling(run, members, "geometric"), members, dataclasses.replace(learned, weights=[0.75, 0.25])
    )


def logits_of(stored) -> np.ndarray:
    predictions = StoredPredictions(stored)
    return np.concatenate([part.dense(predictions.description, np.arange(12)) for part in predictions.parts()])


def test_the_run_says_what_the_members_say_together(assembled, members, sample, tmp_path):
    data = [str(sample / VALIDATE)]
    stored = []
    for number, run in enumerate(members):
        predict(run, data, None, stored=tmp_path / str(number), stored_top_k=0)
        stored.append(tmp_path / str(number))
    ensemble(stored, stored=tmp_path / "mean", weights=[0.75, 0.25])
    predict(assembled, data, None, stored=tmp_path / "run", stored_top_k=0)
    np.testing.assert_allclose(logits_of(tmp_path / "run"), logits_of(tmp_path / "mean"), atol=0.02)  # float16


def test_it_needs_its_members_no_more(assembled, members, sample):
    """Its configuration is read back, and it is evaluated, exported and loaded alone."""
    config = load_config(assembled)
    assert [member.name for member in config.model.members] == ["logistic", "neighbours"]
    assert config.model.weights == (0.75, 0.25)
    assert config.model.members[1].num_videos == 64
    assert config.data.train == (str(sample / TRAIN),)
    result = evaluate(assembled, [str(sample / VALIDATE)])
    assert 0 < result["gap"] <= 1
    assert load_run(assembled).output.shape == (None, 12)


def test_it_has_a_report(assembled, sample, tmp_path):
    report([assembled], [str(sample / VALIDATE)], tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "<td>logistic,<wbr> neighbours</td>" in page


def test_it_is_exported(assembled, tmp_path):
    import keras

    import yt8m.layers.every

    assert yt8m.layers.every
    export(assembled, tmp_path / "model.keras", "keras")
    batch = {"mean_audio": np.random.default_rng(0).normal(size=(3, 128)).astype("f")}
    exported, model = keras.models.load_model(tmp_path / "model.keras"), load_run(assembled)
    np.testing.assert_allclose(exported(batch), model(batch), atol=1e-5)


def test_a_member_without_weight_is_left_out(members, learned, tmp_path):
    alone = dataclasses.replace(learned, weights=[1.0, 0.0])
    run = assemble(check_assembling(tmp_path / "run", members, "geometric"), members, alone)
    assert [member.name for member in load_config(run).model.members] == ["logistic"]
    batch = {"mean_audio": np.random.default_rng(1).normal(size=(4, 128)).astype("f")}
    np.testing.assert_allclose(load_run(run)(batch), load_run(members[0])(batch), atol=1e-3)


def test_what_is_said_of_it(assembled, learned, members):
    with open(f"{assembled}/best/metrics.json") as file:
        assert json.load(file) == {"ensemble": members, "gap": learned.score}


def test_what_cannot_become_a_run(assembled, members, once_trained, sample, tmp_path):
    def refused(message, run=tmp_path / "run", runs=members, combined="geometric"):
        with pytest.raises(InputError, match=message):
            check_assembling(run, runs, combined)

    refused("holds a run; give a new directory", run=assembled)
    refused("a rank depends on all other videos", combined="rank")
    refused("nowhere: is no run, and --run needs one for every member", runs=[members[0], "nowhere"])
    refused("its level is frame, and video in", runs=[members[0], once_trained()])
    both = trained(tmp_path / "both", sample, "logistic", TRAIN, features=("rgb", "audio"))
    refused("its --data.features are audio rgb, and audio in", runs=[members[0], both])
