"""`make leaderboard DATA=DIR RUN=DIR`: from video-level records to an ensemble's CSV, with its cross-validated score.

The training records are divided into folds. Every member is trained once for each fold, without it, and predicts it: so there
are predictions of all videos by models that did not see them. From these the ensemble is learned, with the score to expect on
other videos: a logistic regression, and networks that score a video's best classes once more. Then every member is trained on
all videos, and these runs become the ensemble. What is done already stays: the same command goes on after a stop.
"""

import json
import subprocess
import sys
from pathlib import Path

from benchmarks import processes
from benchmarks.sizes import IS_QUICK, parser_of, sized
from yt8m.errors import InputError
from yt8m.files import read_json, write_json
from yt8m.runs import RunDirectory, load_config

TRAINED, FITTED = ("moe", "residual_mlp"), ("neighbours", "kernel_ridge")
STORED = "100"
"""Classes of each video that the ensemble is learned from."""
SMALL = [f"--model.{name}" for name in ("hidden-size=8", "num-branches=1", "num-layers=1")]
SIZES = sized({}, {"moe": ["--training.num-steps=2"], "residual_mlp": ["--training.num-steps=2", *SMALL]})
"""Further flags of the trained members."""


class Leaderboard:
    """Trains members in a directory beside the run to make.

    Args:
        data: the data set, as `--data.root` takes it.
        run: the run directory of the ensemble.
        folds: number of folds, at least 2.
        seed: the seed of all trainings.
    """

    def __init__(self, data: str, run: Path, folds: int, seed: int):
        self._data, self._run, self._folds, self._seed = data, run, folds, seed
        self._place = run.with_name(f"{run.name}-members")

    def _train(self, name: str, fold: int) -> Path:
        """A member without a fold."""
        run = self._place / f"{name}-{fold}"
        if not RunDirectory(run).best_metrics.exists():
            flags = ["--data.root", self._data, f"--data.fold={fold}/{self._folds}", f"--training.seed={self._seed}"]
            if name in FITTED:
                flags = ["--train", *self._paths(), f"--fold={fold}/{self._folds}", *self._classes()]
            self._make(name, run, flags)
        return run

    def _train_on_all(self, name: str) -> Path:
        """A member of all training videos."""
        run = self._place / name
        if not RunDirectory(run).best_weights.exists():
            flags = ["--data.train", *self._paths(), f"--training.seed={self._seed}"]
            if test := self._first().test:
                flags += ["--data.test", *test]
            if name in FITTED:
                flags = ["--train", *self._paths(), *self._classes()]
            self._make(name, run, flags)
        return run

    def _make(self, name: str, run: Path, flags: list[str]) -> None:
        flags = [*flags, *SIZES.get(name, [])]
        print(f"{run}: {'fitting' if name in FITTED else 'training'}", file=sys.stderr, flush=True)
        processes.yt8m("fit" if name in FITTED else "train", name, *flags, "--run", str(run))

    def _first(self):
        return load_config(self._place / f"{TRAINED[0]}-0").data

    def _paths(self) -> list[str]:
        """The training records, which the first training found."""
        return list(self._first().train)

    def _classes(self) -> list[str]:
        return [f"--num-classes={self._first().num_classes}"]

    def _stored(self, name: str) -> Path:
        """Predictions of all training videos, each by the run that did not see it."""
        runs = [str(self._train(name, fold)) for fold in range(self._folds)]
        stored = self._place / f"{name}-predictions"
        processes.yt8m("predict", "--run", *runs, "--store", str(stored), "--store-top-k", STORED)
        return stored

    def _weigh(self, members: list[Path], *flags: str) -> dict:
        paths = map(str, members)
        return json.loads(processes.yt8m("weigh", *paths, "--data", *self._paths(), *flags, "--json"))

    def _refuse_others(self) -> None:
        """Raises InputError if there are members of other flags in the place; notes those of this call."""
        asked = {"data": self._data, "folds": self._folds, "seed": self._seed, "quick": IS_QUICK}
        note = self._place / "asked.json"
        if not note.exists():
            self._place.mkdir(parents=True, exist_ok=True)
            write_json(note, asked)
        there = read_json(note)
        different = [
            f"{name} {there.get(name)}, not {value}" for name, value in asked.items() if there.get(name) != value
        ]
        if different:
            raise InputError(
                f"{self._place}: has members of {' and '.join(different)}; name another RUN=DIR, or delete it"
            )

    def make(self) -> dict:
        """Makes the ensemble. Returns what is to be told of it."""
        if RunDirectory(self._run).config.exists():
            raise InputError(f"{self._run}: holds a run; name a new directory with RUN=DIR")
        self._refuse_others()
        names, stored = [], []
        for name in (*TRAINED, *FITTED):
            try:
                stored.append(self._stored(name))
            except subprocess.CalledProcessError as error:
                if name not in FITTED or error.returncode != 2:
                    raise
                continue  # it has said why: too many records for it
            names.append(name)
        finals = [str(self._train_on_all(name)) for name in names]
        found = self._weigh(stored, "--method", "network", "--run", str(self._run), "--runs", *finals)
        without = [
            self._weigh([each for each in stored if each != left_out], "--out", str(self._place / "without.json"))[
                "score"
            ]
            if len(stored) > 2
            else found["alone"][1 - place]
            for place, left_out in enumerate(stored)
        ]
        return found | {"names": names, "without": without}


def table(found: dict, folds: int) -> str:
    """The members, their weights and gains, in Markdown."""
    rows = ["| member | weight in a mean | alone | gain in the mean |", "|---|---|---|---|"]
    mean = found["learned"]
    columns = zip(found["names"], mean["weights"], found["alone"], found["without"], strict=True)
    for name, weight, alone, without in columns:
        rows.append(f"| `{name}` | {weight:.3f} | {alone:.4f} | {mean['score'] - without:+.4f} |")
    rows.append(f"| mean, equal weights | | {found['equal']:.4f} | |")
    rows.append(f"| mean, learned weights | 1 | {mean['score']:.4f} | |")
    rows.append(f"| logistic regression | | {found['logistic']:.4f} | |")
    rows.append(f"| **ensemble: networks on top of it** | | {found['score']:.4f} | |")
    return "\n".join([f"GAP on videos that neither models nor weights learned from ({folds} folds):", "", *rows])


def main() -> int:
    parser = parser_of("benchmarks.leaderboard", __doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--run", required=True, type=Path)
    parser.add_argument("--out", help="the CSV to write for the test records")
    parser.add_argument("--folds", type=int, choices=range(2, 21), metavar="N", default=sized(3, 2))
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    board = Leaderboard(asked.data, asked.run, asked.folds, asked.seed)
    try:
        found = board.make()
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        return error.returncode  # the command has said why
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 2
    text = table(found, asked.folds)
    (asked.run / "leaderboard.md").write_text(text + "\n")
    print(text)
    if load_config(asked.run).data.test:
        out = asked.out or f"submissions/{asked.run.name}.csv"
        print(processes.yt8m("predict", "--run", str(asked.run), "--out", out), end="")
        print(processes.yt8m("validate", out), end="")
    else:
        print(
            f"no test records in {asked.data}; predict some with yt8m predict --run {asked.run} --data PATH --out FILE.csv"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
