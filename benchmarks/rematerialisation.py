"""Memory of a train step with and without `--training.rematerialise`: `python -m benchmarks.rematerialisation RECIPE`.

Prints one JSON object: the most memory that a step takes beyond what was there before it, in megabytes, and its CPU seconds. Both
ways in processes of their own, because the peak of a process never falls.
"""

import dataclasses
import json
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks import processes
from benchmarks.sizes import parser_of, sized

BATCH_SIZE, NUM_FRAMES = sized(16, 4), sized(150, 10)
WAYS = ("kept", "twice")
"""Values inside blocks are kept for the gradients, or computed twice."""


def measure(recipe: str, way: str) -> dict[str, float]:
    """Megabytes of a step, and CPU seconds of the second one."""
    import tensorflow as tf

    from benchmarks.parameters import at_published_size
    from benchmarks.step import random_batch, trainer_without_records
    from benchmarks.turns import peak_megabytes

    config = at_published_size(recipe)
    training = dataclasses.replace(config.training, batch_size=BATCH_SIZE, rematerialise=way == "twice")
    data = dataclasses.replace(config.data, num_frames=NUM_FRAMES)
    config = dataclasses.replace(config, data=data, training=training)
    trainer = trainer_without_records(config)
    batches = iter(tf.data.Dataset.from_tensors(random_batch(config)).repeat())
    before = peak_megabytes()
    trainer.run_steps(batches, tf.constant(1))
    start = time.process_time()
    trainer.run_steps(batches, tf.constant(1))
    return {"megabytes": peak_megabytes() - before, "cpu": time.process_time() - start}


def main() -> None:
    parser = parser_of("benchmarks.rematerialisation", __doc__)
    parser.add_argument("recipe")
    parser.add_argument("--way", choices=WAYS, help="measure one of both, in this process")
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments.recipe, arguments.way)))
        return
    found = {
        way: json.loads(processes.last_line("benchmarks.rematerialisation", arguments.recipe, "--way", way))
        for way in WAYS
    }
    print(json.dumps({"recipe": arguments.recipe, "batch": BATCH_SIZE, "frames": NUM_FRAMES, **found}))


if __name__ == "__main__":
    main()
