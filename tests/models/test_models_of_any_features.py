"""Models of features that nobody foresaw: their bytes, halves and floats mean the same numbers."""

import numpy as np
import pytest
from small_models import SMALL, is_frame_level, list_models, randomise

from yt8m.data.features import parse_features
from yt8m.data.quantisation import dequantise
from yt8m.errors import InputError
from yt8m.models import build_model, make_architecture
from yt8m.models.registry import build_for_training

NUM_CLASSES = 5
STORED = parse_features("audio,tags:16:uint8:-1:3,clip:24:float32,half:8:float16")
AS_FLOATS = parse_features("audio:128:float32,tags:16:float32,clip:24:float32,half:8:float32")
NUM_FRAMES = np.array([6, 3, 1, 0], np.int32)


def stored_batch() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    batch = {}
    for feature in STORED:
        shape = len(NUM_FRAMES), 6, feature.size
        if feature.is_quantised:
            batch[feature.name] = random.integers(0, 256, shape, np.uint8)
        else:
            batch[feature.name] = random.normal(0, 1, shape).astype(feature.dtype)
    return batch | {"num_frames": NUM_FRAMES}


@pytest.mark.parametrize("name", list_models())
def test_stored_values_mean_the_same_as_floats(name):
    """In the float model, NumPy's dequantised values; the rest of the model is the same."""
    models = [build_model(name, NUM_CLASSES, features=features, **SMALL[name]) for features in (STORED, AS_FLOATS)]
    randomise(models[0])
    models[1].set_weights(models[0].get_weights())
    batch = stored_batch()
    values = {each.name: dequantise(batch[each.name], each) for each in STORED}
    if is_frame_level(name):
        assert {each.name: (each.shape[1:], each.dtype) for each in models[0].inputs} == {
            **{each.name: ((None, each.size), each.storage) for each in STORED},
            "num_frames": ((), "int32"),
        }
        inputs = batch, values | {"num_frames": NUM_FRAMES}
    else:
        means = {each.video_name: values[each.name].mean(axis=1) for each in STORED}
        assert {each.name: each.shape[1:] for each in models[0].inputs} == {
            each.video_name: (each.size,) for each in STORED
        }
        inputs = means, means
    logits = [np.asarray(model(each, training=False)) for model, each in zip(models, inputs, strict=True)]
    assert logits[0].shape == (4, NUM_CLASSES)
    assert np.ptp(logits[0], axis=0).min() > 1e-4
    np.testing.assert_allclose(logits[0], logits[1], rtol=2e-4, atol=2e-4)


def test_the_order_in_which_features_are_named_changes_nothing():
    named = "zoo:3:float32", "rgb", "ape:5", "audio"
    models = [build_model("netvlad", 3, features=names, **SMALL["netvlad"]) for names in (named, named[::-1])]
    assert [list(model.input) for model in models] == [["rgb", "audio", "ape", "zoo", "num_frames"]] * 2
    assert [each.shape for each in models[0].weights] == [each.shape for each in models[1].weights]


@pytest.mark.thorough
def test_own_share_of_clusters():
    """All for rgb and what is not known, half for audio, whatever its form is."""
    model = build_model(
        "netvlad", 3, features=("rgb", "audio:7:float32", "clip:9"), **SMALL["netvlad"] | {"num_clusters": 6}
    )
    clusters = {name: model.get_layer(f"netvlad_{name}").num_clusters for name in ("rgb", "audio", "clip")}
    assert clusters == {"rgb": 6, "audio": 3, "clip": 6}
    model = build_model(
        "soft_dbow", 3, features=("rgb", "audio", "clip:9"), **SMALL["soft_dbow"] | {"num_clusters": 40}
    )
    clusters = {name: model.get_layer(f"words_{name}").num_clusters for name in ("rgb", "audio", "clip")}
    assert clusters == {"rgb": 40, "audio": 5, "clip": 40}


def test_groups_must_divide_the_frames_of_every_feature():
    with pytest.raises(InputError) as caught:
        build_model("nextvlad", 3, features=("clip:9",), num_groups=4, expansion=2)
    assert str(caught.value) == (
        "--model.num-groups is 4; an expanded clip frame of 18 values cannot be cut into 4 equal groups; choose a power of 2"
    )
    assert build_model("nextvlad", 3, features=("clip:9",), num_groups=6, expansion=2, hidden_size=4, num_clusters=2)


def test_a_feature_with_the_name_of_a_layer():
    with pytest.raises(InputError) as caught:
        build_model("frame_logistic", 3, features=("head:4",))
    assert str(caught.value) == (
        "--data.features has 'head', and frame_logistic has a layer of that name; write the records with another name for "
        "the feature"
    )


def test_segments_with_their_video():
    built = build_for_training(make_architecture("frame_logistic"), 3, ("clip:4:float32",), with_context=True)
    shapes = {each.name: (each.shape[1:], each.dtype) for each in built.predicting.inputs}
    frames, count = ((None, 4), "float32"), ((), "int32")
    assert shapes == {"clip": frames, "num_frames": count, "context_clip": frames, "context_num_frames": count}
