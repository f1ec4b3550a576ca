"""The example of docs/networks.md, and what its tables say of networks."""

import re

import numpy as np
import pytest
from fenced import REPOSITORY, blocks_of

from yt8m.extracting.networks.inception import _OPS
from yt8m.extracting.networks.registry import load_network

PAGE = REPOSITORY / "docs" / "networks.md"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The example's file, in the current directory."""
    (text,) = (block.text for block in blocks_of(PAGE) if block.language == "python")
    (tmp_path / "my_networks.py").write_text(text)
    monkeypatch.chdir(tmp_path)


def test_the_example_is_a_network(own):
    (line,) = (line for block in blocks_of(PAGE) if block.language == "sh" for line in block.commands())
    network = load_network(re.search(r"--network (\S+)", line)[1])
    frame = np.zeros((180, 320, 3), np.uint8)
    frame[:, :160, 0] = 255
    prepared = network.prepare(frame)
    assert prepared.shape == (90, 160, 3)
    np.testing.assert_allclose(network.frames(prepared[None]), [[0.5, 0, 0, 0.5, 0, 0]], atol=1e-6)
    assert network.picture.text == "colours:6:float32"


def test_the_table_says_what_the_default_gives():
    first = load_network("efficientnet-lite0")
    pictures, sound = first.picture.text, first.sound.feature.text
    assert f"| `efficientnet-lite0` (default) | `{pictures}` | `{sound}` |" in PAGE.read_text()


def test_the_number_of_kinds_of_ops_is_right():
    assert f"the {len(_OPS)} kinds of ops" in PAGE.read_text()
