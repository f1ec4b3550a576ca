"""`yt8m completion`: what shells offer where somebody presses the tab key."""

import contextlib
import io
import re
import shutil
import subprocess
import sys

import pexpect
import pytest

from yt8m.commands import COMMANDS, RECIPE_COMMANDS
from yt8m.commands.completing import completion
from yt8m.recipes import list_recipes

READS_A_LINE = "\x1b[?2004h"
"""What zsh tells the terminal after each prompt."""
NOTHING_TO_START = "/nonexistent"
"""As PATH: completing runs no program, Python least of all."""


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """Writes the script of a shell under a name, in a directory with two files and a directory; returns that directory."""
    directory = tmp_path_factory.mktemp("completion")
    (directory / "submission one.csv").touch()
    (directory / "submission2.csv").touch()
    (directory / "subdirectory").mkdir()

    def write(shell: str, name: str):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            assert completion(shell) == 0
        (directory / name).write_text(printed.getvalue())
        return directory

    return write


@pytest.fixture(scope="module")
def bash(script):
    """What bash offers for each of several command lines, whose last word is to be completed."""
    directory = script("bash", "script.bash")

    def complete(*lines: tuple[str, ...]) -> list[set[str]]:
        asked = "\n".join(
            f"COMP_WORDS=({' '.join(repr(word) for word in line)}) COMP_CWORD={len(line) - 1}\n"
            '_shtab_yt8m; printf "%s\\t" "${COMPREPLY[@]}"; echo'
            for line in lines
        )
        command = ["/bin/bash", "--norc", "--noprofile", "-c", f"source script.bash\n{asked}"]
        ended = subprocess.run(
            command, env={"PATH": NOTHING_TO_START}, cwd=directory, capture_output=True, text=True, check=True
        )
        assert ended.stderr == ""
        return [set(filter(None, offered.split("\t"))) for offered in ended.stdout.splitlines()]

    return complete


OFFERED = {
    "commands": (("yt8m", ""), set(COMMANDS)),
    "some commands": (("yt8m", "tr"), {name for name in COMMANDS if name.startswith("tr")}),
    "switches of yt8m": (("yt8m", "--v"), {"--verbose", "--version"}),
    **{
        f"recipes of {command}": ((*("yt8m", command), "n"), {name for name in list_recipes() if name.startswith("n")})
        for command in RECIPE_COMMANDS
    },
    "a flag": (("yt8m", "train", "sample", "--training.prec"), {"--training.precision"}),
    "a flag of one model alone": (("yt8m", "train", "tcn", "--model.caus"), {"--model.causal"}),
    "its opposite": (("yt8m", "train", "tcn", "--model.no-caus"), {"--model.no-causal"}),
    "choices": (("yt8m", "train", "sample", "--training.precision", ""), {"float32", "mixed_bfloat16"}),
    "choices, one of them none": (("yt8m", "predict", "--task", ""), {"video", "segment"}),
    "choices without a flag": (("yt8m", "completion", ""), {"bash", "zsh", "fish"}),
    "partitions": (("yt8m", "download", "3/"), {"3/frame/validate", "3/frame/test"}),
    "models": (("yt8m", "models", "trans"), {"transformer"}),
    "files": (("yt8m", "validate", "sub"), {"submission one.csv", "submission2.csv", "subdirectory"}),
    "files of a flag": (
        ("yt8m", "predict", "--out", "sub"),
        {"submission one.csv", "submission2.csv", "subdirectory"},
    ),
    "directories": (("yt8m", "evaluate", "--run", "sub"), {"subdirectory"}),
    "the flag after several values": (("yt8m", "predict", "--run", "a", "b", "--ou"), {"--out"}),
    "switches of a command": (("yt8m", "evaluate", "--q"), {"--quiet"}),
}


@pytest.mark.thorough
def test_what_bash_offers(bash):
    lines, expected = zip(*OFFERED.values(), strict=True)
    assert dict(zip(OFFERED, bash(*lines), strict=True)) == dict(zip(OFFERED, expected, strict=True))


def test_bash_offers_the_flags_that_help_shows(bash, yt8m):
    commands = [(name, "tcn") if name in RECIPE_COMMANDS else (name,) for name in COMMANDS]
    for command, offered in zip(commands, bash(*(("yt8m", *command, "-") for command in commands)), strict=True):
        shown = re.findall(r"^│ (--?[\w.-]+)(?:, (--[\w.-]+))?", yt8m(*command, "--help").out, re.MULTILINE)
        assert offered >= {flag for flags in shown for flag in flags if flag}, command
        assert shown


def test_what_zsh_offers(script):
    if not shutil.which("zsh"):
        pytest.skip("no zsh here")
    directory = script("zsh", "_yt8m")
    (directory / ".zshrc").write_text("fpath=($PWD $fpath)\nautoload -U compinit\ncompinit -u -D\n")
    environment = {"PATH": NOTHING_TO_START, "ZDOTDIR": str(directory), "TERM": "dumb"}
    zsh = pexpect.spawn(
        str(shutil.which("zsh")),
        ["-d", "-i"],
        env=environment,
        cwd=str(directory),
        dimensions=(40, 200),
        encoding="utf8",
    )
    try:
        for typed, completed in (
            ("val", "yt8m validate "),
            ("train netvlad_", "yt8m train netvlad_128 "),
            ("train tcn --training.prec", "yt8m train tcn --training.precision "),
            ("train tcn --training.precision mi", "yt8m train tcn --training.precision mixed_bfloat16 "),
            ("validate submission2", "yt8m validate submission2.csv "),
            ("evaluate --run sub", "yt8m evaluate --run subdirectory/"),
            ("models trans", "yt8m models transformer "),
        ):
            zsh.expect_exact(READS_A_LINE)  # else the terminal itself would show the first letters
            zsh.send(f"yt8m {typed}\t")
            zsh.expect_exact(completed, timeout=20)
            zsh.send("\x15\r")  # away with it; Ctrl-C might come while zsh completes still
    finally:
        zsh.close(force=True)


def test_what_fish_offers(script):
    if not (fish := shutil.which("fish")):
        pytest.skip("no fish here")
    directory = script("fish", "yt8m.fish")
    lines = ("yt8m tr", "yt8m train netvlad_", "yt8m train tcn --training.precision m", "yt8m models trans")
    ended = subprocess.run(
        [
            fish,
            "--no-config",
            "-c",
            f"set PATH {NOTHING_TO_START}; source yt8m.fish; " + "; ".join(f"complete -C '{line}'" for line in lines),
        ],
        env={"HOME": str(directory)},
        cwd=directory,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    offered = [line.partition("\t")[0] for line in ended.stdout.splitlines()]
    assert offered == ["train", "netvlad_128", "mixed_bfloat16", "transformer"]


def test_without_shtab_a_line_says_how_to_get_it(yt8m, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    outcome = yt8m("completion", "bash")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("yt8m: shell completion needs shtab, which cannot be loaded (")
    assert outcome.err.endswith("): pip install 'yt8m[completion]'\n")
