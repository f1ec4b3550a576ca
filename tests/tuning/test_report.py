"""The picture of few and of many trials, and the table on a terminal."""

import dataclasses
import io
import re

import numpy as np
import pytest
import studies
from matplotlib.figure import Figure
from rich.console import Console

from yt8m.commands.trial_table import TuningProgress
from yt8m.tuning import report
from yt8m.tuning.report import _Scale
from yt8m.tuning.space import Dimension
from yt8m.tuning.study import Trial

DIMENSIONS = [
    Dimension("training", "learning_rate", low=1e-4, high=1e-2, log=True),
    Dimension("model", "num_clusters", low=1, high=3, integer=True),
    Dimension("model", "head", choices=("moe", "logistic")),
]


def trial(number, state="complete", scores=None, rate=1e-3):
    values = {"training.learning-rate": rate, "model.num-clusters": 2, "model.head": "logistic"}
    return Trial(
        number,
        state,
        values,
        {5: 0.1 + 0.1 * number} if scores is None else scores,
        "a reason" if state == "failed" else "",
    )


MANY = [
    trial(0),
    trial(1, "pruned"),
    trial(2, rate=5e-3),
    trial(3, "failed", {}),
    trial(4, "running"),
    trial(5, "failed"),
]


def test_values_have_their_places_on_an_axis():
    rate, clusters, head = map(_Scale, DIMENSIONS)
    assert [rate.place(value) for value in (1e-4, 1e-3, 1e-2)] == pytest.approx([0, 0.5, 1])
    assert [clusters.place(value) for value in (1, 2, 3)] == [0, 0.5, 1]
    assert [head.place("moe"), head.place("logistic")] == [0.25, 0.75]
    assert clusters.ticks() == [(0, "1"), (0.5, "2"), (1, "3")]
    assert rate.ticks() == [(0, "0.0001"), (pytest.approx(0.5), "0.001"), (1, "0.01")]
    assert head.ticks() == [(0.25, "moe"), (0.75, "logistic")]
    assert _Scale(Dimension("", "GAP", low=0.5, high=0.5)).place(0.5) == 0.5


@pytest.mark.parametrize(
    ("low", "high", "integer", "values"),
    [
        (1e-4, 3e-2, False, "0.0001 0.001 0.01 0.03"),
        (1e-8, 1e-2, False, "1e-08 1e-07 1e-06 1e-05 0.0001 0.001 0.01"),
        (128, 1024, True, "128 200 500 1024"),
        (1e-3, 3e-3, False, "0.001 0.002 0.003"),
        (0.0012, 0.0013, False, "0.0012 0.0013"),
    ],
)
def test_a_logarithmic_axis_has_round_numbers_between_its_ends(low, high, integer, values):
    scale = _Scale(Dimension("training", "x", low=low, high=high, log=True, integer=integer))
    assert [text for _, text in scale.ticks()] == values.split()


@pytest.mark.parametrize(("trials", "num_lines"), [([trial(0)], 1), (MANY, 3)])
def test_every_trial_with_a_score_that_ended_is_a_line(trials, num_lines, tmp_path, monkeypatch):
    drawn = {}

    def keep(figure, file, **options):
        drawn["axes"] = figure.axes
        file.write(b"drawn")

    monkeypatch.setattr(Figure, "savefig", keep)
    report.plot(
        trials, DIMENSIONS, {"model.head": 0.75, "training.learning-rate": 0.25}, "GAP", tmp_path / "report.png"
    )
    parallel = next(axes for axes in drawn["axes"] if axes.get_title(loc="left").startswith("Every trial is a line"))
    lines = [line for line in parallel.lines if len(line.get_xdata()) == len(DIMENSIONS) + 1]
    assert len(lines) == num_lines + 1  # the best is drawn over itself
    best = max((each for each in trials if each.state == "complete"), key=lambda each: each.score)
    np.testing.assert_allclose(
        lines[-1].get_ydata()[:3], [_Scale(DIMENSIONS[0]).place(best.values["training.learning-rate"]), 0.5, 0.75]
    )


def test_a_picture_without_importances_has_no_empty_box_for_them(tmp_path, monkeypatch):
    report.plot([trial(0)], DIMENSIONS, {}, "GAP", tmp_path / "report.png")
    assert (tmp_path / "report.png").read_bytes().startswith(b"\x89PNG")
    figures = []
    monkeypatch.setattr(report, "save_figure", lambda figure, path: figures.append(figure))
    for importances in ({}, {"model.head": 1.0}):
        report.plot([trial(0)], DIMENSIONS, importances, "GAP", tmp_path / "report.png")
    titles = [[axes.get_title(loc="left") for axes in figure.axes] for figure in figures]
    assert [[title.split()[0] for title in each] for each in titles] == [
        ["Trials", "Every"],
        ["Trials", "Importance", "Every"],
    ]
    figures[0].draw_without_rendering()
    trials = figures[0].axes[0]
    low, high = trials.get_xlim()
    texts = [text.get_text() for text in trials.get_xticklabels() if low <= text.get_position()[0] <= high]
    assert texts == ["0"], "the only trial, and no parts of one"


def drawn(task, trials, width, num_steps=20):
    """The lines of a table on a terminal so wide, and the cells of its rows, the headings first."""
    text = io.StringIO()
    Console(file=text, width=width).print(TuningProgress(task)._table(trials, 9, num_steps, width))
    lines = text.getvalue().splitlines()
    rows = [[cell.strip() for cell in re.split("[│┃]", line)[1:-1]] for line in lines if re.search("[│┃]", line)]
    return lines, rows


def test_the_table_has_what_runs_and_then_the_best():
    lines, rows = drawn(studies.task("study", 9), MANY, 100)
    assert lines[0].strip() == "logistic: 5 of 9 trials ended, 2 failed"
    assert [row[:4] for row in rows] == [
        ["trial", "state", "GAP", "step"],
        ["4", "running", "0.5000", "5/20"],
        ["2", "complete", "0.3000", "5/20"],
        ["0", "complete", "0.1000", "5/20"],
        ["1", "pruned", "0.2000", "5/20"],
    ]


@pytest.mark.parametrize(
    ("width", "headings", "caption"),
    [
        (120, ["trial", "state", "GAP", "step", "learning-rate", "num-clusters", "head"], None),
        (80, ["trial", "state", "GAP", "step", "learning-rate", "num-clusters", "head"], None),
        (78, ["trial", "state", "GAP", "step", "learning-rate", "num-clusters", "head"], None),
        (77, ["trial", "state", "GAP", "step", "learning-rate", "num-clusters"], "1 column left out: too narrow"),
        (50, ["trial", "state", "GAP", "step"], "3 columns left out: too narrow"),
        (40, ["trial", "state", "GAP", "step"], "3 columns left out: too narrow"),
    ],
)
def test_columns_are_left_out_of_a_narrow_table_and_none_is_cut(width, headings, caption):
    """Of 5, 8, 6, 4, 13, 12 and 8 letters, with 2 spaces and a line each, and one line more: 36 for four columns, 52, 67, 78."""
    task = dataclasses.replace(studies.task("study", 9), dimensions=DIMENSIONS)
    lines, (first, *rows) = drawn(task, MANY, width)
    assert first == headings
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    assert (lines[-1].strip() if caption else None) == caption
    assert rows[0] == ["4", "running", "0.5000", "5/20", "0.001", "2", "logistic"][: len(headings)]


def test_the_score_has_its_place_before_the_step():
    """At 40 columns, with the longer metric and many steps."""
    task = dataclasses.replace(studies.task("study", 9), metric="segment_map", dimensions=DIMENSIONS)
    many = [trial(1234, scores={100_000: 0.5})]
    lines, rows = drawn(task, many, 40, num_steps=100_000)
    assert rows == [["trial", "state", "segment MAP"], ["1234", "complete", "0.5000"]]
    assert lines[-1].strip() == "4 columns left out: too narrow"


def test_headings_keep_what_tells_them_apart():
    dimensions = [Dimension("loss", "weight"), Dimension("distill", "weight"), Dimension("model", "hidden_size")]
    task = dataclasses.replace(studies.task("study", 9), dimensions=dimensions)
    _, (headings, *_rows) = drawn(task, MANY, 120)
    assert headings[4:] == ["loss.weight", "distill.weight", "hidden-size"]


def test_beside_a_terminal_a_trial_is_a_line(capsys):
    progress = TuningProgress(studies.task("study", 9))
    for each in (MANY[2], MANY[1], MANY[3]):
        progress.trial_ended(each)
    values = "(training.learning-rate {}, model.num-clusters 2, model.head logistic)"
    assert capsys.readouterr().err.splitlines() == [
        f"trial 2 complete, GAP 0.3000 {values.format('0.005')}",
        f"trial 1 pruned at step 5, GAP 0.2000 {values.format('0.001')}",
        f"trial 3 failed {values.format('0.001')}: a reason",
    ]
