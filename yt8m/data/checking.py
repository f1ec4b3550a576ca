"""Checks whether a record can be used, and says why not."""

import dataclasses
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from yt8m.data import foreign, protos
from yt8m.data.features import DEFAULT_FEATURES, Feature, rows_of
from yt8m.data.forms import has_frames, has_means, rows_for
from yt8m.data.layouts import Layout, as_ours
from yt8m.data.protos import Features, SequenceExample
from yt8m.data.schema import (
    DEFAULT_NUM_CLASSES,
    ID_KEYS,
    LARGEST_NUM_CLASSES,
    MOST_CLASSES,
    SEGMENT_FRAMES,
    Level,
    is_present,
)
from yt8m.errors import quantity

_RATING_KINDS = {
    "segment_start_times": "int64_list",
    "segment_end_times": "int64_list",
    "segment_labels": "int64_list",
    "segment_scores": "float_list",
}
_OPTIONAL_RATING_KEYS = {"segment_end_times"}
"""The end adds nothing: a segment ends five seconds after its start."""


def parse(serialized: bytes, features: Sequence[Feature] = DEFAULT_FEATURES) -> SequenceExample | None:
    """Parses a record as a proto, with the keys of YouTube-8M (`yt8m.data.layouts`); None if that fails.

    An Example parses as a SequenceExample too.
    """
    example = protos.parse(SequenceExample, serialized)
    if example is not None:
        as_ours(example, features)
    return example


def values_of(feature: protos.Feature) -> Sequence[Any]:
    """The values of a feature of any kind."""
    kind = feature.WhichOneof("kind")
    return getattr(feature, kind).value if kind else ()


def level_of(example: SequenceExample, features: Sequence[Feature] = DEFAULT_FEATURES) -> Level | None:
    """The level of a record; None if it has no features: neither these, nor others in a form of ours (`yt8m.data.forms`)."""
    if has_frames(example, features):
        return "segment" if any(key in example.context.feature for key in _RATING_KINDS) else "frame"
    return "video" if has_means(example, features) else None


def video_id(example: SequenceExample) -> bytes:
    """The id of a record under either name; empty if it has no usable one."""
    for key in ID_KEYS:
        values = example.context.feature[key].bytes_list.value if key in example.context.feature else ()
        if values and values[0]:
            return values[0]
    return b""


def check_record(
    serialized: bytes,
    level: Level | None = None,
    features: Sequence[Feature | str] | None = None,
    num_classes: int | None = None,
    max_labels: int | None = None,
    rated_classes: Sequence[int] | None = None,
) -> str | None:
    """Says why a record cannot be read; None if it can.

    What protobuf reads and these checks accept can be read at that level.

    Args:
        serialized: a `tf.train.Example` or `SequenceExample`.
        level: the expected level; None takes any. Segment-level records are frame-level records with ratings, so each of
            these two passes for the other. The ratings are checked unless the frame level is expected.
        features: features to be read, rows or texts; None takes the known ones, and others that the record holds.
        num_classes: labels must be below it; None takes any.
        max_labels: most labels of a video, or ratings of a segment; None takes any number.
        rated_classes: classes that segments may be rated for; None takes any.

    Returns:
        A clause without a full stop.
    """
    return look_at([serialized], level, features, num_classes, max_labels, rated_classes)[0].problem


@dataclass(frozen=True)
class Look:
    """What was found in a record."""

    example: SequenceExample | None = None
    """None if the record is not a proto."""
    level: Level = "frame"
    """The level at which it is read."""
    num_labels: int = 0
    """Labels of the video, or ratings of the segment with most."""
    problem: str | None = None
    """See `check_record`."""
    layout: Layout | None = None
    """The layout that it has instead of that of YouTube-8M."""


def look_at(
    records: Sequence[bytes],
    level: Level | None = None,
    features: Sequence[Feature | str] | None = None,
    num_classes: int | None = None,
    max_labels: int | None = None,
    rated_classes: Sequence[int] | None = None,
) -> list[Look]:
    """Looks at records as protobuf reads them. Arguments: see `check_record`.

    Without `features`, most of the records decide about the form of a feature that is not known.
    """
    examples = [protos.parse(SequenceExample, record) for record in records]
    rows = DEFAULT_FEATURES if features is None else rows_of(features)
    layouts = [example and as_ours(example, None if features is None else rows) for example in examples]
    if features is None:
        rows = rows_for(filter(None, examples))
        layouts = [
            found or (example and as_ours(example, rows)) for found, example in zip(layouts, examples, strict=True)
        ]
    looks = (_look_at(example, level, rows, num_classes, max_labels, rated_classes) for example in examples)
    return [dataclasses.replace(look, layout=layout) for look, layout in zip(looks, layouts, strict=True)]


def _is_other_level(look: Look, level: Level | None) -> bool:
    return level is not None and (look.level == "video") != (level == "video")


def _look_at(
    example: SequenceExample | None,
    level: Level | None,
    features: Sequence[Feature],
    num_classes: int | None,
    max_labels: int | None,
    rated_classes: Sequence[int] | None,
) -> Look:
    if example is None:
        return Look(level=level or "frame", problem="is no tf.train.Example or SequenceExample")
    found = level_of(example, features)
    # A video without frames may lack the lists of frames altogether. A record with other keys instead is foreign.
    if found is None and (level in (None, "video") or foreign.held_keys(example)):
        return Look(example, level or "frame", problem=foreign.explain(example))
    found = found or "frame"
    if _is_other_level(Look(level=found), level):
        return Look(example, found, problem=f"is a {found}-level record, {level}-level was expected")
    level = level or found
    context, lists = example.context.feature, example.feature_lists.feature_list
    num_labels = len(values_of(context["labels"])) if "labels" in context else 0
    problem = _check_id(context) or _too_many(num_labels, max_labels) or _check_labels(context, num_classes)
    if level == "video":
        return Look(example, level, num_labels, problem or _check_means(context, features))
    problem = problem or _check_frames(lists, features)
    if problem or level == "frame":
        return Look(example, level, num_labels, problem)
    most = max(Counter(starts_of(example.context)).values(), default=0)
    problem = check_ratings(example.context, num_frames(example, features), num_classes, max_labels, rated_classes)
    return Look(example, level, max(num_labels, most), problem)


def starts_of(context: Features) -> Sequence[int]:
    """First second of the rated segment, for each rating in the context of a record."""
    key = "segment_start_times"
    return values_of(context.feature[key]) if key in context.feature else ()


def _check_id(context) -> str | None:
    problem = f"has no id (neither {' nor '.join(ID_KEYS)})"
    for key in ID_KEYS:
        if key not in context or not values_of(context[key]):
            continue
        values = context[key].bytes_list.value
        if len(values) == 1 and values[0]:
            return None
        problem = f"has an unusable {key}; it must be one text that is not empty"
        if len(values) != 1:
            break
    return problem


def _too_many(count: int, max_labels: int | None) -> str | None:
    if max_labels is None or count <= max_labels:
        return None
    return f"has {count} labels, more than {max_labels}"


def _check_labels(context, num_classes: int | None) -> str | None:
    if "labels" not in context:
        return None
    if context["labels"].WhichOneof("kind") not in ("int64_list", None):
        return "labels are not integers"
    return _check_classes("label", values_of(context["labels"]), num_classes)


def _check_classes(what: str, classes: Sequence[int], num_classes: int | None) -> str | None:
    for each in classes:
        if not 0 <= each < (num_classes or MOST_CLASSES):
            return f"{what} {each} is out of range; {_say_classes(each, num_classes)}"
    return None


def _say_classes(label: int, num_classes: int | None) -> str:
    if num_classes is None:
        return f"classes go from 0 to {MOST_CLASSES - 1}"
    known = f"the {quantity(num_classes, 'class')} go from 0 to {num_classes - 1}"
    if label < num_classes:
        return known
    if num_classes == DEFAULT_NUM_CLASSES and label < LARGEST_NUM_CLASSES:
        return f"{known}, those of 2017 need {LARGEST_NUM_CLASSES}"
    return f"{known}, this one needs {label + 1} or more"


def _check_means(context, features: Sequence[Feature]) -> str | None:
    for feature in features:
        key = feature.video_name
        if key not in context:
            continue
        if context[key].WhichOneof("kind") != "float_list":
            return f"{key} is no list of floats"
        values = context[key].float_list.value
        if len(values) != feature.size:
            return f"{key} has {quantity(len(values), 'value')}, not {feature.size}"
        if not np.isfinite(values).all():
            return f"{key} has a value that is NaN or infinite"
    return None


def _check_frames(lists, features: Sequence[Feature]) -> str | None:
    counts = {}
    for feature in features:
        name = feature.name
        frames = lists[name].feature if name in lists else ()
        if not frames:
            continue
        counts[name] = len(frames)
        problem = _check_stream(frames, feature)
        if problem:
            return problem
    if counts and max(counts.values()) - min(counts.values()) > 1:
        return " and ".join(f"{count} {name}" for name, count in counts.items()) + " frames; they may differ by one"
    return None


def _check_stream(frames: Sequence[protos.Feature], feature: Feature) -> str | None:
    """Says what is wrong with the frames of a feature."""
    name, as_floats = feature.name, feature.storage == "float32"
    size_of = _count_floats if as_floats else _frame_size
    wanted, unit = (feature.size, "value") if as_floats else (feature.frame_bytes, "byte")
    if {size_of(frame) for frame in frames} != {wanted}:
        index = next(index for index, frame in enumerate(frames) if size_of(frame) != wanted)
        size = size_of(frames[index])
        if size is not None:
            return f"{name} frame {index} has {quantity(size, unit)}, not {wanted}"
        held = _say_held(frames[index])
        if as_floats:
            return f"{name} holds {held}; {feature.text} is one list of floats a second"
        return f"{name} holds {held}; frame-level features are one bytes value a second"
    if feature.is_quantised:
        return None
    for index, frame in enumerate(frames):
        stored = frame.float_list.value if as_floats else np.frombuffer(frame.bytes_list.value[0], "<f2")
        if not np.isfinite(stored).all():
            return f"{name} frame {index} has a value that is NaN or infinite"
    return None


def _say_held(frame: protos.Feature) -> str:
    """Names the values of a frame that should be one bytes value, or one list of floats, and is not."""
    count = len(values_of(frame))
    if count and frame.WhichOneof("kind") == "bytes_list":
        return f"{count} bytes values in a frame"
    return frame.WhichOneof("kind").replace("_list", "s") if count else "nothing"


def _frame_size(frame: protos.Feature) -> int | None:
    values = frame.bytes_list.value
    return len(values[0]) if len(values) == 1 else None


def _count_floats(frame: protos.Feature) -> int | None:
    return len(frame.float_list.value) if frame.WhichOneof("kind") == "float_list" else None


def num_frames(example: SequenceExample, features: Sequence[Feature] | None = None) -> int:
    """Number of frames that all present streams among these features have; None takes all that the record holds."""
    lists = example.feature_lists.feature_list
    features = rows_for([example]) if features is None else features
    counts = [len(lists[each.name].feature) for each in features if each.name in lists]
    return min((count for count in counts if count), default=0)


def check_ratings(
    context: Features,
    length: int,
    num_classes: int | None = None,
    max_labels: int | None = None,
    rated_classes: Collection[int] | None = None,
) -> str | None:
    """Says why the ratings of a record's segments cannot be used; None if they can, or if there are none.

    Args:
        context: the record's context.
        length: number of the video's frames.
        num_classes, max_labels, rated_classes: see `check_record`.
    """
    most = max(Counter(starts_of(context)).values(), default=0)
    return _check_ratings(context.feature, length, num_classes, rated_classes) or _too_many(most, max_labels)


def _check_ratings(context, length: int, num_classes: int | None, rated_classes: Collection[int] | None) -> str | None:
    for key, kind in _RATING_KINDS.items():
        if key in context and context[key].WhichOneof("kind") not in (kind, None):
            return f"{key} are not {'integers' if kind == 'int64_list' else 'floats'}"
    columns = {key: list(values_of(context[key])) if key in context else [] for key in _RATING_KINDS}
    columns = {key: values for key, values in columns.items() if values or key not in _OPTIONAL_RATING_KEYS}
    if len({len(column) for column in columns.values()}) > 1:
        return "has segment lists of different lengths: " + ", ".join(f"{len(v)} {key}" for key, v in columns.items())
    starts, labels, scores = (columns[key] for key in _RATING_KINDS if key not in _OPTIONAL_RATING_KEYS)
    ends = columns.get("segment_end_times", [start + SEGMENT_FRAMES for start in starts])
    ratings: dict[tuple[int, int], bool] = {}
    for start, end, label, score in zip(starts, ends, labels, scores, strict=True):
        if start % SEGMENT_FRAMES or start < 0:
            return f"has a segment at {start} s; segments start at multiples of {SEGMENT_FRAMES} s"
        if start >= length:
            return f"has a segment at {start} s, past the end of its {quantity(length, 'frame')}"
        if end != start + SEGMENT_FRAMES:
            return f"has a segment from {start} to {end} s; segments last {SEGMENT_FRAMES} s"
        if not 0 <= score <= 1:
            return f"rates class {label} in the segment at {start} s with {score:g}; scores go from 0 to 1"
        if ratings.setdefault((start, label), is_present(score)) != is_present(score):
            return f"rates class {label} in the segment at {start} s both present and absent"
    problem = _check_classes("segment label", labels, num_classes)
    if problem or rated_classes is None:
        return problem
    unknown = next((label for label in labels if label not in rated_classes), None)
    if unknown is None:
        return None
    return f"rates class {unknown}, which is not one of the {quantity(len(rated_classes), 'class')} that segments are ranked for"
