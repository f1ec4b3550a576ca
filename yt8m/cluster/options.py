"""What `--engine beam` takes: a runner, and Beam's own options. Apache Beam is loaded only when these are used."""

import argparse
import contextlib
import difflib
import logging
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, get_args

import tyro

from yt8m.config.fields import hint
from yt8m.errors import InputError, not_installed, unknown_name

if TYPE_CHECKING:
    from apache_beam.options.pipeline_options import PipelineOptions

Engine = Literal["local", "beam"]
"""Who does the work: this command's own threads, or Apache Beam."""

Runner = Literal["DirectRunner", "PortableRunner", "DataflowRunner", "FlinkRunner", "SparkRunner"]

_CLASSES: dict[str, str] = {"DirectRunner": "FnApiRunner"}
"""Beam's class, where it has another name. Its own DirectRunner would fetch a program, Prism, and run that."""

_OF_JOB_SERVICES = frozenset(
    [
        *("parallelism", "max_parallelism", "object_reuse", "state_backend", "state_backend_storage_path"),
        *("checkpointing_interval", "checkpointing_mode", "checkpoint_timeout_millis", "execution_retry_delay"),
        *("number_of_execution_retries", "max_bundle_size", "max_bundle_time_mills", "execution_mode_for_batch"),
        *("savepoint_path", "allow_non_restored_state", "storage_level", "spark_master", "checkpoint_dir"),
    ]
)
"""Options of Flink's and Spark's job services, which Beam's Python side does not know and passes on."""

_WITH_JOB_SERVICE = ("PortableRunner", "FlinkRunner", "SparkRunner")


@dataclass(frozen=True)
class BeamOptions:
    """Where Beam runs."""

    runner: Runner = "DirectRunner"
    """What runs the work: DirectRunner in this process; a cluster by its own runner; or PortableRunner, a job service."""
    options: Annotated[str, tyro.conf.arg(metavar="OPTIONS", help_behavior_hint=hint)] = ""
    """Options of Beam and its runner in one text, as "--direct_num_workers 2 --direct_running_mode multi_processing"."""

    def words(self) -> list[str]:
        """The options word by word. Raises InputError if a quote is not closed."""
        try:
            return shlex.split(self.options)
        except ValueError as error:
            raise InputError(
                f"--beam.options {self.options!r}: cannot be read ({error}); write them as on a command line"
            ) from None

    def load(self, num_threads: int = 1) -> "PipelineOptions":
        """The options as Beam has them.

        Args:
            num_threads: threads of this process that `DirectRunner` uses, unless one of the options begins with `--direct_`.

        Raises:
            InputError: Beam is missing, or does not know the runner or an option.
        """
        if self.runner not in get_args(Runner):
            raise InputError(f"--beam.runner: {unknown_name('runner', self.runner, get_args(Runner))}")
        load_beam()
        from apache_beam.options.pipeline_options import PipelineOptions

        words = self.words()
        if any(word.partition("=")[0] == "--runner" for word in words):
            raise InputError("--beam.options has --runner; name the runner with --beam.runner")
        if "-h" in words or "--help" in words:
            raise InputError("--beam.options has --help; Beam's documentation, and its runner's, have their options")
        self._refuse_unknown(words)
        if self.runner == "DirectRunner" and not any(word.startswith("--direct_") for word in words):
            mode = "in_memory" if num_threads == 1 else "multi_threading"
            words += ["--direct_running_mode", mode, "--direct_num_workers", str(num_threads)]
        return PipelineOptions([*words, "--runner", _CLASSES.get(self.runner, self.runner)])

    def _refuse_unknown(self, words: list[str]) -> None:
        from apache_beam.options.pipeline_options import PipelineOptions

        parsers: list[argparse.ArgumentParser] = []
        PipelineOptions([]).get_all_options(add_extra_args_fn=parsers.append)
        (parser,) = parsers
        parser.error = _refuse  # type: ignore[method-assign]  it would end the process
        given, unknown = parser.parse_known_args(words)
        if given.direct_num_workers < 0:
            raise InputError(
                f"--beam.options has --direct_num_workers {given.direct_num_workers}; it must be 0, for one a core, or more"
            )
        known = [name for action in parser._actions for name in action.option_strings]
        if self.runner in _WITH_JOB_SERVICE:
            known += [f"--{name}" for name in _OF_JOB_SERVICES]
            unknown = _without_values(unknown, set(known))
        if not unknown:
            return
        name = unknown[0].partition("=")[0]
        if not name.startswith("--"):
            raise InputError(f"--beam.options has {name!r}, which belongs to no option; write --NAME VALUE")
        close = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {close[0]}?" if close else "see the documentation of Beam and its runner"
        raise InputError(f"--beam.options has {name}, which {self.runner} does not know; {hint}")


LOCAL = BeamOptions()
"""What commands have unless they are told more."""


def chosen_beam(engine: Engine, beam: BeamOptions) -> BeamOptions | None:
    """What a command's flags ask for; None = the local engine. Loads Beam, and checks its options, before the work.

    Raises:
        InputError: see `BeamOptions.load`; or Beam's flags are given without `--engine beam`.
    """
    if engine == "beam":
        beam.load()
        return beam
    if beam != LOCAL:
        name = "--beam.runner" if beam.runner != LOCAL.runner else "--beam.options"
        raise InputError(f"{name} is of no use without --engine beam; give that too, or leave it out")
    return None


def _refuse(message: str) -> NoReturn:
    raise InputError(f"--beam.options: {message}")


def _without_values(words: list[str], known: set[str]) -> list[str]:
    """The words that belong to no known option."""
    left, is_known = [], False
    for word in words:
        if word.startswith("--"):
            is_known = word.partition("=")[0] in known
        if not is_known:
            left.append(word)
    return left


def load_beam() -> None:
    """Loads Apache Beam, without its remarks on what else could be installed. Raises InputError if it is missing."""
    with quiet_logging():
        try:
            import apache_beam  # noqa: F401
        except ImportError as error:
            raise not_installed("--engine beam", "apache-beam", "beam", error) from None


@contextlib.contextmanager
def quiet_logging() -> Iterator[None]:
    """Keeps the log of Beam off the terminal, where errors are one line."""
    root = logging.getLogger()
    before, handlers = root.manager.disable, list(root.handlers)
    logging.disable(logging.CRITICAL)  # as which the end of a worker that was stopped counts
    try:
        yield
    finally:
        logging.disable(before)
        for each in [each for each in root.handlers if each not in handlers]:  # made by the first remark
            root.removeHandler(each)
