"""A PCA of the frames of videos, against one by NumPy."""

import shutil

import numpy as np
import pytest
from grey_videos import Grey, write_grey

from yt8m.data.features import Feature
from yt8m.errors import InputError
from yt8m.extracting.fitting import fit_pca
from yt8m.video.reading import Frame, open_video

LENGTHS = [2, 5, 3]


class Powers(Grey):
    """The grey of a frame, its square and its cube."""

    picture = Feature("powers", 3, "float16")

    def frames(self, prepared):
        grey = super().frames(prepared)[:, :1] / 255
        return np.concatenate([grey, grey**2, grey**3], axis=1)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    directory = tmp_path_factory.mktemp("videos")
    for number, seconds in enumerate(LENGTHS):
        write_grey(directory / f"{number}.mp4", seconds, first=30 + 20 * number)
    return directory


def test_the_axes_are_those_of_the_covariance(videos, tmp_path):
    summary = fit_pca(str(videos), Powers(), tmp_path / "pca.npz", num_values=2)
    assert (summary.num_values, summary.num_frames, summary.num_videos, summary.num_failed) == (2, 10, 3, 0)
    network = Powers()
    frames = [
        network.prepare(piece.pixels)
        for path in sorted(videos.iterdir())
        for piece in open_video(path).pieces()
        if isinstance(piece, Frame)
    ]
    values = network.frames(np.stack(frames)).astype(np.float64)
    variances, vectors = np.linalg.eigh(np.cov(values.T))
    with np.load(tmp_path / "pca.npz") as found:
        np.testing.assert_allclose(found["mean"], values.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(found["variances"], variances[::-1][:2], rtol=1e-4, atol=1e-9)
        np.testing.assert_allclose(np.abs(found["components"] @ vectors[:, ::-1][:, :2]), np.eye(2), atol=1e-3)


def test_the_number_of_readers_does_not_show(videos, tmp_path):
    digests = {fit_pca(str(videos), Powers(), tmp_path / "pca.npz", jobs=jobs).sha256 for jobs in (1, 3)}
    assert len(digests) == 1


def test_a_bad_video_has_no_part_in_it(videos, tmp_path):
    shutil.copytree(videos, tmp_path / "videos")
    (tmp_path / "videos" / "0.avi").write_bytes(b"")
    summary = fit_pca(str(tmp_path / "videos"), Powers(), tmp_path / "pca.npz")
    assert summary.sha256 == fit_pca(str(videos), Powers(), tmp_path / "other.npz").sha256
    assert summary.problems == {str(tmp_path / "videos" / "0.avi"): "is empty (0 bytes)"}
    with pytest.raises(InputError, match=r"0\.avi: is empty \(0 bytes\)$"):
        fit_pca(str(tmp_path / "videos" / "0.avi"), Powers(), tmp_path / "none.npz")
    assert not (tmp_path / "none.npz").exists()


def test_a_video_is_not_replaced_by_the_pca(videos, tmp_path):
    path = shutil.copy(videos / "1.mp4", tmp_path / "a.mp4")
    with pytest.raises(InputError, match="is one of the files that are read"):
        fit_pca(path, Powers(), path)
