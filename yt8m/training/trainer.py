"""A model, its optimizer and its step on the devices of a `tf.distribute` strategy."""

import contextlib
import math
import secrets
from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.data.record_counts import RecordCounts
from yt8m.data.schema import WHOLE
from yt8m.data.source import Source
from yt8m.distribution.devices import Devices
from yt8m.errors import InputError, quantity
from yt8m.files import write_json
from yt8m.runs import RunDirectory, reads_initial_run, weights
from yt8m.runs.initial import start_from
from yt8m.runs.model import build_for_training
from yt8m.scoring.evaluation import Measured, measure_source
from yt8m.scoring.scorer import Scorer
from yt8m.traced_gradients import owned_gradients
from yt8m.training import layer_groups, memory
from yt8m.training.distillation import make_teacher
from yt8m.training.forecasting import ForecastObjective, Forecasts, fit_whitening, measure_forecasts
from yt8m.training.objective import Objective
from yt8m.training.optimizers import optimizer_of
from yt8m.training.schedules import learning_rate_at
from yt8m.training.statistics import StatisticsPass
from yt8m.training.stream import training_batches
from yt8m.training.value_scales import fit_scales


class Trainer:
    """A model, its optimizer and its step, on some devices.

    Args:
        config: the complete configuration that `resolve` returns.
        devices: the devices to compute on.
        source: the training records.

    Raises:
        InputError: the batch cannot be shared out, or the teacher, the initial run or the class weights cannot be used.
    """

    def __init__(self, config: RunConfig, devices: Devices, source: Source):
        self.config, self.devices, self.strategy = config, devices, devices.strategy
        self._source = source
        self.kept_score = -math.inf
        """The score of kept best weights from a step to be repeated. Only a validation as good replaces them."""
        self.initial_remarks: list[str] = []
        """Lines on the layers that start from `--training.initial-run`."""
        _refuse_batch_size(config, devices)
        keras.utils.set_random_seed(config.training.seed)
        with self.strategy.scope():
            built = build_for_training(config)
            self.model = built.predicting
            layer_groups.freeze(self.model, config.training)
            self.teacher = None if config.pretrain else make_teacher(config, source)
            if config.pretrain:
                self.objective = ForecastObjective(built.training, config)
            else:
                self.objective = Objective(built, config, self.teacher, source.rated_classes)
            if reads_initial_run(config):
                self.initial_remarks = start_from(built, config)
            self.optimizer = optimizer_of(self.model, config.training)
            self.step = tf.Variable(
                0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
            )
            self.best = tf.Variable(-math.inf, dtype=tf.float64, trainable=False)
            self.validations_without_best = tf.Variable(0, dtype=tf.int64, trainable=False)
            self.validation_pending = tf.Variable(False, trainable=False)
            # These sum over the steps since the last line of metrics: a line is their mean, even across a restart.
            self.loss_sum = tf.Variable(0.0, dtype=tf.float64, trainable=False)
            self.loss_count = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.scorer = None if config.pretrain else Scorer(self.model, devices)
        self._statistics = StatisticsPass(self.model, devices)
        # Synchronised statistics cannot cross the border of a function inside the step.
        self._loss_and_gradients = (
            tf.function(self._compute, jit_compile=True, autograph=False) if config.training.xla else self._compute
        )
        # Decorated in the class, the method would keep the weights of trainers that are gone.
        self.run_steps = tf.function(self._run_steps, reduce_retracing=True)

    @property
    def counters(self) -> dict[str, tf.Variable]:
        """The other variables that must be saved to resume."""
        return {
            "step": self.step,
            "best": self.best,
            "validations_without_best": self.validations_without_best,
            "validation_pending": self.validation_pending,
            "loss_sum": self.loss_sum,
            "loss_count": self.loss_count,
        }

    def _compute(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Returns this replica's share of the loss and of the gradients; see `Objective.loss_and_gradients`."""
        training = self.config.training
        return self.objective.loss_and_gradients(
            batch, training.batch_size, self.devices.num_replicas, training.gradient_accumulation
        )

    # Nothing of a step branches or loops on the value of a tensor, and AutoGraph would take more than a second to read and
    # rewrite the source of all that it calls.
    @tf.autograph.experimental.do_not_convert
    def _replica_step(self, batch: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        loss, gradients = self._loss_and_gradients(batch)
        gradients = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        norm = self.optimizer.apply(gradients, self.step)
        self.step.assign_add(1)
        return loss, norm

    def _run_steps(self, batches, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Runs `count` (int32 []) steps. Returns their losses and gradient norms, float32 [count] both."""
        losses = tf.TensorArray(tf.float32, size=count)
        norms = tf.TensorArray(tf.float32, size=count)
        with owned_gradients(self.model):
            for index in tf.range(count):
                loss, norm = self.strategy.run(self._replica_step, args=(next(batches),))
                losses = losses.write(index, self.strategy.reduce(tf.distribute.ReduceOp.SUM, loss, axis=None))
                norms = norms.write(index, self.strategy.reduce(tf.distribute.ReduceOp.MEAN, norm, axis=None))
        return losses.stack(), norms.stack()

    def batches(self, source: Source, counts: RecordCounts | None = None) -> Iterator:
        """Returns the training stream from the current step on, on this worker's devices. Arguments: see `dataset`."""
        devices, dataset = self.devices, self.dataset(source, counts)
        if devices.num_local_replicas > 1:
            size = self.config.training.batch_size // devices.num_replicas
            dataset = dataset.rebatch(size, drop_remainder=True).prefetch(2)
        return iter(self.strategy.distribute_datasets_from_function(lambda context: dataset))

    def dataset(self, source: Source, counts: RecordCounts | None = None) -> tf.data.Dataset:
        """Returns the training stream in the host's memory. Each batch is for all devices of this worker.

        Args:
            source: the training records.
            counts: what is known of the number of records of each file, and learns from the stream.
        """
        service = self.config.data.service
        dataset = training_batches(
            self.config,
            source,
            self.config.training.batch_size // self.devices.num_workers,
            shard=self.devices.shard if not service else WHOLE,
            steps_done=int(self.step.numpy()),
            job_name=new_job_name(self.config.run, self.devices) if service else None,
            counts=counts,
        )
        if self.teacher:
            dataset = self.teacher.attach(dataset)
        # Strings stay on the CPU.
        dataset = dataset.map(lambda batch: {key: value for key, value in batch.items() if key != "id"})
        return dataset.prefetch(2)

    @contextlib.contextmanager
    def kept_weights(self, stop_requested: Callable[[], bool] = lambda: False) -> Iterator[None]:
        """Turns the model into the one to validate and keep, for the block and on all workers; restores it afterwards.

        With `--training.ema-decay` the block has the moving averages of the weights. The statistics of batch normalisation are
        computed for them from `--training.statistics-batches` batches. Call `average_statistics` before.

        Args:
            stop_requested: asked after every batch.

        Raises:
            Stopped: a worker was requested to stop.
            InputError, RecordError: the training records can no longer be read.
        """
        most = self.config.training.statistics_batches
        if not (self.optimizer.averages and most and self._statistics.has_layers):
            with self.optimizer.averaged_weights():
                yield
            return
        # Includes the counters of dropout: a step must not depend on whether the one before it was validated.
        others = layer_groups.changing_state(self.model)
        before = [tf.identity(variable) for variable in others]
        try:
            with self.optimizer.averaged_weights():
                self._statistics.run(self.config, self._source, most, stop_requested)
                yield
        finally:
            for variable, value in zip(others, before, strict=True):
                variable.assign(value)

    @contextlib.contextmanager
    def best_weights(self, run: RunDirectory) -> Iterator[None]:
        """Gives the model the run's best weights for the block, on all workers; restores it afterwards."""
        variables = [variable.value for variable in self.model.variables]
        before = [tf.identity(variable) for variable in variables]
        try:
            weights.load_weights(self.model, run.best_weights)
            yield
        finally:
            for variable, value in zip(variables, before, strict=True):
                variable.assign(value)

    def memory_remark(self, source: Source) -> str:
        """Returns a remark on the memory that training takes; empty if there is enough.

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

    def prepare(self) -> None:
        """Does what comes before the first step of a new run. All workers must call this."""
        if self.config.pretrain:
            fit_whitening(self.model, self.config, self.devices, self._source)
        else:
            fit_scales(self.model, self.config, self.devices, self._source)

    def evaluate(self, source: Source, stop_requested: Callable[[], bool]) -> Measured | Forecasts:
        """Evaluates the model of `kept_weights` on labelled records, or on frames without labels, in one pass.

        Args:
            source: the validation records.
            stop_requested: asked about once a second.

        Raises:
            Stopped: a worker was requested to stop.
        """
        if self.scorer is None:
            return measure_forecasts(self.model, self.config, self.devices, source, stop_requested)
        return measure_source(self.scorer, source, self.config, stop_requested=stop_requested)

    def average_statistics(self) -> None:
        """Averages the running statistics (BatchNorm's) of the devices. Call it before evaluating or saving."""
        if self.devices.num_replicas == 1:
            return
        floating = [each for each in layer_groups.changing_state(self.model) if each.dtype.is_floating]
        for variable, mean in zip(floating, self.devices.mean(floating), strict=True):
            variable.assign(mean)

    def add_losses(self, losses: np.ndarray) -> None:
        """Adds the losses of some steps to the next line of metrics."""
        self.loss_sum.assign_add(float(losses.sum(dtype=np.float64)))
        self.loss_count.assign_add(len(losses))

    def take_mean_loss(self) -> float:
        """Returns the mean loss since the last call."""
        mean = float(self.loss_sum.numpy()) / int(self.loss_count.numpy())
        self.loss_sum.assign(0.0)
        self.loss_count.assign(0)
        return mean

    def check_weights(self) -> None:
        """Raises InputError if a weight is not finite: saved weights would be useless.

        The loss depends on the weights before a step; this checks the weights after it.
        """
        norm = tf.linalg.global_norm([variable.value for variable in self.model.trainable_variables])
        if not np.isfinite(norm.numpy()):
            stop_at_non_finite("the weights after", norm.numpy(), int(self.step.numpy()), self.config)

    def save_weights(self, run: RunDirectory, metrics: dict[str, float] | None = None) -> None:
        """Saves the model as the run's best, with its metrics. Call it inside `kept_weights`."""
        weights.save_weights(self.model, run.best_weights)
        if metrics is not None:
            write_json(run.best_metrics, metrics)


def _refuse_batch_size(config: RunConfig, devices: Devices) -> None:
    """Raises InputError if a batch cannot be shared out, or leaves nothing to compare a video with."""
    training, replicas = config.training, devices.num_replicas
    pieces = replicas * training.gradient_accumulation
    if training.batch_size % pieces:
        raise InputError(
            f"--training.batch-size {training.batch_size} cannot be cut into equal pieces for "
            f"{quantity(replicas, 'device')} times --training.gradient-accumulation "
            f"{training.gradient_accumulation}; make it a multiple of {pieces}"
        )
    if config.pretrain and config.pretrain.loss == "contrastive" and training.batch_size == replicas:
        raise InputError(
            "--pretrain.loss contrastive compares a video with the others on its device; give --training.batch-size "
            f"{2 * replicas} or more"
        )


def new_job_name(run: str, devices: Devices) -> str:
    """Returns a new name by which all workers share what a data service reads; none for a single worker."""
    if devices.num_workers == 1:
        return ""
    return f"{run}-{devices.gather(secrets.token_hex(8))[0]}"


def stop_at_non_finite(what: str, value: float, step: int, config: RunConfig) -> None:
    """Raises InputError for a loss or weights that are not finite."""
    rate = float(learning_rate_at(config.training, tf.constant(step - 1, tf.int64)))
    factors = "; --training.learning-rates multiplies it" if config.training.learning_rates else ""
    raise InputError(
        f"{what} step {step} is {value} at learning rate {rate:.3g}; what was saved before is kept. "
        f"Try a lower --training.learning-rate, or --training.warmup-steps, with a new --run{factors}"
    )
