"""Ratings between 0 and 1: there from one half on, wherever they are read."""

import numpy as np
import pytest
import tensorflow as tf

from yt8m.commands.reports import viewed
from yt8m.config import LossConfig
from yt8m.data.checking import check_record
from yt8m.data.failures import record_errors
from yt8m.data.opening import open_source
from yt8m.data.pipeline import make_dataset
from yt8m.data.records import Ratings, frame_level_record, framed
from yt8m.data.schema import is_present
from yt8m.data.tools.splitting import split
from yt8m.data.tools.synthetic import rate_segments
from yt8m.data.tools.synthetic_videos import make_video, make_world
from yt8m.errors import RecordError
from yt8m.metrics import SegmentRatings
from yt8m.scoring.cross_entropy import targets_and_weights, video_losses
from yt8m.scoring.scorer import Scored
from yt8m.training.losses import TrainingLoss
from yt8m.views.report.measuring import RecordObserver
from yt8m.views.video import view_video

SCORES = [0.0, 0.3, 0.5, 1.0]
"""Of the classes 0 to 3, in one segment."""
THERE = [False, False, True, True]
FRAMES = {"audio": np.zeros((10, 128), np.uint8)}


def write(path, *scores_by_class, name="abcd"):
    """A record whose first segment is rated for classes: (class, score)."""
    count = len(scores_by_class)
    labels, scores = zip(*scores_by_class, strict=True)
    rated = Ratings(start_times=[0] * count, end_times=[5] * count, labels=labels, scores=scores)
    path.write_bytes(framed(frame_level_record(name, [0], FRAMES, rated)))
    return str(path)


@pytest.fixture
def record(tmp_path):
    return write(tmp_path / "validate0000.tfrecord", *enumerate(SCORES))


def batch_of(path):
    source = open_source(path, num_classes=4)
    with record_errors(source):
        return next(iter(make_dataset(source, 4)))


def test_the_rule_for_numbers_arrays_and_tensors():
    assert [is_present(score) for score in SCORES] == THERE
    padded = np.array([*SCORES, -1], np.float32)
    np.testing.assert_array_equal(is_present(padded), [*THERE, False])
    np.testing.assert_array_equal(is_present(tf.constant(padded)), [*THERE, False])


def test_losses_and_metrics(record):
    batch = batch_of(record)
    targets, rated = targets_and_weights(batch, 4)
    np.testing.assert_array_equal(targets, [THERE])
    np.testing.assert_array_equal(rated, np.ones((1, 4)))
    logits = np.array([[0.5, -1.0, 2.0, 0.25]], np.float32)
    signs = np.where(THERE, -1, 1)
    expected = np.log1p(np.exp(signs * logits[0].astype(np.float64)))
    np.testing.assert_allclose(video_losses(logits, batch), [expected.sum()], rtol=1e-6)
    weighted = TrainingLoss(LossConfig(positive_weight=3.0, negative_weight=2.0), 4)(logits, batch)
    np.testing.assert_allclose(weighted, [(expected * np.where(THERE, 3, 2)).sum()], rtol=1e-6)
    ratings = SegmentRatings()
    ratings.add_batch(*(batch[key].numpy() for key in ("id", "segment_start", "labels", "label_scores")))
    assert ratings.by_segment() == {("abcd", 0): list(enumerate(THERE))}


def test_report_show_and_split(record, tmp_path):
    batch = {key: value.numpy() for key, value in batch_of(record).items()}
    observer = RecordObserver(4)
    logits = np.zeros((1, 4), np.float32)
    rows = batch["segment_start"], batch["label_scores"]
    observer.update(Scored(batch["id"].tolist(), logits, batch["labels"], np.zeros(1, np.float32), *rows))
    (example,) = observer.examples.values()
    assert (example.present, example.absent) == ((2, 3), (0, 1))

    view = view_video("abcd", record)
    assert [rating.present for rating in view.ratings] == THERE
    assert [line.split()[2] for line in viewed(view).splitlines()[-4:]] == ["absent", "absent", "present", "present"]

    # What is rated alike counts as one class of those that are shared out: here 0 absent and 0 there, three videos each.
    paths = [write(tmp_path / f"{n}.tfrecord", (0, score), name=f"v{n}") for n, score in enumerate([0, 0.3, 0.5, 1])]
    assert split(paths, {"a": 0.5, "b": 0.5}, str(tmp_path / "index.csv"), "index").num_classes == 2
    parts = dict(line.split(",") for line in (tmp_path / "index.csv").read_text().split()[1:])
    assert {parts["v0"], parts["v1"]} == {parts["v2"], parts["v3"]} == {"a", "b"}


@pytest.mark.parametrize(("twice", "alike"), [((0.5, 1.0), True), ((0.0, 0.3), True), ((0.3, 0.5), False)])
def test_ratings_contradict_each_other_where_one_says_there_and_one_absent(tmp_path, twice, alike):
    path = write(tmp_path / "a.tfrecord", *((2, score) for score in twice))
    reason = "rates class 2 in the segment at 0 s both present and absent"
    if alike:
        assert targets_and_weights(batch_of(path), 4)[0].numpy().tolist() == [[0, 0, float(is_present(twice[1])), 0]]
    else:
        with pytest.raises(RecordError, match=reason):
            batch_of(path)
    record = next(iter(tf.data.TFRecordDataset(path))).numpy()
    assert check_record(record) == (None if alike else reason)


def test_the_sample_is_rated_by_the_share_of_frames():
    """A segment shows a class if at least half of its five frames do, so three."""
    random = np.random.default_rng(5)
    world = make_world(12, random)
    counts = {0.0: set(), 1.0: set()}
    for number in range(60):
        video = make_video(f"v{number}", world, random)
        rated = rate_segments(video, world, np.arange(12), random)
        for start, label, score in zip(rated.start_times, rated.labels, rated.scores, strict=True):
            counts[score].add(int((video.activity[start : start + 5] == label).sum()))
    assert counts == {0.0: {0, 1, 2}, 1.0: {3, 4, 5}}
