"""Places that are named as a run directory and are none."""

import re
import shutil

import pytest

from yt8m import runs
from yt8m.config import DataConfig, RunConfig
from yt8m.errors import InputError
from yt8m.exporting.archives import unpack
from yt8m.models import make_architecture
from yt8m.predicting.members import open_members
from yt8m.runs.unlike import describe_place
from yt8m.training.averaging import average


@pytest.fixture
def places(tmp_path):
    """One of each kind, by what a message says of it."""
    for name in ("model_flags.json", "model.ckpt-10.index", "model.ckpt-10.meta", "model.ckpt-10.data-00000-of-00001"):
        (tmp_path / "starter" / "train").mkdir(parents=True, exist_ok=True)
        (tmp_path / "starter" / "train" / name).touch()
    (tmp_path / "exported" / "variables").mkdir(parents=True)
    (tmp_path / "exported" / "saved_model.pb").touch()
    (tmp_path / "model.tgz").touch()
    (tmp_path / "notes.txt").touch()
    runs.open_run(
        RunConfig(run=str(tmp_path / "run"), model=make_architecture("logistic"), data=DataConfig(train=("a",)))
    )
    (tmp_path / "run" / "best" / "model.weights.h5").touch()
    (tmp_path / "run" / "predictions" / "0123").mkdir(parents=True)
    of_run = f"is a part of the run {tmp_path}/run; name that"
    return {
        "starter/train": "is a train directory of TensorFlow 1, as the YouTube-8M starter code leaves it "
        "(model.ckpt-10.data-00000-of-00001, model.ckpt-10.index, model.ckpt-10.meta), whose weights cannot be read here; train",
        "exported": "is a SavedModel, which is for other programs; name the run that it was exported from",
        "model.tgz": f"is a file; make a run of what yt8m export wrote with yt8m unpack {tmp_path}/model.tgz --out DIR",
        "notes.txt": "is a file; name the run directory",
        "run/best": of_run,
        "run/predictions/0123": of_run,
    }


def test_what_is_there_is_said(places, tmp_path):
    for name, said in places.items():
        assert describe_place(tmp_path / name).startswith(said)
    for name in ("runs/a", "runs/b", "runs/c", "runs/d", "study/trials/0000"):
        shutil.copytree(tmp_path / "run", tmp_path / name)
    (tmp_path / "study" / "study.json").touch()
    assert describe_place(tmp_path / "runs") == (
        f"is a directory of runs: a, b, c and 1 more; name one of them, such as {tmp_path}/runs/a"
    )
    assert describe_place(tmp_path / "study") == (
        f"is a study of yt8m tune, whose runs are in {tmp_path}/study/trials: 0000; name one of them, such as "
        f"{tmp_path}/study/trials/0000"
    )
    (tmp_path / "other" / "files").mkdir(parents=True)
    for name in ("other", "missing"):
        assert describe_place(tmp_path / name) is None


def test_every_command_says_so(places, tmp_path):
    for name, said in places.items():
        place = str(tmp_path / name)
        with pytest.raises(InputError, match=f"^{re.escape(place)}: {re.escape(said)}"):
            runs.load_config(place)
        of_members = r", line 1: there is no header; it must be" if name == "notes.txt" else f": {re.escape(said)}"
        with pytest.raises(InputError, match=f"^{re.escape(place)}{of_members}"):  # a file may be a submission
            open_members([place])
        with pytest.raises(InputError, match=f"^{re.escape(place)}: {re.escape(said)}"):
            average([place], tmp_path / "out")
    for name in ("starter/train", "exported", "notes.txt"):
        with pytest.raises(InputError, match=re.escape(f"{places[name]}") + ".*; give an empty or new one as --run"):
            runs.check_place(tmp_path / name)


def test_a_starters_directory_is_no_archive(places, tmp_path, real_data):
    starters = (tmp_path / "starter" / "train", real_data / "cases" / "starter_train_dir")
    for starter in starters:
        with pytest.raises(InputError, match="is a train directory of TensorFlow 1, as the YouTube-8M starter"):
            unpack(starter, tmp_path / "out")
        for file in starter.iterdir():
            with pytest.raises(InputError, match=r"is a file of TensorFlow 1.*; give a file that yt8m export"):
                unpack(file, tmp_path / "out")
