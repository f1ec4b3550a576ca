"""`yt8m`, the published networks: each step of pictures against slow NumPy versions. The published weights are not here."""

import hashlib

import numpy as np
import pytest
from published_files import (
    DEPTH,
    GraphMaker,
    inception_graph,
    legacy_resize,
    matrix_data,
    slow_inception,
    slow_pca,
    write_all,
)

from yt8m.data.features import KNOWN
from yt8m.data.quantisation import dequantise, store
from yt8m.errors import InputError
from yt8m.extracting.networks.inception import load_inception
from yt8m.extracting.networks.matrices import read_matrix_data
from yt8m.extracting.networks.registry import load_network


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return write_all(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def network(published):
    return load_network("yt8m", folder=published.folder)


@pytest.fixture
def frames():
    return np.random.default_rng(7).integers(0, 256, (2, 45, 80, 3), dtype=np.uint8)


@pytest.fixture
def changed(published, tmp_path):
    """Another folder with links to the files, of which a test may replace some."""
    for path in published.folder.iterdir():
        (tmp_path / path.name).symlink_to(path)

    def change(name, content=None):
        (tmp_path / name).unlink(missing_ok=True)
        if content is not None:
            (tmp_path / name).write_bytes(content)
        return tmp_path

    return change


def test_the_resize_is_tensorflows_old_one():
    """By hand: four pixels made two are the first and the third; two made four have their edge repeated."""
    line = np.array([[[0.0], [10.0], [20.0], [30.0]]])
    assert legacy_resize(np.repeat(line, 2, axis=0), 2)[0, :, 0].tolist() == [0, 20]
    assert legacy_resize(line[:, :2], 4)[0, :, 0].tolist() == [0, 5, 10, 10]


@pytest.mark.parametrize("size", [(45, 80), (299, 299), (360, 640), (1, 1)])
def test_pooled_values_are_those_of_the_steps(published, size):
    pixels = np.random.default_rng(3).integers(0, 256, (*size, 3), dtype=np.uint8)
    pooled = load_inception(published.folder / "classify_image_graph_def.pb")
    found, expected = pooled(pixels), slow_inception(pixels, published.graph)
    assert found.shape == (DEPTH,)
    assert expected.std() > 0.05
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)


def test_rgb_is_the_pca_of_pooled_values(published, network, frames):
    found = network.frames(np.stack([network.prepare(each) for each in frames]))
    assert found.dtype == np.float32
    expected = slow_pca(np.stack([slow_inception(each, published.graph) for each in frames]), published.pca)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert network.picture == KNOWN["rgb"]
    back = dequantise(store(found, network.picture))
    inside = np.abs(expected) < 2
    assert 0.1 < inside.mean() < 1
    assert np.abs(back - expected)[inside].max() < 4 / 255 * 0.5 + 2e-3
    assert set(store(found, network.picture)[expected > 2.01]) == {255}


def test_both_forms_of_the_pca_say_the_same(published, network, frames, changed):
    folder = changed("inception3_mean_matrix_data.pb")
    starters = load_network("yt8m", folder=folder)
    np.testing.assert_allclose(starters.frames(frames), network.frames(frames), atol=1e-3)
    assert sorted(starters.identity["files"]) == [
        "classify_image_graph_def.pb",
        "eigenvals.npy",
        "eigenvecs.npy",
        "mean.npy",
        *("vggish_mean_matrix_data.pb", "vggish_model.ckpt", "vggish_projection_matrix_data.pb"),
    ]


def test_identity_has_every_files_digest(published, network):
    names = [
        "classify_image_graph_def.pb",
        *("inception3_mean_matrix_data.pb", "inception3_projection_matrix_data.pb"),
        *("vggish_mean_matrix_data.pb", "vggish_model.ckpt", "vggish_projection_matrix_data.pb"),
    ]
    digests = {name: hashlib.sha256((published.folder / name).read_bytes()).hexdigest() for name in names}
    assert network.identity == {"name": "yt8m", "files": digests}
    assert [each.name for each in network.features] == ["rgb", "audio"]


@pytest.mark.parametrize(
    "op", ["ReadFile", "WriteFile", "PyFunc", "Print", "RestoreV2", "ImmutableConst", "MatchingFiles"]
)
def test_a_graph_that_does_more_than_compute_is_refused(published, changed, op):
    make = GraphMaker()
    make.graph.CopyFrom(inception_graph(published.graph))
    make.node("extra", op)
    folder = changed("classify_image_graph_def.pb", make.graph.SerializeToString())
    with pytest.raises(InputError, match=f"extra is a {op}, which the published graph has not; it is not run"):
        load_network("yt8m", folder=folder)


def test_a_graph_with_functions_is_refused(published, changed):
    graph = inception_graph(published.graph)
    graph.library.function.add().signature.name = "hidden"
    folder = changed("classify_image_graph_def.pb", graph.SerializeToString())
    with pytest.raises(InputError, match="has functions, which the published graph has not"):
        load_network("yt8m", folder=folder)


@pytest.mark.thorough
def test_graphs_that_do_not_fit_are_one_line(published, changed):
    whole = inception_graph(published.graph)
    without, renamed, small = (type(whole).FromString(whole.SerializeToString()) for _ in range(3))
    del without.node[-1]
    next(each for each in renamed.node if each.name == "Cast").input[0] = "Frame"
    for node in small.node:
        if node.name == "ResizeBilinear/size":
            node.attr["value"].tensor.tensor_content = np.array([20, 20], np.int32).tobytes()
    cases = [
        (b"", "is empty"),
        (b"\xff\x00 no graph", "is no TensorFlow graph"),
        (whole.SerializeToString()[:-9], "is no TensorFlow graph"),
        (without.SerializeToString(), "has no part from DecodeJpeg:0 to pool_3/_reshape:0"),
        (renamed.SerializeToString(), "has no part from DecodeJpeg:0 to pool_3/_reshape:0"),
        (small.SerializeToString(), "has no part from|its graph fails on a frame"),
    ]
    for content, message in cases:
        with pytest.raises(InputError, match=message) as raised:
            load_network("yt8m", folder=changed("classify_image_graph_def.pb", content))
        assert "\n" not in str(raised.value)


def test_matrices_in_both_orders_and_forms(tmp_path):
    matrix = np.arange(6, dtype=np.float32).reshape(2, 3)
    for number, options in enumerate([{}, {"row_major": True}, {"packed": False}]):
        path = tmp_path / f"{number}.pb"
        path.write_bytes(matrix_data(matrix, **options))
        np.testing.assert_array_equal(read_matrix_data(path), matrix)


@pytest.mark.thorough
def test_matrices_that_do_not_fit_are_one_line(published, changed):
    good = np.zeros((1024, DEPTH))
    nan = np.zeros((1024, DEPTH))
    nan[3, 4] = np.nan
    name = "inception3_projection_matrix_data.pb"
    for content, message in [
        (b"", "has 0 values for 0 rows"),
        (b"\xff\xff", "is no MatrixData message"),
        (matrix_data(good)[:-8], "is no MatrixData message"),
        (matrix_data(good)[:2] + b"\x07" + matrix_data(good)[3:], "has .* values for .* rows and"),
        (matrix_data(good[:, 1:]), "which do not fit inception3_mean_matrix_data.pb"),
        (matrix_data(good[1:]), "the PCA turns 1040 into 1023"),
        (matrix_data(nan), "NaN or infinite"),
    ]:
        with pytest.raises(InputError, match=message) as raised:
            load_network("yt8m", folder=changed(name, content))
        assert "\n" not in str(raised.value)


def test_arrays_that_do_not_fit_are_one_line(published, changed, tmp_path):
    changed("inception3_mean_matrix_data.pb")

    def stored(array):
        np.save(tmp_path / "array.npy", array)
        return (tmp_path / "array.npy").read_bytes()

    class Running:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    for name, content, message in [
        ("mean.npy", b"no array", "is no .npy file of numbers"),
        ("mean.npy", stored(np.array([Running()], object)), "is no .npy file of numbers"),
        ("mean.npy", stored(np.zeros(DEPTH)), "does not hold floats in 2 dimensions"),
        ("mean.npy", stored(np.zeros((7, 1))), r"do not fit mean.npy \[7, 1\]"),
        ("eigenvecs.npy", stored(np.zeros((1000, DEPTH), "f")), r"has \[1000, 1040\] values, which do not fit"),
    ]:
        original = (tmp_path / name).read_bytes()
        with pytest.raises(InputError, match=message):
            load_network("yt8m", folder=changed(name, content))
        changed(name, original)
    assert not (tmp_path / "ran").exists()


def test_missing_files_are_named(changed):
    with pytest.raises(InputError, match=r"needs the folder of its files \(--folder DIR\)"):
        load_network("yt8m")
    folder = changed("vggish_model.ckpt")
    message = r"vggish_model.ckpt is missing; yt8m download extractor --out .* fetches what is"
    with pytest.raises(InputError, match=message):
        load_network("yt8m", folder=folder)
    with pytest.raises(InputError, match="there is no such folder"):
        load_network("yt8m", folder=folder / "none")


def test_its_values_are_whitened_already(published, tmp_path):
    (tmp_path / "own.npz").touch()
    with pytest.raises(InputError, match="has a PCA of its own; leave --pca out"):
        load_network("yt8m", folder=published.folder, pca=tmp_path / "own.npz")
