"""`notebooks/yt8m.ipynb`: run as it is, in an empty directory."""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from yt8m.submission import validate

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "yt8m.ipynb"
NUM_STEPS, NUM_VIDEOS = 8, 60


@pytest.fixture
def notebook():
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_the_notebook_is_kept_without_outputs(notebook):
    nbformat.validate(notebook)
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code_cells(notebook))
    assert set(notebook.metadata) == {"kernelspec", "language_info"}


@pytest.mark.slow
def test_the_notebook_runs_from_records_to_a_submission(notebook, tmp_path, monkeypatch):
    monkeypatch.setenv("YT8M_NUM_STEPS", str(NUM_STEPS))
    monkeypatch.setenv("YT8M_NUM_SAMPLE_VIDEOS", str(NUM_VIDEOS))
    NotebookClient(notebook, kernel_name="python3", timeout=300, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = {cell.id: cell.outputs for cell in code_cells(notebook)}

    said = "".join(output.text for each in outputs.values() for output in each if output.output_type == "stream")
    assert "Warning" not in said
    assert re.search(r"^rgb +uint8 +\(4, 300, 1024\)$", said, re.MULTILINE)
    assert f"{NUM_STEPS} steps in " in said
    for cell in ("look", "curves"):
        assert any("image/png" in output.get("data", {}) for output in outputs[cell]), cell

    logged = [json.loads(line) for line in (tmp_path / "runs/notebook/metrics.jsonl").read_text().splitlines()]
    validations = [each for each in logged if each["kind"] == "validation"]
    assert [each["step"] for each in validations] == [2, 4, 6, 8]
    shown = outputs["evaluate"][-1].data["text/plain"]
    gap = float(re.search(r"'gap': ([\d.]+)", shown)[1])
    assert gap == pytest.approx(max(each["gap"] for each in validations), abs=1e-6)

    checked = validate(tmp_path / "submission.csv", num_classes=60)
    assert (checked.task, checked.num_rows, checked.errors) == ("video", NUM_VIDEOS // 5, [])
    assert f"valid: {NUM_VIDEOS // 5} rows, {20 * NUM_VIDEOS // 5} predictions" in said
