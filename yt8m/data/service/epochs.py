"""Reads through a tf.data service: its workers, on this machine or on others, read and parse the records.

The service's dispatcher hands out the files of an epoch one by one, to the worker that asks next. Workers send batches to
the training processes. `yt8m.data.service.servers` runs dispatcher and workers.
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

from yt8m.data.graph.reading import batches, interleaved, of_fold
from yt8m.data.source import Source
from yt8m.data.sources import describe_error, scheme
from yt8m.errors import InputError
from yt8m.values import parse_address

ANSWER_SECONDS = 10.0
"""How long to wait for a service that may still be starting."""
_SECONDS_BETWEEN_QUESTIONS = 0.2
_ORDERS = 8
"""Epochs until the files come in the same order again. Each costs a tenth of a second at the start.

The order of the records differs even then, because files go to other workers each time."""
_FILES_HELD = 3
"""Files held for each file that a worker reads at a time: a parallel interleave opens twice as many ahead."""
_PREFETCHED_BATCHES = 2
_BATCHES_AHEAD = 2
"""Batches that a reader asks each worker for. TensorFlow's default is so high that readers of a job share badly."""


def registered_workers(address: str, seconds: float) -> list[str]:
    """The addresses of all workers that ever registered with a dispatcher, even if they have ended.

    Args:
        address: the dispatcher's `host:port`.
        seconds: how long it may take to answer.

    Raises:
        grpc.RpcError: nothing answers there, or something other than a dispatcher.
    """
    with grpc.insecure_channel(address) as channel:
        ask = channel.unary_unary("/tensorflow.data.DispatcherService/GetWorkers")
        answer = ask(b"", timeout=seconds, wait_for_ready=True)
    # TensorFlow does not give Python this message's definition. It is a list of messages, each with the address as its first
    # field. On the wire, both are lists of bytes.
    messages = tf.train.BytesList.FromString(answer).value
    return [tf.train.BytesList.FromString(message).value[0].decode() for message in messages]


def require_host(host: str, shown: str) -> None:
    """Raises InputError if a host name is unknown; `shown` is the flag and its value, for the message."""
    try:
        socket.getaddrinfo(host, None)
    except OSError as error:
        raise InputError(f"{shown}: there is no machine of this name ({error.strerror})") from error


def find_workers(service: str, least: int = 1, name: str = "--data.service") -> list[str]:
    """Waits up to `ANSWER_SECONDS` for enough workers of a service, and returns their addresses.

    Args:
        service: the dispatcher's `host:port`, with or without `grpc://` before it.
        least: number of workers that are enough.
        name: the flag that gave the service, for messages.

    Raises:
        InputError: the address is malformed, no dispatcher answers there, or it has too few workers.
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
    """The work of a service's workers: parse every record once, into batches, in several orders.

    Files are shuffled here: a shuffle of files at a worker would make it take all of them.
    """

    source: Source
    parse: Callable
    """From `make_parser`."""
    batch_size: int
    """Each worker's last batch is smaller."""
    shuffle_buffer: int
    """Size of a worker's shuffle buffer in records; 0 = shuffle neither files nor records."""
    parallel_files: int
    """Most files that a worker reads at a time."""

    def in_orders(self, number: int, seed: tuple[int, ...], num_workers: int) -> Iterator[tf.data.Dataset]:
        """Yields `number` datasets of the same records, each in another order."""
        parse = tf.function(self.parse)  # traced once for all orders
        for order in range(number):
            yield self._in_order(np.random.default_rng((*seed, order)), parse, num_workers)

    def _in_order(self, random: np.random.Generator, parse: Callable, num_workers: int) -> tf.data.Dataset:
        files = [path if scheme(path) else os.path.abspath(path) for path in self.source.files]
        reading = 1
        if self.shuffle_buffer:
            files = random.permutation(files).tolist()
            # With few files, no worker should hold a file that another could read.
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
            # A count would begin at 0 on every worker, so all would sample the same frames.
            return tf.strings.to_hash_bucket_fast(batch[0], 1 << 62) + salt, batch

        if self.source.level == "segment":
            records = records.map(parse, num_parallel_calls=tf.data.AUTOTUNE).unbatch()
        epoch = batches(records, self.source, parse, lambda serialized: serialized.map(number), self.batch_size)
        options = tf.data.Options()
        options.deterministic = False
        return epoch.prefetch(_PREFETCHED_BATCHES).with_options(options)


def read_epochs(epochs: Epochs, service: str, job_name: str, seed: tuple[int, ...], repeat: bool) -> tf.data.Dataset:
    """Gets the batches of one epoch, or of epochs for ever, from the workers of a service.

    Args:
        epochs: the work.
        service: as `find_workers` takes it.
        job_name: name that processes give to share out the batches; empty = this process reads all.
        seed: seed of the orders.
        repeat: go on for ever. The order differs from epoch to epoch and recurs only after several.

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
