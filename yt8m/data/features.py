"""The features of records: their names, their sizes, and how records store them. This is the only list of known features.

Users type a known name, or describe a feature of their own (`parse_features`)::

    rgb                      a known one
    clip:512                 512 bytes a frame, from -2 to 2 as in YouTube-8M
    clip:512:uint8:-1:1      512 bytes a frame, from -1 to 1
    clip:512:float32         512 floats a frame
    clip:512:float16         512 halves a frame, as bytes

T = frames of a video, D = values of a frame.
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from yt8m.errors import InputError

if TYPE_CHECKING:
    import numpy as np

Storage = Literal["uint8", "float16", "float32"]
"""How a record stores a frame's values. `uint8`: one bytes value of D bytes, each a level of a range. `float16`: one bytes value
of 2 D bytes, little-endian. `float32`: one list of D floats."""

_ITEM_BYTES: dict[Storage, int] = {"uint8": 1, "float16": 2, "float32": 4}

MOST_VALUES = 1 << 16
"""Most values of a frame."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
"""Names are parts of keys, of layers' names and of flags."""
_TAKEN = {
    "id",
    "video_id",
    "labels",
    "num_frames",
    "cut_frames",
    "label_scores",
    "video_labels",
    "rgb_and_audio",
    "other",
}
_TAKEN_PREFIXES = ("mean_", "std_", "context_", "segment_")
"""Names and beginnings of names that stand for something else in records, batches, tables or exported models."""


@dataclass(frozen=True)
class Feature:
    """A feature that records may hold. D = `size`."""

    name: str
    """Its key in batches at frame level, and in records that we write."""
    size: int
    """Values of a frame, D."""
    storage: Storage = "uint8"
    """How frames are stored. Video-level records hold means, which are always floats."""
    low: float = -2.0
    """With `uint8`: the value at the lower edge of byte 0's level."""
    high: float = 2.0
    """With `uint8`: the value at the upper edge of byte 255's level."""
    frame_keys: tuple[str, ...] = ()
    """Further keys of its frames in the records of other programs."""
    video_keys: tuple[str, ...] = ()
    """Further keys of its means in the records of other programs."""
    cluster_share: float = 1.0
    """How many clusters and groups a VLAD pooling gives it, as a share of those of rgb."""
    word_share: float = 1.0
    """How many words a soft bag of words gives it, as a share of those of rgb."""

    @property
    def text(self) -> str:
        """What users type for it; `parse_features` gives the feature back."""
        if self == KNOWN.get(self.name):
            return self.name
        parts = [self.name, str(self.size)]
        if self.storage != "uint8":
            parts.append(self.storage)
        elif (self.low, self.high) != (Feature.low, Feature.high):
            parts += [self.storage, _number_text(self.low), _number_text(self.high)]
        return ":".join(parts)

    @property
    def video_name(self) -> str:
        """Its key at video level: `mean_rgb` for `rgb`."""
        return f"mean_{self.name}"

    @property
    def dtype(self) -> "np.dtype":
        """The type of its values in a batch of frames."""
        import numpy as np  # only here, as every command loads this module

        return np.dtype(self.storage)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one stored frame."""
        return self.size * _ITEM_BYTES[self.storage]

    @property
    def is_quantised(self) -> bool:
        """Whether stored values are levels of a range."""
        return self.storage == "uint8"

    @property
    def scale(self) -> float:
        """A stored value v means ``v * scale + offset``; 1 for floats."""
        return (self.high - self.low) / 255.0 if self.is_quantised else 1.0

    @property
    def offset(self) -> float:
        """See `scale`; 0 for floats."""
        return (self.high - self.low) / 512.0 + self.low if self.is_quantised else 0.0

    @property
    def zero(self) -> int:
        """The stored value nearest to 0.0. It fills the frames of a record that lacks the feature."""
        return min(max(round(-self.offset / self.scale), 0), 255) if self.is_quantised else 0

    def share_of(self, total: int, least: int = 1) -> int:
        """Its number of clusters or groups, if rgb has `total`."""
        return max(least, int(total * self.cluster_share))


KNOWN: dict[str, Feature] = {
    "rgb": Feature("rgb", 1024),
    "audio": Feature("audio", 128, frame_keys=("audio_embedding",), cluster_share=0.5, word_share=0.125),
}
"""The features of YouTube-8M, and any that are added here."""

DEFAULT_FEATURES = tuple(KNOWN.values())


def _number_text(value: float) -> str:
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def may_be_name(text: str) -> bool:
    """Whether a feature may have this name: the name fits all places where it is used, and means nothing else there."""
    return bool(_NAME.fullmatch(text)) and text not in _TAKEN and not text.startswith(_TAKEN_PREFIXES)


def in_order(features: Iterable[Feature]) -> tuple[Feature, ...]:
    """Features in the order that models have them in: the known ones first, then the others by name."""
    places = {name: place for place, name in enumerate(KNOWN)}
    return tuple(sorted(features, key=lambda each: (places.get(each.name, len(places)), each.name)))


def rows_of(features: Iterable["Feature | str"]) -> tuple[Feature, ...]:
    """The rows of features that are given as rows or as texts."""
    return parse_features(tuple(features), "features")


def names_of(features: Iterable[Feature]) -> tuple[str, ...]:
    """The names of features."""
    return tuple(each.name for each in features)


def texts_of(features: Iterable[Feature]) -> tuple[str, ...]:
    """What users type for features."""
    return tuple(each.text for each in features)


def parse_features(
    given: Sequence[str | Feature] | str | Feature, flag: str = "--data.features"
) -> tuple[Feature, ...]:
    """The features that texts describe, each once, in the given order.

    Args:
        given: texts as above, of which one may describe several with commas between, or features.
        flag: what to call them in messages.

    Raises:
        InputError: a text describes no feature, or two features have the same name.
    """
    found: dict[str, Feature] = {}
    for each in [given] if isinstance(given, str | Feature) else given:
        if not isinstance(each, str | Feature):
            raise InputError(f"{flag} has {each!r}; it must be {_HOW}")
        texts = [each] if isinstance(each, Feature) else [text.strip() for text in each.split(",") if text.strip()]
        for text in texts:
            feature = text if isinstance(text, Feature) else _parse(text, flag)
            if found.setdefault(feature.name, feature) != feature:
                raise InputError(
                    f"{flag} describes {feature.name} twice, as {found[feature.name].text} and {feature.text}; give one"
                )
    return tuple(found.values())


_HOW = (
    f"{' or '.join(KNOWN)}, or one of your own as NAME:SIZE (bytes), NAME:SIZE:float32, NAME:SIZE:float16 or "
    "NAME:SIZE:uint8:LOW:HIGH"
)


def _parse(text: str, flag: str) -> Feature:
    """The feature that one text describes."""
    name, *parts = text.split(":")
    if not parts:
        if name not in KNOWN:
            raise InputError(f"{flag} has {text!r}; it must be {_HOW}")
        return KNOWN[name]
    if not may_be_name(name):
        raise InputError(
            f"{flag} has {text!r}; the name of a feature is a letter and then letters, digits, _ and -, 64 at most, and "
            f"neither {', '.join(sorted(_TAKEN))} nor a name that begins with {', '.join(_TAKEN_PREFIXES)}"
        )
    if not re.fullmatch(r"\d{1,9}", parts[0], re.ASCII) or not 1 <= int(parts[0]) <= MOST_VALUES:
        raise InputError(
            f"{flag} has {text!r}; the size, after the first colon, is from 1 to {MOST_VALUES} values a frame"
        )
    storage, *ends = parts[1:] or ["uint8"]
    if storage not in get_args(Storage):
        raise InputError(f"{flag} has {text!r}; values are stored as {', '.join(get_args(Storage))}, not {storage!r}")
    low, high = _range(text, storage, ends, flag)
    as_known = KNOWN.get(name, Feature(name, 1))
    return dataclasses.replace(as_known, size=int(parts[0]), storage=storage, low=low, high=high)


def _range(text: str, storage: str, ends: Sequence[str], flag: str) -> tuple[float, float]:
    """The range of stored bytes."""
    if not ends:
        return Feature.low, Feature.high
    if storage != "uint8":
        raise InputError(f"{flag} has {text!r}; only uint8 has a range, because floats are stored as they are")
    try:
        low, high = map(float, ends)
    except ValueError:
        low = high = math.nan
    if not low < high or not math.isfinite(high - low):
        raise InputError(
            f"{flag} has {text!r}; a range is its lowest and its highest value, as in {text.split(':uint8')[0]}:uint8:-1:1"
        )
    return low, high
