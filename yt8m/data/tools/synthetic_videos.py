"""Makes the videos of the sample data set: made-up features that are hard in the same ways as real ones.

A video is a sequence of shots of 5 to 12 seconds. A shot shows one of the video's labels, or a distraction. A frame of a
label is the sum of a *scene* and an *object*, visual words that many classes share, and of the parts below:

* **Words come in opposites**, like day and night: the negative of each word is a word too.
* **A class is a set of appearances**, pairs of a scene and an object. Where a class has (s, o) it also has the opposite
  pair (-s, -o), and some other class has (s, -o) and (-s, o). So neither word alone tells the two apart, and a class's
  mean over its appearances is zero: a linear model on the mean frame learns nothing from words. A mixture of experts can
  learn one appearance an expert. VLAD sees the pairs themselves: in the cluster of a scene, the residual is the object.
* **A faint vector of each class**, on all of its frames, and **a sound**, which some classes have and share with others.
  The linear model learns from these.
* **Shots**: a label is active in part of the video, so short ones drown in a mean. Segment ratings follow the shots.
* **Distractions** belong to no label: backgrounds that all videos share, scenes without object, objects without scene.
* **A style** that is constant in a video (camera, encoder), and **noise**, half shared with the next frame. A model with
  too many parameters memorises these.
* **Features beyond rgb and audio**, if any are asked for, hold a vector of the class shown, and noise.
* **Label frequencies follow Zipf's law**; a video has about three labels, as in the real data set.

With the strengths below, dequantised values are spread like the real, whitened ones: mean 0, standard deviation about 1 in
every dimension, and about one byte in fifteen clipped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yt8m.data.features import DEFAULT_FEATURES, KNOWN, Feature
from yt8m.data.quantisation import quantise

_RGB, _AUDIO = KNOWN["rgb"], KNOWN["audio"]

_SHORTEST_VIDEO, _LONGEST_VIDEO = 30, 120
_LENGTH_SKEW = (1.3, 2.6)
"""Parameters of the beta distribution of lengths between these two. The mean is a third of the way up."""
_SHORTEST_SHOT, _LONGEST_SHOT = 5, 12

_ZIPF_EXPONENT = 0.9
_MEAN_FURTHER_LABELS = 2.1
"""Mean number of labels after the first. It is Poisson, cut off at `_MOST_LABELS` and at the number of shots."""
_MOST_LABELS = 12
_LABEL_IN_SPARE_SHOT = 0.6
"""Chance that a shot shows a label again, after each label has had its shot."""

_OPPOSITE_PAIRS = 1
"""Pairs of opposite appearances of each class."""
_USUAL_APPEARANCE = 0.95
"""Chance that a shot shows a label in its usual appearance in this video."""
_NUM_BACKGROUNDS = 4
_NUM_SOUNDS = 16
_CLASSES_WITH_SOUND = 0.6

# Standard deviations of the parts of a frame, in dequantised units.
_SCENE, _OBJECT, _CLASS, _BACKGROUND, _STYLE, _NOISE = 0.65, 0.65, 0.065, 0.65, 0.1, 0.45
_SOUND, _SOUND_STYLE, _SOUND_NOISE = 0.6, 0.3, 0.5
_FURTHER = 0.3
"""Standard deviation of a class's vector in a feature beyond rgb and audio."""


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Everything that all videos of a sample share.

    C = classes, M = appearances, S = scenes, O = objects, B = backgrounds, A = sounds.
    """

    scenes: np.ndarray
    """float32 [S, 1024]; the second half is the negative of the first."""
    objects: np.ndarray
    """float32 [O, 1024]; the second half is the negative of the first."""
    backgrounds: np.ndarray
    """float32 [B, 1024]"""
    class_vectors: np.ndarray
    """float32 [C, 1024]"""
    appearances: np.ndarray
    """int64 [C, M, 2]: scene and object."""
    sounds: np.ndarray
    """float32 [A, 128]"""
    class_sounds: np.ndarray
    """The sound of each class, -1 for none: int64 [C]."""
    frequencies: np.ndarray
    """float64 [C]; sums to 1 and falls with the index."""
    further: dict[Feature, np.ndarray]
    """A vector for each class, float32 [C, D], by feature beyond rgb and audio."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Video:
    """A video of T seconds."""

    video_id: str
    labels: list[int]
    """Ascending; each label is active in some second."""
    activity: np.ndarray
    """The label that each second shows, -1 for none: int64 [T]."""
    appearance: np.ndarray
    """The number of what each second shows, the same in all videos of a world: int64 [T]. First come the appearances of class 0,
    of class 1 and so on, then the distractions."""
    frames: dict[str, np.ndarray]
    """[T, D] of the feature's type, by feature name."""


def make_world(num_classes: int, random: np.random.Generator, features: Sequence[Feature] = DEFAULT_FEATURES) -> World:
    """Draws everything that all videos share.

    Args:
        num_classes: at least 1.
        random: the only source of randomness.
        features: the features that videos have. They always have rgb and audio.
    """

    def vectors(number: int, feature: Feature) -> np.ndarray:
        return random.standard_normal((number, feature.size), dtype=np.float32)

    def with_opposites(words: np.ndarray) -> np.ndarray:
        return np.concatenate([words, -words])

    # Every scene word meets every object word in two squares, one for each sign. Take enough words for all squares.
    num_squares = num_classes * _OPPOSITE_PAIRS
    num_scenes = int(np.ceil((num_squares / 2) ** 0.5))
    num_objects = int(np.ceil(num_squares / 2 / num_scenes))
    weights = np.arange(1, num_classes + 1) ** -_ZIPF_EXPONENT
    return World(
        scenes=with_opposites(vectors(num_scenes, _RGB)),
        objects=with_opposites(vectors(num_objects, _RGB)),
        backgrounds=vectors(_NUM_BACKGROUNDS, _RGB),
        class_vectors=vectors(num_classes, _RGB),
        appearances=_draw_appearances(num_classes, num_scenes, num_objects, random),
        sounds=vectors(_NUM_SOUNDS, _AUDIO),
        class_sounds=np.where(
            random.random(num_classes) < _CLASSES_WITH_SOUND, random.integers(_NUM_SOUNDS, size=num_classes), -1
        ),
        frequencies=weights / weights.sum(),
        # Drawn last, so that rgb and audio do not depend on them.
        further={each: vectors(num_classes, each) for each in features if each not in (_RGB, _AUDIO)},
    )


def _draw_appearances(num_classes: int, num_scenes: int, num_objects: int, random: np.random.Generator) -> np.ndarray:
    """Draws scene and object of each appearance, int64 [C, M, 2]. No two classes share an appearance."""
    squares = random.permutation(2 * num_scenes * num_objects)[: num_classes * _OPPOSITE_PAIRS]
    scene, thing, sign = np.unravel_index(squares, (num_scenes, num_objects, 2))
    appearance = np.stack([scene, thing + num_objects * sign], axis=-1)
    opposite = np.stack([scene + num_scenes, thing + num_objects * (1 - sign)], axis=-1)
    return np.stack([appearance, opposite], axis=1).reshape(num_classes, 2 * _OPPOSITE_PAIRS, 2)


def make_video(video_id: str, world: World, random: np.random.Generator) -> Video:
    """Draws one video.

    Args:
        video_id: the video's id.
        world: what all videos share.
        random: the only source of randomness.
    """
    span = _LONGEST_VIDEO + 1 - _SHORTEST_VIDEO
    num_frames = int(_SHORTEST_VIDEO + span * random.beta(*_LENGTH_SKEW))
    shots = _draw_shots(num_frames, random)
    num_classes = len(world.frequencies)
    num_labels = min(1 + random.poisson(_MEAN_FURTHER_LABELS), _MOST_LABELS, num_classes, len(shots))
    labels = random.choice(num_classes, size=num_labels, replace=False, p=world.frequencies)
    usual = dict(zip(labels, random.integers(world.appearances.shape[1], size=num_labels), strict=True))

    rgb = _surroundings(num_frames, _RGB.size, _STYLE, _NOISE, random)
    audio = _surroundings(num_frames, _AUDIO.size, _SOUND_STYLE, _SOUND_NOISE, random)
    activity, appearance = np.full(num_frames, -1), np.empty(num_frames, np.int64)
    for number, shot in enumerate(random.permutation(shots)):
        seconds = slice(*shot)
        if number < num_labels:
            label = labels[number]
        elif random.random() < _LABEL_IN_SPARE_SHOT:
            label = random.choice(labels)
        else:
            pixels, appearance[seconds] = _draw_distraction(world, random)
            rgb[seconds] += pixels
            audio[seconds] += _SOUND * random.choice(world.sounds)
            continue
        activity[seconds] = label
        pixels, appearance[seconds] = _draw_label(label, usual[label], world, random)
        rgb[seconds] += pixels
        sound = world.class_sounds[label]
        audio[seconds] += _SOUND * (world.sounds[sound] if sound >= 0 else random.choice(world.sounds))
    return Video(
        video_id=video_id,
        labels=sorted(labels.tolist()),
        activity=activity,
        appearance=appearance,
        frames={"rgb": quantise(rgb), "audio": quantise(audio)} | _draw_further(activity, world, random),
    )


def _draw_further(activity: np.ndarray, world: World, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Draws features beyond rgb and audio: [T, D] by name."""
    found, shows_label = {}, activity >= 0
    for feature, vectors in world.further.items():
        frames = _surroundings(len(activity), feature.size, _STYLE, _NOISE, random)
        frames[shows_label] += _FURTHER * vectors[activity[shows_label]]
        found[feature.name] = quantise(frames, feature) if feature.is_quantised else frames.astype(feature.dtype)
    return found


def _draw_shots(num_frames: int, random: np.random.Generator) -> np.ndarray:
    """Draws first second and end of each shot, int64 [N, 2]. Together the shots cover the video."""
    lengths = random.integers(_SHORTEST_SHOT, _LONGEST_SHOT + 1, size=num_frames // _SHORTEST_SHOT)
    cuts = np.cumsum(lengths)
    cuts = cuts[cuts <= num_frames - _SHORTEST_SHOT]
    return np.stack([np.append(0, cuts), np.append(cuts, num_frames)], axis=-1)


def _draw_label(label: int, usual: int, world: World, random: np.random.Generator) -> tuple[np.ndarray, int]:
    """Draws an appearance of a label: float32 [1024], and its number."""
    number = world.appearances.shape[1]
    other = random.integers(number)
    which = usual if random.random() < _USUAL_APPEARANCE else other
    scene, thing = world.appearances[label, which]
    pixels = _SCENE * world.scenes[scene] + _OBJECT * world.objects[thing] + _CLASS * world.class_vectors[label]
    return pixels, label * number + which


def _draw_distraction(world: World, random: np.random.Generator) -> tuple[np.ndarray, int]:
    """Draws what a shot without a label shows: float32 [1024], and its number."""
    num_backgrounds, num_scenes, num_objects = map(len, (world.backgrounds, world.scenes, world.objects))
    background, scene, thing = map(random.integers, (num_backgrounds, num_scenes, num_objects))
    behind, around, shown = (
        _BACKGROUND * world.backgrounds[background],
        _SCENE * world.scenes[scene],
        _OBJECT * world.objects[thing],
    )
    numbers = (background, num_backgrounds + scene, num_backgrounds + num_scenes + background * num_objects + thing)
    kind = random.integers(3)
    return (behind, around, behind + shown)[kind], world.appearances[..., 0].size + numbers[kind]


def _surroundings(num_frames: int, size: int, style: float, noise: float, random: np.random.Generator) -> np.ndarray:
    """Draws the video's style, and noise that neighbouring frames share by half: float32 [T, D]."""
    fresh = random.standard_normal((num_frames + 1, size), dtype=np.float32)
    return style * random.standard_normal(size, dtype=np.float32) + noise * 0.5**0.5 * (fresh[1:] + fresh[:-1])
