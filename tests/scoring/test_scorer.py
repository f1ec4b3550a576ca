"""Which records a run works on, and as what."""

import dataclasses
import itertools

import numpy as np
import pytest
import tensorflow as tf
from small_models import SMALL, randomise

from yt8m.config import DataConfig, RunConfig
from yt8m.data.features import texts_of
from yt8m.data.pipeline import make_dataset
from yt8m.data.schema import Fold
from yt8m.distribution.devices import Devices
from yt8m.errors import InputError
from yt8m.models import make_architecture
from yt8m.progress import Messages
from yt8m.runs.model import build
from yt8m.runs.records import open_data, open_validation
from yt8m.scoring import scorer
from yt8m.scoring.scorer import Scorer


def config_of(model: str, **data) -> RunConfig:
    return RunConfig(model=make_architecture(model), data=DataConfig(num_classes=12, **data))


def test_measuring_on_what_was_learned_is_told(sample):
    learned = str(sample / "2/video/train")
    told = Messages()
    config = config_of("logistic", train=(learned,), validate=(str(sample / VIDEOS),))
    for data in ((), [str(sample / VIDEOS)]):
        open_validation("runs/a", config, data, told)
    assert told.lines == []
    open_validation("runs/a", config, [f"{learned}/train0001.tfrecord"], told)
    assert told.lines == [
        f"runs/a: learned from records that it is measured on here ({learned}/train0001.tfrecord is in both); "
        "it will do worse on others"
    ]
    told.lines.clear()
    unlabelled = str(sample / "2/video/test")
    config = config_of("logistic", train=(unlabelled,), validate=(unlabelled,))
    with pytest.raises(InputError, match="have no labels"):
        open_validation("runs/a", config, [unlabelled], told)
    assert told.lines == [], "what is refused is not measured on"


def test_too_little_memory_to_score_with_is_said_in_one_line(sample, monkeypatch):
    def needs_much(model, batch):
        return tf.reduce_sum(tf.ones([10**9, 10**9 + tf.shape(batch["mean_audio"])[0]])) + tf.zeros([1024, 12])

    monkeypatch.setattr(scorer, "apply_model", needs_much)
    config = config_of("logistic", features=("audio",))
    source = open_data(config, str(sample / VIDEOS))
    with pytest.raises(InputError) as caught:
        next(Scorer(build(config)).scores(source, config))
    assert str(caught.value).startswith("scoring 1024 videos at a time: memory did not suffice")


KEYS = ("id", "mean_rgb", "mean_audio")
FRAMES, RATED, VIDEOS = "2/frame/validate", "3/frame/validate", "2/video/validate"


@pytest.mark.parametrize(
    ("model", "records", "segments", "level"),
    [
        ("frame_logistic", FRAMES, None, "frame"),
        ("frame_logistic", RATED, None, "segment"),
        ("frame_logistic", FRAMES, True, "segment"),
        ("frame_logistic", RATED, False, "frame"),
        ("logistic", VIDEOS, None, "video"),
    ],
)
def test_frames_are_cut_into_segments_where_these_are_rated_unless_told(sample, model, records, segments, level):
    source = open_data(config_of(model, features=("audio",)), str(sample / records), segments)
    assert (source.level, texts_of(source.features), source.num_classes) == (level, ("audio",), 12)


def test_a_model_of_video_level_gets_the_means_of_frames(sample):
    config = config_of("logistic")
    for records, level in ((FRAMES, "frame"), (RATED, "segment")):
        source = open_data(config, str(sample / records))
        assert (source.level, source.as_means) == (level, True)
    found, expected = (
        {key: np.concatenate([batch[key] for batch in make_dataset(open_data(config, str(path)), 8)]) for key in KEYS}
        for path in (sample / FRAMES, sample / VIDEOS)
    )
    assert found["id"].tolist() == expected["id"].tolist()
    for key in KEYS[1:]:
        np.testing.assert_allclose(found[key], expected[key], atol=1e-5)


def test_a_model_of_frames_gets_no_means(sample):
    with pytest.raises(InputError, match="frame-level was expected"):
        open_data(config_of("dbof"), str(sample / VIDEOS))


def test_the_context_of_a_segment_is_not_for_whole_videos(sample):
    with pytest.raises(
        InputError, match=r"holds whole videos, and --data\.segment-context, which this run has, is of rated segments"
    ):
        open_data(config_of("dbof", segment_context=2), str(sample / FRAMES))


def test_segments_may_be_rated_for_the_classes_of_the_data_set_alone(sample):
    listed = [int(line) for line in (sample / "segment_label_ids.csv").read_text().split()[1:]]
    assert open_data(config_of("dbof"), str(sample / RATED)).rated_classes == tuple(listed)
    assert open_data(config_of("dbof"), str(sample / FRAMES)).rated_classes is None


def test_ranked_classes_that_a_model_does_not_have_are_told(sample, tmp_path):
    (tmp_path / "3").symlink_to(sample / "3")
    (tmp_path / "segment_label_ids.csv").write_text("Index\n3\n9000\n5\n9001\n")
    told = Messages()
    config = config_of("dbof")
    assert open_data(config, str(tmp_path / RATED), progress=told).rated_classes == (3, 5)
    assert (
        f"{tmp_path}/segment_label_ids.csv: 2 of its 4 classes are not among the model's {config.data.num_classes} and are "
        "left out; --data.num-classes in training says how many there are"
    ) in told.lines


def test_the_parts_of_a_fold_are_all_videos_each_once(sample):
    def ids(part, fold="0/3"):
        source = open_data(config_of("dbof", fold=fold), str(sample / FRAMES), part=part)
        return [video_id for batch in make_dataset(source, 8) for video_id in batch["id"].numpy()]

    every = ids("all")
    parts = [ids("held out", f"{index}/3") for index in range(3)]
    assert sorted(itertools.chain(*parts)) == sorted(every)
    assert all(len(part) > len(every) / 6 for part in parts)
    for index, part in enumerate(parts):
        rest = ids("training", f"{index}/3")
        assert rest == [video_id for video_id in every if video_id not in part]
    assert parts[0] == ids("held out"), "the same each time"


def test_a_run_of_a_fold_is_validated_on_what_it_left_out(sample):
    config = config_of("dbof", fold="1/3", train=(str(sample / FRAMES),), validate=(str(sample / FRAMES),))
    assert (open_validation("run", config).fold, open_validation("run", config).held_out) == (Fold(1, 3), True)
    assert open_validation("run", config, str(sample / FRAMES)).fold is None, "what is named is read whole"


scored_levels = pytest.mark.parametrize(
    ("model", "records", "data"),
    [
        ("logistic", VIDEOS, {}),
        ("frame_logistic", FRAMES, {}),
        ("frame_logistic", RATED, {"segment_context": "video", "context_num_frames": 4}),
    ],
)
"""Each level; segments with their videos."""


def scorer_of(model, data, **options) -> tuple[Scorer, RunConfig]:
    """A scorer of a small model with random weights, and its configuration."""
    config = config_of(model, features=("audio",), max_frames=6, **data)
    config = dataclasses.replace(config, model=make_architecture(model, **SMALL[model]))
    built = build(config)
    randomise(built)
    return Scorer(built, **options), config


def recording(function, calls: list):
    """The function, which also keeps the arguments of its calls."""

    def call(*arguments):
        calls.append(arguments)
        return function(*arguments)

    return call


@scored_levels
def test_batches_of_one_shape_give_the_same_and_are_traced_once_and_no_step_is_given_strings(
    sample, model, records, data
):
    results = []
    for static_shapes in (True, False):
        devices = Devices(tf.distribute.get_strategy(), static_shapes=static_shapes)
        scorer, config = scorer_of(model, data, devices=devices)
        step, given = scorer._step, []
        scorer._step = recording(step, given)
        results.append(list(scorer.scores(open_data(config, str(sample / records)), config, batch_size=9)))
        # A model that looks at each video once is given as many videos as there are.
        assert (step.experimental_get_tracing_count() == 1) == (static_shapes or "segment_context" not in data)
        assert len(given) == len(results[-1])
        assert tf.string not in {tensor.dtype for tensor in tf.nest.flatten(given)}
    static, plain = results
    assert len(plain) > 1
    assert len(plain[-1].ids) < 9, "an uneven last batch"
    for found, expected in zip(static, plain, strict=True):
        assert found.ids == expected.ids
        for field in ("labels", "segment_starts", "label_scores"):
            np.testing.assert_array_equal(getattr(found, field), getattr(expected, field))
        for field in ("logits", "losses"):
            np.testing.assert_allclose(getattr(found, field), getattr(expected, field), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("model", ["lstm", "gru", "netvlad"])
def test_one_scorer_takes_any_number_of_frames(sample, model):
    config = RunConfig(
        model=make_architecture(model, **SMALL[model]),
        data=DataConfig(num_classes=12, max_frames=20, features=("audio",)),
    )
    built, source = build(config), open_data(config, str(sample / FRAMES))
    again = Scorer(built)
    for count in (3, 7, 11):
        shown = dataclasses.replace(config, data=dataclasses.replace(config.data, prediction_num_frames=count))
        found, expected = (next(each.scores(source, shown, batch_size=4)).logits for each in (again, Scorer(built)))
        np.testing.assert_array_equal(found, expected)
