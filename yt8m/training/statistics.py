"""Computes the statistics of batch normalisation for averaged weights.

Running statistics belong to the weights that the batches went through. Averaged weights have other activations, so their
statistics are computed anew (arXiv 1803.05407, algorithm 1). Batches of training records go through the model as in training.
The mean and variance of every layer become those of all vectors that went into it.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator

import keras
import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.data import failures
from yt8m.data.source import Source
from yt8m.distribution.devices import Devices, Stopped, alone
from yt8m.distribution.exhaustion import memory_errors
from yt8m.errors import InputError
from yt8m.layers.normalisation import Pool, normalisations_of
from yt8m.traced_gradients import owned_gradients
from yt8m.training.stream import training_batches

Batch = dict[str, tf.Tensor]


class StatisticsPass:
    """Computes a model's statistics of batch normalisation. Make it once for a model, so that its graph is traced once.

    Args:
        model: a model from features to logits, made in the scope of the devices' strategy.
        devices: the devices to compute on; None = TensorFlow's choice.
    """

    def __init__(self, model: keras.Model, devices: Devices | None = None):
        self._model, self._devices = model, devices or alone()
        self._layers = [each for each in normalisations_of(model) if each.trainable]  # frozen ones keep theirs
        with self._devices.strategy.scope():
            self._pools = [Pool() for _ in self._layers]
        self._step = tf.function(self._forward, reduce_retracing=True, autograph=False)
        self._merge = tf.function(self._merge_pools, autograph=False)

    @property
    def has_layers(self) -> bool:
        """Whether the model has batch normalisation at all."""
        return bool(self._layers)

    def run(
        self,
        config: RunConfig,
        source: Source,
        most_batches: int,
        stop_requested: Callable[[], bool] = lambda: False,
    ) -> int:
        """Gives the layers the statistics of training batches, pooled over all devices.

        The batches are the same every time: they are shuffled by the seed and have the frames that training samples. They are as
        large as the batches that training normalises: a device's share, or a piece of it with
        `--training.gradient-accumulation`. Dropout is on.

        Args:
            config: the complete configuration.
            source: the training records.
            most_batches: largest number of batches of `--training.batch-size`, at most one pass over the records.
            stop_requested: asked after every batch.

        Returns:
            The number of videos, or segments, used.

        Raises:
            Stopped: a worker was requested to stop. The statistics are useless then.
            InputError, RecordError: the records cannot be read or used.
        """
        training, devices = config.training, self._devices
        size = training.batch_size // (devices.num_replicas * training.gradient_accumulation)
        data = dataclasses.replace(config.data, shard="auto")
        config = dataclasses.replace(config, data=data)

        def batches(repeat: bool) -> Iterator[Batch]:
            return iter(training_batches(config, source, size, shard=devices.shard, repeat=repeat))

        with failures.record_errors(source), memory_errors("taking statistics of batch normalisation"):
            most = most_batches * training.gradient_accumulation
            rounds = self.pool(itertools.islice(batches(False), most * devices.num_local_replicas), stop_requested)
            # If there are too few records for a batch on every device, training repeats them. So does this.
            rounds = rounds or self.pool(itertools.islice(batches(True), devices.num_local_replicas), stop_requested)
        if not rounds:
            raise InputError(f"{source.files[0]} ...: the training files hold no record to take statistics of")
        return rounds * size * devices.num_replicas

    def pool(self, batches: Iterable[Batch], stop_requested: Callable[[], bool] = lambda: False) -> int:
        """Gives the layers the statistics of these batches, in rounds of one per device. Returns the number of rounds.

        Args:
            batches: batches of equal size for this worker's devices. The last ones are left out if they are too few for a round
                on every worker. If there is no full round, the statistics stay as they are.
            stop_requested: see `run`.
        """
        todo, some = iter(batches), list[Batch]()

        def take() -> bool:
            if stop_requested():
                raise Stopped()
            some[:] = itertools.islice(todo, self._devices.num_local_replicas)
            return len(some) == self._devices.num_local_replicas

        for each in self._pools:
            each.count.assign(0.0)
        rounds = 0
        # Workers run the same rounds, because synchronised statistics need a batch on every device.
        while all(self._devices.together(take)):
            self._step(self._distributed(some))
            rounds += 1
        if rounds and self._devices.num_replicas > 1:
            self._merge()
        return rounds

    def _distributed(self, batches: list[Batch]):
        """Returns a batch for each device of this worker, without strings."""
        inputs = [{key: batch[key] for key in self._model.input} for batch in batches]
        if self._devices.num_replicas == 1:
            return inputs[0]
        strategy, first = self._devices.strategy, self._devices.worker * self._devices.num_local_replicas
        return strategy.experimental_distribute_values_from_function(
            lambda context: inputs[context.replica_id_in_sync_group - first]
        )

    def _forward(self, batch) -> None:
        """Adds a batch to every layer's pool."""
        # Set the pools around all devices, because the threads that trace them take turns.
        for layer, pool in zip(self._layers, self._pools, strict=True):
            layer.pool = pool
        try:
            with owned_gradients(self._model):
                self._devices.strategy.run(lambda each: self._model(each, training=True), args=(batch,))
        finally:
            for layer in self._layers:
                layer.pool = None

    def _merge_pools(self) -> None:
        """Merges the pools of all devices."""

        def replica_step() -> None:
            def total(values: tf.Tensor) -> tf.Tensor:
                return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

            # One value for each unit of a layer.
            sizes = [int(layer.moving_mean.shape[0]) for layer in self._layers]
            counts = tf.repeat(tf.stack([tf.convert_to_tensor(pool.count) for pool in self._pools]), sizes)
            means = tf.concat([layer.moving_mean.value for layer in self._layers], axis=0)
            variances = tf.concat([layer.moving_variance.value for layer in self._layers], axis=0)
            together = total(counts)
            # A pool that got nothing on any device stays as it is.
            shares = tf.where(together > 0, counts / tf.maximum(together, 1.0), 1.0 / self._devices.num_replicas)
            mean = total(shares * means)
            variance = total(shares * (variances + tf.square(means - mean)))
            for layer, *values in zip(self._layers, tf.split(mean, sizes), tf.split(variance, sizes), strict=True):
                layer.moving_mean.assign(values[0])
                layer.moving_variance.assign(values[1])

        with owned_gradients(self._model):
            self._devices.strategy.run(replica_step)
