"""Windows of videos, and their scores by a run."""

import numpy as np
import pytest
from small_runs import configure

import yt8m as package
from yt8m.labelling.windows import Content, WindowScorer, windows_of


@pytest.mark.parametrize(
    ("length", "window", "stride", "expected"),
    [
        (20, 5, 5, [0, 5, 10, 15]),
        (21, 5, 5, [0, 5, 10, 15, 20]),
        (20, 10, 5, [0, 5, 10]),
        (21, 10, 5, [0, 5, 10, 15]),
        (10, 10, 5, [0]),
        (3, 10, 5, [0]),
        (5, 2, 9, [0]),
        (10, 2, 9, [0, 9]),
        (0, 5, 5, []),
    ],
)
def test_windows_are_those_of_segments(length, window, stride, expected):
    assert windows_of(length, window, stride) == expected


def frames(length: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(length)
    return {name: random.integers(0, 256, (length, size), np.uint8) for name, size in (("rgb", 1024), ("audio", 128))}


def probabilities(model, stored) -> np.ndarray:
    """Of a logistic regression on the means, by hand."""
    means = {
        f"mean_{name}": (rows.astype(np.float64) * 4 / 255 + 4 / 512 - 2).mean(axis=0) for name, rows in stored.items()
    }
    logits = model({name: np.float32(values)[None] for name, values in means.items()})
    return 1 / (1 + np.exp(-np.float64(logits)))[0]


@pytest.mark.thorough
def test_each_video_has_its_own_scores(run):
    """The videos of one call differ in length: longer than the run's frames at most, shorter than a window, one frame."""
    scorer = WindowScorer(run, 5, 5)
    videos = [frames(length) for length in (23, 3, 1, 310)]
    found = scorer.scores([Content(each) for each in videos])
    model = package.load_run(run)
    for stored, scores in zip(videos, found, strict=True):
        length = len(stored["rgb"])
        # Of 310 frames, 300 are taken: the middles of equal parts.
        rows = [int((2 * n + 1) * length / 600) for n in range(300)] if length > 300 else slice(None)
        whole = {name: values[rows] for name, values in stored.items()}
        np.testing.assert_allclose(scores.video, probabilities(model, whole), atol=3e-6)
        assert scores.starts.tolist() == list(range(0, length, 5))
        assert scores.window == min(5, length)
        for start, row in zip(scores.starts, scores.windows, strict=True):
            part = {name: values[start : start + 5] for name, values in stored.items()}
            np.testing.assert_allclose(row, probabilities(model, part), atol=3e-6)


@pytest.mark.thorough
def test_windows_of_five_seconds_are_the_segments_that_prediction_scores(sample, tmp_path):
    """A model of frames, whose scores of segments come from the reader of segments."""
    from yt8m import runs
    from yt8m.data.records import frame_level_record, framed
    from yt8m.runs.records import open_data
    from yt8m.scoring.scorer import Scorer

    run = tmp_path / "run"
    package.train(configure(run, sample, "frame_logistic", data={"features": ("rgb", "audio")}))
    videos = [frames(length) for length in (12, 4)]
    path = tmp_path / "x.tfrecord"
    path.write_bytes(b"".join(framed(frame_level_record(f"v{n}", [1], each)) for n, each in enumerate(videos)))
    config = runs.load_config(run)
    source = open_data(config, str(path), segments=True)
    (segments,) = Scorer(package.load_run(run)).scores(source, config, segments="all")
    found = WindowScorer(run, 5, 5).scores([Content(each) for each in videos])
    assert segments.segment_starts.tolist() == [0, 5, 10, 0]
    np.testing.assert_allclose(np.concatenate([each.windows for each in found]), segments.scores, atol=1e-6)
    (whole,) = Scorer(package.load_run(run)).scores(open_data(config, str(path), segments=False), config)
    np.testing.assert_allclose([each.video for each in found], whole.scores, atol=1e-6)


@pytest.mark.thorough
def test_models_of_segments_with_context_score_segments(sample, tmp_path):
    run, validate = tmp_path / "run", str(sample / "3/frame/validate")
    data = {"features": ("audio",), "segment_context": "video", "train": (validate,)}
    package.train(configure(run, sample, "frame_logistic", data=data))
    scorer = WindowScorer(run, 7, 3)
    videos = [Content(frames(length)) for length in (12, 4)]
    found = scorer.scores(videos)
    assert (scorer.window, scorer.with_context) == (5, True)
    assert [each.starts.tolist() for each in found] == [[0, 5, 10], [0]]
    assert [each.video for each in found] == [None, None]
    np.testing.assert_array_equal(found[0].ranking, found[0].windows.max(axis=0))
    (alone,) = scorer.scores(videos[1:])
    np.testing.assert_allclose(alone.windows, found[1].windows, atol=1e-6)
    assert "has no frames" in scorer.why_not(Content())
    assert "is a video-level record" in scorer.why_not(Content(means={"audio": np.zeros(128, np.float32)}))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (Content(), "has no frames, so .*logistic has nothing to score"),
        (Content({"rgb": np.zeros((3, 1024), np.uint8), "audio": np.zeros((0, 128), np.uint8)}), "no frame that all"),
        (Content({"clip": np.zeros((3, 4), np.uint8)}), "has clip, and .*logistic reads rgb, audio"),
    ],
)
def test_what_cannot_be_scored(content, message, run):
    import re

    assert re.search(message, WindowScorer(run, 5, 5).why_not(content))
