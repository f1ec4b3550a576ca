"""The run directory: everything that one command leaves for the next.

==================  ====================================================================================================
``config.json``     the whole resolved configuration, with files and features found. `evaluate` and `predict` need no more
``environment.json``  versions, git commit, working directory and devices, of the newest start
``records.json``    sizes and times of change of the local files that the newest start trained and validated on
``record_counts.json``  how many records each training file has, as far as that is known (`yt8m.data.record_counts`)
``metrics.jsonl``   one JSON object in each line: ``{"kind": "train" | "validation", "step": ..., ...}``
``tensorboard/``    the metrics as event files
``checkpoints/``    everything that training needs to go on
``best/``           ``model.weights.h5``, the weights of the best validation, and ``metrics.json``, its result. A run without
                    validation records keeps its last weights here, without metrics
``predictions/``    the run's predictions for `yt8m ensemble`, `yt8m weigh` and ``--prior``: a directory for each of the
                    eight sets of records used last (`yt8m.predicting.stored`)
``calibration.json``  the result of `yt8m calibrate`. Commands read it only if ``--calibration`` names it
``log.txt``         what training said: remarks, validations, and a line about once a minute
``starts.jsonl``    when each start of training began and ended, and how (`yt8m.runs.starts`)
``note.txt``        the note of `yt8m note`
``tracking.json``   the ids of the run at the services of ``--log``
``curves.png``      loss and GAP over the steps, written at the end
``report.html``     the page of `yt8m report`
==================  ====================================================================================================

Consequences of deleting a file:

* ``tensorboard/``, ``curves.png``, ``report.html``: `yt8m report` shows less.
* ``log.txt``, ``note.txt``: none.
* ``starts.jsonl``: `yt8m runs` does not know how long training took.
* ``tracking.json``: a run that goes on is another one for the services of ``--log``.
* ``environment.json``: the same, and relative paths of records are only searched from the present directory.
* ``predictions/``: none; they are made again.
* ``calibration.json``: none, unless a command names it.
* ``record_counts.json``: training counts the records of local files again when it goes on, and reads those of others again.
* ``records.json``: training does not notice that records have changed.
* ``checkpoints/``: training refuses to go on; `yt8m average --last` and ``--best`` fail.
* ``metrics.jsonl``: no curves; `yt8m average --best` fails.
* ``best/``: nothing can use the run until the same `yt8m train` puts the newest checkpoint's weights there.
* ``config.json``: nothing can use the run.
"""

from yt8m.runs.destinations import check_output, refuse_kept
from yt8m.runs.directory import (
    CHANGEABLE,
    RunDirectory,
    check_place,
    find_run,
    flatten,
    load_config,
    model_difference,
    model_differences,
    open_run,
    opened_run,
    reads_initial_run,
)
from yt8m.runs.environment import describe_environment
from yt8m.runs.metrics import append_metrics, best_metrics, forget_after, read_metrics

__all__ = [
    "CHANGEABLE",
    "RunDirectory",
    "append_metrics",
    "best_metrics",
    "check_output",
    "check_place",
    "describe_environment",
    "find_run",
    "flatten",
    "forget_after",
    "load_config",
    "model_difference",
    "model_differences",
    "open_run",
    "opened_run",
    "read_metrics",
    "reads_initial_run",
    "refuse_kept",
]
