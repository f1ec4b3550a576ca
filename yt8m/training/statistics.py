"""The statistics of batch normalisation for weights that no step of training had: means of others.

Running statistics are of the weights that the batches went through. A mean of several sets of weights, or a moving average of
them, has other activations, so their statistics are taken anew (arXiv 1803.05407, algorithm 1): batches of training records go
through the model as in training, and every layer's mean and variance become those of all vectors that it was given.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator

import keras
import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.data import failures
from yt8m.data.pipeline import Source
from yt8m.distribution.devices import Devices, Stopped, alone
from yt8m.distribution.exhaustion import memory_errors
from yt8m.errors import InputError
from yt8m.layers.normalisation import Pool, normalisations_of
from yt8m.training.stream import training_batches

Batch = dict[str, tf.Tensor]


class StatisticsPass:
    """Takes a model's statistics of batch normalisation anew; made once a model, so that its graph is traced once.

    Args:
        model: from features to logits; made in the scope of the devices' strategy.
        devices: where to compute; None = where TensorFlow puts it.
    """

    def __init__(self, model: keras.Model, devices: Devices | None = None):
        self._model, self._devices = model, devices or alone()
        self._layers = normalisations_of(model)
        with self._devices.strategy.scope():
            self._pools = [Pool() for _ in self._layers]
        self._step = tf.function(self._forward, reduce_retracing=True)

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
        """Gives the layers the statistics of training batches; those of each of several devices are pooled, too.

        The batches are always the same ones: shuffled by the seed, with the frames that training samples, as large as those
        that training normalises (a device's share, or a piece of that with `--training.gradient-accumulation`). Dropout is on.

        Args:
            config: complete.
            source: the training records.
            most_batches: of `--training.batch-size`; fewer if the records are gone through by then.
            stop_requested: asked after every batch.

        Returns:
            The videos, or segments, that went in.

        Raises:
            Stopped: a worker was requested to stop. The statistics are of no use then.
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
            # Of too few records for a batch each, training makes some by going through them again and again, and so does this.
            # Of too few records for a batch each, training makes some by going through them again and again, and so does this.
            rounds = rounds or self.pool(itertools.islice(batches(True), devices.num_local_replicas), stop_requested)
        if not rounds:
            raise InputError(f"{source.files[0]} ...: the training files hold no record to take statistics of")
        return rounds * size * devices.num_replicas

    def pool(self, batches: Iterable[Batch], stop_requested: Callable[[], bool] = lambda: False) -> int:
        """Gives the layers the statistics of these batches, one a device at a time; the number of rounds.

        Args:
            batches: of this worker's devices, of the same size; what is left over at the end of any worker's is left out. Without
                one for every device the statistics stay as they are.
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
        # Workers go on in step, as statistics that are synchronised are of a batch on every device.
        while all(self._devices.together(take)):
            self._step(self._distributed(some))
            rounds += 1
        if rounds and self._devices.num_replicas > 1:
            self._merge()
        return rounds

    def _distributed(self, batches: list[Batch]):
        """A batch for each device of this worker, without strings."""
        inputs = [{key: batch[key] for key in self._model.input} for batch in batches]
        if self._devices.num_replicas == 1:
            return inputs[0]
        strategy, first = self._devices.strategy, self._devices.worker * self._devices.num_local_replicas
        return strategy.experimental_distribute_values_from_function(
            lambda context: inputs[context.replica_id_in_sync_group - first]
        )

    def _forward(self, batch) -> None:
        """Every layer's pool has the batch."""
        # Around all devices: the threads that trace them take turns.
        for layer, pool in zip(self._layers, self._pools, strict=True):
            layer.pool = pool
        try:
            self._devices.strategy.run(lambda each: self._model(each, training=True), args=(batch,))
        finally:
            for layer in self._layers:
                layer.pool = None

    @tf.function
    def _merge(self) -> None:
        """Makes the pools of all devices one."""

        def replica_step() -> None:
            def total(values: tf.Tensor) -> tf.Tensor:
                return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)

            # One value a unit of every layer.
            sizes = [int(layer.moving_mean.shape[0]) for layer in self._layers]
            counts = tf.repeat(tf.stack([tf.convert_to_tensor(pool.count) for pool in self._pools]), sizes)
            means = tf.concat([layer.moving_mean.value for layer in self._layers], axis=0)
            variances = tf.concat([layer.moving_variance.value for layer in self._layers], axis=0)
            together = total(counts)
            # What no device saw anything of is as it was.
            shares = tf.where(together > 0, counts / tf.maximum(together, 1.0), 1.0 / self._devices.num_replicas)
            mean = total(shares * means)
            variance = total(shares * (variances + tf.square(means - mean)))
            for layer, *values in zip(self._layers, tf.split(mean, sizes), tf.split(variance, sizes), strict=True):
                layer.moving_mean.assign(values[0])
                layer.moving_variance.assign(values[1])

        self._devices.strategy.run(replica_step)
