"""The drawings: what is drawn where, and SVG that leaves colours and fonts to the page."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from yt8m.metrics import PerClass, PrecisionRecall, Reliability
from yt8m.views.report import drawing


@pytest.fixture
def drawn(monkeypatch):
    """The figures, which are not written as files."""
    from matplotlib.figure import Figure

    figures = []

    def keep(draw, title):
        figures.append(Figure())
        draw(figures[-1])
        return title

    monkeypatch.setattr(drawing, "_svg", keep)
    return figures


def points(line):
    return [tuple(map(float, each)) for each in zip(*line.get_data(), strict=True)]


def test_a_number_for_an_axis_is_short():
    values = (0, 0.25, 1, 250, 1000, 2500, 20_000, 1_250_000, 3e9, -1500)
    assert [drawing.short_number(value) for value in values] == (
        ["0", "0.25", "1", "250", "1k", "2.5k", "20k", "1.25M", "3G", "-1.5k"]
    )


def test_means_of_classes_of_like_frequency():
    counts, precisions = np.array([1, 10, 20, 21, 1000]), np.array([0.1, 0.2, 0.4, 0.6, 0.9])
    # Three bins a decade begin at 10, 21.5..., 46.4..., so 10, 20 and 21 are together.
    expected = [(1, 0.1), (4200 ** (1 / 3), 0.4), (1000, 0.9)]
    np.testing.assert_allclose(drawing.mean_by_frequency(counts, precisions), expected, rtol=1e-12)


def test_curves_have_a_line_a_run_and_a_ring_at_the_best_step(drawn):
    drawing.curves([[(10, 3.0), (20, 1.0)], [], [(10, 2.0)]], "loss", [20, 20, None])
    (axes,) = drawn[0].axes
    assert [points(line) for line in axes.lines] == [[(10, 3), (20, 1)], [(20, 1)], [], [], [(10, 2)], []]
    assert axes.get_ylim()[0] == 0
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale()) == ("step", "loss", "linear")


@pytest.mark.parametrize(
    ("values", "best"),
    [
        ([(9000, 2.52), (10_000, 2.5)], 9000),
        ([(9000, 2.51), (10_000, 2.52)], 10_000),
        ([(50, 0.7), (100, 0.8)], 100),
        ([(10, 0.0), (20, 0.0)], 20),
    ],
)
def test_points_and_rings_are_whole(values, best, drawn):
    drawing.curves([values, [(best, values[-1][1])]], "loss", [best, None])
    figure, (axes,) = drawn[0], drawn[0].axes
    figure.set(size_inches=(4.4, 3.3), layout_engine="constrained")
    figure.draw_without_rendering()
    for line in axes.lines:
        radius = (line.get_markersize() + line.get_markeredgewidth()) / 2 * figure.dpi / 72
        for x, y in axes.transData.transform(line.get_xydata()):
            assert x + radius <= axes.bbox.x1
            assert y + radius <= axes.bbox.y1
    assert (axes.get_xlim()[0], axes.get_ylim()[0]) == (0, 0)


def test_runs_that_differ_much_get_a_logarithmic_axis(drawn):
    drawing.curves([[(10, 30.0), (20, 31.0)], [(10, 7000.0)]], "videos a second")
    assert drawn[0].axes[0].get_yscale() == "log"
    low, high = drawn[0].axes[0].get_ylim()
    assert any(low <= tick <= high for tick in drawn[0].axes[0].get_yticks())


def test_precision_and_recall(drawn):
    drawing.precision_recall([PrecisionRecall(np.array([0.9, 0.1]), np.array([1, 0.5]), np.array([0.2, 0.8]))])
    assert points(drawn[0].axes[0].lines[0]) == [(0.2, 1), (0.8, 0.5)]


def test_calibration_leaves_empty_bins_out(drawn):
    nan = float("nan")
    drawing.calibration([Reliability(np.array([4, 0, 9]), np.array([0.1, nan, 0.8]), np.array([0.2, nan, 0.7]))])
    above, below = drawn[0].axes
    assert [points(line) for line in above.lines] == [[(0, 0), (1, 1)], [(0.1, 0.2), (0.8, 0.7)]]
    np.testing.assert_array_equal(below.patches[0].get_data().values, [4, 0.5, 9])


@pytest.mark.parametrize("positives", [[3, 0, 40], [145, 0, 145], [1, 0, 1_000_000]])
def test_precision_against_frequency_has_a_dot_a_class_and_ticks(positives, drawn):
    precisions = np.array([0.25, np.nan, 1.0])
    drawing.precision_against_frequency([PerClass(np.arange(3), precisions, np.array(positives))], "videos")
    (axes,) = drawn[0].axes
    dots = axes.patches[0].get_path().vertices[::2]
    np.testing.assert_array_equal(dots, [(positives[0], 0.25), (positives[2], 1)])
    low, high = axes.get_xlim()
    assert low < min(positives[0], positives[2])
    assert high > max(positives)
    assert any(low <= tick <= high for tick in axes.get_xticks())


def test_what_is_written_is_an_element_without_colours_fonts_or_names_of_its_own():
    svg = drawing.curves([[(10, 3.0), (20, 1.0)]], 'a "loss" <here>', [20])
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == 'a "loss" <here> over the steps of training'
    assert root.get("width") is root.get("height") is None
    assert root.get("viewBox") == "0 0 316.8 237.6"
    assert not re.search(r"#[0-9a-f]{6}|font-family|font:|metadata|<style", svg)
    assert set(re.findall(r"var\(--([a-z0-9-]+)\)", svg)) == {"ink", "line", "series-1"}
    assert drawing.curves([[(10, 3.0), (20, 1.0)]], 'a "loss" <here>', [20]) == svg


def test_four_thousand_classes_take_little_room():
    rng = np.random.default_rng(0)
    classes = PerClass(np.arange(3862), rng.random(3862), rng.integers(1, 10**5, 3862))
    svg = drawing.precision_against_frequency([classes], "videos")
    assert svg.count("M ") > 3862
    assert len(svg) < 200_000
