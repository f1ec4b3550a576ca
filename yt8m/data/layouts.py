"""Reads records that other programs wrote: puts what they hold under the keys of YouTube-8M.

============  =====================================================  ==============================================
layout        what it has                                            what it becomes
============  =====================================================  ==============================================
`AudioSet`    lists of frames under another key of a feature         the list of frames `audio`
              (`audio_embedding`; `Feature.frame_keys`)
`MediaPipe`   lists of floats under `NAME/feature/floats`; the id    the lists `name`, in small letters; `id`; `labels`
              under `clip/media_id` or `clip/data_path`; labels,
              if any, under `clip/label/index`
`Example`     frames as values of a `tf.train.Example`: one bytes    lists of frames
              value a frame, or one for all frames of a feature
              whose size is known
============  =====================================================  ==============================================

A key of YouTube-8M that holds something stays as it is, whatever lies under others. `yt8m.data.bare` reads files
that hold one record and nothing else.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal

from yt8m.data.features import DEFAULT_FEATURES, KNOWN, Feature, may_be_name, names_of
from yt8m.data.schema import ID_KEYS, OTHER_ID_KEYS

Layout = Literal["AudioSet", "MediaPipe", "Example"]
NAMES: dict[Layout, str] = {
    "AudioSet": "AudioSet's records",
    "MediaPipe": "MediaPipe's records",
    "Example": "a tf.train.Example with frames",
}
"""Layouts in words."""
AUDIOSET_CLASSES = 527

FLOATS_ENDING = "/feature/floats"
"""How MediaPipe's keys of lists of floats end."""
_FLOATS = re.compile(rf"(.+){FLOATS_ENDING}")
_LABELS = "clip/label/index"
_MEAN = "mean_"


def as_ours(example: Any, features: Sequence[Feature] | None = DEFAULT_FEATURES) -> Layout | None:
    """Puts what a record holds under the keys of YouTube-8M.

    Args:
        example: a SequenceExample. It is changed.
        features: the features to read, beside the known ones. Other names of one of them are left alone if a feature has this
            name itself. None = the known ones; and of an Example, everything that looks like frames.

    Returns:
        The layout that the record had; None if it had that of YouTube-8M, or an unknown one.
    """
    lists, context = example.feature_lists.feature_list, example.context.feature
    may_guess, features = features is None, features or DEFAULT_FEATURES
    layout: Layout | None = None
    for key in list(lists):
        name = _name_of_list(key, features)
        if name:
            if name not in lists or not lists[name].feature:
                lists[name].CopyFrom(lists[key])
                layout = "MediaPipe" if key.endswith(FLOATS_ENDING) else "AudioSet"
            del lists[key]
    if layout == "MediaPipe" and "labels" not in context and _LABELS in context:
        context["labels"].CopyFrom(context[_LABELS])
    if not any(lists[key].feature for key in lists):
        for key, name, frames in list(_flat_streams(context, features, may_guess)):
            lists[name].ClearField("feature")
            for frame in frames:
                lists[name].feature.add().bytes_list.value.append(frame)
            del context[key]
            layout = "Example"
    if not any(key in context and context[key].bytes_list.value for key in ID_KEYS):
        key = next((key for key in OTHER_ID_KEYS if key in context and context[key].bytes_list.value), None)
        if key:
            context[ID_KEYS[0]].CopyFrom(context[key])
    return layout


@functools.lru_cache(maxsize=64)
def _other_keys(features: tuple[Feature, ...]) -> dict[str, str]:
    """Names of features by their other keys."""
    names = names_of(features)
    rows = (*KNOWN.values(), *features)
    return {key: row.name for row in rows for key in row.frame_keys if key not in names}


def _name_of_list(key: str, features: Sequence[Feature]) -> str | None:
    """The name of the feature whose frames another program writes under this key; None if there is none."""
    floats = _FLOATS.fullmatch(key)
    if floats:
        name = floats[1].lower()
        return name if may_be_name(name) else None
    return _other_keys(tuple(features)).get(key)


def _flat_streams(
    context: Any, features: Sequence[Feature], may_guess: bool
) -> Iterator[tuple[str, str, Sequence[bytes]]]:
    """The frames in an Example: key, name of the feature, and frames. A record with means is a video-level one."""
    if any(key.startswith(_MEAN) for key in context):
        return
    rows, others = KNOWN | {each.name: each for each in features}, _other_keys(tuple(features))
    for key in context:
        values, name = context[key].bytes_list.value, others.get(key, key)
        # One text of a video is no feature; several of the same length are frames.
        is_like_frames = len(values) > 1 and len(values[0]) > 0 and len(set(map(len, values))) == 1
        if values and name in rows:
            yield key, name, _cut(values, rows[name].frame_bytes)
        elif may_guess and is_like_frames and may_be_name(name):
            yield key, name, values


def _cut(values: Sequence[bytes], size: int) -> Sequence[bytes]:
    """Frames of this size in bytes, if one value holds them all; otherwise the values."""
    if len(values) > 1 or len(values[0]) % size:
        return values
    return [values[0][begin : begin + size] for begin in range(0, len(values[0]), size)]
