"""Fixtures of the tests of labelling."""

import shutil

import pytest


@pytest.fixture(scope="module")
def run(sample, made_once, tmp_path_factory):
    """A logistic regression on means, which no matter of order or number of frames can hide from."""
    from small_runs import configure

    from yt8m.training.loop import train

    trained = made_once(
        "logistic-of-both", lambda path: train(configure(path, sample, data={"features": ("rgb", "audio")}))
    )
    return shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "logistic")
