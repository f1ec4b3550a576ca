"""Makes videos with sound from a seed: a set of short ones with labels, and films with known cuts.

::

    DIR/video0000.mp4 ...   the videos
    DIR/labels.csv          path, labels: names of classes with semicolons between
    DIR/vocabulary.csv      the classes, columns as in the official file
    DIR/scenes.csv          films alone: the scenes of each

All is drawn by `yt8m.video.drawing`.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from yt8m.data.tables.text import write_table
from yt8m.data.tables.vocabulary import VOCABULARY_COLUMNS, VOCABULARY_FILE
from yt8m.errors import InputError
from yt8m.files import NewFile, check_local, new_contents
from yt8m.progress import SILENT, Progress
from yt8m.video.containers import require_av
from yt8m.video.drawing import CLASSES, DESCRIPTIONS, SHAPES, TEXTURES, TONES, VERTICALS, Look, make_look, make_tone
from yt8m.video.writing import write_video

WIDTH, HEIGHT, FRAMES_PER_SECOND, SAMPLE_RATE = 160, 90, 10, 22_050
DEFAULT_NUM_VIDEOS = 60
DEFAULT_SECONDS = 10
DEFAULT_NUM_FILMS = 10

LABELS_FILE = "labels.csv"
SCENES_FILE = "scenes.csv"

TRANSITIONS = ("cut", "dissolve", "fade", "wipe")
"""How a scene of a film begins. A cut takes no time; the others take `TRANSITION_SECONDS`, half of them in each scene."""
TRANSITION_SECONDS = 1.0

_SOUNDS = (*TONES, None)
_NUM_LOOKS = 8
"""Different scenes in a set of films: they return, so that like scenes can be found."""

# Purposes of random streams.
_VIDEO, _LOOK, _FILM = range(3)


@dataclass(frozen=True)
class MadeVideo:
    """A video that was made.

    Attributes:
        path: the file.
        seconds: its length.
        labels: names of its classes, in the order of `CLASSES`.
    """

    path: Path
    seconds: float
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """A scene of a film.

    Attributes:
        start: where it begins, in seconds; the middle of its transition.
        end: where the next one begins, or the film ends.
        transition: how it begins, one of `TRANSITIONS`; "" = the film begins with it.
        look: number of what it shows; scenes of one look differ in time and movement alone.
        labels: names of its classes.
    """

    start: float
    end: float
    transition: str
    look: int
    labels: tuple[str, ...]


@dataclass(frozen=True)
class Film:
    """A video of several scenes.

    Attributes:
        path: the file.
        scenes: in order, without gaps.
    """

    path: Path
    scenes: tuple[Scene, ...]

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.scenes[-1].end

    @property
    def cuts(self) -> tuple[float, ...]:
        """Where one scene follows another, in seconds."""
        return tuple(scene.start for scene in self.scenes[1:])

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes of all scenes, in the order of `CLASSES`."""
        return tuple(name for name in CLASSES if any(name in scene.labels for scene in self.scenes))


def make_videos(
    directory: str | os.PathLike,
    num_videos: int = DEFAULT_NUM_VIDEOS,
    seconds: int = DEFAULT_SECONDS,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[MadeVideo]:
    """Makes short videos, 160 x 90 pixels with sound, each of one scene.

    A video shows one of four pictures (a moving disc or square, stripes, checks) and sounds of a hum, a whistle, or next to
    nothing, in all combinations equally often: each picture is a class, and so are the hum and the whistle. Colours, sizes,
    places, speeds and pitches are drawn for each video. The same arguments give the same bytes, with the same FFmpeg and NumPy.

    Args:
        directory: the target; made if missing, otherwise it must be empty. All files appear together at the end.
        num_videos: at least 1.
        seconds: length of each, at least 1.
        seed: 0 or more.
        progress: counts the videos made.

    Raises:
        InputError: an argument is out of range, the directory is not empty or cannot be written, or PyAV is missing.
    """
    _check(directory, num_videos, seed)
    if seconds < 1:
        raise InputError(f"--seconds is {seconds}; it must be at least 1")
    made = []
    with new_contents(directory, "yt8m synth") as hidden, progress.working("making videos", "video", total=num_videos):
        for number in range(num_videos):
            random = np.random.default_rng([seed, _VIDEO, number])
            kind, tone = (SHAPES + TEXTURES)[number % 4], _SOUNDS[number // 4 % 3]
            look, name = make_look(kind, random), f"video{number:04d}.mp4"
            sound = make_tone(tone, seconds * SAMPLE_RATE, SAMPLE_RATE, random)
            pictures = (look.draw(time, WIDTH, HEIGHT) for time in _times(seconds))
            _write(hidden / name, Path(directory, name), pictures, sound)
            made.append(MadeVideo(Path(directory, name), float(seconds), _labels(kind, tone)))
            progress.advance(1)
        _write_tables(hidden, Path(directory), made)
    return made


def make_scenes(
    directory: str | os.PathLike,
    num_videos: int = DEFAULT_NUM_FILMS,
    num_scenes: int = 6,
    seed: int = 0,
    transitions: Sequence[str] = TRANSITIONS,
    progress: Progress = SILENT,
) -> list[Film]:
    """Makes films of several scenes whose cuts are known, to measure what finds them.

    A scene lasts 3 to 8 seconds and has one of eight looks, each with its own sound; the same looks return in all films. The same
    arguments give the same bytes, with the same FFmpeg and NumPy.

    Args:
        directory: see `make_videos`. The scenes are also in `scenes.csv` there: path, start, end, transition, look and labels.
        num_videos: films to make, at least 1.
        num_scenes: scenes of each, at least 1.
        seed: 0 or more.
        transitions: those to draw from, some of `TRANSITIONS`.
        progress: counts the films made.

    Raises:
        InputError: see `make_videos`.
    """
    _check(directory, num_videos, seed)
    if num_scenes < 1:
        raise InputError(f"a film cannot have {num_scenes} scenes; it has at least 1")
    if not transitions or not set(transitions) <= set(TRANSITIONS):
        raise InputError(f"transitions are {', '.join(transitions)}; they must be some of {', '.join(TRANSITIONS)}")
    looks = _looks(seed)
    films = []
    with new_contents(directory, "yt8m synth") as hidden, progress.working("making films", "film", total=num_videos):
        for number in range(num_videos):
            random, name = np.random.default_rng([seed, _FILM, number]), f"film{number:04d}.mp4"
            scenes = _plan(num_scenes, transitions, looks, random)
            pictures, sound = _pictures(scenes, looks, random), _sound(scenes, looks, seed)
            _write(hidden / name, Path(directory, name), pictures, sound)
            films.append(Film(Path(directory, name), scenes))
            progress.advance(1)
        _write_tables(hidden, Path(directory), films)
        _write_scenes(hidden, Path(directory), films)
    return films


_LookAndTone = tuple[Look, str | None]


def _looks(seed: int) -> list[_LookAndTone]:
    kinds = [(SHAPES + TEXTURES)[number % 4] for number in range(_NUM_LOOKS)]
    randoms = [np.random.default_rng([seed, _LOOK, number]) for number in range(_NUM_LOOKS)]
    return [
        (make_look(kind, each), _SOUNDS[number % 3])
        for number, (kind, each) in enumerate(zip(kinds, randoms, strict=True))
    ]


def _plan(
    num_scenes: int, transitions: Sequence[str], looks: Sequence[_LookAndTone], random: np.random.Generator
) -> tuple[Scene, ...]:
    scenes: list[Scene] = []
    for number in range(num_scenes):
        others = [look for look in range(len(looks)) if not scenes or look != scenes[-1].look]
        look, length = int(random.choice(others)), int(random.integers(30, 81)) / 10
        start = scenes[-1].end if scenes else 0.0
        transition = str(random.choice(transitions)) if number else ""
        scenes.append(
            Scene(start, round(start + length, 1), transition, look, _labels(looks[look][0].kind, looks[look][1]))
        )
    return tuple(scenes)


def _pictures(
    scenes: Sequence[Scene], looks: Sequence[_LookAndTone], random: np.random.Generator
) -> Iterator[np.ndarray]:
    moments = random.uniform(0, 100, len(scenes))  # of a look's movement, at the film's start

    def draw(place: int, time: float) -> np.ndarray:
        return looks[scenes[place].look][0].draw(moments[place] + time, WIDTH, HEIGHT)

    for time in _times(scenes[-1].end):
        place = max(place for place, scene in enumerate(scenes) if scene.start <= time)
        picture = draw(place, time)
        for scene, before, after in ((place, place - 1, place), (place + 1, place, place + 1)):
            if not 1 <= scene < len(scenes) or scenes[scene].transition == "cut":
                continue
            share = (time - scenes[scene].start) / TRANSITION_SECONDS + 0.5
            if 0 < share < 1:
                picture = _mixed(scenes[scene].transition, draw(before, time), draw(after, time), share)
        yield picture


def _mixed(transition: str, before: np.ndarray, after: np.ndarray, share: float) -> np.ndarray:
    """A picture within a transition, of which a share from 0 to 1 is over."""
    if transition == "wipe":
        column = round(share * before.shape[1])
        return np.concatenate([after[:, :column], before[:, column:]], axis=1)
    if transition == "fade":
        picture, light = (before, 1 - 2 * share) if share < 0.5 else (after, 2 * share - 1)
        return np.uint8(picture * np.float32(light) + 0.5)
    return np.uint8(before * np.float32(1 - share) + after * np.float32(share) + 0.5)


def _sound(scenes: Sequence[Scene], looks: Sequence[_LookAndTone], seed: int) -> np.ndarray:
    pieces = []
    for scene in scenes:
        num_samples = round(scene.end * SAMPLE_RATE) - round(scene.start * SAMPLE_RATE)
        random = np.random.default_rng([seed, _LOOK, scene.look, 1])
        pieces.append(make_tone(looks[scene.look][1], num_samples, SAMPLE_RATE, random))
    return np.concatenate(pieces)


def _times(seconds: float) -> Iterator[float]:
    return (frame / FRAMES_PER_SECOND for frame in range(round(seconds * FRAMES_PER_SECOND)))


def _labels(kind: str, tone: str | None) -> tuple[str, ...]:
    return (kind,) if tone is None else (kind, tone)


def _check(directory: str | os.PathLike, num_videos: int, seed: int) -> None:
    require_av()
    check_local(directory, "the videos")
    if num_videos < 1:
        raise InputError(f"--num-videos is {num_videos}; it must be at least 1")
    if seed < 0:
        raise InputError(f"--seed is {seed}; it must be 0 or more")


def _write(hidden: Path, shown: Path, pictures: Iterator[np.ndarray], sound: np.ndarray) -> None:
    write_video(hidden, pictures, FRAMES_PER_SECOND, sound[None], SAMPLE_RATE, shown)


def _write_tables(hidden: Path, directory: Path, made: Sequence[MadeVideo | Film]) -> None:
    labels = {"path": [each.path.name for each in made], "labels": [";".join(each.labels) for each in made]}
    counts = [sum(name in each.labels for each in made) for name in CLASSES]
    vocabulary: dict[str, list[Any]] = {column: [""] * len(CLASSES) for column in VOCABULARY_COLUMNS}
    vocabulary |= {"Index": list(range(len(CLASSES))), "TrainVideoCount": counts, "Name": list(CLASSES)}
    vocabulary["Vertical1"] = [VERTICALS[name] for name in CLASSES]
    vocabulary["WikiDescription"] = [DESCRIPTIONS[name] for name in CLASSES]
    for name, columns in ((LABELS_FILE, labels), (VOCABULARY_FILE, vocabulary)):
        _write_table(hidden, directory, name, columns)


def _write_scenes(hidden: Path, directory: Path, films: Sequence[Film]) -> None:
    rows = [
        (film.path.name, scene.start, scene.end, scene.transition, scene.look, ";".join(scene.labels))
        for film in films
        for scene in film.scenes
    ]
    columns = zip(("path", "start", "end", "transition", "look", "labels"), zip(*rows, strict=True), strict=True)
    _write_table(hidden, directory, SCENES_FILE, dict(columns))


def _write_table(hidden: Path, directory: Path, name: str, columns: dict[str, Sequence[Any]]) -> None:
    with NewFile(hidden / name, shown=directory / name) as file:
        file.write(write_table(columns))
