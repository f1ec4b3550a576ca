"""Named, complete configurations. Every model has a recipe of the same name; published settings have recipes besides.

A recipe is a function without arguments that returns a `RunConfig`; its docstring says what it is for, and its first
line is what `yt8m recipes` shows. Flags change single fields: `yt8m train moe --training.num-steps 500`.
"""

from collections.abc import Callable

from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.errors import InputError
from yt8m.models.frame import DeepBagOfFrames, FrameLogistic, SoftDeepBagOfWords
from yt8m.models.sequence import (
    GatedRecurrentUnits,
    LongShortTermMemory,
    MultiAttention,
    TemporalConvolutions,
    Transformer,
)
from yt8m.models.video import Logistic, MixtureOfExperts, MixtureOfExpertsChain
from yt8m.models.vlad import MixedNeXtVLAD, NetFisherVector, NetRVLAD, NetVLAD, NeXtVLAD

RECIPES: dict[str, Callable[[], RunConfig]] = {}


def recipe(function: Callable[[], RunConfig]) -> Callable[[], RunConfig]:
    """Decorator: makes a recipe known under the function's name."""
    RECIPES[function.__name__] = function
    return function


def list_recipes() -> list[str]:
    """The names `make_config` knows, in the order of this file."""
    return list(RECIPES)


def describe(name: str) -> str:
    """The first line of a recipe's docstring."""
    return (RECIPES[name].__doc__ or "").strip().splitlines()[0]


def make_config(name: str) -> RunConfig:
    """The complete configuration of a recipe.

    Raises:
        InputError: no such recipe; the message lists them.
    """
    if name not in RECIPES:
        raise InputError(f"unknown recipe {name!r}; known: {', '.join(RECIPES)}")
    config = RECIPES[name]()
    assert config.recipe == name, f"recipe {name} calls itself {config.recipe}"
    return config


@recipe
def sample() -> RunConfig:
    """Gated NetVLAD, sized for the sample data: what `make train` and `make submit` run."""
    return RunConfig(
        recipe="sample",
        model=NetVLAD(num_clusters=32, hidden_size=256, l2=0.0),
        data=DataConfig(num_classes=60, num_frames=32, max_frames=150),
        training=TrainingConfig(
            num_steps=500,
            batch_size=64,
            learning_rate=2e-3,
            learning_rate_decay=0.5,
            learning_rate_decay_examples=10_000,
            learning_rate_smooth_decay=True,
            validate_every_steps=125,
            checkpoint_every_steps=125,
        ),
    )


@recipe
def logistic() -> RunConfig:
    """Logistic regression on video-level features, tuned on 8 900 real videos.

    175 steps are five epochs of those; on the full training split raise --training.num-steps to about 75 000 (also five).
    docs/benchmarks.md has what each choice gave.
    """
    return RunConfig(
        recipe="logistic",
        model=Logistic(),
        data=DataConfig(shuffle_buffer=8192),
        training=TrainingConfig(
            num_steps=175,
            batch_size=256,
            learning_rate=5e-3,
            epsilon=1e-3,
            validate_every_steps=60,
            checkpoint_every_steps=500,
            log_every_steps=25,
        ),
    )


@recipe
def moe() -> RunConfig:
    """Mixture of two experts a class on video-level features, tuned on 8 900 real videos.

    88 steps are two and a half epochs of those, after which it overfits; on the full training split raise
    --training.num-steps to about 60 000 (four epochs). docs/benchmarks.md has what each choice gave.
    """
    return RunConfig(
        recipe="moe",
        model=MixtureOfExperts(dropout=0.2),
        data=DataConfig(shuffle_buffer=8192),
        training=TrainingConfig(
            num_steps=88,
            batch_size=256,
            learning_rate=5e-3,
            epsilon=3e-4,
            validate_every_steps=44,
            checkpoint_every_steps=500,
            log_every_steps=22,
        ),
    )


@recipe
def moe_chain() -> RunConfig:
    """A chain of three mixtures of experts on video-level features, each one trained.

    `yt8m train moe_chain --data.root DATA --run runs/moe_chain`

    Three of two experts with projections of 256, sized for a few epochs of a subset like `moe`; 83.6 million parameters.
    arXiv 1706.05150; chains like this one reached GAP .854 to .860 on the 2018 split.
    """
    return RunConfig(
        recipe="moe_chain",
        model=MixtureOfExpertsChain(dropout=0.2),
        data=DataConfig(shuffle_buffer=8192),
        training=TrainingConfig(
            num_steps=88,
            batch_size=256,
            learning_rate=5e-3,
            epsilon=3e-4,
            validate_every_steps=44,
            checkpoint_every_steps=500,
            log_every_steps=22,
        ),
    )


@recipe
def moe_chain_2017() -> RunConfig:
    """The chain of mixtures of experts as the runner-up of 2017 trained it: five of four experts each.

    `yt8m train moe_chain_2017 --data.root DATA --run runs/moe_chain_2017`

    arXiv 1706.05150: vectors of L2 norm 1, projections of 256, batch 1024, learning rate 0.01; 293 million parameters.
    The paper weighs the losses of the first four by 0.05 against 0.95 of the last; here all five weigh the same.
    """
    return RunConfig(
        recipe="moe_chain_2017",
        model=MixtureOfExpertsChain(num_layers=5, num_mixtures=4, normalise="l2"),
        data=DataConfig(shuffle_buffer=16_384),
        training=TrainingConfig(
            num_steps=20_000,
            batch_size=1024,
            learning_rate=0.01,
            validate_every_steps=2_000,
            checkpoint_every_steps=2_000,
        ),
    )


@recipe
def frame_logistic() -> RunConfig:
    """Logistic regression on the mean frame, from frame-level records."""
    return RunConfig(recipe="frame_logistic", model=FrameLogistic(), training=TrainingConfig(batch_size=128))


@recipe
def dbof() -> RunConfig:
    """Deep bag of frames at the reference's size: 30 sampled frames, 8192 clusters, 1024 hidden units."""
    return RunConfig(
        recipe="dbof",
        model=DeepBagOfFrames(),
        data=DataConfig(num_frames=30),
        training=TrainingConfig(batch_size=128, learning_rate=1e-3),
    )


@recipe
def soft_dbow() -> RunConfig:
    """Gated soft bag of words as the winners of 2017 sized it: 8000 words for rgb, 1000 for audio.

    `yt8m train soft_dbow --data.root DATA --run runs/soft_dbow`

    arXiv 1706.06905: batch 80, learning rate 2e-4, times 0.8 every 4 million examples, 300 sampled frames; GAP .816
    without its gates on the 2017 split; 53.3 million parameters.
    """
    return RunConfig(
        recipe="soft_dbow",
        model=SoftDeepBagOfWords(),
        data=DataConfig(num_frames=300),
        training=TrainingConfig(
            num_steps=300_000,
            batch_size=80,
            learning_rate=2e-4,
            learning_rate_decay=0.8,
            validate_every_steps=10_000,
            checkpoint_every_steps=2_000,
        ),
    )


def _winners_of_2017(name: str, model, num_steps: int = 300_000) -> RunConfig:
    return RunConfig(
        recipe=name,
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
def netvlad() -> RunConfig:
    """Gated NetVLAD as it won the 2017 challenge: 256 clusters, 1024 hidden units, 300 sampled frames.

    `yt8m train netvlad --data.root DATA --run runs/netvlad`

    arXiv 1706.06905: batch 80, learning rate 2e-4, times 0.8 every 4 million examples; GAP .832 on the 2017 split. The 300 000
    steps are those of its best single model; for its ensemble it trained 700 000. 321.5 million parameters.
    """
    return _winners_of_2017("netvlad", NetVLAD(l2=1e-6))


@recipe
def netrvlad() -> RunConfig:
    """Gated NetRVLAD as the winners of 2017 trained it: NetVLAD without centres.

    `yt8m train netrvlad --data.root DATA --run runs/netrvlad`

    arXiv 1706.06905, sized and trained as `netvlad`, but for 600 000 steps; GAP .823 without its gates on the 2017 split.
    321.3 million parameters.
    """
    return _winners_of_2017("netrvlad", NetRVLAD(l2=1e-6), num_steps=600_000)


@recipe
def netfv() -> RunConfig:
    """Gated NetFV as the winners of 2017 trained it: 128 Gaussians, 1024 hidden units, 300 sampled frames.

    `yt8m train netfv --data.root DATA --run runs/netfv`

    arXiv 1706.06905, trained as `netvlad`, but for 600 000 steps; GAP .822 without its gates on the 2017 split.
    321.4 million parameters.
    """
    return _winners_of_2017("netfv", NetFisherVector(l2=1e-6), num_steps=600_000)


def _nextvlad(name: str, model) -> RunConfig:
    return RunConfig(
        recipe=name,
        model=model,
        training=TrainingConfig(
            num_steps=150_000,
            batch_size=160,
            learning_rate=2e-4,
            learning_rate_decay=0.8,
            learning_rate_decay_examples=2_000_000,
            validate_every_steps=5_000,
            checkpoint_every_steps=1_000,
        ),
    )


@recipe
def netvlad_128() -> RunConfig:
    """NetVLAD as NeXtVLAD's paper compares it: 128 clusters, 2048 hidden units, context gating, logistic regression.

    `yt8m train netvlad_128 --data.root DATA --run runs/netvlad_128`

    arXiv 1811.05014, trained as `nextvlad`; GAP .847 to .858 on the 2018 split, of different implementations.
    297.6 million parameters.
    """
    model = NetVLAD(num_clusters=128, hidden_size=2048, head="logistic", probability_gating=False, dropout=0.5, l2=1e-5)
    return _nextvlad("netvlad_128", model)


@recipe
def nextvlad() -> RunConfig:
    """NeXtVLAD at its larger size, the best single model published on the 2018 split: 8 groups, 128 clusters.

    `yt8m train nextvlad --data.root DATA --run runs/nextvlad`

    arXiv 1811.05014: batch 160, learning rate 2e-4, times 0.8 every 2 million examples, all frames, dropout 0.5, L2 1e-5;
    GAP .8723, trained on the training split alone. 150 000 steps are about six epochs of it. 89.0 million parameters.
    """
    return _nextvlad("nextvlad", NeXtVLAD())


@recipe
def nextvlad_112() -> RunConfig:
    """NeXtVLAD with 112 clusters: three of them fit into the gigabyte that the challenge of 2018 allowed.

    `yt8m train nextvlad_112 --data.root DATA --run runs/nextvlad_112`

    arXiv 1811.05014, trained as `nextvlad`; NeXtVLADs reached GAP .868 to .872 on the 2018 split. 79.2 million parameters.
    """
    return _nextvlad("nextvlad_112", NeXtVLAD(num_clusters=112))


@recipe
def mix_nextvlad() -> RunConfig:
    """Three NeXtVLADs that learn from their mixture while it learns: on-the-fly distillation at temperature 3.

    `yt8m train mix_nextvlad --data.root DATA --run runs/mix_nextvlad`

    arXiv 1811.05014 and 1806.04606: 112 clusters and a gate of H / 16 units each, trained as `nextvlad`; GAP .8798 on the
    2018 split. 236.2 million parameters.
    """
    return _nextvlad("mix_nextvlad", MixedNeXtVLAD())


def _sequence(name: str, model, num_frames: int = 0, **training) -> RunConfig:
    """A model that sees the frames in their order: all of them, or a run of consecutive ones."""
    every = {"validate_every_steps": 10_000, "checkpoint_every_steps": 2_000, "batch_size": 128, "num_steps": 200_000}
    return RunConfig(
        recipe=name,
        model=model,
        data=DataConfig(num_frames=num_frames, sampling="consecutive" if num_frames else "random"),
        training=TrainingConfig(**every | training),
    )


@recipe
def lstm() -> RunConfig:
    """Two LSTM layers of 1024 units over all frames, mixture of experts on the last state.

    yt8m train lstm --data.root DATA --run RUN [--model.bidirectional]
    arXiv 1609.08675 and 1706.06905: learning rate 2e-4 (at 1e-2 nothing is learned), times 0.8 every 4 million examples;
    GAP .817 on the 2017 split. 37.1M parameters; 82.6M in both directions.
    """
    return _sequence("lstm", LongShortTermMemory(l2=1e-6), learning_rate=2e-4, learning_rate_decay=0.8)


@recipe
def gru() -> RunConfig:
    """Two GRU layers of 1200 units over all frames, mixture of experts on the last state.

    yt8m train gru --data.root DATA --run RUN [--model.bidirectional]
    arXiv 1706.06905: learning rate 2e-4, times 0.8 every 4 million examples; GAP .820 on the 2017 split.
    40.3M parameters; 89.2M in both directions.
    """
    return _sequence("gru", GatedRecurrentUnits(l2=1e-6), learning_rate=2e-4, learning_rate_decay=0.8)


@recipe
def attention() -> RunConfig:
    """Eight parallel gated-attention poolings, mixture of experts; 60 000 steps, as 13th in the 2019 challenge.

    yt8m train attention --data.root DATA --run RUN [--model.num-heads 16]
    arXiv 1911.06866: part of an ensemble, no score of its own in docs/models.md. 31.6M parameters; 43.4M with 16.
    """
    return _sequence("attention", MultiAttention(), learning_rate=2e-4, num_steps=60_000)


@recipe
def transformer() -> RunConfig:
    """Transformer encoder of two layers over all frames: the network that was ninth in 2019, trained on whole videos.

    yt8m train transformer --data.root DATA --run RUN [--model.num-layers 3]
    arXiv 1912.01127: learning rate 1e-4, times 0.9 every 4 million examples. Warm-up is ours. 47.1M parameters; 59.5M with
    three layers.
    """
    training = {"batch_size": 64, "learning_rate": 1e-4, "learning_rate_decay": 0.9, "warmup_steps": 4_000}
    return _sequence("transformer", Transformer(l2=1e-6), **training)


@recipe
def transformer_segments() -> RunConfig:
    """`transformer` as it was ninth in 2019: on runs of five frames, the length of a segment, to fine-tune on segments.

    yt8m train transformer_segments --data.root DATA --run RUN
    arXiv 1912.01127: batch 128, 200 000 steps, learning rate 1e-4, times 0.9 every 4 million examples; segment MAP .787 of
    the ensemble it was part of. 47.1M parameters.
    """
    training = {"learning_rate": 1e-4, "learning_rate_decay": 0.9}
    return _sequence("transformer_segments", Transformer(l2=1e-6), num_frames=5, **training)


@recipe
def tcn() -> RunConfig:
    """Temporal convolutional network: seven blocks of 512 units that see up to 509 frames, all frames of a video.

    yt8m train tcn --data.root DATA --run RUN [--model.no-causal]
    arXiv 1803.01271, which has no score on this data. 22.5M parameters.
    """
    return _sequence("tcn", TemporalConvolutions(), learning_rate=5e-4, learning_rate_decay=0.8)


def _reference(name: str, model) -> RunConfig:
    return RunConfig(
        recipe=name,
        model=model,
        data=DataConfig(shuffle_buffer=8192),
        training=TrainingConfig(num_steps=348, batch_size=256, learning_rate=0.01, validate_every_steps=0),
    )


@recipe
def logistic_reference() -> RunConfig:
    """`logistic` with the defaults of the 2017 starter code, ten epochs of 8 900 videos, to compare with."""
    return _reference("logistic_reference", Logistic(normalise="none", initial_bias=0.0, initial_scale=1.0))


@recipe
def moe_reference() -> RunConfig:
    """`moe` with the defaults of the 2017 starter code, ten epochs of 8 900 videos, to compare with."""
    return _reference("moe_reference", MixtureOfExperts(normalise="none", initial_bias=0.0, initial_scale=1.0))
