"""Recipes of models that use the order of frames, or relate frames to each other."""

from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.models.sequence import (
    GatedRecurrentUnits,
    LongShortTermMemory,
    MultiAttention,
    TemporalConvolutions,
    Transformer,
)
from yt8m.recipes.registry import recipe


def _sequence(model, num_frames: int = 0, prediction_num_frames: int = 0, **training) -> RunConfig:
    """The configuration of a model that reads all frames of a video, or consecutive ones."""
    every = {"validate_every_steps": 10_000, "checkpoint_every_steps": 2_000, "batch_size": 128, "num_steps": 200_000}
    return RunConfig(
        model=model,
        data=DataConfig(
            num_frames=num_frames,
            sampling="consecutive" if num_frames else "random",
            prediction_num_frames=prediction_num_frames,
        ),
        training=TrainingConfig(**every | training),
    )


@recipe
def lstm() -> RunConfig:
    """Two LSTM layers of 1024 units over all frames, mixture of experts on the last state.

    `yt8m train lstm --data.root DATA --run runs/lstm [--model.bidirectional]`

    arXiv 1609.08675 and 1706.06905: learning rate 2e-4 (at 1e-2 nothing is learned), times 0.8 every 4 million
    examples; GAP .817 on the 2017 split. 37.1 million parameters; 82.6 million in both directions. A step takes 24 s on
    2 cores.
    """
    return _sequence(LongShortTermMemory(l2=1e-6), learning_rate=2e-4, learning_rate_decay=0.8)


@recipe
def gru() -> RunConfig:
    """Two GRU layers of 1200 units over all frames, mixture of experts on the last state.

    `yt8m train gru --data.root DATA --run runs/gru [--model.bidirectional]`

    arXiv 1706.06905: learning rate 2e-4, times 0.8 every 4 million examples; GAP .820 on the 2017 split. 40.3 million
    parameters; 89.2 million in both directions. A step takes 24 s on 2 cores.
    """
    return _sequence(GatedRecurrentUnits(l2=1e-6), learning_rate=2e-4, learning_rate_decay=0.8)


@recipe
def attention() -> RunConfig:
    """Eight parallel gated-attention poolings, mixture of experts; 60 000 steps, as 13th in the 2019 challenge.

    `yt8m train attention --data.root DATA --run runs/attention [--model.num-heads 16]`

    arXiv 1911.06866: part of an ensemble, without a score of its own. 31.6 million parameters; 43.4 million
    with 16. A step takes 2.3 s on 2 cores.
    """
    return _sequence(MultiAttention(), learning_rate=2e-4, num_steps=60_000)


@recipe
def transformer() -> RunConfig:
    """Transformer encoder of two layers over all frames: the network of the ninth place in 2019, trained on whole videos.

    `yt8m train transformer --data.root DATA --run runs/transformer [--model.num-layers 3]`

    arXiv 1912.01127: learning rate 1e-4, times 0.9 every 4 million examples. Warm-up is ours. 47.1 million parameters;
    59.5 million with three layers. A step takes 18 s on 2 cores.
    """
    training = {"batch_size": 64, "learning_rate": 1e-4, "learning_rate_decay": 0.9, "warmup_steps": 4_000}
    return _sequence(Transformer(l2=1e-6), **training)


@recipe
def transformer_segments() -> RunConfig:
    """`transformer` on five consecutive frames, the length of a segment, for fine-tuning on segments (ninth place in 2019).

    `yt8m train transformer_segments --data.root DATA --run runs/transformer_segments`

    arXiv 1912.01127: batch 128, 200 000 steps, learning rate 1e-4, times 0.9 every 4 million examples; segment MAP .787
    of the ensemble it was part of. 47.1 million parameters. A step takes 0.88 s on 2 cores. Of a whole video it sees 32 frames,
    evenly spaced, in validation and prediction; docs/benchmarks.md has what each way scores.
    """
    training = {"learning_rate": 1e-4, "learning_rate_decay": 0.9}
    return _sequence(Transformer(l2=1e-6), num_frames=5, prediction_num_frames=32, **training)


@recipe
def tcn() -> RunConfig:
    """Temporal convolutional network: seven blocks of 512 units that see up to 509 frames, all frames of a video.

    `yt8m train tcn --data.root DATA --run runs/tcn [--model.no-causal]`

    arXiv 1803.01271, which has no score on this data. 22.5 million parameters. A step takes 17 s on 2 cores.
    """
    return _sequence(TemporalConvolutions(), learning_rate=5e-4, learning_rate_decay=0.8)
