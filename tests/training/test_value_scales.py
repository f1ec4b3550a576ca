"""Training with values that count by what the labels say of them."""

import dataclasses
import shutil

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from small_runs import configure

from yt8m import read_batches
from yt8m.runs.model import load_run
from yt8m.training.loop import train

pytestmark = pytest.mark.usefixtures("_plain_graphs", "_values_of_few_videos_count")

HYPERPARAMETERS = {"num_branches": 1, "hidden_size": 4, "normalise": "explained"}


def expected_scales(paths):
    """The share of variance that a ridge regression on the frequent classes explains, over the deviation."""
    batches = list(read_batches(list(paths), num_classes=12, features=("audio",)))
    values = np.concatenate([batch["mean_audio"] for batch in batches]).astype(np.float64)
    labels = np.zeros((len(values), 12))
    for row, own in enumerate(np.concatenate([batch["labels"] for batch in batches])):
        labels[row, own[own >= 0]] = 1.0
    labels = labels[:, labels.sum(axis=0) >= 3]
    left = values - Ridge(alpha=20.0).fit(labels, values).predict(labels)
    return (1 - left.var(axis=0) / values.var(axis=0)) / values.std(axis=0)


def scales_of(config):
    return load_run(config.run).get_layer("scaled").scales[0].numpy()


@pytest.fixture(scope="module")
def trained(sample, tmp_path_factory):
    config = configure(tmp_path_factory.mktemp("runs") / "run", sample, "residual_mlp", HYPERPARAMETERS, num_steps=2)
    train(config)
    return config


@pytest.mark.thorough
def test_scales_come_from_all_training_videos(trained):
    np.testing.assert_allclose(scales_of(trained), expected_scales(trained.data.train), rtol=1e-4)


@pytest.mark.thorough
def test_a_run_goes_on_with_its_scales(trained, tmp_path):
    shutil.copytree(trained.run, tmp_path / "run")
    training = dataclasses.replace(trained.training, num_steps=3)
    config = dataclasses.replace(trained, run=str(tmp_path / "run"), training=training)
    assert train(config).first_step == 2
    np.testing.assert_array_equal(scales_of(config), scales_of(trained))


@pytest.mark.thorough
def test_scales_of_an_initial_run_stay(trained, sample, tmp_path):
    """The other weights that come from there belong to them."""
    validate = {"train": (str(sample / "2/video/validate"),)}
    config = configure(
        tmp_path / "run", sample, "residual_mlp", HYPERPARAMETERS, validate, num_steps=1, initial_run=trained.run
    )
    train(config)
    np.testing.assert_array_equal(scales_of(config), scales_of(trained))
    assert not np.allclose(scales_of(trained), expected_scales(config.data.train), rtol=0.1)


def test_workers_find_the_scales_of_all_videos_together(sample, tmp_path, monkeypatch):
    from yt8m.distribution.devices import alone
    from yt8m.training.preparation import resolve
    from yt8m.training.trainer import Trainer
    from yt8m.training.value_scales import fit_scales

    config, source, _ = resolve(configure(tmp_path / "run", sample, "residual_mlp", HYPERPARAMETERS))

    class Workers:
        """Two workers, one after the other."""

        num_workers, shard = 2, None

        def together(self, function):
            found = []
            for self.shard in ((0, 2), (1, 2)):
                found.append(function())
            return found

    trainer = Trainer(config, alone(), source)
    assert fit_scales(trainer.model, config, Workers(), source) == 64
    np.testing.assert_allclose(
        trainer.model.get_layer("scaled").scales[0], expected_scales(config.data.train), rtol=1e-4
    )
    assert fit_scales(trainer.model, config, Workers(), source) == 0  # it has them now
