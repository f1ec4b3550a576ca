"""The file of a model's weights: Keras can read it, and no disk or damage brings more than one line."""

import contextlib
import resource
import warnings

import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.models import build_model
from yt8m.runs.weights import load_weights, save_weights


@pytest.fixture(scope="module")
def models():
    """Two models alike with unlike weights, with layers in layers and moving statistics."""
    sizes = {"num_clusters": 3, "hidden_size": 4, "features": ("audio",)}
    return [build_model("netvlad", 5, **sizes) for _ in range(2)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.weights.h5"


def values(model):
    return [variable.numpy() for variable in model.variables]


def assert_equal(first, second):
    for one, other in zip(values(first), values(second), strict=True):
        np.testing.assert_array_equal(one, other)


def differ(first, second) -> bool:
    return any(np.any(one != other) for one, other in zip(values(first), values(second), strict=True))


@pytest.mark.parametrize("load", [load_weights, lambda model, path: model.load_weights(path)], ids=["ours", "keras"])
def test_weights_come_back(models, path, load):
    original, other = models
    other.set_weights([weight + 1 for weight in other.get_weights()])
    assert differ(original, other)
    save_weights(original, path)
    load(other, path)
    assert_equal(original, other)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_file_is_the_one_that_keras_would_write(models, path, tmp_path):
    save_weights(models[0], path)
    models[0].save_weights(tmp_path / "keras.weights.h5")
    assert path.stat().st_size == pytest.approx((tmp_path / "keras.weights.h5").stat().st_size, rel=0.1)
    models[1].load_weights(path)
    assert_equal(*models)


@contextlib.contextmanager
def full_disk(num_bytes: int):
    """A limit on the size of files: writing beyond it fails as on a full disk, only with another error number."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_line_and_what_was_saved_before_is_kept(models, path):
    save_weights(models[0], path)
    before = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        with full_disk(int(share * len(before))), pytest.raises(InputError) as caught:
            save_weights(models[0], path)
        assert str(caught.value).startswith(f"{path}: cannot be written (File too large)")
        assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_damaged_weights_are_named_in_one_line(models, path):
    save_weights(models[0], path)
    content = path.read_bytes()
    damaged = [content[: len(content) * cut // 8] for cut in range(8)]
    damaged += [content[:position] + b"\x93" * 64 + content[position + 64 :] for position in range(0, 4096, 256)]
    damaged += [b"not an HDF5 file"]
    messages = []
    for each in damaged:
        path.write_bytes(each)
        try:
            load_weights(models[1], path)
        except InputError as error:
            messages.append(str(error))
    assert len(messages) > 5, "in padding, or among the values themselves, damage cannot be seen"
    assert all(message.startswith(f"{path}: cannot be loaded (") for message in messages)
    assert not any("\n" in message for message in messages)


def test_weights_of_another_model_are_refused(models, path):
    save_weights(models[0], path)
    with pytest.raises(InputError, match="of another model") as caught:
        load_weights(build_model("netvlad", 5, num_clusters=8, hidden_size=4, features=("audio",)), path)
    assert "\n" not in str(caught.value)


class WarningModel:
    """Warns before it fails, as Keras does of layers that the file has no weights of."""

    def load_weights(self, path):
        warnings.warn("Skipping nested container", stacklevel=2)
        raise ValueError("Shape mismatch")


def test_a_failure_is_told_without_the_warnings_before_it(path, recwarn):
    with pytest.raises(InputError, match=r"cannot be loaded \(Shape mismatch\)"):
        load_weights(WarningModel(), path)
    assert not recwarn.list
