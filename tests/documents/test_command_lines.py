"""What the documentation, the help and the messages say of commands and flags: all of them are there, and fit."""

import ast
import re
from functools import cache

import pytest
from fenced import BLOCKS, PAGES, REPOSITORY, words_of

from yt8m.commands import COMMANDS, RECIPE_COMMANDS, RUN_FIRST, completing, configuring
from yt8m.commands.arguments import deferred, parse
from yt8m.commands.diagnosing import ProfileFlags
from yt8m.commands.flags import SWITCHES
from yt8m.commands.pretraining import add_flags
from yt8m.commands.running import _with_run
from yt8m.commands.training import TrainFlags
from yt8m.commands.tuning import TuneFlags
from yt8m.data.tools.synthetic import DEFAULT_NUM_VIDEOS
from yt8m.recipes import list_recipes
from yt8m.recipes.flag_names import _MEANT

TEXTS = [*PAGES, REPOSITORY / "CHANGELOG.md", *(REPOSITORY / name / "README.md" for name in ("data", "submissions"))]
# flag_names.py is about flags that are not there; those that it leads to have a test of their own.
SOURCES = sorted(path for path in (REPOSITORY / "yt8m").rglob("*.py") if path.name != "flag_names.py")
ADDED_FLAGS = {"profile": ProfileFlags, "train": TrainFlags, "tune": TuneFlags, "pretrain": add_flags}
ADDED_FLAGS |= dict.fromkeys(("check", "submit"), configuring.JsonFlags)
MOST_STEPS = 1000
"""Of a training on the sample data, or on small data of one's own, that is to end in minutes."""
MOST_RECORDS = 9000
"""Of small data of one's own."""

NOT_OURS = {
    *("--gpus-per-node", "--nodes", "--ntasks-per-node"),  # Slurm's
    *("--parallel", "--parallel-max", "--logdir", "--query-gpu"),  # curl's, TensorBoard's, nvidia-smi's
    *("--headless", "--no-sandbox", "--hide-scrollbars", "--window-size", "--screenshot"),  # Chromium's
    *("--quick", "--records", "--folds", "--levels"),  # of the benchmarks, which are no commands
    *("--runner", "--direct-num-workers", "--direct-running-mode", "--direct-", "--temp-location"),  # Beam's
    *("--job-endpoint", "--flink-job-server-jar", "--spark-job-server-jar"),  # Beam's, too
    *("--ink", "--line", "--series"),  # variables of a style sheet
    *("--model", "--model.name"),  # what users try, and get a line about
    *(f"--{name}" for names, _, _ in _MEANT for name in names.split()),
}
"""What looks like a flag and is none of ours."""


def shell_commands(block) -> list[str]:
    """Commands of ours in a block: those that follow `&&` and `srun` and its flags, too."""
    found = []
    for command in block.commands():
        for part in command.split("&&"):
            if place := re.search(r"(^|\s)(yt8m .*)", part):
                found.append(place[2].strip())
    return found


COMMAND_LINES = [
    pytest.param(command, id=f"{block}-{command[:60]}")
    for block in BLOCKS
    if block.language in ("sh", "yaml")
    and block.page not in ("adding-a-model.md", "researching.md")  # whose model is not there: see its own test
    for command in (shell_commands(block) if block.language == "sh" else re.findall(r"exec (yt8m .*)", block.text))
]


def understand(words: list[str]):
    """What a command makes of its words, without doing it; the configuration, of a command that takes a recipe.

    Raises:
        InputError: they are not understood.
    """
    name, *rest = words
    assert name in COMMANDS, name
    if name == "launch":
        return understand(rest[rest.index("--") + 1 :])
    if name in RECIPE_COMMANDS:
        return configuring.configure(name, rest, ADDED_FLAGS.get(name, lambda config: config))
    if name in RUN_FIRST:
        rest = _with_run(name, rest)
    return parse(deferred(COMMANDS[name]), rest, f"yt8m {name}")


def most_steps(training, num_records: int) -> float:
    """Steps on so many records at most. Epochs of fewer records take fewer steps, however many times these are repeated."""
    return training.num_steps or training.num_epochs * max(num_records, training.few_records) / training.batch_size


@pytest.mark.parametrize("command", COMMAND_LINES)
def test_a_command_of_the_documentation_is_understood(command, capsys):
    words = [word for word in words_of(command)[1:] if word != "..."]
    found = understand(words)
    assert found is not None
    config = getattr(found, "config", found)
    if words[0] in RECIPE_COMMANDS and words[0] not in ("check", "profile") and "data/sample" in command:
        assert most_steps(config.training, DEFAULT_NUM_VIDEOS) <= MOST_STEPS, (
            "it is to end in minutes on the sample data"
        )
    if words[0] in RECIPE_COMMANDS and "data/mine" in command:
        assert most_steps(config.training, MOST_RECORDS) <= MOST_STEPS


def test_commands_are_found():
    assert len(COMMAND_LINES) > 60


@cache
def flags_of() -> dict[str, set[str]]:
    """The flags of each command, those of all recipes together."""
    (commands,) = [action for action in completing._parser()._actions if action.choices]
    return {name: set(parser._option_string_actions) for name, parser in commands.choices.items()}


@cache
def all_flags() -> set[str]:
    no = {
        re.sub(r"^--(?:([a-z]+)\.)?no-", lambda found: f"--no-{found[1]}." if found[1] else "--no-", flag)
        for flag in ours()
    }
    return ours() | no | set(SWITCHES) | {"--help", "--version"}


@cache
def ours() -> set[str]:
    return set().union(*flags_of().values())


def spans_of(text: str) -> list[str]:
    """What stands between single backticks outside of blocks; lines do not matter."""
    outside = re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", outside)]


def wrong_with(command: str) -> str:
    """What is wrong with a command that may lack arguments; nothing, if nothing is."""
    words = command.replace("[", " ").replace("]", " ").split()[1:]
    if not words or words[0] in ("COMMAND", "--help", "--version", "..."):
        return ""
    name, *rest = words
    if name not in COMMANDS:
        return f"{name} is no command"
    if name == "launch":
        return wrong_with(" ".join(["yt8m", *rest[rest.index("--") + 1 :]])) if "--" in rest else ""
    first = rest[0] if rest else "..."
    if name in RECIPE_COMMANDS and re.fullmatch(r"[a-z]\w*", first) and first not in list_recipes():
        return f"{first} is no recipe"
    flags = {word.partition("=")[0] for word in rest if word.startswith("--")} - {"--help", "--"}
    unknown = flags - flags_of()[name] - set(SWITCHES)
    return f"yt8m {name} has no {', '.join(sorted(unknown))}" if unknown else ""


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name if page.parent.name != "data" else "data")
def test_commands_and_flags_within_sentences_are_there(page):
    spans = spans_of(page.read_text())
    wrong = [wrong_with(span) for span in spans if span.startswith("yt8m ")]
    flags = {flag for span in spans for flag in re.findall(r"(?<![\w-])--[a-z][\w.-]*", span)}
    assert not [each for each in wrong if each]
    whole = {flag for flag in flags - all_flags() if not flag.endswith(".")}
    assert not {flag.replace("_", "-") for flag in whole} - NOT_OURS


def test_flags_that_are_meant_by_others_are_there():
    assert {flag for _, flags, _ in _MEANT for flag in flags.split()} <= ours()


def strings_of(source: str) -> list[str]:
    """The strings of a module, what is filled in left as `{}`."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values]
            found.append("".join(parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_flags_that_messages_and_help_name_are_there(path):
    strings = strings_of(path.read_text())
    named = {
        flag
        for text in strings
        for flag in re.findall(r"(?<![\w{}-])--[a-z][a-z-]*(?:\.[a-z][a-z-]*)?(?![\w.{}-])", text)
    }
    whole = {flag for flag in named if not flag.endswith("-")}
    assert not whole - all_flags() - NOT_OURS


EXAMPLES = [
    pytest.param(line, id=f"{name}-{line[:50]}")
    for name, command in COMMANDS.items()
    for line in re.findall(r"^ *(?:Example: )?(yt8m .*)$", command.__doc__ or "", re.MULTILINE)
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_help_is_understood(example, capsys):
    assert understand(words_of(example)[1:]) is not None


@pytest.mark.parametrize("recipe", list_recipes())
def test_the_examples_of_a_recipe_are_understood(recipe, capsys):
    from yt8m.recipes import RECIPES

    commands = re.findall(r"`(yt8m [^`]*)`", " ".join((RECIPES[recipe].__doc__ or "").split()))
    for command in [*commands, configuring.example("train", recipe, "data/sample")]:
        assert_understood(command, recipe)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", list_recipes())
def test_a_recipe_is_understood_by_all_commands(recipe, capsys):
    for name in RECIPE_COMMANDS:
        assert_understood(configuring.example(name, recipe, "data/sample"), recipe)


def assert_understood(command: str, recipe: str) -> None:
    words = words_of(re.sub(r"[][]", " ", command))[1:]
    found = understand(words)
    assert getattr(found, "config", found).recipe == recipe if words[0] in ("train", "check", "submit") else found
