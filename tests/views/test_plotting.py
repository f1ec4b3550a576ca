"""Features can be told apart by their colours."""

import pytest

from yt8m.data.features import KNOWN
from yt8m.views.plotting import colours_of


@pytest.mark.parametrize(
    "features",
    [
        ["efficientnet_lite0", "log_mel"],
        ["rgb", "audio", "log_mel", "colours"],
        [f"own{number}" for number in range(8)],
        [*KNOWN, "one", "two"],
    ],
)
def test_features_of_a_picture_differ(features):
    colours = colours_of(features)
    assert set(colours) == set(features)
    assert len(set(colours.values())) == len(features)
    assert colours_of(reversed(features)) == colours


def test_known_features_keep_their_colours():
    assert [colours_of(["audio", "rgb", "log_mel"])[name] for name in ("rgb", "audio")] == ["tab:blue", "tab:orange"]
    assert colours_of(["audio"]) == {"audio": "tab:orange"}


def test_more_features_than_colours_have_some_twice():
    assert len(colours_of([f"own{number}" for number in range(20)])) == 20
