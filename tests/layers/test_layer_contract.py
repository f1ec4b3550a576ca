"""What every layer promises: it is known to Keras by name, and its configuration makes an equal one."""

import inspect
import pkgutil
from importlib import import_module

import keras
import numpy as np
import pytest

import yt8m.layers
from yt8m.layers.attention import GatedAttention, SelfAttention, SinusoidalPositions
from yt8m.layers.bags import SoftBagOfWords
from yt8m.layers.combining import CombinedLogits
from yt8m.layers.convolution import DilatedConvolution
from yt8m.layers.forecasting import HiddenFrames, VisibleFrames, Whitening
from yt8m.layers.gating import (
    BranchMixture,
    ContextGating,
    ProbabilityGating,
    SqueezeExcitationGating,
    StreamMixture,
)
from yt8m.layers.heads import Head, LogisticHead, MixtureOfExpertsHead
from yt8m.layers.kernels import KernelRegression
from yt8m.layers.neighbours import NearestNeighbours
from yt8m.layers.normalisation import BatchNormalisation, NormalisedProjection
from yt8m.layers.pooling import MaskedMax, MaskedMean, Pooling, StoredMean
from yt8m.layers.preprocessing import FeatureScale, FrameFeatures, VectorScale
from yt8m.layers.products import Dense
from yt8m.layers.recurrent import GRU, LSTM, Recurrence
from yt8m.layers.reranking import RerankedLogits
from yt8m.layers.selection import FirstFrame, LastFrame
from yt8m.layers.vlad import ClusterPooling, NetFisherVector, NetRVLAD, NetVLAD, NeXtVLAD

RANDOM = np.random.default_rng(9)
VECTORS = (RANDOM.normal(size=(3, 6)).astype(np.float32),)
FRAMES = (RANDOM.normal(size=(3, 4, 6)).astype(np.float32), np.arange(4) < np.array([[4], [2], [0]]))
STREAMS = ([RANDOM.integers(0, 256, (3, 4, 6), np.uint8)], np.array([4, 2, 0], np.int32))

LAYERS = {
    FrameFeatures: ({"normalise": False, "ranges": [[-1.0, 3.0]]}, STREAMS),
    VectorScale: ({"kind": "rms"}, VECTORS),
    MaskedMean: ({}, FRAMES),
    StoredMean: ({"ranges": [[-1.0, 3.0]]}, STREAMS),
    MaskedMax: ({}, FRAMES),
    FirstFrame: ({}, FRAMES),
    LastFrame: ({}, FRAMES),
    LSTM: ({"num_units": 5, "backwards": True}, FRAMES),
    GRU: ({"num_units": 5, "backwards": True}, FRAMES),
    GatedAttention: ({"num_heads": 2, "num_units": 5}, FRAMES),
    SelfAttention: ({"num_heads": 2, "dropout": 0.5, "causal": True}, FRAMES),
    SinusoidalPositions: ({}, FRAMES[:1]),
    DilatedConvolution: ({"num_units": 5, "kernel_size": 3, "dilation": 2, "causal": True}, FRAMES),
    NetVLAD: ({"num_clusters": 5}, FRAMES),
    NetRVLAD: ({"num_clusters": 5}, FRAMES),
    NetFisherVector: ({"num_clusters": 5}, FRAMES),
    NeXtVLAD: ({"num_clusters": 5, "num_groups": 3, "expansion": 4}, FRAMES),
    SoftBagOfWords: ({"num_clusters": 5}, FRAMES),
    BatchNormalisation: ({"momentum": 0.5, "epsilon": 0.1, "synchronised": True, "folded": True}, VECTORS),
    NormalisedProjection: ({"num_units": 5}, FRAMES),
    ContextGating: ({}, VECTORS),
    ProbabilityGating: ({}, VECTORS),
    SqueezeExcitationGating: ({"reduction": 3}, VECTORS),
    StreamMixture: ({}, ([VECTORS[0], 2 * VECTORS[0]],)),
    BranchMixture: ({}, (*VECTORS, [2 * VECTORS[0], 1 - VECTORS[0]])),
    Dense: ({"units": 5, "activation": "relu"}, VECTORS),
    LogisticHead: ({"num_classes": 4, "l2": 0.5, "initial_bias": -3.0, "initial_scale": 0.5}, VECTORS),
    MixtureOfExpertsHead: (
        {"num_classes": 4, "num_mixtures": 3, "l2": 0.5, "initial_bias": -3.0, "initial_scale": 0.5},
        VECTORS,
    ),
    CombinedLogits: (
        {"combined": "logistic", "weights": [0.5, 2.0], "intercept": -1.0},
        ([VECTORS[0], 2 * VECTORS[0]],),
    ),
    RerankedLogits: (
        {
            "num_classes": 6,
            "weights": [0.5, 2.0],
            "intercept": -1.0,
            "num_candidates": 4,
            "num_networks": 2,
            "hidden_sizes": [3],
        },
        ([VECTORS[0], 2 * VECTORS[0]],),
    ),
    KernelRegression: (
        {"num_classes": 4, "num_videos": 5, "bandwidth": 0.5, "sizes": [2, 4], "shares": [0.25, 0.75]},
        VECTORS,
    ),
    FeatureScale: ({"weights": [1.0, 0.5], "together": False}, ([VECTORS[0], 2 - VECTORS[0]],)),
    NearestNeighbours: (
        {
            "num_classes": 4,
            "num_videos": 5,
            "num_neighbours": 3,
            "max_labels": 2,
            "sharpness": 2.0,
            "prior_weight": 0.1,
        },
        VECTORS,
    ),
    HiddenFrames: ({"share": 0.5, "length": 2}, FRAMES[1:]),
    VisibleFrames: ({}, FRAMES),
    Whitening: ({}, FRAMES[:1]),
}
"""Arguments that are not the defaults, and inputs to call the layer with."""

ABSTRACT = {Pooling, ClusterPooling, Head, Recurrence}
"""What layers are made from."""


def test_the_table_has_every_layer():
    modules = [import_module(module.name) for module in pkgutil.iter_modules(yt8m.layers.__path__, "yt8m.layers.")]
    classes = {value for module in modules for value in vars(module).values() if inspect.isclass(value)}
    assert {found for found in classes if issubclass(found, keras.layers.Layer)} - ABSTRACT == set(LAYERS)


@pytest.mark.parametrize("layer_class", [each for each in LAYERS if each is not Dense])  # whose arguments are Keras's
def test_the_table_has_every_argument_at_a_value_of_its_own(layer_class):
    """A configuration that forgets an argument makes an equal layer as long as that has its default."""
    made_by = layer_class.__init__
    parameters = () if made_by is keras.layers.Layer.__init__ else inspect.signature(made_by).parameters.values()
    own = [each for each in parameters if each.name != "self" and each.kind is not each.VAR_KEYWORD]
    arguments, _ = LAYERS[layer_class]
    assert set(arguments) == {each.name for each in own}
    assert not [each.name for each in own if arguments[each.name] == each.default]


def arrays(outputs):
    return [np.asarray(output) for output in (outputs if isinstance(outputs, tuple) else (outputs,))]


@pytest.mark.parametrize("layer_class", LAYERS)
def test_the_configuration_makes_an_equal_layer(layer_class):
    arguments, inputs = LAYERS[layer_class]
    layer = layer_class(**arguments, name="some_name", dtype="mixed_bfloat16")
    config = layer.get_config()
    assert {key: config[key] for key in arguments} == arguments
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(twin) is layer_class
    assert twin.get_config() == config
    assert twin.name == "some_name"
    expected = layer(*inputs)
    twin(*inputs)
    twin.set_weights(layer.get_weights())
    for got, wanted in zip(arrays(twin(*inputs)), arrays(expected), strict=True):
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("layer_class", LAYERS)
def test_keras_knows_the_layer_by_name(layer_class):
    name = f"yt8m>{layer_class.__name__}"
    assert keras.saving.get_registered_object(name) is layer_class
    assert keras.saving.get_registered_name(layer_class) == name
