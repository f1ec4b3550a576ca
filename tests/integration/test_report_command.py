"""`yt8m report`: runs in, one file out."""

import json
import os
import re
import shutil
import sys

import pytest

from yt8m.data.identity import read_ids
from yt8m.views.report import building, drawing


@pytest.fixture(autouse=True)
def _draw_no_pictures(monkeypatch):
    """tests/views/report looks at the drawings; here they need only be there."""
    monkeypatch.setattr(drawing, "_svg", lambda draw, title: f'<svg aria-label="{title}"></svg>')


@pytest.fixture(scope="session")
def linear_run(sample, tmp_path_factory):
    """A run of video level on the sample."""
    from small_runs import configure

    from yt8m.training.loop import train

    run = tmp_path_factory.mktemp("runs") / "linear"
    train(configure(run, sample, validate=True))
    return run


def copy_of(run, path, **data):
    """The same run with other data in its configuration."""
    shutil.copytree(run, path)
    config = json.loads((path / "config.json").read_text())
    config["data"] |= data
    (path / "config.json").write_text(json.dumps(config))
    return path


def cells(page, name):
    """The values of a row of the metrics, without marks."""
    row = re.search(rf'<th scope="row">{name}<.*?</tr>', page, re.DOTALL).group()
    return [re.sub(r"<span.*?</span>", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row)]


@pytest.mark.thorough
def test_two_runs_side_by_side(yt8m, linear_run, sample, tmp_path):
    of_frames = copy_of(linear_run, tmp_path / "frames", validate=[str(sample / "2/frame/validate")])
    out = tmp_path / "pages/report.html"
    outcome = yt8m("report", of_frames, linear_run, "--out", out)
    assert outcome.status == 0, outcome.err
    evaluated = [yt8m("evaluate", "--run", run, "--json").json for run in (of_frames, linear_run)]
    page = out.read_text()
    for name, key in (("GAP", "gap"), ("MAP", "map"), ("Hit@1", "hit_at_1"), ("PERR", "perr")):
        shown = [re.match(r"[\d.]+", cell)[0] for cell in cells(page, name)]
        assert shown == [f"{metrics[key]:.4f}" for metrics in evaluated]
        assert all(("<small>" in cell) == (key in ("gap", "map")) for cell in cells(page, name)), "intervals"
    lines = outcome.out.splitlines()
    assert [line.split(": GAP ")[0] for line in lines[:2]] == [str(of_frames), str(linear_run)]
    assert lines[2:] == [f"{out}: 2 runs; open it in a browser"]
    assert os.listdir(out.parent) == ["report.html"]
    assert "different videos" not in page + outcome.err, "the same videos at frame and video level"
    assert page.count("<article>") == 12
    assert "Class 3" in page


@pytest.mark.slow
def test_a_run_of_rated_segments_goes_into_its_directory(yt8m, linear_run, sample, tmp_path):
    run = copy_of(linear_run, tmp_path / "run")
    outcome = yt8m("report", run, "--data", sample / "3/frame/validate")
    assert outcome.status == 0, outcome.err
    evaluated = yt8m("evaluate", "--run", run, "--data", sample / "3/frame/validate", "--json").json
    page = (run / "report.html").read_text()
    (cell,) = cells(page, "Segment MAP")
    assert cell.partition(" <small>")[0] == f"{evaluated['segment_map']:.4f}"
    assert cells(page, "Segments") == [str(evaluated["num_segments"])]


@pytest.mark.thorough
def test_runs_on_different_records_are_told_apart(yt8m, linear_run, sample, tmp_path):
    part = copy_of(linear_run, tmp_path / "part", validate=[str(sample / "2/video/validate/validate0000.tfrecord")])
    outcome = yt8m("report", linear_run, part, "--out", tmp_path / "report.html")
    assert outcome.status == 0, outcome.err
    (line,) = (line for line in outcome.err.splitlines() if "scored on different" in line)
    assert re.fullmatch(
        rf"scored on different videos, so their figures cannot be compared: {linear_run} on 13, {part} on \d+; "
        "--data names the same for all",
        line,
    )
    page = (tmp_path / "report.html").read_text()
    assert line in page
    assert "(best)" not in page.split('id="throughput"')[0]


def test_what_is_wrong_is_said_before_the_work(yt8m, linear_run, sample, tmp_path, monkeypatch):
    monkeypatch.setattr(building, "measure_run", lambda *_, **__: pytest.fail("the work began"))
    (tmp_path / "broken.csv").write_text("Index,Name\n1,A\n1,B\n")
    unfinished = copy_of(linear_run, tmp_path / "unfinished")
    shutil.rmtree(unfinished / "best")
    gone = copy_of(unfinished, tmp_path / "gone")
    (unfinished / "metrics.jsonl").unlink()
    blind = copy_of(linear_run, tmp_path / "blind", validate=[])
    larger = copy_of(linear_run, tmp_path / "larger", num_classes=20)
    segments = copy_of(linear_run, tmp_path / "segments", validate=[str(sample / "3/frame/validate")])
    before = sorted(tmp_path.rglob("*"))
    link = os.path.join(linear_run, "..", linear_run.name)
    for arguments, message in (
        ((tmp_path / "none",), f"{tmp_path}/none: no run directory (it has no config.json); train one with --run"),
        ((linear_run, link), f"{linear_run}: is named twice; name each run once"),
        ((linear_run, unfinished), f"{unfinished}: has no best/model.weights.h5 yet; let training reach its first validation"),
            ((linear_run, gone), f"{gone}: best/model.weights.h5 is gone; the same `yt8m train` command restores it"),
        ((blind,), f"{blind}: was trained without a validate split; name the records with --data"),
        ((linear_run, larger), f"{larger}: has 20 classes, and {linear_run} 12; report them apart"),
        (
            (linear_run, segments),
            f"{segments}: is scored on rated segments, and {linear_run} on whole videos; report them apart, or name records",
        ),
        ((linear_run, "--data", tmp_path / "nothing"), f"{tmp_path}/nothing: "),
        ((linear_run, "--data"), "--data is followed by no path; name files, directories or globs"),
        ((linear_run, "--out", tmp_path), f"{tmp_path}: this is a directory; name a file in it"),
        ((linear_run, "--out", tmp_path / "broken.csv/x.html"), f"{tmp_path}/broken.csv/x.html: cannot be written"),
        ((linear_run, "--vocabulary", tmp_path / "broken.csv"), f"{tmp_path}/broken.csv, line 3: class 1 comes a second time"),
        ((linear_run, "--browse", tmp_path / "broken.csv"), f"{tmp_path}/broken.csv: is no page of yt8m browse"),
        ((linear_run, "--vocabulary", tmp_path / "no.csv"), f"{tmp_path}/no.csv: cannot be read"),
    ):  # fmt: skip
        outcome = yt8m("report", *arguments)
        assert outcome.status == 2, outcome.err
        assert outcome.out == ""
        assert outcome.err.startswith(f"yt8m: {message}"), outcome.err
        assert outcome.err.count("\n") == 1
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert yt8m("report", linear_run).err.endswith("): pip install 'yt8m[report]'\n")
    assert sorted(tmp_path.rglob("*")) == before
    assert not (linear_run / "report.html").exists()


@pytest.mark.thorough
def test_the_examples_lead_to_a_page_of_their_videos(yt8m, linear_run, sample, tmp_path):
    """Records of yt8m extract have a videos.csv; then it is said how to make the page."""
    data, page = tmp_path / "own", tmp_path / "pages/own.html"
    shutil.copytree(sample / "2/video/validate", data)
    ids = [name.decode() for name in read_ids(sorted(map(str, data.iterdir())))]
    shutil.copy(sample / "vocabulary.csv", data)
    (data / "videos.csv").write_text("id,path\n" + "".join(f"{name},/videos/{name}.mp4\n" for name in ids))
    told = yt8m("report", linear_run, "--data", data, "--out", tmp_path / "report.html")
    assert (
        f"{data}/videos.csv: names the video files; yt8m browse {data} --out {tmp_path}/videos.html makes" in told.err
    )
    assert yt8m("browse", data, "--out", page, "--frames", "0").status == 0
    told = yt8m("report", linear_run, "--data", data, "--out", tmp_path / "report.html", "--browse", page)
    assert told.status == 0, told.err
    assert "names the video files" not in told.err
    links = re.findall(r'<h3><a href="([^"]*)" rel="noreferrer">([^<]*)</a>', (tmp_path / "report.html").read_text())
    assert len(links) == 12
    assert all(link == f"pages/own.html#{name}@0" and name in ids for link, name in links)


def test_a_broken_record_leaves_the_page_of_before(yt8m, linear_run, sample, tmp_path):
    data, out = tmp_path / "data", tmp_path / "report.html"
    shutil.copytree(sample / "2/video/validate", data)
    broken = data / "validate0000.tfrecord"
    content = bytearray(broken.read_bytes())
    content[200] ^= 1
    broken.write_bytes(content)
    out.write_text("of before")
    outcome = yt8m("report", linear_run, "--data", data, "--out", out)
    assert outcome.status == 2
    assert f"{broken}, record 0: " in outcome.err.splitlines()[-1]
    assert out.read_text() == "of before"
    assert sorted(os.listdir(tmp_path)) == ["data", "report.html"]
