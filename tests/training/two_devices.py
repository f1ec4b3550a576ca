"""Trains the run of the configuration file given, in a process of its own; test_devices.py starts it."""

import json
import sys
from pathlib import Path

from yt8m.config import from_dict
from yt8m.models import ARCHITECTURES
from yt8m.training import curves
from yt8m.training.loop import train

curves.plot = lambda rows, path: None  # drawing takes a second

train(from_dict(json.loads(Path(sys.argv[1]).read_text()), ARCHITECTURES))
