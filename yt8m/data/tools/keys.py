"""Counts the keys of records, and what each holds, as they are stored: also of records that cannot be used."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from yt8m.data.features import Feature
from yt8m.data.foreign import OUR_CONTEXT
from yt8m.data.protos import SequenceExample


@dataclass
class _Extent:
    """The least and the largest of some counts."""

    least: int | None = None
    most: int | None = None

    def add(self, count: int) -> None:
        self.least = count if self.least is None else min(self.least, count)
        self.most = count if self.most is None else max(self.most, count)

    def merge(self, other: "_Extent") -> None:
        for count in other.summary() or ():
            self.add(count)

    def summary(self) -> list[int] | None:
        return None if self.least is None else [self.least, self.most]


@dataclass
class _Held:
    """What one key holds, in the same kind of values."""

    num_records: int = 0
    frames: _Extent = field(default_factory=_Extent)
    values: _Extent = field(default_factory=_Extent)
    sizes: _Extent = field(default_factory=_Extent)


class KeyCounts:
    """Counts the keys of records. Of a list of frames, the first frame stands for all."""

    def __init__(self):
        self._held: dict[tuple[Literal["context", "frames"], str, str], _Held] = {}

    def add(self, example: SequenceExample) -> None:
        """Adds a record, with its keys as they are stored."""
        context, lists = example.context.feature, example.feature_lists.feature_list
        for key in context:
            self._add("context", key, context[key])
        for key in lists:
            frames = lists[key].feature
            self._add("frames", key, frames[0] if frames else None).frames.add(len(frames))

    def _add(self, place: Literal["context", "frames"], key: str, holder: Any) -> _Held:
        kind = holder.WhichOneof("kind") if holder is not None else None
        held = self._held.setdefault((place, key, kind or ""), _Held())
        held.num_records += 1
        values = getattr(holder, kind).value if kind else ()
        held.values.add(len(values))
        if kind == "bytes_list" and len(values):
            held.sizes.add(min(map(len, values)))
            held.sizes.add(max(map(len, values)))
        return held

    def merge(self, other: "KeyCounts") -> None:
        """Adds what was counted elsewhere."""
        for key, held in other._held.items():
            own = self._held.setdefault(key, _Held())
            own.num_records += held.num_records
            own.frames.merge(held.frames)
            own.values.merge(held.values)
            own.sizes.merge(held.sizes)

    def has_others(self, features: Sequence[Feature]) -> bool:
        """Whether any key is neither one of YouTube-8M's nor one of these features, at its place."""
        names = {("frames", each.name) for each in features} | {("context", each.video_name) for each in features}
        names |= {("context", key) for key in OUR_CONTEXT}
        return any((place, key) not in names for place, key, _ in self._held)

    def summary(self) -> list[dict[str, Any]]:
        """A dict for each key and kind of values, lists of frames first: see `yt8m.data.tools.inspection.inspect`."""
        return [
            {
                "key": key,
                "place": place,
                "kind": kind.removesuffix("_list") or None,
                "num_records": held.num_records,
                "num_frames": held.frames.summary(),
                "num_values": held.values.summary(),
                "num_bytes": held.sizes.summary(),
            }
            for (place, key, kind), held in sorted(
                self._held.items(), key=lambda each: (each[0][0] == "context", each[0])
            )
        ]
