"""Recipes of the models on video-level features: logistic regression, mixtures of experts, and chains of them."""

from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.models.video import Logistic, MixtureOfExperts, MixtureOfExpertsChain, ResidualPerceptrons
from yt8m.recipes.registry import recipe

OF_MIXTURES = {
    "num_epochs": 5.0,
    "learning_rate": 5e-3,
    "epsilon": 3e-4,
    "schedule": "cosine",
    "validate_every_epochs": 1.0,
    "log_every_steps": 22,
}
"""Training of mixtures of experts. docs/benchmarks.md has the experiments."""


def _on_a_subset(model, few_records: int = 9_000, **training) -> RunConfig:
    """Training for a few epochs, in batches of 256, and for more of them on fewer than 9 000 videos."""
    return RunConfig(
        model=model,
        data=DataConfig(shuffle_buffer=8192),
        training=TrainingConfig(batch_size=256, checkpoint_every_steps=500, few_records=few_records, **training),
    )


@recipe
def logistic() -> RunConfig:
    """Logistic regression on video-level features, tuned on 8 900 real videos.

    `yt8m train logistic --data.root DATA --run runs/logistic`

    Values count by what the labels of training videos say of them. Seven epochs, and more on fewer than 9 000 videos: 246
    steps on 8 900, along half a cosine, and about 106 000 on the full training split. docs/benchmarks.md has what each choice
    gave: GAP .681 there, on other videos; means reached .714 on the 2017 split. 4.5 million parameters. A step takes 0.06 s
    on 2 cores.
    """
    return _on_a_subset(
        Logistic(normalise="explained"),
        num_epochs=7.0,
        learning_rate=7e-3,
        epsilon=1e-3,
        schedule="cosine",
        validate_every_epochs=1.0,
        log_every_steps=25,
    )


@recipe
def small_video() -> RunConfig:
    """Logistic regression for hundreds to thousands of videos, by gradient descent on what their labels explain.

    `yt8m train small_video --data.root DATA --run runs/small_video`

    Gradient descent with momentum learns frequent classes first. Adam moves every weight at the same rate, and learns the noise
    of rare classes as fast. docs/models.md has scores on 300, 1000 and 3000 real videos beside those of other recipes. 101 steps
    on 240 videos, 218 on 2400. 4.5 million parameters. A step takes 0.02 s on 2 cores.
    """
    return RunConfig(
        model=Logistic(normalise="explained", initial_bias=-5.0),
        data=DataConfig(shuffle_buffer=8192),
        training=TrainingConfig(
            num_epochs=5.0,
            few_records=3_000,
            batch_size=64,
            optimizer="sgd",
            schedule="constant",
            learning_rate=0.02,
            clip_norm=0.0,
            validate_every_epochs=0.5,
            log_every_steps=10,
        ),
    )


@recipe
def moe() -> RunConfig:
    """Mixture of two experts a class on video-level features, tuned on 8 900 real videos.

    `yt8m train moe --data.root DATA --run runs/moe`

    Values count by what the labels of training videos say of them. Five epochs, and more on fewer than 9 000 videos: 176
    steps on 8 900, along half a cosine, and about 76 000 on the full training split. docs/benchmarks.md has what each choice
    gave: GAP .686 there, on other videos; with a gate, .741 was reached on the 2017 split. 22.3 million parameters. A step
    takes 0.24 s on 2 cores.
    """
    return _on_a_subset(MixtureOfExperts(normalise="explained", l2=0.0), **OF_MIXTURES)


@recipe
def residual_mlp() -> RunConfig:
    """Mean of four residual perceptrons on video-level features, chosen on real videos.

    `yt8m train residual_mlp --data.root DATA --run runs/residual_mlp`

    Each perceptron also learns by itself. docs/leaderboard.md has what was tried: GAP .685 on real records, where one of the
    four reached .677 and the fitted kernel_ridge .696. 24.8 million parameters. A step takes 0.4 s on 2 cores.
    """
    return _on_a_subset(
        ResidualPerceptrons(),
        num_epochs=12,
        learning_rate=2e-3,
        epsilon=1e-7,
        schedule="cosine",
        warmup_steps=20,
        ema_decay=0.98,
        validate_every_epochs=4.0,
        log_every_steps=35,
    )


@recipe
def moe_chain() -> RunConfig:
    """A chain of three mixtures of experts on video-level features, each one trained.

    `yt8m train moe_chain --data.root DATA --run runs/moe_chain`

    Three of two experts with projections of 256, trained like `moe`, to about the same GAP on 8 900 real videos; 83.6 million
    parameters. arXiv 1706.05150; chains like this one reached GAP .854 to .860 on the 2018 split. A step takes 0.98 s
    on 2 cores.
    """
    return _on_a_subset(MixtureOfExpertsChain(normalise="explained"), **OF_MIXTURES)


@recipe
def moe_chain_2017() -> RunConfig:
    """The chain of mixtures of experts as the runner-up of 2017 trained it: five of four experts each.

    `yt8m train moe_chain_2017 --data.root DATA --run runs/moe_chain_2017`

    arXiv 1706.05150: vectors of L2 norm 1, projections of 256, batch 1024, learning rate 0.01; 293.2 million
    parameters. The paper weighs the losses of the first four by 0.05 against 0.95 of the last; here all five weigh the
    same. A step takes 8.9 s on 2 cores.
    """
    return RunConfig(
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


def _reference(model) -> RunConfig:
    return _on_a_subset(model, num_epochs=10.0, few_records=0, learning_rate=0.01, validate_every_steps=0)


@recipe
def logistic_reference() -> RunConfig:
    """`logistic` with the defaults of the 2017 starter code, ten epochs, to compare with."""
    return _reference(Logistic(normalise="none", initial_bias=0.0, initial_scale=1.0))


@recipe
def moe_reference() -> RunConfig:
    """`moe` with the defaults of the 2017 starter code, ten epochs, to compare with."""
    return _reference(MixtureOfExperts(normalise="none", initial_bias=0.0, initial_scale=1.0))
