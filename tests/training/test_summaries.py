"""What TensorBoard shows of a run, read back with its own loader."""

import json
import re
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from small_runs import configure
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.pr_curve import metadata as pr_curve_metadata
from tensorboard.util.tensor_util import make_ndarray

import yt8m
from yt8m import runs
from yt8m.metrics import SegmentMetrics, VideoMetrics
from yt8m.scoring.evaluation import Measured, multi_hot
from yt8m.training import summaries
from yt8m.training.loop import train

FLAT = {"model.name": "logistic", "training.batch_size": 8, "training.num_steps": 4, "data.features": "audio"}


def loaded(directory) -> EventAccumulator:
    events = EventAccumulator(str(directory))
    events.Reload()
    return events


def hyperparameters_in(events):
    """Those of the session, and the name of its group."""
    content = events.SummaryMetadata(hparams_metadata.SESSION_START_INFO_TAG).plugin_data.content
    info = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    values = {key: getattr(value, value.WhichOneof("kind")) for key, value in info.hparams.items()}
    return values, info.group_name


@pytest.fixture(scope="module")
def trained(sample, tmp_path_factory):
    """A run that was validated twice."""
    run = tmp_path_factory.mktemp("runs") / "run"
    train(configure(run, sample, validate=True, num_steps=4, validate_every_steps=2))
    return run


def test_the_configuration_is_there_as_hyperparameters(trained):
    values, group = hyperparameters_in(loaded(trained / "tensorboard"))
    assert group == str(trained)
    config = json.loads((trained / "config.json").read_text())
    for section in ("model", "training", "loss", "distill", "distribute"):
        for key, value in config[section].items():
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            assert values.get(f"{section}.{key}") == shown, key
    assert {key: values[key] for key in FLAT} == FLAT
    assert not {"run", "data.root", "data.train", "data.validate", "data.test"} & set(values)


def test_the_scalars_are_those_of_the_metrics(trained):
    events = loaded(trained / "tensorboard")
    rows = [row for row in runs.read_metrics(runs.RunDirectory(trained)) if row["kind"] == "validation"]
    shown = [(each.step, float(make_ndarray(each.tensor_proto))) for each in events.Tensors("validation/gap")]
    assert shown == [(row["step"], pytest.approx(row["gap"], abs=1e-7)) for row in rows]


@pytest.fixture
def tensorboard(trained):
    """Asks `make tensorboard` for what its page shows."""
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(trained.parent), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = next(found[0] for line in process.stderr if (found := re.search(r"http://\S+/", line)))

            def ask(path, **body):
                content = json.dumps(body).encode() if body else None
                request = urllib.request.Request(f"{url}data/{path}", content, {"Content-Type": "application/json"})
                with urllib.request.urlopen(request, timeout=60) as answer:
                    return json.load(answer)

            yield ask
        finally:
            process.kill()


@pytest.mark.slow
def test_tensorboard_itself_shows_all_of_it(tensorboard, trained):
    deadline = time.monotonic() + 60
    while not tensorboard("runs") and time.monotonic() < deadline:  # it loads in the background
        time.sleep(0.2)
    asked = {"allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_RUNNING"], "sliceSize": 10}
    (group,) = tensorboard("plugin/hparams/session_groups", **asked, colParams=[])["sessionGroups"]
    assert {key: group["hparams"][key] for key in FLAT} == FLAT
    (curves,) = tensorboard("plugin/pr_curves/tags").values()
    assert len(curves) == 1
    (scalars,) = tensorboard("plugin/scalars/tags").values()
    assert "validation/gap" in scalars


def test_precision_and_recall_of_the_best_validation(trained, sample):
    """Counted one by one from the scores of the weights that were kept."""
    events = loaded(trained / "tensorboard")
    (tag,) = events.PluginTagToContent(pr_curve_metadata.PLUGIN_NAME)
    best = json.loads((trained / "best/metrics.json").read_text())
    found = {each.step: make_ndarray(each.tensor_proto) for each in events.Tensors(tag)}[best["step"]]
    model = yt8m.load_run(trained)
    scores, labels = [], []
    for batch in yt8m.read_records(str(sample / "2/video/validate"), num_classes=12):
        scores.append(tf.sigmoid(model({key: batch[key] for key in model.input})).numpy())
        labels.append(multi_hot(batch["labels"].numpy(), 12))
    scores, labels = np.concatenate(scores), np.concatenate(labels)
    thresholds = np.linspace(0, 1, found.shape[1])
    assert found.shape == (6, 201)
    # All of the 12 classes are among a video's 20 best. Thresholds near a score may fall on either side of it.
    clear = np.abs(scores[None] - thresholds[:, None, None]).min(axis=(1, 2)) > 1e-5
    assert clear.sum() > 150
    given = scores[None] >= thresholds[:, None, None]
    hits, all_given = (given & labels).sum(axis=(1, 2)), given.sum(axis=(1, 2))
    expected = [hits, all_given - hits, labels.size - labels.sum() - (all_given - hits), labels.sum() - hits]
    np.testing.assert_array_equal(found[:4, clear], np.array(expected)[:, clear])
    np.testing.assert_allclose(found[4, clear], (hits / np.maximum(all_given, 1))[clear], rtol=1e-6)
    np.testing.assert_allclose(found[5, clear], (hits / labels.sum())[clear], rtol=1e-6)


def written(tmp_path, write):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        write()
    return loaded(tmp_path)


def test_of_several_starts_the_first_is_shown(tmp_path):
    def start_twice():
        for steps in (3, 5):
            summaries.write_hyperparameters(configure("run", "data", num_steps=steps))

    values, group = hyperparameters_in(written(tmp_path, start_twice))
    assert (values["training.num_steps"], group) == (3, "run")


def curve_in(events):
    (each,) = events.Tensors("validation/pr_curves")
    return each.step, make_ndarray(each.tensor_proto)


def test_labels_outside_the_lists_are_missed_and_classes_there_not_given(tmp_path):
    metrics = VideoMetrics(4, top_k=2)
    metrics.update(np.array([[0.9, 0.6, 0.5, 0.1]], np.float32), np.array([[True, False, True, False]]))
    measured = Measured({}, metrics, None)
    step, curve = curve_in(written(tmp_path, lambda: summaries.write_precision_recall(7, measured)))
    assert step == 7
    # Threshold 0: classes 0 and 1 are given, 0 is right, 1 is not, 2 is missed, 3 is not given.
    np.testing.assert_allclose(curve[:, 0], [1, 1, 1, 1, 0.5, 0.5])
    np.testing.assert_allclose(curve[:, 150], [1, 0, 2, 1, 1, 0.5])  # 0.75
    np.testing.assert_allclose(curve[:, 200], [0, 0, 2, 2, 0, 0])  # 1


def test_of_segments_the_ratings_count_with_probabilities(tmp_path):
    metrics = SegmentMetrics(3)
    logits = np.log([[3.0, 1.0, 9.0]]).astype(np.float32)  # probabilities 0.75, 0.5, 0.9
    metrics.update(logits, [b"a"], np.array([0]), np.array([[0, 1]]), np.array([[0.0, 1.0]]))
    measured = Measured({}, metrics, None)
    _, curve = curve_in(written(tmp_path, lambda: summaries.write_precision_recall(0, measured)))
    np.testing.assert_allclose(curve[:, 80], [1, 1, 0, 0, 0.5, 1])  # 0.4
    np.testing.assert_allclose(curve[:, 120], [0, 1, 0, 1, 0, 0])  # 0.6
