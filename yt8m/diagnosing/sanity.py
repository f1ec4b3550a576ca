"""`yt8m check RECIPE`: the sanity checks to do before a long training. Takes under two minutes and writes nothing."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tensorflow as tf

from yt8m.config import RunConfig, TrainingConfig
from yt8m.data import failures, pipeline
from yt8m.data.features import KNOWN, parse_features, texts_of
from yt8m.data.options import Order
from yt8m.data.remedies import OF_TRAINING
from yt8m.data.schema import LABEL_PADDING
from yt8m.data.source import Source
from yt8m.distribution.exhaustion import memory_errors
from yt8m.distribution.rates import is_processor_used, measure_rates, precision_remark
from yt8m.errors import InputError, duration_in_words, quantity
from yt8m.progress import Messages
from yt8m.runs.initial import start_from
from yt8m.runs.model import build_for_training
from yt8m.scoring.cross_entropy import video_losses
from yt8m.traced_gradients import owned_gradients
from yt8m.training.completion import number_of_classes
from yt8m.training.layer_groups import freeze, group_remarks
from yt8m.training.length import length_in_words
from yt8m.training.memory import advice, batch_shapes, estimate
from yt8m.training.objective import Objective
from yt8m.training.optimizers import Optimizer, make_optimizer, optimizer_of
from yt8m.training.preparation import refuse_broken_ends, resolve
from yt8m.training.schedules import warmup_remark
from yt8m.training.stream import training_batches, training_frames

OVERFIT_VIDEOS = 8
OVERFIT_LEARNING_RATE = 3e-3
OVERFIT_SHARE = 0.05
RANDOM_VIDEOS = 100_000
"""The number that an epoch is said to have if there are no records."""
OVERFIT_SECONDS, RATE_SECONDS = 40.0, 10.0

Verdict = Literal["ok", "look", "bad"]


@dataclass(frozen=True)
class Finding:
    """One line of the report."""

    name: str
    value: str
    verdict: Verdict
    """`ok`; `look`: unusual, or could not be tried; `bad`: training would not work."""


def check(config: RunConfig) -> Iterator[Finding]:
    """Yields, one by one, the findings about a configuration that take at most two minutes together.

    Args:
        config: a recipe. If it has no training records, random videos stand in for them.

    Raises:
        InputError, RecordError: the configuration or its records cannot be used, or there is too little memory.
    """
    with memory_errors("trying a step", advice(config)):
        yield from _findings(config)


def _findings(config: RunConfig) -> Iterator[Finding]:
    source = None
    if config.data.train or config.data.root:
        # Nothing is written to the run directory, so any name works.
        remarks = Messages()
        config, source, _ = resolve(dataclasses.replace(config, run=config.run or "check"), remarks)
        refuse_broken_ends(source)
        yield from (Finding("records", line, "look") for line in remarks.lines)
        yield from _describe_records(config, source)
        shapes = batch_shapes(config, source)
    elif config.data.segment_context:
        raise InputError("--data.segment-context is of rated segments; name some with --data.train")
    else:
        chosen = {
            "features": config.data.features or tuple(KNOWN),
            "num_classes": config.data.num_classes or number_of_classes(),
        }
        training = config.training.counted(RANDOM_VIDEOS)
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, **chosen), training=training)
        shapes = _random_shapes(config)
        yield Finding("records", "none named (--data.train, --data.root); random videos stand in", "look")
    built = build_for_training(config)
    yield from (Finding("initial run", line, "ok") for line in start_from(built, config))
    freeze(built.predicting, config.training)
    objective = Objective(built, config, None)
    optimizer = optimizer_of(built.predicting, config.training)
    needed = estimate(config, objective, optimizer, shapes, source=source)
    yield Finding("memory", f"{needed}{'' if needed.verdict == 'ok' else f'; {advice(config)}'}", needed.verdict)
    if needed.verdict == "bad":  # the system would kill the process in the next checks
        return
    batch = _random_batch(config, shapes) if source is None else _first_batch(config, source)
    yield Finding(
        "a batch", ", ".join(f"{key} {value.dtype.name} {list(value.shape)}" for key, value in batch.items()), "ok"
    )
    yield _check_labels(batch, config)
    if remark := warmup_remark(config.training):
        yield Finding("warm-up", remark, "look")
    yield from (Finding("layers", line, "ok") for line in group_remarks(built.predicting, config.training))
    yield from _weigh(built.predicting, optimizer)
    yield _check_start(built.predicting, batch, config)
    step, finding = _measure_step(objective, optimizer, batch, config)
    yield finding
    if is_processor_used():
        yield _measure_products(config.training)
    compute = _rate(lambda: step(), config.training.batch_size)
    yield Finding("compute", f"{compute:,.0f} videos/s in training steps of {config.training.batch_size}", "ok")
    yield _time_of_all(config.training, compute)
    if source is not None:
        yield _measure_input(config, source, compute)
    yield _overfit(config, batch)


def _describe_records(config: RunConfig, source: Source) -> Iterator[Finding]:
    files = quantity(len(source.files), "file")
    yield Finding("records", f"{files}, {source.level} level, {', '.join(texts_of(source.features))}", "ok")
    if length := length_in_words(config, source):
        yield Finding("length", length, "ok")


def _first_batch(config: RunConfig, source: Source) -> dict[str, tf.Tensor]:
    order = Order(repeat=True, drop_remainder=True)
    dataset = pipeline.make_dataset(source, config.training.batch_size, training_frames(config), order)
    with failures.record_errors(source, OF_TRAINING):
        for batch in dataset.take(1):
            return {key: value for key, value in batch.items() if key != "id"}
    raise InputError(f"{source.files[0]} ...: the training files hold no record")


def _random_shapes(config: RunConfig) -> dict[str, tf.TensorSpec]:
    """The shapes of a batch if there are no records."""
    data, size = config.data, config.training.batch_size
    num_frames = data.num_frames or data.max_frames
    shapes = {}
    for feature in parse_features(data.features):
        if config.model.level == "video":
            shapes[feature.video_name] = tf.TensorSpec([size, feature.size], tf.float32)
        else:
            shapes[feature.name] = tf.TensorSpec([size, num_frames, feature.size], tf.as_dtype(feature.dtype))
    if config.model.level == "frame":
        shapes["num_frames"] = tf.TensorSpec([size], tf.int32)
    return shapes | {"labels": tf.TensorSpec([size, data.max_labels], tf.int32)}


def _random_batch(config: RunConfig, shapes: dict[str, tf.TensorSpec]) -> dict[str, tf.Tensor]:
    """Makes random videos with three labels each."""
    random, data, batch = np.random.default_rng(config.training.seed), config.data, {}
    for key, shape in shapes.items():
        if shape.dtype.is_floating:
            batch[key] = random.normal(0, 0.5, shape.shape).astype(shape.dtype.as_numpy_dtype)
        elif shape.dtype == tf.uint8:
            batch[key] = random.integers(0, 256, shape.shape, np.uint8)
    if config.model.level == "frame":
        batch["num_frames"] = np.full(shapes["num_frames"].shape, data.num_frames or data.max_frames, np.int32)
    labels = np.full(shapes["labels"].shape, LABEL_PADDING, np.int32)
    count = min(3, data.max_labels, data.num_classes)
    for row in labels:
        row[:count] = random.choice(data.num_classes, count, replace=False)
    return {key: tf.constant(value) for key, value in (batch | {"labels": labels}).items()}


def _check_labels(batch: dict[str, tf.Tensor], config: RunConfig) -> Finding:
    labels = batch["labels"].numpy()
    present = labels[labels != LABEL_PADDING]
    mean = present.size / len(labels)
    seen = len(np.unique(present))
    text = f"{mean:.1f} a video, {seen} of {quantity(config.data.num_classes, 'class')} in this batch"
    return Finding("labels", text, "ok" if present.size else "bad")


def _megabytes(num_bytes: float) -> str:
    return f"{num_bytes / 1e6:,.1f} MB"


def _num_bytes(variables) -> int:
    return sum(int(np.prod(variable.shape)) * tf.as_dtype(variable.dtype).size for variable in variables)


def _weigh(model, optimizer: Optimizer) -> Iterator[Finding]:
    yield Finding("parameters", f"{model.count_params():,}", "ok")
    yield Finding("memory of the weights", _megabytes(_num_bytes(model.variables)), "ok")
    state = [slot for slots in optimizer.slots.values() for slot in slots] + optimizer.averages
    yield Finding("memory of the optimizer", _megabytes(_num_bytes(state)), "ok")


def initial_probability(config: RunConfig) -> float:
    """The probability of every class before training, by the formula of the model's head with weights near 0."""
    model = config.model
    kind = getattr(model, "head", "moe" if model.name.startswith("moe") else "logistic")
    probability = 1.0 / (1.0 + math.exp(-getattr(model, "initial_bias", 0.0)))
    if kind == "moe":
        mixtures = getattr(model, "num_mixtures", 2)
        probability *= mixtures / (mixtures + 1)  # all gates start equal, and the dummy expert gives 0
    return probability / 2 if getattr(model, "probability_gating", False) else probability


def _check_start(model, batch: dict[str, tf.Tensor], config: RunConfig) -> Finding:
    """Compares the first loss with the loss of a model that gives every class its initial probability."""
    features = {key: batch[key] for key in model.input}
    found = float(tf.reduce_mean(video_losses(model(features, training=False), batch)))
    probability = initial_probability(config)
    logits = tf.fill([batch["labels"].shape[0], config.data.num_classes], math.log(probability / (1 - probability)))
    expected = float(tf.reduce_mean(video_losses(logits, batch)))
    text = f"{found:,.1f}; {expected:,.1f} is expected of probabilities of {probability:.2g}"
    if not math.isfinite(found):
        return Finding("loss at the start", text, "bad")
    if config.training.initial_run:
        text = f"{found:,.1f} with the weights of {config.training.initial_run}; {expected:,.1f} without"
        return Finding("loss at the start", text, "ok" if found < expected else "look")
    return Finding("loss at the start", text, "ok" if abs(found - expected) <= 0.2 * expected else "look")


def _peak_memory() -> int | None:
    """The peak memory of this process since `_forget_peak`, in bytes; None if the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)


def _forget_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _measure_step(objective: Objective, optimizer: Optimizer, batch, config: RunConfig):
    """Makes a function that does one step, and the finding about its memory."""
    training = config.training
    counter = tf.Variable(0, dtype=tf.int64)
    compute = objective.loss_and_gradients
    size, pieces = training.batch_size, training.gradient_accumulation

    @tf.function(jit_compile=training.xla or None, autograph=False)
    def step():
        with owned_gradients(objective):
            loss, gradients = compute(batch, size, 1, pieces)
        optimizer.apply(gradients, counter)
        counter.assign_add(1)
        return loss

    devices = tf.config.list_logical_devices("GPU")
    if devices:
        tf.config.experimental.reset_memory_stats("GPU:0")
    measured = _forget_peak()
    before = _peak_memory()
    step()
    if devices:
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        return step, Finding("memory of a step", f"{_megabytes(peak)} on the first GPU, all together", "ok")
    after = _peak_memory()
    if not measured or before is None or after is None:
        return step, Finding("memory of a step", "this system does not say", "look")
    text = f"{_megabytes(max(0, after - before))} for activations and gradients, {_megabytes(after)} in all"
    return step, Finding("memory of a step", text, "ok")


def _rate(action: Callable[[], object], videos: int) -> float:
    """Measures videos per second of an action that was done once before."""
    start, count = time.perf_counter(), 0
    while count < 2 or time.perf_counter() - start < RATE_SECONDS:
        action()
        count += 1
    return count * videos / (time.perf_counter() - start)


def _measure_products(training: TrainingConfig) -> Finding:
    rates = measure_rates()
    remark = precision_remark(training.precision, rates)
    return Finding("matrix products", remark or str(rates), "look" if remark else "ok")


def _time_of_all(training: TrainingConfig, compute: float) -> Finding:
    """Says how long the steps take, without validation, at a rate in videos per second."""
    seconds = training.num_steps * training.batch_size / compute
    verb = "takes" if training.num_steps == 1 else "take"
    text = f"{quantity(training.num_steps, 'step', ',')} {verb} about {duration_in_words(seconds)}, validation aside"
    return Finding("the whole training", text, "ok")


def _measure_input(config: RunConfig, source: Source, compute: float) -> Finding:
    size = config.training.batch_size
    dataset = training_batches(config, source, size, job_name="" if config.data.service else None)
    with failures.record_errors(source, OF_TRAINING):
        batches = iter(dataset)
        next(batches)  # the shuffle buffer is full now
        rate = _rate(lambda: next(batches), size)
    ratio = rate / compute
    text = f"{rate:,.0f} videos/s, {ratio:.1f} times what the computation takes"
    return Finding(
        "input", text + ("" if ratio >= 1 else "; the device would wait for it"), "ok" if ratio >= 1 else "look"
    )


def _overfit(config: RunConfig, batch: dict[str, tf.Tensor]) -> Finding:
    """Learns a few videos by heart, with fresh weights and a learning rate that suits most models."""
    few = {key: value[:OVERFIT_VIDEOS] for key, value in batch.items()}
    size = int(few["labels"].shape[0])
    training = dataclasses.replace(
        config.training, learning_rate=OVERFIT_LEARNING_RATE, schedule="constant", warmup_steps=0, weight_decay=0.0
    )
    objective = Objective(build_for_training(config), config, None)
    optimizer = make_optimizer([variable.value for variable in objective.model.trainable_variables], training)
    counter = tf.Variable(0, dtype=tf.int64)

    @tf.function(autograph=False)
    def step():
        with owned_gradients(objective):
            loss, gradients = objective.loss_and_gradients(few, size, 1, 1)
        optimizer.apply(gradients, counter)
        counter.assign_add(1)
        return loss

    first = float(step())
    last, steps, start = first, 1, time.perf_counter()  # the clock starts after compiling
    while last > OVERFIT_SHARE * first and math.isfinite(last) and time.perf_counter() - start < OVERFIT_SECONDS:
        last, steps = float(step()), steps + 1
    text = f"the loss of {quantity(size, 'video')} went from {first:,.1f} to {last:,.2f} in {steps} steps"
    if not math.isfinite(last):
        return Finding("learning by heart", text, "bad")
    if last <= OVERFIT_SHARE * first:
        return Finding("learning by heart", text, "ok")
    if last >= first and steps > 5:
        return Finding("learning by heart", f"{text}; it does not fall", "bad")
    return Finding("learning by heart", f"{text}; not down to 5 % in the time there is", "look")
