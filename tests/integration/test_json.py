"""`--json`: every command that has a result prints one JSON object, and nothing else, on stdout."""

import json

import pytest

from yt8m.commands import COMMANDS, RECIPE_COMMANDS

WITHOUT_RESULT = {"completion", "launch"}
"""One prints a script, the other starts commands that have results of their own."""


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - WITHOUT_RESULT))
def test_commands_with_a_result_take_the_flag(command, yt8m):
    words = (command, "moe") if command in RECIPE_COMMANDS else (command,)
    assert "--json" in yt8m(*words, "--help").out


def test_what_makes_and_lists_files(sample, tmp_path, yt8m):
    made = yt8m("synth", tmp_path / "data", "--num-videos", "5", "--num-shards", "1", "--json").json
    assert (made["directory"], made["num_videos"]["train"]) == (str(tmp_path / "data"), 5)
    converted = yt8m(
        "convert", sample / "2" / "frame" / "test", "--to", "video", "--out", tmp_path / "means", "--json"
    ).json
    assert (converted["num_records"], converted["num_files"], converted["directory"]) == (
        13,
        2,
        str(tmp_path / "means"),
    )


def test_a_recipe_is_printed_whole(yt8m):
    values = yt8m("recipes", "moe", "--json").json
    assert (values["recipe"], values["model"]["name"]) == ("moe", "moe")
    text = yt8m("recipes", "moe").out
    assert any(
        line.split() == ["training.batch_size", str(values["training"]["batch_size"])] for line in text.splitlines()
    )
    listed = yt8m("recipes").out.splitlines()
    assert listed[0].split() == ["recipe", "records", "model", "length", "batch"]
    assert any(line.split()[:3] == ["moe", "video", "moe"] for line in listed)
    assert yt8m("recipes", "moo").status == 2


def test_training_prints_how_it_ended(sample, tmp_path, short_flags, yt8m):
    outcome = yt8m("train", "logistic", "--data.root", sample, "--run", tmp_path / "run", *short_flags, "--json")
    assert outcome.status == 0, outcome.err
    result = json.loads(outcome.out)
    assert (result["step"], result["outcome"], result["run"]) == (12, "done", str(tmp_path / "run"))
    assert 0 < result["best_metrics"]["gap"] <= 1
