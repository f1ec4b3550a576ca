"""`yt8m profile` as it is typed."""

import pytest

from yt8m.diagnosing import profiling


@pytest.fixture(autouse=True)
def fast(monkeypatch, tmp_path):
    monkeypatch.setattr(profiling, "NUM_ROUNDS", 1)
    monkeypatch.setattr(profiling, "WINDOW_SECONDS", 0.01)
    monkeypatch.chdir(tmp_path)


def flags(sample):
    return ["--data.train", sample / "2/video/train", "--data.num-classes", "12", "--training.batch-size", "16"]


@pytest.mark.thorough
def test_a_table_and_a_verdict_and_nothing_written(yt8m, sample, tmp_path):
    outcome = yt8m("profile", "logistic", *flags(sample))
    assert outcome.status == 0
    lines = outcome.out.splitlines()
    assert [line.split()[0] for line in lines[:6]] == ["stage", "read", "input", "transfer", "compute", "loop"]
    verdict = lines[lines.index("") + 1]  # after a line on a machine that was busy, if it was
    assert verdict.startswith(("bound by ", "balanced: "))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_one_json_object_and_a_trace(yt8m, sample, tmp_path):
    outcome = yt8m("profile", "logistic", *flags(sample), "--json", "--trace", "trace")
    assert outcome.status == 0
    assert outcome.json["bound_by"] in ("input", "compute", "balanced")
    assert outcome.json["trace"] == "trace"
    assert [path.name for path in tmp_path.iterdir()] == ["trace"]


def test_its_own_flags_stand_beside_the_recipe_s(yt8m):
    shown = yt8m("profile", "netvlad", "--help").out
    for flag in ("--trace DIR", "--json", "--data.train", "--model.num-clusters", "--training.batch-size"):
        assert flag in shown
    assert "Example: yt8m profile netvlad --data.root DIR\n" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "no recipe; write yt8m profile RECIPE [flags]"),
        (["netvlad"], "no training records; name them with --data.train PATH"),
        (["netvlad", "--trase", "x"], "did you mean --trace?"),
        (["netvlad", "--training.batch-size", "0"], "--training.batch-size is 0; it must be at least 1"),
    ],
)
def test_mistakes_are_one_line(yt8m, arguments, message):
    outcome = yt8m("profile", *arguments)
    assert outcome.status == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
