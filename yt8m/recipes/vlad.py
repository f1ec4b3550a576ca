"""Recipes of the VLAD family, which describes how frames differ from visual words."""

from yt8m.config import DataConfig, RunConfig, TrainingConfig
from yt8m.models.vlad import MixedNeXtVLAD, NetFisherVector, NetRVLAD, NetVLAD, NeXtVLAD
from yt8m.recipes.frame import as_won_2017
from yt8m.recipes.registry import recipe


@recipe
def netvlad() -> RunConfig:
    """Gated NetVLAD as it won the 2017 challenge: 256 clusters, 1024 hidden units, 300 sampled frames.

    `yt8m train netvlad --data.root DATA --run runs/netvlad`

    arXiv 1706.06905: batch 80, learning rate 2e-4, times 0.8 every 4 million examples; GAP .832 on the 2017 split. The
    300 000 steps are those of its best single model; for its ensemble it trained 700 000. 321.5 million parameters. A
    step takes 2.5 s on 2 cores.
    """
    return as_won_2017(NetVLAD(l2=1e-6))


@recipe
def netrvlad() -> RunConfig:
    """Gated NetRVLAD as the winners of 2017 trained it: NetVLAD without centres.

    `yt8m train netrvlad --data.root DATA --run runs/netrvlad`

    arXiv 1706.06905, sized and trained as `netvlad`, but for 600 000 steps; GAP .823 without its gates on the 2017
    split. 321.3 million parameters. A step takes 2.3 s on 2 cores.
    """
    return as_won_2017(NetRVLAD(l2=1e-6), num_steps=600_000)


@recipe
def netfv() -> RunConfig:
    """Gated NetFV as the winners of 2017 trained it: 128 Gaussians, 1024 hidden units, 300 sampled frames.

    `yt8m train netfv --data.root DATA --run runs/netfv`

    arXiv 1706.06905, trained as `netvlad`, but for 600 000 steps; GAP .822 without its gates on the 2017 split. 321.4
    million parameters. A step takes 2.5 s on 2 cores.
    """
    return as_won_2017(NetFisherVector(l2=1e-6), num_steps=600_000)


def _nextvlad(model) -> RunConfig:
    return RunConfig(
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
def small_frame() -> RunConfig:
    """Small NeXtVLAD for hundreds to thousands of videos, which learns many times from 32 frames of each.

    `yt8m train small_frame --data.root DATA --run runs/small_frame`

    arXiv 1811.05014 has the model, at 128 clusters and 2048 hidden units. Here it has 32 and 256, and a learning rate that falls
    along a cosine. docs/models.md has scores on 300, 1000 and 3000 videos beside those of other recipes. 247 steps on 240 videos,
    600 on 2400. 6.1 million parameters. A step takes 0.2 s on 2 cores.
    """
    return RunConfig(
        model=NeXtVLAD(num_clusters=32, hidden_size=256),
        data=DataConfig(num_frames=32),
        training=TrainingConfig(
            num_epochs=16.0,
            few_records=2_000,
            batch_size=64,
            learning_rate=2e-3,
            schedule="cosine",
            warmup_steps=20,
            validate_every_epochs=1.0,
            log_every_steps=10,
        ),
    )


@recipe
def netvlad_128() -> RunConfig:
    """NetVLAD as NeXtVLAD's paper compares it: 128 clusters, 2048 hidden units, context gating, logistic regression.

    `yt8m train netvlad_128 --data.root DATA --run runs/netvlad_128`

    arXiv 1811.05014, trained as `nextvlad`; GAP .847 to .858 on the 2018 split, of different implementations. 297.6
    million parameters. A step takes 3.2 s on 2 cores.
    """
    model = NetVLAD(num_clusters=128, hidden_size=2048, head="logistic", probability_gating=False, dropout=0.5, l2=1e-5)
    return _nextvlad(model)


@recipe
def nextvlad() -> RunConfig:
    """NeXtVLAD at its larger size, the best single model published on the 2018 split: 8 groups, 128 clusters.

    `yt8m train nextvlad --data.root DATA --run runs/nextvlad`

    arXiv 1811.05014: batch 160, learning rate 2e-4, times 0.8 every 2 million examples, all frames, dropout 0.5, L2
    1e-5; GAP .8723, trained on the training split alone. 150 000 steps are about six epochs of it. 89.0 million
    parameters. A step takes 7.5 s on 2 cores.
    """
    return _nextvlad(NeXtVLAD())


@recipe
def nextvlad_112() -> RunConfig:
    """NeXtVLAD with 112 clusters: three of them fit into the gigabyte that the challenge of 2018 allowed.

    `yt8m train nextvlad_112 --data.root DATA --run runs/nextvlad_112`

    arXiv 1811.05014, trained as `nextvlad`; NeXtVLADs reached GAP .868 to .872 on the 2018 split. 79.2 million
    parameters. A step takes 7.1 s on 2 cores.
    """
    return _nextvlad(NeXtVLAD(num_clusters=112))


@recipe
def mix_nextvlad() -> RunConfig:
    """Three NeXtVLADs that learn from their mixture while it learns: on-the-fly distillation at temperature 3.

    `yt8m train mix_nextvlad --data.root DATA --run runs/mix_nextvlad`

    arXiv 1811.05014 and 1806.04606: 112 clusters and a gate of H / 16 units each, trained as `nextvlad`; GAP .8798 on
    the 2018 split. 236.2 million parameters. A step takes 19 s on 2 cores.
    """
    return _nextvlad(MixedNeXtVLAD())
