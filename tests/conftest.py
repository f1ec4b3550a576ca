"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
if "PYTEST_XDIST_WORKER" in os.environ:  # the other cores are the other workers'
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
# What XLA compiles here runs once or twice.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true")

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with real YouTube-8M records, which is no part of the repository."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no real YouTube-8M records beside the checkout ({REAL_DATA.parent.name}/{REAL_DATA.name})")
    return REAL_DATA


@pytest.fixture(scope="session")
def sample(tmp_path_factory) -> Path:
    """A tiny sample data set in the official layout: 64 + 13 + 13 videos, 12 classes, 2 shards a split."""
    from yt8m.data.synthetic import synthesise

    directory = tmp_path_factory.mktemp("sample")
    synthesise(directory, num_videos=64, num_classes=12, num_shards=2, seed=1)
    return directory
