"""Places where no command may write a file, because something is kept there."""

import os
from pathlib import Path

import pytest

from yt8m.commands.records import show_video
from yt8m.config import DataConfig, RunConfig
from yt8m.errors import InputError
from yt8m.exporting.exporting import export
from yt8m.models import make_architecture
from yt8m.predicting.ensembling import ensemble, weigh
from yt8m.predicting.prediction import predict
from yt8m.runs import RunDirectory, check_output, open_run, refuse_kept
from yt8m.scoring.calibrating import calibrate
from yt8m.training.splits import check_submission
from yt8m.views.report.building import report

DATA_FILES = {
    "vocabulary.csv": "a vocabulary",
    "label_names.csv": "a vocabulary",
    "segment_label_ids.csv": "a list of the classes to rank",
    "validate0000.tfrecord": "a file of records",
}


def made(path, sample) -> str:
    """A run directory with a file where weights belong."""
    records = (str(sample / "2/frame/validate"),)
    data = DataConfig(num_classes=12, features=("audio",), train=("a",), validate=records)
    run = open_run(RunConfig(run=str(path), model=make_architecture("frame_logistic"), data=data))
    run.best_weights.write_bytes(b"weights")
    return str(path)


@pytest.fixture
def places(sample, tmp_path):
    """The command's own run, another run, and the root of a data set."""
    root = tmp_path / "data"
    root.mkdir()
    for name in DATA_FILES:
        (root / name).write_text("kept")
    return made(tmp_path / "own", sample), made(tmp_path / "other", sample), root


COMMANDS = {
    "calibrate": lambda run, data, out: calibrate(run, [data], out),
    "ensemble": lambda run, data, out: ensemble([run], out, data=[data]),
    "export": lambda run, data, out: export(run, out, "archive"),
    "predict": lambda run, data, out: predict(run, [data], out),
    "report": lambda run, data, out: report([run], [data], out),
    "show": lambda run, data, out: show_video("id", data=(data,), out=str(out)),
    "submit": lambda run, data, out: check_submission(RunConfig(model=make_architecture("frame_logistic")), out),
    "weigh": lambda run, data, out: weigh([run, f"{run}2"], [data], out),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_command_replaces_a_file_of_another_run_or_of_a_data_set(command, sample, places, tmp_path):
    own, other, root = places
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for name in ("config.json", "best/model.weights.h5", "calibration.json", "report.html", "predictions/a/part.npz"):
        with pytest.raises(InputError, match=rf"^{other}/{name}: belongs to the run {other}; name another place$"):
            command(own, str(sample / "2/frame/validate"), Path(other, name))
    for name, kind in DATA_FILES.items():
        message = rf"^{root}/{name}: is {kind}, which belongs to a data set; name another place$"
        with pytest.raises(InputError, match=message):
            command(own, str(sample / "2/frame/validate"), root / name)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_links_to_what_is_kept(places, tmp_path, monkeypatch):
    own, other, root = places
    (tmp_path / "run").symlink_to(other)
    (tmp_path / "out.csv").symlink_to(root / "vocabulary.csv")
    (tmp_path / "disk").mkdir()
    Path(own, "tensorboard").symlink_to(tmp_path / "disk")
    for path in (f"{tmp_path}/run/best/new.json", f"{own}/tensorboard/events", f"{own}/best/../config.json"):
        with pytest.raises(InputError, match="belongs to the run"):
            check_output(path)
    with pytest.raises(InputError, match=rf"^{tmp_path}/disk/events: belongs to the run {own};"):
        check_output(tmp_path / "disk/events", [own])
    with pytest.raises(InputError, match=r"out.csv: is a vocabulary"):
        check_output(tmp_path / "out.csv")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^other/config.json: belongs to the run other; name another place$"):
        check_output("other/config.json")


def test_places_that_nothing_keeps(places, tmp_path):
    own, other, root = places
    (root / "submission.csv").write_text("old")
    (tmp_path / "config.json").write_text("{}")  # of another program: there are no weights beside it
    for path in (
        *(root / "submission.csv", root / "new" / "vocabulary.csv", root / "new.tfrecord", tmp_path / "config.json"),
        *(Path(other, "submission.csv"), Path(other, "best.json"), Path(other, "exports", "config.json")),
    ):
        check_output(path, [own])
    assert not (root / "new").exists()
    check_output(RunDirectory(Path(own)).report, [own], but=[Path(os.path.relpath(own), "report.html")])
    with pytest.raises(InputError, match="cannot be written"):
        check_output("/proc/out.csv")
    refuse_kept("", [own])


def test_what_a_command_writes_by_default_may_be_replaced(places, sample, monkeypatch):
    own, other, _ = places

    class Checked(Exception):
        pass

    def stop(*_, **__):
        raise Checked

    monkeypatch.setattr("yt8m.scoring.calibrating.load_run", stop)
    monkeypatch.setattr("yt8m.views.report.building.load_run", stop)
    data = [str(sample / "2/frame/validate")]
    for call in (
        lambda: calibrate(own, data),
        lambda: calibrate(own, data, f"{own}/calibration.json"),
        lambda: report([own, other], data),
        lambda: report([own, other], data, f"{other}/report.html"),
    ):
        with pytest.raises(Checked):
            call()
