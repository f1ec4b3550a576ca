"""Trains the run of the configuration file given, in a process of its own; test_devices.py starts it.

Then evaluates and predicts with another run on the same devices: arguments are the configuration, that run, the records, and a
directory for `metrics.json` and `predictions.csv`.
"""

import json
import sys
from pathlib import Path

from yt8m.config import from_dict
from yt8m.evaluation import evaluate
from yt8m.models import ARCHITECTURES
from yt8m.prediction import predict
from yt8m.training import curves
from yt8m.training.loop import train

curves.plot = lambda rows, path: None  # drawing takes a second

config = from_dict(json.loads(Path(sys.argv[1]).read_text()), ARCHITECTURES)
train(config)
run, records, place = sys.argv[2:]
metrics = evaluate(run, [records], distribute=config.distribute)
(Path(place) / "metrics.json").write_text(json.dumps(metrics))
predict(run, [records], Path(place) / "predictions.csv", distribute=config.distribute)
