"""The devices of this process, and its communication with other workers."""

import contextlib
import dataclasses
import functools
import pickle
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from yt8m.data.schema import Share
from yt8m.errors import InputError

Result = TypeVar("Result")


class Stopped(Exception):
    """Work was stopped on request."""


@dataclasses.dataclass(frozen=True)
class Devices:
    """The devices of a `tf.distribute` strategy, and this worker's place among several.

    Workers exchange pickled objects of this package. TensorFlow protects neither these nor the gradients on the way, so
    keep all workers behind one firewall.
    """

    strategy: tf.distribute.Strategy
    worker: int = 0
    num_workers: int = 1
    static_shapes: bool = False
    """Whether the devices compile a program for every shape, as a TPU does."""

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes files and prints."""
        return self.worker == 0

    @property
    def num_replicas(self) -> int:
        """Devices of all workers."""
        return self.strategy.num_replicas_in_sync

    @property
    def num_local_replicas(self) -> int:
        """Devices of this worker."""
        return self.num_replicas // self.num_workers

    @property
    def shard(self) -> Share:
        """This worker's share of the records."""
        return Share(self.worker, self.num_workers)

    def largest(self, *values: int) -> tuple[int, ...]:
        """The largest of all workers' values, for each argument. Takes milliseconds."""
        if self.num_workers == 1:
            return values
        return tuple(self._largest(tf.constant(values, tf.int64)).numpy().max(axis=0).tolist())

    @functools.cached_property
    def _largest(self) -> Callable[[tf.Tensor], tf.Tensor]:
        @tf.function(reduce_retracing=True)
        def gather(values):
            context = tf.distribute.get_replica_context
            rows = self.strategy.run(lambda: context().all_gather(values[None], axis=0))
            return self.strategy.experimental_local_results(rows)[0]

        return gather

    def gather(self, value: Result) -> list[Result]:
        """The values of all workers, in their order. All must call this, and they wait for each other."""
        if self.num_workers == 1:
            return [value]
        content = pickle.dumps(value)
        # As integers of a type that can be sent, with the length first.
        padded = len(content).to_bytes(8, "little") + content + bytes(-len(content) % 8)
        mine = np.frombuffer(padded, np.int64)
        sizes = self._gathered(np.array([len(mine)], np.int64))[:: self.num_local_replicas]
        rows = np.zeros(int(sizes.max()), np.int64)
        rows[: len(mine)] = mine
        every = self._gathered(rows[None])[:: self.num_local_replicas]
        contents = [row[:size].tobytes() for row, size in zip(every, sizes.tolist(), strict=True)]
        return [pickle.loads(each[8 : 8 + int.from_bytes(each[:8], "little")]) for each in contents]

    def _gathered(self, rows: np.ndarray) -> np.ndarray:
        """The rows of every device, stacked. All have the same shape."""
        values = self.strategy.experimental_distribute_values_from_function(lambda _: tf.constant(rows))
        return self.strategy.gather(values, axis=0).numpy()

    def together(self, work: Callable[[], Result]) -> list[Result]:
        """Runs a function on every worker. Returns the results of all workers, in their order.

        Args:
            work: must not communicate with other workers.

        Raises:
            InputError, Stopped: a worker raised it; then all workers do.
        """
        if self.num_workers == 1:
            return [work()]
        result, error = None, None
        try:
            result = work()
        except (InputError, Stopped) as raised:
            error = raised
        outcomes = self.gather((result, None if error is None else (type(error) is Stopped, str(error))))
        failures = sorted(
            failure for _, failure in outcomes if failure is not None
        )  # errors come before requests to stop
        if failures:
            stopped, text = failures[0]
            if stopped:
                raise Stopped()
            own = error if isinstance(error, InputError) else InputError(text)
            own.on_all_workers = True
            raise own
        return [result for result, _ in outcomes]

    def stoppable(self, items: Iterable[Result], stop_requested: Callable[[], bool]) -> Iterator[Result]:
        """Iterates over a worker's own items. Use it within `together`. Workers may have different numbers of items.

        About once a second, the workers ask each other whether to stop. They do so equally often, whatever their items.

        Args:
            items: this worker's items.
            stop_requested: whether to stop. It is called before every item, or about once a second with other workers.

        Raises:
            Stopped: a worker was asked to stop, or failed.
        """
        todo = iter(items)
        seconds = _SECONDS_A_ROUND if self.num_workers > 1 else 0.0
        done, error = False, None
        while True:
            stop, more = self.largest(int(stop_requested() or error is not None), int(not done))
            if error is not None:
                raise error
            if stop:
                raise Stopped()
            if not more:
                return
            end, item = time.monotonic() + seconds, None
            try:
                while not done and (item is None or time.monotonic() < end):
                    item = next(todo, None)
                    done = item is None
                    if not done:
                        yield item
            except InputError as raised:
                if self.num_workers == 1:
                    raise
                error = raised

    def on_chief(self, work: Callable[[], Result]) -> Result:
        """Runs a function on the chief while the others wait. All workers get its result.

        Raises:
            InputError, Stopped: the chief raised it; then all workers do.
        """
        return self.together(lambda: work() if self.is_chief else None)[0]

    def mean(self, variables: Sequence[Any]) -> list[np.ndarray]:
        """The mean of each variable's copies over all devices."""

        @tf.function
        def reduce():
            def copies():
                return [tf.convert_to_tensor(variable) for variable in variables]

            return [
                self.strategy.reduce(tf.distribute.ReduceOp.MEAN, each, axis=None) for each in self.strategy.run(copies)
            ]

        return [value.numpy() for value in reduce()]

    @contextlib.contextmanager
    def lost_workers(self) -> Iterator[None]:
        """Turns TensorFlow's errors about a lost worker into one line. At the end, workers wait for each other.

        Raises:
            InputError: another worker is gone.
        """
        try:
            yield
        except InputError as error:
            if error.on_all_workers:
                self._wait_for_all()
            raise
        except _LOST as error:
            if self.num_workers == 1:
                raise
            raise InputError(
                f"worker {self.worker} of {self.num_workers}: another worker ended or cannot be reached (its own last lines "
                "say why); start all workers again with the same command, which resumes from what was saved"
            ) from error
        else:
            self._wait_for_all()

    def _wait_for_all(self) -> None:
        """Waits until every worker has all that it asked the others for.

        A worker's share of what is exchanged is fetched from its process. If that has ended, those that are slower would take
        it for lost.
        """
        with contextlib.suppress(*_LOST):  # the others have had all they need, and may have ended first
            self.largest(0)


def alone() -> Devices:
    """The devices of a single process, as TensorFlow chooses them by itself."""
    return Devices(tf.distribute.get_strategy())


_SECONDS_A_ROUND = 1.0

_LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)
