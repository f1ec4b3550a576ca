"""Trains the run of the configuration file given, on a CPU split into two devices; test_devices.py starts it."""

import json
import sys
from pathlib import Path

import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from yt8m.config import from_dict  # noqa: E402
from yt8m.models import ARCHITECTURES  # noqa: E402
from yt8m.training import curves  # noqa: E402
from yt8m.training.loop import train  # noqa: E402

curves.plot = lambda rows, path: None  # drawing takes a second

train(from_dict(json.loads(Path(sys.argv[1]).read_text()), ARCHITECTURES))
