"""The run directory: all that one command leaves for the next.

==================  ====================================================================================================
``config.json``     the whole configuration, resolved: files found, features seen. `evaluate` and `predict` need no more
``environment.json``  versions, git commit and devices, of the newest start
``records.json``    size and time of change of the local files that the newest start learned from and validated on
``metrics.jsonl``   one JSON object a line: ``{"kind": "train" | "validation", "step": ..., ...}``
``tensorboard/``    the same as event files
``checkpoints/``    what training needs to go on
``best/``           ``model.weights.h5``, the weights of the best validation, and ``metrics.json``, its result; a run without
                    validation records has no best, and its last weights are here, without metrics
``predictions/``    what `yt8m ensemble`, `yt8m weigh` and ``--prior`` had the run predict: a directory for each set of records
                    (`yt8m.predictions.stored`), the eight used last
``calibration.json``  what `yt8m calibrate` fitted; nothing reads it unless it is named (``--calibration``)
``curves.png``      loss and GAP over the steps, at the end
``report.html``     what `yt8m report` makes
==================  ====================================================================================================

What may be deleted, and is missed by: ``environment.json``, ``tensorboard/``, ``curves.png``, ``report.html``: nothing but
`yt8m report`, which shows less. ``predictions/``: nothing, they are made again. ``calibration.json``: nothing, unless it is
named. ``records.json``: training, which then does not see that records have changed. ``checkpoints/``: training, which then
refuses to go on, and `yt8m average --last` and ``--best``. ``metrics.jsonl``: the curves, and `yt8m average --best`. ``best/``:
all that uses the run, until the same `yt8m train` keeps the newest checkpoint's weights in its place. ``config.json``:
everything.
"""

from yt8m.runs.directory import (
    CHANGEABLE,
    RunDirectory,
    check_place,
    flatten,
    load_config,
    model_difference,
    open_run,
    opened_run,
)
from yt8m.runs.environment import describe_environment
from yt8m.runs.metrics import append_metrics, best_metrics, forget_after, read_metrics

__all__ = [
    "CHANGEABLE",
    "RunDirectory",
    "append_metrics",
    "best_metrics",
    "check_place",
    "describe_environment",
    "flatten",
    "forget_after",
    "load_config",
    "model_difference",
    "open_run",
    "opened_run",
    "read_metrics",
]
