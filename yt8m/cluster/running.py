"""Runs a pipeline to its end, and makes one line of whatever ends it. Needs Beam."""

import contextlib
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.typehints.decorators import TypeCheckError

from yt8m.cluster.options import BeamOptions, quiet_logging
from yt8m.cluster.storage import GIVEN, put_value, scratch_directory, token, value_in, values_in
from yt8m.errors import InputError
from yt8m.progress import Progress

Build = Callable[[beam.Pipeline, str], None]
"""Puts the transforms into a pipeline, given the scratch directory that its workers share."""

_OURS = re.compile(r"yt8m\.errors\.(?:InputError|RecordError): (.*)")
_ADDED = re.compile(r" \[while running '[^']*'\]\s*$")
"""What Beam puts behind a message."""
_ESCAPED_FRAME, _ESCAPED_END = '\\n  File "', re.compile(r"(?<!\\)\\n")
"""A job service may quote a whole traceback, so that its lines end with a backslash and an n."""

_OUR_FRAME = re.compile(r'File "[^"]*\byt8m/')
"""A line of a traceback that leads through this package."""

_LONGEST_REASON = 300

_ELEMENTS_A_FILE = 1000

_SECONDS_TO_END = 1.0
"""For Beam's threads, once a job has ended. Some never do."""


class FromList(beam.PTransform):
    """The elements of a list, which may be long: it does not go with the job, whose size clusters limit.

    Args:
        scratch: the scratch directory.
        elements: the list.
    """

    def __init__(self, scratch: str, elements: Sequence[Any]):
        super().__init__()
        self._scratch, self._elements = scratch, elements

    def expand(self, begin):
        """Pipeline -> PCollection of the elements."""
        scratch, names = self._scratch, []
        for start in range(0, len(self._elements), _ELEMENTS_A_FILE):
            names.append(token())
            put_value(scratch, names[-1], self._elements[start : start + _ELEMENTS_A_FILE], GIVEN)
        return begin | beam.Create(names) | beam.Reshuffle() | beam.FlatMap(lambda name: value_in(scratch, name, GIVEN))


class Deliver(beam.PTransform):
    """Hands pairs of a name and a value to whoever called `run`. A name is unique, and short enough for a file.

    Args:
        scratch: the scratch directory.
    """

    def __init__(self, scratch: str):
        super().__init__()
        self._scratch = scratch

    def expand(self, pairs):
        """PCollection of (str, any) -> PCollection of None."""
        scratch = self._scratch
        return pairs | beam.Map(lambda pair: put_value(scratch, *pair))


def run(
    how: BeamOptions,
    build: Build,
    work: str,
    progress: Progress,
    shared: str | None = None,
    collect: Callable[[str], Any] = values_in,
    num_threads: int = 1,
) -> Any:
    """Builds a pipeline and runs it to its end.

    Args:
        how: the runner.
        build: puts transforms into the pipeline.
        work: what is done, for the line that says where.
        progress: gets that line.
        shared: a directory that all workers can write to; None = `--temp_location`, or this machine's directory for temporary
            files.
        collect: takes what the pipeline has left in the scratch directory, before that is removed.
        num_threads: see `BeamOptions.load`. More than one gain where work does not hold Python's lock.

    Returns:
        What `collect` returns; by default what the pipeline handed to `Deliver`, by name.

    Raises:
        InputError: Beam is missing, the options are wrong, the runner cannot be reached, or a worker met an error of the user's.
        KeyboardInterrupt: the user stopped it; the job is cancelled.
    """
    options = how.load(num_threads)
    with scratch_directory(shared or _shared_place(how)) as scratch:
        progress.message(f"{work} by Apache Beam, {how.runner}")
        with quiet_logging(), _without_output():
            _run(how, options, lambda pipeline: build(pipeline, scratch))
        return collect(scratch)


@contextlib.contextmanager
def _without_output() -> Iterator[None]:
    """Leaves out what workers print in this process, and in those that it starts: the error says it too.

    Beam's threads may end after the job that was stopped, each with a traceback, so they are waited for.
    """
    threads, hook = set(threading.enumerate()), threading.excepthook
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        kept = {number: os.dup(number) for number in (1, 2)}
        for number in kept:
            os.dup2(nowhere.fileno(), number)
        threading.excepthook = lambda ended: None
        try:
            yield
        except BaseException:
            _wait_for(set(threading.enumerate()) - threads)
            raise
        finally:
            try:
                _restore(kept)
            finally:  # Ctrl-C at this moment must not leave them closed
                _restore(kept)
                threading.excepthook = hook
                for copy in kept.values():
                    os.close(copy)


def _restore(kept: dict[int, int]) -> None:
    for number, copy in kept.items():
        os.dup2(copy, number)


def _wait_for(threads: set[threading.Thread]) -> None:
    end = time.monotonic() + _SECONDS_TO_END
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))


def temp_location(how: BeamOptions) -> str | None:
    """The place for temporary files that Beam's options name. Raises InputError if they are wrong."""
    return how.load().view_as(GoogleCloudOptions).temp_location


def _shared_place(how: BeamOptions) -> str:
    """Where workers share files, if no output directory is that place."""
    given = temp_location(how)
    if given:
        return given
    if how.runner == "DirectRunner":
        return tempfile.gettempdir()
    raise InputError(
        f"--beam.options has no --temp_location, and {how.runner}'s workers need a directory that all of them share"
    )


def _run(how: BeamOptions, options: PipelineOptions, build: Callable[[beam.Pipeline], None]) -> None:
    """Runs a pipeline. Raises what `run` raises."""
    pipeline = result = None
    try:
        pipeline = beam.Pipeline(options=options)
        build(pipeline)
        result = pipeline.run()
        result.wait_until_finish()
    except BaseException as error:
        if result is not None:
            with contextlib.suppress(Exception):
                result.cancel()
        if pipeline is not None:  # which removes this itself only if it runs
            shutil.rmtree(pipeline.local_tempdir, ignore_errors=True)
        raise _explained(error, how) from error
    if result.state not in (None, "DONE"):
        raise InputError(f"--beam.runner {how.runner}: the job ended as {result.state}; its log says why")


def _explained(error: BaseException, how: BeamOptions) -> BaseException:
    """The error of the user's that ended a job, as its text names it; the given one if it was a bug, or Ctrl-C."""
    text = str(error)
    if isinstance(error, KeyboardInterrupt):
        return error
    if isinstance(error, InputError):  # of a worker in this process, to which Beam has added as well
        return InputError(_ADDED.sub("", text)) if _ADDED.search(text) else error
    if found := _OURS.findall(text):
        message = found[-1]
        if _ESCAPED_FRAME in text:
            message = _ESCAPED_END.split(message)[0].replace("\\\\", "\\")
        return InputError(_ADDED.sub("", message).strip())
    if isinstance(error, ImportError | TypeCheckError) and how.options:
        return InputError(f"--beam.options {how.options!r}: Beam refuses ({_reason_in(text)}); leave out what it names")
    is_of_runner = isinstance(error, OSError | grpc.RpcError | grpc.FutureTimeoutError | RuntimeError)
    if (is_of_runner and not _OUR_FRAME.search(text)) or "validations errors" in text:
        reason = _reason_in(text) or type(error).__name__
        return InputError(
            f"--beam.runner {how.runner}: the job failed ({reason}); give the same command again, or mend that"
        )
    return error


def _reason_in(text: str) -> str:
    """What a runner says of a failure, in one line: the last one of a traceback."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[-1:] if "Traceback" in text else lines)[:_LONGEST_REASON]
