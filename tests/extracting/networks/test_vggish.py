"""VGGish and how a video's sound comes to it, against slow NumPy versions. The published weights are not here."""

import numpy as np
import pytest
from published_files import SOUND_DEPTH, slow_vggish, sound_arrays, write_checkpoint

from yt8m.data.features import KNOWN
from yt8m.errors import InputError
from yt8m.extracting.networks.mel import log_mel
from yt8m.extracting.networks.projections import Projection
from yt8m.extracting.networks.vggish import VGGish, load_vggish


@pytest.fixture(scope="module")
def arrays():
    return sound_arrays(np.random.default_rng(1))


@pytest.fixture(scope="module")
def checkpoint(arrays, tmp_path_factory):
    path = tmp_path_factory.mktemp("vggish") / "vggish_model.ckpt"
    write_checkpoint(path, arrays)
    return path


@pytest.fixture(scope="module")
def projection():
    random = np.random.default_rng(2)
    return Projection(
        random.standard_normal(SOUND_DEPTH).astype(np.float32),
        (random.standard_normal((SOUND_DEPTH, 128)) / 8).astype(np.float32),
    )


@pytest.fixture(scope="module")
def sound():
    """35 240 samples: two seconds, and a rest of 3 240, of which 19 rows come, one of them with silence at its end."""
    random, time = np.random.default_rng(4), np.arange(35_240) / 16_000
    chirp = 0.5 * np.sin(2 * np.pi * (300 + 700 * time) * time)
    return (chirp + 0.05 * random.standard_normal(len(time))).astype(np.float32)


def test_the_network_is_the_published_one_less_its_last_activation(arrays, checkpoint, sound):
    rows = log_mel(sound)[:96]
    found = load_vggish(checkpoint)(rows[None])[0]
    expected = slow_vggish(rows, arrays)
    assert (expected < -0.1).any()
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_row_i_is_second_i(arrays, checkpoint, projection, sound):
    """96 of each 100 rows, so blocks of 0.96 s begin every 1.00 s; at the end, missing rows are 0.0."""
    network = VGGish(checkpoint, projection)
    stream = network.begin()
    for start in range(0, len(sound), 7_000):
        stream.push(sound[start : start + 7_000])
    found = np.concatenate([stream.rows(), stream.rows(final=True)])
    rows = log_mel(np.concatenate([sound, np.zeros(159, np.float32)]))
    assert len(rows) == 219
    blocks = [rows[:96], rows[100:196], np.concatenate([rows[200:], np.zeros((77, 64))])]
    values = np.stack([slow_vggish(block, arrays) for block in blocks])
    expected = (values - projection.mean) @ projection.matrix
    assert found.shape == (3, 128)
    np.testing.assert_allclose(found, expected, atol=5e-4)
    assert network.feature == KNOWN["audio"]


def test_many_seconds_are_the_same_rows_as_few(checkpoint, projection, sound):
    network = VGGish(checkpoint, projection)
    stream = network.begin()
    second = sound[:16_000]
    stream.push(np.tile(second, 20))
    assert len(stream._seconds) == 4
    rows = stream.rows()
    assert rows.shape == (20, 128)
    np.testing.assert_allclose(rows, np.tile(rows[:1], (20, 1)), atol=1e-4)


def test_checkpoints_that_do_not_fit_are_one_line(arrays, checkpoint, projection, tmp_path):
    (tmp_path / "text").write_bytes(b"no checkpoint")
    (tmp_path / "cut").write_bytes(checkpoint.read_bytes()[:300])
    write_checkpoint(tmp_path / "less", {name: each for name, each in arrays.items() if "fc1_2" not in name})
    write_checkpoint(tmp_path / "other", {**arrays, "vggish/fc2/weights": np.zeros((7, SOUND_DEPTH), np.float32)})
    write_checkpoint(tmp_path / "empty", {name: each[..., :0] for name, each in arrays.items()})
    for name, message in [
        ("text", "is no checkpoint of VGGish"),
        ("cut", "is no checkpoint of VGGish"),
        ("less", "is no checkpoint of VGGish.*fc1_2"),
        ("other", "is no checkpoint of VGGish.*16 and 7"),
        ("empty", "is no checkpoint of VGGish"),
    ]:
        with pytest.raises(InputError, match=message) as raised:
            VGGish(tmp_path / name, projection)
        assert "\n" not in str(raised.value)
    with pytest.raises(InputError, match="gives 131 values, and the PCA turns 128 into 128"):
        VGGish(checkpoint, Projection(np.zeros(128, np.float32), np.zeros((128, 128), np.float32)))
