"""Averaged weights against the mean by hand."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from small_runs import configure

from yt8m import runs
from yt8m.errors import InputError
from yt8m.runs.model import load_run
from yt8m.scoring.evaluation import evaluate
from yt8m.training import averaging
from yt8m.training.averaging import average
from yt8m.training.loop import train

KEEPING = {"num_steps": 6, "checkpoint_every_steps": 2, "validate_every_steps": 2, "keep_checkpoints": 3}


@pytest.fixture(scope="module")
def trained(sample, tmp_path_factory):
    """Runs of six steps with three checkpoints: two seeds, one with moving averages; one of another model, that keeps one."""
    directory = tmp_path_factory.mktemp("runs")
    for name, model, changes in (
        ("one", "moe", {"seed": 0}),
        ("two", "moe", {"seed": 1}),
        ("ema", "moe", {"ema_decay": 0.5}),
        ("single", "logistic", {"keep_checkpoints": 1}),
    ):
        train(configure(directory / name, sample, model, validate=True, **KEEPING | changes))
    return directory


@pytest.fixture(scope="module")
def other(trained):
    """Makes of `single` a run that saved and validated every six steps, and of `one` a run that validated at its end alone,
    and one that might have kept more."""
    for name, source, changes in (
        ("rare", "single", {"keep_checkpoints": 2, "checkpoint_every_steps": 6, "validate_every_steps": 6}),
        ("blind", "one", {"validate_every_steps": 0}),
        ("few", "one", {"keep_checkpoints": 5}),
    ):
        run = runs.RunDirectory(shutil.copytree(trained / source, trained / name))
        config = json.loads(run.config.read_text())
        config["training"] |= changes
        run.config.write_text(json.dumps(config))
        lines = map(json.loads, run.metrics.read_text().splitlines())
        left = [line for line in lines if name == "rare" or line["kind"] != "validation" or line["step"] == 6]
        run.metrics.write_text("".join(f"{json.dumps(line)}\n" for line in left))


def weights_of(run) -> list[np.ndarray]:
    return [np.asarray(variable) for variable in load_run(run).variables]


def checkpoint(run, step, averages=False) -> dict[str, np.ndarray]:
    """The trainable weights of a checkpoint."""
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / f"ckpt-{step}"))
    kind = "averages" if averages else "weights"
    names = sorted(name for name in reader.get_variable_to_shape_map() if name.startswith(f"{kind}/"))
    return [reader.get_tensor(name) for name in names]


def assert_mean(found, *sets):
    for index, values in enumerate(found):
        np.testing.assert_allclose(values, np.mean([each[index] for each in sets], axis=0), rtol=1e-5, atol=1e-7)


def test_the_last_checkpoints_of_a_run(trained, tmp_path):
    result = average([trained / "one"], tmp_path / "out", last=2)
    assert [name.rsplit("-")[-1] for name in result.averaged] == ["4", "6"]
    assert_mean(weights_of(tmp_path / "out"), checkpoint(trained / "one", 4), checkpoint(trained / "one", 6))


def test_the_best_checkpoints_of_a_run(trained, tmp_path):
    rows = [row for row in runs.read_metrics(runs.RunDirectory(trained / "one")) if row["kind"] == "validation"]
    steps = sorted(rows, key=lambda row: row["gap"])[-2:]
    average([trained / "one"], tmp_path / "out", best=2)
    assert_mean(weights_of(tmp_path / "out"), *(checkpoint(trained / "one", row["step"]) for row in steps))


def test_the_best_weights_of_several_runs(trained, tmp_path):
    average([trained / "one", trained / "two"], tmp_path / "out")
    assert_mean(weights_of(tmp_path / "out"), weights_of(trained / "one"), weights_of(trained / "two"))


def test_moving_averages_are_what_is_averaged(trained, tmp_path):
    average([trained / "ema"], tmp_path / "out", last=2)
    assert_mean(
        weights_of(tmp_path / "out"), checkpoint(trained / "ema", 4, True), checkpoint(trained / "ema", 6, True)
    )


def test_the_average_is_a_run_that_can_be_used(trained, tmp_path):
    out = tmp_path / "new" / "out"
    result = average([trained / "one"], out, last=3)
    found = evaluate(out)
    assert result.metrics["gap"] == found["gap"]
    stored = json.loads((out / "best" / "metrics.json").read_text())
    assert stored["gap"] == found["gap"]
    assert stored["averaged"] == result.averaged


@pytest.mark.usefixtures("other")
@pytest.mark.parametrize(
    ("names", "arguments", "reason"),
    [
        (["one"], {}, "one set of weights"),
        (
            ["one"],
            {"last": 1},
            "one set of weights has no average, and this model has no batch normalisation whose statistics could be new; "
            "name more runs, or --last N or --best N of 2 or more",
        ),
        (["one"], {"last": 0}, "last is 0; it must be at least 1"),
        (
            ["single"],
            {"last": 2},
            "has 1 checkpoint, 2 were asked for; keep more with --training.keep-checkpoints 2$",
        ),
        (["single"], {"best": 2}, "has 1 validated checkpoint, 2 were asked for; keep more with .*-checkpoints 2$"),
        (
            ["rare"],
            {"last": 2},
            "has 1 checkpoint, 2 were asked for; train longer, or save more often than every 6 steps with "
            "--training.checkpoint-every-steps$",
        ),
        (
            ["blind"],
            {"best": 2},
            "has 1 validated checkpoint, 2 were asked for; validate as often as it saves, with "
            "--training.validate-every-steps 2$",
        ),
        (
            ["one"],
            {"last": 4},
            "has 3 checkpoints, 4 were asked for; keep more with --training.keep-checkpoints 4$",
        ),
        (
            ["few"],
            {"last": 9},
            "has 3 checkpoints, 9 were asked for; keep more with --training.keep-checkpoints 9, and train longer, or save "
            "more often than every 2 steps with --training.checkpoint-every-steps$",
        ),
        (["one"], {"best": 4}, "has 3 validated checkpoints, 4 were asked for"),
        (["one"], {"last": 2, "best": 2}, "exclude each other"),
        (["one", "single"], {}, "its model is logistic there, moe here, in"),
        (["one", "missing"], {}, "no run directory"),
    ],
)
def test_what_cannot_be_averaged(trained, tmp_path, names, arguments, reason):
    with pytest.raises(InputError, match=reason):
        average([trained / name for name in names], tmp_path / "out", **arguments)
    assert not (tmp_path / "out").exists()


def test_a_directory_that_exists_or_is_not_local_is_refused(trained, tmp_path):
    with pytest.raises(InputError, match="exists"):
        average([trained / "one"], tmp_path, last=2)
    with pytest.raises(InputError, match="gs://bucket/out: a run directory must be on a local disk"):
        average([trained / "one"], "gs://bucket/out", last=2)


def test_a_place_that_cannot_be_written_is_found_before_the_work(trained, monkeypatch):
    monkeypatch.setattr(averaging, "build", lambda config: pytest.fail("the work began"))
    with pytest.raises(InputError, match=r"^/proc/out: cannot be written"):
        average([trained / "one"], "/proc/out", last=2)


def test_a_validation_split_that_is_gone_is_found_before_the_work(trained, tmp_path, monkeypatch):
    run = shutil.copytree(trained / "one", tmp_path / "one")
    config = json.loads((run / "config.json").read_text())
    config["data"]["validate"] = [f"{tmp_path}/gone"]
    (run / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(averaging, "build", lambda config: pytest.fail("the work began"))
    with pytest.raises(InputError, match=f"{tmp_path}/gone: no such file"):
        average([run], tmp_path / "out", last=2)


def test_a_damaged_checkpoint_is_named(trained, tmp_path):
    run = tmp_path / "run"
    (run / "checkpoints").mkdir(parents=True)
    for file in ("config.json", "metrics.jsonl"):
        (run / file).write_bytes((trained / "one" / file).read_bytes())
    for file in (trained / "one" / "checkpoints").iterdir():
        (run / "checkpoints" / file.name).write_bytes(file.read_bytes()[: 50 if "ckpt-4" in file.name else None])
    with pytest.raises(InputError, match=r"ckpt-4: the checkpoint cannot be read"):
        average([run], tmp_path / "out", last=2)
    assert not (tmp_path / "out").exists()
