"""Trains a run that is killed again and again, and once to its end; test_recovery.py starts it.

Arguments: the configuration file, and how many times to kill. Every second time the kill comes while a checkpoint is written,
else at any moment. Prints how many of the starts were killed, in each way.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

from tensorboard.plugins.hparams import api  # noqa: F401, or each process that is killed would load it
from tensorboard.plugins.pr_curve import summary  # noqa: F401, as above

from yt8m.config import from_dict
from yt8m.models import ARCHITECTURES
from yt8m.runs.checkpoints import Checkpoints
from yt8m.training import course, curves
from yt8m.training.loop import train

SECONDS_OF_A_START = 3.0
SECONDS_OF_A_CALL = 0.3
"""That a killed run is held up each time it takes steps, or it would be at its end before it was killed often enough."""
SECONDS_OF_A_SAVE = 0.08


def die_after(seconds: float) -> None:
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()


def die_in_save(moment: random.Random) -> None:
    save, saves = Checkpoints.save, moment.randrange(2)

    def dying_save(checkpoints, step):
        nonlocal saves
        if not saves:
            die_after(moment.uniform(0, SECONDS_OF_A_SAVE))
        saves -= 1
        save(checkpoints, step)

    Checkpoints.save = dying_save


def start(config, number: int | None) -> bool:
    """Trains in a process of its own, which spares importing TensorFlow each time; whether it was killed."""
    child = os.fork()
    if not child:
        curves.plot = lambda rows, path, best_step: path.write_bytes(b"drawn")  # drawing takes a second
        moment = random.Random(number)
        if number is not None:
            take_steps = course.take_steps
            course.take_steps = lambda *arguments: time.sleep(SECONDS_OF_A_CALL) or take_steps(*arguments)
        if number is not None and number % 2:
            die_in_save(moment)
        elif number is not None:
            die_after(moment.uniform(0, SECONDS_OF_A_START))
        train(config)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, f"start {number} failed"
    return os.WIFSIGNALED(status)


def main() -> None:
    config = from_dict(json.loads(Path(sys.argv[1]).read_text()), ARCHITECTURES)
    killed = [start(config, number) for number in range(int(sys.argv[2]))]
    assert not start(config, None)
    print(json.dumps({"at_any_moment": sum(killed[::2]), "while_saving": sum(killed[1::2])}))


if __name__ == "__main__":
    main()
