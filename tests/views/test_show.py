"""One video, found, scored over time and drawn."""

import json
import shutil

import numpy as np
import pytest
from matplotlib.image import imread
from small_runs import configure

import yt8m as package
from yt8m.commands import reports
from yt8m.data.identity import read_ids
from yt8m.data.records import Ratings, frame_level_record, framed, video_level_record
from yt8m.errors import InputError, RecordError
from yt8m.views import picture
from yt8m.views.finding import find_video, id_bytes
from yt8m.views.picture import draw_video, plain
from yt8m.views.video import (
    Rating,
    Scores,
    VideoView,
    view_video,
)


def frames(length, value=None):
    random = np.random.default_rng(length)
    return {
        name: random.integers(0, 256, (length, size), np.uint8)
        if value is None
        else np.full((length, size), value, np.uint8)
        for name, size in (("rgb", 1024), ("audio", 128))
    }


def write(path, *records):
    path.write_bytes(b"".join(map(framed, records)))
    return str(path)


@pytest.fixture(scope="module")
def run(sample, tmp_path_factory):
    """A logistic regression on means, which no matter of order or number of frames can hide from."""
    directory = tmp_path_factory.mktemp("runs") / "logistic"
    package.train(configure(directory, sample, data={"features": ("rgb", "audio")}))
    return directory


MEANS = {"rgb": np.zeros(1024, np.float32), "audio": np.ones(128, np.float32)}


def test_an_id_is_found_at_every_level_the_most_telling_first(sample, tmp_path):
    other = write(
        tmp_path / "other.tfrecord", video_level_record("else", [1], MEANS), video_level_record("same", [2], MEANS)
    )
    ratings = Ratings(start_times=[5], end_times=[10], labels=[3], scores=[1.0])
    rated = write(tmp_path / "rated.tfrecord", frame_level_record("same", [2], frames(12), ratings))
    plain_frames = write(tmp_path / "frames.tfrecord", *(frame_level_record("same", [2], frames(12)) for _ in range(2)))
    found = find_video("same", [other, plain_frames, rated])
    assert [(each.path, each.record, each.level) for each in found] == [
        (rated, 0, "segment"),
        (plain_frames, 0, "frame"),
        (plain_frames, 1, "frame"),
        (other, 1, "video"),
    ]
    for path in sorted((sample / "2/frame/validate").iterdir()):
        for index, video_id in enumerate(read_ids([str(path)])[:2]):
            (only,) = find_video(video_id, [str(path)])
            assert only.record == index


def test_an_id_is_text_or_bytes_or_bytes_as_printed():
    assert {id_bytes("abcd"), id_bytes(b"abcd"), id_bytes("b'abcd'"), id_bytes('b"abcd"')} == {b"abcd"}
    assert id_bytes("ä") == "ä".encode()


def test_an_id_that_is_not_there_and_one_that_only_looks_so(tmp_path):
    record = video_level_record("abcde", [1], MEANS)
    path = write(tmp_path / "x.tfrecord", record, record)
    for wanted in ("abcd", "mean_rgb"):
        with pytest.raises(
            InputError, match=f"{wanted}: no record has this id; searched 2 records in 1 file, from .*x.tf"
        ):
            find_video(wanted, [path])


def test_a_broken_record_is_named(tmp_path):
    path = tmp_path / "x.tfrecord"
    write(
        path, video_level_record("abcd", [1], MEANS), video_level_record("other", [1], {"rgb": np.zeros(3, np.float32)})
    )
    assert len(find_video("abcd", [str(path)])) == 1
    with pytest.raises(RecordError, match="record 1: mean_rgb has 3 values, not 1024"):
        find_video("other", [str(path)])
    content = path.read_bytes()
    path.write_bytes(content[:-6] + b"x" + content[-5:])
    with pytest.raises(RecordError, match="record 1: its data do not match their checksum"):
        find_video("abcd", [str(path)])


def probabilities(run, stored):
    """Of a logistic regression on the means, by hand."""
    model = package.load_run(run)
    means = {
        f"mean_{name}": (rows.astype(np.float64) * 4 / 255 + 4 / 512 - 2).mean(axis=0) for name, rows in stored.items()
    }
    logits = model({name: np.float32(values)[None] for name, values in means.items()})
    return 1 / (1 + np.exp(-np.float64(logits)))[0]


@pytest.mark.thorough
def test_scores_of_windows_are_those_of_their_frames(run, tmp_path):
    stored = frames(23)
    ratings = Ratings(start_times=[15, 5], end_times=[20, 10], labels=[3, 7], scores=[0.0, 1.0])
    path = write(tmp_path / "x.tfrecord", frame_level_record("abcd", [2, 5], stored, ratings))
    view = view_video("abcd", path, run, window=8, stride=6)
    assert (view.labels, view.level, view.num_frames, view.features) == ((2, 5), "segment", 23, ("rgb", "audio"))
    assert view.ratings == (Rating(5, 7, 1.0), Rating(15, 3, 0.0))
    assert view.scores.starts.tolist() == [0, 6, 12, 18]
    np.testing.assert_allclose(view.scores.video, probabilities(run, stored), atol=2e-6)
    for start, row in zip(view.scores.starts, view.scores.windows, strict=True):
        part = {name: rows[start : start + 8] for name, rows in stored.items()}
        np.testing.assert_allclose(row, probabilities(run, part), atol=2e-6)
    surest = np.argsort(-view.scores.video).tolist()
    assert view.classes(2) == surest[:2] + [each for each in surest[2:] if each in {2, 3, 5, 7}]
    difference = np.diff(stored["rgb"].astype(np.float64) * 4 / 255, axis=0)
    np.testing.assert_allclose(view.changes["rgb"], np.sqrt((difference**2).mean(axis=1)), rtol=1e-5)


@pytest.mark.parametrize("window", [10, 10**12])
def test_a_window_ends_with_the_video(window, run, figures, tmp_path):
    stored = frames(5)
    path = write(tmp_path / "x.tfrecord", frame_level_record("abcd", [2], stored))
    shown = view_video("abcd", path, run, window=window)
    assert (shown.scores.starts.tolist(), shown.scores.window) == ([0], 5)
    np.testing.assert_allclose(shown.scores.windows, shown.scores.video[None], atol=1e-6)
    assert reports.viewed(shown).count(", from 0 to 5 s") == len(shown.classes())
    draw_video(shown, tmp_path / "x.png")
    _, _, times, _ = figures[0].axes
    assert (times.get_title(loc="left"), times.get_xlim()) == ("Windows of 5 s", (0, 5))
    (heat,) = times.collections
    assert heat.get_coordinates()[..., 0].max() == 5


def test_a_video_without_frames_is_named_where_a_run_cannot_score_it(run, sample, tmp_path):
    path = write(
        tmp_path / "x.tfrecord", frame_level_record("other", [1], frames(2)), frame_level_record("abcd", [1], {})
    )
    message = r"x\.tfrecord, record 1: has no frames, so .*logistic has nothing to score; name other records or no run$"
    with pytest.raises(RecordError, match=f"^{tmp_path}/{message}"):
        view_video("abcd", path, run)
    view = view_video("abcd", path)
    assert (view.num_frames, view.features, view.labels) == (0, (), (1,))


@pytest.mark.thorough
def test_a_video_of_means_has_no_time(run, tmp_path):
    means = {"rgb": np.full(1024, 0.25, np.float32), "audio": np.full(128, -0.5, np.float32)}
    path = write(tmp_path / "x.tfrecord", video_level_record("abcd", None, means))
    view = view_video(b"abcd", path, run)
    assert (view.labels, len(view.scores.starts), view.scores.windows.shape) == (None, 0, (0, 12))
    logits = package.load_run(run)({f"mean_{name}": values[None] for name, values in means.items()})
    np.testing.assert_allclose(view.scores.video, 1 / (1 + np.exp(-np.float64(logits)))[0], atol=1e-6)
    draw_video(view, tmp_path / "x.png")
    assert imread(tmp_path / "x.png").ndim == 3


@pytest.mark.thorough
def test_the_command_prints_and_draws(run, sample, tmp_path, capfd):
    from yt8m.cli import main

    split, out = sample / "3/frame/validate", tmp_path / "some/video.png"
    (video_id, *_) = read_ids([str(sorted(split.iterdir())[0])])
    with pytest.raises(SystemExit) as ended:
        main(["show", video_id.decode(), "--data", str(split), "--run", str(run), "--out", str(out), "--verbose"])
    assert ended.value.code == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith(f"{video_id.decode()}: {split}/validate0000.tfrecord, record 0; segment level, ")
    assert sum(" s  present" in line or " s  absent" in line for line in lines) >= 3
    assert lines[-1] == f"{out}: drawn"
    assert imread(out).ndim == 3


def assert_refused(main, capfd, arguments, message):
    with pytest.raises(SystemExit) as ended:
        main([*map(str, arguments), "--verbose"])
    out, err = capfd.readouterr()
    assert (ended.value.code, out, len(err.splitlines())) == (2, "", 1)
    assert message in err


def test_mistakes_are_one_line(run, sample, tmp_path, capfd, monkeypatch):
    from yt8m.cli import main

    data = sample / "2/frame/test"
    for arguments, message in (
        (
            ["show", "nope", "--data", data, "--out", tmp_path / "x.png"],
            "nope: no record has this id; searched 13 records in 2",
        ),
        (["show", "", "--data", data, "--out", tmp_path / "x.png"], "the id is empty"),
        (["show", "nope", "--data", data, "--out", tmp_path], "this is a directory; name a file in it"),
        (["show", "nope", "--data", data, "--run", tmp_path / "r", "--out", tmp_path / "x.png"], "r: no run directory"),
        (["show", "nope", "--data", data], "--out PATH is missing"),
        (
            ["show", "nope", "--data", data, "--out", tmp_path / "x.png", "--window", "0"],
            "--window is 0; it must be at least 1",
        ),
        (
            ["show", "nope", "--data", data, "--out", tmp_path / "new/x.jpg"],
            "new/x.jpg: pictures are written as PNG; name a file that ends in .png",
        ),
        (["show", "nope", "--data", data, "--out", tmp_path / "png"], "/png: pictures are written as PNG"),
    ):
        assert_refused(main, capfd, arguments, message)
    monkeypatch.setattr("yt8m.views.video.find_video", lambda *_: pytest.fail("the records are searched"))
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        view_video("abc", str(data), vocabulary="none.csv")
    monkeypatch.undo()
    audio = write(tmp_path / "x.tfrecord", frame_level_record("-abc", [1], {"audio": frames(5)["audio"]}))
    only_rgb = tmp_path / "rgb"
    shutil.copytree(run, only_rgb)
    config = json.loads((only_rgb / "config.json").read_text())
    config["data"]["features"] = ["rgb"]
    (only_rgb / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr("yt8m.runs.model.load_run", lambda run: None)
    monkeypatch.setattr("yt8m.scoring.scorer.Scorer", lambda model: None)
    with pytest.raises(RecordError, match=r"x\.tfrecord, record 0: has audio, and .*rgb reads rgb"):
        view_video("-abc", audio, only_rgb)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["rgb", "x.tfrecord"]


def view(**changes):
    values = {
        "video_id": "a$b$",
        "path": "x.tfrecord",
        "record": 3,
        "level": "segment",
        "num_frames": 20,
        "features": ("rgb",),
        "labels": (1, 4711),
        "ratings": (Rating(5, 1, 1.0), Rating(10, 2, 0.0)),
        "also": (),
        "changes": {"rgb": np.arange(19.0)},
        "means": {},
        "scores": Scores(
            "run", np.array([0.1, 0.7, 0.2]), np.array([0, 10]), 10, np.array([[0.1, 0.9, 0.3], [0.2, 0.5, 0.0]])
        ),
        "names": {1: "A class $ of a name that does not end, and does not end $", 2: "二"},
    }
    return VideoView(**{**values, **changes})


@pytest.fixture
def figures(monkeypatch):
    drawn = []
    monkeypatch.setattr(picture, "save_figure", lambda figure, path: drawn.append(figure))
    return drawn


def test_what_is_drawn(figures, tmp_path):
    draw_video(view(), tmp_path / "x.png")
    features, bars, times, _ = figures[0].axes
    names = [text.get_text() for text in bars.get_yticklabels()]
    assert names == [r"A class \$ of a name that does …", "二", "Class 0", "Class 4711"]
    assert [text.get_fontweight() for text in bars.get_yticklabels()] == ["bold", "normal", "normal", "bold"]
    assert [bar.get_width() for bar in bars.patches] == [0.7, 0.2, 0.1, 0.0]
    (heat,) = times.collections
    np.testing.assert_array_equal(heat.get_array().reshape(4, 2), [[0.9, 0.5], [0.3, 0.0], [0.1, 0.2], [0.0, 0.0]])
    boxes = [(box.get_x(), box.get_y() + 0.42, box.get_width(), box.get_linestyle()) for box in times.patches]
    assert boxes == [(5, 0, 5, "-"), (10, 1, 5, ":")]
    np.testing.assert_array_equal(features.lines[0].get_ydata(), np.arange(19))


def test_times_are_below_each_other(figures, tmp_path):
    draw_video(view(names={}), tmp_path / "x.png")
    figures[0].draw_without_rendering()
    features, _, times, _ = figures[0].axes
    assert features.get_xlim() == times.get_xlim() == (0, 20)
    for edge in ("x0", "x1"):
        assert getattr(features.get_position(), edge) == pytest.approx(getattr(times.get_position(), edge), abs=1e-3)


@pytest.mark.parametrize("changes", [{"rgb": np.array([1.71, 1.7])}, {"rgb": np.zeros(3)}, {"rgb": np.zeros(0)}, {}])
def test_changes_have_room_above_them(changes, figures, tmp_path):
    draw_video(view(scores=None, ratings=(), changes=changes), tmp_path / "x.png")
    (axes,) = figures[0].axes
    low, high = axes.get_ylim()
    assert low == 0
    assert high > 1.05 * max((values.max() for values in changes.values() if len(values)), default=0)


def test_without_scores_and_ratings_the_labels_are_in_the_title(figures, tmp_path):
    draw_video(view(scores=None, ratings=()), tmp_path / "x.png")
    (axes,) = figures[0].axes
    assert figures[0].get_suptitle().splitlines()[1] == r"labels: A class \$ of a name that does …, Class 4711"
    assert axes.get_xlabel() == "seconds"
    draw_video(view(scores=None, ratings=(), labels=None), tmp_path / "x.png")
    assert figures[1].get_suptitle().splitlines()[1] == "no labels"


def test_a_picture_with_letters_that_the_font_lacks_is_drawn_without_a_word(tmp_path, recwarn):
    draw_video(view(), tmp_path / "x.png")
    assert imread(tmp_path / "x.png").ndim == 3
    assert not recwarn.list


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("short", "short"),
        ("x" * 12, "xxxxxxxxx…"),
        ("two words more", "two words …"),
        ("a$b", r"a\$b"),
        ("a" * 20 + " b", "a" * 10 + "…"),
    ],
)
def test_names_are_cut_where_they_are_long(name, shown):
    assert plain(name, 11 if " " in name else 10) == shown


def test_the_text_says_what_the_picture_shows():
    assert reports.viewed(view(also=(("y.tfrecord", 0),))).splitlines() == [
        "a$b$: x.tfrecord, record 3; segment level, 20 frames, rgb",
        "a$b$: also y.tfrecord, record 0",
        "1 A class $ of a name that does not end, and does not end $  label  0.7000  at most 0.9000, from 0 to 10 s",
        "2 二                                                                 0.2000  at most 0.3000, from 0 to 10 s",
        "0 Class 0                                                           0.1000  at most 0.2000, from 10 to 20 s",
        "4711 Class 4711                                              label",
        "   5 s  present  1 A class $ of a name that does not end, and does not end $",
        "  10 s  absent   2 二",
    ]
    values = json.loads(json.dumps(reports.viewed_values(view())))
    assert values["starts"] == [0, 10]
    assert values["classes"][0] == {
        "class": 1,
        "name": view().names[1],
        "label": True,
        "score": 0.7,
        "windows": [0.9, 0.5],
    }
    assert values["classes"][-1] == {"class": 4711, "name": "Class 4711", "label": True}
    assert values["ratings"] == [{"start": 5, "class": 1, "score": 1.0}, {"start": 10, "class": 2, "score": 0.0}]
