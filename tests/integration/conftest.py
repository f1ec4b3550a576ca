"""The commands, called in this process; each returns its exit status, stdout and stderr."""

import json
import shutil
from dataclasses import dataclass

import pytest
from results import check_result

from yt8m.cli import main
from yt8m.training import curves

SHORT = [
    *("--data.num-classes", "12", "--data.max-frames", "150", "--training.batch-size", "16"),
    *("--training.num-steps", "12", "--training.log-every-steps", "2"),
    *("--training.validate-every-steps", "6", "--training.checkpoint-every-steps", "6"),
]
TINY = ["--model.num-clusters", "4", "--model.hidden-size", "16", "--data.num-frames", "8", *SHORT]


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def yt8m(capfd, _signal_handlers):
    """Runs a command: `yt8m("evaluate", "--run", run)`. What it prints with `--json` must have its schema."""

    def run(*arguments) -> Outcome:
        capfd.readouterr()
        # --verbose leaves file descriptor 2, which pytest is reading, alone.
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments), "--verbose"])
        out, err = capfd.readouterr()
        if "--json" in arguments and out.startswith("{"):
            command = next(
                each for each in map(str, arguments) if not each.startswith("-")
            )  # --quiet may come before it
            check_result(command, json.loads(out))
        return Outcome(ended.value.code, out, err)

    return run


@pytest.fixture(scope="session")
def short_flags() -> list[str]:
    """Flags that make `yt8m train RECIPE` a matter of seconds; most of those go to TensorFlow, so the small recipes are best."""
    return list(SHORT)


@pytest.fixture(scope="session")
def tiny_run(sample, made_once, tmp_path_factory):
    """A run directory of a small gated NetVLAD trained on the sample, with its curves."""

    def train(run):
        with pytest.MonkeyPatch.context() as patches:
            patches.setattr(curves, "plot", curves.plot.__wrapped__)
            with pytest.raises(SystemExit) as ended:
                main(["train", "sample", "--data.root", str(sample), "--run", str(run), *TINY, "--verbose"])
        assert ended.value.code == 0

    trained = made_once("tiny", train)
    run = shutil.copytree(trained, tmp_path_factory.mktemp("runs") / "tiny")
    (run / "config.json").write_text((run / "config.json").read_text().replace(str(trained), str(run)))
    return run
