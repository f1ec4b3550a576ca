"""What training leaves beside metrics: a log, its starts, and what MLflow and Weights & Biases are sent.

The services are stand-ins that record the calls. Where the real packages are installed, they are used as well: MLflow with its
server on SQLite, Weights & Biases offline.
"""

import contextlib
import dataclasses
import importlib.machinery
import importlib.util
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
import types
import urllib.request
from pathlib import Path

import pytest
from small_runs import Watcher, configure, rows

from yt8m.errors import InputError
from yt8m.files import read_json
from yt8m.progress import Messages
from yt8m.runs import RunDirectory
from yt8m.runs.listing import summaries
from yt8m.runs.starts import Ending, read_starts
from yt8m.training.journal import Journal
from yt8m.training.loop import train
from yt8m.training.tracking import Tracking


def lines_of(run) -> list[str]:
    """The log, without the times."""
    return [line[20:] for line in RunDirectory(Path(run)).log.read_text().splitlines()]


class Recorded:
    """Keeps calls: `mlflow.MlflowClient().log_batch("id", ...)` becomes `("log_batch", ("id",), {...})`."""

    def __init__(self, answers):
        self.calls, self.answers = [], answers

    def __getattr__(self, name):
        def call(*arguments, **keywords):
            self.calls.append((name, arguments, keywords))
            answer = self.answers.get(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def of(self, name):
        return [(arguments, keywords) for called, arguments, keywords in self.calls if called == name]


def stand_in(monkeypatch, name: str, **members) -> None:
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__dict__.update(members)
    monkeypatch.setitem(sys.modules, name, module)


@pytest.fixture
def mlflow(monkeypatch):
    """A stand-in for MLflow's client, with the signatures of 3.17."""
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    made = types.SimpleNamespace(info=types.SimpleNamespace(run_id="id-1"))
    client = Recorded({"get_experiment_by_name": None, "create_experiment": "7", "create_run": made})
    entities = types.SimpleNamespace(Param=lambda key, value: (key, value), Metric=lambda *values: values)
    stand_in(monkeypatch, "mlflow", MlflowClient=lambda: client, entities=entities)
    return client


@pytest.fixture
def wandb(monkeypatch):
    """A stand-in for a run of Weights & Biases; `began` has the options of `wandb.init`."""
    run = Recorded({})
    run.id, run.began = "w-1", []

    def init(**options):
        run.began.append(options)
        return run

    stand_in(monkeypatch, "wandb", init=init, Settings=lambda **options: options)
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    return run


def with_log(sample, run, *names, **options):
    return dataclasses.replace(configure(run, sample, validate=True, validate_every_steps=3, **options), log=names)


def sent_by(run) -> list[tuple[str, float, int]]:
    """What services are to be sent: the lines of the metrics."""
    return [
        (f"{kind}/{name}", float(value), row["step"])
        for kind in ("train", "validation")
        for row in rows(run, kind)
        for name, value in row.items()
        if name not in ("kind", "step")
    ]


@pytest.mark.thorough
def test_a_run_that_is_stopped_and_goes_on(sample, tmp_path, mlflow, wandb):
    run = tmp_path / "run"
    config = with_log(sample, run, "mlflow", "wandb")
    first = Watcher(stop_after=1)
    train(config, first, first.stop_requested)
    (stopped,) = summaries(run)
    assert stopped.status == "stopped"
    result = train(config, Watcher())

    log, gaps = lines_of(run), [row["gap"] for row in rows(run, "validation")]
    assert [line for line in log if "recipe" in line] == [
        "training: logistic, recipe none, 6 steps",
        f"going on after step {stopped.step}: logistic, recipe none, 6 steps",
    ]
    assert [line for line in log if line in ("stopped", "done")] == ["stopped", "done"]
    said = [line.split(",")[0] for line in log if line.startswith("validation at step")]
    assert said == [f"validation at step {step}: GAP {gap:.4f}" for step, gap in zip((3, 6), gaps, strict=True)]
    starts = read_starts(RunDirectory(run))
    assert [row.get("step") for row in starts] == [None, stopped.step, None, 6]
    (done,) = summaries(run)
    assert (done.status, done.step, done.best, done.best_step) == ("done", 6, max(gaps), result.best_metrics["step"])
    assert done.epochs == pytest.approx(6 * 8 / 64)

    assert read_json(run / "tracking.json") == {"mlflow": "id-1", "wandb": "w-1"}
    assert mlflow.of("create_experiment") == [(("yt8m",), {})]
    (((place,), named),) = mlflow.of("create_run")
    assert (place, named["run_name"], named["tags"]["yt8m.run"]) == ("7", "run", str(run))
    assert mlflow.of("update_run") == [(("id-1",), {"status": "RUNNING"})]
    assert mlflow.of("set_terminated") == [(("id-1", "KILLED"), {}), (("id-1", "FINISHED"), {})]
    parameters = [each for _, keywords in mlflow.of("log_batch") for each in keywords.get("params", ())]
    assert dict(parameters)["training.batch_size"] == "8"
    assert all(len(keywords.get("params", ())) <= 100 for _, keywords in mlflow.of("log_batch")), "the server's limit"
    sent = [each for _, keywords in mlflow.of("log_batch") for each in keywords.get("metrics", ())]
    assert sorted((key, value, step) for key, value, _, step in sent) == sorted(sent_by(run))
    assert all(time.time() - 600 < moment / 1000 <= time.time() for _, _, moment, _ in sent)

    options = wandb.began[0]
    assert (options["project"], options["name"], options["id"]) == ("mine", "run", None)
    assert options["config"]["training.batch_size"] == 8
    assert wandb.began[1]["id"] == "w-1"
    sent = [(key, value, row["step"]) for (row,), _ in wandb.of("log") for key, value in row.items() if key != "step"]
    assert sorted(sent) == sorted(sent_by(run))
    assert wandb.of("finish") == [((), {"exit_code": 1}), ((), {"exit_code": 0})]


@pytest.fixture
def tracked(sample, tmp_path):
    """Opens services for a run without training."""
    (tmp_path / "run").mkdir()
    run = RunDirectory(tmp_path / "run")

    def opened(progress, *names):
        return Tracking(progress).opened(names, run, configure(run.path, sample))

    return opened


def test_a_service_that_fails_is_left_out(tracked, mlflow, wandb):
    messages = Messages()
    with tracked(messages, "mlflow", "wandb") as tracking:
        mlflow.answers["log_batch"] = RuntimeError("connection refused\nmore")
        for step in (1, 2):
            tracking.log("train", step, {"loss": 0.5})
        tracking.status = "done"
    assert messages.lines == [
        "--log mlflow: failed, and gets nothing more in this start (connection refused); metrics.jsonl has all"
    ]
    assert len(wandb.of("log")) == 2
    assert mlflow.of("set_terminated") == []


def test_a_service_that_cannot_begin(tracked, mlflow, wandb):
    mlflow.answers["create_run"] = RuntimeError("no such place")
    message = r"^--log mlflow: cannot begin there \(no such place\); check its settings, or leave the flag out$"
    with pytest.raises(InputError, match=message), tracked(Messages(), "wandb", "mlflow"):
        pytest.fail("it begins")
    assert wandb.of("finish") == [((), {"exit_code": 1})]


def test_the_log_has_what_came_before_it_and_the_error(tmp_path):
    told, run = Messages(), RunDirectory(tmp_path)
    journal = Journal(told)
    journal.message("before")
    with contextlib.suppress(InputError), journal.open(run, Ending()):
        journal.message("within \ud800")
        raise InputError("the loss is nan")
    assert lines_of(tmp_path) == ["before", "within \\ud800", "ended by InputError: the loss is nan"]
    assert told.lines == ["before", "within \ud800"]


def test_a_service_that_is_not_installed(sample, tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "wandb" else find(name, *rest))
    with pytest.raises(InputError, match=r"^--log wandb: .* not installed: pip install 'yt8m\[wandb\]'$"):
        train(with_log(sample, tmp_path / "run", "wandb"))
    assert not (tmp_path / "run").exists()


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


if importlib.util.find_spec("mlflow") and importlib.util.find_spec("sqlalchemy"):

    @pytest.fixture
    def server(tmp_path):
        """MLflow's own server, with SQLite; its database."""
        database, port = tmp_path / "mlflow.db", free_port()
        store = ("--backend-store-uri", f"sqlite:///{database}", "--default-artifact-root", str(tmp_path / "artifacts"))
        words = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            *store,
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
        ]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        serving = subprocess.Popen(words, env=os.environ | {"PATH": path}, start_new_session=True)
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                    break
                except OSError:
                    time.sleep(0.5)
            yield f"http://127.0.0.1:{port}", database
        finally:
            os.killpg(serving.pid, 15)
            serving.wait(60)

    @pytest.mark.slow
    def test_a_server_of_mlflow_has_the_metrics(sample, tmp_path, server, monkeypatch):
        address, database = server
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        config = with_log(sample, tmp_path / "run", "mlflow")
        watcher = Watcher(stop_after=1)
        train(config, watcher, watcher.stop_requested)
        train(config)
        with sqlite3.connect(database) as connection:
            assert list(connection.execute("select name, status from runs")) == [("run", "FINISHED")]
            sent = list(
                connection.execute("select key, step, value from metrics where key = 'validation/gap' order by step")
            )
        assert sent == [("validation/gap", row["step"], row["gap"]) for row in rows(tmp_path / "run", "validation")]


if importlib.util.find_spec("wandb"):

    @pytest.mark.slow
    def test_weights_and_biases_offline_has_the_metrics(sample, tmp_path, monkeypatch):
        from wandb.proto import wandb_internal_pb2
        from wandb.sdk.internal.datastore import DataStore

        monkeypatch.setenv("WANDB_MODE", "offline")
        train(with_log(sample, tmp_path / "run", "wandb"))
        (file,) = (tmp_path / "run" / "wandb").glob("offline-run-*/*.wandb")
        store, sent = DataStore(), []
        store.open_for_scan(str(file))
        while data := store.scan_data():
            record = wandb_internal_pb2.Record()
            record.ParseFromString(data)
            items = {each.key or each.nested_key[0]: each.value_json for each in record.history.item}
            if "validation/gap" in items:
                sent.append(float(items["validation/gap"]))
        assert sent == [row["gap"] for row in rows(tmp_path / "run", "validation")]
        shutil.rmtree(tmp_path / "run" / "wandb")
