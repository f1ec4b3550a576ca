"""Trains the run of the configuration file given, in a process of its own; test_devices.py starts it.

Then evaluates and predicts with another run on the same devices, weighs both and makes their ensemble, and takes statistics of
batch normalisation of vectors. Arguments are the configuration, that run, the records, and a directory for `metrics.json`,
`predictions.csv`, `weights.json`, `ensemble.csv` and `statistics.npz`, where the vectors are as `vectors.npy`.
"""

import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from yt8m.config import from_dict
from yt8m.distribution.strategies import open_devices
from yt8m.layers.normalisation import BatchNormalisation
from yt8m.models import ARCHITECTURES
from yt8m.predicting.ensembling import ensemble, weigh
from yt8m.predicting.prediction import predict
from yt8m.scoring.evaluation import evaluate
from yt8m.scoring.scorer import Scorer
from yt8m.training import curves
from yt8m.training.loop import train
from yt8m.training.statistics import StatisticsPass

curves.plot = lambda rows, path, best_step: None  # drawing takes a second

config = from_dict(json.loads(Path(sys.argv[1]).read_text()), ARCHITECTURES)
train(config)
run, records, place = sys.argv[2:]
metrics = evaluate(run, [records], distribute=config.distribute)
(Path(place) / "metrics.json").write_text(json.dumps(metrics))
predict(run, [records], Path(place) / "predictions.csv", distribute=config.distribute)

predicted_on = []
make_scorer = Scorer.__init__


def seen(self, model, devices=None, *others):
    predicted_on.append(devices.num_replicas)
    make_scorer(self, model, devices, *others)


Scorer.__init__ = seen
members = [run, config.run]
weigh(members, [records], Path(place) / "weights.json", distribute=config.distribute)
for member in members:
    shutil.rmtree(Path(member) / "predictions")
ensemble(members, Path(place) / "ensemble.csv", data=[records], distribute=config.distribute)
assert predicted_on == [2, 2, 2, 2]

devices = open_devices(config.distribute)
with devices.strategy.scope():
    layer = BatchNormalisation(name="bn")
    model = keras.Model(inputs := {"x": keras.Input((3,), name="x")}, layer(inputs["x"]))
batches = [{"x": tf.constant(each)} for each in np.load(Path(place) / "vectors.npy")]
assert StatisticsPass(model, devices).pool(batches) == len(batches) // 2
copies = [
    devices.strategy.experimental_local_results(each.value) for each in (layer.moving_mean, layer.moving_variance)
]
np.savez(Path(place) / "statistics.npz", means=copies[0], variances=copies[1])
