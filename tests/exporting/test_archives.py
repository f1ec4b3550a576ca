"""Archives and Keras files make the run again; what others put into such files does nothing."""

import dataclasses
import gzip
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from made_runs import make_run, scored
from small_models import make_batch

from yt8m import config as configuration
from yt8m import runs
from yt8m.errors import InputError
from yt8m.exporting import archives, exporting
from yt8m.exporting.archives import unpack
from yt8m.exporting.exporting import export
from yt8m.runs.model import load_run
from yt8m.scoring.evaluation import evaluate

FRAMES = "2/frame/validate"
CONFIG, WEIGHTS = "config.json", "best/model.weights.h5"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("archives")


@pytest.fixture(scope="module")
def run(directory, sample):
    paths = {"root": str(sample), "validate": (str(sample / FRAMES),), "train": (str(sample / "2/frame/train"),)}
    return make_run(directory / "run", "frame_logistic", features=("audio",), **paths)


@pytest.fixture(scope="module")
def archive(run, directory):
    return export(run.run, directory / "model.tgz", "archive").path


@pytest.fixture(scope="module")
def keras_file(run, directory):
    return export(run.run, directory / "model.keras", "keras").path


def weights_of(run) -> list[np.ndarray]:
    return [variable.numpy() for variable in load_run(run).variables]


@pytest.mark.parametrize("kind", ["archive", "keras_file"])
def test_a_run_comes_out_again_bit_for_bit_without_its_places(kind, run, tmp_path, request):
    out = str(tmp_path / "new" / "run")
    unpacked = unpack(request.getfixturevalue(kind), out)
    assert (unpacked.run, unpacked.model) == (out, "frame_logistic")
    assert unpacked.num_bytes == sum(path.stat().st_size for path in (tmp_path / "new").rglob("*") if path.is_file())
    for first, second in zip(weights_of(run.run), weights_of(out), strict=True):
        np.testing.assert_array_equal(first, second)
    data = dataclasses.replace(run.data, root="", train=(), validate=())
    assert runs.load_config(out) == dataclasses.replace(run, run=out, data=data)


def test_no_path_of_this_machine_is_in_an_archive(run, archive, keras_file):
    somewhere = os.path.dirname(run.run).encode()
    with gzip.open(archive) as file:
        assert somewhere not in file.read()
    with zipfile.ZipFile(keras_file) as file:
        assert not any(somewhere in file.read(name) for name in file.namelist())


def test_an_archive_has_the_same_bytes_again(run, archive, tmp_path):
    again = export(run.run, tmp_path / "again.tgz", "archive")
    with open(archive, "rb") as first, open(again.path, "rb") as second:
        assert first.read() == second.read()


def test_keras_loads_its_file_and_computes_the_run_s_logits(run, keras_file):
    loaded = keras.models.load_model(keras_file)
    batch = make_batch("frame_logistic", features=("audio",))
    np.testing.assert_array_equal(loaded(batch), load_run(run.run)(batch))


@pytest.mark.slow
@pytest.mark.parametrize("format", ["archive", "keras"])
def test_float16_halves_the_file_and_its_change_is_that_of_the_run_it_makes(format, run, directory, sample, tmp_path):
    sizes = [
        export(run.run, f"{tmp_path}/{half}.keras", format, float16=half, max_gigabytes=None) for half in (False, True)
    ]
    count = sum(value.size for value in weights_of(run.run))
    assert sizes[0].num_bytes - sizes[1].num_bytes == 2 * count
    assert sizes[0].change is None
    unpack(sizes[1].path, tmp_path / "halved")
    change = sizes[1].change
    assert change.metric == "gap"
    assert change.count == 13
    assert change.before == evaluate(run.run)["gap"]
    assert change.after == evaluate(str(tmp_path / "halved"), [str(sample / FRAMES)])["gap"]
    halved = runs.load_config(tmp_path / "halved")
    exact, rounded = (scored(each, sample / FRAMES)["scores"] for each in (run, halved))
    np.testing.assert_allclose(rounded, exact, atol=1e-2)
    assert np.abs(rounded - exact).max() > 0


def test_an_export_never_replaces_a_part_of_its_run(run, tmp_path):
    place = Path(run.run)
    (tmp_path / "link").symlink_to(place)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    for out, format in (
        *((place / "config.json", "archive"), (place / "best/model.weights.h5", "litert")),
        *((tmp_path / "link/best/new/model.keras", "keras"), (place / "checkpoints", "saved-model")),
    ):
        with pytest.raises(InputError, match=r"belongs to the run .*; name another place"):
            export(run.run, out, format)
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    (tmp_path / "model.tgz").write_bytes(b"old")
    export(tmp_path / "link", tmp_path / "model.tgz", "archive")
    assert unpack(tmp_path / "model.tgz", tmp_path / "unpacked").model == "frame_logistic"


@pytest.mark.parametrize("num_frames", [0, 10_001, 10**12])
def test_no_more_frames_than_there_is_memory_for(num_frames, run, tmp_path):
    with pytest.raises(InputError, match=f"num_frames is {num_frames}; it must be from 1 to 10000"):
        export(run.run, tmp_path / "model", "saved-model", num_frames=num_frames)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("place", "format", "limit"), [("out.tgz", "archive", {"max_gigabytes": 1e-6}), ("/proc/new", "saved-model", {})]
)
def test_what_is_too_large_or_has_no_place_is_refused_before_anything_is_measured(
    place, format, limit, run, tmp_path, monkeypatch
):
    monkeypatch.setattr(exporting, "measure_source", lambda *_, **__: pytest.fail("the scores are measured first"))
    with pytest.raises(InputError, match=r"more than the .* allowed|^/proc/new: cannot be made"):
        export(run.run, tmp_path / place, format, float16=True, **limit)
    assert not list(tmp_path.iterdir())


def test_an_archive_of_more_than_the_rule_allows_is_not_written(run, tmp_path):
    size = export(run.run, tmp_path / "small.tgz", "archive").num_bytes
    export(run.run, tmp_path / "just.tgz", "archive", max_gigabytes=size / 1e9)
    with pytest.raises(InputError, match=r"uncompressed, more than the .* GB allowed .* --float16"):
        export(run.run, tmp_path / "large.tgz", "archive", max_gigabytes=(size - 1) / 1e9)
    assert sorted(path.name for path in tmp_path.glob("*.tgz")) == ["just.tgz", "small.tgz"]
    assert not list(tmp_path.glob("large*"))
    with pytest.raises(InputError, match="more than the"):
        unpack(tmp_path / "small.tgz", tmp_path / "run", max_gigabytes=(size - 1) / 1e9)
    assert not (tmp_path / "run").exists()


def test_without_a_flag_the_rule_is_one_gigabyte(run, tmp_path, monkeypatch):
    assert archives.GIGABYTE == 1e9
    size = export(run.run, tmp_path / "small.tgz", "archive").num_bytes
    monkeypatch.setattr(archives, "GIGABYTE", size)
    export(run.run, tmp_path / "just.tgz", "archive")
    monkeypatch.setattr(archives, "GIGABYTE", size - 1)
    with pytest.raises(InputError, match="uncompressed, more than the 1 GB allowed"):
        export(run.run, tmp_path / "large.tgz", "archive")
    with pytest.raises(InputError, match="more than the 1 GB allowed"):
        unpack(tmp_path / "small.tgz", tmp_path / "run")


@pytest.fixture(scope="module")
def contents(archive) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def member(name: str, content: bytes = b"", **attributes) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for key, value in attributes.items():
        setattr(info, key, value)
    return info, content


def write_tar(path, members) -> None:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))


HOSTILE = {
    "an absolute path": member("/tmp/yt8m_outside", b"x"),
    "a path upwards": member("../yt8m_outside", b"x"),
    "a path up and down": member("best/../../yt8m_outside", b"x"),
    "a link": member("best/link", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a link in the configuration's place": member(CONFIG, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "a hard link": member("config.json", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
    "a device": member(CONFIG, type=tarfile.CHRTYPE),
    "a named pipe": member(CONFIG, type=tarfile.FIFOTYPE),
    "a directory elsewhere": member("../elsewhere", type=tarfile.DIRTYPE),
    "something else": member("best/run.py", b"x"),
}


@pytest.mark.parametrize("odd", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("first", [True, False])
def test_a_hostile_archive_is_refused_and_leaves_nothing(odd, first, contents, tmp_path):
    good = [member(name, content) for name, content in contents.items()]
    write_tar(tmp_path / "hostile.tgz", [odd, *good] if first else [*good, odd])
    with pytest.raises(InputError, match=r"hostile\.tgz: holds ") as refused:
        unpack(tmp_path / "hostile.tgz", tmp_path / "inner" / "run")
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["hostile.tgz"]
    assert not os.path.exists("/tmp/yt8m_outside")


def test_an_archive_that_somebody_packed_again_is_taken(contents, tmp_path):
    directories = [member(name, type=tarfile.DIRTYPE) for name in ("./", "./best")]
    write_tar(tmp_path / "again.tgz", [*directories, *(member(f"./{name}", each) for name, each in contents.items())])
    assert unpack(tmp_path / "again.tgz", tmp_path / "run").model == "frame_logistic"


def tar_of(path, contents, **changes) -> str:
    members = {CONFIG: contents[CONFIG], WEIGHTS: contents[WEIGHTS]} | changes
    write_tar(path, [member(name, content) for name, content in members.items() if content is not None])
    return path


def refusal(path, out) -> str:
    with pytest.raises(InputError) as refused:
        unpack(path, out)
    assert not out.exists()
    assert not [each for each in out.parent.iterdir() if each.name.startswith(".")]
    return str(refused.value)


def some_weights(contents) -> bytes:
    """Some bytes that lie among the weights."""
    with h5py.File(io.BytesIO(contents[WEIGHTS])) as file:
        found = []
        file.visititems(lambda name, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
        return max(found, key=lambda item: item.size)[()].tobytes()[:16]


def test_damaged_archives_say_what_is_wrong(contents, tmp_path, archive):
    out = tmp_path / "run"
    assert "no such file" in refusal(tmp_path / "nothing.tgz", out)
    assert refusal(tmp_path, out).startswith(f"{tmp_path}: is a directory; give a file that")
    (tmp_path / "text").write_text("hello")
    assert "is not an archive, or is damaged (it is not compressed with gzip); give" in refusal(tmp_path / "text", out)
    (tmp_path / "empty").touch()
    assert "is not an archive, or is damaged (it is empty); give" in refusal(tmp_path / "empty", out)
    (tmp_path / "no.tgz").write_bytes(gzip.compress(b"neither header nor blocks" * 100))
    assert "is not an archive, or is damaged (no tar archive is in it); give" in refusal(tmp_path / "no.tgz", out)
    with open(archive, "rb") as file:
        content = file.read()
    (tmp_path / "cut.tgz").write_bytes(content[: len(content) // 2])
    assert "is not an archive, or is damaged (it is cut off); give" in refusal(tmp_path / "cut.tgz", out)
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 255
    (tmp_path / "flipped.tgz").write_bytes(flipped)
    assert "flipped.tgz: " in refusal(tmp_path / "flipped.tgz", out)
    whole = tar_of(tmp_path / "stored.tgz", contents)
    plain = bytearray(gzip.decompress(whole.read_bytes()))
    stored = bytearray(gzip.compress(plain, compresslevel=0))
    stored[stored.index(some_weights(contents)) + 1] ^= 1  # a weight that is a little different, and nothing else
    whole.write_bytes(stored)
    assert "is not an archive, or is damaged (its bytes do not match their checksum); give" in refusal(whole, out)
    assert f"has no {WEIGHTS}" in refusal(tar_of(tmp_path / "a.tgz", contents, **{WEIGHTS: None}), out)
    assert "has no config.json" in refusal(tar_of(tmp_path / "b.tgz", contents, **{CONFIG: None}), out)
    assert "b.tgz/config.json: is not JSON" in refusal(tar_of(tmp_path / "b.tgz", contents, **{CONFIG: b"{"}), out)
    assert "nested too deeply" in refusal(tar_of(tmp_path / "c.tgz", contents, **{CONFIG: b"[" * 100_000}), out)
    unknown = json.dumps(json.loads(contents[CONFIG]) | {"model": {"name": "resnet"}}).encode()
    assert "unknown model" in refusal(tar_of(tmp_path / "d.tgz", contents, **{CONFIG: unknown}), out)
    text = refusal(tar_of(tmp_path / "e.tgz", contents, **{WEIGHTS: b"hello"}), out)
    assert text.startswith(f"{tmp_path}/e.tgz/best/model.weights.h5: is not a weights file")


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_keras_files_that_are_packed_otherwise_are_taken_and_damaged_ones_named(compression, keras_file, tmp_path):
    path, out = tmp_path / "packed.keras", tmp_path / "run"
    with zipfile.ZipFile(keras_file) as plain, zipfile.ZipFile(path, "w", compression) as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert unpack(path, tmp_path / "whole").model == "frame_logistic"
    damaged = bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 30] = bytes(each ^ 0x5A for each in damaged[middle : middle + 30])
    path.write_bytes(damaged)
    text = refusal(path, out)
    assert text.startswith(f"{path}: is")
    assert "damaged" in text
    assert "\n" not in text


def test_a_damaged_header_of_an_archive_is_named(contents, tmp_path):
    sparse = {"GNU.sparse.map": "0,x", "GNU.sparse.size": "q"}
    write_tar(tmp_path / "a.tgz", [member(CONFIG, contents[CONFIG], pax_headers=sparse)])
    assert "is not an archive, or is damaged" in refusal(tmp_path / "a.tgz", tmp_path / "run")


@pytest.mark.parametrize("num_classes", [11, 13, 24, 10**12, 10**30])
def test_a_configuration_of_other_classes_than_the_weights_is_refused(num_classes, contents, tmp_path):
    values = json.loads(contents[CONFIG])
    values["data"]["num_classes"] = num_classes
    path = tar_of(tmp_path / "a.tgz", contents, **{CONFIG: json.dumps(values).encode()})
    assert f"has no layer of the {num_classes} classes" in refusal(path, tmp_path / "run")


@pytest.mark.thorough
def test_a_small_file_that_would_become_a_huge_one_is_refused(contents, tmp_path):
    bomb = tmp_path / "bomb.tgz"
    zeros, left = bytes(1 << 20), 40
    with gzip.open(bomb, "wb", compresslevel=9) as file:
        info, _ = member(WEIGHTS)
        info.size = left << 20
        file.write(info.tobuf())
        for _ in range(left):
            file.write(zeros)
    assert bomb.stat().st_size < 1 << 16
    with pytest.raises(InputError, match=r"more than the 0\.02 GB"):
        unpack(bomb, tmp_path / "run", max_gigabytes=0.02)
    header, _ = member("././@PaxHeader", type=tarfile.XHDTYPE)
    header.size = left << 20
    with gzip.open(bomb, "wb") as file:  # headers are read into memory
        file.write(header.tobuf(tarfile.USTAR_FORMAT))
        for _ in range(left):
            file.write(zeros)
    with pytest.raises(InputError, match=r"more than the 0\.02 GB"):
        unpack(bomb, tmp_path / "run", max_gigabytes=0.02)
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("metadata.json", bytes(left << 20))
        file.writestr("model.weights.h5", b"")
    with pytest.raises(InputError, match=r"more than the 0\.02 GB"):
        unpack(tmp_path / "bomb.keras", tmp_path / "run", max_gigabytes=0.02)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bomb.keras", "bomb.tgz"]


def weights_with(contents, change) -> bytes:
    content = io.BytesIO(contents[WEIGHTS])
    with h5py.File(content, "r+") as file:
        change(file)
    return content.getvalue()


def test_weights_that_reach_outside_their_file_are_refused(contents, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(bytes(64))
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource(str(secret), "values", (4,))

    def linked(file):
        file["elsewhere"] = h5py.ExternalLink(str(secret), "/")

    def soft(file):
        file["elsewhere"] = h5py.SoftLink("/layers")

    def circular(file):
        file["layers/again"] = file["/"]

    changes = {
        "holds a link, 'elsewhere'": [linked, soft],
        "takes values of 'more' from another file": [
            lambda file: file.create_dataset("more", (16,), "f4", external=[(str(secret), 0, 64)]),
            lambda file: file.create_virtual_dataset("more", layout),
        ],
        "says that it holds": [
            lambda file: file.create_dataset("more", (1 << 40,), "f4", chunks=(1 << 10,), compression="gzip")
        ],
        "is not a weights file": [circular],
    }
    for words, each in changes.items():
        for change in each:
            path = tar_of(tmp_path / "weights.tgz", contents, **{WEIGHTS: weights_with(contents, change)})
            assert words in refusal(path, tmp_path / "run")


def test_a_keras_file_s_own_description_of_its_model_is_never_run(keras_file, tmp_path):
    with zipfile.ZipFile(keras_file) as file:
        members = {name: file.read(name) for name in file.namelist()}
    marker = tmp_path / "ran"
    hostile = {
        "module": "os",
        "class_name": "system",
        "config": {"command": f"touch {marker}"},
        "registered_name": None,
        "compile_config": {"optimizer": {"class_name": "function", "config": f"touch {marker}"}},
    }
    path = tmp_path / "hostile.keras"
    with zipfile.ZipFile(path, "w") as file:
        for name, content in (members | {"config.json": json.dumps(hostile).encode(), "../outside": b"x"}).items():
            file.writestr(name, content)
    unpack(path, tmp_path / "run")
    load_run(tmp_path / "run")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["hostile.keras", "run"]


def test_keras_files_of_other_programs_are_refused(keras_file, tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    assert "does not say which run it is of" in refusal(tmp_path / "other.keras", tmp_path / "run")
    with zipfile.ZipFile(tmp_path / "empty.keras", "w"):
        pass
    assert "has no metadata.json" in refusal(tmp_path / "empty.keras", tmp_path / "run")
    content = bytearray(Path(keras_file).read_bytes())
    content[len(content) // 2] ^= 255  # within the weights, whose sum no longer is right
    (tmp_path / "flipped.keras").write_bytes(content)
    assert "is damaged" in refusal(tmp_path / "flipped.keras", tmp_path / "run")


def test_places_that_somebody_else_wrote_into_an_archive_are_forgotten(contents, tmp_path):
    values = json.loads(contents[CONFIG])
    values["data"]["validate"] = ["/etc/hosts"]
    values["distill"]["teacher"] = "/etc"
    path = tar_of(tmp_path / "places.tgz", contents, **{CONFIG: json.dumps(values).encode()})
    unpack(path, tmp_path / "run")
    assert "/etc" not in json.dumps(configuration.to_dict(runs.load_config(tmp_path / "run")))


def test_nothing_that_is_there_is_written_over(archive, tmp_path):
    with pytest.raises(InputError, match="exists; name a new directory"):
        unpack(archive, tmp_path)
    assert not list(tmp_path.iterdir())
