"""Reading old PyTorch files without running anything of them. Files are written here as PyTorch wrote them."""

import collections
import io
import os
import pickle
import struct
import sys
import types

import numpy as np
import pytest

from yt8m.errors import InputError
from yt8m.extracting.networks.torch_files import read_torch_file

MAGIC = 0x1950A86A20F9469CFC6C


class Reference:
    """Stands for a storage in what is pickled."""

    def __init__(self, kind, key, size):
        self.pid = ("storage", kind, key, "cpu", size, None)


class Writer(pickle.Pickler):
    """Writes references as PyTorch did."""

    def persistent_id(self, obj):
        return obj.pid if isinstance(obj, Reference) else None


@pytest.fixture
def torch(monkeypatch):
    """Stand-ins with the names that a file refers to."""

    def rebuild(*given):
        raise AssertionError("nothing of a file is called")

    rebuild.__module__, rebuild.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    made, inner = types.ModuleType("torch"), types.ModuleType("torch._utils")
    for name in ("FloatStorage", "LongStorage", "CharStorage"):
        setattr(made, name, type(name, (), {"__module__": "torch"}))
    inner._rebuild_tensor_v2, made._utils = rebuild, inner
    monkeypatch.setitem(sys.modules, "torch", made)
    monkeypatch.setitem(sys.modules, "torch._utils", inner)
    return made


class Tensor:
    """Pickled as a call of PyTorch's function."""

    def __init__(self, torch, reference, offset, shape, strides):
        self.call = (
            torch._utils._rebuild_tensor_v2,
            (reference, offset, shape, strides, False, collections.OrderedDict()),
        )

    def __reduce__(self):
        return self.call


def content_of(named, storages, system=None):
    """A file of tensors and the storages that they refer to."""
    file = io.BytesIO()
    for each in (MAGIC, 1001, system or {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}):
        pickle.dump(each, file, 2)
    Writer(file, 2).dump(named)
    pickle.dump(sorted(storages), file, 2)
    for key in sorted(storages):
        file.write(struct.pack("<q", storages[key].size) + storages[key].tobytes())
    return file.getvalue()


@pytest.fixture
def stored(torch):
    values = {"1": np.arange(12, dtype=np.float32), "2": np.array([7], np.int64)}
    first, second = Reference(torch.FloatStorage, "1", 12), Reference(torch.LongStorage, "2", 1)
    named = collections.OrderedDict(
        whole=Tensor(torch, first, 0, (3, 4), (4, 1)),
        turned=Tensor(torch, first, 1, (4, 2), (1, 4)),
        count=Tensor(torch, second, 0, (), ()),
    )
    named._metadata = {"version": 1}
    return named, values


def test_tensors_come_back_as_views_of_their_storages(stored, tmp_path):
    (tmp_path / "file.pth").write_bytes(content_of(*stored))
    found = read_torch_file(tmp_path / "file.pth")
    assert found["whole"].tolist() == np.arange(12).reshape(3, 4).tolist()
    assert found["turned"].tolist() == [[1, 5], [2, 6], [3, 7], [4, 8]]
    assert (found["count"], found["count"].dtype) == (7, np.int64)


class Running:
    """Runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("place", ["first", "last", "value"])
def test_nothing_of_a_file_runs(stored, tmp_path, place):
    named, values = stored
    trap = Running(tmp_path / "ran")
    named["trap"] = trap
    content = content_of(named, values)
    if place != "value":
        content = pickle.dumps(trap) + content if place == "first" else pickle.dumps(MAGIC, 2) + pickle.dumps(trap)
    (tmp_path / "file.pth").write_bytes(content)
    with pytest.raises(InputError, match=r"it names (posix|nt)\.system, which no file of weights needs"):
        read_torch_file(tmp_path / "file.pth")
    assert not (tmp_path / "ran").exists()


def test_other_names_of_the_same_libraries_are_refused(torch, tmp_path):
    for named in ({"a": collections.Counter()}, {"a": torch.CharStorage}, {"a": np.zeros(1)}, {"a": print}):
        (tmp_path / "file.pth").write_bytes(content_of(named, {}))
        with pytest.raises(InputError, match=r"it names .*, which no file of weights needs"):
            read_torch_file(tmp_path / "file.pth")


def test_tensors_stay_in_their_storages(torch, tmp_path):
    reference = Reference(torch.FloatStorage, "1", 12)
    for place in [
        (1, (3, 4), (4, 1)),
        (-1, (1,), (1,)),
        (0, (2,), (12,)),
        (0, (1 << 40,), (0,)),
        (0, (2,), (1, 1)),
        (0, ("a",), (1,)),
    ]:
        content = content_of({"tensor": Tensor(torch, reference, *place)}, {"1": np.zeros(12, np.float32)})
        (tmp_path / "file.pth").write_bytes(content)
        with pytest.raises(InputError, match="it holds something else than tensors by name"):
            read_torch_file(tmp_path / "file.pth")


def test_damage_is_one_line(stored, tmp_path):
    content = content_of(*stored)
    path = tmp_path / "file.pth"
    for end in (0, 1, 20, 60, 200, len(content) - 60, len(content) - 1):
        path.write_bytes(content[:end])
        with pytest.raises(InputError, match="is no file of weights that can be read") as raised:
            read_torch_file(path)
        assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_torch_file(tmp_path / "missing.pth")
    path.write_bytes(content_of(*stored, system={"little_endian": False}))
    with pytest.raises(InputError, match="its bytes are in another order"):
        read_torch_file(path)
    path.write_bytes(b"PK\x03\x04" + content)
    with pytest.raises(InputError, match="is no file of weights that can be read"):
        read_torch_file(path)
