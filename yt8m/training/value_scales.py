"""Lets the values of a model's input count by what the labels of training videos say of them.

N = videos, D = values of a feature, C = classes.
"""

from collections.abc import Mapping

import keras
import numpy as np
from scipy import sparse

from yt8m.config import RunConfig
from yt8m.data import failures
from yt8m.data.source import Source
from yt8m.distribution.devices import Devices
from yt8m.distribution.exhaustion import memory_errors
from yt8m.errors import InputError
from yt8m.models.parts import SCALED
from yt8m.scoring.cross_entropy import targets_and_weights
from yt8m.training.explained_variance import Moments
from yt8m.training.stream import one_pass

MOST_VIDEOS = 16_384
"""Training videos that the scales of a trained model come from. 880 real ones gave nearly those of 8 900."""


class Scaling:
    """Finds the scales of a model's layer `scaled` from batches of videos.

    Args:
        model: a model with that layer, which multiplies each value of its inputs.
        num_classes: C.
    """

    def __init__(self, model: keras.Model, num_classes: int):
        self._layer = model.get_layer(SCALED)
        self._inputs = keras.Model(model.input, self._layer.input)
        self.moments = Moments(num_classes, [scale.shape[0] for scale in self._layer.scales])

    def add(self, labels: sparse.csr_matrix, values: Mapping) -> None:
        """Adds videos: labels 0 or 1, [N, C], and the model's inputs by key."""
        features = self._inputs({key: values[key] for key in self._inputs.input})
        features = features if isinstance(features, list | tuple) else [features]
        self.moments.add(labels, list(map(np.asarray, features)))

    def assign(self) -> None:
        """Gives the layer its scales."""
        for weight, scale in zip(self._layer.scales, self.moments.scales(), strict=True):
            weight.assign(scale)


def fit_scales(model: keras.Model, config: RunConfig, devices: Devices, source: Source) -> int:
    """Gives a model with `--model.normalise explained` the scales of its values, from training videos. Returns their number.

    Of several workers, each reads its share. The videos are the first ones of training, at most `MOST_VIDEOS`. A model without
    such scales, or with those of `--training.initial-run`, which its other weights belong to, stays as it is; the number is 0.

    Raises:
        InputError, RecordError: the files hold no video, or a record cannot be used.
    """
    layer = next((each for each in model.layers if each.name == SCALED), None)
    if layer is None or any(np.any(np.asarray(scale) != 1.0) for scale in layer.scales):
        return 0
    num_classes, size = config.data.num_classes, config.training.batch_size // devices.num_workers

    def found() -> Moments:
        scaling = Scaling(model, num_classes)
        batches = one_pass(config, source, size, devices.shard)
        most = -(-MOST_VIDEOS // config.training.batch_size)
        with failures.record_errors(source), memory_errors("finding the scales of values"):
            for batch in batches.take(most):
                present, _ = targets_and_weights(batch, num_classes)
                scaling.add(sparse.csr_matrix(present.numpy()), batch)
        return scaling.moments

    total = Scaling(model, num_classes)
    for moments in devices.together(found):
        total.moments.merge(moments)
    if not total.moments.count:
        raise InputError(f"{source.files[0]} ...: the training files hold no video")
    total.assign()
    return total.moments.count
