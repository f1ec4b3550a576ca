"""`yt8m label` on records."""

import json

import numpy as np
import pytest
from webvtt_parsing import parse_webvtt

import yt8m as package
from yt8m.cli import main
from yt8m.data.records import Ratings, frame_level_record, framed, video_level_record
from yt8m.data.tables.timed_labels import read_timed_labels
from yt8m.data.tables.videos import VideoRow, videos_table
from yt8m.labelling.labelling import label
from yt8m.labelling.options import LabelOptions

NAMES = {n: f"Class of <{n}>" for n in range(12)}


def frames(length: int, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng((length, seed))
    return {name: random.integers(0, 256, (length, size), np.uint8) for name, size in (("rgb", 1024), ("audio", 128))}


def write(path, *records):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(map(framed, records)))
    return str(path)


@pytest.fixture
def records(tmp_path):
    """Two videos with a vocabulary and a table of videos, of which one was a file."""
    (tmp_path / "data").mkdir()
    rows = "".join(f'{n},"{name}"\n' for n, name in NAMES.items())
    (tmp_path / "data/vocabulary.csv").write_text(f"Index,Name\n{rows}")
    (tmp_path / "data/videos.csv").write_bytes(
        videos_table([VideoRow("abcd", str(tmp_path / "my film.mp4"), 11.28, 12)])
    )
    return write(
        tmp_path / "data/x.tfrecord",
        frame_level_record("abcd", [1], frames(12)),
        frame_level_record("efgh", [], frames(3)),
    )


def command(capfd, *arguments):
    capfd.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["label", *map(str, arguments), "--verbose"])
    return ended.value.code, *capfd.readouterr()


@pytest.mark.thorough
def test_all_outputs_say_the_same(records, run, tmp_path, capfd):
    table, chapters = tmp_path / "out/labels.csv", tmp_path / "out/chapters"
    flags = (records, "--run", run, "--threshold", "0", "--top-k", "3")
    status, out, _ = command(capfd, *flags, "--json", "--csv", table, "--chapters", chapters)
    assert status == 0
    values = json.loads(out)
    assert (values["run"], values["window"], values["problems"]) == (str(run), 5, [])
    first, second = values["videos"]
    assert (first["id"], first["path"], first["seconds"]) == ("abcd", str(tmp_path / "my film.mp4"), 11.28)
    assert (second["id"], second["path"], second["seconds"]) == ("efgh", None, 3.0)
    assert second["source"] == f"{records}, record 1"
    assert [(each["start"], each["end"]) for each in first["windows"]] == [(0, 5), (5, 10), (10, 11.28)]
    assert [(each["start"], each["end"]) for each in second["windows"]] == [(0, 3)]
    for labels in (first["labels"], *(each["labels"] for each in first["windows"])):
        assert [each["name"] for each in labels] == [NAMES[each["class"]] for each in labels]
        surest = [each["probability"] for each in labels]
        assert len(labels) == 3
        assert surest == sorted(surest, reverse=True)
    # A video shorter than a window is one window. It was scored in another batch, so some processors round otherwise.
    whole, window = second["labels"], second["windows"][0]["labels"]
    assert [each["class"] for each in whole] == [each["class"] for each in window]
    surest = [each["probability"] for each in window]
    assert [each["probability"] for each in whole] == pytest.approx(surest, rel=1e-5)

    rows = read_timed_labels(table)
    assert [(each.video, each.start, each.end, each.class_id, each.name) for each in rows] == [
        (video["id"], start, end, each["class"], each["name"])
        for video in values["videos"]
        for start, end, labels in (
            (None, None, video["labels"]),
            *((each["start"], each["end"], each["labels"]) for each in video["windows"]),
        )
        for each in labels
    ]
    assert {each.name for each in chapters.iterdir()} == {"abcd.vtt", "efgh.vtt"}
    cues = parse_webvtt((chapters / "abcd.vtt").read_text())
    best = [each["labels"][0]["name"] for each in first["windows"]]
    assert [next(name for start, end, name in cues if start <= second < end) for second in (2, 7, 11)] == best

    status, out, _ = command(capfd, *flags)
    lines = out.splitlines()
    assert lines[0] == f"abcd: {tmp_path / 'my film.mp4'}, 0:11.3"
    label = first["labels"][0]
    assert lines[1] == f"  {label['probability']:.3f}  {label['name']}"
    assert lines[4].split()[:3] in (
        ["0:00", "to", "0:05"],
        ["0:00", "to", "0:10"],
        ["0:00", "to", "0:11.3"],
    )  # joined if alike
    assert f"efgh: {records}, record 1, 0:03" in lines


def test_no_label_reaches_the_threshold(records, run, tmp_path, capfd):
    chapters = tmp_path / "chapters"
    status, out, _ = command(capfd, records, "--run", run, "--threshold", "1", "--chapters", chapters)
    assert status == 0
    assert out.splitlines()[1:3] == ["  no label", "    no label in any of 3 windows"]
    assert parse_webvtt((chapters / "abcd.vtt").read_text()) == []


def test_bad_records_do_not_end_the_work(run, tmp_path, capfd):
    path = write(
        tmp_path / "x.tfrecord",
        frame_level_record("good", [1], frames(6)),
        frame_level_record("none", [1], {}),
        frame_level_record("last", [1], frames(6)),
    )
    content = bytearray((tmp_path / "x.tfrecord").read_bytes())
    broken = tmp_path / "y.tfrecord"
    content[-100] ^= 1
    broken.write_bytes(bytes(content))
    status, out, _ = command(capfd, path, broken, "--run", run, "--json")
    assert status == 2
    values = json.loads(out)
    assert [each["id"] for each in values["videos"]] == ["good", "last", "good"]
    assert values["problems"] == [
        f"{path}, record 1: has no frames, so {run} has nothing to score; name other records or no run",
        f"{broken}, record 1: has no frames, so {run} has nothing to score; name other records or no run",
        f"{broken}, record 2: its data do not match their checksum",
    ]
    status, out, _ = command(capfd, path, "--run", run)
    assert (status, out.splitlines()[-1]) == (2, values["problems"][0])


def test_means_have_labels_but_no_time(run, tmp_path):
    means = {"rgb": np.full(1024, 0.25, np.float32), "audio": np.full(128, -0.5, np.float32)}
    path = write(tmp_path / "x.tfrecord", video_level_record("abcd", None, means))
    (video,) = label([path], run, LabelOptions(threshold=0, top_k=12)).videos
    logits = package.load_run(run)({f"mean_{name}": values[None] for name, values in means.items()})
    expected = 1 / (1 + np.exp(-np.float64(logits)))[0]
    assert (video.seconds, video.windows, len(video.labels)) == (None, (), 12)
    for each in video.labels:
        assert each.probability == pytest.approx(expected[each.class_id], abs=1e-6)


def test_rated_segments_are_labelled_as_whole_videos(run, tmp_path):
    ratings = Ratings(start_times=[5], end_times=[10], labels=[3], scores=[1.0])
    rated = write(tmp_path / "a/x.tfrecord", frame_level_record("abcd", [1], frames(12), ratings))
    plain = write(tmp_path / "b/x.tfrecord", frame_level_record("abcd", [1], frames(12)))
    ((first,), (second,)) = (label([path], run).videos for path in (rated, plain))
    assert (first.labels, first.windows) == (second.labels, second.windows)


@pytest.mark.thorough
def test_many_videos_are_scored_in_several_groups(run, tmp_path, monkeypatch):
    monkeypatch.setattr("yt8m.labelling.labelling._MOST_VIDEOS", 3)
    records = [frame_level_record(f"v{n}", None, frames(4 + n, n)) for n in range(8)]
    path = write(tmp_path / "x.tfrecord", *records)
    together = label([path], run, LabelOptions(threshold=0)).videos
    for number, record in enumerate(records[::3]):
        (alone,) = label([write(tmp_path / f"{number}.tfrecord", record)], run, LabelOptions(threshold=0)).videos
        for mine, other in zip(together[3 * number].windows, alone.windows, strict=True):
            assert [each.class_id for each in mine.labels] == [each.class_id for each in other.labels]


def test_mistakes_are_one_line(records, run, tmp_path, capfd):
    other = write(tmp_path / "other.tfrecord", frame_level_record("a", [], {"clip": np.zeros((3, 4), np.uint8)}))
    file = tmp_path / "a file"
    file.write_text("")
    for arguments, message in (
        ([tmp_path / "none.tfrecord", "--run", run], "none.tfrecord"),
        ([records, "--run", tmp_path / "r"], "r: no run directory"),
        ([records], "--run DIR is missing"),
        ([records, "--run", run, "--threshold", "1.5"], "--threshold is 1.5; it must be from 0 to 1"),
        ([records, "--run", run, "--window", "0"], "--window is 0; it must be at least 1"),
        ([records, "--run", run, "--csv", records], "x.tfrecord: is one of the files that are read"),
        ([records, "--run", run, "--csv", run / "config.json"], "config.json"),
        ([records, "--run", run, "--chapters", file], "a file: is a file; name a directory for the chapters"),
        ([records, "--run", run, "--vocabulary", file], "a file"),
        ([other, "--run", run], "other.tfrecord, record 0: has clip but not rgb, audio"),
    ):
        status, out, err = command(capfd, *arguments)
        assert (status, out, len(err.splitlines())) == (2, "", 1), (arguments, err)
        assert message in err
