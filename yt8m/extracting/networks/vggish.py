"""VGGish, the published network for sound, and how the published extractor calls it. B = seconds of a batch.

A second is its first 96 log-mel rows; at the end of the sound, missing rows are 0.0. Its values are those of the last layer
before its activation, projected by the published PCA.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from yt8m.data.features import KNOWN
from yt8m.errors import InputError
from yt8m.extracting.networks.compiled import compiled
from yt8m.extracting.networks.mel import NUM_BANDS, MelStream
from yt8m.extracting.networks.network import SoundNetwork
from yt8m.extracting.networks.projections import Projection

ROWS = 96
_POOL = "pool"
_CONVOLUTIONS = (
    "conv1",
    _POOL,
    "conv2",
    _POOL,
    "conv3/conv3_1",
    "conv3/conv3_2",
    _POOL,
    "conv4/conv4_1",
    "conv4/conv4_2",
    _POOL,
)
_DENSE = ("fc1/fc1_1", "fc1/fc1_2", "fc2")


class VGGish(SoundNetwork):
    """Sound as YouTube-8M's audio feature.

    Args:
        checkpoint: `vggish_model.ckpt`, a TensorFlow checkpoint.
        projection: the PCA.

    Raises:
        InputError: the checkpoint cannot be read, or does not fit the PCA.
    """

    feature = KNOWN["audio"]

    def __init__(self, checkpoint: Path, projection: Projection):
        self._run = load_vggish(checkpoint)
        self._projection = projection
        given, wanted = self._run(np.zeros((1, ROWS, NUM_BANDS), np.float32)).shape[1], projection.matrix.shape
        if wanted != (given, self.feature.size):
            raise InputError(
                f"{checkpoint}: gives {given} values, and the PCA turns {wanted[0]} into {wanted[1]}; fetch the files again"
            )

    def begin(self) -> MelStream:
        """See `SoundNetwork`."""
        return MelStream(ROWS, self.feature.size, self._values)

    def _values(self, seconds: list[np.ndarray]) -> np.ndarray:
        blocks = np.zeros((len(seconds), ROWS, NUM_BANDS), np.float32)
        for block, rows in zip(blocks, seconds, strict=True):
            block[: len(rows)] = rows
        return self._projection(self._run(blocks))


def load_vggish(checkpoint: Path) -> Callable[[np.ndarray], np.ndarray]:
    """The network as a function from float32 [B, 96, 64] to float32 [B, D], before the last activation.

    Sizes of layers are those of the checkpoint. A Keras model would need 500 MB more memory while it is made, as the published
    weights have 288 MB, so the layers are TensorFlow's functions.

    Raises:
        InputError: the checkpoint cannot be read, lacks a layer, or has layers that do not follow each other.
    """
    import tensorflow as tf

    try:
        reader = tf.train.load_checkpoint(str(checkpoint))
        weights = {
            name: [tf.constant(reader.get_tensor(f"vggish/{name}/{part}")) for part in ("weights", "biases")]
            for name in (*_CONVOLUTIONS, *_DENSE)
            if name != _POOL
        }
        run = compiled(lambda rows: _layers(rows, weights), (ROWS, NUM_BANDS), "float32")
        run(np.zeros((1, ROWS, NUM_BANDS), np.float32))
    except (ValueError, TypeError, RuntimeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{checkpoint}: is no checkpoint of VGGish, or damaged ({reason}); fetch it again") from error
    return run


def _layers(rows, weights):
    import tensorflow as tf

    hidden = rows[..., None]
    for name in _CONVOLUTIONS:
        if name == _POOL:
            hidden = tf.nn.max_pool2d(hidden, 2, 2, "SAME")
        else:
            kernel, bias = weights[name]
            hidden = tf.nn.relu(tf.nn.conv2d(hidden, kernel, 1, "SAME") + bias)
    hidden = tf.reshape(hidden, [-1, hidden.shape[1] * hidden.shape[2] * hidden.shape[3]])
    for name in _DENSE:
        kernel, bias = weights[name]
        hidden = hidden @ kernel + bias
        hidden = hidden if name == _DENSE[-1] else tf.nn.relu(hidden)
    return hidden
