"""Models that are not trained by steps: those fitted to all records at once, and ensembles of models.

`yt8m fit` and `yt8m weigh --run` make runs of them. Every command then takes such a run as any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from yt8m.config import Architecture
from yt8m.errors import InputError
from yt8m.models.parts import SCALED
from yt8m.values import Range

FITTED: dict[str, type[Architecture]] = {}
"""Models that `yt8m fit` makes, by name."""

SOUND = frozenset(["audio", "log_mel"])
"""Features of sound."""
WEIGHT_OF_SOUND = 0.5
"""The weight of a feature of sound among others where videos are compared by cosine (`yt8m.searching.vectors`)."""


def _fitted(architecture: type[Architecture]) -> type[Architecture]:
    FITTED[architecture.name] = architecture
    return architecture


def _weights_of(features) -> list[float]:
    return [WEIGHT_OF_SOUND if each.name in SOUND else 1.0 for each in features.features]


@_fitted
@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbours(Architecture):
    """The labels of the nearest training videos, by cosine."""

    name: ClassVar[str] = "neighbours"
    level: ClassVar[str] = "video"

    num_neighbours: int = 20
    """Training videos that count, the nearest ones."""
    sharpness: Annotated[float, Range(least=0)] = 10.0
    """A neighbour counts exp(sharpness * (cosine - 1)); 0 = all count alike."""
    prior_weight: Annotated[float, Range(above=0)] = 0.01
    """How much the shares of the classes among all training videos count beside the neighbours."""
    num_videos: int = 1
    """Training videos; set by fitting."""
    num_labels: int = 1
    """Most labels of a training video; set by fitting."""

    def build(self, features, num_classes):
        from yt8m.layers.neighbours import NearestNeighbours
        from yt8m.layers.preprocessing import FeatureScale

        return NearestNeighbours(
            num_classes,
            self.num_videos,
            self.num_neighbours,
            self.num_labels,
            self.sharpness,
            self.prior_weight,
            name="neighbours",
        )(FeatureScale(_weights_of(features), name=SCALED)(list(features.values())))


@_fitted
@dataclass(frozen=True, kw_only=True, slots=True)
class KernelRidge(Architecture):
    """Ridge regression of the labels with RBF kernels on spheres, of all features and of each, in closed form."""

    name: ClassVar[str] = "kernel_ridge"
    level: ClassVar[str] = "video"
    # Of thousands of terms of both signs, the absolute values have a sum of 1 800 where the probability is their sum.
    rounding: ClassVar[float] = 2e-4

    bandwidth: Annotated[float, Range(least=1e-3)] = 1.0
    """h in the kernels exp((cosine - 1) / h)."""
    ridge: Annotated[float, Range(above=0)] = 0.02
    """The ridge added to the kernel's diagonal."""
    num_networks: Annotated[int, Range(least=0, most=100)] = 0
    """Networks that score the 40 best classes of a video once more; 0 = none. `yt8m fit` fits 3 if 200 videos have labels."""
    num_videos: int = 1
    """Training videos; set by fitting."""

    def build(self, features, num_classes):
        from yt8m.layers.kernels import KernelRegression
        from yt8m.layers.preprocessing import FeatureScale

        squares = [weight**2 for weight in _weights_of(features)]
        shares = [each / sum(squares) for each in squares]
        scaled = FeatureScale([share**0.5 for share in shares], together=False, name=SCALED)
        regression = KernelRegression(
            num_classes,
            self.num_videos,
            self.bandwidth,
            sizes=[vector.shape[-1] for vector in features.values()],
            shares=shares,
            name="regression",
        )
        logits = regression(scaled(list(features.values())))
        return _reranked(num_classes, [1.0], 0.0, self.num_networks)([logits]) if self.num_networks else logits


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsembleOfModels(Architecture):
    """Several models, combined with weights."""

    name: ClassVar[str] = "ensemble"

    members: tuple[Architecture, ...]
    """The models, all of one level."""
    weights: tuple[float, ...]
    """The weight of each."""
    combined: Literal["arithmetic", "geometric", "logistic", "network"] = "geometric"
    """The mean of probabilities or of their logarithms; a weighted sum of logits; or that and a network for the best classes."""
    intercept: float = 0.0
    """The intercept of `logistic` and `network`."""
    num_networks: int = 3
    """Networks of `network`, whose mean logit counts."""

    def __post_init__(self):
        super(EnsembleOfModels, self).__post_init__()
        if not self.members or len(self.members) != len(self.weights):
            raise InputError(
                f"model.weights: {len(self.weights)} given for {len(self.members)} members; give one a member"
            )
        if len({member.level for member in self.members}) > 1:
            raise InputError(
                "model.members: some are of frames and some of means; an ensemble needs models of one level"
            )

    @property
    def level(self) -> Literal["frame", "video"]:
        """The level of its members."""
        return self.members[0].level

    @property
    def rounding(self) -> float:
        """The largest of its members'."""
        return max(member.rounding for member in self.members)

    def check_features(self, features: Sequence) -> None:
        for member in self.members:
            member.check_features(features)

    def build(self, features, num_classes):
        from yt8m.layers.combining import CombinedLogits
        from yt8m.models.registry import build_member

        names = [member_name(place) for place in range(len(self.members))]
        logits = [
            build_member(member, num_classes, features.features, name)(dict(features))
            for member, name in zip(self.members, names, strict=True)
        ]
        if self.combined == "network":
            return _reranked(num_classes, self.weights, self.intercept, self.num_networks)(logits)
        return CombinedLogits(self.combined, self.weights, self.intercept, name="combined")(logits)


RERANKED = "reranked"
"""The name of the layer with networks that score the best classes once more."""


def _reranked(num_classes: int, weights: Sequence[float], intercept: float, num_networks: int):
    """The layer, as `yt8m.reranking.fit_reranker` fills it."""
    from yt8m.layers.reranking import RerankedLogits
    from yt8m.reranking.fitting import HIDDEN_SIZES, NUM_CANDIDATES

    return RerankedLogits(num_classes, weights, intercept, NUM_CANDIDATES, num_networks, HIDDEN_SIZES, name=RERANKED)


def member_name(place: int) -> str:
    """The name of a member's part of an ensemble's model, by its place from 0."""
    return f"member_{place + 1}"


ASSEMBLED: dict[str, type[Architecture]] = {**FITTED, EnsembleOfModels.name: EnsembleOfModels}
"""All models that no recipe trains, by name."""
