"""Finds out which features records hold, from the form of their values.

A list of frames is a feature if its key may be a name (`yt8m.data.features.may_be_name`) and every frame is one bytes value, or
one list of floats, of the same size. Bytes are taken for levels from -2 to 2. A list of floats under `mean_NAME` is a feature
at video level.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from yt8m.data.features import DEFAULT_FEATURES, KNOWN, MOST_VALUES, Feature, Storage, in_order, may_be_name

_MEAN = "mean_"

Forms = Mapping[str, Feature | None]
"""By the names in a record: the feature as it is stored there; None if its form is none of ours."""


def frame_forms(example: Any) -> dict[str, Feature | None]:
    """The forms of a record's lists of frames. Lists without frames, and keys that cannot be names, are left out.

    Args:
        example: a SequenceExample.
    """
    lists = example.feature_lists.feature_list
    return {name: _of_frames(name, lists[name].feature) for name in lists if may_be_name(name) and lists[name].feature}


def mean_forms(example: Any) -> dict[str, Feature | None]:
    """The forms of a record's means, under `mean_NAME`. Lists without values are left out."""
    context = example.context.feature
    found: dict[str, Feature | None] = {}
    for key in context:
        name = key.removeprefix(_MEAN)
        kind = context[key].WhichOneof("kind")
        if name != key and may_be_name(name) and kind and getattr(context[key], kind).value:
            count = len(context[key].float_list.value)
            # Means do not say how frames are stored.
            found[name] = _row(name, count, KNOWN[name].storage if name in KNOWN else "float32")
    return found


def _of_frames(name: str, frames: Any) -> Feature | None:
    kinds = {frame.WhichOneof("kind") for frame in frames}
    if kinds == {"bytes_list"}:
        if any(len(frame.bytes_list.value) != 1 for frame in frames):
            return None
        sizes, storage = {len(frame.bytes_list.value[0]) for frame in frames}, "uint8"
    elif kinds == {"float_list"}:
        sizes, storage = {len(frame.float_list.value) for frame in frames}, "float32"
    else:
        return None
    return _row(name, sizes.pop(), storage) if len(sizes) == 1 else None


def _row(name: str, size: int, storage: Storage) -> Feature | None:
    if not 1 <= size <= MOST_VALUES:
        return None
    return dataclasses.replace(KNOWN.get(name, Feature(name, size)), size=size, storage=storage)


def has_frames(example: Any, features: Iterable[Feature] = DEFAULT_FEATURES) -> bool:
    """Whether a record has lists of frames: of these features, even empty or broken ones, or of a feature by its form."""
    lists = example.feature_lists.feature_list
    return any(each.name in lists for each in features) or any(frame_forms(example).values())


def has_means(example: Any, features: Iterable[Feature] = DEFAULT_FEATURES) -> bool:
    """Whether a record has means: of these features, even broken ones, or of a feature by its form."""
    context = example.context.feature
    return any(each.video_name in context for each in features) or any(mean_forms(example).values())


def forms_of(example: Any) -> dict[str, Feature | None]:
    """The forms of a record's frames; if it has no frames, of its means."""
    return frame_forms(example) if has_frames(example) else mean_forms(example)


@dataclass
class FormCounts:
    """Counts the forms of features over records."""

    counts: dict[str, Counter[Feature | None]] = field(default_factory=dict)
    """Records by form, by name."""

    def add(self, forms: Forms) -> None:
        """Adds a record's forms."""
        for name, form in forms.items():
            self.counts.setdefault(name, Counter())[form] += 1

    def usual(self, name: str) -> Feature | None:
        """The form that most records with this name have; None if there is none, or if it is none of ours."""
        counts = self.counts.get(name)
        if not counts:
            return None
        form, count = counts.most_common(1)[0]
        return form if 2 * count > counts.total() else None

    def only(self, name: str) -> Feature | None:
        """The form that all records with this name have; None if there is none, or if it is none of ours."""
        counts = self.counts.get(name, ())
        return next(iter(counts)) if len(counts) == 1 else None

    def unknown(self) -> tuple[Feature, ...]:
        """The features without a row among the known ones."""
        found = [self.usual(name) for name in self.counts if name not in KNOWN]
        return in_order(each for each in found if each is not None)


def as_described(form: Feature, described: Mapping[str, Feature]) -> Feature:
    """The described feature of the same name if it has this form: other ranges and halves have the bytes of usual ones.

    Args:
        form: a feature by the form of its values.
        described: features by name.
    """
    row = described.get(form.name, form)
    fits = row.frame_bytes == form.frame_bytes and (row.storage == "float32") == (form.storage == "float32")
    return row if fits else form


def rows_for(examples: Iterable[Any]) -> tuple[Feature, ...]:
    """The known features, and all others that these records hold."""
    counts = FormCounts()
    for example in examples:
        counts.add(forms_of(example))
    return (*DEFAULT_FEATURES, *counts.unknown())
