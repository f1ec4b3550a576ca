"""Estimates whether a training fits into memory, before it begins.

The system kills a process that does not fit, without any message. Weights and the optimizer's state are counted. Activations and
gradients are estimated from the graph of the step (`yt8m.training.liveness`), at 0.4 to 2.5 times their measured size.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tensorflow as tf

from yt8m.config import RunConfig
from yt8m.data.engine.batches import most_waiting
from yt8m.data.engine.files import open_records
from yt8m.data.engine.records import BareFile, LocalFile
from yt8m.data.source import Source
from yt8m.errors import bytes_in_words
from yt8m.machine import count_free_bytes, count_gpu_bytes
from yt8m.traced_gradients import owned_gradients
from yt8m.training.liveness import peak_bytes
from yt8m.training.objective import Objective
from yt8m.training.optimizers import Optimizer
from yt8m.training.stream import training_signature

Shapes = Mapping[str, tf.TensorSpec]

TIGHT = 0.8
"""The share of free memory above which an estimate may be too much: it can be wrong by a factor of 2.5."""
_GPU_SHARE = 0.9
"""The share of a GPU's memory that TensorFlow can use."""
_BATCHES_AHEAD = 5
"""Batches that wait between the reader and the devices, or are in use."""
_RECORDS_LOOKED_AT = 16
_RECORDS_OF_A_PIECE = 6
"""How many times its own size a record in a shuffle buffer holds, at video level: the rest of its piece of the file."""
_MOST_COPIES = 200
"""Copies of a batch's features and scores as float32. No model here holds as many at once."""


@dataclass(frozen=True)
class MemoryEstimate:
    """The memory that a training takes, in bytes."""

    weights: int
    optimizer: int
    """The optimizer's state, and moving averages."""
    step: int
    """Activations and gradients at their peak."""
    input: int
    """Batches and records that wait. They are always in the host's memory."""
    on_gpu: bool
    """Whether weights, optimizer and step are in a GPU's memory. If not, everything is in the host's."""
    free: int | None
    """Free memory of the host; None if the system does not tell."""
    gpu: int | None = None
    """Total memory of a GPU; None without one."""

    @property
    def device(self) -> int:
        """The memory that one device takes."""
        return self.weights + self.optimizer + self.step

    @property
    def verdict(self) -> Literal["ok", "look", "bad"]:
        """bad: more than there is; look: close to that."""
        shares = [(self.input + (0 if self.on_gpu else self.device), self.free)]
        if self.on_gpu:
            shares.append((self.device, None if self.gpu is None else int(_GPU_SHARE * self.gpu)))
        found: list[Literal["ok", "look", "bad"]] = ["ok"]
        for wanted, there in shares:
            if there is not None and wanted > TIGHT * there:
                found.append("bad" if wanted > there else "look")
        return "bad" if "bad" in found else found[-1]

    def __str__(self) -> str:
        of_device = (
            f"weights {bytes_in_words(self.weights)}, optimizer {bytes_in_words(self.optimizer)}, activations and gradients "
            f"{bytes_in_words(self.step)}"
        )
        of_input, free = f"input buffers {bytes_in_words(self.input)}", _in_words(self.free, "free")
        if self.on_gpu:
            of_gpu = f"about {bytes_in_words(self.device)} of a GPU's {_in_words(self.gpu, 'in all')} ({of_device})"
            return f"{of_gpu}, and {of_input} of the host's {free}"
        return f"about {bytes_in_words(self.device + self.input)} of {free} ({of_device}, {of_input})"


def _in_words(num_bytes: int | None, what: str) -> str:
    return (
        "memory, of which the system does not say how much there is"
        if num_bytes is None
        else (f"{bytes_in_words(num_bytes)} {what}")
    )


def advice(config: RunConfig) -> str:
    """Says which flags save memory."""
    frames = ", --data.num-frames" if config.model.level == "frame" else ""
    more = config.training.gradient_accumulation * 2
    blocks = (
        ", or add --training.rematerialise" if config.model.block_names and not config.training.rematerialise else ""
    )
    return (
        f"lower --training.batch-size (now {config.training.batch_size}){frames}, or compute it in pieces with "
        f"--training.gradient-accumulation {more}"
        f"{blocks}"
    )


def batch_shapes(config: RunConfig, source: Source) -> Shapes:
    """Returns the shapes of a batch of `--training.batch-size`, without reading one."""
    spec = training_signature(config, source, config.training.batch_size)
    return {key: value for key, value in spec.items() if key != "id"}


def estimate(
    config: RunConfig,
    objective: Objective,
    optimizer: Optimizer,
    shapes: Shapes,
    *,
    source: Source | None = None,
    num_devices: int = 1,
    num_local_devices: int = 1,
) -> MemoryEstimate:
    """Estimates the memory of a training from the graph of its step, without computing anything or reading a batch.

    Args:
        config: the complete configuration.
        objective: the loss of the step.
        optimizer: the optimizer, whose variables are counted.
        shapes: the shapes of a whole batch.
        source: the training records; some are read for their size. None = there are none.
        num_devices: number of devices of all workers, which share a batch.
        num_local_devices: number of devices of this worker.
    """
    training, on_gpu = config.training, bool(tf.config.list_logical_devices("GPU"))
    share = {
        key: tf.TensorSpec([value.shape[0] // num_devices, *value.shape[1:]], value.dtype)
        for key, value in shapes.items()
    }

    def step(batch):
        return objective.loss_and_gradients(batch, training.batch_size, num_devices, training.gradient_accumulation)

    with owned_gradients():
        graph = tf.function(step, autograph=False).get_concrete_function(share).graph
    state = [slot for slots in optimizer.slots.values() for slot in slots] + optimizer.averages
    copies = 1 if on_gpu else num_local_devices  # the virtual devices of a CPU share its memory
    batch = _num_bytes(share.values()) * num_local_devices
    return MemoryEstimate(
        weights=copies * _num_bytes(objective.model.variables),
        optimizer=copies * _num_bytes(state),
        step=copies * peak_bytes(graph),
        input=(most_waiting(batch) + _BATCHES_AHEAD) * batch + _buffered_bytes(config, source),
        on_gpu=on_gpu,
        free=count_free_bytes(),
        gpu=count_gpu_bytes() if on_gpu else None,
    )


def is_surely_enough(config: RunConfig, num_weights: int, shapes: Shapes) -> bool:
    """Whether a training is so small that its memory need not be estimated; the estimate has to trace a step.

    Args:
        config: the complete configuration.
        num_weights: number of weights of the model.
        shapes: the shapes of a whole batch.
    """
    values = (
        sum(int(np.prod(each.shape)) for each in shapes.values()) + config.training.batch_size * config.data.num_classes
    )
    bound = 4 * (_MOST_COPIES * values + 8 * num_weights)
    there = [count_free_bytes()]
    if tf.config.list_logical_devices("GPU"):
        there.append(count_gpu_bytes())
    return all(each is None or bound < TIGHT * each for each in there)


def _num_bytes(values: Sequence[Any] | Any) -> int:
    return sum(int(np.prod(value.shape)) * tf.as_dtype(value.dtype).size for value in values)


def _buffered_bytes(config: RunConfig, source: Source | None) -> int:
    """Returns the bytes of the shuffle buffer."""
    if source is None or config.data.service:
        return 0
    records = list(itertools.islice(open_records(source.files[0], source.level).records(), _RECORDS_LOOKED_AT))
    # Records of local frame-level files wait as places in their files.
    sizes = [0 if isinstance(record.content, BareFile | LocalFile) else record.size for record in records]
    pieces = _RECORDS_OF_A_PIECE if source.level == "video" else 1
    return int(np.mean(sizes or [0]) * config.data.shuffle_buffer * pieces)
