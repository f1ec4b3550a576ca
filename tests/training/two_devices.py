"""Trains the runs of the configuration files given, on a CPU split into two devices; test_devices.py starts it."""

import json
import sys
from pathlib import Path

import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)

from yt8m.config import from_dict  # noqa: E402
from yt8m.models import ARCHITECTURES  # noqa: E402
from yt8m.training.loop import train  # noqa: E402

for file in sys.argv[1:]:
    train(from_dict(json.loads(Path(file).read_text()), ARCHITECTURES))
