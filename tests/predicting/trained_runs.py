"""Runs of a few steps on the sample data set, and records for them."""

from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.models import make_architecture
from yt8m.training.loop import train

FRAMES, RATED = "2/frame/validate", "3/frame/validate"


def trained(run, sample, model="frame_logistic", records="2/frame/train", **data) -> str:
    config = RunConfig(
        run=str(run),
        model=make_architecture(model),
        data=DataConfig(**{"num_classes": 12, "features": ("audio",), "train": (str(sample / records),)} | data),
        training=TrainingConfig(num_steps=3, batch_size=8, learning_rate=0.05, validate_every_steps=0),
    )
    train(config)
    return str(run)
