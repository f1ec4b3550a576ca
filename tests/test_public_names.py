"""`import yt8m`: light, and its names are what they should be however the modules were imported before."""

import contextlib
import importlib
import pkgutil
import subprocess
import sys

import pytest

import yt8m


@contextlib.contextmanager
def left_out_without_beam(module):
    """Transforms can only be looked at where Apache Beam is installed, which not every environment has."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "apache_beam" or not module.startswith("yt8m.cluster."):
            raise


def test_every_public_name_is_there_and_no_module_takes_its_place():
    for module in pkgutil.walk_packages(yt8m.__path__, "yt8m."):
        if not module.name.endswith("__main__"):
            with left_out_without_beam(module.name):
                importlib.import_module(module.name)
    for name in (
        "Progress",
        "build_model",
        "list_models",
        "list_recipes",
        "list_runs",
        "load_metrics",
        "load_run",
        "load_trials",
        "train",
        "evaluate",
        "export",
        "predict",
        "read_batches",
        "read_records",
        "read_submission",
        "unpack",
    ):
        assert name in yt8m.__all__
        assert callable(getattr(yt8m, name)), name
    assert yt8m.metrics.VideoMetrics(3).top_k == 20


def test_metrics_and_submissions_do_not_import_tensorflow():
    program = "import sys, yt8m, yt8m.metrics, yt8m.submission; print({'tensorflow', 'keras'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


@pytest.mark.parametrize(("chosen", "expected"), [(None, "1"), ("0", "0")])
def test_onednn_is_on_unless_a_user_turned_it_off(chosen, expected, monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS")
    if chosen:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", chosen)
    program = "import os, yt8m; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == expected
