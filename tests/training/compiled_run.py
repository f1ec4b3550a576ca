"""Trains the run of the configuration file given, with both steps compiled by XLA, and prints how often they were traced.

test_static_compilation.py starts it: a process of its own, as XLA reads when it is loaded where to write down what it compiles.
"""

import json
import sys
from pathlib import Path

import tensorflow as tf

from yt8m.config import from_dict
from yt8m.models import ARCHITECTURES
from yt8m.scoring.scorer import BATCH_SIZE
from yt8m.training import curves, loop
from yt8m.training.trainer import Trainer

curves.plot = lambda rows, path, best_step: None  # drawing takes a second
BATCH_SIZE["video"] = 5
made = []


def make_trainer(*arguments) -> Trainer:
    trainer = Trainer(*arguments)
    step = trainer.scorer._step
    trainer.scorer._step = tf.function(lambda batch: step(batch), jit_compile=True)
    made.append(trainer)
    return trainer


loop.Trainer = make_trainer
loop.train(from_dict(json.loads(Path(sys.argv[1]).read_text()), ARCHITECTURES))
(trainer,) = made
steps = {
    "run_steps": trainer.run_steps,
    "compute": trainer._loss_and_gradients,
    "prediction": trainer.scorer._step,
}
print(json.dumps({name: step.experimental_get_tracing_count() for name, step in steps.items()}))
