"""Recipes of models that ignore the order of frames: their mean, and bags of words."""

from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.models.frame import DeepBagOfFrames, FrameLogistic, SoftDeepBagOfWords
from yt8m.recipes.registry import recipe


@recipe
def frame_logistic() -> RunConfig:
    """Logistic regression on the mean frame, from frame-level records.

    `yt8m train frame_logistic --data.root DATA --run runs/frame_logistic`

    arXiv 1609.08675; GAP .714 on the 2017 split. 4.5 million parameters. A step takes 0.06 s on 2 cores.
    """
    return RunConfig(model=FrameLogistic(), training=TrainingConfig(batch_size=128))


@recipe
def dbof() -> RunConfig:
    """Deep bag of frames at the reference's size: 30 sampled frames, 8192 clusters, 1024 hidden units.

    `yt8m train dbof --data.root DATA --run runs/dbof`

    arXiv 1609.08675, which gives no GAP for it. 37.6 million parameters. A step takes 1.4 s on 2 cores. It predicts from 30
    frames, too, evenly spaced: docs/benchmarks.md has what each way scores.
    """
    return RunConfig(
        model=DeepBagOfFrames(),
        data=DataConfig(num_frames=30, prediction_num_frames=30),
        training=TrainingConfig(batch_size=128, learning_rate=1e-3),
    )


def as_won_2017(model, num_steps: int = 300_000) -> RunConfig:
    """Training as the winners of 2017 did it for all models (arXiv 1706.06905): 300 sampled frames, batch 80."""
    return RunConfig(
        model=model,
        data=DataConfig(num_frames=300),
        training=TrainingConfig(
            num_steps=num_steps,
            batch_size=80,
            learning_rate=2e-4,
            learning_rate_decay=0.8,
            validate_every_steps=10_000,
            checkpoint_every_steps=2_000,
        ),
    )


@recipe
def soft_dbow() -> RunConfig:
    """Gated soft bag of words as the winners of 2017 sized it: 8000 words for rgb, 1000 for audio.

    `yt8m train soft_dbow --data.root DATA --run runs/soft_dbow`

    arXiv 1706.06905: batch 80, learning rate 2e-4, times 0.8 every 4 million examples, 300 sampled frames; GAP .816
    without its gates on the 2017 split; 53.3 million parameters. A step takes 7.1 s on 2 cores.
    """
    return as_won_2017(SoftDeepBagOfWords())
