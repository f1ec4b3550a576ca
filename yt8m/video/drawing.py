"""What made videos show and sound like: moving shapes, textures and tones, drawn by formulas from a seed."""

import colorsys
import functools
import math
from dataclasses import dataclass

import numpy as np

SHAPES = ("disc", "square")
TEXTURES = ("stripes", "checks")
TONES = ("hum", "whistle")
CLASSES = SHAPES + TEXTURES + TONES
"""Names of the classes, in the order of their ids."""

VERTICALS = dict.fromkeys(SHAPES, "Shapes") | dict.fromkeys(TEXTURES, "Textures") | dict.fromkeys(TONES, "Tones")
"""What the classes are, for a vocabulary."""
DESCRIPTIONS = {
    "disc": "A round ball of one colour that moves and bounces off the edges of the picture.",
    "square": "A box of one colour with four corners that moves, turns and bounces off the edges of the picture.",
    "stripes": "Parallel bars of two colours that scroll across the picture.",
    "checks": "A board of squares in two colours, as in chess, that scrolls across the picture.",
    "hum": "A deep, steady tone, as of a motor.",
    "whistle": "A high tone that glides up and down, as of a flute or a bird.",
}
"""What the classes are, in a sentence each."""

_FAINT = 0.01
"""Loudness of the noise that is everywhere, as in any recording."""


@dataclass(frozen=True)
class Look:
    """What a picture shows. `draw` shows it at a moment.

    Attributes:
        kind: one of `SHAPES` or `TEXTURES`.
        colours: RGB from 0 to 1: foreground, and two ends of the background.
        angle: direction of the background, and of a texture, in radians.
        size: radius of a shape, or period of a texture, as a share of the height.
        speed: heights a second, across and down.
        phase: place at the start, across and down, 0 to 2.
        turn: radians a second by which a square turns.
    """

    kind: str
    colours: tuple[tuple[float, float, float], ...]
    angle: float
    size: float
    speed: tuple[float, float]
    phase: tuple[float, float]
    turn: float

    def draw(self, time: float, width: int, height: int) -> np.ndarray:
        """The picture at a time in seconds: uint8 [height, width, 3]."""
        across, down = _grid(width, height)
        front, low, high = (np.float32(colour) for colour in self.colours)
        slope = across * math.cos(self.angle) + down * math.sin(self.angle)
        back = low + (high - low) * np.clip(slope / 2 + 0.25, 0, 1)[..., None]
        cover = self._cover(time, across, down, width / height, 1 / height)[..., None]
        return np.uint8((back + (front - back) * cover) * 255 + 0.5)

    def _cover(self, time: float, across: np.ndarray, down: np.ndarray, aspect: float, pixel: float) -> np.ndarray:
        """How much of each pixel the foreground covers, 0 to 1."""
        if self.kind in SHAPES:
            x = across - _bounce(self.phase[0] + self.speed[0] * time, self.size, aspect - self.size)
            y = down - _bounce(self.phase[1] + self.speed[1] * time, self.size, 1 - self.size)
            if self.kind == "disc":
                distance = np.sqrt(x * x + y * y)
            else:
                cos, sin = math.cos(self.angle + self.turn * time), math.sin(self.angle + self.turn * time)
                distance = np.maximum(np.abs(x * cos + y * sin), np.abs(y * cos - x * sin)) * np.float32(1.2)
            return np.clip((self.size - distance) / pixel + 0.5, 0, 1)
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        along = np.sin(2 * math.pi * ((across * cos + down * sin) / self.size + self.speed[0] * time))
        if self.kind == "stripes":
            return np.clip(4 * along + 0.5, 0, 1)
        beside = np.sin(2 * math.pi * ((down * cos - across * sin) / self.size + self.speed[1] * time))
        return np.clip(8 * along * beside + 0.5, 0, 1)


def make_look(kind: str, random: np.random.Generator) -> Look:
    """Draws the colours, place and movement of a look."""
    hue = random.random()
    dark, light = random.uniform(0.1, 0.35), random.uniform(0.75, 1.0)
    front, back = (light, dark) if random.random() < 0.5 else (dark, light)
    other = (hue + random.uniform(0.3, 0.7)) % 1
    beside = (other + random.uniform(-0.1, 0.1)) % 1
    colours = (
        colorsys.hsv_to_rgb(hue, random.uniform(0.5, 1), front),
        colorsys.hsv_to_rgb(other, random.uniform(0.2, 0.8), back),
        colorsys.hsv_to_rgb(beside, random.uniform(0.2, 0.8), back * 0.8),
    )
    size = random.uniform(0.15, 0.32) if kind in SHAPES else random.uniform(0.18, 0.4)
    return Look(
        kind=kind,
        colours=colours,
        angle=random.uniform(0, math.pi),
        size=size,
        speed=tuple(random.choice([-1, 1], 2) * random.uniform(0.1, 0.6, 2)),
        phase=tuple(random.uniform(0, 2, 2)),
        turn=random.uniform(-1, 1),
    )


@functools.lru_cache(maxsize=4)
def _grid(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """How far across and down each pixel is, in heights: float32 [height, width] each."""
    down, across = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(height)
    return across, down


def _bounce(way: float, low: float, high: float) -> float:
    """A place between two walls after a way."""
    room = max(high - low, 1e-6)
    place = way % (2 * room)
    return low + min(place, 2 * room - place)


def make_tone(kind: str | None, num_samples: int, rate: int, random: np.random.Generator) -> np.ndarray:
    """Makes a tone over faint noise: float32 [num_samples].

    Args:
        kind: one of `TONES`: a deep steady hum, or a high whistle that glides; None = the noise alone.
        num_samples: samples to make.
        rate: samples a second.
        random: decides pitch and loudness.
    """
    time = np.arange(num_samples) / rate
    noise = _FAINT * random.standard_normal(num_samples)
    loudness = random.uniform(0.2, 0.4)
    if kind is None:
        return np.float32(noise)
    if kind == "hum":
        turns = random.uniform(90, 180) * time
        wave = sum(np.sin(2 * math.pi * part * turns) / part for part in (1, 2, 3)) / 1.5
    else:
        pitch, sway = random.uniform(1500, 3000), random.uniform(0.3, 0.8)
        turns = pitch * (time - 0.15 * np.cos(2 * math.pi * sway * time) / (2 * math.pi * sway))
        wave = np.sin(2 * math.pi * turns)
    return np.float32(noise + loudness * wave)
