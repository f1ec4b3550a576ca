"""`module:function`, a network of the user's own."""

import hashlib

import numpy as np
import pytest

from yt8m.data.features import Feature
from yt8m.errors import InputError
from yt8m.extracting.networks.registry import load_network

MODULE = """
import numpy as np

def colours(frames):
    return frames.mean(axis=(1, 2))

class Sized:
    frame_size = (20, 30)

    def __call__(self, frames):
        return np.tile([[frames.shape[1], frames.shape[2]]], (len(frames), 1))

sizes = Sized()

def fails_on_white(frames):
    if frames.max() == 255:
        raise RuntimeError("too\\nbright")
    return frames[:, 0, 0]

def flat(frames):
    return np.zeros(len(frames))

def words(frames):
    return np.full((len(frames), 2), "a")

def wide(frames):
    return np.zeros((len(frames), frames.shape[2]))

def endless(frames):
    return np.full((len(frames), 2), np.inf)

def rgb(frames):
    return frames[:, 0, 0]

def odd_size(frames):
    return frames[:, 0, 0]

odd_size.frame_size = 224
number = 7
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The name of a module in the current directory."""
    name = f"own_networks_{abs(hash(tmp_path)) % 10**9}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return name


def test_a_function_is_a_network_of_its_name(module, tmp_path):
    network = load_network(f"{module}:colours")
    assert network.features[0] == network.picture == Feature("colours", 3, "float32")
    assert network.features[1].name == "log_mel"
    frames = np.zeros((2, 4, 6, 3), np.uint8)
    frames[1] = [10, 20, 30]
    assert network.prepare(frames[1]) is frames[1] or (network.prepare(frames[1]) == frames[1]).all()
    values = network.frames(frames)
    assert values.dtype == np.float32
    assert values.tolist() == [[0, 0, 0], [10, 20, 30]]
    digest = hashlib.sha256((tmp_path / f"{module}.py").read_bytes()).hexdigest()
    assert network.identity == {"name": f"{module}:colours", "files": {f"{module}.py": digest}}


def test_a_function_may_ask_for_a_size(module):
    network = load_network(f"{module}:sizes")
    prepared = network.prepare(np.zeros((90, 160, 3), np.uint8))
    assert network.frames(prepared[None]).tolist() == [[20, 30]]


def test_what_the_function_raises_is_one_line_with_its_place(module, tmp_path):
    network = load_network(f"{module}:fails_on_white")
    line = MODULE.split("\n").index('        raise RuntimeError("too\\nbright")') + 1
    with pytest.raises(InputError) as raised:
        network.frames(np.full((1, 4, 4, 3), 255, np.uint8))
    place = f"{tmp_path / f'{module}.py'}, line {line}"
    assert str(raised.value) == f"network {module}:fails_on_white: raised RuntimeError: too bright in {place}"


def test_a_function_gives_as_many_values_each_time(module):
    network = load_network(f"{module}:wide")
    with pytest.raises(InputError, match=r"returned \[2, 7\] of float64; it must be \[2, 160\] of floats"):
        network.frames(np.zeros((2, 4, 7, 3), np.uint8))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("flat", r"returned \[1\] of float64; it must be \[1, D\] of floats"),
        ("words", r"returned \[1, 2\] of <U1; it must be numbers"),
        ("endless", "returned NaN or infinity for frame 0 of a batch"),
        ("rgb", "its feature would be called rgb.*rename the function"),
        ("odd_size", r"its frame_size is 224; it must be \(height, width\)"),
        ("number", "number is int, and no function"),
        ("coluors", "unknown function 'coluors'; did you mean colours"),
        ("a.b", "it must be MODULE:FUNCTION"),
    ],
)
def test_mistakes_are_told_before_the_first_video(module, function, message):
    with pytest.raises(InputError, match=message) as raised:
        load_network(f"{module}:{function}")
    assert "\n" not in str(raised.value)


def test_a_module_that_is_missing_or_fails(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="there is no module no_such_networks"):
        load_network("no_such_networks:describe")
    (tmp_path / "failing_networks.py").write_text("import no_such_library")
    with pytest.raises(
        InputError, match=r"cannot be imported \(ModuleNotFoundError: No module named 'no_such_library'"
    ):
        load_network("failing_networks:describe")
