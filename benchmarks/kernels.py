"""`python -m benchmarks.kernels --records FILES`: which kernel suits real video-level records, by cross-validation.

Each regression is fitted six times, each time without every sixth file, and scored on these: so every video counts once.
There is no seed. Networks on top have one, which is always the same. Results are kept in runs/kernels/, so a benchmark that was
stopped goes on. docs/benchmarks.md has the table.
"""

import functools
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from benchmarks import documents
from benchmarks.kernel_regression import Regression
from benchmarks.sizes import parser_of, runs_of, sized
from benchmarks.splits import NUM_SPLITS, Prediction, scores_and_gains, splits_of
from benchmarks.video_arrays import Videos
from yt8m.layers.kernels import bent_logits
from yt8m.reranking.fitting import NUM_NETWORKS
from yt8m.training.leaving_one_out import learn_networks

CHOSEN = Regression()
AS_STORED = Regression("together", sound=None, scaling="none")
IN_ONE = replace(CHOSEN, kernel="together")
REGRESSIONS: Mapping[str, Regression] = {
    "as stored: linear kernel, ridge 1": replace(AS_STORED, kernel="linear", ridge=1.0),
    "as stored: linear kernel, ridge 5": replace(AS_STORED, kernel="linear", ridge=5.0),
    "as stored: Laplacian kernel, width .7, ridge .1": replace(AS_STORED, kernel="laplacian", bandwidth=0.7, ridge=0.1),
    "as stored: bandwidth .25, ridge .1": replace(AS_STORED, bandwidth=0.25, ridge=0.1),
    "as stored: bandwidth .5, ridge .1": replace(AS_STORED, bandwidth=0.5, ridge=0.1),
    "as stored: bandwidth 1, ridge .1": replace(AS_STORED, ridge=0.1),
    "as stored: bandwidth 1, ridge .03": replace(AS_STORED, ridge=0.03),
    "as stored: bandwidth 2, ridge .01": replace(AS_STORED, bandwidth=2.0, ridge=0.01),
    "as stored: signed square roots, bandwidth 1, ridge .03": replace(AS_STORED, ridge=0.03, roots=True),
    "each feature: sound half as long as rgb": replace(IN_ONE, scaling="none"),
    "each feature: values times their standard deviations": replace(IN_ONE, scaling="deviation"),
    "by shares": IN_ONE,
    "by shares: the root of the share": replace(IN_ONE, power=0.5),
    "by shares: the share to the power 1.5": replace(IN_ONE, power=1.5),
    "by shares: the square of the share": replace(IN_ONE, power=2.0),
    "by shares: sound .35 as long as rgb": replace(IN_ONE, sound=0.35),
    "by shares: sound .7 as long as rgb": replace(IN_ONE, sound=0.7),
    "by shares: bandwidth .7": replace(IN_ONE, bandwidth=0.7),
    "by shares: bandwidth 2": replace(IN_ONE, bandwidth=2.0),
    "by shares: ridge .01": replace(IN_ONE, ridge=0.01),
    "by shares: ridge .05": replace(IN_ONE, ridge=0.05),
    "by shares: kernels of rgb and of sound, added": replace(CHOSEN, kernel="apart"),
    "**by shares: the mean of both kernels (chosen)**": CHOSEN,
}
"""As stored: all values to length 1 together. Each feature: rgb to length 1, and sound to half of it, with bandwidth 1 and ridge
.02. By shares: the same, after values are multiplied by their share of explained variance over their standard deviation."""
WITH_NETWORKS = "**networks on top, as `yt8m fit kernel_ridge` does**"
TRIED = sized(tuple(REGRESSIONS), tuple(REGRESSIONS)[-2:])
SPLITS = sized(NUM_SPLITS, 1)


def of(regression: Regression) -> Prediction:
    """What the regression says."""
    return lambda known, others, seed: _logits(regression, known, others)


@functools.lru_cache(maxsize=1)  # networks need what the chosen one said just before
def _logits(regression: Regression, known: Videos, others: Videos) -> np.ndarray:
    return np.asarray(bent_logits(regression.predict(known, others)))


def with_networks(known: Videos, others: Videos, seed: int) -> np.ndarray:
    """What networks make of what the chosen regression says."""
    reranker = learn_networks(CHOSEN.predict(known, None), known.labels, NUM_NETWORKS)
    return reranker.logits(_logits(CHOSEN, known, others)[:, :, None])


def main() -> None:
    parser = parser_of("benchmarks.kernels", __doc__)
    parser.add_argument("--records", nargs="+", required=True, help="real video-level shards, 36 of them")
    arguments = parser.parse_args()
    splits = splits_of(arguments.records, SPLITS, runs_of("kernels"))
    predictions = {name: of(REGRESSIONS[name]) for name in TRIED} | {WITH_NETWORKS: with_networks}
    for split in splits:  # all on one split, so that its records are read once
        for name, predict in predictions.items():
            split.score(name, predict)
        split.forget()
    *_, chosen, _ = predictions
    bases = [split.score(chosen, predictions[chosen]) for split in splits]
    rows = [
        [name, *scores_and_gains([split.score(name, predict) for split in splits], bases)]
        for name, predict in predictions.items()
    ]
    header = ["kernel ridge regression", "GAP", "beside the chosen one", "MAP", "beside the chosen one"]
    documents.write("kernels", documents.table(header, rows))


if __name__ == "__main__":
    main()
