"""Progress in the kernel of a notebook, with and without ipywidgets."""

import re

import nbformat
import pytest
from nbclient import NotebookClient

SHOW = """
import dataclasses
from yt8m import recipes
from yt8m.commands import watching

config = recipes.make_config("sample")
progress = watching.TrainingProgress()
progress.training_started(dataclasses.replace(config, training=dataclasses.replace(config.training, num_steps=30)), 0)
for step in range(1, 31):
    progress.steps_done(step, 5.0 / step, 350.0)
progress.validated(30, {"gap": 0.5, "map": 0.25, "hit_at_1": 0.75, "loss": 0.125}, True)
progress.close()
progress = watching.WorkProgress()
with progress.working("making videos", "video", total=30):
    for done in range(30):
        progress.advance(1)
"""
WITHOUT_WIDGETS = "import sys\nsys.modules['ipywidgets'] = None  # as if it were not installed"
WITH_WIDGETS = "del sys.modules['ipywidgets']"


@pytest.fixture(scope="module")
def outputs():
    """What two cells put out that show progress, the first without ipywidgets, the second with it; and the widgets' texts."""
    cells = [nbformat.v4.new_code_cell(source) for source in (WITHOUT_WIDGETS, SHOW, WITH_WIDGETS, SHOW)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    assert [cells[0].outputs, cells[2].outputs] == [[], []]
    widgets = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    texts = [str(each["state"].get("value", "")).replace("\u2007", " ") for each in widgets]
    return cells[1].outputs, cells[3].outputs, texts


def test_without_ipywidgets_progress_is_plain_lines(outputs):
    assert {(output.output_type, output.name) for output in outputs[0]} == {("stream", "stderr")}
    lines = "".join(output.text for output in outputs[0]).split("\n")
    said = [re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (.*)", line)[1] for line in lines[:-1]]
    assert said == [
        "step 1/30, loss 5.000, 350 videos/s, 00:05 left",
        "step 30/30, loss 0.167, 350 videos/s, 00:00 left",
        "validation at step 30: GAP 0.5000, MAP 0.2500, Hit@1 0.7500, loss 0.125 (best so far)",
    ]


def test_with_ipywidgets_progress_is_drawn_by_them(outputs):
    bars = [output.data for output in outputs[1] if output.output_type == "display_data"]
    assert bars
    assert all("application/vnd.jupyter.widget-view+json" in bar for bar in bars)
    printed = [output.text for output in outputs[1] if output.output_type == "stream"]
    assert "".join(printed).strip().startswith("validation at step 30: GAP 0.5000")
    assert len(printed) == 1


def test_with_ipywidgets_rates_are_in_words(outputs):
    rates = [text for text in outputs[2] if "/s" in text]
    assert any(re.search(r"[\d?] videos/s\]", text) for text in rates)
    assert not any(re.search(r"[\d?](video|step)", text) for text in rates)
