"""`make_clips` as a whole: made videos through one's own network, records of all kinds, and what goes wrong."""

import csv
import functools
import itertools
import json
import shutil

import av
import numpy as np
import opentimelineio
import pytest
from sklearn.metrics import adjusted_rand_score

from yt8m.cli import main
from yt8m.clips import clipping
from yt8m.clips.clipping import make_clips
from yt8m.data.records import frame_level_record, framed, video_level_record
from yt8m.data.tables.clips import read_clips
from yt8m.data.tables.videos import VideoRow, read_videos, videos_table
from yt8m.data.tools.synthetic_videos import make_video, make_world
from yt8m.errors import InputError
from yt8m.extracting.networks.registry import load_network
from yt8m.progress import Messages
from yt8m.video.making import make_scenes


def colours(frames):
    """A network for the tests: the mean and the spread of each colour."""
    return np.concatenate([frames.mean(axis=(1, 2)), frames.std(axis=(1, 2))], axis=1) / 64


@functools.cache
def network():
    return load_network("test_clipping:colours")


@pytest.fixture(scope="module")
def films(tmp_path_factory):
    """Two films with hard cuts alone."""
    return make_scenes(tmp_path_factory.mktemp("films") / "films", 2, 4, seed=3, transitions=["cut"])


def run(words):
    """The exit status of a command."""
    with pytest.raises(SystemExit) as left:
        main([*words, "--verbose"])
    return left.value.code


def near(found, expected, tolerance=1.0):
    """How many of the expected times were found."""
    return sum(any(abs(one - other) <= tolerance for other in found) for one in expected)


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.thorough
@pytest.mark.parametrize("shots", ["features", "pixels"])
def test_cuts_of_films_are_found(shots, films, tmp_path):
    paths = [str(film.path) for film in films]
    result = make_clips(tmp_path / "clips", videos=paths, network=network(), shots=shots)
    assert result.problems == []
    assert result.clips == read_clips(tmp_path / "clips")
    for film in films:
        own = [clip for clip in result.clips if clip.video == film.path.stem]
        assert own[0].start == 0
        assert own[-1].end == pytest.approx(film.seconds, abs=0.11)
        assert all(one.end == other.start for one, other in itertools.pairwise(own))
        assert all(clip.start <= clip.second < clip.end for clip in own)
        starts = [clip.start for clip in own[1:]]
        tolerance = 1.0 if shots == "features" else 0.101
        assert near(film.cuts, starts, tolerance) == len(starts)  # none that is not there
        assert near(starts, film.cuts, tolerance) >= len(film.cuts) - (shots == "features")
    assert list(read_videos(tmp_path / "clips")) == [film.path.stem for film in films]


@pytest.mark.thorough
def test_clips_are_cut_and_timelines_name_the_files(films, tmp_path):
    film = films[0]
    result = make_clips(
        tmp_path / "clips", videos=[str(film.path)], network=network(), shots="pixels", cut=True, clusters=2
    )
    assert result.num_clusters == 2
    table = rows(tmp_path / "clips" / "cut.csv")
    assert [row["path"] for row in table] == [f"cut/{film.path.stem}-{number:03d}.mp4" for number in range(4)]
    for row, clip in zip(table, result.clips, strict=True):
        with av.open(str(tmp_path / "clips" / row["path"])) as container:
            times = [frame.time for frame in container.decode(video=0)]
            assert len(container.streams.audio) == 1
        first, last = float(row["first"]), float(row["last"])
        assert first <= clip.start < clip.end <= last + 0.1
        assert times[0] == 0
        assert times[-1] + 0.1 == pytest.approx(last - first, abs=0.01)
        assert clip.start - first <= 2.0  # key frames are two seconds apart
    timeline = opentimelineio.adapters.read_from_file(str(tmp_path / "clips" / "timelines" / f"{film.path.stem}.otio"))
    assert [len(track) for track in timeline.tracks] == [4, 4]
    starts = [clip.source_range.start_time.to_seconds() for clip in timeline.tracks[0]]
    assert starts == pytest.approx([clip.start for clip in result.clips], abs=0.02)
    assert timeline.tracks[0][0].media_reference.target_url == film.path.as_uri()
    edl = (tmp_path / "clips" / "timelines" / f"{film.path.stem}.edl").read_text()
    assert edl.count("* FROM CLIP NAME: film0000.mp4") == 4


def write_records(path, *videos, features=None):
    """Records of (id, labels, streams)."""
    path.write_bytes(b"".join(framed(frame_level_record(*video)) for video in videos))
    return str(path)


@pytest.fixture(scope="module")
def world():
    return make_world(12, np.random.default_rng(0))


def drawn(world, number, count=None):
    video = make_video(f"v{number}", world, np.random.default_rng([1, number]))
    return video.video_id, video.labels, {name: frames[:count] for name, frames in video.frames.items()}


def test_records_get_the_labels_of_the_video(world, tmp_path):
    (tmp_path / "vocabulary.csv").write_text("Index,Name\n" + "".join(f"{n},Name {n}\n" for n in range(12)))
    videos = [drawn(world, number) for number in range(6)]
    records = write_records(tmp_path / "x.tfrecord", *videos)
    result = make_clips(tmp_path / "clips", [records])
    assert result.num_videos == 6
    for video, labels, streams in videos:
        own = [clip for clip in result.clips if clip.video == video]
        assert {clip.labels for clip in own} == {tuple(f"Name {label}" for label in labels)}
        assert own[-1].end == len(streams["rgb"])
    assert not (tmp_path / "clips" / "videos.csv").exists()
    assert len(list((tmp_path / "clips" / "timelines").iterdir())) == 12


def test_clusters_are_those_of_appearances(world, tmp_path):
    """Each second's cluster against what it shows, which the sample knows."""
    made = [make_video(f"v{number}", world, np.random.default_rng([2, number])) for number in range(30)]
    records = write_records(tmp_path / "x.tfrecord", *((each.video_id, each.labels, each.frames) for each in made))
    result = make_clips(tmp_path / "clips", [records], timelines="none")
    assert not (tmp_path / "clips" / "timelines").exists()
    found, shown = [], []
    for video in made:
        for clip in (clip for clip in result.clips if clip.video == video.video_id):
            found += [clip.cluster] * int(clip.end - clip.start)
        shown += video.appearance.tolist()
    assert adjusted_rand_score(shown, found) > 0.95


@pytest.mark.parametrize("storage", ["float32", "uint8"])
def test_features_of_any_kind(storage, tmp_path):
    random = np.random.default_rng(0)
    places = np.repeat(random.standard_normal((3, 16)), [6, 9, 5], axis=0) * 50 + random.standard_normal((20, 16))
    values = places.astype(np.float32) if storage == "float32" else np.uint8(np.clip(places + 128, 0, 255))
    records = write_records(tmp_path / "x.tfrecord", ("a", [1], {"clip": values}))
    result = make_clips(tmp_path / "clips", [records])
    assert [(clip.start, clip.end) for clip in result.clips] == [(0, 6), (6, 15), (15, 20)]


def test_hard_records(world, tmp_path):
    """One frame, equal frames, no frames, an id with a comma and one twice, in one file."""
    one = drawn(world, 0, 1)[2]
    equal = {"rgb": np.full((9, 1024), 77, np.uint8), "audio": np.full((9, 128), 3, np.uint8)}
    records = write_records(
        tmp_path / "x.tfrecord",
        ("one", [1], one),
        ("a,b/c", [2], equal),
        ("none", [3], {"rgb": np.zeros((0, 1024), np.uint8), "audio": np.zeros((0, 128), np.uint8)}),
        ("one", [1], equal),
        ("silent", [1], {"rgb": drawn(world, 4)[2]["rgb"]}),
    )
    messages = Messages()
    result = make_clips(tmp_path / "clips", [records], progress=messages)
    assert [(clip.video, clip.start, clip.end) for clip in result.clips[:2]] == [("one", 0, 1), ("a,b/c", 0, 9)]
    assert {clip.video for clip in result.clips} == {"one", "a,b/c", "silent"}
    assert messages.lines == ["1 record has no frames, and so no clips"]
    assert len(result.problems) == 1
    assert "x.tfrecord, record 3: video 'one' comes a second time" in result.problems[0]
    assert (tmp_path / "clips" / "timelines" / "a%2Cb%2Fc.edl").exists()
    assert read_clips(tmp_path / "clips") == result.clips


def test_a_broken_record_and_nan_are_told_and_the_rest_is_done(tmp_path):
    good, bad = np.ones((5, 3), np.float32), np.full((5, 3), np.nan, np.float32)
    records = write_records(
        tmp_path / "x.tfrecord", ("good", [1], {"own": good}), ("bad", [1], {"own": bad}), ("also", [1], {"own": good})
    )
    result = make_clips(tmp_path / "clips", [records])
    assert [clip.video for clip in result.clips] == ["good", "also"]
    assert len(result.problems) == 1
    assert "x.tfrecord, record 1: own frame 0 has a value that is NaN or infinite" in result.problems[0]


def test_nothing_to_divide(tmp_path):
    means = {"rgb": np.zeros(1024, np.float32), "audio": np.zeros(128, np.float32)}
    (tmp_path / "v.tfrecord").write_bytes(framed(video_level_record("a", [1], means)))
    with pytest.raises(InputError, match="is a video-level record, frame-level was expected"):
        make_clips(tmp_path / "clips", [str(tmp_path / "v.tfrecord")])
    empty = {"rgb": np.zeros((0, 1024), np.uint8), "audio": np.zeros((0, 128), np.uint8)}
    records = write_records(tmp_path / "x.tfrecord", ("a", [1], empty))
    with pytest.raises(InputError, match="no video has a frame"):
        make_clips(tmp_path / "clips", [records])
    assert not (tmp_path / "clips").exists()


def test_more_clusters_than_clips_leave_nothing(world, tmp_path):
    records = write_records(tmp_path / "x.tfrecord", drawn(world, 0, 1))
    with pytest.raises(InputError, match="--clusters is 2, and there are only 1 clip"):
        make_clips(tmp_path / "clips", [records], clusters=2)
    assert not (tmp_path / "clips").exists()


def test_a_directory_that_is_not_empty_is_refused_before_the_work(world, tmp_path, monkeypatch):
    monkeypatch.setattr(clipping, "Records", None)
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="is not an empty directory"):
        make_clips(tmp_path / "clips", ["x"])
    assert [each.name for each in (tmp_path / "clips").iterdir()] == ["mine.txt"]


def test_records_with_their_videos_and_one_that_is_gone(films, tmp_path):
    """videos.csv beside the records leads to the files; without one, features decide."""
    names = [film.path.stem for film in films]
    lengths = [int(np.ceil(film.seconds)) for film in films]
    frames = [{"own": np.random.default_rng(n).standard_normal((n, 4)).astype(np.float32)} for n in lengths]
    write_records(tmp_path / "x.tfrecord", *((name, [1], each) for name, each in zip(names, frames, strict=True)))
    gone = tmp_path / "gone.mp4"
    table = [
        VideoRow(names[0], str(films[0].path), films[0].seconds, lengths[0]),
        VideoRow(names[1], str(gone), films[1].seconds, lengths[1]),
    ]
    (tmp_path / "videos.csv").write_bytes(videos_table(table))
    messages = Messages()
    result = make_clips(tmp_path / "a", [str(tmp_path / "x.tfrecord")], progress=messages)
    assert result.problems == []
    assert [line.split(": ")[1] for line in messages.lines] == ["no such file; the timelines of film0001 name no file"]
    assert [clip.end for clip in result.clips if clip.video == names[0]][-1] == films[0].seconds
    result = make_clips(tmp_path / "b", [str(tmp_path / "x.tfrecord")], shots="pixels", cut=True)
    starts = [clip.start for clip in result.clips if clip.video == names[0]]
    assert starts == pytest.approx([0, *films[0].cuts], abs=0.101)
    assert result.problems == [
        f"{gone}: no such file; the clips are those of its features",
        f"{gone}: no such file",
    ]
    assert {cut.clip.video for cut in result.cuts} == {names[0]}
    (tmp_path / "videos.csv").unlink()


@pytest.mark.thorough
@pytest.mark.usefixtures("_signal_handlers")
def test_the_command(films, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bad = tmp_path / "videos" / "bad.mp4"
    bad.parent.mkdir()
    bad.write_bytes(b"none")
    shutil.copy(films[0].path, bad.parent)
    flags = ["--out", "clips", "--network", "test_clipping:colours"]
    assert run(["clips", "videos", *flags, "--cut"]) == 2
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("clips/clips.csv: 3 clips in ")
    assert lines[0].split("; ")[0].endswith("of 1 video")
    assert lines[1].startswith("cluster 0  ")
    assert any(line.startswith("clips/cut: 3 files, not encoded again.") for line in lines)
    assert lines[-1].endswith("bad.mp4: is no video, or is cut off before its index")
    bad.unlink()
    flags[1] = "more"
    assert run(["clips", str(bad.parent), *flags, "--shots", "pixels", "--json"]) == 0
    values = json.loads(capfd.readouterr().out)
    assert (values["num_clips"], values["num_videos"], values["problems"]) == (4, 1, [])
    assert run(["clips", str(bad.parent), *flags]) == 2
    assert "more is not an empty directory" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--out", "clips", "--run", "runs/none"], "runs/none: no run directory"),
        (["--out", "full"], "full is not an empty directory"),
    ],
)
@pytest.mark.usefixtures("_signal_handlers")
def test_mistyped_directories_are_told_before_a_network_is_loaded(words, reason, films, tmp_path, capfd, monkeypatch):
    """As loading one takes seconds. A network that cannot be loaded would be told instead."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").touch()
    assert run(["clips", str(films[0].path), *words, "--network", "no_such_networks:colours"]) == 2
    assert reason in capfd.readouterr().err
    assert not (tmp_path / "clips").exists()


def test_flags_name_a_network_as_those_of_extract_do(films, tmp_path, monkeypatch, capfd):
    asked = []
    monkeypatch.setattr(
        "yt8m.extracting.networks.registry.load_network", lambda name, **files: asked.append((name, files)) or network()
    )
    film = str(films[0].path)
    (tmp_path / "pca.npz").write_bytes(b"")
    (tmp_path / "networks").mkdir()
    monkeypatch.chdir(tmp_path)
    assert run(["clips", film, "--out", "a", "--folder", "networks"]) == 0
    assert (
        run(["clips", film, "--out", "b", "--network", "keras:ConvNeXtTiny", "--weights", "w.h5", "--pca", "pca.npz"])
        == 0
    )
    nothing = {"folder": None, "weights": None, "pca": None}
    assert asked == [
        ("yt8m", nothing | {"folder": str(tmp_path / "networks")}),
        ("keras:ConvNeXtTiny", nothing | {"weights": str(tmp_path / "w.h5"), "pca": str(tmp_path / "pca.npz")}),
    ]
    assert read_clips(tmp_path / "a") == read_clips(tmp_path / "b")
