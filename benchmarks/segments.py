"""`make segments`: the segment challenge from beginning to end on the sample data; the table goes into docs/benchmarks.md.

Two models are trained on whole videos, fine-tuned on rated segments in four folds of the videos, weighed by what each fold's
model says of the videos it left out, joined with what the second says of whole videos, and all of that applied to the test
split: a submission. Every step is a command of yt8m, which is shown. What a step added is scored on the validation
videos, none of which a model that is scored has seen; over three seeds. Runs are kept in runs/segments/: what was stopped
goes on.
"""

import json
import shlex
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import documents, processes
from benchmarks.sizes import ROOT, parser_of, runs_of, sized, submission_of
from benchmarks.zoo import SEEDS, flags_of, mean_and_spread

RUNS = runs_of("segments")
SAMPLE = ROOT / "data" / "sample"
SUBMISSION = submission_of("segments")
MODELS = sized(("netvlad", "nextvlad"), ("frame_logistic", "dbof"))
NUM_FOLDS = sized(4, 2)
PRIOR = ["--prior-top-k", "10", "--prior-weight", "0"]
"""A third of the ranked classes; on the real data 20 of 1000. A weight of .05 takes back half of what the limit gains here."""
FINE_TUNING = {
    "training.learning-rate": "5e-4",
    "training.num-steps": sized("100", "2"),
    "training.validate-every-steps": sized("20", "2"),
    "training.checkpoint-every-steps": sized("100", "2"),
}
CONTEXT = ["--data.segment-context=video", "--data.context-num-frames=16"]


class Pipeline:
    """The commands of one seed.

    Args:
        data: the sample's root.
        seed: of training.
    """

    def __init__(self, data: Path, seed: int):
        self.data, self.seed, self.runs = data, seed, RUNS / f"seed-{seed}"
        self.runs.mkdir(parents=True, exist_ok=True)
        self.rated = str(data / "3/frame/validate")

    def yt8m(self, *arguments: str) -> str:
        """What a command prints; it is shown first."""
        print(f"$ yt8m {shlex.join(map(self._shown, arguments))}", file=sys.stderr, flush=True)
        return processes.yt8m(*arguments)

    def _shown(self, argument: str) -> str:
        return argument.replace(f"{ROOT}/", "")

    def videos(self, model: str) -> str:
        """A run on whole videos."""
        run = self.runs / model
        flags = [flag for flag in flags_of(model, self.data, self.seed) if "validate-every" not in flag]
        flags.append("--training.validate-every-steps=0")
        if not (run / "best" / "model.weights.h5").exists():
            self.yt8m("train", model, *flags, "--run", str(run))
        return str(run)

    def folds(self, model: str, name: str, *flags: str) -> list[str]:
        """A run of each fold on rated segments."""
        own = [flag for flag in flags_of(model, self.data, self.seed) if flag.startswith("--model")]
        runs = []
        for fold in range(NUM_FOLDS):
            run = self.runs / f"{name}-{fold}"
            changes = [f"--{key}={value}" for key, value in FINE_TUNING.items()]
            where = ["--data.train", self.rated, "--data.num-classes=60", f"--data.fold={fold}/{NUM_FOLDS}"]
            start = [f"--training.initial-run={self.videos(model)}", f"--training.seed={self.seed}"]
            if not (run / "curves.png").exists():
                self.yt8m(
                    "train", model, *own, "--data.max-frames=150", *where, *start, *changes, *flags, "--run", str(run)
                )
            runs.append(str(run))
        return runs

    def stored(self, name: str, *runs: str) -> str:
        """The predictions of a run, or of those of all folds, for the rated videos."""
        place = self.runs / f"{name}-predictions"
        self.yt8m(
            "predict", "--run", *runs, "--data", self.rated, "--store", str(place)
        )  # which knows whether they are there
        return str(place)

    def score(self, *members: str, flags: Sequence[str] = ()) -> float:
        """Segment MAP of the submission that the mean of some predictions makes."""
        out = str(self.runs / "score.csv")
        self.yt8m("ensemble", *members, "--data", self.rated, "--out", out, *flags)
        return json.loads(self.yt8m("score", out, "--data", self.rated, "--json"))["segment_map"]

    def measure(self) -> dict[str, float]:
        """Segment MAP after each step."""
        first, second = MODELS
        prior = ["--prior", self.videos(first), *PRIOR]
        base = self.stored(first, self.videos(first))
        tuned = {model: self.stored(f"{model}-tuned", *self.folds(model, f"{model}-tuned")) for model in MODELS}
        context = self.stored("context", *self.folds(first, "context", *CONTEXT))
        members = [context, tuned[second]]
        learned = json.loads(self.yt8m("weigh", *members, "--data", self.rated, "--out", self.weights, "--json"))
        found = {
            f"`{first}`, trained on whole videos": self.score(base),
            "... fine-tuned on rated segments": self.score(tuned[first]),
            "... and ranked with the prior": self.score(tuned[first], flags=prior),
            f"`{first}`, fine-tuned with the whole video as context": self.score(context),
            f"`{second}`, fine-tuned": self.score(tuned[second]),
            "mean of these two": self.score(*members),
            "... with weights learned on other videos": learned["score"],
            "... and ranked with the prior of the second": self.score(
                *members, flags=["--weights", self.weights, "--prior", self.videos(second), *PRIOR]
            ),
        }
        assert len(found) == 8, "two steps are of one name"
        return found

    @property
    def weights(self) -> str:
        """The file of learned weights."""
        return str(self.runs / "weights.json")

    def submit(self) -> None:
        """The submission for the test split: each model's folds share its weight."""
        runs, weights = [], []
        names = ("context", f"{MODELS[1]}-tuned")
        for name, weight in zip(names, json.loads(Path(self.weights).read_text())["weights"], strict=True):
            runs += [str(self.runs / f"{name}-{fold}") for fold in range(NUM_FOLDS)]
            weights += [f"{weight / NUM_FOLDS:.4f}"] * NUM_FOLDS
        data = ["--data", str(self.data / "3/frame/test"), "--task", "segment"]
        prior = ["--prior", self.videos(MODELS[1]), *PRIOR]
        self.yt8m("ensemble", *runs, "--weights", *weights, *data, *prior, "--out", str(SUBMISSION))
        print(self.yt8m("validate", str(SUBMISSION), "--segment-classes", str(self.data / "segment_label_ids.csv")))


def main() -> None:
    parser = parser_of("benchmarks.segments", __doc__)
    parser.add_argument("--data", type=Path, default=SAMPLE)
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="how many")
    arguments = parser.parse_args()
    pipelines = [Pipeline(arguments.data, seed) for seed in range(arguments.seeds)]
    found = [pipeline.measure() for pipeline in pipelines]
    pipelines[0].submit()
    base = next(iter(found[0]))
    rows = []
    for step in found[0]:
        gains = [each[step] - each[base] for each in found]
        gain = "" if step == base else f"{statistics.mean(gains):+.4f} ({min(gains):+.4f} to {max(gains):+.4f})"
        rows.append([step, mean_and_spread([each[step] for each in found]), gain])
    text = documents.table(["step", "segment MAP", "against the first"], rows)
    documents.write("make segments", text, keep=arguments.seeds >= len(SEEDS) and arguments.data == SAMPLE)


if __name__ == "__main__":
    main()
