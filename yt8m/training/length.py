"""The length of a training and of its intervals: epochs become steps once the training records are counted."""

import dataclasses

from yt8m.config import RunConfig
from yt8m.data.counting import count_items
from yt8m.data.source import Source
from yt8m.errors import quantity
from yt8m.progress import SILENT, Progress
from yt8m.training.completion import begun


def with_steps(config: RunConfig, source: Source, progress: Progress = SILENT) -> RunConfig:
    """Returns the configuration with the number of training records and the steps that its epochs take.

    Without any epochs it stays as it is, and nothing is counted. A run that goes on keeps the number of records that it began
    with, so the same flags mean the same steps.

    Args:
        config: the configuration, with its run directory.
        source: the training records.
        progress: gets a line if the records are many to count, and if their number is an estimate.

    Raises:
        InputError, RecordError: the records cannot be counted, or there are none.
    """
    training = config.training
    if not training.counts_epochs:
        return config
    before = begun(config.run)
    number = before.training.num_records if before else 0
    if not number:
        number, num_estimated = count_items(source, progress)
        if num_estimated:
            progress.message(
                f"{source.files[0]} ...: about {number:,} records, by the sizes of {quantity(num_estimated, 'file')} that "
                "were not read; nothing is counted where all is given in steps"
            )
    return dataclasses.replace(config, training=training.counted(number))


def length_in_words(config: RunConfig, source: Source) -> str | None:
    """Says what the epochs of a complete configuration are in steps; None if it has no epochs."""
    training = config.training
    if training.num_epochs is None:
        return None
    passes = training.num_steps * training.batch_size / training.num_records
    items = quantity(training.num_records, "rated segment" if source.level == "segment" else "training video", ",")
    epochs = f"{training.num_epochs:g} epoch{'s are' if training.num_epochs != 1 else ' is'}"
    if training.num_records < training.few_records:
        made = f"{passes:,.0f}" if passes >= 100 else f"{passes:.3g}"
        epochs = f"{training.num_epochs:g} epochs, made {made} for fewer than {training.few_records:,}, are"
    return f"{items}; {epochs} {quantity(training.num_steps, 'step', ',')} of {training.batch_size}"
