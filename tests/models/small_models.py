"""Every model at small hyper-parameters, and batches to feed it with."""

from dataclasses import dataclass, field

import numpy as np

from yt8m.data.features import KNOWN
from yt8m.models import ARCHITECTURES, hyperparameters_of, list_models
from yt8m.models.sizes import COUNTS, num_parameters

NUM_CLASSES = 5
BOTH = ("rgb", "audio")

SIZES = {
    "num_clusters": 8,
    "hidden_size": 8,
    "num_layers": 2,
    "num_units": 8,
    "num_heads": 2,
    "num_groups": 4,
    "num_branches": 2,
    "expansion": 1,
    "gating_reduction": 2,
}
"""Hyper-parameters that say how large a model is, at their sizes here."""

SMALL = {
    name: {
        hyperparameter: SIZES[hyperparameter] for hyperparameter in hyperparameters_of(name) if hyperparameter in SIZES
    }
    for name in list_models()
}
"""The battery runs with these."""


def without_dropout(name: str) -> dict[str, float]:
    """Hyper-parameters with which a model drops nothing in training, whatever it could drop."""
    return {each: 0.0 for each in hyperparameters_of(name) if each.endswith("dropout")}


@dataclass(frozen=True)
class Variant:
    """A model with hyper-parameters that change its structure."""

    name: str
    hyperparameters: dict = field(default_factory=dict)
    features: tuple[str, ...] = BOTH

    def __str__(self) -> str:
        changes = ",".join(f"{key}={value}" for key, value in self.hyperparameters.items())
        return "-".join(filter(None, [self.name, changes, "" if self.features == BOTH else "+".join(self.features)]))


VARIANTS = [
    *(Variant(name, SMALL[name], features) for name in SMALL for features in (BOTH, ("rgb",), ("audio",))),
    Variant("logistic", {"normalise": "l2", "dropout": 0.5}),
    Variant("logistic", {"normalise": "explained"}),
    Variant("moe", {"normalise": "each"}),
    Variant("moe", {"num_mixtures": 3, "normalise": "l2", "dropout": 0.5, "probability_gating": True}),
    Variant("moe_chain", SMALL["moe_chain"] | {"normalise": "l2", "num_layers": 3, "dropout": 0.5}),
    Variant("moe_chain", SMALL["moe_chain"] | {"normalise": "none", "num_layers": 1, "probability_gating": True}),
    Variant("moe_chain", SMALL["moe_chain"] | {"normalise": "explained"}),
    Variant("residual_mlp", SMALL["residual_mlp"] | {"num_branches": 1, "num_layers": 0, "normalise": "none"}),
    Variant("residual_mlp", SMALL["residual_mlp"] | {"num_branches": 3, "normalise": "l2", "dropout": 0.0}),
    Variant("frame_logistic", {"normalise_frames": True}),
    Variant("dbof", SMALL["dbof"] | {"head": "logistic", "pooling": "mean", "activation": "sigmoid"}),
    Variant("dbof", SMALL["dbof"] | {"context_gating": True, "probability_gating": True, "num_mixtures": 3}),
    Variant("soft_dbow", SMALL["soft_dbow"] | {"head": "logistic", "context_gating": False, "normalise_frames": False}),
    Variant("soft_dbow", SMALL["soft_dbow"] | {"num_clusters": 40, "num_mixtures": 3, "dropout": 0.5}),
    Variant("netvlad", SMALL["netvlad"] | {"head": "logistic", "context_gating": False, "probability_gating": False}),
    Variant("netvlad", SMALL["netvlad"] | {"num_clusters": 5, "num_mixtures": 3, "dropout": 0.5}),
    Variant("netvlad", SMALL["netvlad"] | {"normalise_frames": False}),
    Variant("netrvlad", SMALL["netrvlad"] | {"head": "logistic", "context_gating": False, "normalise_frames": False}),
    Variant("netfv", SMALL["netfv"] | {"head": "logistic", "probability_gating": False, "normalise_frames": False}),
    Variant(
        "nextvlad", SMALL["nextvlad"] | {"num_groups": 8, "expansion": 2, "head": "moe", "probability_gating": True}
    ),
    Variant("nextvlad", SMALL["nextvlad"] | {"num_groups": 1, "context_gating": False, "normalise_frames": False}),
    Variant("mix_nextvlad", SMALL["mix_nextvlad"] | {"num_branches": 3, "head": "moe", "probability_gating": True}),
    Variant("lstm", SMALL["lstm"] | {"bidirectional": True, "head": "logistic", "num_layers": 3}),
    Variant("lstm", SMALL["lstm"] | {"num_layers": 1, "context_gating": True, "normalise_frames": False}),
    Variant("gru", SMALL["gru"] | {"bidirectional": True, "probability_gating": True, "num_mixtures": 3}),
    Variant("attention", SMALL["attention"] | {"num_heads": 3, "context_gating": True, "dropout": 0.5}),
    Variant("attention", SMALL["attention"] | {"num_units": 3, "head": "logistic", "normalise_frames": False}),
    Variant("transformer", SMALL["transformer"] | {"pooling": "first", "num_layers": 3, "head": "logistic"}),
    Variant("transformer", SMALL["transformer"] | {"pooling": "attention", "positions": False, "dropout": 0.0}),
    Variant("transformer", {"num_layers": 1, "hidden_size": 8, "context_gating": True}),
    Variant("tcn", SMALL["tcn"] | {"causal": False, "pooling": "max", "dropout": 0.5}),
    Variant("tcn", SMALL["tcn"] | {"pooling": "last", "kernel_size": 2, "num_layers": 3, "context_gating": True}),
    Variant("tcn", SMALL["tcn"] | {"causal": False, "kernel_size": 4, "normalise_frames": False}),
]


def parameters_of(name: str, num_classes: int, features=BOTH, **hyperparameters) -> int:
    """All weights of a model by the closed formula, which must be there."""
    assert name in COUNTS, "yt8m/models/sizes.py has the formulas"
    return num_parameters(ARCHITECTURES[name](**hyperparameters), num_classes, features)


def is_frame_level(name: str) -> bool:
    return ARCHITECTURES[name].level == "frame"


def frame_level_models() -> list[str]:
    return [name for name in list_models() if is_frame_level(name)]


def make_batch(name: str, num_frames=(6, 3, 1, 0), length=6, features=BOTH, seed=0) -> dict[str, np.ndarray]:
    """Features of random videos as the model `name` takes them; padded frames hold random bytes too."""
    random = np.random.default_rng(seed)
    if not is_frame_level(name):
        size = len(num_frames)
        means = {KNOWN[key].video_name: random.normal(0, 0.5, (size, KNOWN[key].size)) for key in features}
        return {key: mean.astype(np.float32) for key, mean in means.items()}
    shape = (len(num_frames), length)
    streams = {key: random.integers(0, 256, (*shape, KNOWN[key].size), np.uint8) for key in features}
    return streams | {"num_frames": np.array(num_frames, np.int32)}


def make_labels(size: int = 4) -> np.ndarray:
    """One to three labels a video, int32 [size, 3], padded with -1."""
    rows = [[0, 2, -1], [1, -1, -1], [4, 3, 0], [2, 3, -1]]
    return np.array(rows[:size], np.int32)


def randomise(model, seed=0) -> None:
    """Random weights of a size that lets every one of them matter, with positive variances and scales."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        if variable.dtype == "uint32":
            continue  # dropout's counters
        if variable.name in ("moving_variance", "gamma"):
            variable.assign(random.uniform(0.5, 1.5, variable.shape).astype(np.float32))
        else:
            scale = variable.shape[0] ** -0.5 if len(variable.shape) > 1 else 0.1
            variable.assign(random.normal(0.0, scale, variable.shape).astype(np.float32))
