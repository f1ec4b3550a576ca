"""Flags that others know by another name."""

import pytest

from yt8m.commands import COMMANDS, RECIPE_COMMANDS, TAKE_WORDS
from yt8m.commands.arguments import actions_of, deferred, described
from yt8m.recipes.flag_names import _MEANT, meant_by


def flags_of(command: str, recipe: str = "netvlad") -> list[str]:
    """All flags of a command."""
    if command in RECIPE_COMMANDS:
        ((target, options),) = described(lambda: COMMANDS[command]([recipe]))
    else:
        target, options = deferred(COMMANDS[command]), {}
    return [name for action in actions_of(target, options) for name in action.option_strings]


@pytest.fixture(scope="module")
def known() -> dict[str, list[str]]:
    """The flags by command."""
    return {
        command: flags_of(command) for command in COMMANDS if command not in TAKE_WORDS or command in RECIPE_COMMANDS
    }


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        (
            "--lr --LR --training.lr --learning_rate --learning-rate --base_learning_rate --model.learning-rate",
            "learning-rate",
        ),
        ("--steps --num_steps --max-steps --training.steps", "num-steps"),
        ("--batch_size --batch-size --data.batch-size --bs -b", "batch-size"),
        ("--xla --training.jit", "xla"),
        ("--epochs --num_epochs --max-epochs --training.epochs", "num-epochs"),
        ("--patience", "early-stopping"),
    ],
)
def test_names_lead_to_flags_of_training(names, meant, known):
    for command in RECIPE_COMMANDS:
        for name in names.split():
            assert meant_by(name, known[command]) == f"did you mean --training.{meant}?"


def test_gpus_are_not_counted(known):
    for command in ("train", "predict", "evaluate"):
        for name in ("--gpus", "--num_gpu", "--device"):
            assert meant_by(name, known[command]).startswith("did you mean --distribute.strategy (all GPUs are used; ")


@pytest.mark.parametrize(
    ("command", "name", "meant"),
    [
        ("train", "--train_dir", "--run"),
        ("train", "--out", "--run"),
        ("train", "--data_dir", "--data.root"),
        ("train", "--train_data_pattern", "--data.train"),
        ("train", "--eval_data_pattern", "--data.validate"),
        ("train", "--checkpoint", "--training.initial-run"),
        ("train", "--netvlad_cluster_size", "--model.num-clusters"),
        ("train", "--hidden-sise", "--model.hidden-size"),
        ("predict", "--train_dir", "--run"),
        ("predict", "--model", "--run"),
        ("predict", "--output_file", "--out"),
        ("predict", "--input_data_pattern", "--data"),
        ("evaluate", "--eval_data_pattern", "--data"),
        ("score", "--num_labels", "--num-classes"),
        ("ensemble", "--topk", "--top-k"),
        ("convert", "-o", "--out"),
        ("upload", "-m", "--message"),
        ("download", "--num_workers", "--jobs"),
        ("tune", "--n_trials", "--trials"),
        ("tune", "--num_workers", "--jobs"),
    ],
)
def test_names_of_other_programs(command, name, meant, known):
    assert meant_by(name, known[command]) == f"did you mean {meant}?"


def test_what_there_is_no_flag_for_is_said(known):
    assert meant_by("--batch_size", known["predict"]).startswith(
        "the program chooses how many records to read at a time"
    )
    assert meant_by("--resume", known["train"]) == "the same command resumes the run in its directory"
    assert meant_by("--zzz", known["train"]) == ""


def test_every_flag_that_is_named_is_there(known):
    every = {flag for flags in known.values() for flag in flags}
    named = {flag for _, flags, _ in _MEANT for flag in flags.split()}
    assert named <= every | set(flags_of("train", "moe")) | {"--num-workers"}, "the last one is of yt8m launch"
    names = [name for names, flags, _ in _MEANT if flags for name in names.split()]
    assert len(names) == len(set(names)), "a second place would never be looked at"
