"""One recipe's training step, evaluation and prediction.

Run as `python -m benchmarks.model RECIPE FILE...`; prints one JSON object.
"""

import dataclasses
import json
import tempfile
import time
from pathlib import Path

import tensorflow as tf

from benchmarks.parameters import at_published_size, count_trainable
from benchmarks.sizes import parser_of, sized
from benchmarks.step import NUM_RECORDS
from yt8m import runs
from yt8m.data.pipeline import make_dataset
from yt8m.data.schema import DEFAULT_MAX_FRAMES
from yt8m.data.source import Source
from yt8m.distribution.strategies import open_devices
from yt8m.metrics import top_k_predictions
from yt8m.runs.records import open_data
from yt8m.scoring.evaluation import measure_source
from yt8m.scoring.scorer import BATCH_SIZE, Scorer
from yt8m.submission import VideoSubmissionWriter
from yt8m.training.trainer import Trainer

SECONDS = sized(4.0, 0.1)


def train_rate(trainer: Trainer, source) -> float:
    """Videos a second of the step alone: one batch, over and over."""
    batch = next(trainer.batches(source))
    repeated = iter(tf.data.Dataset.from_tensors(batch).repeat())
    trainer.run_steps(repeated, tf.constant(1))
    best, spent = 0.0, 0.0
    while spent < SECONDS:
        start = time.perf_counter()
        trainer.run_steps(repeated, tf.constant(2))
        seconds = time.perf_counter() - start
        best, spent = max(best, 2 * trainer.config.training.batch_size / seconds), spent + seconds
    return best


def _reading_rate(source: Source) -> float:
    """Videos a second of the pipeline alone, as evaluation reads."""
    count, start = 0, time.perf_counter()
    for batch in make_dataset(source, BATCH_SIZE[source.level]):
        count += len(batch["id"])
    return count / (time.perf_counter() - start)


def prediction_rate(scorer: Scorer, source, config) -> float:
    count, start = 0, time.perf_counter()
    with tempfile.TemporaryDirectory() as directory, VideoSubmissionWriter(Path(directory) / "out.csv") as writer:
        for batch in scorer.scores(source, config):
            ids = [b"%08d" % place for place in range(count, count + len(batch.ids))]  # the files are read repeatedly
            writer.write(ids, *top_k_predictions(batch.scores, 20))
            count += len(ids)
    return count / (time.perf_counter() - start)


def measure(recipe: str, files: list[str]) -> dict[str, float]:
    """Videos a second, millions of parameters, gigabytes."""
    config = at_published_size(recipe)
    data = dataclasses.replace(config.data, train=tuple(files), max_frames=DEFAULT_MAX_FRAMES, shuffle_buffer=64)
    config = dataclasses.replace(config, data=data, training=config.training.counted(NUM_RECORDS))
    source = open_data(config, files)
    trainer = Trainer(config, open_devices(), source)
    rates = {"train": train_rate(trainer, source)}
    scorer = Scorer(trainer.model)
    measure_source(scorer, dataclasses.replace(source, files=source.files[:1]), config)  # traces the graph
    # 400 of the 800 videos are enough of a model that takes a minute for them; one that takes a second shows its start.
    repeated = source.files[:4] if rates["train"] < 100 else source.files * sized(6, 1)
    source = dataclasses.replace(source, files=repeated)
    rates["read"] = max(_reading_rate(source) for _ in range(2))
    rates["evaluate"] = max(measure_source(scorer, source, config).result["videos_per_second"] for _ in range(2))
    rates["predict"] = prediction_rate(scorer, source, config)
    parameters = count_trainable(trainer.model)
    return {**rates, "parameters": parameters / 1e6, "batch": config.training.batch_size}


if __name__ == "__main__":
    parser = parser_of("benchmarks.model", __doc__)
    parser.add_argument("recipe")
    parser.add_argument("files", nargs="+")
    arguments = parser.parse_args()
    runs.describe_environment([])  # fails early where the packages are not installed
    print(json.dumps(measure(arguments.recipe, arguments.files)))
