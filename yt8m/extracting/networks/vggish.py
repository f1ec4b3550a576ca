"""VGGish, the published network for sound, and how the published extractor calls it. B = seconds of a batch.

A second is its first 96 log-mel rows; at the end of the sound, missing rows are 0.0. Its values are those of the last layer
before its activation, projected by the published PCA.
"""

from pathlib import Path

import numpy as np

from yt8m.data.features import KNOWN
from yt8m.errors import InputError
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
        self._model = load_vggish(checkpoint)
        self._projection = projection
        given, wanted = self._model.output_shape[-1], projection.matrix.shape
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
        return self._projection(np.asarray(self._model(blocks, training=False)))


def load_vggish(checkpoint: Path):
    """The network as a `keras.Model` from float32 [B, 96, 64] to float32 [B, D], before the last activation.

    Sizes of layers are those of the checkpoint.

    Raises:
        InputError: the checkpoint cannot be read, or lacks a layer.
    """
    import keras
    import tensorflow as tf
    from keras import layers

    try:
        reader = tf.train.load_checkpoint(str(checkpoint))
        values = {
            (name, part): reader.get_tensor(f"vggish/{name}/{part}")
            for name in (*_CONVOLUTIONS, *_DENSE)
            if name != _POOL
            for part in ("weights", "biases")
        }
    except (ValueError, RuntimeError, UnicodeDecodeError, tf.errors.OpError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{checkpoint}: is no checkpoint of VGGish, or damaged ({reason}); fetch it again") from error
    given = keras.Input((ROWS, NUM_BANDS))
    hidden = layers.Reshape((ROWS, NUM_BANDS, 1))(given)
    made = {}
    for name in _CONVOLUTIONS:
        if name == _POOL:
            hidden = layers.MaxPooling2D(2, 2, "same")(hidden)
            continue
        made[name] = layers.Conv2D(values[name, "biases"].size, 3, padding="same", activation="relu")
        hidden = made[name](hidden)
    hidden = layers.Flatten()(hidden)
    for name in _DENSE:
        made[name] = layers.Dense(values[name, "biases"].size, activation=None if name == _DENSE[-1] else "relu")
        hidden = made[name](hidden)
    model = keras.Model(given, hidden, name="vggish")
    for name, layer in made.items():
        try:
            layer.set_weights([values[name, "weights"], values[name, "biases"]])
        except ValueError as error:
            shape = list(values[name, "weights"].shape)
            raise InputError(
                f"{checkpoint}: vggish/{name}/weights has the shape {shape}, which does not fit"
            ) from error
    return model
