"""The run directory."""

import dataclasses
import json
import subprocess
from importlib import metadata
from pathlib import Path

import pytest

from yt8m import runs
from yt8m.config import DataConfig, DistributeConfig, RunConfig, TrainingConfig
from yt8m.errors import InputError
from yt8m.files import write_json
from yt8m.models import make_architecture
from yt8m.runs import RunDirectory, append_metrics, forget_after, load_config, open_run, opened_run, read_metrics


@pytest.fixture
def config(tmp_path):
    return RunConfig(
        recipe="moe",
        run=str(tmp_path / "runs" / "first"),
        model=make_architecture("moe", num_mixtures=3),
        data=DataConfig(train=("a", "b"), features=("rgb",)),
    )


@pytest.fixture
def run(tmp_path):
    return RunDirectory(tmp_path)


def changed(config, **groups):
    """`training={"num_steps": 3}` and the like."""
    replaced = {name: dataclasses.replace(getattr(config, name), **values) for name, values in groups.items()}
    return dataclasses.replace(config, **replaced)


def test_a_new_run_holds_its_configuration(config):
    run = open_run(config)
    assert run.path.is_dir()
    assert load_config(run.path) == load_config(config.run) == config


def test_an_empty_directory_may_become_a_run(config, tmp_path):
    (tmp_path / "runs" / "first").mkdir(parents=True)
    assert load_config(open_run(config).path) == config


def test_a_run_is_opened_again_with_what_may_change(config, tmp_path):
    open_run(config)
    longer = changed(config, training={"num_steps": 77, "early_stopping": 2}, data={"test": ("t",)})
    assert load_config(open_run(longer).path) == longer
    moved = tmp_path / "runs" / "moved"
    (tmp_path / "runs" / "first").rename(moved)
    open_run(dataclasses.replace(longer, run=str(moved)))


def open_trained(config) -> RunDirectory:
    """Opened, and with a checkpoint of sorts."""
    run = open_run(config)
    run.checkpoints.mkdir()
    (run.checkpoints / "ckpt-1.index").write_bytes(b"")
    return run


def test_a_run_that_learned_nothing_may_be_configured_anew(config):
    """What stopped it may be what must be changed: the number of classes, say."""
    open_run(config)
    other = changed(config, data={"num_classes": 4716})
    assert load_config(open_run(other).path) == other
    other = dataclasses.replace(config, model=make_architecture("logistic"))
    assert load_config(open_run(other).path) == other


def test_a_cosine_s_last_step_may_not_change(config):
    open_trained(changed(config, training={"schedule": "cosine"}))
    last = config.training.num_steps
    with pytest.raises(InputError, match=rf"falls to 0 at step {last:,}, .* give the same number, or another --run"):
        open_run(changed(config, training={"schedule": "cosine", "num_steps": 77}))
    best_weights = RunDirectory(Path(config.run)).best_weights
    best_weights.parent.mkdir(exist_ok=True)
    best_weights.touch()
    with pytest.raises(InputError, match=rf"falls to 0 at step {last:,}, .*--training\.initial-run .* another --run"):
        open_run(changed(config, training={"schedule": "cosine", "num_steps": 77}))
    with pytest.raises(InputError, match=rf"training\.num_steps {last} there, 77 here"):
        open_run(changed(config, training={"schedule": "cosine", "num_steps": 77, "seed": 5}))


def test_what_may_change_exists():
    fields = {"run", "log"}
    fields |= {f"training.{field.name}" for field in dataclasses.fields(TrainingConfig)}
    fields |= {f"data.{field.name}" for field in dataclasses.fields(DataConfig)}
    on_other_devices = {f"distribute.{field.name}" for field in dataclasses.fields(DistributeConfig)}
    assert fields | on_other_devices >= runs.CHANGEABLE
    assert on_other_devices <= runs.CHANGEABLE


DIFFERENT = {
    "training.seed": {"training": {"seed": 1}},
    "training.learning_rate": {"training": {"learning_rate": 0.5}},
    "model.num_mixtures": {"model": {"num_mixtures": 2}},
    "data.train": {"data": {"train": ("a",)}},
    "data.features": {"data": {"features": ("rgb", "audio")}},
}


@pytest.mark.parametrize("field", DIFFERENT)
def test_another_configuration_is_refused_by_field(config, field):
    before = open_trained(config).config.read_bytes()
    with pytest.raises(InputError, match=field.replace(".", r"\.")) as caught:
        open_run(changed(config, **DIFFERENT[field]))
    assert "\n" not in str(caught.value)
    assert RunDirectory(open_run(config).path).config.read_bytes() == before


def test_many_differences_are_counted(config):
    open_trained(config)
    settings = {"seed": 1, "learning_rate": 0.5, "batch_size": 3, "clip_norm": 9.0, "ema_decay": 0.5}
    with pytest.raises(InputError, match="and 2 more"):
        open_run(changed(config, training=settings))


def test_another_model_is_refused(config):
    open_trained(config)
    with pytest.raises(InputError, match=r"model\.name 'moe' there, 'logistic' here"):
        open_run(dataclasses.replace(config, model=make_architecture("logistic")))


def test_a_directory_with_other_files_is_left_alone(config, tmp_path):
    other = tmp_path / "runs" / "first" / "thesis.tex"
    other.parent.mkdir(parents=True)
    other.write_text("years of work")
    with pytest.raises(InputError, match="other files"):
        open_run(config)
    assert [path.name for path in other.parent.iterdir()] == ["thesis.tex"]


def fail_in(config, work=lambda run: None):
    with opened_run(config) as run:
        work(run)
        raise InputError("a broken record")


def test_a_new_run_that_learned_nothing_is_gone_after_an_error(config, tmp_path):
    with pytest.raises(InputError, match="a broken record"):
        fail_in(config, lambda run: write_json(run.environment, {}))
    assert list(tmp_path.iterdir()) == []


KEPT = {
    "metrics": lambda run: append_metrics(run, {"kind": "train", "step": 50}),
    "a checkpoint": lambda run: write_json(run.checkpoints / "ckpt-1.index", {}),
    "weights": lambda run: write_json(run.best_weights, {}),
}


@pytest.mark.parametrize("work", KEPT.values(), ids=KEPT)
def test_a_new_run_that_has_something_stays(config, work):
    with pytest.raises(InputError, match="a broken record"):
        fail_in(config, work)
    assert load_config(config.run) == config


def test_a_directory_that_was_there_stays(config):
    open_run(config)
    with pytest.raises(InputError, match="a broken record"):
        fail_in(config)
    assert load_config(config.run) == config


def test_a_run_that_was_opened_stays(config):
    with opened_run(config) as run:
        pass
    assert load_config(run.path) == config


def test_a_run_is_opened_by_one_at_a_time(config):
    with (
        opened_run(config) as run,
        pytest.raises(InputError, match="another process is at work on this run"),
        opened_run(config),
    ):
        pass
    with opened_run(config) as again:
        assert again.path == run.path


def test_a_file_in_the_run_s_place_is_an_error(config, tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(InputError, match="runs/first"):
        open_run(config)


def test_no_run_is_an_error_that_says_how_to_make_one(tmp_path):
    with pytest.raises(InputError, match="no run directory") as caught:
        load_config(tmp_path / "nothing")
    assert f"--run {tmp_path / 'nothing'}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "not JSON"),
        ("[]", "configuration"),
        ('{"model": {"name": "none such"}}', r"config\.model"),
        ('{"model": {"name": "moe"}, "flags": 1}', "flags"),
        ('{"model": {"name": "moe", "num_mixtures": "x"}}', "num_mixtures"),
        ("{}", "model"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_named(tmp_path, text, expected):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        load_config(tmp_path)
    assert str(tmp_path / "config.json") in str(caught.value)
    assert "\n" not in str(caught.value)


LINES = [{"kind": "train", "step": step, "loss": 1.0 / step} for step in (2, 4, 6)]


def test_metrics_come_back_in_order(run):
    assert read_metrics(run) == []
    for line in LINES:
        append_metrics(run, line)
    assert read_metrics(run) == LINES
    assert [json.loads(line) for line in run.metrics.read_text().splitlines()] == LINES


@pytest.mark.parametrize("length", [1, 10, 30])
def test_a_line_cut_short_is_left_out(run, length):
    for line in LINES:
        append_metrics(run, line)
    whole = run.metrics.read_text()
    run.metrics.write_text(whole + json.dumps(LINES[0])[:length])
    assert read_metrics(run) == LINES


@pytest.mark.parametrize("damage", ["garbage{", "[1]", '{"a": 1}', '{"kind": "train"}', "\0\0"])
@pytest.mark.parametrize("place", [0, 1, 3])
def test_any_other_damaged_line_is_named(run, damage, place):
    lines = [json.dumps(line) for line in LINES]
    lines.insert(place, damage)
    run.metrics.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError) as refused:
        read_metrics(run)
    assert str(refused.value) == f"{run.metrics}, line {place + 1}: is damaged; delete that line"


@pytest.mark.parametrize(("step", "kept"), [(0, 0), (3, 1), (4, 2), (100, 3)])
def test_later_steps_are_forgotten(run, step, kept):
    for line in LINES:
        append_metrics(run, line)
    with run.metrics.open("a") as file:
        file.write('{"kind": "tr')
    forget_after(run, step)
    assert read_metrics(run) == LINES[:kept]
    append_metrics(run, {"kind": "train", "step": 101})
    assert read_metrics(run) == [*LINES[:kept], {"kind": "train", "step": 101}]
    assert [path.name for path in run.path.iterdir()] == ["metrics.jsonl"]


@pytest.mark.parametrize("validated", [True, False])
def test_a_validation_that_is_to_be_repeated_is_forgotten(run, validated):
    lines = [{"kind": kind, "step": step} for step in (2, 4) for kind in ("train", "validation")]
    for line in lines:
        append_metrics(run, line)
    forget_after(run, 4, validated)
    assert read_metrics(run) == (lines if validated else lines[:-1])


def test_nothing_is_forgotten_where_nothing_was_written(run):
    forget_after(run, 3)
    assert not run.metrics.exists()


def test_metrics_that_cannot_be_written_are_an_error(run):
    run.metrics.mkdir()
    with pytest.raises(InputError, match=r"metrics\.jsonl: cannot be written") as caught:
        append_metrics(run, LINES[0])
    assert "\n" not in str(caught.value)


def test_the_environment_has_versions_and_devices():
    environment = runs.describe_environment(["CPU:0"])
    assert environment["devices"] == ["CPU:0"]
    assert environment["versions"]["keras"] == metadata.version("keras")
    assert environment.keys() == {"python", "platform", "versions", "git_commit", "directory", "devices"}
    json.dumps(environment)


def test_the_git_commit_is_optional(monkeypatch):
    def no_git(*arguments, **keywords):
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", no_git)
    assert runs.describe_environment([])["git_commit"] is None
