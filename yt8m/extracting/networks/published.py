"""`yt8m`: the networks of YouTube-8M's own features, from a folder of files that `yt8m download extractor` fetches."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.data.features import KNOWN
from yt8m.errors import InputError
from yt8m.extracting.networks.inception import load_inception
from yt8m.extracting.networks.matrices import mediapipe_projection, starter_projection
from yt8m.extracting.networks.network import Network
from yt8m.extracting.networks.projections import Projection
from yt8m.extracting.networks.vggish import VGGish
from yt8m.files import sha256_of

GRAPH = "classify_image_graph_def.pb"
MEDIAPIPE_PCA = ("inception3_mean_matrix_data.pb", "inception3_projection_matrix_data.pb")
STARTER_PCA = ("mean.npy", "eigenvals.npy", "eigenvecs.npy")
CHECKPOINT = "vggish_model.ckpt"
SOUND_PCA = ("vggish_mean_matrix_data.pb", "vggish_projection_matrix_data.pb")


class PublishedNetwork(Network):
    """Inception of 2015 with the published PCA as `rgb`, and VGGish with its own as `audio`.

    If a folder has both MediaPipe's PCA of rgb and the starter code's, MediaPipe's is taken, as the one for sound is its, too.

    Args:
        folder: where the files are.

    Raises:
        InputError: there is no folder, or a file is missing, damaged, or does not fit the others.
    """

    name = "yt8m"
    can_be_whitened = False
    batch_size = 4

    def __init__(self, folder: str | os.PathLike | None):
        if folder is None:
            raise InputError(
                "network yt8m needs the folder of its files (--folder DIR); yt8m download extractor --out DIR fetches them"
            )
        self._folder = Path(folder)
        self._files = self._present()
        self.picture = KNOWN["rgb"]
        # VGGish first: reading its checkpoint takes the most memory for a moment.
        sound = mediapipe_projection(*(self._folder / each for each in SOUND_PCA))
        self.sound = VGGish(self._folder / CHECKPOINT, sound)
        self._projection = self._picture_projection()
        self._pooled = load_inception(self._folder / GRAPH)
        self._check_size()
        self._identity = {"name": self.name, "files": {each: sha256_of(self._folder / each) for each in self._files}}

    def prepare(self, pixels: np.ndarray) -> np.ndarray:
        """See `Network`. The whole frame is kept, because the graph itself resizes."""
        return pixels

    def frames(self, prepared: np.ndarray) -> np.ndarray:
        """See `Network`. The graph takes one frame at a time."""
        return self._projection(np.stack([self._pooled(pixels) for pixels in prepared]))

    @property
    def identity(self) -> dict[str, Any]:
        """See `Network`."""
        return self._identity

    def _present(self) -> tuple[str, ...]:
        if not self._folder.is_dir():
            raise InputError(
                f"{self._folder}: there is no such folder; yt8m download extractor --out DIR fetches the files"
            )
        has_mediapipes = all((self._folder / each).is_file() for each in MEDIAPIPE_PCA)
        has_starters = all((self._folder / each).is_file() for each in STARTER_PCA)
        of_pictures = STARTER_PCA if has_starters and not has_mediapipes else MEDIAPIPE_PCA
        wanted = (GRAPH, *of_pictures, CHECKPOINT, *SOUND_PCA)
        missing = [each for each in wanted if not (self._folder / each).is_file()]
        if missing:
            raise InputError(
                f"{self._folder}: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; "
                f"yt8m download extractor --out {self._folder} fetches what is"
            )
        return wanted

    def _picture_projection(self) -> Projection:
        if STARTER_PCA[0] in self._files:
            return starter_projection(*(self._folder / each for each in STARTER_PCA), self.picture.size)
        return mediapipe_projection(*(self._folder / each for each in MEDIAPIPE_PCA))

    def _check_size(self) -> None:
        """Tries a small grey frame: the graph and the PCA must fit each other."""
        given, wanted = len(self._pooled(np.full((8, 8, 3), 128, np.uint8))), self._projection.matrix.shape
        if wanted != (given, self.picture.size):
            raise InputError(
                f"{self._folder}: {GRAPH} gives {given} values, and the PCA turns {wanted[0]} into {wanted[1]}; fetch them again"
            )
