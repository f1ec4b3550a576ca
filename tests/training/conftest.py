"""Fixtures of the tests that train."""

import pytest

from yt8m.training import curves

SIGNATURE = b"\x89PNG"


@pytest.fixture(scope="module", autouse=True)
def _draw_nothing():
    """Drawing the curves takes a third of so small a run's time; test_curves.py draws some."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(curves, "plot", lambda rows, path, best_step: path.write_bytes(SIGNATURE))
        yield
