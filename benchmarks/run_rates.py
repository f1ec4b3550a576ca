"""How fast a trained run's step and its prediction are: `python -m benchmarks.run_rates RUN RECORDS`; one JSON object."""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import dataclasses

from benchmarks.model import prediction_rate, train_rate
from benchmarks.sizes import parser_of
from yt8m import runs
from yt8m.distribution.strategies import open_devices
from yt8m.runs.model import load_run
from yt8m.runs.records import open_data
from yt8m.scoring.scorer import Scorer
from yt8m.training.trainer import Trainer


def measure(run: str, records: str) -> dict[str, float]:
    """Videos a second of the step alone, and from records to a submission."""
    config = runs.load_config(run)
    trainer = Trainer(config, open_devices(), open_data(config, config.data.train))
    rates = {"train": train_rate(trainer, open_data(config, config.data.train))}
    source, scorer = open_data(config, records), Scorer(load_run(run))
    prediction_rate(scorer, dataclasses.replace(source, files=source.files[:1]), config)  # traces the graph
    return rates | {"predict": max(prediction_rate(scorer, source, config) for _ in range(2))}


if __name__ == "__main__":
    parser = parser_of("benchmarks.run_rates", __doc__)
    parser.add_argument("run")
    parser.add_argument("records")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.run, arguments.records)))
