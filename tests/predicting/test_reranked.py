"""Networks of ensembles: scored on other videos, written, read, and made into runs."""

import dataclasses
import hashlib
import json
import shutil

import numpy as np
import pytest
from made_up import MadeUp, segments, sigmoid, together, videos
from trained_runs import trained
from watchers import Counts

from yt8m.commands import reports
from yt8m.config import DataConfig
from yt8m.errors import InputError
from yt8m.metrics import VideoMetrics
from yt8m.predicting import Description, Part, StoredPredictions
from yt8m.predicting.assembling import assemble, check_assembling
from yt8m.predicting.ensembling import ensemble, weigh
from yt8m.predicting.prediction import predict
from yt8m.predicting.reranked import LearnedNetwork, Reranked, learn_network
from yt8m.predicting.stacking import learn_stack
from yt8m.reranking import fit_reranker, fitting
from yt8m.runs import load_config
from yt8m.runs.model import load_run
from yt8m.training.fitting import fit

NUM_CLASSES = 30
VALIDATE = "2/video/validate"


@pytest.fixture(autouse=True, scope="module")
def few_epochs():
    """What a network learns in 25 has tests of its own."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fitting, "_EPOCHS", 3)
        yield


def labelled(seed=2, count=200):
    """Two members that say with noise what is true but for a shift by class, and labels."""
    random = np.random.default_rng(seed)
    true = random.normal(-2, 1.5, (count, NUM_CLASSES))
    hits = random.random(true.shape) < sigmoid(true + np.linspace(-2, 1, NUM_CLASSES))
    ids = np.array([f"v{video:03}" for video in range(count)], np.bytes_)
    labels = {video.decode(): np.flatnonzero(row).tolist() for video, row in zip(ids, hits, strict=True)}
    description = Description(task="video", num_classes=NUM_CLASSES, classes=tuple(range(NUM_CLASSES)))
    parts = [ids[:120], ids[120:]]
    members = []
    for noise in (0.3, 0.6):
        logits = (true + noise * random.normal(size=true.shape)).astype(np.float16)
        rows = [Part(own, some) for own, some in zip(parts, (logits[:120], logits[120:]), strict=True)]
        members.append(MadeUp(description, *rows, name=f"noise {noise}"))
    return members, labels, hits


@pytest.fixture(scope="module")
def learned() -> LearnedNetwork:
    members, labels, _ = labelled()
    return learn_network(members, "geometric", labels=labels)


def test_the_score_is_that_of_videos_it_was_not_learned_from(learned):
    members, _, hits = labelled()
    values = np.stack([together(member) for member in members], axis=-1).astype(np.float32)
    ids = [f"v{video:03}" for video in range(200)]
    parts = np.array([int(hashlib.md5(each.encode()).hexdigest(), 16) % 5 for each in ids])
    positives = np.array([hits[parts == part].sum(axis=0) for part in range(5)])
    classes = np.broadcast_to(np.arange(NUM_CLASSES), hits.shape)
    metrics = VideoMetrics(NUM_CLASSES)
    for part in range(5):
        others, own = parts != part, parts == part
        labels = {ids[video]: np.flatnonzero(hits[video]).tolist() for video in np.flatnonzero(others)}
        stack = learn_stack(members, "geometric", labels=labels)
        known = np.where(np.arange(5)[:, None] == part, 0, positives)
        weights = np.array(stack.weights)
        reranker = fit_reranker(
            values[others], classes[others], hits[others], parts[others], known, weights, stack.intercept
        )
        metrics.update(reranker.logits(values[own]), hits[own])
    # On some processors products of other numbers of rows are rounded otherwise, and two pairs may change places.
    assert learned.told.score == pytest.approx(metrics.result()["gap"], abs=1e-4)


def test_it_is_told_beside_the_regression_and_the_mean(learned):
    members, labels, _ = labelled()
    stack = learn_stack(members, "geometric", labels=labels)
    told = learned.told
    assert (told.mean, told.metric, told.logistic) == ("network", "gap", stack.score)
    assert (told.weights, told.intercept, told.learned) == (stack.weights, stack.intercept, stack.learned)
    lines = reports.weighed(told).splitlines()
    assert f"network              GAP {told.score:.4f}, on videos that it was not learned from" in lines
    assert f"logistic regression  GAP {stack.score:.4f}, on videos that it was not learned from" in lines


def test_it_sorts_videos_better_than_the_regression_if_classes_differ(learned):
    assert learned.told.score > learned.told.logistic + 0.02


def test_the_work_is_counted():
    members, labels, _ = labelled(count=150)
    watcher = Counts()
    learn_network(members, "geometric", labels=labels, progress=watcher)
    assert watcher.works == [("fitting networks", "part")]
    assert watcher.counts == [(done, 6) for done in range(1, 7)]


def test_predictions_are_combined_row_by_row(learned):
    members, _, _ = labelled(seed=5)
    values = np.stack([together(member) for member in members], axis=-1).astype(np.float32)
    reranked = Reranked(members, learned.reranker)
    np.testing.assert_allclose(together(reranked), learned.reranker.logits(values), atol=1e-5)
    assert reranked.description == members[0].description


def test_lists_stay_lists(learned):
    """Classes that no list names come last."""
    members = [videos(seed, ids=("abcd", "efgh"), num_classes=NUM_CLASSES, top_k=4) for seed in (0, 1)]
    (first, second) = Reranked(members, learned.reranker).parts()
    assert first.logits.shape == second.logits.shape == (1, 4)
    assert (np.diff(first.logits) <= 0).all()


def test_parts_without_videos(learned):
    members = [MadeUp(each.description, each.read(0).take([]), each.read(1)) for each in labelled()[0]]
    empty, rest = Reranked(members, learned.reranker).parts()
    assert (empty.logits.shape, len(rest)) == ((0, NUM_CLASSES), 80)


def test_videos_of_which_no_member_speaks():
    members, labels, _ = labelled()
    network = learn_network(members, "geometric", labels=labels).reranker
    said = np.ones((120, 1), bool)
    said[7] = False
    silent = [
        MadeUp(member.description, dataclasses.replace(member.read(0), said=said), member.read(1)) for member in members
    ]
    found, all_said = (together(Reranked(each, network)) for each in (silent, members))
    assert (found[7] < -100).all()
    np.testing.assert_array_equal(np.delete(found, 7, axis=0), np.delete(all_said, 7, axis=0))


def test_members_that_do_not_fit(learned):
    with pytest.raises(
        InputError, match=r"^--weights: the network was learned for 2 members, and 1 given; name as many$"
    ):
        Reranked([videos(num_classes=NUM_CLASSES)], learned.reranker)
    with pytest.raises(
        InputError, match=r"has 6 classes, and the network of --weights was learned for 30; name runs or stored"
    ):
        Reranked([videos(0), videos(1)], learned.reranker)
    with pytest.raises(InputError, match=r"holds segments, and the network of --weights scores whole videos$"):
        Reranked([segments(0), segments(1)], learned.reranker)


@pytest.fixture(scope="module")
def runs(sample, once_trained, tmp_path_factory) -> list[str]:
    data = DataConfig(train=(str(sample / "2/video/train"),), num_classes=12, features=("audio",))
    fitted = fit("neighbours", tmp_path_factory.mktemp("members") / "neighbours", data).run
    return [once_trained(model="logistic", records="2/video/train"), fitted]


def logits_of(stored) -> np.ndarray:
    predictions = StoredPredictions(stored)
    return np.concatenate([part.dense(predictions.description, np.arange(12)) for part in predictions.parts()])


def test_the_file_and_the_run_say_the_same(runs, sample, tmp_path, capsys):
    data, file = [str(sample / VALIDATE)], tmp_path / "network.json"
    found = weigh(runs, data, file, method="network")
    written = json.loads(file.read_text())
    assert written["mean"] == "network"
    assert written["score"] == found.told.score
    stored = []
    for number, run in enumerate(runs):
        predict(run, data, None, stored=tmp_path / str(number), stored_top_k=0)
        stored.append(tmp_path / str(number))
    ensemble(runs, data=data, weights=file, stored=tmp_path / "both")
    run = assemble(check_assembling(tmp_path / "run", runs, "network"), runs, found)
    predict(run, data, None, stored=tmp_path / "of run", stored_top_k=0)
    np.testing.assert_allclose(logits_of(tmp_path / "of run"), logits_of(tmp_path / "both"), atol=0.1)  # float16
    ensemble(runs[::-1], data=data, weights=file, stored=tmp_path / "other order")
    np.testing.assert_allclose(logits_of(tmp_path / "other order"), logits_of(tmp_path / "both"), atol=1e-3)
    assert load_config(run).model.combined == "network"
    assert json.loads((tmp_path / "run/best/metrics.json").read_text()) == {"ensemble": runs, "gap": found.told.score}
    assert load_run(run).output.shape == (None, 12)
    with pytest.raises(InputError, match=r"^--mean rank: the weights were learned for a network; leave the flag out$"):
        ensemble(runs, data=data, weights=file, mean="rank", out=tmp_path / "out.csv")
    other = {"intercept": 9.0}
    file.write_text(json.dumps(written | other | {"network": written["network"] | other}))
    with pytest.raises(InputError, match=r"holds predictions of another kind or from elsewhere \(.*network.* differ\)"):
        ensemble(runs, data=data, weights=file, stored=tmp_path / "both")


@pytest.mark.parametrize(
    "change",
    [{"weights": [0.1, 0.2, 0.3], "members": ["a", "b", "c"]}, {"weights": [5.0, -3.0]}, {"intercept": 4.0}],
    ids=lambda change: ",".join(change),
)
def test_files_whose_weights_are_not_those_of_the_network(learned, change, tmp_path):
    file = tmp_path / "network.json"
    file.write_text(json.dumps(learned.as_json() | change))
    with pytest.raises(
        InputError, match=f"^--weights {file}: its weights are not those of its network; make them anew"
    ):
        ensemble(["a", "b"], weights=file, out=tmp_path / "out.csv")


def test_it_is_said_if_another_method_scores_more(learned):
    def better(**scores):
        mean = dataclasses.replace(learned.told.learned, score=scores.pop("weights", 0.5))
        told = dataclasses.replace(learned.told, score=0.6, learned=mean, logistic=scores.pop("logistic", 0.5))
        return LearnedNetwork(told, learned.reranker).better

    assert better() is None
    assert better(weights=0.7) == "weights"
    assert better(weights=0.7, logistic=0.8) == "logistic"


def test_files_without_a_network(runs, sample, tmp_path):
    file = tmp_path / "network.json"
    file.write_text(json.dumps({"mean": "network", "weights": [1.0, 1.0]}))
    with pytest.raises(InputError, match=f"^--weights {file}: holds no network; make them anew with yt8m weigh$"):
        ensemble(runs, data=[str(sample / VALIDATE)], weights=file, out=tmp_path / "out.csv")


def test_segments_and_ranks_are_refused(sample, tmp_path):
    run = trained(tmp_path / "run", sample, "frame_logistic", "2/frame/train")
    rated, other = [str(sample / "3/frame/validate")], tmp_path / "other"
    shutil.copytree(run, other)
    with pytest.raises(InputError, match=r"holds segments, and --method network scores whole videos; give --method"):
        weigh([run, other], rated, tmp_path / "weights.json", method="network")
    with pytest.raises(InputError, match=r"^--mean rank: --method network works on probabilities"):
        weigh([run, other], rated, tmp_path / "weights.json", method="network", mean="rank")
    assert not (tmp_path / "weights.json").exists()
