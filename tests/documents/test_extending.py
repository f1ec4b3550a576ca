"""docs/extending.md, followed to the letter in a copy of the package; and the newcomer's count in docs/design.md."""

import ast
import json
import os
import re
import shutil
import sys
from pathlib import Path
from subprocess import PIPE

import numpy as np
import preloaded
import pytest
from fenced import REPOSITORY, blocks_of

PAGE = REPOSITORY / "docs" / "extending.md"
PLACES = {
    "a metric": ["yt8m/metrics/streaming.py", "yt8m/metrics/registry.py"],
    "a loss": ["yt8m/config/training.py", "yt8m/training/losses.py"],
    "a feature": ["yt8m/data/features.py"],
    "a file system": ["yt8m/data/sources.py"],
}
"""The files that the blocks of each section go into, in their order."""


def sections() -> dict[str, list]:
    """The blocks of each section of the page."""
    found: dict[str, list] = {}
    for block in blocks_of(PAGE):
        heading = re.findall(r"^## (.*)$", block.before, re.MULTILINE)[-1].lower()
        found.setdefault(heading, []).append(block)
    return found


def insert(path: Path, block: str) -> None:
    """Writes a block at the end of a file; or, of a class or a table whose head it repeats, the rest at the end of that."""
    head, is_continued, added = block.partition("    # ... as before\n")
    lines = path.read_text().splitlines(keepends=True)
    if not is_continued:
        path.write_text("".join([*lines, "\n\n", block]))
        return
    (place,) = (number for number, line in enumerate(lines) if line.startswith(head.strip().rstrip(":")))
    (node,) = (node for node in ast.parse("".join(lines)).body if node.lineno == place + 1)
    new = added.splitlines(keepends=True)
    end = node.end_lineno
    if not isinstance(node, ast.ClassDef):  # before the bracket
        new, end = new[:-1], end - 1
    path.write_text("".join([*lines[:end], *new, *lines[end:]]))


@pytest.fixture(scope="module")
def used(tmp_path_factory) -> dict:
    """What came of using all four additions."""
    directory = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "yt8m", directory / "yt8m", ignore=ignored)
    for heading, blocks in sections().items():
        for block, path in zip(blocks, PLACES[heading], strict=True):
            insert(directory / path, block.text.replace("/mnt/lab/", f"{directory}/data/2/video/validate/"))
    environment = os.environ | {"PYTHONPATH": str(directory), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(Path(__file__).with_name("use_additions.py")), str(directory)]
    with preloaded.Popen(command, cwd=directory, env=environment, stdout=PIPE, stderr=PIPE, text=True) as process:
        printed, said = process.communicate()
    assert process.returncode == 0, said[-3000:]
    return json.loads(printed.splitlines()[-1]) | {"directory": directory}


def test_the_page_names_the_places():
    for heading, blocks in sections().items():
        for block, path in zip(blocks, PLACES[heading], strict=True):
            section = " ".join(block.before.rpartition("\n## ")[2].split())
            name = re.match(r"(?:class )?(\w*)", block.text)[1]
            assert section.rpartition("at the end of `")[2].startswith(f"{name}` in `{path}`" if name else f"{path}`")


def test_the_count_of_the_design_is_that_of_the_pages():
    model = [block for block in blocks_of(PAGE.with_name("adding-a-model.md")) if block.language == "python"]
    in_package = [re.findall(r"`((?:yt8m|tests)/[\w/]+\.py)`", block.before)[-1] for block in model]
    # The formula of its size saves `yt8m models` seconds, and the tests ask for it; a model trains without.
    expected = {"a model": sum(path.startswith("yt8m/") and not path.endswith("/sizes.py") for path in in_package)}
    expected |= {heading: len(places) for heading, places in PLACES.items()}
    design = (REPOSITORY / "docs" / "design.md").read_text().partition("## A newcomer's count")[2]
    rows = re.findall(r"^\| (an? [\w ]+) \| (\d+) \|", design, re.MULTILINE)
    assert {addition: int(count) for addition, count in rows} == expected
    assert expected == {"a model": 2, "a metric": 2, "a loss": 2, "a feature": 1, "a file system": 1}


@pytest.mark.slow
def test_a_metric_is_logged_evaluated_and_shown(used):
    """Against a count of the labels among the 20 best of each video, one label at a time."""
    hits = total = 0
    for scores, labels in zip(used["scores"], used["labels"], strict=True):
        best = sorted(range(len(scores)), key=lambda class_id: -scores[class_id])[:20]
        present = [label for label in labels if label >= 0]
        hits, total = hits + sum(label in best for label in present), total + len(present)
    assert 0 < hits < total
    assert used["evaluated"]["recall_at_20"] == pytest.approx(hits / total, abs=1e-12)
    assert list(used["evaluated"])[:6] == ["num_videos", "gap", "map", "hit_at_1", "perr", "recall_at_20"]
    lines = (used["directory"] / "run" / "metrics.jsonl").read_text().splitlines()
    validations = [row for row in map(json.loads, lines) if row["kind"] == "validation"]
    assert len(validations) == 2
    assert all(0 < row["recall_at_20"] < 1 for row in validations)
    best = json.loads((used["directory"] / "run" / "best" / "metrics.json").read_text())["recall_at_20"]
    assert f", PERR {used['evaluated']['perr']:.4f}, recall@20 {best:.4f} on 12 videos" in used["trained"]


@pytest.mark.slow
def test_a_loss_is_minimised(used):
    # Class 1 is a label: (1 - 0.5)^2; the others are not: (1 + 2)^2 and (1 - 0.25)^2.
    assert used["loss"] == pytest.approx(0.25 + 9.0 + 0.5625)
    assert json.loads((used["directory"] / "run" / "config.json").read_text())["loss"]["kind"] == "squared_hinge"
    lines = (used["directory"] / "run" / "metrics.jsonl").read_text().splitlines()
    losses = [row["loss"] for row in map(json.loads, lines) if row["kind"] == "train"]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_a_feature_is_written_read_and_learned_from(used):
    assert used["features"] == {"rgb": 1024, "audio": 128, "depth": 64}
    assert (used["directory"] / "plots" / "features.png").stat().st_size > 10_000
    assert used["inputs"] == {"mean_depth": [None, 64]}
    assert used["stream_inputs"]["depth"] == [None, None, 64]
    np.testing.assert_allclose(np.mean(used["frames"], axis=0), used["means"], atol=1e-5)
    assert np.std(used["frames"]) > 0.1
    assert json.loads((used["directory"] / "run" / "config.json").read_text())["data"]["features"] == ["depth"]


@pytest.mark.slow
def test_paths_of_a_file_system_are_read(used):
    """Videos of the validation split, which `lab://` stands for, all of them."""
    assert json.loads((used["directory"] / "run" / "config.json").read_text())["data"]["validate"] == [
        "lab://validate0000.tfrecord"
    ]
    assert used["evaluated"]["num_videos"] == len(used["labels"]) == 12
    assert np.isfinite(used["scores"]).all()
