"""Made videos: their classes can be told from pixels and sound, their cuts lie where they should, and seeds decide all."""

import csv
from pathlib import Path

import numpy as np
import pytest

from yt8m.cli import main
from yt8m.data.tables.vocabulary import read_class_names
from yt8m.errors import InputError
from yt8m.video import SAMPLE_RATE, Frame, Sound, making, open_video
from yt8m.video.drawing import CLASSES
from yt8m.video.making import TRANSITIONS, make_scenes, make_videos
from yt8m.video.writing import write_video


def frames_and_sound(path) -> tuple[list[np.ndarray], np.ndarray]:
    pieces = list(open_video(path).pieces())
    sounds = [each.samples for each in pieces if isinstance(each, Sound)]
    return [each.pixels for each in pieces if isinstance(each, Frame)], np.concatenate(sounds)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """One video of each combination of a picture and a sound."""
    directory = tmp_path_factory.mktemp("made") / "videos"
    return directory, make_videos(directory, num_videos=12, seconds=1)


def test_a_set_has_videos_labels_and_a_vocabulary(made):
    directory, videos = made
    assert sorted(path.name for path in directory.iterdir()) == [
        "labels.csv",
        *(f"video{number:04d}.mp4" for number in range(12)),
        "vocabulary.csv",
    ]
    assert read_class_names(directory / "vocabulary.csv") == dict(enumerate(CLASSES))
    rows = rows_of(directory / "labels.csv")
    assert [(directory / row["path"], row["labels"]) for row in rows] == [
        (video.path, ";".join(video.labels)) for video in videos
    ]
    counts = [int(row["TrainVideoCount"]) for row in rows_of(directory / "vocabulary.csv")]
    assert counts == [3, 3, 3, 3, 4, 4]
    assert len({video.labels for video in videos}) == 12


def test_videos_are_small_and_of_the_length_asked_for(made):
    for video in made[1]:
        opened = open_video(video.path)
        frames, sound = frames_and_sound(video.path)
        assert (opened.info.width, opened.info.height, opened.info.seconds) == (160, 90, 1)
        assert len(frames) == 1
        assert sound.size == pytest.approx(SAMPLE_RATE, abs=1000)


def test_tones_can_be_heard(made):
    """The strongest frequency tells the hum and the whistle; without one of them there is next to nothing."""
    for video in made[1]:
        sound = frames_and_sound(video.path)[1][:SAMPLE_RATE]
        strongest = np.abs(np.fft.rfft(sound)).argmax()  # Hz, as this is one second
        loudness = np.sqrt(np.mean(sound**2))
        if "hum" in video.labels:
            assert 80 < strongest < 200
            assert loudness > 0.1
        elif "whistle" in video.labels:
            assert 1000 < strongest < 4000
            assert loudness > 0.1
        else:
            assert loudness < 0.03


def test_pictures_can_be_seen(made):
    """Shapes leave most of the picture to a smooth background; textures have edges everywhere."""
    for video in made[1]:
        picture = frames_and_sound(video.path)[0][0].astype(int)
        edges = np.abs(np.diff(picture, axis=1)).max(axis=2) > 40
        blocks = edges[:, :159].reshape(9, 10, 3, 53).any(axis=(1, 3))
        assert (blocks.mean() > 0.9) == bool({"stripes", "checks"} & set(video.labels)), video


def test_the_seed_decides_every_byte(tmp_path, made):
    again = make_videos(tmp_path / "again", num_videos=2, seconds=1)
    other = make_videos(tmp_path / "other", num_videos=2, seconds=1, seed=1)
    for first, second, third in zip(made[1], again, other, strict=False):
        assert first.path.read_bytes() == second.path.read_bytes() != third.path.read_bytes()


def test_films_change_where_they_say(tmp_path):
    """The greatest changes from a picture to the next are at the cuts."""
    film = make_scenes(tmp_path / "films", num_videos=1, num_scenes=3, transitions=["cut"])[0]
    pictures = all_pictures(film.path)
    change = np.abs(np.diff(pictures.astype(np.int16), axis=0)).mean(axis=(1, 2, 3))
    cuts = sorted(np.argsort(change)[-len(film.cuts) :] + 1)
    assert [cut / 10 for cut in cuts] == list(film.cuts)
    assert len(pictures) == round(film.seconds * 10)


@pytest.mark.thorough
def test_scenes_follow_each_other_and_are_listed(tmp_path):
    films = make_scenes(tmp_path / "films", num_videos=2, num_scenes=3)
    rows = rows_of(tmp_path / "films" / "scenes.csv")
    assert len(rows) == 6
    for film in films:
        own = [row for row in rows if row["path"] == film.path.name]
        assert [float(row["start"]) for row in own[1:]] == list(film.cuts) == [float(row["end"]) for row in own[:-1]]
        assert own[0]["transition"] == ""
        assert {row["transition"] for row in own[1:]} <= set(TRANSITIONS)
        assert all(3 <= scene.end - scene.start <= 8.01 for scene in film.scenes)
        assert all(first.look != second.look for first, second in zip(film.scenes, film.scenes[1:], strict=False))
        assert open_video(film.path).info.seconds == pytest.approx(film.seconds)


@pytest.mark.parametrize("transition", ["dissolve", "fade", "wipe"])
def test_transitions_mix_two_scenes_for_a_second(tmp_path, transition):
    film = make_scenes(tmp_path / "films", num_videos=1, num_scenes=2, transitions=[transition])[0]
    pictures, cut = all_pictures(film.path).astype(int), round(film.cuts[0] * 10)
    before, middle, after = pictures[cut - 6], pictures[cut], pictures[cut + 6]
    if transition == "fade":
        assert middle.mean() < 12 < min(before.mean(), after.mean())
    elif transition == "wipe":
        # Looks move, so the halves are like those of the scenes, not the same.
        assert np.abs(middle[:, :75] - after[:, :75]).mean() < np.abs(middle[:, :75] - before[:, :75]).mean()
        assert np.abs(middle[:, 85:] - before[:, 85:]).mean() < np.abs(middle[:, 85:] - after[:, 85:]).mean()
    else:
        colours = [each.reshape(-1, 3).mean(axis=0) for each in (before, middle, after)]
        np.testing.assert_allclose(colours[1], (colours[0] + colours[2]) / 2, atol=6)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--verbose"])
    return ended.value.code


def all_pictures(path: Path) -> np.ndarray:
    import av

    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.thorough
def test_the_command_makes_videos_and_films(tmp_path, capsys):
    assert run("synth", str(tmp_path / "videos"), "--as", "videos", "--num-videos", "1", "--seconds", "1") == 0
    assert run("synth", str(tmp_path / "films"), "--as", "films", "--num-videos", "1") == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].startswith(f"{tmp_path}/videos: 1 video of 1 s in all, 2 classes, ")
    assert shown[1].startswith(f"{tmp_path}/films: 1 video of ")
    assert (tmp_path / "films" / "scenes.csv").is_file()


@pytest.mark.parametrize(
    ("flags", "name"),
    [(["--as", "videos", "--num-shards", "2"], "num-shards"), (["--as", "films", "--seconds", "2"], "seconds")],
)
def test_flags_of_other_forms_are_refused(tmp_path, capsys, flags, name):
    assert run("synth", str(tmp_path / "made"), *flags) == 2
    assert f"--{name} is of no use with --as {flags[1]}" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("change", [{"num_videos": 0}, {"seconds": 0}, {"seed": -1}])
def test_impossible_numbers_are_refused(tmp_path, change):
    with pytest.raises(InputError, match=f"--{next(iter(change)).replace('_', '-')} is"):
        make_videos(tmp_path / "made", **change)


def test_a_full_disk_is_told(tmp_path):
    (tmp_path / "full.mp4").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"full\.mp4: cannot be written \(No space left on device\); choose another"):
        write_video(tmp_path / "full.mp4", [np.zeros((90, 160, 3), np.uint8)] * 20, 10)


def test_a_set_that_cannot_be_finished_leaves_nothing(tmp_path, monkeypatch):
    def refuse(path, *arguments):
        if Path(path).name == "video0001.mp4":
            raise InputError("the disk is full")
        write_video(path, *arguments)

    monkeypatch.setattr(making, "write_video", refuse)
    with pytest.raises(InputError, match="the disk is full"):
        make_videos(tmp_path / "made", num_videos=3, seconds=1)
    assert not (tmp_path / "made").exists()


def test_a_directory_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(InputError, match="not an empty directory"):
        make_videos(tmp_path, num_videos=1, seconds=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]
