"""Fixtures of the tests of downloads."""

import pytest
from misbehaving_server import PARTITION, QUICK, make_files, serve

from yt8m.download.downloading import Download


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def served():
    """Six files of 50 kB and their plan."""
    with serve(make_files()) as server:
        yield server


@pytest.fixture
def download(served, tmp_path):
    """Fetches the server's partition to `tmp_path / "out"`, impatiently."""

    def run(partition=PARTITION, patience=QUICK, **options):
        options = {"base_url": served.url, "patience": patience, **options}
        with Download(partition, tmp_path / "out", **options) as downloading:
            return downloading.run(downloading.survey())

    return run
