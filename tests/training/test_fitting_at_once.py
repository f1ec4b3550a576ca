"""Models fitted to all records at once: what they learn, and what the commands make of their runs."""

import numpy as np
import pytest
from scipy.linalg import cho_factor, cho_solve
from sklearn.linear_model import Ridge

from yt8m import read_batches
from yt8m.config import DataConfig
from yt8m.data.fingerprints import fingerprint
from yt8m.data.records import framed, video_level_record
from yt8m.errors import InputError
from yt8m.layers import neighbours as layers
from yt8m.metrics import global_average_precision
from yt8m.progress import Messages
from yt8m.runs import load_config
from yt8m.runs.model import load_run
from yt8m.scoring.evaluation import evaluate
from yt8m.training import fitting
from yt8m.training.fitting import fit
from yt8m.training.leaving_one_out import left_out

pytestmark = pytest.mark.usefixtures("_values_of_few_videos_count")

TRAIN, VALIDATE = "2/video/train", "2/video/validate"


def read(sample, split, num_classes=12):
    """ids, [rgb, audio] and labels bool [N, C]."""
    batches = list(read_batches(str(sample / split), num_classes=num_classes))
    parts = [np.concatenate([batch[key] for batch in batches]).astype(np.float64) for key in ("mean_rgb", "mean_audio")]
    labels = np.zeros((len(parts[0]), num_classes), bool)
    for row, own in enumerate(np.concatenate([batch["labels"] for batch in batches])):
        labels[row, own[own >= 0]] = True
    return np.concatenate([batch["id"] for batch in batches]), parts, labels


def scaled(parts, known, labels):
    """Each feature of length 1, its values counted by the share of their variance that the labels of known videos explain."""
    found = []
    frequent = labels[:, labels.sum(axis=0) >= 3]
    for values, of_known in zip(parts, known, strict=True):
        left = of_known - Ridge(alpha=20.0).fit(frequent, of_known).predict(frequent)
        weighted = values * (1 - left.var(axis=0) / of_known.var(axis=0)) / of_known.std(axis=0)
        found.append(weighted / np.linalg.norm(weighted, axis=1, keepdims=True))
    return found


def data_of(sample, **more) -> DataConfig:
    return DataConfig(train=(str(sample / TRAIN),), num_classes=12, **more)


@pytest.fixture(scope="module")
def neighbours(sample, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "neighbours"
    return fit("neighbours", run, data_of(sample, validate=(str(sample / VALIDATE),)), num_neighbours=3)


@pytest.mark.thorough
def test_neighbours_are_the_training_videos(neighbours, sample):
    _, known, labels = read(sample, TRAIN)
    _, asked, truth = read(sample, VALIDATE)
    vectors, queries = (
        np.concatenate([rgb, 0.5 * audio], axis=1) / np.sqrt(1.25)
        for rgb, audio in (scaled(each, known, labels) for each in (known, asked))
    )
    scores = []
    for query in queries:
        nearest = np.argsort(-(vectors @ query), kind="stable")[:3]
        weights = np.exp(10.0 * (vectors[nearest] @ query - 1.0))
        prior = (labels.sum(axis=0) + 0.5) / (len(labels) + 1)
        scores.append((weights @ labels[nearest] + 0.01 * prior) / (weights.sum() + 0.01))
    assert neighbours.num_videos == len(labels) == 64
    assert neighbours.metrics["gap"] == pytest.approx(global_average_precision(np.array(scores), truth), abs=1e-6)
    assert load_config(neighbours.run).model.num_videos == 64
    again = evaluate(neighbours.run, [str(sample / VALIDATE)])
    assert again["gap"] == neighbours.metrics["gap"]


def test_many_videos_are_read_and_stored_in_parts(neighbours, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "_BATCH_SIZE", 4)
    monkeypatch.setattr(fitting, "_KEPT_TOGETHER", 8)
    monkeypatch.setattr(layers, "_ROWS_AT_ONCE", 24)
    result = fit("neighbours", tmp_path / "run", data_of(sample, validate=(str(sample / VALIDATE),)), num_neighbours=3)
    known = [load_run(run).get_layer("neighbours") for run in (result.run, neighbours.run)]
    assert [weight.shape[0] for weight in known[0].vectors] == [24, 24, 16]
    parts, whole = ([np.asarray(weight) for weight in layer.vectors] for layer in known)
    np.testing.assert_allclose(np.concatenate(parts), np.concatenate(whole), atol=1e-6)
    assert result.metrics["gap"] == pytest.approx(neighbours.metrics["gap"], abs=1e-6)


def test_kernel_ridge_solves_its_equations(sample, tmp_path):
    run = fit("kernel_ridge", tmp_path / "ridge", data_of(sample), bandwidth=0.5, ridge=0.2).run
    _, known, labels = read(sample, TRAIN)
    rgb, audio = (each @ each.T for each in scaled(known, known, labels))
    alike, looks, sounds = (np.exp((cosines - 1) / 0.5) for cosines in (0.8 * rgb + 0.2 * audio, rgb, audio))
    kernel = (alike + 0.8 * looks + 0.2 * sounds) / 2
    prior = labels.mean(axis=0)
    expected = np.linalg.solve(kernel + 0.2 * np.eye(64), labels - prior)
    layer = load_run(run).get_layer("regression")
    np.testing.assert_allclose(layer.coefficients.numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(layer.prior.numpy(), prior, atol=1e-6)


def test_a_fold_is_left_out_and_measured(sample, tmp_path):
    ids, _, _ = read(sample, TRAIN)
    left_out = sum(fingerprint(video) % 3 == 1 for video in ids.tolist())
    result = fit("neighbours", tmp_path / "fold", data_of(sample, fold="1/3"))
    assert result.num_videos == 64 - left_out
    assert result.metrics["num_videos"] == left_out


def test_what_cannot_be_fitted(neighbours, sample, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="unknown model that is fitted 'moe'"):
        fit("moe", tmp_path / "run", data_of(sample))
    with pytest.raises(InputError, match="holds a run; give a new directory"):
        fit("neighbours", neighbours.run, data_of(sample))
    monkeypatch.setitem(fitting.MOST_VIDEOS, "kernel_ridge", 63)
    with pytest.raises(InputError, match="hold more than 63 videos, the most that kernel_ridge can be fitted to"):
        fit("kernel_ridge", tmp_path / "run", data_of(sample))
    assert not (tmp_path / "run").exists()


def records(path, values, labels) -> DataConfig:
    """Video-level records of the values, [N, 1152]."""
    videos = [
        video_level_record(f"v{row:03d}", own, {"rgb": each[:1024], "audio": each[1024:]})
        for row, (each, own) in enumerate(zip(values, labels, strict=True))
    ]
    path.write_bytes(b"".join(map(framed, videos)))
    return DataConfig(train=(str(path),), num_classes=12)


def test_equal_videos_need_a_ridge(tmp_path):
    values = np.tile(np.random.default_rng(0).normal(size=(20, 1152)), (2, 1))
    data = records(tmp_path / "equal.tfrecord", values, [[row % 3] for row in range(40)])
    message = "the regression has no solution in float32 with ridge=1e-12; give a larger one, such as the default 0.02"
    with pytest.raises(InputError, match=message):
        fit("kernel_ridge", tmp_path / "run", data, ridge=1e-12)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("model", ["neighbours", "kernel_ridge"])
def test_videos_without_labels_teach_nothing(tmp_path, model):
    data = records(tmp_path / "none.tfrecord", np.ones((3, 1152)), [[]] * 3)
    with pytest.raises(
        InputError, match=rf"none\.tfrecord \.\.\.: hold no label to fit {model} to; name other records"
    ):
        fit(model, tmp_path / "run", data)


def test_what_a_regression_says_of_videos_that_it_did_not_see():
    """In closed form as by fitting to all others, prior included."""
    random = np.random.default_rng(0)
    points, labels = random.normal(size=(40, 3)), (random.random((40, 5)) < 0.3).astype(np.float32)
    kernel = np.exp(-np.square(points[:, None] - points).sum(axis=-1))
    expected = []
    for video in range(40):
        others = np.arange(40) != video
        prior = labels[others].mean(axis=0)
        coefficients = np.linalg.solve(kernel[np.ix_(others, others)] + 0.1 * np.eye(39), labels[others] - prior)
        expected.append(prior + kernel[video, others] @ coefficients)
    prior = labels.mean(axis=0)
    factor = cho_factor((kernel + 0.1 * np.eye(40)).astype(np.float32), lower=True)
    coefficients = cho_solve(factor, labels - prior)
    np.testing.assert_allclose(left_out(factor, coefficients, labels - prior, prior), expected, atol=1e-4)


def test_networks_score_the_best_classes_of_a_regression_once_more(sample, tmp_path, monkeypatch):
    """They learn from values of videos that were left out, and never from those that the regression has seen."""
    learned_from, original = [], fitting.learn_networks
    monkeypatch.setattr(fitting, "learn_networks", lambda *given: learned_from.append(given) or original(*given))
    monkeypatch.setattr(fitting, "FEWEST_VIDEOS", 64)
    plain = fit("kernel_ridge", tmp_path / "plain", data_of(sample), num_networks=0)
    result = fit("kernel_ridge", tmp_path / "run", data_of(sample), num_networks=2)
    assert load_config(result.run).model.num_networks == 2
    assert load_config(plain.run).model.num_networks == 0
    with_, without = load_run(result.run), load_run(plain.run)
    _, (rgb, audio), labels = read(sample, TRAIN)
    batch = {"mean_rgb": rgb.astype(np.float32), "mean_audio": audio.astype(np.float32)}
    logits, layer = without(batch), with_.get_layer("reranked")
    np.testing.assert_allclose(with_(batch), layer([logits]), atol=1e-4)
    frequency = np.log((labels.sum(axis=0) + 0.25) / 64)
    np.testing.assert_allclose(layer.log_frequency.numpy(), frequency, rtol=1e-5)
    ((values, targets, num_networks),) = learned_from
    assert num_networks == 2
    np.testing.assert_array_equal(targets.toarray(), labels)
    seen = 1 / (1 + np.exp(-logits.numpy()))
    assert values[labels].mean() < seen[labels].mean() - 0.1, "a regression is surer of what it has seen"


def test_few_videos_get_no_networks(sample, tmp_path):
    watcher = Messages()
    run = fit("kernel_ridge", tmp_path / "run", data_of(sample), watcher).run
    assert "no networks: 64 videos with labels, and they need 200" in watcher.lines
    assert load_config(run).model.num_networks == 0
    assert "reranked" not in [layer.name for layer in load_run(run).layers]
