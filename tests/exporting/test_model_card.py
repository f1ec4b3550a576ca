"""Model cards say what is known of a run, in Hugging Face's form, and nothing private."""

import dataclasses
import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from yt8m import runs
from yt8m.commands.configuring import configure
from yt8m.config import RunConfig
from yt8m.errors import InputError
from yt8m.exporting.half_precision import MetricChange
from yt8m.exporting.model_card import CardFacts, card_path, check_license, model_card
from yt8m.recipes import make_config
from yt8m.runs import RunDirectory

METRICS = {"step": 40, "num_videos": 13, "gap": 0.75, "map": 0.5, "hit_at_1": 1.0, "perr": 0.25, "loss": 12.5}


@pytest.fixture
def config(tmp_path) -> RunConfig:
    """The configuration of a run with a result, whose classes have names."""
    place = tmp_path / "private"
    recipe = make_config("netvlad")
    data = {"train": (str(place / "train.tfrecord"),), "num_classes": 3, "features": ("rgb", "clip:512:float32")}
    data |= {"labels": str(place / "labels.csv"), "service": "host:5000", "fold": f"{place / 'folds.csv'}:1"}
    config = dataclasses.replace(
        recipe, run=str(place / "mine"), data=dataclasses.replace(recipe.data, max_frames=9, **data)
    )
    with runs.opened_run(config) as directory:
        directory.best_metrics.write_text(json.dumps(METRICS))
        directory.record_counts.write_text(json.dumps({"files": [["train.tfrecord", 1, 2, 1234]]}))
        directory.environment.write_text(json.dumps({"versions": {"yt8m": "0.1.0", "keras": "3.9"}, "directory": "/"}))
    (place / "train.tfrecord").write_bytes(b"")
    (place / "vocabulary.csv").write_text('Index,Name\n0,Guitar\n2,"Car, red"\n')
    return config


def facts(out="exports/mine.onnx", format="onnx", **changes) -> CardFacts:
    return CardFacts(**{"out": out, "format": format, "num_parameters": 98765, "license": "", "flags": ()} | changes)


def parts_of(card: str) -> tuple[dict, dict[str, str]]:
    """The header, and the text below each heading."""
    _, header, text = re.split(r"^---\n", card, maxsplit=2, flags=re.MULTILINE)
    headings = re.split(r"^#+ (.*)\n", text, flags=re.MULTILINE)[1:]
    return yaml.safe_load(header), dict(zip(headings[::2], headings[1::2], strict=True))


def test_the_header_is_what_hugging_face_reads(config):
    header, _ = parts_of(model_card(config.run, config, facts(license="cc-by-4.0")))
    assert (header["license"], header["pipeline_tag"]) == ("cc-by-4.0", "video-classification")
    assert {"netvlad", "onnx", "youtube-8m"} <= set(header["tags"])
    (entry,) = header["model-index"]
    (result,) = entry["results"]
    assert (entry["name"], result["task"]["type"]) == ("mine", "video-classification")
    assert set(result["dataset"]) == {"type", "name"}
    assert {each["type"]: each["value"] for each in result["metrics"]} == {
        key: METRICS[key] for key in ("gap", "map", "hit_at_1", "perr")
    }


def test_data_metrics_classes_license_and_commands_are_told(config):
    change = MetricChange("gap", 0.75, 0.7484, 7)
    flags = ("--float16", "--license", "mit")
    _, parts = parts_of(model_card(config.run, config, facts(license="mit", flags=flags, change=change)))
    assert list(parts) == ["mine", "Use", "Data", "Metrics", "Classes", "License", "Commands"]
    assert "98,765 parameters" in parts["mine"]
    assert "rgb (1024 values) and clip (512 values), with labels of 3 classes." in parts["Data"]
    assert "learned from 1234 records" in parts["Data"]
    assert "| GAP | 0.7500 |" in parts["Metrics"]
    assert "the 13 videos of the validation split. They chose the best step, 40," in parts["Metrics"]
    assert "GAP is 0.7484 instead of 0.7500 on 7 videos" in parts["Metrics"]
    assert "0 Guitar\n1 Class 1\n2 Car, red\n" in parts["Classes"]
    assert "The weights: `mit`." in parts["License"]
    assert "yt8m train netvlad --data.root DATA " in parts["Commands"]
    assert "--data.max-frames 9" in parts["Commands"]
    assert "yt8m export --run RUN --format onnx --out mine.onnx --float16 --license mit\n" in parts["Commands"]
    assert "Trained with yt8m 0.1.0, keras 3.9." in parts["Commands"]


@pytest.mark.parametrize(
    "lengths", [{}, {"num_epochs": 2.0, "validate_every_minutes": 5.0}, {"validate_every_steps": 7}]
)
def test_the_command_of_a_counted_run_can_be_typed(config, lengths):
    recipe = make_config("moe")
    training = recipe.training.in_place_of(**lengths).counted(1000)
    config = dataclasses.replace(recipe, run=config.run, data=config.data, training=training)
    _, parts = parts_of(model_card(config.run, config, facts()))
    (line,) = [line for line in parts["Commands"].splitlines() if line.startswith("yt8m train")]
    read = configure("train", shlex.split(line)[2:])
    assert read.training.counted(1000) == training


def test_no_place_is_told(config):
    card = model_card(config.run, config, facts(out=f"{Path(config.run).parent}/mine.onnx"))
    assert "private" not in card
    assert "host:5000" not in card
    assert "--data.fold folds.csv:1" in card


def test_what_a_run_does_not_know_is_said(config):
    run = RunDirectory(Path(config.run))
    for path in (run.best_metrics, run.record_counts, run.environment):
        path.unlink()
    config = dataclasses.replace(config, recipe="", data=dataclasses.replace(config.data, train=()))
    header, parts = parts_of(model_card(config.run, config, facts()))
    assert not {"license", "metrics", "model-index"} & set(header)
    assert "learned from" not in parts["Data"]
    assert parts["Metrics"].strip() == "Not known: the run holds no validation of its weights."
    assert "names are not known" in parts["Classes"]
    assert "not stated" in parts["License"]
    assert "yt8m train" not in parts["Commands"]


@pytest.mark.parametrize(
    ("format", "words"),
    [
        ("saved-model", 'tf.saved_model.load("mine")'),
        ("keras", 'keras.models.load_model("mine")'),
        ("litert", 'Interpreter("mine")'),
        ("onnx", 'InferenceSession("mine")'),
        ("archive", "yt8m unpack mine --out"),
    ],
)
def test_the_first_lines_of_code_are_those_of_the_format(config, format, words):
    _, parts = parts_of(model_card(config.run, config, facts("exports/mine", format)))
    assert words in parts["Use"]
    if format in ("saved-model", "litert", "onnx"):
        videos = "1" if format == "litert" else "videos"  # at a time
        assert f"| `clip` | float32 [{videos}, frames, 512] |" in parts["Use"]
        assert f"| `num_frames` | int32 [{videos}] |" in parts["Use"]


def test_a_card_replaces_the_one_of_the_same_file_only(config, tmp_path):
    out = tmp_path / "mine.onnx"
    card = card_path(out, "onnx")
    assert card == tmp_path / "README.md"
    card.write_text(model_card(config.run, config, facts(out)))
    assert card_path(out, "onnx") == card
    assert card_path(tmp_path / "other.onnx", "onnx") == tmp_path / "other.onnx.README.md"
    card.write_text("# My own page\n")
    assert card_path(out, "onnx") == tmp_path / "mine.onnx.README.md"
    assert card_path(tmp_path / "mine", "saved-model") == tmp_path / "mine" / "README.md"


@pytest.mark.parametrize("name", ["CC BY 4.0", "cc-by-4.0\ntags: x", "-"])
def test_a_license_is_an_identifier(name):
    check_license("")
    check_license("apache-2.0")
    with pytest.raises(InputError, match="is no identifier of a license"):
        check_license(name)
