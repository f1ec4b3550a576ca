"""What one process of either build measures, by functions that both have: `python work.py READER JSON`; one JSON object.

READER is a function of `yt8m`: `read_records`, or `read_batches` where the build has it. The object of arguments has `files`,
`options` of the reader, and `batches`: how many to read. With `first`, the seconds are those until the first batch is there,
from before the files are opened. Otherwise they are those of all batches, in a second turn over an open stream.

This file runs with a commit that does not have it, so it imports nothing of `benchmarks`.
"""

import importlib
import itertools
import json
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import yt8m


def _consumer(stream, count: int) -> Callable[[], object]:
    """Reads batches of a stream and keeps none. Those of TensorFlow stay inside it, so that Python costs nothing."""
    if not hasattr(stream, "reduce"):
        return lambda: [None for _ in itertools.islice(stream, count)]
    import tensorflow as tf

    dataset = stream.take(count)
    return lambda: dataset.reduce(tf.constant(0, tf.int64), lambda done, _: done + 1).numpy()


def _spent(work: Callable[[], object]) -> dict[str, float]:
    start, start_of_process = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - start_of_process}


def main(reader: str, files: list[str], batches: int, options: dict, first: bool = False) -> dict[str, object]:
    """What was spent, and where the build lies that was measured."""
    read = getattr(yt8m, reader)  # loads its module
    if reader == "read_records":
        importlib.import_module("tensorflow")
    if first:
        spent = _spent(lambda: next(iter(read(files, **options))))
    else:
        work = _consumer(read(files, **options), batches)
        work()
        spent = _spent(work)
    return {**spent, "build": os.path.dirname(os.path.dirname(os.path.abspath(yt8m.__file__)))}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], **json.loads(sys.argv[2]))))
