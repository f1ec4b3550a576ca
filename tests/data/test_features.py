"""The texts that describe features, and what follows from a feature's row."""

import dataclasses

import numpy as np
import pytest

from yt8m.config.plain import from_dict, to_dict
from yt8m.data.features import (
    KNOWN,
    Feature,
    in_order,
    names_of,
    parse_features,
    rows_of,
    texts_of,
)
from yt8m.errors import InputError
from yt8m.models import ARCHITECTURES

DESCRIBED = {
    "rgb": Feature("rgb", 1024),
    "audio": Feature("audio", 128, cluster_share=0.5, word_share=0.125),
    "clip:512:float32": Feature("clip", 512, "float32"),
    "clip:512:float16": Feature("clip", 512, "float16"),
    "resnet-50:2048": Feature("resnet-50", 2048),
    "depth:64:uint8:-1:1": Feature("depth", 64, low=-1.0, high=1.0),
    "depth:64:uint8:0:0.1": Feature("depth", 64, low=0.0, high=0.1),
    # The form differs from the known one; what a model makes of it does not.
    "rgb:2048": Feature("rgb", 2048),
    "audio:128:float32": Feature("audio", 128, "float32", cluster_share=0.5, word_share=0.125),
}


@pytest.mark.parametrize("text", DESCRIBED)
def test_a_text_describes_a_feature_and_comes_back(text):
    (found,) = parse_features([text])
    assert dataclasses.replace(found, frame_keys=(), video_keys=()) == DESCRIBED[text]
    known = KNOWN.get(found.name, found)
    assert (found.frame_keys, found.video_keys) == (known.frame_keys, known.video_keys)
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("rgb:1024", "rgb"),
        ("audio:128:uint8", "audio"),
        ("x:5:uint8:-2:2", "x:5"),
        ("x:5:uint8:-1.0:1e0", "x:5:uint8:-1:1"),
    ],
)
def test_equal_features_have_one_text(text, short):
    assert texts_of(parse_features([text])) == (short,)


def test_every_feature_has_a_text():
    random = np.random.default_rng(0)
    letters = "abcXYZ019_-"
    for _ in range(2000):
        name = "n" + "".join(random.choice(list(letters), random.integers(0, 9)))
        size, storage = int(random.integers(1, 65537)), str(random.choice(["uint8", "float16", "float32"]))
        low, high = np.sort(random.normal(0, 10.0 ** random.integers(-20, 20), 2)).tolist()
        ends = (low, high) if storage == "uint8" else ()
        feature = Feature(name, size, storage, *ends)
        assert parse_features([feature.text]) == (feature,)


def test_commas_spaces_and_repetitions():
    expected = (KNOWN["audio"], KNOWN["rgb"], Feature("clip", 16, "float32"))
    assert parse_features(["audio,rgb", "clip:16:float32", "rgb"]) == expected
    assert parse_features("audio, rgb,,clip:16:float32") == parse_features(expected) == rows_of(expected) == expected
    assert names_of(in_order(expected)) == ("rgb", "audio", "clip")
    assert names_of(in_order(parse_features("b:1,a:1,audio"))) == ("audio", "a", "b")


HOW = (
    "it must be rgb or audio, or one of your own as NAME:SIZE (bytes), NAME:SIZE:float32, NAME:SIZE:float16 or "
    "NAME:SIZE:uint8:LOW:HIGH"
)
SIZE = "the size, after the first colon, is from 1 to 65536 values a frame"
RANGE = "a range is its lowest and its highest value, as in clip:5:uint8:-1:1"
MISTAKES = {
    "smell": f"has 'smell'; {HOW}",
    "clip:": f"has 'clip:'; {SIZE}",
    "clip:0": f"has 'clip:0'; {SIZE}",
    "clip:65537": f"has 'clip:65537'; {SIZE}",
    "clip:²": f"has 'clip:²'; {SIZE}",
    "clip:512:int8": "has 'clip:512:int8'; values are stored as uint8, float16, float32, not 'int8'",
    "clip:5:float32:0:1": "has 'clip:5:float32:0:1'; only uint8 has a range, because floats are stored as they are",
    "clip:5:uint8:0": f"has 'clip:5:uint8:0'; {RANGE}",
    "clip:5:uint8:1:1": f"has 'clip:5:uint8:1:1'; {RANGE}",
    "clip:5:uint8:0:inf": f"has 'clip:5:uint8:0:inf'; {RANGE}",
    "clip:5:uint8:a:b": f"has 'clip:5:uint8:a:b'; {RANGE}",
    "rgb,rgb:5": "describes rgb twice, as rgb and rgb:5; give one",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_says_what_to_type(text):
    with pytest.raises(InputError) as caught:
        parse_features([text])
    assert str(caught.value) == f"--data.features {MISTAKES[text]}"


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "labels",
        "num_frames",
        "mean_rgb",
        "context_rgb",
        "segment_start",
        "std_x",
        "a/b",
        "_a",
        "1a",
        "é",
        "a" * 65,
        "",
    ],
)
def test_names_that_mean_something_else(name):
    with pytest.raises(
        InputError, match=f"^--data.features has '{name}:5'; the name of a feature is a letter and then letters"
    ):
        parse_features([f"{name}:5"])


def test_no_text_at_all():
    with pytest.raises(InputError, match=r"^features has 5; it must be rgb or audio"):
        parse_features([5], "features")


@pytest.mark.parametrize(
    ("ends", "zero"), [((-2.0, 2.0), 127), ((-1.0, 1.0), 127), ((0.0, 1.0), 0), ((-1.0, 0.0), 255), ((-1.0, 3.0), 63)]
)
def test_levels_of_a_range(ends, zero):
    """Level 0 lies half a 256th of the range above the lower edge; 255 levels of equal width follow."""
    feature = Feature("x", 4, low=ends[0], high=ends[1])
    levels = np.arange(256) * feature.scale + feature.offset
    width = ends[1] - ends[0]
    np.testing.assert_allclose(levels[[0, 255]], [ends[0] + width / 512, ends[1] + width / 512])
    assert feature.zero == zero == np.abs(levels).argmin()


def test_floats_are_as_they_are():
    feature = Feature("clip", 3, "float16")
    assert (feature.scale, feature.offset, feature.zero, feature.frame_bytes, feature.dtype) == (
        1.0,
        0.0,
        0,
        6,
        np.float16,
    )
    assert Feature("clip", 3, "float32").frame_bytes == 12


def test_shares_of_clusters():
    rgb, audio = KNOWN["rgb"], KNOWN["audio"]
    assert [rgb.share_of(9), audio.share_of(9), audio.share_of(1), audio.share_of(1, 2)] == [9, 4, 1, 2]


def test_a_configuration_keeps_texts():
    plain = {"model": {"name": "logistic"}, "data": {"features": ["rgb:1024,clip:512:float32"]}}
    config = from_dict(plain, ARCHITECTURES)
    assert config.data.features == ("rgb", "clip:512:float32")
    assert to_dict(config)["data"]["features"] == ["rgb", "clip:512:float32"]
    assert from_dict(to_dict(config), ARCHITECTURES) == config
    assert from_dict(plain | {"data": {"features": ["rgb", "audio"]}}, ARCHITECTURES).data.features == ("rgb", "audio")
