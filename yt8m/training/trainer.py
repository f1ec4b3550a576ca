"""A model, its optimizer and its step on the devices of a `tf.distribute` strategy."""

import contextlib
import math
import secrets
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.data.pipeline import Source
from yt8m.data.schema import WHOLE
from yt8m.distribution.devices import Devices
from yt8m.errors import InputError, quantity
from yt8m.files import write_json
from yt8m.runs import RunDirectory, weights
from yt8m.runs.model import build_for_training, start_from
from yt8m.scoring.evaluation import Measured, measure_source
from yt8m.scoring.scorer import Scorer
from yt8m.training import memory
from yt8m.training.distillation import make_teacher
from yt8m.training.objective import Objective
from yt8m.training.optimizers import make_optimizer
from yt8m.training.schedules import learning_rate_at
from yt8m.training.statistics import StatisticsPass
from yt8m.training.stream import training_batches


class Trainer:
    """A model, its optimizer and its step, on some devices.

    Args:
        config: complete, as `resolve` returns it.
        devices: where to compute.
        source: the training records.

    Raises:
        InputError: the batch cannot be shared out, or the teacher, the initial run or the class weights cannot be used.
    """

    def __init__(self, config: RunConfig, devices: Devices, source: Source):
        self.config, self.devices, self.strategy = config, devices, devices.strategy
        self._source = source
        self.kept_score = -math.inf
        """Of best weights that are kept from a step that is done again; a validation must be as good to replace them."""
        pieces = devices.num_replicas * config.training.gradient_accumulation
        if config.training.batch_size % pieces:
            raise InputError(
                f"--training.batch-size {config.training.batch_size} cannot be cut into equal pieces for "
                f"{quantity(devices.num_replicas, 'device')} times --training.gradient-accumulation "
                f"{config.training.gradient_accumulation}; make it a multiple of {pieces}"
            )
        keras.utils.set_random_seed(config.training.seed)
        with self.strategy.scope():
            built = build_for_training(config)
            self.model = built.predicting
            self.teacher = make_teacher(config, source)
            self.objective = Objective(built, config, self.teacher, source.rated_classes)
            start_from(built, config)
            trainable = [variable.value for variable in self.model.trainable_variables]
            self.optimizer = make_optimizer(trainable, config.training)
            self.step = tf.Variable(
                0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
            )
            self.best = tf.Variable(-math.inf, dtype=tf.float64, trainable=False)
            self.validations_without_best = tf.Variable(0, dtype=tf.int64, trainable=False)
            self.validation_pending = tf.Variable(False, trainable=False)
            # Of the steps since the last line of metrics: a line is the mean of all its steps, also over a restart.
            self.loss_sum = tf.Variable(0.0, dtype=tf.float64, trainable=False)
            self.loss_count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.scorer = Scorer(self.model, devices)
        self._statistics = StatisticsPass(self.model, devices)
        # A function within the step's would be a wall that synchronised statistics cannot cross.
        self._loss_and_gradients = (
            tf.function(self._compute, jit_compile=True) if config.training.xla else self._compute
        )

    @property
    def counters(self) -> dict[str, tf.Variable]:
        """What else must be saved to go on."""
        return {
            "step": self.step,
            "best": self.best,
            "validations_without_best": self.validations_without_best,
            "validation_pending": self.validation_pending,
            "loss_sum": self.loss_sum,
            "loss_count": self.loss_count,
        }

    def _compute(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """This replica's share of the loss, and its gradients: their sums over the replicas are the batch's."""
        training = self.config.training
        return self.objective.loss_and_gradients(
            batch, training.batch_size, self.devices.num_replicas, training.gradient_accumulation
        )

    def _replica_step(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        loss, gradients = self._loss_and_gradients(batch)
        gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        norm = self.optimizer.apply(gradients, self.step)
        self.step.assign_add(1)
        return loss, norm

    @tf.function(reduce_retracing=True)
    def run_steps(self, batches, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Does `count` (int32 []) steps; returns each one's loss and gradient norm, float32 [count] both."""
        losses = tf.TensorArray(tf.float32, size=count)
        norms = tf.TensorArray(tf.float32, size=count)
        for index in tf.range(count):
            loss, norm = self.strategy.run(self._replica_step, args=(next(batches),))
            losses = losses.write(index, self.strategy.reduce(tf.distribute.ReduceOp.SUM, loss, axis=None))
            norms = norms.write(index, self.strategy.reduce(tf.distribute.ReduceOp.MEAN, norm, axis=None))
        return losses.stack(), norms.stack()

    def batches(self, source: Source) -> Iterator:
        """The training stream, from the current step on, on this worker's devices."""
        devices, dataset = self.devices, self.dataset(source)
        if devices.num_local_replicas > 1:
            size = self.config.training.batch_size // devices.num_replicas
            dataset = dataset.rebatch(size, drop_remainder=True).prefetch(2)
        return iter(self.strategy.distribute_datasets_from_function(lambda context: dataset))

    def dataset(self, source: Source) -> tf.data.Dataset:
        """The same in the host's memory: batches for all devices of this worker together."""
        service = self.config.data.service
        dataset = training_batches(
            self.config,
            source,
            self.config.training.batch_size // self.devices.num_workers,
            shard=self.devices.shard if not service else WHOLE,
            steps_done=int(self.step.numpy()),
            service=service,
            job_name=new_job_name(self.config.run, self.devices) if service else "",
        )
        if self.teacher:
            dataset = self.teacher.attach(dataset)
        # Strings stay with the processor.
        dataset = dataset.map(lambda batch: {key: value for key, value in batch.items() if key != "id"})
        return dataset.prefetch(2)

    @contextlib.contextmanager
    def kept_weights(self, stop_requested: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """A context in which the model is the one that is validated and kept, on all workers; afterwards it is as it was.

        With `--training.ema-decay` it has the moving averages of its weights, and statistics of batch normalisation that are of
        those: a pass over `--training.statistics-batches` batches. Call `average_statistics` before.

        Args:
            stop_requested: asked after every batch.

        Raises:
            Stopped: a worker was requested to stop.
            InputError, RecordError: the training records cannot be read any more.
        """
        most = self.config.training.statistics_batches
        if not (self.optimizer.averages and most and self._statistics.has_layers):
            with self.optimizer.averaged_weights():
                yield
            return
        # With the counters of dropout: a step does not depend on whether the one before it was validated.
        others = [variable.value for variable in self.model.non_trainable_variables]
        before = [tf.identity(variable) for variable in others]
        try:
            with self.optimizer.averaged_weights():
                self._statistics.run(self.config, self._source, most, stop_requested)
                yield
        finally:
            for variable, value in zip(others, before, strict=True):
                variable.assign(value)

    def memory_remark(self, source: Source) -> str:
        """What should be known of the memory that training takes; nothing, if there is enough.

        Args:
            source: the training records.
        """
        config, shapes = self.config, memory.batch_shapes(self.config, source)
        if memory.is_surely_enough(config, self.model.count_params(), shapes):
            return ""
        found = memory.estimate(
            config,
            self.objective,
            self.optimizer,
            shapes,
            source=source,
            num_devices=self.devices.num_replicas,
            num_local_devices=self.devices.num_local_replicas,
        )
        if found.verdict == "ok":
            return ""
        judged = "more than there is" if found.verdict == "bad" else "nearly all there is"
        return f"training takes {judged}: {found}; {memory.advice(config)}"

    def evaluate(self, source: Source, stop_requested: Callable[[], bool]) -> Measured:
        """A pass of the model over labelled records, in `kept_weights`.

        Args:
            source: the validation records.
            stop_requested: asked about once a second.

        Raises:
            Stopped: a worker was requested to stop.
        """
        return measure_source(self.scorer, source, self.config, stop_requested=stop_requested)

    def average_statistics(self) -> None:
        """Makes the devices' running statistics (BatchNorm's) one: their mean. Call it before evaluating or saving."""
        if self.devices.num_replicas == 1:
            return
        floating = [each.value for each in self.model.non_trainable_variables if each.value.dtype.is_floating]
        for variable, mean in zip(floating, self.devices.mean(floating), strict=True):
            variable.assign(mean)

    def add_losses(self, losses: np.ndarray) -> None:
        """Counts the losses of some steps towards the next line of metrics."""
        self.loss_sum.assign_add(float(losses.sum(dtype=np.float64)))
        self.loss_count.assign_add(len(losses))

    def take_mean_loss(self) -> float:
        """The mean loss since the last call."""
        mean = float(self.loss_sum.numpy()) / int(self.loss_count.numpy())
        self.loss_sum.assign(0.0)
        self.loss_count.assign(0)
        return mean

    def check_weights(self) -> None:
        """Raises InputError if a weight is not finite: what should be saved would be of no use.

        The loss shows what the weights were before a step; this is about after it.
        """
        norm = tf.linalg.global_norm([variable.value for variable in self.model.trainable_variables])
        if not np.isfinite(norm.numpy()):
            stop_at_non_finite("the weights after", norm.numpy(), int(self.step.numpy()), self.config)

    def save_weights(self, run: RunDirectory, metrics: dict[str, float] | None = None) -> None:
        """Keeps the model of `kept_weights`, in which it is called, as the run's best, with the metrics that say so."""
        weights.save_weights(self.model, run.best_weights)
        if metrics is not None:
            write_json(run.best_metrics, metrics)


def new_job_name(run: str, devices: Devices) -> str:
    """A name that no start had before, by which all workers share out what a data service reads; none for one alone."""
    if devices.num_workers == 1:
        return ""
    return f"{run}-{devices.gather(secrets.token_hex(8))[0]}"


def stop_at_non_finite(what: str, value: float, step: int, config: RunConfig) -> None:
    """Raises the InputError for a loss or weights that are not finite."""
    rate = float(learning_rate_at(config.training, tf.constant(step - 1, tf.int64)))
    raise InputError(
        f"{what} step {step} is {value} at learning rate {rate:.3g}; what was saved before is kept. "
        "Try a lower --training.learning-rate, or --training.warmup-steps, with a new --run"
    )
