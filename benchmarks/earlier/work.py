"""What one process of either build measures, by functions that both have; one JSON object, in the last line.

`python work.py again WORD...` measures a command line the second time, when all is loaded and made. `python work.py READER
JSON` measures reading:
READER is a function of `yt8m`: `read_records`, or `read_batches` where the build has it. The object of arguments has `files`,
`options` of the reader, and `batches`: how many to read. With `first`, the seconds are those until the first batch is there,
from before the files are opened. Otherwise they are those of batches out of a stream that has run for `warm_seconds`.

This file runs with a commit that does not have it, so it imports nothing of `benchmarks`.
"""

import importlib
import itertools
import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

WARM_SECONDS = 5
"""A stream fills its buffer first, and starts processes once it has been waited for, while a training runs for hours."""
_AT_ONCE = 20


def cpu_seconds() -> float:
    """CPU seconds of this process, and of its children so far, whether they have ended or not."""
    ended, ticks = os.times(), 0
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        if int(fields[1]) == os.getpid():
            ticks += sum(map(int, fields[11:13]))
    return time.process_time() + ended.children_user + ended.children_system + ticks / os.sysconf("SC_CLK_TCK")


def consumer(stream) -> Callable[[int], object]:
    """A function that reads so many more batches of a stream and keeps none.

    Those of TensorFlow stay inside it, so that Python costs nothing.
    """
    iterator = iter(stream)
    if not hasattr(stream, "element_spec"):
        return lambda count: deque(itertools.islice(iterator, count), maxlen=0)
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")  # it warns that there are several of these functions

    @tf.function
    def consume(count):
        for _ in tf.range(count):
            next(iterator)

    return lambda count: consume(tf.constant(count))


def warmed(stream, seconds: float = WARM_SECONDS) -> Callable[[int], object]:
    """Like `consumer`, of a stream that has run for some seconds."""
    consume, end = consumer(stream), time.monotonic() + seconds
    while time.monotonic() < end:
        consume(_AT_ONCE)
    return consume


def spent(work: Callable[[], object]) -> dict[str, float]:
    """The seconds and the CPU seconds that some work takes."""
    start, start_of_cpu = time.perf_counter(), cpu_seconds()
    work()
    return {"seconds": time.perf_counter() - start, "cpu": cpu_seconds() - start_of_cpu}


def main(
    reader: str, files: list[str], batches: int, options: dict, first: bool = False, warm_seconds: float = WARM_SECONDS
) -> dict[str, object]:
    """What was spent, and where the build lies that was measured."""
    import yt8m

    read = getattr(yt8m, reader)  # loads its module
    if reader == "read_records":
        importlib.import_module("tensorflow")
    if first:
        found = spent(lambda: next(iter(read(files, **options))))
    else:
        consume = warmed(read(files, **options), warm_seconds)
        found = spent(lambda: consume(batches))
    return {**found, "build": os.path.dirname(os.path.dirname(os.path.abspath(yt8m.__file__)))}


def again(words: list[str]) -> dict[str, float]:
    """What a command line takes the second time in a process."""
    from yt8m.commands.running import run

    run(words)
    return spent(lambda: run(words))


if __name__ == "__main__":
    if sys.argv[1] == "again":
        found = again(sys.argv[2:])
        print("\n" + json.dumps(found))
        raise SystemExit
    print(json.dumps(main(sys.argv[1], **json.loads(sys.argv[2]))))
