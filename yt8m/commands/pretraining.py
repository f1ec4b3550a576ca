"""The command that learns from records without labels: `pretrain`."""

import dataclasses
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from yt8m.commands import reports
from yt8m.commands.configuring import configure
from yt8m.commands.flags import Json, print_json
from yt8m.commands.streams import show
from yt8m.commands.training import run
from yt8m.config import PretrainConfig, RunConfig
from yt8m.errors import OK, InputError
from yt8m.recipes import make_config

NUM_FRAMES = 64
"""Consecutive frames of a video in a step, so that memory does not grow with the length of the videos."""


@dataclass(frozen=True)
class PretrainFlags:
    """The flags of `pretrain` beside a configuration."""

    config: Annotated[RunConfig, tyro.conf.arg(name="")]
    pretrain: PretrainConfig = field(default_factory=PretrainConfig)
    json: Json = False
    """Print one JSON object."""


def add_flags(config: RunConfig) -> PretrainFlags:
    """A recipe with the flags of the task, and with the frames that a step of pretraining sees."""
    data = dataclasses.replace(config.data, num_frames=NUM_FRAMES, sampling="consecutive")
    return PretrainFlags(dataclasses.replace(config, data=data))


def pretrain(arguments: list[str]) -> int:
    """Learn to predict frames from records without labels, for training from that run with --training.initial-run.

    Takes the arguments of `train`, and those of the task. A step sees 64 consecutive frames of a video unless --data.num-frames
    says otherwise, whatever the recipe.
    """
    flags = configure("pretrain", arguments, add_flags)
    if flags is None:
        return OK
    recipe = make_config(flags.config.recipe)
    if (flags.config.loss, flags.config.distill) != (recipe.loss, recipe.distill):
        raise InputError("flags of loss and distill are of labels, and pretraining has none; leave them out")
    result, status = run(dataclasses.replace(flags.config, pretrain=flags.pretrain))
    if flags.json:
        print_json(dataclasses.asdict(result))
    elif status == OK:
        show(
            f"{reports.trained(result)}\nnext       --training.initial-run {result.run}, with labels and another --run"
        )
    return status
