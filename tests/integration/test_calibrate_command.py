"""`yt8m calibrate`, and `--calibration` of the commands that take its file."""

import json

import pytest


@pytest.mark.thorough
def test_the_file_holds_what_json_prints_and_is_used_where_it_is_named(yt8m, tiny_run, sample, tmp_path):
    file = tmp_path / "new" / "calibration.json"
    made = yt8m("calibrate", "--run", tiny_run, "--data", sample / "2/frame/validate", "--out", file, "--json").json
    written = json.loads(file.read_text())
    assert {key: written[key] for key in ("run", "method", "before", "after")} == {
        key: made[key] for key in ("run", "method", "before", "after")
    }
    assert (made["path"], made["method"]) == (str(file), "isotonic")

    plain, calibrated = (
        yt8m("evaluate", "--run", tiny_run, *flags, "--json") for flags in ([], ["--calibration", file])
    )
    assert made["before"]["loss"] == pytest.approx(plain.json["loss"], rel=1e-6)
    assert calibrated.json["loss"] < plain.json["loss"]
    assert f"{file}: was fitted on records that are measured here" in calibrated.err

    text = yt8m("calibrate", "--run", tiny_run, "--out", file)
    assert text.status == 0
    assert [line.split()[0] for line in text.out.splitlines()[1:7]] == ["before", "GAP", "MAP", "Hit@1", "PERR", "Loss"]
    assert f"written  {file}" in text.err


def test_mistakes_are_a_line_and_leave_nothing(yt8m, tiny_run, sample, tmp_path):
    file = tmp_path / "new" / "calibration.json"
    learned = yt8m("calibrate", "--run", tiny_run, "--data", sample / "2/frame/train", "--out", file)
    assert (learned.status, learned.out) == (2, "")
    assert f"yt8m: {tiny_run}: learned from records that it would be calibrated on (" in learned.err
    unknown = yt8m("calibrate", "--run", tiny_run, "--method", "beta", "--out", file)
    assert unknown.status == 2
    assert "--method" in unknown.err.splitlines()[-1]
    data = ("--data", sample / "2/frame/test")
    missing = yt8m("predict", "--run", tiny_run, *data, "--out", tmp_path / "new" / "a.csv", "--calibration", file)
    assert missing.status == 2
    assert missing.err.splitlines()[-1].startswith(f"yt8m: --calibration {file}: cannot be read (")
    assert list(tmp_path.iterdir()) == []
