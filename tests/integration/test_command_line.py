"""What a person meets first: help, lists, flags and mistakes in them."""

import inspect
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from yt8m.commands import COMMANDS
from yt8m.commands.records import synth
from yt8m.data.tools.synthetic import DEFAULT_NUM_VIDEOS, synthesise
from yt8m.distribution import launching
from yt8m.recipes import list_recipes

WITHOUT_SLOW_LIBRARIES = """
import sys
from yt8m.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
loaded = {"tensorflow", "keras", "matplotlib", "pandas", "sklearn"} & set(sys.modules)
assert not loaded, loaded
"""


@pytest.mark.thorough
@pytest.mark.parametrize(
    "arguments", [["--help"], ["recipes"], ["train", "netvlad", "--help"], ["predict", "--help"], ["validate", "FILE"]]
)
def test_what_must_answer_at_once_loads_no_library_that_takes_long(arguments, tmp_path):
    file = tmp_path / "submission.csv"
    file.write_text("VideoId,LabelConfidencePairs\nabcd,3 0.5 4 0.25\n")
    arguments = [str(file) if argument == "FILE" else argument for argument in arguments]
    subprocess.run([sys.executable, "-c", WITHOUT_SLOW_LIBRARIES, *arguments], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_help_with_an_example(command, yt8m):
    outcome = yt8m(command, "--help")
    assert outcome.status == 0
    assert f"usage: yt8m {command}" in outcome.out
    assert "Example: yt8m" in outcome.out


@pytest.mark.parametrize("arguments", [[name] for name in sorted(COMMANDS)] + [["train", "netvlad"]])
def test_help_says_what_values_are_and_no_default_that_says_nothing(arguments, yt8m):
    shown = yt8m(*arguments, "--help").out
    for word in ("STR", "None", "(default: )", "(default: '')"):
        assert word not in shown


SAID = {
    "early stopping": (
        ("train", "moe"),
        "Stop after so many validations in a row without a better GAP (segment MAP on rated segments); 0 = never.",
    ),
    "what can be scored": (
        ("score",),
        "The CSV file, or a directory of yt8m predict --store. The header of a CSV determines the task.",
    ),
    "their classes": (
        ("score",),
        "Number of classes in a CSV's vocabulary; 4716 suits every year. Stored predictions have their own.",
    ),
    "a prior's top k": (
        ("ensemble",),
        "Number of likely classes per video, the prior's most probable ones; 20 is usual, 0 = all.",
    ),
}


@pytest.mark.parametrize(("arguments", "text"), SAID.values(), ids=SAID)
def test_what_help_says(arguments, text, yt8m):
    assert text in " ".join(yt8m(*arguments, "--help").out.replace("│", " ").split())


@pytest.mark.parametrize(("recipe", "data"), [([], "data/sample"), (["sample"], "DIR")])
def test_the_example_of_check_names_no_run_directory(recipe, data, yt8m):
    assert f"Example: yt8m check sample --data.root {data}\n" in yt8m("check", *recipe, "--help").out
    assert f"Example: yt8m train sample --data.root {data} --run runs/sample\n" in yt8m("train", *recipe, "--help").out


def test_the_sizes_of_the_sample_are_those_of_the_function():
    functions = [inspect.signature(function).parameters for function in (synth, synthesise)]
    for name in ("num_classes", "num_shards", "seed"):
        assert functions[0][name].default == functions[1][name].default
    assert functions[1]["num_videos"].default == DEFAULT_NUM_VIDEOS  # the default depends on what the command makes


@pytest.mark.parametrize("recipe", list_recipes())
def test_every_recipe_has_help_with_its_own_values(recipe, yt8m):
    outcome = yt8m("train", recipe, "--help")
    assert outcome.status == 0
    for flag in (
        "--data.train",
        "--data.validate",
        "--run",
        "--data.num-classes",
        "--training.num-steps",
        "--model.l2",
    ):
        assert flag in outcome.out
    assert "--recipe" not in outcome.out


def test_the_flags_that_others_rely_on(yt8m):
    shown = yt8m("train", "netvlad", "--help").out
    for flag in (
        *("num-steps", "batch-size", "seed", "learning-rate", "validate-every-steps", "checkpoint-every-steps"),
        *("precision", "xla"),
    ):
        assert f"--training.{flag}" in shown
    for flag in ("num-frames", "deterministic", "on-corrupt"):
        assert f"--data.{flag}" in shown
    for name in (
        "num-clusters",
        "hidden-size",
        "num-mixtures",
        "context-gating",
        "probability-gating",
        "head",
        "dropout",
    ):
        assert f"--model.{name}" in shown


def test_models_lists_all_and_describes_one(yt8m):
    assert set(yt8m("models", "--json").json) >= {"logistic", "moe", "frame_logistic", "dbof", "netvlad"}
    described = yt8m("models", "frame_logistic", "--json").json
    assert described["num_parameters"] == 1152 * 3862 + 3862
    assert described["hyperparameters"] == {"normalise_frames": False, "l2": 1e-8}


def test_json_is_all_there_is_on_stdout(yt8m):
    assert [each["recipe"] for each in json.loads(yt8m("recipes", "--json").out)["recipes"]] == list_recipes()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "unknown command 'trian'; did you mean train?"),
        (["train", "netvald"], "unknown recipe 'netvald'; did you mean netvlad?"),
        (["train", "moe", "--training.num-step", "3"], "did you mean --training.num-steps?"),
        (
            ["train", "moe", "--lr", "1"],
            "train moe has no flag --lr; did you mean --training.learning-rate? (see yt8m train",
        ),
        (
            ["convert", "a", "--output", "x"],
            "yt8m convert has no flag --output; did you mean --out? (see yt8m convert --help)",
        ),
        (["train", "moe", "--training.num-steps", "x", "--lr=1"], "yt8m train moe has no flag --lr; did you mean"),
        (["upload", "a", "-c", "x"], "yt8m upload has no flag -c; did you mean --competition?"),
        (["synth", "--", "-abc", "--lr"], "Unrecognized options: --lr"),
        (
            ["predict", "--train_dir", "x"],
            "yt8m predict has no flag --train_dir; did you mean --run? (see yt8m predict --help)",
        ),
        (
            ["train", "moe", "--training.num-steps", "many"],
            "--training.num-steps is 'many'; it must be a whole number (see",
        ),
        (["train", "moe", "--model.l2", "low"], "--model.l2 is 'low'; it must be a number (see"),
        (["train", "moe", "--training.num-steps", "0"], "--training.num-steps is 0; it must be at least 1"),
        (["train", "moe", "--model.num-clusters", "3"], "--model.num-clusters"),
        (
            ["train", "moe", "--data.on-corrupt", "ignore"],
            "on-corrupt is 'ignore'; it must be one of 'stop', 'skip' (see",
        ),
        (
            ["predict", "--run", "a", "--task", "videos"],
            "--task is 'videos'; it must be one of '",
        ),
        (["average", "a", "--out", "b", "--best", "2.5"], "--best is '2.5'; it must be a whole number (see"),
        (["train", "moe"], "--run"),
        (["train", "moe", "--run", "runs/none"], "--data.train"),
        (["predict", "--run", "runs/none"], "nothing to write; name a submission with --out"),
        (["train", "moe", "--data.deterministic", "False"], "write --data.deterministic or --data.no-deterministic"),
        (["train", "moe", "--model", "netvald"], "unknown model 'netvald'; did you mean netvlad?"),
        (["train", "moe", "--model", "netvlad"], "the recipe chooses the model: yt8m train netvlad"),
        (["train", "--run", "runs/none"], "--run comes before the recipe; write yt8m train RECIPE --run"),
        (["--json", "recipes"], "--json comes before the command; write yt8m COMMAND --json"),
        (["predict"], "--run DIR [DIR ...] is missing (see yt8m predict --help)"),
        (["weigh", "a"], "--data PATH [PATH ...] is missing (see yt8m weigh --help)"),
        (
            ["weigh", "a", "b", "--data", "c", "--run", "new", "--runs", "d", "./d"],
            "--runs: ./d is given twice; name the run of each member, in the same order",
        ),
        (["split", "a"], "--parts NAME=SHARE,... and --out PATH are missing (see yt8m split --help)"),
        (["ensemble", "--out", "x.csv"], "an ensemble has no members"),
        (
            ["train", "moe", "--data.segment-context=non sense"],
            "--data.segment-context is 'non sense'; it must be a whole number or 'video' (see yt8m train moe --help)",
        ),
        (
            ["train", "moe", "--data.fold", "5/5"],
            "--data.fold is '5/5'; write 0/5 for the first of five parts (two at least)",
        ),
        (
            ["train", "moe", "--data.service", "localhost"],
            "--data.service is 'localhost'; write HOST:PORT, as yt8m data-service prints it",
        ),
        (["data-service", "--role", "worker"], "whose workers? Name their dispatcher with --dispatcher HOST:PORT"),
        (
            ["data-service", "--role", "worker", "--dispatcher", "a"],
            "--dispatcher is 'a'; write HOST:PORT, as yt8m data-service prints it",
        ),
        (["data-service", "--dispatcher", "a:1"], "--dispatcher a:1 is for workers alone; add --role worker"),
        (
            ["data-service", "--role", "worker", "--dispatcher", "a:1", "--work-dir", "j"],
            "--work-dir j is for the dispatcher; leave it out with --role worker",
        ),
        (["data-service", "--port", "65535"], "--port 65535: there are no 2 ports above it for the workers"),
        (["data-service", "--port", "65536"], "--port is 65536; it must be from 0 to 65535"),
        (
            ["predict", "--run", "runs/none", "--out", "x.csv", "--top-k", "21"],
            "--top-k is 21; it must be from 1 to 20",
        ),
        (["average", "runs/none", "--out", "x", "--last", "0"], "--last is 0; it must be at least 1"),
        (["validate", "x.csv", "--num-classes", "0"], "--num-classes is 0; it must be at least 1"),
        (["synth"], "DIR is missing (see yt8m synth --help)"),
        (["evaluate", "--run", "runs/none", "--data"], "--data is followed by no path"),
        (["models", "netvald"], "unknown model 'netvald'; did you mean netvlad? Known: "),
        (["evaluate", "--run", "runs/none"], "runs/none: no run directory"),
        (
            ["train", "moe", "--run", "gs://bucket/run", "--data.train", "none.tfrecord"],
            "yt8m: --run gs://bucket/run: a run directory must be on a local disk (on a TPU VM, the host's); copy it to",
        ),
        (["evaluate", "--run", "gs://bucket/run"], "gs://bucket/run: a run directory must be on a local disk"),
        (["predict", "--run", "runs/none", "--out", "gs://bucket/x.csv"], "gs://bucket/x.csv: the file must be on a"),
        (["average", "gs://bucket/a", "b", "--out", "c"], "gs://bucket/a: a run directory must be on a local disk"),
    ],
)
def test_mistakes_are_one_line_and_status_2(arguments, message, yt8m, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = yt8m(*arguments)
    assert outcome.status == 2
    assert outcome.out == ""
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert message in outcome.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("flag", ["--no-data.deterministic", "--data.no-deterministic"])
def test_both_ways_to_turn_a_switch_off(flag, yt8m):
    outcome = yt8m("train", "moe", flag, "--run", "runs/none")
    assert (outcome.status, outcome.err.splitlines()[-1].startswith("yt8m: no training records")) == (2, True)


@pytest.mark.parametrize("switch", ["--verbose", "--quiet"])
@pytest.mark.parametrize("arguments", [["SWITCH", "recipes", "--json"], ["recipes", "SWITCH", "--json"]])
def test_verbose_and_quiet_may_stand_anywhere(arguments, switch, yt8m):
    arguments = [argument.replace("SWITCH", switch) for argument in arguments]
    assert [each["recipe"] for each in yt8m(*arguments).json["recipes"]] == list_recipes()


@pytest.mark.slow
def test_verbose_alone_shows_tensorflow_s_log(sample, tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)

    def log_lines(*words):
        ended = subprocess.run([sys.executable, "-m", "yt8m", *words], capture_output=True, text=True, check=True)
        return [line for line in ended.stderr.splitlines() if re.match(r"\d{4}-\d\d-\d\d .*\.cc:\d+\]", line)]

    # TensorFlow tells of the machine whatever it is used for, and a training has it tell more.
    steps = ["--training.num-steps", "1", "--training.batch-size", "8", "--data.num-classes", "12"]
    training = ["train", "logistic", "--data.root", str(sample), *steps, "--run"]
    assert log_lines("--verbose", *training, str(tmp_path / "verbose"))
    assert not log_lines(*training, str(tmp_path / "run"))


def test_quiet_leaves_out_warnings_and_not_errors(yt8m, tmp_path):
    file = tmp_path / "submission.csv"
    file.write_text("VideoId,LabelConfidencePairs\nabcd,\n")
    loud, quiet = yt8m("validate", file), yt8m("validate", file, "--quiet")
    assert f"{file}: remark: " in loud.err
    assert (quiet.status, quiet.out, quiet.err) == (loud.status, loud.out, "")
    file.write_text("VideoId,LabelConfidencePairs\nabcd,9999 0.5\n")
    loud, quiet = yt8m("validate", file), yt8m("validate", file, "--quiet")
    assert loud.err
    assert (quiet.status, quiet.err) == (loud.status, loud.err) == (2, loud.err)


def test_launch_hands_what_may_stand_anywhere_on_to_the_workers(yt8m, monkeypatch):
    started = []
    monkeypatch.setattr(launching, "launch", lambda words, num_workers, progress: started.append(words) or 0)
    for words in (["launch", "--", "train", "moe"], ["--quiet", "launch", "--", "train", "moe"]):
        assert yt8m(*words).status == 0
    # The fixture adds --verbose.
    assert [set(words[2:]) for words in started] == [{"--verbose"}, {"--quiet", "--verbose"}]
    assert all(words[:2] == ["train", "moe"] for words in started)


RECIPES = [sys.executable, "-m", "yt8m", "recipes"]


@pytest.mark.thorough
def test_output_that_nobody_reads_ends_the_command_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run(RECIPES, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (128 + signal.SIGPIPE, b"")


def test_a_mistake_that_nobody_reads_of_ends_the_command_quietly():
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run([*RECIPES[:-1], "trian"], stdout=subprocess.PIPE, stderr=writer, check=False)
    os.close(writer)
    assert (ended.returncode, ended.stdout) == (2, b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_streams_may_be_closed(closed):
    command = ["sh", "-c", f'"$0" -m yt8m models {closed}', sys.executable]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert bool(ended.stdout) == (">&-" not in closed.split())


@pytest.mark.thorough
def test_a_full_disk_under_the_output_is_one_line():
    with open("/dev/full", "w") as full:
        ended = subprocess.run(RECIPES, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (2, "yt8m: standard output: No space left on device\n")
