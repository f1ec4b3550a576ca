"""The registry is the one list of metrics: documentation, accumulators and the rest of the package agree with it."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from yt8m.metrics import SegmentMetrics, SegmentRankingMetrics, SegmentRatings, VideoMetrics, registry

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTED = {
    # By the heading of the section in docs/metrics.md that has the table.
    "Videos": ["gap", "map", "hit_at_1", "perr", "num_videos"],
    "Segments": ["segment_map", "segment_map_submitted", "num_segments", "num_videos"],
    "Frames": [
        *("explained_variance", "forecast_error", "last_frame_error", "mean_error"),
        *("num_frames", "num_videos"),
    ],
    "Both": ["loss"],
}


def keys_of(task) -> list[str]:
    return [metric.key for metric in registry.of_task(task)]


def documented_keys() -> dict[str, list[str]]:
    """The keys in the first column of the table of each section."""
    page = (REPOSITORY / "docs" / "metrics.md").read_text()
    found = {}
    for section in re.split(r"^## ", page, flags=re.MULTILINE)[1:]:
        heading, _, text = section.partition("\n")
        cells = re.findall(r"^\|([^|]+)\|[^|]+\|$", text, flags=re.MULTILINE)
        if keys := [key for cell in cells for key in re.findall(r"`(\w+)`", cell)]:
            found[heading] = keys
    return found


def test_the_tables_of_the_page_have_the_keys_of_the_registry():
    assert documented_keys() == DOCUMENTED
    counts = {task: registry.COUNTS[task].key for task in ("video", "segment", "frame")}
    assert DOCUMENTED["Videos"] == [*keys_of("video"), counts["video"]]
    assert DOCUMENTED["Segments"] == [*keys_of("segment"), counts["segment"], counts["video"]]
    assert DOCUMENTED["Frames"] == [*keys_of("frame"), counts["frame"], counts["video"]]
    assert DOCUMENTED["Both"] == keys_of(None)


def test_accumulators_give_the_metrics_of_their_task_in_the_order_of_the_registry():
    videos = VideoMetrics(2)
    videos.update(np.array([[0.9, 0.1]]), np.array([[True, False]]))
    assert [*videos.result()] == [*keys_of("video"), "num_videos"]
    segments = SegmentMetrics(2)
    segments.update(np.array([[0.9, 0.1]]), ["a"], np.array([5]), np.array([[0]]), np.array([[1.0]]))
    assert [*segments.result()] == [*keys_of("segment"), "num_segments"]
    ratings = SegmentRatings()
    ratings.add(("a", 5), 0, positive=True)
    assert [*SegmentRankingMetrics(ratings).result()] == [*keys_of("segment"), "num_segments"]


def test_keys_and_titles_differ_and_a_primary_metric_is_better_the_larger_it_is():
    for names in ([metric.key for metric in registry.METRICS], [metric.title for metric in registry.METRICS]):
        assert len(set(names)) == len(names)
    assert {task: registry.primary(task).key for task in registry.COUNTS} == {
        "video": "gap",
        "segment": "segment_map",
        "frame": "explained_variance",
    }
    assert all(registry.primary(task).larger_is_better for task in registry.COUNTS)


def test_the_best_of_a_loss_is_the_least():
    assert registry.find("loss").best([3.0, 2.0, 4.0]) == 2.0
    assert registry.find("gap").best([0.3, 0.2, 0.4]) == 0.4
    with pytest.raises(KeyError):
        registry.find("accuracy")


def test_values_are_read_by_their_task():
    video = {"gap": 0.5, "map": 0.25, "hit_at_1": 0.75, "perr": 1.0, "loss": 12.34567}
    segment = {"segment_map": 0.125, "segment_map_submitted": 0.5, "loss": 1.0}
    assert registry.task_of(video) == "video"
    assert registry.task_of(segment) == "segment"
    assert registry.task_of({"loss": 1.0}) is None
    assert [registry.score_of(values) for values in (video, segment, {"loss": 1.0})] == [0.5, 0.125, None]
    assert registry.in_words(video, ["always"]) == "GAP 0.5000, MAP 0.2500, Hit@1 0.7500"
    assert registry.in_words(video, ["always", "results"]) == "GAP 0.5000, MAP 0.2500, Hit@1 0.7500, PERR 1.0000"
    assert registry.in_words(segment, ["always", "results"]) == "segment MAP 0.1250"
    assert registry.find("loss").text(video["loss"]) == "12.346"


def test_a_metric_that_an_older_run_did_not_store_is_left_out():
    assert registry.in_words({"gap": 0.5, "hit_at_1": 0.75}, ["always"]) == "GAP 0.5000, Hit@1 0.7500"


def test_titles_load_no_numpy():
    for name in ("__init__", "registry"):
        tree = ast.parse((REPOSITORY / "yt8m" / "metrics" / f"{name}.py").read_text())
        imported = {
            (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name).split(".")[0]
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
        }
        assert imported <= {"importlib", "collections", "dataclasses", "typing"}, name


def test_no_other_module_lists_keys_or_titles():
    """The loss is left out: `loss` names a section of the configuration, too."""
    names = {name for metric in registry.METRICS for name in (metric.key, metric.title, metric.heading)}
    names -= {"loss", "Loss"}
    for path in sorted((REPOSITORY / "yt8m").rglob("*.py")):
        if path.parent.name == "metrics":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and node.value in names:
                raise AssertionError(f"{path.relative_to(REPOSITORY)}, line {node.lineno}: {node.value!r}")
