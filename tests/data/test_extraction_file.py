"""`extraction.json`: how records were made."""

import json

import pytest

from yt8m.data.extraction import (
    Extraction,
    FileState,
    NetworkChoice,
    described_features,
    find_extraction,
    read_extraction,
    write_extraction,
)
from yt8m.data.features import KNOWN, Feature
from yt8m.errors import InputError

MADE = Extraction(
    NetworkChoice("yt8m", folder="/networks", pca="/pca.npz"),
    {"name": "yt8m", "files": {"a.pb": "12ab"}},
    (KNOWN["rgb"], Feature("log_mel", 128, "uint8", -5.0, 7.0)),
    max_frames=300,
    rounding="nearest",
    files={"cat": FileState(10, 1795899812734303424, (1, 2)), "dog": FileState(11, 0, ()), "owl": FileState(12, 1)},
)


def test_it_comes_back(tmp_path):
    path = tmp_path / "extraction.json"
    write_extraction(path, MADE)
    assert read_extraction(path) == read_extraction(tmp_path) == MADE
    values = json.loads(path.read_text())
    assert values["features"] == ["rgb", "log_mel:128:uint8:-5:7"]
    assert values["options"] == {"level": "frame", "max_frames": 300, "rounding": "nearest"}


def test_it_is_found_from_records_below(tmp_path):
    write_extraction(tmp_path / "extraction.json", MADE)
    (tmp_path / "parts" / "train").mkdir(parents=True)
    records = tmp_path / "parts" / "train" / "a.tfrecord"
    assert find_extraction(records) == tmp_path / "extraction.json"
    assert list(described_features(records)) == ["rgb", "log_mel"]
    assert described_features("/nowhere/a.tfrecord") == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("[1]", r"is damaged \(TypeError"),
        ("{}", r"is damaged \(KeyError: 'version'\)"),
        ('{"version": 2}', "another version of yt8m wrote it"),
        ("x", "is not JSON"),
    ],
)
def test_a_damaged_one_is_told(tmp_path, content, reason):
    (tmp_path / "extraction.json").write_text(content)
    with pytest.raises(InputError, match=reason):
        read_extraction(tmp_path)


def test_unknown_options_and_features_are_told(tmp_path):
    path = tmp_path / "extraction.json"
    write_extraction(path, MADE)
    values = json.loads(path.read_text())
    for changed in (values | {"options": {"speed": 1}}, values | {"network": {}}, values | {"files": {"a": {}}}):
        path.write_text(json.dumps(changed))
        with pytest.raises(InputError, match="is damaged"):
            read_extraction(path)
    path.write_text(json.dumps(values | {"features": ["clip"]}))
    with pytest.raises(InputError, match=r"extraction\.json: features has 'clip'"):
        read_extraction(path)
