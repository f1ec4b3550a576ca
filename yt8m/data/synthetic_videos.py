"""The sample data set (`yt8m synth`): small, made from a seed, in the official layout, hard in the ways real videos are.

A video is a row of shots of 5 to 12 seconds. A shot shows one of the video's labels, or a distraction. What a frame of
a label looks like is decided by a *scene* and an *object*, both visual words that many classes share:

* **A class is a set of (scene, object) pairs**, its appearances. Every scene and every object occurs in many classes, so
  neither says much alone, and the mean over the frames of a video, which adds the scenes of one shot to the objects of
  another, cannot tell "horse on a meadow, car on a street" from "car on a meadow, horse on a street". A clustering
  that keeps residuals by cluster (VLAD) can: within the cluster of a scene the residual is the object.
* **A faint vector of the class itself** is added to its frames, and **a sound** for some classes. They leave a linear
  model on the mean something to learn, as real classes do.
* **Shots** make a label active in part of the video, so short ones drown in a mean; segment ratings come from them.
* **Distractions** (backgrounds shared by all videos, scenes without an object, objects without a scene) move the mean
  without meaning anything.
* **A style a video** (camera, encoder) and **noise a frame**, correlated with the next frame's, are what a model that
  memorises learns instead.
* **Label frequencies fall like Zipf's law**, about three labels a video, as in the real vocabulary.

The strengths below were chosen so that dequantised values spread like the real ones (standard deviation about 1), and
so that a gated NetVLAD clearly beats logistic regression on the mean frame.
"""

from dataclasses import dataclass

import numpy as np

from yt8m.data.schema import FEATURE_SIZES, quantise

_SHORTEST_VIDEO, _LONGEST_VIDEO = 30, 120
_SHOT_SECONDS = (5, 12)
_MOST_LABELS = 12
_EXTRA_LABELS = 2.0
_ZIPF_EXPONENT = 0.9

_APPEARANCES = 3
_SPARE_PAIRS = 1.1
_NUM_BACKGROUNDS = 4
_NUM_SOUNDS = 16
_SHARE_WITH_SOUND = 0.4
_SHARE_OF_SPARE_SHOTS_WITH_LABEL = 0.45

_SCENE, _OBJECT, _CLASS, _BACKGROUND = 0.60, 0.50, 0.15, 0.6
_STYLE, _NOISE = 0.25, 0.45
_SOUND, _SOUND_STYLE, _SOUND_NOISE = 0.6, 0.3, 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """What all videos of a sample share. S scenes, O objects, B backgrounds, A sounds, C classes, M appearances."""

    scenes: np.ndarray
    """float32 [S, 1024]"""
    objects: np.ndarray
    """float32 [O, 1024]"""
    backgrounds: np.ndarray
    """float32 [B, 1024]"""
    class_vectors: np.ndarray
    """float32 [C, 1024]"""
    appearances: np.ndarray
    """int [C, M, 2]: scene and object."""
    sounds: np.ndarray
    """float32 [A, 128]"""
    class_sounds: np.ndarray
    """int [C]: the class's sound, or -1."""
    frequencies: np.ndarray
    """float64 [C]: share of each class, falling with its index."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Video:
    """One made-up video of T seconds."""

    video_id: str
    labels: list[int]
    """Ascending."""
    activity: np.ndarray
    """int [T]: the class shown in each second, or -1."""
    frames: dict[str, np.ndarray]
    """uint8 [T, D] by feature name."""


def make_world(num_classes: int, random: np.random.Generator) -> World:
    num_pairs = _SPARE_PAIRS * _APPEARANCES * num_classes
    num_scenes = max(_APPEARANCES + 1, round((num_pairs * 0.75) ** 0.5))
    num_objects = max(_APPEARANCES + 1, int(np.ceil(num_pairs / num_scenes)))
    weights = 1.0 / np.arange(1, num_classes + 1) ** _ZIPF_EXPONENT

    def words(number, feature):
        return random.standard_normal((number, FEATURE_SIZES[feature]), dtype=np.float32)

    has_sound = random.random(num_classes) < _SHARE_WITH_SOUND
    return World(
        scenes=words(num_scenes, "rgb"),
        objects=words(num_objects, "rgb"),
        backgrounds=words(_NUM_BACKGROUNDS, "rgb"),
        class_vectors=words(num_classes, "rgb"),
        appearances=_appearances(num_classes, num_scenes, num_objects, random),
        sounds=words(_NUM_SOUNDS, "audio"),
        class_sounds=np.where(has_sound, random.integers(_NUM_SOUNDS, size=num_classes), -1),
        frequencies=weights / weights.sum(),
    )


def _appearances(num_classes, num_scenes, num_objects, random) -> np.ndarray:
    """int [C, M, 2]; no pair twice, and within a class no scene and no object twice where that is possible."""
    free = [divmod(int(cell), num_objects) for cell in random.permutation(num_scenes * num_objects)]
    chosen = []
    for _ in range(num_classes):
        pairs = []
        for _ in range(_APPEARANCES):
            scenes, objects = {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
            fitting = (n for n, (scene, thing) in enumerate(free) if scene not in scenes and thing not in objects)
            pairs.append(free.pop(next(fitting, 0)))
        chosen.append(pairs)
    return np.array(chosen)


def _shots(num_frames, random) -> list[slice]:
    lengths = random.integers(_SHOT_SECONDS[0], _SHOT_SECONDS[1] + 1, size=num_frames // _SHOT_SECONDS[0] + 1)
    ends = np.cumsum(lengths)
    ends = [int(end) for end in ends if end <= num_frames - _SHOT_SECONDS[0]] + [num_frames]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def make_video(video_id: str, world: World, random: np.random.Generator) -> Video:
    num_classes = len(world.frequencies)
    num_frames = int(_SHORTEST_VIDEO + (_LONGEST_VIDEO - _SHORTEST_VIDEO + 1) * random.beta(1.3, 2.6))
    shots = _shots(num_frames, random)
    num_labels = min(1 + random.poisson(_EXTRA_LABELS), _MOST_LABELS, num_classes, len(shots))
    labels = random.choice(num_classes, size=num_labels, replace=False, p=world.frequencies)

    rgb = np.empty((num_frames, FEATURE_SIZES["rgb"]), np.float32)
    audio = np.empty((num_frames, FEATURE_SIZES["audio"]), np.float32)
    activity = np.full(num_frames, -1)
    for position, shot_number in enumerate(random.permutation(len(shots))):
        shot = shots[shot_number]
        if position < num_labels:
            shown = labels[position]
        elif random.random() < _SHARE_OF_SPARE_SHOTS_WITH_LABEL:
            shown = random.choice(labels)
        else:
            shown = -1
        activity[shot] = shown
        rgb[shot], sound = _look(shown, world, random)
        audio[shot] = _SOUND * world.sounds[sound]
    rgb += _noise(num_frames, FEATURE_SIZES["rgb"], _STYLE, _NOISE, random)
    audio += _noise(num_frames, FEATURE_SIZES["audio"], _SOUND_STYLE, _SOUND_NOISE, random)
    return Video(
        video_id=video_id,
        labels=sorted(int(label) for label in labels),
        activity=activity,
        frames={"rgb": quantise(rgb), "audio": quantise(audio)},
    )


def _look(shown, world, random):
    scene, thing = random.integers(len(world.scenes)), random.integers(len(world.objects))
    background = _BACKGROUND * world.backgrounds[random.integers(_NUM_BACKGROUNDS)]
    sound = random.integers(_NUM_SOUNDS)
    if shown >= 0:
        scene, thing = world.appearances[shown, random.integers(_APPEARANCES)]
        if world.class_sounds[shown] >= 0:
            sound = world.class_sounds[shown]
        return _SCENE * world.scenes[scene] + _OBJECT * world.objects[thing] + _CLASS * world.class_vectors[shown], sound
    kind = random.random()
    if kind < 0.4:
        return background, sound
    if kind < 0.7:
        return _SCENE * world.scenes[scene], sound
    return background + _OBJECT * world.objects[thing], sound


def _noise(num_frames, size, style, noise, random) -> np.ndarray:
    fresh = random.standard_normal((num_frames + 1, size), dtype=np.float32)
    frames = np.float32(noise * 0.85) * fresh[1:] + np.float32(noise * 0.53) * fresh[:-1]
    return frames + np.float32(style) * random.standard_normal(size, dtype=np.float32)
