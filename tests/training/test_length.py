"""Lengths in epochs: the steps they are, what a run keeps of them, and what excludes them."""

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from small_runs import Watcher, configure, rows

from yt8m import runs
from yt8m.commands.configuring import configure as of_command_line
from yt8m.config import TrainingConfig
from yt8m.data.identity import read_ids
from yt8m.data.sources import expand_paths
from yt8m.diagnosing.sanity import check
from yt8m.errors import InputError
from yt8m.recipes import make_config
from yt8m.training import length
from yt8m.training.loop import train
from yt8m.training.preparation import resolve
from yt8m.tuning.space import Dimension, read_space, with_values

EXCLUDING = "--training.num-steps and --training.num-epochs exclude each other"


def in_epochs(*arguments, num_epochs, **options):
    return configure(*arguments, num_steps=None, num_epochs=num_epochs, **options)


@pytest.fixture(scope="module")
def num_videos(sample):
    return len(read_ids(expand_paths(f"{sample}/2/video/train")))


@pytest.mark.parametrize(
    ("num_epochs", "num_records", "batch_size", "num_steps"),
    [(5, 8908, 256, 174), (1, 512, 256, 2), (1, 513, 256, 3), (0.5, 100, 10, 5), (0.7, 100, 10, 7), (1e-3, 10, 128, 1)],
)
def test_steps_by_hand(num_epochs, num_records, batch_size, num_steps):
    training = TrainingConfig(num_epochs=num_epochs, batch_size=batch_size)
    assert training.num_steps is None
    assert training.counted(num_records).num_steps == num_steps
    assert TrainingConfig(num_steps=7).counted(num_records) == TrainingConfig(num_steps=7)


@pytest.mark.parametrize(
    ("num_records", "num_steps", "every"),
    [
        (9000, 88, 18),  # 2.5 * 9000 / 256 = 87.9 and 0.5 * 9000 / 256 = 17.6
        (1125, 44, 9),  # an eighth, so four times as many passes
        (10_000, 98, 20),
    ],
)
def test_epochs_are_longer_where_records_are_few(num_records, num_steps, every):
    training = TrainingConfig(num_epochs=2.5, validate_every_epochs=0.5, few_records=9000, batch_size=256)
    found = training.counted(num_records)
    assert (found.num_steps, found.validate_every_steps) == (num_steps, every)


def test_epochs_that_are_typed_are_not_made_longer():
    assert of_command_line("train", ["moe"]).training.counted(1184).num_steps == 90
    typed = of_command_line("train", ["moe", "--training.num-epochs", "2.5"]).training
    assert typed.counted(1184).num_steps == 12


def test_what_the_recipes_take_of_the_known_data_sets():
    steps = {name: make_config(name).training.counted(8908).num_steps for name in ("logistic", "moe", "moe_reference")}
    assert steps == {"logistic": 246, "moe": 176, "moe_reference": 348}


def test_steps_and_epochs_exclude_each_other():
    assert TrainingConfig().num_steps == 10_000
    with pytest.raises(InputError, match=EXCLUDING):
        TrainingConfig(num_steps=5, num_epochs=1.0)
    counted = TrainingConfig(num_epochs=1.0, batch_size=10).counted(100)
    for other in ({"num_steps": 20}, {"num_epochs": 2.0}, {"num_records": 50}):
        with pytest.raises(InputError, match=EXCLUDING):
            dataclasses.replace(counted, **other)
    assert counted.in_place_of(num_epochs=2.0).counted(100).num_steps == 20


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--training.num-epochs", "3"], (None, 3.0)),
        (["--training.num_epochs=3"], (None, 3.0)),
        (["--training.num-steps", "7"], (7, None)),
        ([], (300_000, None)),
    ],
)
def test_a_typed_length_replaces_that_of_the_recipe(flags, expected):
    training = of_command_line("train", ["netvlad", *flags]).training
    assert (training.num_steps, training.num_epochs) == expected


def test_both_typed():
    with pytest.raises(InputError, match=EXCLUDING):
        of_command_line("train", ["moe", "--training.num-epochs", "3", "--training.num-steps", "7"])


def test_a_run_keeps_the_number_that_it_was_begun_with(sample, tmp_path, num_videos, monkeypatch):
    shutil.copytree(sample / "2/video/train", tmp_path / "train")
    data = {"train": (str(tmp_path / "train"),)}
    config, watcher = in_epochs(tmp_path / "run", sample, data=data, num_epochs=1.0), Watcher()
    steps = -(-num_videos // 8)
    result = train(config, watcher)
    assert (result.step, result.num_steps) == (steps, steps)
    assert watcher.messages[0] == f"{num_videos} training videos; 1 epoch is {steps} steps of 8"
    kept = runs.load_config(tmp_path / "run").training
    assert (kept.num_epochs, kept.num_records, kept.num_steps) == (1.0, num_videos, steps)
    monkeypatch.setattr(length, "count_items", lambda *_: pytest.fail("records are counted again"))
    assert gone_on(config) == kept
    assert gone_on(in_epochs(tmp_path / "run", sample, data=data, num_epochs=1.5)).num_steps == -(-3 * num_videos // 16)
    in_steps = gone_on(configure(tmp_path / "run", sample, data=data, num_steps=2 * steps + 1))
    assert (in_steps.num_steps, in_steps.num_epochs) == (2 * steps + 1, None)


def gone_on(config) -> TrainingConfig:
    """What a run keeps of the configuration that it is gone on with."""
    runs.open_run(resolve(config).config)
    return runs.load_config(config.run).training


@pytest.mark.parametrize("field", ["num_epochs", "validate_every_epochs"])
def test_any_part_of_an_epoch_is_a_step(field):
    """0 steps between validations would mean the opposite: none before the end."""
    steps = {"num_epochs": "num_steps", "validate_every_epochs": "validate_every_steps"}[field]
    training = TrainingConfig(**{field: 1e-9}).counted(1000)
    assert getattr(training, steps) == 1


def test_a_length_that_nobody_reaches_is_refused():
    with pytest.raises(InputError, match=r"^--training\.num-epochs is 1e\+30; it must be above 0 and at most 1000000"):
        TrainingConfig(num_epochs=1e30)


@pytest.mark.thorough
def test_the_schedule_ends_with_the_last_epoch(sample, tmp_path, num_videos):
    train(in_epochs(tmp_path / "run", sample, num_epochs=1.0, schedule="cosine", learning_rate=0.1))
    rates = [row["learning_rate"] for row in rows(tmp_path / "run", "train")]
    steps = -(-num_videos // 8)
    assert len(rates) == steps
    assert rates[steps // 2] == pytest.approx(0.05, abs=0.1 / steps * 2)
    with pytest.raises(InputError, match=f"falls to 0 at step {steps}, so"):
        gone_on(in_epochs(tmp_path / "run", sample, num_epochs=2.0, schedule="cosine", learning_rate=0.1))


def test_a_run_of_an_earlier_version_goes_on_in_steps(sample, tmp_path):
    config = configure(tmp_path / "run", sample, num_steps=2)
    train(config)
    path = Path(config.run) / "config.json"
    values = json.loads(path.read_text())
    for key in ("num_epochs", "num_records"):
        del values["training"][key]
    path.write_text(json.dumps(values))
    assert gone_on(dataclasses.replace(config, training=config.training.in_place_of(num_steps=3))).num_steps == 3


def test_rated_segments_are_what_an_epoch_of_them_has(sample, tmp_path):
    data = {"train": (f"{sample}/3/frame/validate",)}
    config, source, _ = resolve(in_epochs(tmp_path / "run", sample, "frame_logistic", data=data, num_epochs=2.0))
    from yt8m.data.options import Frames, Order
    from yt8m.data.pipeline import make_dataset

    batches = make_dataset(source, 7, Frames(), Order()).as_numpy_iterator()
    assert config.training.num_records == sum(len(batch["labels"]) for batch in batches)
    assert length.length_in_words(config, source).startswith(
        f"{config.training.num_records:,} rated segments; 2 epochs"
    )


def test_check_says_the_length(sample, tmp_path, num_videos):
    config = in_epochs(tmp_path / "run", sample, num_epochs=2.0)
    found = {}
    for each in check(config):
        found.setdefault(each.name, each)
        if each.name == "labels":
            break
    assert found["length"].value == f"{num_videos} training videos; 2 epochs are {-(-num_videos // 4)} steps of 8"


def test_a_length_in_a_space_replaces_the_other(tmp_path):
    recipe = of_command_line("train", ["netvlad"])
    path = tmp_path / "space.json"
    path.write_text('{"training.num-epochs": {"low": 1, "high": 4}, "training.batch-size": [8]}')
    dimensions = read_space(str(path), recipe)
    assert dimensions[0] == Dimension("training", "num_epochs", low=1.0, high=4.0)
    found = with_values(recipe, dimensions, {"training.num-epochs": 2.5, "training.batch-size": 8}).training
    assert (found.num_epochs, found.num_steps) == (2.5, None)
