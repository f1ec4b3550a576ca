"""Parameter counts at full size: published ones, and some worked out by hand."""

import pytest
from small_models import num_parameters

from yt8m.models import build_model

# The formulas are checked against small models in test_every_model.py, so that nothing of this size must be built.


def test_gated_netvlad_with_a_logistic_head_has_297_million():
    size = {"num_clusters": 128, "hidden_size": 2048, "head": "logistic", "probability_gating": False}
    assert num_parameters("netvlad", 3862, **size) == pytest.approx(297e6, rel=0.01)


def test_deep_bag_of_frames_has_94_million():
    size = {"num_clusters": 3000, "hidden_size": 2000, "num_mixtures": 5}
    assert num_parameters("dbof", 3862, **size) == pytest.approx(94.46e6, abs=0.01e6)


LOGISTIC = (1024 + 128) * 3862 + 3862
MIXTURE = (1024 + 128) * 3862 * (3 + 2) + 3862 * 2


@pytest.mark.parametrize(
    ("name", "expected"), [("logistic", 4_452_886), ("frame_logistic", 4_452_886), ("moe", 22_252_844)]
)
def test_linear_models_at_full_size(name, expected):
    assert expected == {"moe": MIXTURE}.get(name, LOGISTIC)
    assert num_parameters(name, 3862) == expected
    assert build_model(name).count_params() == expected
