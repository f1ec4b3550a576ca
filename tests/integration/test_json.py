"""`--json`: every command that has a result prints one JSON object of its schema, and nothing else, on stdout."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from misbehaving_server import PARTITION, make_files, serve
from results import check_result, validator

from yt8m.commands import COMMANDS, RECIPE_COMMANDS
from yt8m.commands.flags import print_json
from yt8m.commands.results import RESULTS, WITHOUT_RESULT, json_schema
from yt8m.video.making import make_videos

DATA = ("--data.root", "DATA", "--data.num-classes", "12", "--training.batch-size", "8", "--training.num-steps", "2")
NETWORK = "def colours(frames):\n    return frames.reshape(len(frames), -1, 3).mean(axis=1) / 255\ncolours.frame_size = (8, 8)\n"


@dataclass
class Row:
    """A command line whose object is checked. DATA and RUN stand for the sample and a run of it."""

    words: str
    needs: tuple[str, ...] = ()
    """Rows that make what it reads."""
    holds: dict[str, Any] = field(default_factory=dict)
    """Some values that it must have."""
    status: int = 0


MANY = " ".join(DATA)
QUICK = {
    "synth": Row("synth synth --num-videos 5 --num-shards 1", holds={"num_classes": 60}),
    "inspect": Row("inspect DATA/2/frame/test", holds={"num_records": 13}),
    "inspect directories": Row("inspect DATA/2/frame"),
    "show": Row("show ID --data DATA/3/frame/validate --out show.png", holds={"level": "segment"}),
    "convert": Row("convert DATA/2/frame/test --to video --out means", holds={"num_records": 13, "num_files": 2}),
    "split": Row("split DATA/2/video/train --parts a=.5,b=.5 --out parts", holds={"out": "parts"}),
    "id": Row("id nothing --cache cache", status=2, holds={"counts": {"invalid": 1}}),
    "search add": Row("search --index index --add DATA/2/frame/validate", holds={"added": 13}),
    "search": Row("search --index index --like ID@5", ("search add",)),
    "search words": Row("search --index index --text class", ("search add",), {"unknown_words": []}),
    "search both": Row("search --index index --remove nobody --text class", ("search add",), status=2),
    "recipes": Row("recipes"),
    "recipes one": Row("recipes moe", holds={"recipe": "moe"}),
    "recipes data": Row("recipes --data DATA"),
    "models": Row("models"),
    "models one": Row("models moe", holds={"num_parameters": 22252844}),
    "fit": Row("fit neighbours --train DATA/2/video/train --num-classes 12 --run fitted", holds={"metrics": None}),
    "predict": Row("predict fitted --data DATA/2/video/validate --out a.csv --store a", ("fit",), {"num_videos": 13}),
    "ensemble": Row("ensemble a.csv b.csv --out c.csv", ("predict",), {"weights": [0.5, 0.5]}),
    "compare": Row("compare a.csv b.csv", ("predict",), {"task": "video"}),
    "validate": Row("validate a.csv", ("predict",), {"errors": []}),
    "score": Row("score a.csv --data DATA/2/video/validate", ("predict",), {"num_videos": 13}),
    "evaluate": Row("evaluate fitted --data DATA/2/video/validate", ("fit",), {"num_videos": 13}),
    "weigh": Row("weigh a b --data DATA/2/video/validate --out weights.json", ("predict",), {"metric": "gap"}),
    "weigh logistic": Row("weigh a b --data DATA/2/video/validate --out l.json --method logistic", ("predict",)),
    "weigh network": Row("weigh a b --data DATA/2/video/validate --out n.json --method network", ("predict",)),
    "calibrate": Row("calibrate --run fitted --data DATA/2/video/validate --out c.json", ("fit",)),
    "export": Row("export --run fitted --format archive --out run.tgz", ("fit",), {"signatures": []}),
    "unpack": Row("unpack run.tgz --out unpacked", ("export",), {"run": "unpacked"}),
    "runs": Row("runs .", ("fit",)),
    "note": Row("note fitted good", ("fit",), {"note": "good"}),
    "clean": Row("clean fitted --dry-run", ("fit",), {"dry_run": True}),
    "clips": Row("clips DATA/2/frame/test --out clips", holds={"num_videos": 13}),
    "label": Row("label DATA/2/frame/test --run RUN", holds={"window": 5}),
    "average": Row("average RUN --out averaged --last 2 --statistics-batches 0", holds={"num_statistics": 0}),
}
SLOW = {
    "train": Row(f"train logistic {MANY} --run trained", holds={"step": 2, "outcome": "done"}),
    "train folds": Row(f"train logistic {MANY} --run folds --folds 2", holds={"num_folds": 2}),
    "submit": Row(f"submit logistic {MANY} --run submitted"),
    "pretrain": Row(f"pretrain lstm {MANY} --run pretrained --model.num-units 4 --data.num-frames 8"),
    "report": Row("report RUN --out report.html", holds={"path": "report.html"}),
    "extract": Row("extract videos --network own_network:colours --out mine", holds={"num_extracted": 2}),
    "extract pca": Row("extract videos --network own_network:colours --fit-pca pca.npz --pca-values 1"),
    "browse": Row("browse mine --out browse.html", ("extract",), {"num_videos": 2}),
    "synth videos": Row("synth made --as videos --num-videos 1 --seconds 1", holds={"num_videos": 1}),
    "weigh run": Row(
        "weigh a b --data DATA/2/video/validate --run joined --runs fitted fitted2", ("predict",), {"run": "joined"}
    ),
}
ELSEWHERE = {
    "check": "test_any_features.py",
    "data-service": "running_service.py",
    "profile": "test_profile_command.py",
    "tune": "test_tune_command.py",
    "upload": "test_upload_command.py",
}
"""They take long, or need servers. Files of tests that run them with `--json`, by the fixture `yt8m`, which checks the object."""
ROWS = QUICK | SLOW


class Place:
    """A directory to run rows in, each once."""

    def __init__(self, directory, names):
        self.directory, self.names, self.printed = directory, names, {}

    def result_of(self, name, yt8m):
        row = ROWS[name]
        for needed in row.needs:
            self.result_of(needed, yt8m)
        if name not in self.printed:
            words = row.words.split()
            for short, long in self.names.items():
                words = [word.replace(short, long) for word in words]
            outcome = yt8m(*words, "--json")
            assert outcome.status == row.status, outcome.err
            assert outcome.out.count("\n") == 1
            self.printed[name] = outcome.json
            if name == "predict":
                shutil.copy("a.csv", "b.csv")
                shutil.copytree("a", "b")
                shutil.copytree("fitted", "fitted2")
        return self.printed[name]


@pytest.fixture(scope="module")
def place(sample, tiny_run, tmp_path_factory):
    directory = tmp_path_factory.mktemp("printed")
    (directory / "own_network.py").write_text(NETWORK)
    make_videos(directory / "videos", 2, seconds=1)
    from yt8m.data.identity import read_ids
    from yt8m.data.sources import expand_paths

    name = read_ids(expand_paths([str(sample / "3/frame/validate")]))[0].decode()
    return Place(directory, {"DATA": str(sample), "RUN": str(tiny_run), "ID": name})


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)])
def test_what_a_command_prints_has_its_schema(name, place, yt8m, monkeypatch):
    monkeypatch.chdir(place.directory)
    printed = place.result_of(name, yt8m)
    check_result(ROWS[name].words.split()[0], printed)
    assert ROWS[name].holds.items() <= printed.items()


def test_every_command_has_a_schema_and_a_row():
    assert set(COMMANDS) == {*RESULTS, *WITHOUT_RESULT}
    assert not set(RESULTS) & set(WITHOUT_RESULT)
    assert set(RESULTS) == {*(row.words.split()[0] for row in ROWS.values()), "download", *ELSEWHERE}
    for command, file in ELSEWHERE.items():
        text = (Path(__file__).parent / file).read_text()
        assert f'"{command}"' in text
        assert '"--json"' in text


@pytest.mark.parametrize("command", sorted(RESULTS))
def test_commands_with_a_result_take_the_flag(command, yt8m):
    words = (command, "moe") if command in RECIPE_COMMANDS else (command,)
    assert "--json" in yt8m(*words, "--help").out


@pytest.mark.parametrize(
    ("words", "keys"),
    [(["--dry-run"], {"files", "num_partial_bytes"}), ([], {"fetched"})],
)
def test_what_is_downloaded(words, keys, yt8m, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with serve(make_files()) as server:
        outcome = yt8m("download", PARTITION, "--out", tmp_path, "--base-url", server.url, *words, "--json")
    assert outcome.status == 0, outcome.err
    assert keys <= set(outcome.json)


def test_the_schema_of_all_commands_is_one_document():
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    assert {f"yt8m {command}" for command in RESULTS} <= set(schema["$defs"])
    objects = {name: each for name, each in schema["$defs"].items() if not name.startswith("yt8m ")}
    assert [name for name, each in objects.items() if not each["description"]] == []


@pytest.mark.parametrize(
    ("printed", "mistake"),
    [
        ({"run": "a"}, "'note' is a required property"),
        ({"run": "a", "note": 1}, "1 is not of type 'string'"),
        ({"run": "a", "note": "b", "more": 1}, "'more' was unexpected"),
    ],
)
def test_other_objects_have_not_the_schema(printed, mistake):
    assert mistake in "; ".join(error.message for error in validator("note").iter_errors(printed))


def test_what_is_no_number_is_null(capsys):
    print_json({"a": float("nan"), "b": [1.5, float("inf")], "c": {"d": (float("-inf"), 2)}})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.5, None], "c": {"d": [None, 2]}}


def test_a_recipe_is_printed_whole(yt8m):
    values = yt8m("recipes", "moe", "--json").json
    assert (values["recipe"], values["model"]["name"]) == ("moe", "moe")
    text = yt8m("recipes", "moe").out
    assert any(
        line.split() == ["training.batch_size", str(values["training"]["batch_size"])] for line in text.splitlines()
    )
    listed = yt8m("recipes").out.splitlines()
    assert listed[0].split() == ["recipe", "level", "parameters", "steps", "batch", "memory", "time"]
    (moe,) = [line.split()[:7] for line in listed if line.startswith("moe ")]
    assert moe == ["moe", "video", "22.3", "M", "75,956", "256", "1.4"]
    assert yt8m("recipes", "moo").status == 2


def test_recipes_are_told_for_the_data_at_hand(yt8m, sample):
    outcome = yt8m("recipes", "moe", "--data", sample)
    moe = outcome.out.splitlines()[1]
    assert moe.split()[:6] == ["moe", "video", "0.1", "M", "34", "256"]
    assert f"{sample}: 64 to train on at video level" in outcome.err
    assert yt8m("recipes", "--data", sample / "nothing").status == 2
