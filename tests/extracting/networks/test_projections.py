"""PCA fitted to one's own frames, against scikit-learn's on all frames at once."""

import hashlib
import json

import numpy as np
import pytest
from sklearn.decomposition import PCA

from yt8m.data.features import Feature
from yt8m.errors import InputError
from yt8m.extracting.networks.log_mel import LogMel
from yt8m.extracting.networks.network import Network
from yt8m.extracting.networks.projections import PcaFit, Whitened


class Made(Network):
    """Gives the first values of a frame."""

    name = "made"
    sound = LogMel()
    batch_size = 3

    def __init__(self, size=6, digest="1"):
        self.picture = Feature("made", size, "float16")
        self._digest = digest

    def prepare(self, pixels):
        return pixels[:1]

    def frames(self, prepared):
        return prepared.reshape(len(prepared), -1)[:, : self.picture.size].astype(np.float32)

    @property
    def identity(self):
        return {"name": self.name, "files": {"weights": self._digest}}


@pytest.fixture
def values():
    random = np.random.default_rng(0)
    mixing = random.standard_normal((6, 6)) * [3, 2, 1, 0.5, 0.1, 0]
    return (random.standard_normal((1000, 6)) @ mixing.T + [100, 0, -5, 1, 0, 7]).astype(np.float32)


def fitted(values, path, sizes=(1000,), num_values=4, network=None):
    fit = PcaFit(network or Made())
    start = 0
    for size in sizes:
        fit.add(values[start : start + size])
        start += size
    assert fit.num_frames == start
    return fit.save(path, num_values)


def test_values_are_those_of_scikit_learn(values, tmp_path):
    fitted(values, tmp_path / "pca.npz")
    network = Whitened(Made(), tmp_path / "pca.npz")
    pixels = np.random.default_rng(1).integers(0, 256, (5, 1, 2, 3), dtype=np.uint8)
    found = network.frames(np.stack([network.prepare(each) for each in pixels]))
    pca = PCA(4).fit(values.astype(np.float64))
    plain = (pixels.reshape(5, 6) - pca.mean_) @ pca.components_.T / np.sqrt(pca.explained_variance_ + 1e-4)
    assert found.dtype == np.float32
    signs = np.sign((found * plain).sum(axis=0))
    np.testing.assert_allclose(found, plain * signs, rtol=1e-3, atol=1e-2)


def test_whitened_values_have_no_mean_and_a_variance_of_one(values, tmp_path):
    fitted(values, tmp_path / "pca.npz")
    network = Whitened(Made(), tmp_path / "pca.npz")
    rows = network._projection(values)
    np.testing.assert_allclose(rows.mean(axis=0), 0, atol=2e-3)
    np.testing.assert_allclose(np.cov(rows.T), np.eye(4), atol=2e-3)


def test_equal_frames_give_equal_files_however_they_come(values, tmp_path):
    digests = {
        fitted(values, tmp_path / f"{number}.npz", sizes)
        for number, sizes in enumerate([(1000,), (1,) * 1000, (300, 700), (255, 1, 256, 488)])
    }
    assert digests == {hashlib.sha256((tmp_path / "0.npz").read_bytes()).hexdigest()}


def test_memory_does_not_grow_with_frames(values):
    fit = PcaFit(Made())

    def kept():
        return sum(each.nbytes for each in vars(fit).values() if isinstance(each, np.ndarray))

    fit.add(values[:300])
    before = kept()
    for _ in range(20):
        fit.add(values[:256])
    assert kept() == before


def test_it_is_another_feature_of_another_identity(values, tmp_path):
    digest = fitted(values, tmp_path / "pca.npz")
    network = Whitened(Made(), tmp_path / "pca.npz")
    assert network.identity == {"name": "made", "files": {"weights": "1"}, "pca": digest}
    assert [each.text for each in network.features] == ["made_pca:4", "log_mel:128:uint8:-5:7"]
    assert (network.name, network.batch_size) == ("made", 3)


def test_no_more_values_than_the_network_has(values, tmp_path):
    fitted(values, tmp_path / "pca.npz", num_values=1024)
    network = Whitened(Made(), tmp_path / "pca.npz")
    assert network.picture.size == 6
    assert np.abs(network._projection(values)).max() < 10  # the value that never varies is not blown up


def test_too_few_frames_are_told_with_the_number_needed(values, tmp_path):
    with pytest.raises(
        InputError,
        match=r"a PCA of 4 values needs 8 frames, one a second, and the videos have 7; .* keep 3 values \(--pca-values 3\)",
    ):
        fitted(values, tmp_path / "pca.npz", (7,))
    with pytest.raises(InputError, match=r"and the videos have 1; give more videos$"):
        fitted(values, tmp_path / "pca.npz", (1,))
    assert not list(tmp_path.iterdir())
    fitted(values, tmp_path / "pca.npz", (8,))
    with pytest.raises(InputError, match="keeps from 1 to 1024 values, not 0"):
        fitted(values, tmp_path / "pca.npz", num_values=0)


def test_a_pca_of_another_network_is_refused(values, tmp_path):
    fitted(values, tmp_path / "pca.npz")
    with pytest.raises(InputError, match="was fitted to made with other files, not to this made"):
        Whitened(Made(digest="2"), tmp_path / "pca.npz")
    other = Made()
    other.name = "other"
    with pytest.raises(InputError, match="was fitted to made, not to this other"):
        Whitened(other, tmp_path / "pca.npz")
    with pytest.raises(InputError, match="has a PCA already"):
        PcaFit(Whitened(Made(), tmp_path / "pca.npz"))


def test_files_that_are_none_are_one_line(values, tmp_path):
    fitted(values, tmp_path / "pca.npz")
    content = (tmp_path / "pca.npz").read_bytes()
    with np.load(tmp_path / "pca.npz") as stored:
        arrays = dict(stored)
    path = tmp_path / "other.npz"

    def save(**changes):
        np.savez(path, **{name: each for name, each in (arrays | changes).items() if each is not None})

    cases = [
        lambda: path.write_bytes(b""),
        lambda: path.write_bytes(b"text"),
        lambda: path.write_bytes(content[:-30]),
        lambda: path.write_bytes(content[:600] + bytes([content[600] ^ 1]) + content[601:]),
        lambda: save(mean=None),
        lambda: save(form=np.int64(2)),
        lambda: save(mean=np.zeros(3, np.float32)),
        lambda: save(components=np.full((4, 6), np.nan, np.float32)),
        lambda: save(network=np.frombuffer(json.dumps([1])[:-1].encode(), np.uint8)),
        lambda: save(mean=np.array(["a"], object)),
    ]
    for case in cases:
        case()
        with pytest.raises(InputError, match=r"is no PCA that yt8m extract --fit-pca wrote") as raised:
            Whitened(Made(), path)
        assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="cannot be read"):
        Whitened(Made(), tmp_path / "none.npz")
