"""What needs no TensorFlow does not load it, and no mistake waits for it: all commands in one process that refuses to load it."""

import json
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from yt8m.commands import COMMANDS, TAKE_WORDS
from yt8m.commands.loading import announced
from yt8m.config import to_dict
from yt8m.data.identity import read_ids
from yt8m.data.sources import expand_paths
from yt8m.progress import Messages
from yt8m.recipes import make_config

VALIDATE = "DATA/2/video/validate"

WORK = [
    "recipes",
    "recipes --data DATA",
    "models",
    "models netvlad",
    "synth made --num-videos 4 --num-classes 3 --num-shards 1",
    "inspect DATA/2/frame/validate",
    "convert DATA/2/frame/validate --to video --out means",
    "convert DATA/2/frame/validate --to npz --out arrays",
    "split DATA/2/frame/train --parts train=.8,validate=.2 --out parts",
    "split DATA/3/frame/validate --parts train=.5,validate=.5 --as index --out parts.csv",
    "validate a.csv --num-classes 12",
    f"score a.csv --data {VALIDATE}",
    "ensemble a.csv b.csv --out mean.csv --store stored",
    f"score stored --data {VALIDATE}",
    f"weigh a.csv b.csv --data {VALIDATE} --out weights.json",
    "search --index index --add DATA/2/frame/validate",
    "completion bash",
]
"""Commands that do their work."""

MISTAKES = {
    "nowhere: no such file or directory": [
        "inspect nowhere",
        "convert nowhere --to video --out new",
        "split nowhere --parts train=.5,validate=.5 --out new",
        "show abcd --data nowhere --out new.png",
        "id --data nowhere",
        "score a.csv --data nowhere",
        "extract nowhere --out new",
        "label nowhere --run run --csv new.csv",
        "clips nowhere --out new",
        "search --index new --add nowhere",
        "train logistic --data.train nowhere --run new",
        "evaluate --run run --data nowhere",
        "predict --run run --data nowhere --out new.csv",
        "calibrate --run run --data nowhere",
        "report run --data nowhere",
        "average run --data nowhere --last 2 --out new",
        "export --run run --format keras --float16 --data nowhere --out new.keras",
        "ensemble run --data nowhere --out new.csv",
        "weigh run a.csv --data nowhere --out new.json",
    ],
    "--calibration nowhere: cannot be read": [
        "evaluate --run run --data DATA/2/video/validate --calibration nowhere",
        "predict --run run --data DATA/2/video/test --calibration nowhere --out new.csv",
    ],
    "nowhere: cannot be read": [
        "evaluate --run run --data DATA/2/video/validate --labels nowhere",
        f"report run --data {VALIDATE} --vocabulary nowhere",
    ],
    "nowhere: no run directory (it has no config.json)": [
        "evaluate --run nowhere",
        "predict --run nowhere --out new.csv",
        "calibrate --run nowhere",
        "report nowhere",
        "average nowhere --out new",
        "export --run nowhere --format keras --out new.keras",
        "show abcd --data DATA/2/frame/validate --out new.png --run nowhere",
        "label DATA/2/frame/validate --run nowhere --csv new.csv",
    ],
    "--training.initial-run nowhere: no run directory (it has no config.json); name another": [
        "train logistic --data.root DATA --run new --training.initial-run nowhere",
    ],
    "nowhere: no such directory; --data.root needs": [
        *(f"{command} logistic --data.root nowhere --run new" for command in ("train", "submit", "check", "profile")),
        "tune logistic --data.root nowhere --run new --space space.json",
    ],
    "nowhere: no such directory; --data needs one with": ["recipes moe --data nowhere"],
    "nowhere: is neither a run nor stored predictions": ["ensemble nowhere a.csv --out new.csv"],
    "nowhere: holds no index": ["search --index nowhere --text words"],
    "no run directory; name one": ["train logistic --data.root DATA"],
    "no training records; name them": ["train logistic --run new"],
    "unknown recipe 'nosuch'": ["train nosuch"],
    "unknown model 'nosuch'": ["models nosuch"],
    "--parts are 0.9 in all": ["split DATA/2/frame/train --parts train=.9 --out new"],
}
"""Mistakes, by the beginning of what is said of them."""

FLAGS = {f"yt8m {name} has no flag --nosuch": f"{name} --nosuch" for name in COMMANDS if name not in TAKE_WORDS}

LOADS = "evaluate --run run --data DATA/2/video/validate"


@pytest.fixture(scope="module")
def outcomes(sample, tmp_path_factory) -> dict[str, tuple]:
    """Of each command line: the status, the last line, and what a terminal gets on standard error."""
    work = tmp_path_factory.mktemp("startup")
    config = make_config("logistic")
    (work / "run" / "best").mkdir(parents=True)
    data = replace(
        config.data, num_classes=12, features=("rgb", "audio"), train=(str(sample / "2" / "video" / "train"),)
    )
    (work / "run" / "config.json").write_text(json.dumps(to_dict(replace(config, data=data))))
    (work / "run" / "best" / "model.weights.h5").touch()  # never read here
    (work / "space.json").write_text('{"training.learning-rate": {"low": 0.001, "high": 0.1, "log": true}}')
    ids = [each.decode() for each in read_ids(expand_paths(str(sample / "2" / "video" / "validate")))]
    for name, shift in (("a", 0), ("b", 1)):
        rows = [f"{each},{(place + shift) % 12} 0.9 {(place + 5) % 12} 0.3" for place, each in enumerate(ids)]
        (work / f"{name}.csv").write_text("\n".join(["VideoId,LabelConfidencePairs", *rows]) + "\n")
    lines = [*WORK, *(line for group in MISTAKES.values() for line in group), *FLAGS.values()]
    lines += [LOADS, f"{LOADS} --json", f"{LOADS} --quiet"]
    words = [shlex.split(line.replace("DATA", str(sample))) for line in lines]
    program = Path(__file__).parent / "without_tensorflow.py"
    done = subprocess.run(
        [sys.executable, str(program)], cwd=work, input=json.dumps(words), capture_output=True, text=True, check=True
    )
    return dict(zip(lines, map(tuple, json.loads(done.stdout)), strict=True))


@pytest.mark.thorough
def test_what_needs_no_tensorflow_works_without_it(outcomes):
    assert {line: outcomes[line][:2] for line in WORK if outcomes[line][0] != 0} == {}
    assert outcomes["models netvlad"][1] == "parameters          321,541,224 for 3862 classes"


@pytest.mark.thorough
def test_mistakes_are_told_before_tensorflow_is_loaded(outcomes):
    told = {line: (beginning, *outcomes[line][:2]) for beginning, lines in MISTAKES.items() for line in lines}
    assert {line: each for line, each in told.items() if each[1] != 2 or not each[2].startswith(each[0])} == {}
    flags = {line: (beginning, *outcomes[line][:2]) for beginning, line in FLAGS.items()}
    assert {line: each for line, each in flags.items() if each[1] != 2 or not each[2].startswith(each[0])} == {}


@pytest.mark.thorough
def test_a_terminal_is_told_that_tensorflow_is_loaded(outcomes):
    assert outcomes[LOADS][0] == "loads"
    assert "loading TensorFlow, which takes some seconds ..." in outcomes[LOADS][2]
    for silent in (f"{LOADS} --json", f"{LOADS} --quiet"):
        assert outcomes[silent][0] == "loads"
        assert "loading" not in outcomes[silent][2]


def test_it_is_told_once_and_only_in_the_block():
    messages, before = Messages(), [*sys.meta_path]
    with announced(messages):
        for name in ("yt8m", "tensorflow", "keras", "tensorflow"):
            assert sys.meta_path[0].find_spec(name) is None
    assert sys.meta_path == before
    assert messages.lines == ["loading TensorFlow, which takes some seconds ..."]
