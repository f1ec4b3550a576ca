"""`keras:NAME`: networks of keras.applications, with random weights, as no weights can be fetched here."""

import keras
import numpy as np
import pytest
from misbehaving_server import serve

from yt8m.errors import InputError
from yt8m.extracting.networks import applications
from yt8m.extracting.networks.applications import _SIZES, _applications
from yt8m.extracting.networks.registry import load_network


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    """Frames of 32 x 32, so that tests are quick."""
    monkeypatch.setitem(_SIZES, "MobileNet", 32)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of random weights of MobileNet, which has few layers, and the model."""
    keras.utils.set_random_seed(3)
    model = keras.applications.MobileNet(weights=None, include_top=False, pooling="avg", input_shape=(32, 32, 3))
    path = tmp_path_factory.mktemp("weights") / "mobilenet_notop.weights.h5"
    model.save_weights(path)
    return path, model


@pytest.mark.slow
def test_values_are_those_of_the_network_with_its_own_preparation(weights):
    path, model = weights
    network = load_network("keras:MobileNet", weights=path)
    pixels = np.random.default_rng(2).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    assert network.prepare(pixels[0]).tolist() == pixels[0].tolist()
    found = network.frames(pixels)
    expected = model.predict(pixels.astype(np.float32) / 127.5 - 1, verbose=0)
    assert found.dtype == np.float32
    assert expected.std() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)
    assert [each.text for each in network.features] == ["MobileNet:1024:float16", "log_mel:128:uint8:-5:7"]


@pytest.fixture
def server(monkeypatch):
    """A stand-in for the server that Keras fetches weights from."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve({}) as served:
        yield served


@pytest.fixture
def tiny(monkeypatch, tmp_path, server):
    """A network of one layer as `keras:Tiny`, a function that writes its weights, and their path."""
    path = tmp_path / "tiny_notop.weights.h5"

    def build(include_top=True, weights="imagenet", input_shape=None, pooling=None):
        given = keras.Input(input_shape)
        model = keras.Model(given, keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 1)(given)))
        if weights == "imagenet":
            weights = keras.utils.get_file("tiny.weights.h5", f"{server.url}/tiny.weights.h5", cache_dir=str(tmp_path))
        if weights:
            model.load_weights(weights)
        return model

    def write(*values, path=path, size=3):
        model = keras.Sequential([keras.Input((32, 32, size)), keras.layers.Conv2D(2, 1)])
        model.set_weights([np.full((1, 1, size, 2), values[0]), np.array(values[1:])])
        model.save_weights(path)
        return path

    build.__module__ = keras.applications.MobileNet.__module__
    monkeypatch.setattr(keras.applications, "Tiny", build, raising=False)
    monkeypatch.setitem(_SIZES, "Tiny", 32)
    return write


def test_identity_is_that_of_the_weights(tiny, tmp_path):
    first = load_network("keras:Tiny", weights=tiny(1.0, 2.0, 3.0))
    copied = load_network("keras:Tiny", weights=tiny(1.0, 2.0, 3.0, path=tmp_path / "copy.weights.h5"))
    changed = load_network("keras:Tiny", weights=tiny(1.0, 2.0, 3.5))
    assert first.identity == copied.identity != changed.identity
    assert first.identity["name"] == "keras:Tiny"
    # White pixels are 1 each after MobileNet's preparation: the sum of three, and the bias.
    assert first.frames(np.full((1, 32, 32, 3), 255, np.uint8)).tolist() == [[5, 6]]


def test_weights_that_keras_fetches_are_those_of_a_file_and_nothing_is_printed(tiny, server, capfd):
    path = tiny(1.0, 2.0, 3.0)
    server.files["/tiny.weights.h5"] = path.read_bytes()
    capfd.readouterr()
    assert load_network("keras:Tiny").identity == load_network("keras:Tiny", weights=path).identity
    assert capfd.readouterr().out == ""
    assert keras.config.is_interactive_logging_enabled()


def test_without_a_network_the_way_out_is_one_line(tiny, server, capfd):
    server.url = "http://127.0.0.1:1"
    with pytest.raises(
        InputError, match=r"its weights cannot be fetched .* refused.*; give a file with --weights"
    ) as raised:
        load_network("keras:Tiny")
    assert "\n" not in str(raised.value)
    assert capfd.readouterr().out == ""


def test_mistakes_are_one_line(tiny, tmp_path):
    (tmp_path / "text.weights.h5").write_text("no weights")
    other = tiny(1.0, 2.0, 3.0, path=tmp_path / "other.weights.h5", size=4)
    for name, file, message in [
        ("keras:MobileNett", None, "unknown network of Keras 'MobileNett'; did you mean MobileNet?"),
        ("keras:", None, "unknown network of Keras ''"),
        ("keras:Tiny", tmp_path / "none.h5", "none.h5: no such file; it was given for network keras:Tiny"),
        ("keras:Tiny", tmp_path / "text.weights.h5", "holds no weights that fit keras:Tiny"),
        ("keras:Tiny", other, "holds no weights that fit keras:Tiny"),
        ("efficientnet-lite0", other, "network efficientnet-lite0 takes no file of weights"),
    ]:
        with pytest.raises(InputError, match=message.replace("?", r"\?")) as raised:
            load_network(name, weights=file)
        assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="network keras:Tiny takes no folder"):
        load_network("keras:Tiny", folder=tmp_path)
    with pytest.raises(
        InputError, match="unknown network 'inception'; it must be yt8m, efficientnet-lite0, keras:NAME"
    ):
        load_network("inception")


def test_every_network_of_keras_is_known():
    names = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(_applications()) == names
    assert set(_SIZES) <= names


SOME = ["MobileNet", "MobileNetV3Small", "NASNetMobile", "Xception", "InceptionV3", "EfficientNetB0", "EfficientNetB1"]
"""The large ones take minutes to build."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [*SOME, "EfficientNetB4", "EfficientNetV2B0", "EfficientNetV2B3"])
def test_each_gets_frames_of_its_own_size(name, monkeypatch):
    """Models with a classifier know the size that they were trained with; those of MobileNetV3 take any."""
    monkeypatch.undo()
    build, _ = _applications()[name]
    model = build(weights=None)
    size = applications._SIZES.get(name, 224)
    assert model.input_shape[1:3] in ((size, size), (None, None))
    assert (model.input_shape[1] is None) == name.startswith("MobileNetV3")
