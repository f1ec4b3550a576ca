"""`python -m benchmarks.ideas --records FILES`: what ideas from the literature gain on real video-level records.

Each idea is tried on one residual perceptron, as `residual_mlp` has four of. Its gain is the difference to the plain
perceptron with the same seed and the same records. Seed s leaves out every sixth file, from file s on, and is scored
on these. Results are kept in runs/ideas/, so a benchmark that was stopped goes on. docs/benchmarks.md has the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks import documents, second_stage
from benchmarks.kernel_regression import kernel_ridge
from benchmarks.sizes import IS_QUICK, parser_of, runs_of, sized
from benchmarks.splits import Prediction, Split, scores_and_gains, splits_of
from benchmarks.trials import Trial, train
from benchmarks.video_arrays import Videos

RUNS = runs_of("ideas")
SEEDS = sized(3, 1)
PLAIN = second_stage.PERCEPTRON
"""As the recipe `residual_mlp` trains each of its perceptrons, but for the scaling."""


@dataclass(frozen=True)
class Idea:
    """Something to try."""

    name: str
    predict: Prediction
    plain: str = "one perceptron"
    """The name of what it is compared with."""


def one(trial: Trial = PLAIN) -> Prediction:
    """One perceptron."""
    return lambda known, others, seed: train(trial, known, others, seed)


def mean_of(number: int, resampled: bool) -> Prediction:
    """The mean logit of perceptrons with other initial weights each; if resampled, of videos drawn with replacement."""

    def predict(known: Videos, others: Videos, seed: int) -> np.ndarray:
        total = 0.0
        for member in range(number):
            random = np.random.default_rng((seed, member))
            rows = random.integers(0, len(known), len(known)) if resampled else slice(None)
            total = total + train(PLAIN, known[rows], others, seed + 100 * member)
        return np.float32(total / number)

    return predict


def half(known: Videos) -> tuple[Videos, Videos]:
    """Every second video, and the others."""
    return known[0::2], known[1::2]


def from_half(known: Videos, others: Videos, seed: int) -> np.ndarray:
    """From the labels of half of the videos; the rest is not used."""
    return train(replace(PLAIN, epochs=2 * PLAIN.epochs), half(known)[0], others, seed)


def self_training(known: Videos, others: Videos, seed: int) -> np.ndarray:
    """From the labels of half of the videos, and what kernel ridge regression on these says of the other half."""
    labelled, unlabelled = half(known)
    guessed = kernel_ridge(labelled, unlabelled)
    targets = np.concatenate([labelled.targets(slice(None)), guessed])
    both = Videos(np.concatenate([labelled.values, unlabelled.values]), None, targets, known.scale)
    return train(PLAIN, both, others, seed)


def distilled(share: float) -> Prediction:
    """From the labels, and from kernel ridge regression's leave-one-out values with this share."""

    def predict(known: Videos, others: Videos, seed: int) -> np.ndarray:
        return train(PLAIN, known.taught(kernel_ridge(known, None), share), others, seed)

    return predict


def with_(**fields) -> Prediction:
    return one(replace(PLAIN, **fields))


IDEAS = [
    Idea("mixup, alpha .2 (arXiv 1710.09412)", with_(mixup=0.2)),
    Idea("mixup, alpha 1", with_(mixup=1.0)),
    Idea("manifold mixup, alpha 1 (arXiv 1806.05236)", with_(mixup=1.0, manifold=True)),
    Idea("label smoothing .05 (arXiv 1512.00567)", with_(loss={"label_smoothing": 0.05})),
    Idea("focal loss, gamma 1 (arXiv 1708.02002)", with_(loss={"kind": "focal", "focal_gamma": 1.0})),
    Idea(
        "asymmetric loss, gamma 1 of negatives, no margin (arXiv 2009.14119)",
        with_(loss={"kind": "asymmetric", "asymmetric_gamma_negative": 1.0, "asymmetric_margin": 0.0}),
    ),
    Idea("asymmetric loss as published, gamma 4, margin .05", with_(loss={"kind": "asymmetric"})),
    Idea("videos of rare classes drawn more often", with_(balanced=True)),
    Idea("dropout that rises from 0 to .7", with_(dropout=0.0, last_dropout=0.7)),
    Idea("dropout that falls from .7 to .3", with_(dropout=0.7, last_dropout=0.3)),
    Idea("snapshots of three cosine cycles, their mean (arXiv 1704.00109)", with_(cycles=3)),
    Idea("three blocks", with_(num_layers=3)),
    Idea("three blocks, stochastic depth .7 (arXiv 1603.09382)", with_(num_layers=3, survival=0.7)),
    Idea("noise along the principal components, a fifth of their deviation", with_(noise=0.2)),
    Idea("output layer of rank 256", with_(rank=256)),
    Idea("all values to length 1 together (`l2`)", with_(scaling="l2")),
    Idea("root mean square 1 together (`rms`)", with_(scaling="rms")),
    Idea("signed square roots", with_(scaling="root")),
    Idea("values by their share of explained variance", with_(scaling="shares")),
    Idea("distillation from kernel ridge regression, share .3 (arXiv 1503.02531)", distilled(0.3)),
    Idea("distillation from kernel ridge regression, share .7", distilled(0.7)),
    Idea("labels of half of the videos, pseudo-labels of the others", self_training, "labels of half"),
    Idea("calibration of each class (Platt 1999)", second_stage.calibrated),
    Idea("mean logit with kernel ridge regression", second_stage.mean_of_both),
    Idea("stacking of both by logistic regression", second_stage.stacked, "mean logit with kernel ridge regression"),
    Idea("distillation from this ensemble into one perceptron, share .3", second_stage.distilled),
    Idea("three perceptrons", mean_of(3, resampled=False)),
    Idea("three perceptrons, each of a bootstrap sample", mean_of(3, resampled=True), "three perceptrons"),
]
if IS_QUICK:
    IDEAS = [
        each
        for each in IDEAS
        if each.name.startswith(
            (
                "manifold",
                "output layer",
                "labels of half",
                "calib",
                "mean logit",
                "stack",
                "distillation from this",
                "three perc",
            )
        )
    ]
BASES = {"one perceptron": second_stage.perceptron, "labels of half": from_half}


def row_of(idea: Idea, splits: Sequence[Split]) -> list[str]:
    """Scores and gains over all seeds."""
    plain = next((each.predict for each in IDEAS if each.name == idea.plain), BASES.get(idea.plain))
    found = [split.score(idea.name, idea.predict) for split in splits]
    bases = [split.score(idea.plain, plain) for split in splits]
    return [idea.name, idea.plain, *scores_and_gains(found, bases)]


def main() -> None:
    parser = parser_of("benchmarks.ideas", __doc__)
    parser.add_argument("--records", nargs="+", required=True, help="real video-level shards, 36 of them")
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="LETTERS", help="ideas whose name has some of these letters"
    )
    arguments = parser.parse_args()
    splits = splits_of(arguments.records, SEEDS, RUNS)
    ideas = [idea for idea in IDEAS if any(letters in idea.name for letters in arguments.only)]
    for split in splits:  # all ideas on one split, so that its records are read once
        for name, predict in BASES.items():
            split.score(name, predict)
        for idea in ideas:
            split.score(idea.name, idea.predict)
    rows = [row_of(idea, splits) for idea in ideas]
    documents.write(
        "ideas",
        documents.table(["idea", "compared with", "GAP", "gain", "MAP", "gain"], rows),
        keep=arguments.only == [""],
    )


if __name__ == "__main__":
    main()
