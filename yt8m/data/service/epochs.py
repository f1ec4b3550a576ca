"""Reading through a tf.data service: its workers, on this machine or on others, read and parse the records.

The dispatcher of the service hands the files of an epoch to the workers one by one, whoever asks next; a worker sends
batches to whoever trains. `yt8m.data.service.servers` runs both.
"""

import functools
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import numpy as np
import tensorflow as tf

from yt8m.data.reading import Source, batches, interleaved, of_fold
from yt8m.data.sources import describe_error, scheme
from yt8m.errors import InputError
from yt8m.values import parse_address

ANSWER_SECONDS = 10.0
"""How long a service that may still be starting is waited for."""
_SECONDS_BETWEEN_QUESTIONS = 0.2
_ORDERS = 8
"""Epochs until the files come in the same order again; each costs a tenth of a second at the start. Which worker gets
which file, and with it the order of the records, is another matter each time."""
_FILES_HELD = 3
"""For each file that a worker reads at the same time: a parallel interleave opens twice as many ahead."""
_PREFETCHED_BATCHES = 2
_BATCHES_AHEAD = 2
"""Of each worker, that a reader asks for; left alone, TensorFlow asks for so many that readers of a job share badly."""


def registered_workers(address: str, seconds: float) -> list[str]:
    """The addresses of all workers that ever registered with a dispatcher, whether they still run or not.

    Args:
        address: of the dispatcher, `host:port`.
        seconds: how long it may take to answer.

    Raises:
        grpc.RpcError: nobody answers there, or somebody else.
    """
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary("/tensorflow.data.DispatcherService/GetWorkers")
        answer = ask(b"", timeout=seconds, wait_for_ready=True)
    # TensorFlow keeps this message's definition from Python. It is a list of messages whose first field is the address,
    # and both are lists of bytes on the wire.
    messages = tf.train.BytesList.FromString(answer).value
    return [tf.train.BytesList.FromString(message).value[0].decode() for message in messages]


def require_host(host: str, shown: str) -> None:
    """Raises InputError if a name is that of no machine; `shown` is the flag and its value, for the message."""
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        raise InputError(f"{shown}: there is no machine of this name ({error.strerror})") from error


def find_workers(service: str, least: int = 1, name: str = "--data.service") -> list[str]:
    """The addresses of a service's workers, once there are enough; waits `ANSWER_SECONDS` for them.

    Args:
        service: the dispatcher, `host:port`, with or without `grpc://` before it.
        least: how many are enough.
        name: of the flag that the service came from, for messages.

    Raises:
        InputError: the address is none, no dispatcher answers there, or it has too few workers.
    """
    address = parse_address(service, name)
    require_host(address.rpartition(":")[0], f"{name} {service}")
    end = time.monotonic() + ANSWER_SECONDS
    while True:
        try:
            workers = registered_workers(address, max(end - time.monotonic(), _SECONDS_BETWEEN_QUESTIONS))
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                reason = "is no dispatcher of a tf.data service; give the address that yt8m data-service prints"
            else:
                reason = "no tf.data service answers there; start one with yt8m data-service"
            raise InputError(f"{name} {service}: {reason}") from error
        if len(workers) >= least:
            return workers
        if time.monotonic() > end:
            raise InputError(
                f"{name} {service}: the service has no workers; start some with yt8m data-service --role worker "
                f"--dispatcher {address}"
            )
        time.sleep(_SECONDS_BETWEEN_QUESTIONS)


@dataclass(frozen=True)
class Epochs:
    """What the workers of a service compute: parsed batches of every record once, in one order or another.

    The files are shuffled here: a shuffle of the files at a worker would have it take all of them.
    """

    source: Source
    parse: Callable
    """From `make_parser`."""
    batch_size: int
    """The last batch of each worker is smaller."""
    shuffle_buffer: int
    """Records that a worker shuffles among, after the shuffle of the files; 0 = none of both."""
    parallel_files: int
    """Most files that a worker reads at the same time."""

    def in_orders(self, number: int, seed: tuple[int, ...], num_workers: int) -> Iterator[tf.data.Dataset]:
        """So many datasets, each of the same records in an order of its own."""
        parse = tf.function(self.parse)  # traced once for all orders
        for order in range(number):
            yield self._in_order(np.random.default_rng((*seed, order)), parse, num_workers)

    def _in_order(self, random: np.random.Generator, parse: Callable, num_workers: int) -> tf.data.Dataset:
        files = [path if scheme(path) else os.path.abspath(path) for path in self.source.files]
        reading = 1
        if self.shuffle_buffer:
            files = random.permutation(files).tolist()
            # So that no worker holds what another could read where there are few files.
            reading = max(1, min(self.parallel_files, len(files) // (_FILES_HELD * num_workers)))
        records = interleaved(
            tf.data.Dataset.from_tensor_slices(files),
            self.source,
            cycle_length=reading,
            num_parallel_calls=tf.data.AUTOTUNE,
        )
        records = of_fold(records, self.source)
        if self.shuffle_buffer:
            records = records.shuffle(self.shuffle_buffer, seed=int(random.integers(1 << 31)))
        salt = int(random.integers(1 << 62))

        def number(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            # A count would begin at 0 at every worker and have them all sample the same frames.
            return tf.strings.to_hash_bucket_fast(batch[0], 1 << 62) + salt, batch

        if self.source.level == "segment":
            records = records.map(parse, num_parallel_calls=tf.data.AUTOTUNE).unbatch()
        epoch = batches(records, self.source, parse, lambda serialized: serialized.map(number), self.batch_size)
        options = tf.data.Options()
        options.deterministic = False
        return epoch.prefetch(_PREFETCHED_BATCHES).with_options(options)


def read_epochs(epochs: Epochs, service: str, job_name: str, seed: tuple[int, ...], repeat: bool) -> tf.data.Dataset:
    """Batches of one epoch, or of one after another for ever, from the workers of a service.

    Args:
        epochs: what to read.
        service: as `find_workers` takes it.
        job_name: the same for all processes that share the batches out among them; empty = this one reads all.
        seed: of the orders.
        repeat: for ever, each epoch in another order, at least for the next few.

    Raises:
        InputError: the service does not answer or cannot be used.
    """
    num_workers = len(find_workers(service))
    target = f"grpc://{parse_address(service, '--data.service')}"
    api = tf.data.experimental.service
    datasets = []
    try:
        for order, epoch in enumerate(epochs.in_orders(_ORDERS if repeat else 1, seed, num_workers)):
            identifier = api.register_dataset(target, epoch, dataset_id=f"{job_name}-{order}" if job_name else None)
            datasets.append(
                api.from_dataset_id(
                    api.ShardingPolicy.DYNAMIC,
                    target,
                    identifier,
                    element_spec=epoch.element_spec,
                    job_name=job_name or None,
                    max_outstanding_requests=_BATCHES_AHEAD * num_workers,
                )
            )
    except tf.errors.OpError as error:
        raise InputError(f"--data.service {service}: {describe_error(error)}") from error
    stream = functools.reduce(tf.data.Dataset.concatenate, datasets)
    return stream.repeat() if repeat else stream
