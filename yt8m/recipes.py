"""Named, complete configurations. Every model has a recipe of the same name; published settings have recipes besides.

A recipe is a function without arguments that returns a `RunConfig`; its docstring says what it is for, and its first
line is what `yt8m recipes` shows. Flags change single fields: `yt8m train moe --training.num-steps 500`.
"""

from collections.abc import Callable

from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.errors import InputError
from yt8m.models.frame import DeepBagOfFrames, FrameLogistic, NetVLAD, SoftDeepBagOfWords
from yt8m.models.video import Logistic, MixtureOfExperts, MixtureOfExpertsChain

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


@recipe
def netvlad() -> RunConfig:
    """Gated NetVLAD as it won the 2017 challenge: 256 clusters, 1024 hidden units, 300 sampled frames.

    arXiv 1706.06905: batch 80, learning rate 2e-4, times 0.8 every 4 million examples; GAP .832 on the 2017 split.
    """
    return RunConfig(
        recipe="netvlad",
        model=NetVLAD(),
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
